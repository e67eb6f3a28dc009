//! What all commands have in common: help, profiles, completions, TLS, and text that a terminal does not obey.

use holdfast_tests::{PASSWORD, Terminal, TlsEndpoint, World, people};
use serde_json::json;

const COMMANDS: [&str; 12] = [
    "login",
    "logout",
    "whoami",
    "locks",
    "show",
    "lock",
    "unlock",
    "break",
    "history",
    "watch",
    "completions",
    "man",
];

fn bob(terminal: &Terminal, more: &[&str]) {
    let login = [&["login", "bob", "--code", "NA"], more].concat();
    let run = terminal.run_with(&login, &[("HOLDFAST_PASSWORD", PASSWORD)], "");
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn the_help_of_each_command_has_examples() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    let mut shown = String::new();
    for name in COMMANDS {
        let run = terminal.run(&[name, "--help"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        assert!(
            run.stdout.contains("\nExamples:\n  holdfast "),
            "{name}: {}",
            run.stdout
        );
        // The same below each command.
        let (own, global) = run.stdout.split_once("\nGlobal options:\n").unwrap();
        assert!(global.contains("--profile <NAME>"), "{name}");
        let (_, examples) = run.stdout.split_once("\nExamples:\n").unwrap();
        shown += &format!("$ holdfast {name} --help\n{own}\nExamples:\n{examples}\n");
    }
    insta::assert_snapshot!(shown, @"");
    let run = terminal.run(&["--help"]);
    insta::assert_snapshot!(run.stdout, @"");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    for arguments in [
        &[][..],
        &["lokcs"],
        &["locks", "--output", "xml"],
        &["lock"],
        &["locks", "--limit", "0"],
    ] {
        assert_eq!(terminal.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn shells_and_manuals_know_every_command() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    for shell in ["bash", "zsh", "fish"] {
        let run = terminal.run(&["completions", shell]);
        assert_eq!(run.code, 0);
        for name in COMMANDS {
            assert!(run.stdout.contains(name), "{shell}: {name}");
        }
    }
    assert!(terminal.run(&["man"]).stdout.contains(".TH holdfast"));
    let folder = terminal.home().to_str().unwrap();
    assert_eq!(terminal.run(&["man", "--folder", folder]).code, 0);
    for name in COMMANDS {
        assert!(
            terminal.home().join(format!("holdfast-{name}.1")).exists(),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_names_a_stack() {
    let world = World::start().await;
    let terminal = Terminal::new(&world);
    let folder = terminal.home().join(".config/holdfast");
    std::fs::create_dir_all(&folder).unwrap();
    let profiles = format!(
        "default = \"trial\"\n[profiles.trial]\nurl = \"{}\"\nlogin = \"bob\"\n",
        world.url("/")
    );
    std::fs::write(folder.join("config.toml"), profiles).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = terminal.command(arguments);
        command
            .env_remove("HOLDFAST_URL")
            .env("HOLDFAST_PASSWORD", PASSWORD);
        let output = command.output().unwrap();
        let text = String::from_utf8(if output.status.success() {
            output.stdout
        } else {
            output.stderr
        })
        .unwrap();
        (output.status.code().unwrap(), text)
    };
    assert_eq!(run(&["login", "--code", "NA"]).0, 0);
    let (code, told) = run(&["whoami", "--output", "json"]);
    assert_eq!(code, 0, "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told,
        json!({"login": "bob", "url": world.url(""), "profile": "trial", "with": "password"})
    );
    assert!(terminal.kept().ends_with("trial.json"));
    insta::assert_snapshot!(run(&["whoami", "--profile", "tiral"]).1, @"");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_entered_does_not_reach_the_terminal_as_it_is() {
    let mut directory = people(&[]);
    directory["devices"][0]["name"] = json!("sbc\u{1b}]0;gotcha\u{7}\u{9b}2J\u{202e}notsob\n");
    let world = World::with(directory, false).await;
    let terminal = Terminal::new(&world);
    bob(&terminal, &[]);
    let title = "\u{1b}[31mred";
    assert_eq!(terminal.run(&["lock", "device/ID5", "--title", title]).code, 0);
    for form in ["table", "json", "ndjson"] {
        for command in [&["show", "device/ID5"][..], &["locks", "--owner", "me"]] {
            let run = terminal.run(&[command, &["--output", form]].concat());
            assert_eq!(run.code, 0);
            let is_plain = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
            assert!(run.stdout.chars().all(is_plain), "{form}: {:?}", run.stdout);
            assert!(run.stdout.contains("notsob"), "{form}");
        }
    }
    let read = terminal.run(&["show", "device/ID5", "--output", "json"]).json();
    assert_eq!(read["name"], "sbc\u{1b}]0;gotcha\u{7}\u{9b}2J\u{202e}notsob\n");
    assert_eq!(read["lock"]["title"], title);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_reached_over_tls_and_only_with_a_certificate_that_is_trusted() {
    let world = World::start().await;
    let address = world.url("").trim_start_matches("http://").parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = TlsEndpoint::start(address, folder.path()).await.unwrap();
    let terminal = Terminal::at(tls.url());
    let login = ["login", "bob", "--code", "NA"];
    let authority = tls.authority().to_str().unwrap();
    let trusting = [("HOLDFAST_PASSWORD", PASSWORD), ("SSL_CERT_FILE", authority)];
    let run = terminal.run_with(&login, &trusting, "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let amazon = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/src/store/amazon-trust-services.pem"
    );
    let run = terminal.run_with(
        &login,
        &[("HOLDFAST_PASSWORD", PASSWORD), ("SSL_CERT_FILE", amazon)],
        "",
    );
    assert_eq!(run.code, 75);
    assert!(run.stderr.contains("certificate"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_not_a_failure() {
    let world = World::start().await;
    let terminal = Terminal::new(&world);
    bob(&terminal, &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = terminal
        .command(&["locks", "--owner", "me"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}
