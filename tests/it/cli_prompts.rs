//! What the command asks at a terminal, what it hides there, and what it does with the answers.

use holdfast_tests::{PASSWORD, Pty, TOTP_SECRET, Terminal, World, code_at, operator_environment, operators};
use serde_json::json;

const NEW_PASSWORD: &str = "a long new sentence";

/// The command at a terminal, before the API and the tables of a world.
fn at_terminal(terminal: &Terminal, world: &World, arguments: &[&str]) -> Pty {
    let mut command = terminal.command(arguments);
    command
        .envs(operator_environment(world.endpoint()))
        .envs([("TERM", "xterm"), ("USER", "grace")]);
    Pty::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_asks_for_what_is_not_given_and_hides_the_password() {
    let world = World::live(operators()).await;
    let terminal = Terminal::new(&world);
    let mut pty = at_terminal(&terminal, &world, &["login"]);
    pty.wait_for("Login: ");
    pty.type_line("alice");
    pty.wait_for("Password of alice: ");
    pty.type_secret(PASSWORD);
    pty.wait_for("Code (empty if you have none): ");
    pty.type_line(&code_at(holdfast::Clock::System.now()));
    let (code, shown) = pty.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert_eq!(
        terminal.run(&["whoami", "--output", "json"]).json()["login"],
        "alice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_asked_for_twice_and_never_shown() {
    let world = World::live(operators()).await;
    let terminal = Terminal::new(&world);
    for (again, code, said) in [
        (
            "another sentence",
            1,
            "nothing was changed: the two are not the same",
        ),
        (NEW_PASSWORD, 0, "password"),
    ] {
        let mut pty = at_terminal(&terminal, &world, &["people", "set-password", "bob"]);
        pty.wait_for("New password of bob: ");
        pty.type_secret(NEW_PASSWORD);
        pty.wait_for("The same again: ");
        pty.type_secret(again);
        let (found, shown) = pty.end();
        assert_eq!(found, code, "{shown}");
        assert!(shown.contains(said), "{shown}");
        assert!(!shown.contains(NEW_PASSWORD) && !shown.contains(again), "{shown}");
        let status = world.first_step("bob", NEW_PASSWORD).await.status;
        assert_eq!(status, if code == 0 { 200 } else { 401 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_destroyed_is_typed_by_its_name() {
    let world = World::live(operators()).await;
    let terminal = Terminal::new(&world);
    let bob = Terminal::new(&world);
    bob.sign_in("bob", "NA");
    assert_eq!(bob.run(&["lock", "device/ID5"]).code, 0);
    let code = code_at(holdfast::Clock::System.now());
    terminal.sign_in("olga", &code);
    for (typed, code, said) in [
        ("device/ID6", 1, "nothing was changed: that is not its name"),
        ("device/ID5", 0, "broken"),
    ] {
        let arguments = ["break", "device/ID5", "--reason", "Ticket 4711"];
        let mut pty = at_terminal(&terminal, &world, &arguments);
        pty.wait_for("This ends the lock of bob on device/ID5");
        pty.wait_for("Type device/ID5 to go on: ");
        pty.type_line(typed);
        let (found, shown) = pty.end();
        assert_eq!(found, code, "{shown}");
        assert!(shown.contains(said), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_written_after_the_table_is_named_and_a_bar_tells_how_far_it_is() {
    let world = World::live(operators()).await;
    let terminal = Terminal::new(&world);
    let file = terminal.home().join("directory.json");
    // There is no bar for less than 50.
    let devices: Vec<_> = (0..60)
        .map(|number| json!({"company": "1", "id": format!("NEW{number}"), "name": "new", "ip": "192.0.2.1"}))
        .collect();
    let directory = json!({
        "devices": devices,
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": [{"company": "1", "login": "newcomer", "password": NEW_PASSWORD, "totp_secret": TOTP_SECRET}],
    });
    std::fs::write(&file, directory.to_string()).unwrap();
    let arguments = ["apply", file.to_str().unwrap()];

    let mut pty = at_terminal(&terminal, &world, &arguments);
    pty.wait_for("user/newcomer");
    pty.wait_for("Type holdfast-resources to go on: ");
    pty.type_line("holdfast-identity");
    let (code, shown) = pty.end();
    assert_eq!(code, 1, "{shown}");
    assert_eq!(world.first_step("newcomer", NEW_PASSWORD).await.status, 401);

    let mut pty = at_terminal(&terminal, &world, &arguments);
    pty.wait_for("Type holdfast-resources to go on: ");
    pty.type_line("holdfast-resources");
    pty.wait_for("entries written");
    let (code, shown) = pty.end();
    assert_eq!(code, 0, "{shown}");
    assert!(
        !shown.contains(NEW_PASSWORD) && !shown.contains(TOTP_SECRET),
        "{shown}"
    );
    assert_eq!(world.first_step("newcomer", NEW_PASSWORD).await.status, 200);
}
