//! Tables that were put back to an earlier state: no fence comes twice, no old session counts, and the history has a place for
//! each change.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::id::{Company, DeviceId, Login, RequestId};
use holdfast::lock::Epoch;
use holdfast::store::{
    Counted, Item, NewDevice, OperatorResult, RowKey, RowWrite, Store, StreamRecord, Table, operator,
};
use holdfast_tests::{Run, START, Terminal, World, operator_environment};
use insta::assert_snapshot;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

const FIRST: u64 = (1 << 40) + 1;

fn epoch(number: u16) -> Epoch {
    Epoch::new(number).unwrap()
}

async fn world(data: &Path, number: u16) -> World {
    World::on_file(data, epoch(number), START).await
}

/// The data as a backup has them, and the key of their second factors, which is kept beside them.
fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm", ".key"] {
        let name = |path: &Path| format!("{}{end}", path.display());
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

async fn rows(store: &Store, table: Table) -> Vec<Item> {
    let scan = store.client().scan().table_name(store.table_name(table));
    scan.send().await.unwrap().items.unwrap_or_default()
}

/// Puts what a newer table has into one that was put back: only this table was not lost.
async fn keep(store: &Store, table: Table, rows: Vec<Item>) {
    for row in rows {
        let put = store.client().put_item().table_name(store.table_name(table));
        put.set_item(Some(row)).send().await.unwrap();
    }
}

/// The history of a device once it ends with change `last`, the oldest first: number, action, actor and fence.
async fn history(world: &World, last: u64) -> Vec<(u64, String, u64)> {
    let key = AttributeValue::S("1/device/ID5".to_owned());
    for _ in 0..600 {
        let query = world.store.client().query();
        let query = query.table_name(world.store.table_name(Table::History));
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", key.clone());
        let found = query.send().await.unwrap().items.unwrap_or_default();
        let number = |row: &Item, name: &str| row[name].as_n().unwrap().parse::<u64>().unwrap();
        let records: Vec<(u64, String, u64)> = found
            .iter()
            .map(|row| {
                let action = row["action"].as_s().unwrap().clone();
                (number(row, "change"), action, number(row, "fence_after"))
            })
            .collect();
        if records.last().is_some_and(|(change, ..)| *change == last) {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the history never has change {last}");
}

fn adopt(world: &World, arguments: &[&str]) -> Run {
    let terminal = Terminal::new(world);
    let url = world.url("");
    let arguments = [&["restore", "adopt"], arguments, &["--local", "--url", &url]].concat();
    terminal.run_with(&arguments, &[("USER", "grace")], "")
}

async fn hold(world: &World, token: &str) -> Value {
    let answer = world
        .locks_with(token.to_owned())
        .hold("device/ID5", json!({}))
        .await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()["lock"]["fence"].clone()
}

async fn release(world: &World, token: &str) {
    let answer = world.locks_with(token.to_owned()).release("device/ID5").await;
    assert_eq!(answer.status, 200, "{answer}");
}

async fn status(world: &World, token: &str) -> u16 {
    world.locks_with(token.to_owned()).read("device/ID5").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_data_file_goes_on_above_every_fence_that_was_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data.db"), folder.path().join("backup.db"));
    // Before the backup.
    let first = world(&data, 0).await;
    let before = first.bearer("alice").await;
    for fence in 1..=2 {
        assert_eq!(hold(&first, &before).await, fence);
        release(&first, &before).await;
    }
    history(&first, 5).await;
    first.stop().await;
    copy(&data, &backup);

    // After it: fences and changes that the backup does not know, and a session as well.
    let second = world(&data, 0).await;
    let after = second.bearer("alice").await;
    for fence in 3..=5 {
        assert_eq!(hold(&second, &after).await, fence);
        if fence < 5 {
            release(&second, &after).await;
        }
    }
    let lost = history(&second, 10).await;
    let held = json!([{"kind": "device", "id": "ID5", "fence": 5}]);
    let check = second.locks_with(after.clone()).check(&held).await;
    assert_eq!(check.json()["current"], json!([true]));
    // The newer history and the newer sessions are there still: only the locks were lost.
    let records = rows(&second.store, Table::History).await;
    let sessions = rows(&second.store, Table::Identity).await;
    second.stop().await;

    let closed = world(&backup, 0).await;
    keep(&closed.store, Table::History, records).await;
    keep(&closed.store, Table::Identity, sessions).await;
    // Without an adoption, either session would count.
    assert_eq!(
        (status(&closed, &before).await, status(&closed, &after).await),
        (200, 200)
    );
    let run = adopt(&closed, &["--current-epoch", "0", "--yes", "--output", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["epoch"], 1);
    closed.stop().await;

    let restored = world(&backup, 1).await;
    assert_eq!(
        (status(&restored, &before).await, status(&restored, &after).await),
        (401, 401)
    );
    // A sign-in, and not a row that the test makes.
    let again = restored.netwrix("alice").await;
    let check = restored.locks_with(again.clone()).check(&held).await;
    assert_eq!(
        check.json()["current"],
        json!([false]),
        "the holder of the lost tenure"
    );
    assert_eq!(hold(&restored, &again).await, FIRST);
    release(&restored, &again).await;
    assert_eq!(hold(&restored, &again).await, FIRST + 1);
    // Every change has a record, beside those of the state that was lost.
    let mut expected = lost;
    expected.extend([
        (FIRST, "acquired".to_owned(), FIRST),
        (FIRST + 1, "released".to_owned(), FIRST),
        (FIRST + 2, "acquired".to_owned(), FIRST + 1),
    ]);
    assert_eq!(history(&restored, FIRST + 2).await, expected);
    restored.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_in_an_epoch_has_its_numbers_and_no_session_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let restored = world(&data, 1).await;
    let row = |rows: Vec<Item>| {
        let mut rows = rows.into_iter();
        rows.find(|row| row["pk"].as_s().unwrap() == "user/alice")
            .unwrap()
    };
    let alice = row(rows(&restored.store, Table::Resources).await);
    let number = |name: &str| alice[name].as_n().unwrap().parse::<u64>().unwrap();
    // The lost row is made again. A session of the lost one, which copied the fence 0 and the revocations 0, is dead.
    assert_eq!(
        (number("change"), number("revocations"), number("fence")),
        (FIRST, FIRST, 0)
    );
    // What a function makes and ends as well.
    let bob = restored.bearer("bob").await;
    let request = json!({"managedResourceName": "db01", "activityName": "RDP"});
    let opened = restored.open_session(&bob, request).await;
    assert_eq!(opened.status, 201, "{opened}");
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    let key = format!("activity-session/{id}");
    for change in [FIRST, FIRST + 1] {
        let rows = rows(&restored.store, Table::Resources).await;
        let row = rows.iter().find(|row| *row["pk"].as_s().unwrap() == key).unwrap();
        assert_eq!(row["change"].as_n().unwrap(), &change.to_string());
        restored.end_session(&bob, &id).await;
    }
    restored.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "what a command is expected to show")]
async fn an_adoption_is_safe_to_run_twice_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let world = world(&data, 0).await;
    let alice = world.bearer("alice").await;
    hold(&world, &alice).await;
    let terminal = Terminal::new(&world);
    let mut shown = String::new();
    for arguments in [
        &["--current-epoch", "0"][..],
        &["--current-epoch", "0", "--yes"],
        &["--current-epoch", "0", "--output", "json"],
        &["--current-epoch", "0", "--output", "ndjson"],
        &["--current-epoch", "1", "--yes"],
        // The second adoption has given out numbers of epoch 2.
        &["--current-epoch", "0", "--yes"],
        &["--current-epoch", "8190", "--yes"],
        &["--current-epoch", "8191"],
        &["--current-epoch", "8192"],
        &[],
    ] {
        let run = adopt(&world, arguments);
        terminal.show(&mut shown, &[&["restore", "adopt"], arguments].concat(), &run);
    }
    assert_snapshot!(shown, @r#"
    $ holdfast restore adopt --current-epoch 0
    ! This ends all sessions of 17 people in holdfast-resources, for epoch 1.
    ! holdfast: this is not a terminal, so nobody can answer "Type holdfast-resources to go on": give --yes
    = 2
    $ holdfast restore adopt --current-epoch 0 --yes
    epoch to set  1
    largest fence  1
    fences go on from  1099511627777
    signed out  17 people
    signed out before  0 people
    next  stop the server, and start it with --data as before and --epoch 1
    ! A backup does not bring back what came after it:
    ! - locks that were taken, renewed, released or broken since the backup are as they were then
    ! - who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then
    ! - devices, resources and activity sessions are those of then
    $ holdfast restore adopt --current-epoch 0 --output json
    {
      "currentEpoch": 0,
      "endedBefore": 17,
      "epoch": 1,
      "largestFence": 1,
      "lost": [
        "locks that were taken, renewed, released or broken since the backup are as they were then",
        "who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then",
        "devices, resources and activity sessions are those of then"
      ],
      "next": "stop the server, and start it with --data as before and --epoch 1",
      "nextFence": 1099511627777,
      "sessionsEnded": 0
    }
    ! A backup does not bring back what came after it:
    ! - locks that were taken, renewed, released or broken since the backup are as they were then
    ! - who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then
    ! - devices, resources and activity sessions are those of then
    $ holdfast restore adopt --current-epoch 0 --output ndjson
    {"currentEpoch":0,"endedBefore":17,"epoch":1,"largestFence":1,"lost":["locks that were taken, renewed, released or broken since the backup are as they were then","who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then","devices, resources and activity sessions are those of then"],"next":"stop the server, and start it with --data as before and --epoch 1","nextFence":1099511627777,"sessionsEnded":0}
    ! A backup does not bring back what came after it:
    ! - locks that were taken, renewed, released or broken since the backup are as they were then
    ! - who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then
    ! - devices, resources and activity sessions are those of then
    $ holdfast restore adopt --current-epoch 1 --yes
    epoch to set  2
    largest fence  1
    fences go on from  2199023255553
    signed out  17 people
    signed out before  0 people
    next  stop the server, and start it with --data as before and --epoch 2
    ! A backup does not bring back what came after it:
    ! - locks that were taken, renewed, released or broken since the backup are as they were then
    ! - who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then
    ! - devices, resources and activity sessions are those of then
    $ holdfast restore adopt --current-epoch 0 --yes
    ! holdfast: user/ada has the number 2199023255553, which epoch 2 gave out, and not 0: were these tables in use since? Give --current-epoch as the output FenceEpoch of the stack that was in use says it
    = 1
    $ holdfast restore adopt --current-epoch 8190 --yes
    epoch to set  8191
    largest fence  1
    fences go on from  9006099743113217
    signed out  17 people
    signed out before  0 people
    next  stop the server, and start it with --data as before and --epoch 8191
    ! A backup does not bring back what came after it:
    ! - locks that were taken, renewed, released or broken since the backup are as they were then
    ! - who was disabled or removed since may sign in again, and passwords, second factors and API keys are those of then
    ! - devices, resources and activity sessions are those of then
    $ holdfast restore adopt --current-epoch 8191
    ! holdfast: epoch 8191 is the last: no larger fence is left, so these tables cannot take the place of newer ones
    = 1
    $ holdfast restore adopt --current-epoch 8192
    ! error: invalid value '8192' for '--current-epoch <N>': an epoch is a number from 0 to 8191
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast restore adopt
    ! error: the following required arguments were not provided:
    !   --current-epoch <N>
    ! 
    ! Usage: holdfast restore adopt --current-epoch <N> --local --url <URL>
    ! 
    ! For more information, try '--help'.
    = 2
    "#);
    assert_eq!(status(&world, &alice).await, 401);
    let changed: HashMap<String, u64> = rows(&world.store, Table::Resources)
        .await
        .iter()
        .filter_map(|row| {
            Some((
                row["pk"].as_s().ok()?.clone(),
                row.get("revocations")?.as_n().ok()?.parse().ok()?,
            ))
        })
        .collect();
    let last = epoch(8_191).first();
    assert!(changed.len() > 3 && changed.values().all(|revocations| *revocations == last));
    world.stop().await;
}

#[test]
fn the_help_has_examples() {
    let terminal = Terminal::at("http://127.0.0.1:1");
    let mut shown = String::new();
    for words in [&["restore", "--help"][..], &["restore", "adopt", "--help"]] {
        let run = terminal.run(words);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words:?}");
        let (own, tables) = run.stdout.split_once("\nTables:\n").unwrap();
        assert!(tables.contains("\nGlobal options:\n"));
        let (_, examples) = run.stdout.split_once("\nExamples:\n").unwrap();
        let words = words.join(" ");
        writeln!(shown, "$ holdfast {words}\n{own}\nExamples:\n{examples}").unwrap();
    }
    assert_snapshot!(shown, @"
    $ holdfast restore --help
    Make tables ready that were restored from a backup

    Usage: holdfast restore [OPTIONS] <COMMAND>

    Commands:
      adopt  Revoke all sessions in restored tables, and say which epoch to set
      help   Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      holdfast restore adopt --current-epoch 0

    $ holdfast restore adopt --help
    Revoke all sessions in restored tables, and say which epoch to set.

    A restored table has old fences, while systems remember newer ones. The next epoch is above all of
    them. Run it on the restored tables, while the stack's API is closed (Maintenance=closed);
    docs/operate.md has the whole runbook. It is safe to run twice.

    Usage: holdfast restore adopt [OPTIONS] --current-epoch <N>

    Options:
          --current-epoch <N>
              The epoch that was in force: the stack's output FenceEpoch. A backup cannot know of a
              later one

          --yes
              Do not ask to type the table's name

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      holdfast restore adopt --current-epoch 0 --resources-table restored-resources --identity-table
      restored-identity
      holdfast restore adopt --current-epoch 1 --yes --output json | jq .epoch
    ");
}

/// An operator's command that does not know of the epoch would give out numbers a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_an_earlier_epoch_than_the_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let world = world(&data, 1).await;
    let terminal = Terminal::new(&world);
    let environment = |more: &[(&'static str, &'static str)]| {
        let mut environment = operator_environment(world.endpoint());
        environment.push(("USER", "grace"));
        environment.extend(more);
        environment
    };
    let mut shown = String::new();
    for (arguments, more) in [
        (&["people", "revoke-sessions", "bob"][..], &[][..]),
        (&["people", "revoke-sessions", "bob"], &[("HOLDFAST_EPOCH", "0")]),
        (
            &["people", "revoke-sessions", "bob"],
            &[("HOLDFAST_EPOCH", "9000")],
        ),
        (&["people", "revoke-sessions", "bob", "--epoch", "8192"], &[]),
        (&["rescue", "unlock", "user/bob", "--reason", "Ticket 4711"], &[]),
        (&["people", "revoke-sessions", "bob"], &[("HOLDFAST_EPOCH", "1")]),
        (&["people", "revoke-sessions", "bob", "--epoch", "1"], &[]),
    ] {
        let run = terminal.run_with(arguments, &environment(more), "");
        terminal.show(&mut shown, arguments, &run);
    }
    // The parameters of the switch, as the template takes them.
    let arguments = [
        "restore",
        "adopt",
        "--current-epoch",
        "1",
        "--yes",
        "--output",
        "json",
    ];
    let run = terminal.run_with(
        &arguments,
        &environment(&[("HOLDFAST_HISTORY_TABLE", "holdfast-history")]),
        "",
    );
    assert_eq!(run.code, 0, "{run:?}");
    let next = run.json()["next"].as_str().unwrap().to_owned();
    let (begins, rest) = next.split_once("ExistingResourcesStream=").unwrap();
    assert_eq!(
        begins,
        "sam deploy --parameter-overrides Maintenance=closed DeploymentType=AllAtOnce FenceEpoch=2 \
         ExistingResourcesTable=holdfast-resources "
    );
    let (label, ends) = rest.split_once(' ').unwrap();
    let stream = world.store.stream_label(Table::Resources).await.unwrap();
    assert_eq!(Some(label), stream.as_deref());
    assert_eq!(
        ends,
        "ExistingIdentityTable=holdfast-identity ExistingHistoryTable=holdfast-history \
         ExistingSecondFactorKeyArn=<SecondFactorKeyArn>"
    );
    // What writes no number needs none.
    let run = terminal.run_with(&["people", "show", "bob"], &environment(&[]), "");
    assert_eq!(run.code, 0, "{run:?}");
    assert_snapshot!(shown, @"
    $ holdfast people revoke-sessions bob
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: these tables are in epoch 1, and this command would write in epoch 0: give --epoch as the stack's output FenceEpoch says it
    = 2
    $ holdfast people revoke-sessions bob
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: these tables are in epoch 1, and this command would write in epoch 0: give --epoch as the stack's output FenceEpoch says it
    = 2
    $ holdfast people revoke-sessions bob
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: HOLDFAST_EPOCH, or the profile's epoch, is '9000': an epoch is a number from 0 to 8191
    = 2
    $ holdfast people revoke-sessions bob --epoch 8192
    ! error: invalid value '8192' for '--epoch <N>': an epoch is a number from 0 to 8191
    ! 
    ! For more information, try '--help'.
    = 2
    $ holdfast rescue unlock user/bob --reason Ticket 4711
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ! holdfast: these tables are in epoch 1, and this command would write in epoch 0: give --epoch as the stack's output FenceEpoch says it
    = 2
    $ holdfast people revoke-sessions bob
    login  bob
    now  signed out everywhere
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    $ holdfast people revoke-sessions bob --epoch 1
    login  bob
    now  signed out everywhere
    ! the tables are not at AWS's own endpoint (AWS_ENDPOINT_URL_DYNAMODB)
    ");
    world.stop().await;
}

/// An operator's writes read what they raise: the table cannot count from an epoch's first number by itself.
#[tokio::test]
async fn what_an_operator_writes_goes_on_in_the_epoch() {
    let world = World::start().await;
    let by = operator("test", RequestId::new("a run"), world.now());
    let (company, id) = (
        Company::try_from("1").unwrap(),
        DeviceId::try_from("ID5").unwrap(),
    );
    let (device, alice) = (
        RowKey::device(&company, &id),
        RowKey::user(&Login::try_from("alice").unwrap()),
    );
    let seen = async |key: &RowKey| {
        let rows = world.store.stored(std::slice::from_ref(key)).await.unwrap();
        (rows[key].revision().unwrap(), rows[key].counted().unwrap())
    };
    let store = world.store.clone().in_epoch(epoch(1));
    let made = async |store: &Store, write: RowWrite| {
        let written = store.write_as_operator(&[write], &by).await.unwrap();
        assert_eq!(written, OperatorResult::Made);
    };
    let counted = |fence, change, revocations| Counted {
        fence,
        change,
        revocations,
    };
    let entered = NewDevice {
        company: &company,
        id: &id,
        name: "sbc-boston",
        ip: "",
        description: "",
    };
    made(
        &world.store,
        RowWrite::remove(device.clone(), seen(&device).await.0),
    )
    .await;
    assert_eq!(seen(&device).await.1, counted(0, 2, 0));
    let gone = Some(seen(&device).await.0);
    made(&store, RowWrite::enter_device(&entered, gone, &by)).await;
    assert_eq!(seen(&device).await.1, counted(FIRST, FIRST, 0));
    made(&store, RowWrite::end_lock(device.clone(), seen(&device).await.0)).await;
    assert_eq!(seen(&device).await.1, counted(FIRST, FIRST + 1, 0));

    for more in 0..2 {
        let rev = seen(&alice).await.0;
        made(&store, RowWrite::revoke_sessions_of(alice.clone(), rev)).await;
        assert_eq!(seen(&alice).await.1, counted(0, FIRST + more, FIRST + more));
    }
    // What is written in an earlier epoch takes nothing back.
    let rev = seen(&alice).await.0;
    made(&world.store, RowWrite::revoke_sessions_of(alice.clone(), rev)).await;
    assert_eq!(seen(&alice).await.1, counted(0, FIRST + 2, FIRST + 2));
}

/// The alarm of a gap is silent at the first change of an epoch, and at no other jump.
#[tokio::test]
async fn the_jump_to_an_epochs_first_change_is_the_only_one_that_is_no_gap() {
    let world = World::start().await;
    let event = include_str!("../../events/record-history--device-lock.json");
    let event: Value = serde_json::from_str(event).unwrap();
    let is_whole = async |change: u64| {
        let mut record = event["Records"][1].clone();
        record["dynamodb"]["NewImage"]["change"] = json!({"N": change.to_string()});
        let batch = to_raw_value(&json!({"Records": [record]})).unwrap();
        let records = StreamRecord::batch(&batch).unwrap();
        let change = records[0].history().unwrap().unwrap();
        world.store.has_change_before(&change).await.unwrap()
    };
    for (change, expected) in [
        (2, false),
        (FIRST - 1, false),
        (FIRST, true),
        (FIRST + 1, false),
        (2 * FIRST, false),
        (2 * (FIRST - 1) + 1, true),
    ] {
        assert_eq!(is_whole(change).await, expected, "{change}");
    }
}
