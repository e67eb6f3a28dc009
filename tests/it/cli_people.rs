//! The commands for people and devices: what they show, how they end, and that they do what they say.

#![expect(
    clippy::too_many_lines,
    reason = "most of them are what a command is expected to show"
)]

use std::fmt::Write as _;

use holdfast::Clock;
use holdfast::secret::TotpSecret;
use holdfast_tests::{PASSWORD, Run, Terminal, World, api_key, code_at, operator_environment, operators};
use serde_json::{Value, json};

/// An operator's shell before the tables of a world.
struct Operator {
    terminal: Terminal,
    url: String,
}

impl Operator {
    fn new(world: &World) -> Self {
        Self {
            terminal: Terminal::new(world),
            url: world.url(""),
        }
    }

    fn run_with(&self, arguments: &[&str], stdin: &str) -> Run {
        let local = ["--local", "--url", self.url.as_str()];
        self.terminal
            .run_with(&[arguments, &local].concat(), &[("USER", "grace")], stdin)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    fn done(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run
    }

    fn session(&self, commands: &[&[&str]]) -> String {
        let mut shown = String::new();
        for arguments in commands {
            let run = self.run(arguments);
            self.terminal.show(&mut shown, arguments, &run);
        }
        shown
    }
}

/// Few people, so that a list is read at a glance.
fn few() -> Value {
    let mut directory = operators();
    let known = [
        "admin", "alice", "bob", "robot", "required", "daemon", "zoe", "olga",
    ];
    let users = directory["users"].as_array_mut().unwrap();
    users.retain(|user| known.contains(&user["login"].as_str().unwrap()));
    directory["activity_sessions"] = json!([]);
    directory
}

/// A world on this machine's time, which the command has as well.
async fn live() -> World {
    let world = World::live(few()).await;
    world.clock.advance(Clock::System.now().since(world.now()));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_listed_and_shown_in_three_forms() {
    let world = live().await;
    let operator = Operator::new(&world);
    world.sdm("bob").await;
    let admin = world.aktion("admin").await;
    assert_eq!(world.lock_user_by(&admin, "bob", 1).await.status, 200);
    operator.done(&["people", "disable", "alice", "--yes"]);
    let mut shown = operator.session(&[
        &["people", "list"],
        &["people", "list", "--privileges"],
        &["people", "show", "bob"],
        &["people", "show", "nobody-at-all"],
        &["people", "show", ""],
        &["devices", "list"],
        &["devices", "show", "ID5"],
        &["devices", "show", "ID5", "--company", "1"],
        &["devices", "show", "ID7", "--company", "1"],
        &["devices", "show", "ID9", "--company", "2", "--output", "json"],
    ]);
    let reviewed = operator
        .done(&["people", "list", "--privileges", "--output", "json"])
        .json();
    let admin = reviewed
        .as_array()
        .unwrap()
        .iter()
        .find(|person| person["login"] == "admin");
    shown += &serde_json::to_string_pretty(&admin).unwrap();
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people list
    LOGIN  NAME  COMPANY  STATE  LOCKED BY  CLOSED TO  LAST SIGN-IN
    admin  Name of admin  1  active
    alice  Name of alice  1  disabled
    bob  Name of bob  1  active  admin  [time]
    daemon  Name of daemon  1  system
    olga  Name of olga  1  active
    required  Name of required  1  active
    robot  Name of robot  1  active
    zoe  Name of zoe  2  active
    $ holdfast people list --privileges
    LOGIN  COMPANY  STATE  LOCKS  BREAKS  HISTORY  2ND FACTOR  LAST SIGN-IN
    admin  1  active  access, activity-session, device, user  yes  yes
    alice  1  disabled  yes
    bob  1  active  device  waived  [time]
    daemon  1  system  waived
    olga  1  active  yes  yes
    required  1  active  missing
    robot  1  active  access, activity-session, device, user  yes  yes  waived
    zoe  2  active  device, user  waived
    $ holdfast people show bob
    login  bob
    name  Name of bob
    company  1
    state  active
    locked by  admin, [time]
    second factor  waived
    groups  provisioners
    record group  staff
    may edit  *
    last sign-in  [time]
    changed  [time]
    $ holdfast people show nobody-at-all
    ! holdfast: nobody has the login nobody-at-all
    = 5
    $ holdfast people show 
    ! error: invalid value '' for '<LOGIN>': a login is 1 to 100 characters, none of them a control character
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast devices list
    DEVICE  NAME  COMPANY  ADDRESS  LOCKED BY  SINCE
    ID6  sbc-austin  1  192.0.2.11
    ID5  sbc-boston  1  192.0.2.10
    a b%2F~  sbc-chicago  1  192.0.2.12
    ID9  edge-lyon  2  198.51.100.10
    $ holdfast devices show ID5
    ! holdfast: which company? Give --company (1, 2)
    = 2
    $ holdfast devices show ID5 --company 1
    device  ID5
    name  sbc-boston
    company  1
    address  192.0.2.10
    description  A & B <x>
    fence  0
    $ holdfast devices show ID7 --company 1
    ! holdfast: there is no device ID7 in company 1
    = 5
    $ holdfast devices show ID9 --company 2 --output json
    {
      "company": "2",
      "description": "",
      "fence": 0,
      "id": "ID9",
      "ip": "198.51.100.10",
      "name": "edge-lyon"
    }
    {
      "apiKey": true,
      "breaks": false,
      "company": "1",
      "locks": [
        "access",
        "activity-session",
        "device",
        "user"
      ],
      "login": "admin",
      "readsHistory": true,
      "secondFactor": "yes",
      "state": "active"
    }
    "#);
    let bob = operator
        .done(&["people", "show", "bob", "--output", "json"])
        .json();
    assert_eq!(
        (&bob["login"], &bob["lock"]["owner"]),
        (&json!("bob"), &json!("admin"))
    );
    assert!(bob["lastSignIn"].is_string(), "{bob}");
    let lines = operator
        .done(&["people", "list", "--company", "2", "--output", "ndjson"])
        .stdout;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let logins: Vec<&Value> = lines.iter().map(|person| &person["login"]).collect();
    assert_eq!(logins, [&json!("zoe")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_typed_generated_or_read_and_ends_the_sessions() {
    let world = live().await;
    let operator = Operator::new(&world);
    let bob = world.sdm("bob").await;
    let set = ["people", "set-password", "bob", "--password-stdin"];
    let run = operator.run_with(&set, "battery staple\n");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stdout.contains("battery"), "{run:?}");
    assert_eq!(bob.get("/ID5").await.status, 401);
    assert_eq!(world.first_step("bob", PASSWORD).await.status, 401);
    assert_eq!(world.first_step("bob", "battery staple").await.status, 200);

    let run = operator.done(&["people", "set-password", "bob", "--generate", "--output", "json"]);
    let password = run.json()["password"].as_str().unwrap().to_owned();
    assert_eq!(
        (password.len(), password.matches('-').count()),
        (23, 3),
        "{password}"
    );
    assert_eq!(world.first_step("bob", &password).await.status, 200);
    let other = operator.done(&["people", "set-password", "bob", "--generate", "--output", "json"]);
    assert_ne!(other.json()["password"], json!(password));

    let mut shown = operator.session(&[
        &["people", "set-password", "bob"],
        &["people", "set-password", "eve"],
    ]);
    let empty = operator.run_with(&set, "\n");
    operator.terminal.show(&mut shown, &set, &empty);
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people set-password bob
    ! holdfast: this is not a terminal, so nobody can answer "New password of bob": give --password-stdin or [time]
    = 2
    $ holdfast people set-password eve
    ! holdfast: nobody has the login eve
    = 5
    $ holdfast people set-password bob --password-stdin
    ! holdfast: an empty password lets nobody sign in: give another
    = 2
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_second_factor_and_a_new_api_key_are_shown_once_and_count_at_once() {
    let world = live().await;
    let operator = Operator::new(&world);
    let bearer = world.bearer("olga").await;
    let refused = operator.session(&[
        &["people", "reset-totp", "olga"],
        &["people", "new-api-key", "robot"],
        &["people", "reset-totp", "eve", "--yes"],
    ]);
    let reset = operator
        .done(&["people", "reset-totp", "olga", "--yes", "--output", "json"])
        .json();
    let secret = reset["secret"].as_str().unwrap();
    assert_eq!(
        reset["uri"],
        json!(format!(
            "otpauth://totp/Holdfast%20local:olga?secret={secret}&issuer=Holdfast%20local&algorithm=SHA1&digits=6&period=30"
        ))
    );
    assert_eq!(world.get_session(&bearer, "").await.status, 401);
    let now = Clock::System.now();
    let first = world.first_factor("olga").await;
    assert_eq!(
        world.second_step(&first, &code_at(now)).await.status,
        401,
        "of the old phone"
    );
    let code = TotpSecret::parse(secret).unwrap().code_at(now);
    assert_eq!(world.second_step(&first, &code).await.status, 200);

    let for_people = operator.done(&["people", "reset-totp", "olga", "--yes"]);
    assert!(
        for_people
            .stdout
            .contains("otpauth://totp/Holdfast%20local:olga?"),
        "{for_people:?}"
    );
    assert!(
        !for_people.stdout.contains('█') && for_people.stderr.contains('█'),
        "the picture is no data"
    );

    let machine = world.aktion("robot").await;
    let key = operator
        .done(&["people", "new-api-key", "robot", "--yes", "--output", "json"])
        .json();
    let key = key["apiKey"].as_str().unwrap();
    assert_eq!(world.locks_with(machine).list("?owner=me").await.status, 401);
    assert_eq!(world.aktion_login("robot", &api_key("robot")).await.status, 401);
    assert_eq!(world.aktion_login("robot", key).await.status, 200);
    insta::assert_snapshot!(refused, @r#"
    $ holdfast people reset-totp olga
    ! This takes olga's second factor away, and ends their sessions.
    ! holdfast: this is not a terminal, so nobody can answer "Type olga to go on": give --yes
    = 2
    $ holdfast people new-api-key robot
    ! This takes robot's API key away, and ends their sessions.
    ! holdfast: this is not a terminal, so nobody can answer "Type robot to go on": give --yes
    = 2
    $ holdfast people reset-totp eve --yes
    ! holdfast: nobody has the login eve
    = 5
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_is_out_and_who_is_needed_is_disabled_by_force_alone() {
    let world = live().await;
    let operator = Operator::new(&world);
    let bob = world.sdm("bob").await;
    let shown = operator.session(&[
        &["people", "disable", "bob"],
        &["people", "disable", "bob", "--yes"],
        &["people", "disable", "bob", "--yes", "--output", "json"],
    ]);
    assert_eq!(bob.get("/ID5").await.status, 401);
    assert_eq!(world.first_step("bob", PASSWORD).await.status, 401);
    let shown = shown
        + &operator.session(&[
            &["people", "enable", "bob"],
            &["people", "enable", "bob", "--output", "ndjson"],
        ]);
    assert_eq!(bob.get("/ID5").await.status, 401);
    let bob = world.sdm("bob").await;
    let shown = shown + &operator.session(&[&["people", "revoke-sessions", "bob", "--output", "json"]]);
    assert_eq!(bob.get("/ID5").await.status, 401);
    world.sdm("bob").await;

    let robot = world.locks_with(world.aktion("robot").await);
    assert_eq!(robot.hold("user/bob", json!({})).await.status, 201);
    let shown = shown
        + &operator.session(&[
            &["people", "disable", "robot", "--yes"],
            &["people", "disable", "robot", "--yes", "--force"],
            &["people", "disable", "admin", "--yes"],
            &["people", "disable", "eve", "--yes"],
        ]);
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people disable bob
    ! This keeps bob (Name of bob) from signing in, and ends their sessions.
    ! holdfast: this is not a terminal, so nobody can answer "Type bob to go on": give --yes
    = 2
    $ holdfast people disable bob --yes
    login  bob
    now  disabled
    $ holdfast people disable bob --yes --output json
    {
      "changed": false,
      "login": "bob",
      "state": "disabled"
    }
    $ holdfast people enable bob
    login  bob
    now  enabled
    $ holdfast people enable bob --output ndjson
    {"changed":false,"login":"bob","state":"enabled"}
    $ holdfast people revoke-sessions bob --output json
    {
      "changed": true,
      "login": "bob",
      "state": "signed out everywhere"
    }
    $ holdfast people disable robot --yes
    ! warning: robot holds the lock on user/bob
    ! holdfast: robot is not disabled: give --force to do so all the same
    = 1
    $ holdfast people disable robot --yes --force
    login  robot
    now  disabled
    ! warning: robot holds the lock on user/bob
    $ holdfast people disable admin --yes
    ! warning: admin is the last of company 1 who may lock and unlock users
    ! holdfast: admin is not disabled: give --force to do so all the same
    = 1
    $ holdfast people disable eve --yes
    ! holdfast: nobody has the login eve
    = 5
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_closed_out_by_guessing_is_named_and_let_in_again() {
    let world = live().await;
    let operator = Operator::new(&world);
    let place = world.from("203.0.113.7");
    assert_eq!(place.sdm_login("bob", PASSWORD).await.status, 200);
    for _ in 0..5 {
        assert_eq!(place.sdm_login("bob", "wrong").await.status, 401);
    }
    assert_eq!(place.sdm_login("bob", PASSWORD).await.status, 401);
    world.strangers_have_tried("alice", 100, 0).await;
    let closed = operator.session(&[&["people", "closed"]]);
    let json = operator.done(&["people", "closed", "--output", "json"]).json();
    let names: Vec<&str> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["login"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"bob"), "{json}");
    let shown = closed
        + &operator.session(&[
            &["people", "clear-lockout", "bob"],
            &["people", "clear-lockout", "alice", "--output", "json"],
            &["people", "clear-lockout", "eve"],
            &["people", "closed"],
        ]);
    assert_eq!(place.sdm_login("bob", PASSWORD).await.status, 200);
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people closed
    LOGIN  CLOSED TO
    alice  everywhere new until [time]
    bob  203.0.113.7 until [time]
    $ holdfast people clear-lockout bob
    login  bob
    counts that start over  2
    $ holdfast people clear-lockout alice --output json
    {
      "cleared": 1,
      "login": "alice"
    }
    $ holdfast people clear-lockout eve
    ! holdfast: nobody has the login eve
    = 5
    $ holdfast people closed
    LOGIN  CLOSED TO
    "#);
}

/// Before anything is read or written, and each in one line.
#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_not_the_ones_they_are_taken_for_are_told_in_one_line() {
    let world = World::start().await;
    let terminal = Terminal::new(&world);
    let mut aws = operator_environment(world.endpoint());
    aws.retain(|(name, _)| name.starts_with("AWS_"));
    aws.push(("AWS_EC2_METADATA_DISABLED", "true"));
    let tables = |resources: &'static str, identity: &'static str| {
        [
            "people",
            "closed",
            "--resources-table",
            resources,
            "--identity-table",
            identity,
        ]
    };
    let (right, swapped, unknown) = (
        tables("holdfast-resources", "holdfast-identity"),
        tables("holdfast-identity", "holdfast-resources"),
        tables("holdfast-resources", "holdfast-identitty"),
    );
    let history = tables("holdfast-history", "holdfast-identity");
    let mut shown = String::new();
    for arguments in [right, swapped, unknown, history] {
        let run = terminal.run_with(&arguments, &aws, "");
        terminal.show(&mut shown, &arguments, &run);
    }
    let mut without = |what: &str, arguments: &[&str], with: &[(&str, &str)]| {
        let names: Vec<&str> = with.iter().map(|(name, _)| *name).collect();
        let left = aws
            .iter()
            .filter(|(name, _)| *name != what && !names.contains(name));
        let environment: Vec<(&str, &str)> = left.copied().chain(with.iter().copied()).collect();
        let run = terminal.run_with(arguments, &environment, "");
        terminal.show(&mut shown, arguments, &run);
    };
    without("AWS_ACCESS_KEY_ID", &right, &[]);
    without("AWS_REGION", &right, &[]);
    without("", &["people", "closed"], &[]);
    // Nothing listens there.
    without("", &right, &[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")]);
    let local = ["people", "closed", "--local", "--url", "http://127.0.0.1:9"];
    let run = terminal.run_with(&local, &[], "");
    terminal.show(&mut shown, &local, &run);
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people closed --resources-table holdfast-resources --identity-table holdfast-identity
    LOGIN  CLOSED TO
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    $ holdfast people closed --resources-table holdfast-identity --identity-table holdfast-resources
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: the table holdfast-identity is not the stack's ResourcesTableName, for it does not have the index locks: check --resources-table; are two of the tables swapped?
    = 1
    $ holdfast people closed --resources-table holdfast-resources --identity-table holdfast-identitty
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: there is no table holdfast-identitty in this account and region: check --region, and --identity-table against the stack's output IdentityTableName
    = 1
    $ holdfast people closed --resources-table holdfast-history --identity-table holdfast-identity
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: the table holdfast-history is not the stack's ResourcesTableName, for it does not have the key pk alone: check --resources-table; are two of the tables swapped?
    = 1
    $ holdfast people closed --resources-table holdfast-resources --identity-table holdfast-identity
    ! holdfast: no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login` (no credentials found in chain)
    = 1
    $ holdfast people closed --resources-table holdfast-resources --identity-table holdfast-identity
    ! holdfast: which region? Give --region, AWS_REGION, or a profile that names it
    = 2
    $ holdfast people closed
    ! holdfast: which table? Give --resources-table, a profile that names it, or --local
    = 2
    $ holdfast people closed --resources-table holdfast-resources --identity-table holdfast-identity
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: the tables do not answer (DescribeTable: unreachable): check the region and the network, and try again
    = 75
    $ holdfast people closed --local --url http://127.0.0.1:9
    ! holdfast: cannot reach http://127.0.0.1:9 (Connection refused (os error 111)): check the address, and that the server runs
    = 75
    "#);
}

#[test]
fn the_help_of_each_command_at_the_tables_has_examples() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    let mut shown = String::new();
    for words in [
        "people",
        "people list",
        "people show",
        "people set-password",
        "people reset-totp",
        "people new-api-key",
        "people disable",
        "people enable",
        "people revoke-sessions",
        "people closed",
        "people clear-lockout",
        "people reseal",
        "devices",
        "devices list",
        "devices show",
        "rescue",
        "rescue unlock",
    ] {
        let arguments: Vec<&str> = words.split(' ').chain(["--help"]).collect();
        let run = terminal.run(&arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words}");
        assert!(
            run.stdout.contains("\nExamples:\n  holdfast "),
            "{words}: {}",
            run.stdout
        );
        // The same below each command.
        let (own, tables) = run.stdout.split_once("\nTables:\n").unwrap();
        assert!(tables.contains("--resources-table <NAME>"), "{words}");
        assert!(tables.contains("\nGlobal options:\n"), "{words}");
        let (_, examples) = run.stdout.split_once("\nExamples:\n").unwrap();
        writeln!(shown, "$ holdfast {words} --help\n{own}\nExamples:\n{examples}").unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    $ holdfast people --help
    List people, and change who may sign in and with what.

    These commands work with the tables, past the API: they need AWS credentials that may read and write
    them, or --local. What they change is recorded as operator/<identity>. People are entered and
    removed with `holdfast apply`.

    Usage: holdfast people [OPTIONS] <COMMAND>

    Commands:
      list             List people, and with --privileges what they may do
      show             Show one person: what they may do, and how they stand
      set-password     Give someone a new password, and end their sessions
      reset-totp       Give someone a new second factor, and end their sessions
      new-api-key      Give someone a new API key, and end their sessions
      disable          Keep someone from signing in, and end their sessions at once
      enable           Let someone sign in again who was disabled
      revoke-sessions  End all sessions of someone, of every kind and at once
      closed           Who is closed out by guessing, from where and until when
      clear-lockout    Let someone sign in again who is closed out by guessing
      reseal           Seal every second factor again under the first key
      help             Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people list
      holdfast people list --privileges --output json
      holdfast people set-password alice
      holdfast people disable bob --profile production

    $ holdfast people list --help
    List people, and with --privileges what they may do.

    The access review says of everyone who can sign in what they may lock, whether they may break locks
    and read the history, what their second factor is, and when they last signed in (as far as 31 days
    back).

    Usage: holdfast people list [OPTIONS]

    Options:
          --company <ID>
              Only people of this company

          --privileges
              An access review: what each person may do

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people list
      holdfast people list --company 1 --output ndjson | jq -r .login
      holdfast people list --privileges
      holdfast people list --privileges --output json | jq '.[] | select(.secondFactor != "yes")'

    $ holdfast people show --help
    Show one person: what they may do, and how they stand

    Usage: holdfast people show [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>  The person's login

    Options:
      -h, --help  Print help

    Examples:
      holdfast people show alice
      holdfast people show alice --output json | jq .state

    $ holdfast people set-password --help
    Give someone a new password, and end their sessions.

    The password is asked for twice and not shown. With --generate it is 100 random bits, shown once.

    Usage: holdfast people set-password [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
          --generate
              Make a random one and show it

          --password-stdin
              Read the password from stdin

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people set-password alice
      holdfast people set-password alice --generate
      pass show alice | holdfast people set-password alice --password-stdin

    $ holdfast people reset-totp --help
    Give someone a new second factor, and end their sessions.

    It is shown once: as an otpauth:// address, and as a QR code for the authenticator app. Codes of the
    old one count no longer. HOLDFAST_SECOND_FACTOR_KEYS has the key that it is stored under; with
    --local the server has its own.

    Usage: holdfast people reset-totp [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
          --yes
              Do not ask to type the login

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people reset-totp alice
      holdfast people reset-totp alice --yes --output json | jq -r .uri

    $ holdfast people new-api-key --help
    Give someone a new API key, and end their sessions.

    It is shown once. The old key counts no longer.

    Usage: holdfast people new-api-key [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
          --yes
              Do not ask to type the login

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people new-api-key robot
      holdfast people new-api-key robot --yes --output json | jq -r .apiKey

    $ holdfast people disable --help
    Keep someone from signing in, and end their sessions at once.

    Their locks stay, for them or a break to end. Where they own a live lock on an account, or are the
    last of their company who may lock users, --force is needed.

    Usage: holdfast people disable [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
          --force
              Also where others may be left who can no longer be helped

          --yes
              Do not ask to type the login

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people disable bob
      holdfast people disable bob --yes --output json

    $ holdfast people enable --help
    Let someone sign in again who was disabled

    Usage: holdfast people enable [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>  The person's login

    Options:
      -h, --help  Print help

    Examples:
      holdfast people enable bob

    $ holdfast people revoke-sessions --help
    End all sessions of someone, of every kind and at once.

    They can sign in again. Where somebody else knows their secrets, change these: that ends the
    sessions, too.

    Usage: holdfast people revoke-sessions [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people revoke-sessions bob

    $ holdfast people closed --help
    Who is closed out by guessing, from where and until when.

    Five failures in a row close a login to one source for 15 minutes. A hundred wrong passwords or
    twenty wrong codes in a day close it to everywhere that the user has not signed in from.

    Usage: holdfast people closed [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people closed
      holdfast people closed --output json | jq -r '.[].login'

    $ holdfast people clear-lockout --help
    Let someone sign in again who is closed out by guessing.

    Every count of the login starts over, from all sources. Where the user has signed in from stays
    known.

    Usage: holdfast people clear-lockout [OPTIONS] <LOGIN>

    Arguments:
      <LOGIN>
              The person's login

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people clear-lockout alice

    $ holdfast people reseal --help
    Seal every second factor again under the first key.

    For a rotation: HOLDFAST_SECOND_FACTOR_KEYS has the new key, a comma, and the old key, as the
    function sign-in has them by then. No secret changes and no session ends. What is sealed under the
    first key already is left alone, so the command may be repeated.

    Usage: holdfast people reseal [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast people reseal
      holdfast people reseal --output json | jq .unopened

    $ holdfast devices --help
    List and show devices.

    These commands work with the tables, past the API: they need AWS credentials that may read them, or
    --local. Devices are entered, changed and removed with `holdfast apply`.

    Usage: holdfast devices [OPTIONS] <COMMAND>

    Commands:
      list  List devices, and who holds the lock on each
      show  Show one device, and whether it was removed
      help  Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast devices list
      holdfast devices show ID5

    $ holdfast devices list --help
    List devices, and who holds the lock on each

    Usage: holdfast devices list [OPTIONS]

    Options:
          --company <ID>  Only devices of this company
      -h, --help          Print help

    Examples:
      holdfast devices list
      holdfast devices list --company 1 --output ndjson | jq -r .id

    $ holdfast devices show --help
    Show one device, and whether it was removed

    Usage: holdfast devices show [OPTIONS] <ID>

    Arguments:
      <ID>  The device's id

    Options:
          --company <ID>  The device's company, where there are several
      -h, --help          Print help

    Examples:
      holdfast devices show ID5
      holdfast devices show ID5 --company 1 --output json | jq .lock

    $ holdfast rescue --help
    End a lock at the tables, when nobody can sign in who might

    Usage: holdfast rescue [OPTIONS] <COMMAND>

    Commands:
      unlock  End somebody else's lock with AWS credentials, past the API
      help    Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      holdfast rescue unlock user/admin --reason 'Both administrators are locked out, ticket 4711'

    $ holdfast rescue unlock --help
    End somebody else's lock with AWS credentials, past the API.

    Where anyone can still sign in who has the privilege Locks.Break, use `holdfast break`. The tenure
    that is shown is ended and no other; the history records it as broken by operator/<identity>, and an
    alarm of its own goes off.

    Usage: holdfast rescue unlock [OPTIONS] --reason <TEXT> <TARGET>

    Arguments:
      <TARGET>
              device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
          --reason <TEXT>
              Why, for its owner and for the history: 1 to 500 characters

          --fence <NUMBER>
              The tenure to end; otherwise the one that holds now

          --hold-off <TIME>
              For so long the old owner cannot take it again: 0 to 1h, 60s unless given

          --company <ID>
              The device's company, where there are several

          --yes
              Do not ask to type the target

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast rescue unlock user/admin --reason 'Both administrators are locked out, ticket 4711'
      holdfast rescue unlock device/ID5 --company 1 --reason 'Ticket 4711' --fence 41 --yes

    Exit code 3: another tenure than the one named holds now.
    "#);
}
