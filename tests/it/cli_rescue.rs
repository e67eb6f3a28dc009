//! `rescue unlock`: the way in when nobody can sign in.

use std::time::Duration;

use holdfast_tests::{DB01, Run, Terminal, World, operators, session_id};
use serde_json::{Value, json};

fn rescue(world: &World, terminal: &Terminal, arguments: &[&str]) -> Run {
    let url = world.url("");
    let arguments = [&["rescue", "unlock"], arguments, &["--local", "--url", &url]].concat();
    terminal.run_with(&arguments, &[("USER", "grace")], "")
}

fn show(world: &World, terminal: &Terminal, shown: &mut String, arguments: &[&str]) {
    let run = rescue(world, terminal, arguments);
    terminal.show(shown, &[&["rescue", "unlock"], arguments].concat(), &run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_each_kind_is_ended_by_its_tenure_and_recorded_as_the_operators() {
    let world = World::with_history(operators()).await;
    let terminal = Terminal::new(&world);
    let oscar = world.locks("oscar").await;
    let targets = [
        "device/ID5".to_owned(),
        "user/bob".to_owned(),
        format!("activity-session/{}", session_id(3)),
        format!("access/{DB01}:mona"),
    ];
    for target in &targets {
        assert_eq!(oscar.hold(target, json!({})).await.status, 201, "{target}");
        let arguments = [
            target.as_str(),
            "--company",
            "1",
            "--reason",
            "Ticket 4711",
            "--yes",
            "--output",
            "json",
        ];
        let run = rescue(&world, &terminal, &arguments);
        assert_eq!(run.code, 0, "{run:?}");
        let told = run.json();
        assert_eq!(
            (
                &told["changed"],
                &told["fence"],
                &told["broken"]["owner"],
                &told["broken"]["fence"]
            ),
            (&json!(true), &json!(2), &json!("oscar"), &json!(1)),
            "{told}"
        );
        let read = oscar.read(target).await.json();
        assert_eq!(read["lock"], Value::Null, "{read}");
        assert_eq!(read["lastBreak"]["by"], json!("operator/local/grace"), "{read}");
        assert_eq!(
            oscar.hold(target, json!({})).await.status,
            409,
            "held off: {target}"
        );
    }
    let auditor = world.bearer_of("alice", None).await;
    let mut records = Vec::new();
    for _ in 0..200 {
        let path = world.url("/history?actor=operator/local/grace");
        let answer = world.send(world.http.get(path).bearer_auth(&auditor)).await;
        records = answer.json()["records"].as_array().cloned().unwrap_or_default();
        if records.len() == targets.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut told: Vec<String> = records
        .iter()
        .map(|record| {
            ["kind", "action", "ownerBefore", "reason", "dialect"]
                .map(|name| record[name].as_str().unwrap_or("?"))
                .join(" ")
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        ["access", "activity-session", "device", "user"]
            .map(|kind| format!("{kind} broken oscar Ticket 4711 operator"))
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "what a command is expected to show")]
async fn what_is_not_ended_is_told_in_one_line() {
    let world = World::with(operators(), false).await;
    let terminal = Terminal::new(&world);
    let alice = world.sdm("alice").await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    let mut shown = String::new();
    for arguments in [
        &["device/ID5", "--reason", "Ticket 4711"][..],
        &["device/ID5", "--company", "1", "--reason", "Ticket 4711"],
        &[
            "device/ID5",
            "--company",
            "1",
            "--reason",
            "Ticket 4711",
            "--fence",
            "7",
            "--yes",
        ],
        &["device/ID5", "--company", "1", "--reason", " ", "--yes"],
        &["device/ID5", "--company", "1", "--yes"],
        &[
            "device/ID5",
            "--company",
            "1",
            "--reason",
            "Ticket 4711",
            "--hold-off",
            "2h",
            "--yes",
        ],
        &["device/ID7", "--company", "1", "--reason", "Ticket 4711", "--yes"],
        &["user/eve", "--reason", "Ticket 4711", "--yes"],
        &["user/bob", "--reason", "Ticket 4711", "--yes"],
        &["door/7", "--reason", "Ticket 4711", "--yes"],
        &[
            "device/ID5",
            "--company",
            "1",
            "--reason",
            "Ticket 4711",
            "--fence",
            "1",
            "--yes",
        ],
        &[
            "device/ID5",
            "--company",
            "1",
            "--reason",
            "Ticket 4711",
            "--fence",
            "1",
            "--yes",
        ],
    ] {
        show(&world, &terminal, &mut shown, arguments);
    }
    insta::assert_snapshot!(shown, @r#"
    $ holdfast rescue unlock device/ID5 --reason Ticket 4711
    ! holdfast: which company? Give --company (1, 2)
    = 2
    $ holdfast rescue unlock device/ID5 --company 1 --reason Ticket 4711
    ! This ends the lock of alice on device/ID5 (sbc-boston, taken [time], fence 1), as local/grace.
    ! holdfast: this is not a terminal, so nobody can answer "Type device/ID5 to go on": give --yes
    = 2
    $ holdfast rescue unlock device/ID5 --company 1 --reason Ticket 4711 --fence 7 --yes
    ! holdfast: device/ID5 is held by alice with the fence 1 now: nothing was ended
    = 3
    $ holdfast rescue unlock device/ID5 --company 1 --reason   --yes
    ! error: invalid value ' ' for '--reason <TEXT>': a reason has 1 to 500 characters
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast rescue unlock device/ID5 --company 1 --yes
    ! error: the following required arguments were not provided:
    !   --reason <TEXT>
    ! 
    ! Usage: holdfast rescue unlock --reason <TEXT> --company <ID> --yes --local --url <URL> <TARGET>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast rescue unlock device/ID5 --company 1 --reason Ticket 4711 --hold-off 2h --yes
    ! error: invalid value '2h' for '--hold-off <TIME>': a hold-off lasts from 0 to 3600 seconds
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast rescue unlock device/ID7 --company 1 --reason Ticket 4711 --yes
    ! holdfast: device/ID7 is not there, or was never locked
    = 5
    $ holdfast rescue unlock user/eve --reason Ticket 4711 --yes
    ! holdfast: user/eve is not there, or was never locked
    = 5
    $ holdfast rescue unlock user/bob --reason Ticket 4711 --yes
    ! user/bob is free: there is nothing to end
    $ holdfast rescue unlock door/7 --reason Ticket 4711 --yes
    ! error: invalid value 'door/7' for '<TARGET>': a target is device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast rescue unlock device/ID5 --company 1 --reason Ticket 4711 --fence 1 --yes
    lock  ended
    of  alice
    target  device/ID5
    fence  2
    $ holdfast rescue unlock device/ID5 --company 1 --reason Ticket 4711 --fence 1 --yes
    ! device/ID5 is free: there is nothing to end
    "#);
}
