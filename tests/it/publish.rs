//! What happens is published: every change once at least, of each target in order, on the stack's own bus.

use std::collections::BTreeSet;

use holdfast::runtime::consume;
use holdfast::store::Table;
use holdfast_local::{Streams, local_sdk};
use holdfast_tests::{Bus, PutVerdict, World};
use insta::assert_snapshot;
use publish_events::{EventBus, PublishEvents};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// The function by itself, of the stack `prod`, with the bus at `endpoint`.
fn function(endpoint: &str) -> PublishEvents {
    let bus = EventBus::new(&local_sdk(), Some(endpoint), "prod-bus".to_owned());
    PublishEvents::new(bus, "prod".to_owned())
}

/// Hands records to the function: those that it says have failed.
async fn deliver(function: &PublishEvents, records: &[Value]) -> Vec<String> {
    let batch = to_raw_value(&json!({"Records": records})).unwrap();
    let answer = consume(function, &batch).await.unwrap();
    let failures = answer.batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier).collect()
}

/// All that the stream has of a world.
async fn stream(world: &World) -> Vec<Value> {
    let table = world.store.table_name(Table::Resources);
    let streams = Streams::new(world.endpoint().to_owned(), table);
    let page = streams.read(None).await.unwrap();
    page.batch["Records"].as_array().unwrap().clone()
}

/// A batch of the stream: a device is entered, locked and unlocked.
fn device_lock(device: &str) -> Vec<Value> {
    let event = include_str!("../../events/publish-events--device-lock.json");
    let event = event
        .replace("ID5", device)
        .replace("10000000002146", &format!("{}0000000002146", &device[2..]));
    let event: Value = serde_json::from_str(&event).unwrap();
    event["Records"].as_array().unwrap().clone()
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

fn event(entry: &Value) -> Value {
    serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap()
}

/// Each event by its id.
fn ids(entries: &[Value]) -> Vec<String> {
    let ids = entries.iter().map(|entry| text(&event(entry), "id").to_owned());
    ids.map(|id| id.replace("0000000000000000000", "")).collect()
}

#[tokio::test]
async fn every_change_is_published_in_order_with_what_subscribers_choose_by() {
    let (world, bus) = (World::start().await, Bus::start().await);
    let (alice, bob, zoe) = (
        world.sdm("alice").await,
        world.sdm("bob").await,
        world.sdm("zoe").await,
    );
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    // A touch and a refusal: neither is a change.
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    assert_eq!(bob.action("ID5", "Lock").await.status, 423);
    assert_eq!(zoe.action("ID9", "Lock").await.status, 204);
    assert_eq!(alice.action("ID5", "Unlock").await.status, 204);
    world.wait(60);
    assert_eq!(bob.action("ID5", "Lock").await.status, 204);

    assert_eq!(
        deliver(&function(bus.endpoint()), &stream(&world).await).await,
        [""; 0]
    );
    let calls = bus.calls();
    for call in &calls {
        let entries = call["Entries"].as_array().unwrap();
        assert!(entries.len() <= 10, "{}", entries.len());
        let targets = entries.iter().map(event).map(|event| {
            let target = [text(&event, "source"), text(&event, "subject")];
            target.map(str::to_owned)
        });
        // Of two, the bus could take the later one alone.
        assert_eq!(targets.collect::<BTreeSet<_>>().len(), entries.len(), "{call}");
    }
    let taken = bus.taken();
    assert!(taken.len() > 20 && calls.len() < taken.len(), "{}", taken.len());
    let of_locks: Vec<&Value> = taken
        .iter()
        .filter(|entry| entry["DetailType"] != "holdfast.lock.created.v1")
        .collect();
    let lines = of_locks.iter().map(|entry| {
        let event = event(entry);
        assert_eq!(entry["DetailType"], event["type"]);
        assert_eq!(
            (&entry["Source"], &entry["EventBusName"]),
            (&json!("holdfast"), &json!("prod-bus"))
        );
        format!(
            "{} {} {} {} at {} ({})",
            text(&event, "source"),
            text(&event, "subject"),
            text(&event, "sequence"),
            text(&event, "type"),
            text(&event, "time"),
            entry["Time"],
        )
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    /holdfast/prod/1 device/ID5 00000000000000000002 holdfast.lock.acquired.v1 at 2026-11-22T10:00:00Z (1795341600)
    /holdfast/prod/2 device/ID9 00000000000000000002 holdfast.lock.acquired.v1 at 2026-11-22T10:00:00Z (1795341600)
    /holdfast/prod/1 device/ID5 00000000000000000003 holdfast.lock.released.v1 at 2026-11-22T10:00:00Z (1795341600)
    /holdfast/prod/1 device/ID5 00000000000000000004 holdfast.lock.acquired.v1 at 2026-11-22T10:01:00Z (1795341660)
    ");
    // The address is in the row, and so in the stream, but not theirs to know.
    let all = Value::from(taken.clone()).to_string();
    assert!(!all.contains("127.0.0.1"), "{all}");
    let mut last = event(of_locks[3]);
    let request = last["data"]["requestId"].take();
    assert_eq!(request.as_str().map(str::len), Some(36));
    insta::assert_json_snapshot!(last, @r#"
    {
      "data": {
        "action": "acquired",
        "actor": "bob",
        "change": 4,
        "dialect": "sdm",
        "fenceAfter": 2,
        "fenceBefore": 1,
        "id": "ID5",
        "kind": "device",
        "ownerAfter": "bob",
        "ownerBefore": null,
        "reason": null,
        "requestId": null,
        "until": null
      },
      "datacontenttype": "application/json",
      "id": "1/device/ID5/00000000000000000004",
      "sequence": "00000000000000000004",
      "source": "/holdfast/prod/1",
      "specversion": "1.0",
      "subject": "device/ID5",
      "time": "2026-11-22T10:01:00Z",
      "type": "holdfast.lock.acquired.v1"
    }
    "#);
}

/// The stream hands a batch over more than once, and a subscriber knows an event again by its id.
#[tokio::test]
async fn a_batch_that_comes_twice_is_published_with_the_same_ids() {
    let bus = Bus::start().await;
    let (function, records) = (function(bus.endpoint()), device_lock("ID5"));
    assert_eq!(deliver(&function, &records).await, [""; 0]);
    let first = bus.taken();
    assert_eq!(
        ids(&first),
        ["1/device/ID5/1", "1/device/ID5/2", "1/device/ID5/3"]
    );
    assert_eq!(deliver(&function, &records).await, [""; 0]);
    assert_eq!(bus.taken(), first);
}

#[tokio::test]
async fn an_entry_that_is_refused_is_sent_again_before_anything_later_of_its_target() {
    let bus = Bus::start().await;
    let records = [device_lock("ID5"), device_lock("ID6")].concat();
    bus.judge(&[PutVerdict::Refuse("device/ID5")]);
    assert_eq!(deliver(&function(bus.endpoint()), &records).await, [""; 0]);
    assert_snapshot!(ids(&bus.taken()).join("\n"), @r"
    1/device/ID6/1
    1/device/ID5/1
    1/device/ID6/2
    1/device/ID5/2
    1/device/ID6/3
    1/device/ID5/3
    ");
}

/// An entry without an answer has not been taken, as far as anybody can tell.
#[tokio::test]
async fn what_the_answer_does_not_mention_is_sent_again() {
    let bus = Bus::start().await;
    bus.judge(&[PutVerdict::Forget]);
    assert_eq!(
        deliver(&function(bus.endpoint()), &device_lock("ID5")).await,
        [""; 0]
    );
    let taken = ids(&bus.taken());
    assert_eq!(
        taken,
        [
            "1/device/ID5/1",
            "1/device/ID5/1",
            "1/device/ID5/2",
            "1/device/ID5/3"
        ]
    );
}

#[tokio::test]
async fn a_batch_with_an_entry_that_is_refused_for_long_begins_again_there() {
    let bus = Bus::start().await;
    let function = function(bus.endpoint());
    let records = [device_lock("ID5"), device_lock("ID6")].concat();
    bus.judge_all(PutVerdict::Refuse("device/ID5/00000000000000000002"));
    assert_eq!(deliver(&function, &records).await, [sequence(&records[1])]);
    let calls = bus.calls().len();
    assert!((4..=20).contains(&calls), "tried in {calls} calls");
    // Nothing later of its target came before it; the other target did not wait.
    assert_snapshot!(ids(&bus.taken()).join("\n"), @r"
    1/device/ID5/1
    1/device/ID6/1
    1/device/ID6/2
    1/device/ID6/3
    ");
    bus.judge(&[]);
    assert_eq!(deliver(&function, &records[1..]).await, [""; 0]);
    let of_id5 = ids(&bus.taken()).into_iter().filter(|id| id.contains("ID5"));
    assert_eq!(of_id5.collect::<Vec<_>>(), ["1/device/ID5/2", "1/device/ID5/3"]);
}

#[tokio::test]
async fn a_call_that_fails_is_sent_again_and_a_bus_that_is_away_holds_the_batch_where_it_is() {
    let bus = Bus::start().await;
    let (function_here, records) = (function(bus.endpoint()), device_lock("ID5"));
    bus.judge(&[PutVerdict::Fail, PutVerdict::Fail]);
    assert_eq!(deliver(&function_here, &records).await, [""; 0]);
    assert_eq!(bus.taken().len(), 3);

    bus.judge_all(PutVerdict::Fail);
    assert_eq!(deliver(&function_here, &records).await, [sequence(&records[0])]);
    assert_eq!(bus.taken().len(), 0);
    let away = function("http://127.0.0.1:9");
    assert_eq!(deliver(&away, &records).await, [sequence(&records[0])]);

    // Taken, and the answer lost: the same event comes once more.
    bus.judge(&[PutVerdict::LoseAnswer]);
    assert_eq!(deliver(&function_here, &records).await, [""; 0]);
    let taken = bus.taken();
    assert_eq!((taken.len(), &taken[0]), (4, &taken[1]));
}

#[tokio::test]
async fn what_cannot_be_understood_is_not_published_and_holds_up_nothing_behind_it() {
    let bus = Bus::start().await;
    let mut records = device_lock("ID5");
    let poison = |image: Value| json!({"dynamodb": {"SequenceNumber": "7", "NewImage": image}});
    records.insert(1, poison(json!({"pk": {"S": "device/1/poison"}})));
    records.insert(2, poison(json!({"pk": {"B": "AAAA"}})));
    records.insert(3, json!({"dynamodb": {"SequenceNumber": "8"}}));
    assert_eq!(deliver(&function(bus.endpoint()), &records).await, [""; 0]);
    assert_eq!(
        ids(&bus.taken()),
        ["1/device/ID5/1", "1/device/ID5/2", "1/device/ID5/3"]
    );
    // With nothing to tell there is no call.
    let _ = bus.calls();
    assert_eq!(deliver(&function(bus.endpoint()), &records[1..4]).await, [""; 0]);
    assert_eq!(bus.calls().len(), 0);
}

#[tokio::test]
async fn a_call_is_not_too_large_and_an_event_that_is_holds_up_nothing() {
    let bus = Bus::start().await;
    let created = |device: &str, actor: usize| {
        let mut record = device_lock(device).remove(0);
        record["dynamodb"]["NewImage"]["by"]["M"]["actor"]["S"] = json!("x".repeat(actor));
        record
    };
    let records = [
        created("ID5", 300_000),
        created("ID6", 150_000),
        created("ID7", 150_000),
        created("ID8", 5),
    ];
    assert_eq!(deliver(&function(bus.endpoint()), &records).await, [""; 0]);
    let calls = bus.calls();
    let sizes: Vec<usize> = calls
        .iter()
        .map(|call| call["Entries"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [1, 2]);
    assert_eq!(
        ids(&bus.taken()),
        ["1/device/ID6/1", "1/device/ID7/1", "1/device/ID8/1"]
    );
}
