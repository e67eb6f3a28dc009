//! What all commands have in common: help, profiles, completions, TLS, and text that a terminal does not obey.

#![expect(
    clippy::too_many_lines,
    reason = "most of them are what a command is expected to show"
)]

use std::fmt::Write;

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
        writeln!(shown, "$ holdfast {name} --help\n{own}\nExamples:\n{examples}").unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    $ holdfast login --help
    Sign in, and keep the sign-in for the commands that follow.

    The password and the code of the second factor are asked for. The token goes into a file of the
    profile that only you can read. It is renewed while you work: it runs out 15 minutes after the last
    command that renewed it, and 12 hours after the sign-in.

    Usage: holdfast login [OPTIONS] [LOGIN]

    Arguments:
      [LOGIN]
              Who signs in; asked for where neither this, HOLDFAST_LOGIN nor the profile says it

    Options:
          --password-stdin
              Read the password (or the API key) from stdin [env: HOLDFAST_PASSWORD, HOLDFAST_API_KEY]

          --code <CODE>
              The code of the second factor, or NA for who has none [env: HOLDFAST_CODE]

          --api-key
              Sign in as a machine with an API key. The key is kept, and each command gets a token of
              its own for 20 seconds

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast login alice
      holdfast login alice --profile production
      pass show holdfast | holdfast login alice --password-stdin --code 123456
      holdfast login robot --api-key

    $ holdfast logout --help
    Forget the sign-in of this profile.

    The token is deleted here. The API has no call that ends it, so a copy of it counts until it runs
    out, within 15 minutes.

    Usage: holdfast logout [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast logout
      holdfast logout --profile production

    $ holdfast whoami --help
    Show who is signed in, and where

    Usage: holdfast whoami [OPTIONS]

    Options:
      -h, --help  Print help

    Examples:
      holdfast whoami
      holdfast whoami --output json | jq -r .login

    $ holdfast locks --help
    List what is locked.

    The roles Admin and Auditor see every lock; everybody else their own (--owner me) and those on
    devices (--kind device).

    Usage: holdfast locks [OPTIONS]

    Options:
          --kind <KIND>
              Only this kind: device, user, activity-session or access

          --owner <LOGIN>
              Only the locks of this login; `me` for your own

          --older-than <TIME>
              Only locks that were taken so long ago or earlier: 90s, 10m, 1d

          --limit <COUNT>
              No more than so many

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast locks
      holdfast locks --kind device --owner alice
      holdfast locks --owner me
      holdfast locks --older-than 1d --output ndjson | jq -r .id

    $ holdfast show --help
    Show one target: who holds it, and who broke its last lock

    Usage: holdfast show [OPTIONS] <TARGET>

    Arguments:
      <TARGET>  device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
      -h, --help  Print help

    Examples:
      holdfast show device/ID5
      holdfast show user/bob --output json | jq .fence

    $ holdfast lock --help
    Take a lock, or renew your own.

    Only its owner releases a lock. Without --for it has no end; a lock that you hold keeps its end
    unless you give another.

    Usage: holdfast lock [OPTIONS] <TARGET>

    Arguments:
      <TARGET>
              device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
          --for <TIME>
              The lock ends by itself after this time: 90s, 10m, up to 1d

          --without-end
              The lock that you hold has no end from now on

          --title <TITLE>
              What those who are locked out see as the title

          --message <MESSAGE>
              What those who are locked out see below it

          --fence <NUMBER>
              Renew the tenure with this fence, or fail: a free lock is not taken

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast lock device/ID5
      holdfast lock device/ID5 --for 10m --title Upgrade --message 'Ask Alice first'
      holdfast lock device/ID5 --for 10m --fence 41     # renew this tenure or fail
      holdfast lock user/bob && echo 'bob is locked out'

    Exit code 3: someone else holds it, or broke your lock a moment ago.

    $ holdfast unlock --help
    Release your lock.

    A lock that is free already is released, too: the command can be repeated.

    Usage: holdfast unlock [OPTIONS] <TARGET>

    Arguments:
      <TARGET>
              device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
          --fence <NUMBER>
              Release the tenure with this fence and no other

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast unlock device/ID5
      holdfast unlock device/ID5 --fence 41     # only this tenure, whatever holds now

    Exit code 3: someone else holds it.

    $ holdfast break --help
    End somebody else's lock.

    Ask its owner first. A break needs the privilege Locks.Break and a second factor of the last five
    minutes: where that is older, password and code are asked for again. The owner is told who broke the
    lock and why, and for a while they alone cannot take it again. A successor's lock is never broken by
    mistake: the fence names the tenure to end.

    Usage: holdfast break [OPTIONS] --reason <TEXT> <TARGET>

    Arguments:
      <TARGET>
              device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
          --reason <TEXT>
              Why, for its owner and for the history: 1 to 500 characters

          --fence <NUMBER>
              The tenure to end; otherwise the one that holds now, as `show` says

          --take
              Hand the lock to you in the same moment, in place of freeing it

          --hold-off <TIME>
              For so long the old owner cannot take it again: 0 to 1h, 60s unless given

          --yes
              Do not ask to type the target

          --password-stdin
              Read the password (or the API key) from stdin [env: HOLDFAST_PASSWORD, HOLDFAST_API_KEY]

          --code <CODE>
              The code of the second factor, or NA for who has none [env: HOLDFAST_CODE]

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast break device/ID5 --reason 'Alice is on leave, ticket 4711'
      holdfast break device/ID5 --reason 'Ticket 4711' --take --hold-off 10m
      holdfast break user/bob --reason 'Ticket 4711' --fence 41 --yes

    Exit code 3: another tenure than the one named holds now.

    $ holdfast history --help
    Show what happened to a target, what somebody did, or what happened in a time; the newest first.

    For the roles Admin and Auditor. Records are kept for 400 days, and appear about a second after the
    change.

    Usage: holdfast history [OPTIONS] <TARGET|--actor <LOGIN>|--from <TIME>>

    Arguments:
      [TARGET]
              device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>

    Options:
          --actor <LOGIN>
              What this login did, or this operator/<name>

          --from <TIME>
              What happened from this time on: RFC 3339, a day, or how long ago (24h); 31 days at most

          --to <TIME>
              What happened before this time; until now unless given

          --limit <COUNT>
              No more than so many

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast history device/ID5
      holdfast history --actor alice --limit 20
      holdfast history --from 24h
      holdfast history --from 2026-11-01 --to 2026-11-02T12:00:00Z --output json

    $ holdfast watch --help
    Follow changes until stopped with Ctrl-C.

    For the roles Admin and Auditor. It asks for the history every two seconds; with --local it follows
    the local server's stream of events, which come at once. Each change is a line; --output json is as
    ndjson.

    Usage: holdfast watch [OPTIONS] [TARGET]

    Arguments:
      [TARGET]
              Only this target

    Options:
          --kind <KIND>
              Only this kind: device, user, activity-session or access

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast watch
      holdfast watch device/ID5
      holdfast watch --kind user --output ndjson | jq -r 'select(.action == "broken") | .id'

    $ holdfast completions --help
    Print a script that completes this command in a shell

    Usage: holdfast completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help

    Examples:
      holdfast completions bash > ~/.local/share/bash-completion/completions/holdfast
      holdfast completions zsh > "${fpath[1]}/_holdfast"
      holdfast completions fish > ~/.config/fish/completions/holdfast.fish

    $ holdfast man --help
    Print the manual page, or write the pages of all commands into a folder

    Usage: holdfast man [OPTIONS]

    Options:
          --folder <FOLDER>  The folder, which has to exist
      -h, --help             Print help

    Examples:
      holdfast man | man -l -
      holdfast man --folder ~/.local/share/man/man1
    "#);
    let run = terminal.run(&["--help"]);
    insta::assert_snapshot!(run.stdout, @"
    Work with the locks, the people and the devices of a Holdfast stack

    Usage: holdfast [OPTIONS] <COMMAND>

    Commands:
      login        Sign in, and keep the sign-in for the commands that follow
      logout       Forget the sign-in of this profile
      whoami       Show who is signed in, and where
      locks        List what is locked
      show         Show one target: who holds it, and who broke its last lock
      lock         Take a lock, or renew your own
      unlock       Release your lock
      break        End somebody else's lock
      history      Show what happened to a target, what somebody did, or what happened in a time; the
                   newest first
      watch        Follow changes until stopped with Ctrl-C
      export       Write the people and things of a stack as a directory file, without secrets
      plan         Show what `apply` would do with a directory file, and change nothing
      apply        Make the tables of a stack say what a directory file says
      people       List people, and change who may sign in and with what
      devices      List and show devices
      rescue       End a lock at the tables, when nobody can sign in who might
      restore      Make tables ready that were restored from a backup
      completions  Print a script that completes this command in a shell
      man          Print the manual page, or write the pages of all commands into a folder
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --profile <NAME>  The stack of this name in the profile file [env: HOLDFAST_PROFILE]
          --url <URL>       The address of the API, in place of the profile's [env: HOLDFAST_URL]
          --local           The local server, at http://127.0.0.1:6500 unless --url says where on this
                            machine
          --config <FILE>   The profile file in place of ~/.config/holdfast/config.toml [env:
                            HOLDFAST_CONFIG]
      -o, --output <FORM>   The form of the data on stdout [default: table] [possible values: table,
                            json, ndjson]

    Examples:
      holdfast login alice --local
      holdfast locks --kind device
      holdfast lock device/ID5 --for 10m --title Upgrade

    Exit codes: 0 done, 1 failed, 2 usage, 3 held by another, 4 not signed in, 5 not found, 6 changes
    planned, 75 try again.
    ");
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
    insta::assert_snapshot!(run(&["whoami", "--profile", "tiral"]).1, @"holdfast: the profile file has no profile 'tiral' (it has: trial)");
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
