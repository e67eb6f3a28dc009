//! The command's work with locks through the API: what it shows, and how it ends.

#![expect(
    clippy::too_many_lines,
    reason = "most of them are what a command is expected to show"
)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use holdfast::lock::Timestamp;
use holdfast_tests::{PASSWORD, Terminal, Verdict, World, api_key, code_at, operators, people};
use serde_json::{Value, json};

const LOCK: [&str; 8] = [
    "lock",
    "device/ID5",
    "--for",
    "10m",
    "--title",
    "Upgrade",
    "--message",
    "Ask Bob first",
];

/// A shell in which `login` has signed in.
fn signed_in(world: &World, login: &str) -> Terminal {
    let terminal = Terminal::new(world);
    let has_code = ["alice", "admin", "olga", "oscar", "zack", "sally"].contains(&login);
    let code = if has_code {
        code_at(world.now())
    } else {
        "NA".to_owned()
    };
    terminal.sign_in(login, &code);
    terminal
}

/// The same command in each form.
fn forms<'a>(command: &[&'a str]) -> [Vec<&'a str>; 3] {
    let form = |more: &[&'a str]| [command, more].concat();
    [
        form(&[]),
        form(&["--output", "json"]),
        form(&["--output", "ndjson"]),
    ]
}

fn in_all_forms(terminal: &Terminal, command: &[&str]) -> String {
    let forms = forms(command);
    terminal.session(&forms.each_ref().map(Vec::as_slice))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_kept_for_the_user_alone_and_forgotten() {
    let world = World::with(operators(), false).await;
    let terminal = Terminal::new(&world);
    let code = code_at(world.now());
    let login = terminal.run_with(
        &["login", "olga", "--password-stdin", "--code", &code],
        &[],
        &format!("{PASSWORD}\n"),
    );
    let mut shown = String::new();
    terminal.show(&mut shown, &["login", "olga"], &login);
    shown += &in_all_forms(&terminal, &["whoami"]);
    let name = terminal.kept().file_stem().unwrap().to_str().unwrap().to_owned();
    insta::assert_snapshot!(shown.replace(&name, "[profile]"), @r#"
    $ holdfast login olga
    login  olga
    api  [url]
    profile  [profile]
    signed in with  a password and a code
    $ holdfast whoami
    login  olga
    api  [url]
    profile  [profile]
    signed in with  a password and a code
    $ holdfast whoami --output json
    {
      "login": "olga",
      "profile": "[profile]",
      "url": "[url]",
      "with": "password-and-code"
    }
    $ holdfast whoami --output ndjson
    {"login":"olga","profile":"[profile]","url":"[url]","with":"password-and-code"}
    "#);

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&terminal.kept()), 0o600);
    assert_eq!(mode(terminal.kept().parent().unwrap()), 0o700);
    insta::assert_snapshot!(terminal.session(&[&["logout"], &["whoami"], &["logout"]]), @r"
    $ holdfast logout
    ! signed out
    $ holdfast whoami
    ! holdfast: not signed in: run `holdfast login`
    = 4
    $ holdfast logout
    ! nobody was signed in
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_sign_in_is_one_line() {
    let world = World::with(operators(), false).await;
    let terminal = Terminal::new(&world);
    let mut shown = String::new();
    let code = code_at(world.now());
    for (arguments, environment) in [
        (
            &["login", "olga"][..],
            &[("HOLDFAST_PASSWORD", "wrong"), ("HOLDFAST_CODE", code.as_str())][..],
        ),
        (
            &["login", "olga"],
            &[("HOLDFAST_PASSWORD", PASSWORD), ("HOLDFAST_CODE", "000000")],
        ),
        (
            &["login", "olga"],
            &[("HOLDFAST_PASSWORD", PASSWORD), ("HOLDFAST_CODE", "abc")],
        ),
        (&["login", "olga"], &[("HOLDFAST_PASSWORD", PASSWORD)]),
        (&["login", "olga"], &[]),
        (&["login"], &[]),
        (
            &["login", "robot", "--api-key"],
            &[("HOLDFAST_API_KEY", "AAAAAAAAAAAAAAAAAAAAAA==")],
        ),
        (&["locks"], &[("HOLDFAST_API_KEY", "AAAAAAAAAAAAAAAAAAAAAA==")]),
    ] {
        let run = terminal.run_with(arguments, environment, "");
        terminal.show(&mut shown, arguments, &run);
    }
    world.lock_user("bob").await;
    let arguments = ["login", "bob", "--code", "NA"];
    let run = terminal.run_with(&arguments, &[("HOLDFAST_PASSWORD", PASSWORD)], "");
    terminal.show(&mut shown, &arguments, &run);
    insta::assert_snapshot!(shown, @r#"
    $ holdfast login olga
    ! holdfast: The login or password is wrong. Five failures in a row close sign-in from here for 15 minutes
    = 4
    $ holdfast login olga
    ! holdfast: The code is wrong. Five failures in a row close sign-in from here for 15 minutes
    = 4
    $ holdfast login olga
    ! holdfast: the server cannot take this login, password or code: a code has six digits
    = 4
    $ holdfast login olga
    ! holdfast: this is not a terminal, so nobody can answer "Code (empty if you have none)": give --code or HOLDFAST_CODE
    = 2
    $ holdfast login olga
    ! holdfast: this is not a terminal, so nobody can answer "Password of olga": give --password-stdin or HOLDFAST_PASSWORD
    = 2
    $ holdfast login
    ! holdfast: this is not a terminal, so nobody can answer "Login": give it as an argument
    = 2
    $ holdfast login robot --api-key
    ! holdfast: the login or the API key is wrong
    = 4
    $ holdfast locks
    ! holdfast: HOLDFAST_API_KEY needs HOLDFAST_LOGIN as well
    = 2
    $ holdfast login bob --code NA
    ! holdfast: the account is locked: Account locked: This account is locked.
    = 4
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_taken_seen_and_released() {
    let world = World::with(operators(), false).await;
    let bob = signed_in(&world, "bob");
    insta::assert_snapshot!(bob.session(&[&LOCK]), @r"
    $ holdfast lock device/ID5 --for 10m --title Upgrade --message Ask Bob first
    lock  taken
    target  device/ID5
    name  sbc-boston
    owner  bob (you)
    since  [time]
    until  [time]
    fence  1
    title  Upgrade
    message  Ask Bob first
    ");
    insta::assert_snapshot!(in_all_forms(&bob, &["lock", "device/ID5"]), @r#"
    $ holdfast lock device/ID5
    lock  yours already, unchanged
    target  device/ID5
    name  sbc-boston
    owner  bob (you)
    since  [time]
    until  [time]
    fence  1
    title  Upgrade
    message  Ask Bob first
    $ holdfast lock device/ID5 --output json
    {
      "changed": false,
      "lock": {
        "fence": 1,
        "id": "ID5",
        "kind": "device",
        "message": "Ask Bob first",
        "mine": true,
        "name": "sbc-boston",
        "owner": "bob",
        "since": "2026-11-22T10:00:00Z",
        "title": "Upgrade",
        "until": "2026-11-22T10:10:00Z"
      }
    }
    $ holdfast lock device/ID5 --output ndjson
    {"changed":false,"lock":{"fence":1,"id":"ID5","kind":"device","message":"Ask Bob first","mine":true,"name":"sbc-boston","owner":"bob","since":"2026-11-22T10:00:00Z","title":"Upgrade","until":"2026-11-22T10:10:00Z"}}
    "#);
    insta::assert_snapshot!(in_all_forms(&bob, &["show", "device/ID5"]), @r#"
    $ holdfast show device/ID5
    target  device/ID5
    name  sbc-boston
    owner  bob (you)
    since  [time]
    until  [time]
    fence  1
    title  Upgrade
    message  Ask Bob first
    $ holdfast show device/ID5 --output json
    {
      "fence": 1,
      "id": "ID5",
      "kind": "device",
      "lastBreak": null,
      "lock": {
        "fence": 1,
        "id": "ID5",
        "kind": "device",
        "message": "Ask Bob first",
        "mine": true,
        "name": "sbc-boston",
        "owner": "bob",
        "since": "2026-11-22T10:00:00Z",
        "title": "Upgrade",
        "until": "2026-11-22T10:10:00Z"
      },
      "name": "sbc-boston"
    }
    $ holdfast show device/ID5 --output ndjson
    {"fence":1,"id":"ID5","kind":"device","lastBreak":null,"lock":{"fence":1,"id":"ID5","kind":"device","message":"Ask Bob first","mine":true,"name":"sbc-boston","owner":"bob","since":"2026-11-22T10:00:00Z","title":"Upgrade","until":"2026-11-22T10:10:00Z"},"name":"sbc-boston"}
    "#);
    insta::assert_snapshot!(in_all_forms(&bob, &["locks", "--owner", "me"]), @r#"
    $ holdfast locks --owner me
    TARGET  NAME  OWNER  SINCE  UNTIL  FENCE  TITLE
    device/ID5  sbc-boston  bob  [time]  [time]  1  Upgrade
    $ holdfast locks --owner me --output json
    [
      {
        "fence": 1,
        "id": "ID5",
        "kind": "device",
        "message": "Ask Bob first",
        "mine": true,
        "name": "sbc-boston",
        "owner": "bob",
        "since": "2026-11-22T10:00:00Z",
        "title": "Upgrade",
        "until": "2026-11-22T10:10:00Z"
      }
    ]
    $ holdfast locks --owner me --output ndjson
    {"fence":1,"id":"ID5","kind":"device","message":"Ask Bob first","mine":true,"name":"sbc-boston","owner":"bob","since":"2026-11-22T10:00:00Z","title":"Upgrade","until":"2026-11-22T10:10:00Z"}
    "#);
    insta::assert_snapshot!(bob.session(&[
        &["lock", "device/ID5", "--without-end", "--fence", "1"],
        &["unlock", "device/ID5"],
        &["show", "device/ID5"],
        &["locks", "--kind", "device"],
    ]), @r"
    $ holdfast lock device/ID5 --without-end --fence 1
    lock  renewed
    target  device/ID5
    name  sbc-boston
    owner  bob (you)
    since  [time]
    fence  1
    title  Upgrade
    message  Ask Bob first
    $ holdfast unlock device/ID5
    lock  released
    target  device/ID5
    fence  1
    $ holdfast show device/ID5
    target  device/ID5
    name  sbc-boston
    owner  (free)
    fence  1
    $ holdfast locks --kind device
    TARGET  NAME  OWNER  SINCE  UNTIL  FENCE  TITLE
    ");
    insta::assert_snapshot!(in_all_forms(&bob, &["unlock", "device/ID5", "--fence", "1"]), @r#"
    $ holdfast unlock device/ID5 --fence 1
    lock  over already
    target  device/ID5
    fence  1
    $ holdfast unlock device/ID5 --fence 1 --output json
    {
      "changed": false,
      "fence": 1
    }
    $ holdfast unlock device/ID5 --fence 1 --output ndjson
    {"changed":false,"fence":1}
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_exit_code_and_its_line() {
    let world = World::with(operators(), false).await;
    let (bob, bret) = (signed_in(&world, "bob"), signed_in(&world, "bret"));
    assert_eq!(bret.run(&LOCK).code, 0);
    insta::assert_snapshot!(bob.session(&[
        &["lock", "device/ID5"],
        &["unlock", "device/ID5"],
        &["lock", "device/ID6", "--fence", "7"],
        &["unlock", "device/ID5", "--fence", "7"],
        &["show", "device/ID99"],
        &["lock", "device/ID6", "--for", "2d"],
        &["lock", "user/olga"],
        &["locks"],
        &["show", "device"],
        &["show", "Device/ID5"],
        &["lock", "device/ID5", "--for", "soon"],
        &["history"],
        &["history", "device/ID5"],
        &["watch", "device/ID5"],
        &["break", "device/ID5", "--reason", "Ticket 4711", "--yes"],
        &["locks", "--kind", "planet"],
    ]), @r"
    $ holdfast lock device/ID5
    ! holdfast: device/ID5 is held by bret (taken [time], ends [time]): ask its owner, or `holdfast break device/ID5`
    = 3
    $ holdfast unlock device/ID5
    ! holdfast: device/ID5 is held by bret (taken [time], ends [time]): ask its owner, or `holdfast break device/ID5`
    = 3
    $ holdfast lock device/ID6 --fence 7
    ! holdfast: that fence does not hold: device/ID6 is free; see `holdfast show device/ID6`
    = 1
    $ holdfast unlock device/ID5 --fence 7
    ! holdfast: that fence is not the one that holds: device/ID5 is held by bret (taken [time], ends [time]); see `holdfast show device/ID5`
    = 3
    $ holdfast show device/ID99
    ! holdfast: there is no device/ID99
    = 5
    $ holdfast lock device/ID6 --for 2d
    ! holdfast: device/ID6: seconds: The seconds must be 1 to 86400, or null
    = 2
    $ holdfast lock user/olga
    ! holdfast: refused: The privilege Users.Edit is missing
    = 1
    $ holdfast locks
    ! holdfast: refused: The role Admin or Auditor is missing: you see your own locks (owner=me) and those on devices
    = 1
    $ holdfast show device
    ! error: invalid value 'device' for '<TARGET>': a target is device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast show Device/ID5
    ! error: invalid value 'Device/ID5' for '<TARGET>': a target is device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast lock device/ID5 --for soon
    ! error: invalid value 'soon' for '--for <TIME>': not a duration such as 90s, 10m or 1h
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast history
    ! error: the following required arguments were not provided:
    !   <TARGET|--actor <LOGIN>|--from <TIME>>
    ! 
    ! Usage: holdfast history <TARGET|--actor <LOGIN>|--from <TIME>>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast history device/ID5
    ! holdfast: refused: The role Admin or Auditor is missing
    = 1
    $ holdfast watch device/ID5
    ! holdfast: refused: The role Admin or Auditor is missing
    = 1
    $ holdfast break device/ID5 --reason Ticket 4711 --yes
    ! holdfast: you have signed in without a second factor, which this needs: ask an operator for one
    = 1
    $ holdfast locks --kind planet
    ! error: invalid value 'planet' for '--kind <KIND>': a kind is device, user, activity-session or access
    ! 
    ! For more information, try '--help'.
    = 2
    ");
    let nobody = Terminal::new(&world);
    insta::assert_snapshot!(nobody.session(&[&["locks"], &["lock", "device/ID5"], &["watch"]]), @r"
    $ holdfast locks
    ! holdfast: not signed in: run `holdfast login`
    = 4
    $ holdfast lock device/ID5
    ! holdfast: not signed in: run `holdfast login`
    = 4
    $ holdfast watch
    ! holdfast: not signed in: run `holdfast login`
    = 4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_worth_another_try() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let terminal = Terminal::at(&url);
    let arguments = ["login", "bob", "--code", "NA"];
    let run = terminal.run_with(&arguments, &[("HOLDFAST_PASSWORD", PASSWORD)], "");
    assert_eq!(run.code, 75, "{run:?}");
    assert!(
        run.stderr.starts_with(&format!("holdfast: cannot reach {url} (")),
        "{run:?}"
    );
    assert_eq!(run.stderr.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_unavailable_is_worth_another_try() {
    let world = World::with(operators(), true).await;
    let bob = signed_in(&world, "bob");
    world
        .proxy
        .as_ref()
        .unwrap()
        .judge(|_| Verdict::error(400, "ThrottlingException"));
    insta::assert_snapshot!(bob.session(&[&["show", "device/ID5"]]), @r"
    $ holdfast show device/ID5
    ! holdfast: the service is busy or unavailable: try again in a moment
    = 75
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_lock_is_broken_and_its_owner_told() {
    let world = World::with(operators(), false).await;
    let (bob, olga) = (signed_in(&world, "bob"), signed_in(&world, "olga"));
    assert_eq!(bob.run(&["lock", "device/ID5"]).code, 0);
    let reason = ["--reason", "Bob is on leave", "--yes"];
    let with = |more: &[&'static str]| [&["break", "device/ID5"][..], &reason, more].concat();
    insta::assert_snapshot!(olga.session(&[
        &["break", "device/ID5", "--reason", "Bob is on leave"],
        &["break", "device/ID5"],
        &with(&["--fence", "9"]),
        &with(&["--hold-off", "10m"]),
        &with(&["--fence", "1", "--output", "json"]),
        &with(&["--fence", "1", "--output", "ndjson"]),
        &with(&[]),
    ]), @r#"
    $ holdfast break device/ID5 --reason Bob is on leave
    ! This ends the lock of bob on device/ID5 (sbc-boston, taken [time], fence 1).
    ! holdfast: this is not a terminal, so nobody can answer "Type device/ID5 to go on": give --yes
    = 2
    $ holdfast break device/ID5
    ! error: the following required arguments were not provided:
    !   --reason <TEXT>
    ! 
    ! Usage: holdfast break --reason <TEXT> <TARGET>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast break device/ID5 --reason Bob is on leave --yes --fence 9
    ! holdfast: that fence is not the one that holds: device/ID5 is held by bob (taken [time]); see `holdfast show device/ID5`
    = 3
    $ holdfast break device/ID5 --reason Bob is on leave --yes --hold-off 10m
    lock  broken
    of  bob
    target  device/ID5
    owner  (free)
    fence  2
    $ holdfast break device/ID5 --reason Bob is on leave --yes --fence 1 --output json
    {
      "changed": false,
      "fence": 2,
      "lock": null
    }
    $ holdfast break device/ID5 --reason Bob is on leave --yes --fence 1 --output ndjson
    {"changed":false,"fence":2,"lock":null}
    $ holdfast break device/ID5 --reason Bob is on leave --yes
    ! device/ID5 is free: there is nothing to break
    "#);
    insta::assert_snapshot!(bob.session(&[&["lock", "device/ID5"], &["show", "device/ID5"]]), @r"
    $ holdfast lock device/ID5
    ! holdfast: device/ID5: olga broke your lock (Bob is on leave): you can take it again [time]
    = 3
    $ holdfast show device/ID5
    target  device/ID5
    name  sbc-boston
    owner  (free)
    fence  2
    last break  bob's lock by olga, [time]
    reason  Bob is on leave
    hold-off ends  [time]
    ");

    let oscar = signed_in(&world, "oscar");
    assert_eq!(bob.run(&["lock", "device/ID6"]).code, 0);
    let take = ["break", "device/ID6", "--reason", "Mine now", "--take", "--yes"];
    insta::assert_snapshot!(oscar.session(&[
        &[&take[..], &["--output", "json"]].concat(),
        &take,
    ]), @r#"
    $ holdfast break device/ID6 --reason Mine now --take --yes --output json
    {
      "broken": {
        "fence": 1,
        "id": "ID6",
        "kind": "device",
        "mine": false,
        "name": "sbc-austin",
        "owner": "bob",
        "since": "2026-11-22T10:00:00Z"
      },
      "changed": true,
      "fence": 2,
      "lock": {
        "fence": 2,
        "id": "ID6",
        "kind": "device",
        "mine": true,
        "name": "sbc-austin",
        "owner": "oscar",
        "since": "2026-11-22T10:00:00Z"
      }
    }
    $ holdfast break device/ID6 --reason Mine now --take --yes
    ! device/ID6 is yours already
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_asks_for_a_second_factor_that_is_new() {
    let world = World::with(operators(), false).await;
    let (bob, olga) = (signed_in(&world, "bob"), signed_in(&world, "olga"));
    assert_eq!(bob.run(&["lock", "device/ID5"]).code, 0);
    world.clock.advance(Duration::from_mins(6));
    let arguments = ["break", "device/ID5", "--reason", "Ticket 4711", "--yes"];
    insta::assert_snapshot!(olga.session(&[&arguments]), @r"
    $ holdfast break device/ID5 --reason Ticket 4711 --yes
    ! holdfast: the second factor is older than five minutes: run `holdfast login`
    = 4
    ");
    let before = std::fs::read_to_string(olga.kept()).unwrap();
    let code = code_at(world.now());
    let given = [("HOLDFAST_PASSWORD", PASSWORD), ("HOLDFAST_CODE", code.as_str())];
    let mut shown = String::new();
    let run = olga.run_with(&arguments, &given, "");
    olga.show(&mut shown, &arguments, &run);
    insta::assert_snapshot!(shown, @r"
    $ holdfast break device/ID5 --reason Ticket 4711 --yes
    lock  broken
    of  bob
    target  device/ID5
    owner  (free)
    fence  2
    ! the second factor is older than five minutes: sign in again
    ");
    assert_ne!(
        std::fs::read_to_string(olga.kept()).unwrap(),
        before,
        "the new sign-in is kept"
    );
}

/// Makes the sign-in that is kept look this much older.
fn age(terminal: &Terminal, by: Duration) -> Value {
    let mut kept: Value = serde_json::from_str(&std::fs::read_to_string(terminal.kept()).unwrap()).unwrap();
    let issued_at = Timestamp::parse(kept["issued_at"].as_str().unwrap()).unwrap();
    kept["issued_at"] = json!(issued_at.minus(by).to_string());
    std::fs::write(terminal.kept(), kept.to_string()).unwrap();
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_as_it_runs_out() {
    let world = World::with(operators(), false).await;
    let bob = signed_in(&world, "bob");
    let minutes = |minutes: u64| Duration::from_mins(minutes);
    let kept = || serde_json::from_str::<Value>(&std::fs::read_to_string(bob.kept()).unwrap()).unwrap();
    let young = age(&bob, minutes(4));
    assert_eq!(bob.run(&["show", "device/ID5"]).code, 0);
    assert_eq!(kept(), young, "not yet");

    let old = age(&bob, minutes(5));
    assert_eq!(bob.run(&["show", "device/ID5"]).code, 0);
    assert_ne!(kept()["token"], old["token"], "renewed");
    assert_eq!(
        std::fs::metadata(bob.kept()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // The one before it would be over by now.
    world.clock.advance(minutes(14));
    assert_eq!(bob.run(&["show", "device/ID5"]).code, 0);

    world.clock.advance(minutes(2));
    insta::assert_snapshot!(bob.session(&[&["show", "device/ID5"]]), @r"
    $ holdfast show device/ID5
    ! holdfast: not signed in: run `holdfast login`
    = 4
    ");
    age(&bob, minutes(15));
    insta::assert_snapshot!(bob.session(&[&["show", "device/ID5"], &["whoami"]]), @r"
    $ holdfast show device/ID5
    ! holdfast: the sign-in has run out: run `holdfast login`
    = 4
    $ holdfast whoami
    ! holdfast: the sign-in has run out: run `holdfast login`
    = 4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_sent_to_the_address_that_gave_it_and_to_no_other() {
    let here = World::start().await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let terminal = Terminal::new(&here);
    let arguments = ["login", "bob", "--code", "NA", "--profile", "mine"];
    let run = terminal.run_with(&arguments, &[("HOLDFAST_PASSWORD", PASSWORD)], "");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        terminal
            .run(&["locks", "--owner", "me", "--profile", "mine"])
            .code,
        0
    );
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let moved = terminal.run(&["locks", "--owner", "me", "--profile", "mine", "--url", &url]);
    assert_eq!(
        (moved.code, moved.stderr.as_str()),
        (4, "holdfast: not signed in: run `holdfast login`\n")
    );
    let asked = elsewhere.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(
        asked,
        Err(std::io::ErrorKind::WouldBlock),
        "nothing was sent there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_signs_in_with_its_key() {
    let world = World::with(operators(), false).await;
    let terminal = Terminal::new(&world);
    let key = api_key("robot");
    let given = [("HOLDFAST_LOGIN", "robot"), ("HOLDFAST_API_KEY", key.as_str())];
    let run = terminal.run_with(&["lock", "device/ID5"], &given, "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(!terminal.home().join("state").exists(), "nothing is kept");

    let run = terminal.run_with(&["login", "robot", "--api-key", "--password-stdin"], &[], &key);
    assert_eq!(run.code, 0, "{run:?}");
    insta::assert_snapshot!(terminal.session(&[
        &["unlock", "device/ID5"],
        &["history", "device/ID5"],
        &["break", "device/ID5", "--fence", "1", "--reason", "x", "--yes"],
    ]), @r"
    $ holdfast unlock device/ID5
    lock  released
    target  device/ID5
    fence  1
    $ holdfast history device/ID5
    ! holdfast: an API key does not open this: run `holdfast login` as a person
    = 4
    $ holdfast break device/ID5 --fence 1 --reason x --yes
    ! holdfast: an API key does not open this: run `holdfast login` as a person
    = 4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_list_is_shown() {
    let mut directory = people(&[]);
    let devices: Vec<Value> = (0..250)
        .map(|n| json!({"company": "1", "id": format!("D{n:03}"), "name": format!("device {n:03}")}))
        .collect();
    directory["devices"].as_array_mut().unwrap().extend(devices);
    let world = World::with(directory, false).await;
    let locks = world.locks("bob").await;
    for n in 0..250 {
        assert_eq!(
            locks.hold(&format!("device/D{n:03}"), json!({})).await.status,
            201
        );
    }
    let bob = signed_in(&world, "bob");
    let all = bob.run(&["locks", "--owner", "me", "--output", "ndjson"]);
    let mut ids: Vec<String> = all
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    ids.sort();
    assert_eq!(ids, (0..250).map(|n| format!("D{n:03}")).collect::<Vec<_>>());
    let count = |arguments: &[&str]| {
        let command = [&["locks", "--kind", "device", "--output", "json"], arguments].concat();
        bob.run(&command).json().as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 250);
    assert_eq!(count(&["--limit", "230"]), 230);
    assert_eq!(count(&["--limit", "7"]), 7);
    assert_eq!(count(&["--older-than", "1h"]), 0);
    assert_eq!(count(&["--owner", "alice"]), 0);
    assert_eq!(bob.run(&["locks", "--owner", "me"]).stdout.lines().count(), 251);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_shown_by_target_by_actor_and_by_time() {
    let world = World::with_history(operators()).await;
    let (bob, olga, audrey) = (
        signed_in(&world, "bob"),
        signed_in(&world, "olga"),
        signed_in(&world, "audrey"),
    );
    let records = |count: usize| {
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        while audrey
            .run(&["history", "device/ID5", "--output", "json"])
            .json()
            .as_array()
            .unwrap()
            .len()
            < count
        {
            assert!(std::time::Instant::now() < deadline, "{count} records");
        }
    };
    assert_eq!(bob.run(&LOCK).code, 0);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(
        olga.run(&["break", "device/ID5", "--reason", "Bob\u{1b}[2J left", "--yes"])
            .code,
        0
    );
    // Entered, acquired and broken.
    records(3);
    insta::assert_snapshot!(in_all_forms(&audrey, &["history", "device/ID5", "--limit", "2"]), @r#"
    $ holdfast history device/ID5 --limit 2
    WHEN  TARGET  ACTION  ACTOR  OWNER  FENCE  REASON
    [time]  device/ID5  broken  olga  bob → -  1 → 2  Bob\u{1b}[2J left
    [time]  device/ID5  acquired  bob  - → bob  0 → 1
    $ holdfast history device/ID5 --limit 2 --output json
    [
      {
        "action": "broken",
        "actor": "olga",
        "at": "2026-11-22T10:01:00Z",
        "change": 3,
        "dialect": "holdfast",
        "fenceAfter": 2,
        "fenceBefore": 1,
        "id": "ID5",
        "kind": "device",
        "ownerAfter": null,
        "ownerBefore": "bob",
        "reason": "Bob\u001b[2J left",
        "requestId":"[request]",
        "source": "127.0.0.1",
        "until": null
      },
      {
        "action": "acquired",
        "actor": "bob",
        "at": "2026-11-22T10:00:00Z",
        "change": 2,
        "dialect": "holdfast",
        "fenceAfter": 1,
        "fenceBefore": 0,
        "id": "ID5",
        "kind": "device",
        "ownerAfter": "bob",
        "ownerBefore": null,
        "reason": null,
        "requestId":"[request]",
        "source": "127.0.0.1",
        "until": "2026-11-22T10:10:00Z"
      }
    ]
    $ holdfast history device/ID5 --limit 2 --output ndjson
    {"action":"broken","actor":"olga","at":"2026-11-22T10:01:00Z","change":3,"dialect":"holdfast","fenceAfter":2,"fenceBefore":1,"id":"ID5","kind":"device","ownerAfter":null,"ownerBefore":"bob","reason":"Bob\u001b[2J left","requestId":"[request]","source":"127.0.0.1","until":null}
    {"action":"acquired","actor":"bob","at":"2026-11-22T10:00:00Z","change":2,"dialect":"holdfast","fenceAfter":1,"fenceBefore":0,"id":"ID5","kind":"device","ownerAfter":"bob","ownerBefore":null,"reason":null,"requestId":"[request]","source":"127.0.0.1","until":"2026-11-22T10:10:00Z"}
    "#);
    insta::assert_snapshot!(audrey.session(&[
        &["history", "--actor", "olga"],
        &["history", "--from", "2026-11-22T10:00:30Z", "--to", "2026-11-22T10:02:00Z"],
        &["history", "--from", "2026-01-01", "--to", "2026-11-22"],
        &["history", "--actor", "olga", "--from", "1h"],
        &["history", "--from", "noon"],
    ]), @r"
    $ holdfast history --actor olga
    WHEN  TARGET  ACTION  ACTOR  OWNER  FENCE  REASON
    [time]  device/ID5  broken  olga  bob → -  1 → 2  Bob\u{1b}[2J left
    $ holdfast history --from 2026-11-22T10:00:30Z --to 2026-11-22T10:02:00Z
    WHEN  TARGET  ACTION  ACTOR  OWNER  FENCE  REASON
    [time]  device/ID5  broken  olga  bob → -  1 → 2  Bob\u{1b}[2J left
    $ holdfast history --from 2026-01-01 --to 2026-11-22
    ! holdfast: the list: to: The to must be after the from, and 31 days after it at most
    = 2
    $ holdfast history --actor olga --from 1h
    ! error: the argument '--actor <LOGIN>' cannot be used with '--from <TIME>'
    ! 
    ! Usage: holdfast history <TARGET|--actor <LOGIN>|--from <TIME>>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast history --from noon
    ! error: invalid value 'noon' for '--from <TIME>': a time is 2026-11-22T10:00:00Z, [time], or how long ago: 24h
    ! 
    ! For more information, try '--help'.
    = 2
    ");
}
