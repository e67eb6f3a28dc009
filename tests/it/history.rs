//! What happened: every change of every lockable row has one record, in order, and is read by target, actor and time.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::Clock;
use holdfast::id::{Company, DeviceId};
use holdfast::runtime::consume;
use holdfast::store::{RowKey, Store, Table};
use holdfast_local::{local_client, table_names};
use holdfast_tests::{DB01, START, Verdict, World, code_at, people, session_id};
use insta::assert_snapshot;
use record_history::RecordHistory;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

/// Everyone, an operator who breaks locks, and an auditor of another company.
fn directory() -> Value {
    let mut directory = people(&[]);
    let users = directory["users"].as_array_mut().unwrap();
    let find = |login: &str| users.iter().find(|user| user["login"] == login).unwrap().clone();
    let mut olga = find("alice");
    olga["login"] = json!("olga");
    olga["privileges"] = json!(["Locks.Break"]);
    olga["roles"] = json!([]);
    olga.as_object_mut().unwrap().remove("api_key");
    let mut foreign = find("alice");
    foreign["login"] = json!("otto");
    foreign["company"] = json!("2");
    foreign.as_object_mut().unwrap().remove("api_key");
    users.extend([olga, foreign]);
    directory
}

/// Signs in with a password and a code.
async fn full(world: &World, login: &str) -> String {
    let token = world.first_factor(login).await;
    let answer = world.second_step(&token, &code_at(world.now())).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json().as_str().unwrap().to_owned()
}

async fn history(world: &World, token: &str, query: &str) -> (u16, Value) {
    let answer = world
        .send(
            world
                .http
                .get(world.url(&format!("/history?{query}")))
                .bearer_auth(token),
        )
        .await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// The history once it has `count` records: it follows the rows within a second.
async fn once_there_are(world: &World, token: &str, query: &str, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let (status, page) = history(world, token, query).await;
        assert_eq!(status, 200, "{page}");
        let records = page["records"].as_array().unwrap().clone();
        if records.len() >= count {
            assert_eq!(records.len(), count, "{records:#?}");
            return records;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "the history of {query} never has {count} records: {:?}",
        history(world, token, query).await
    );
}

/// Each record in a line, the oldest first.
fn lines(records: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |record: &Value| {
        format!(
            "{} {} by {} ({}): {} -> {}, {} -> {}{}",
            record["change"],
            text(&record["action"]),
            text(&record["actor"]),
            text(&record["dialect"]),
            text(&record["ownerBefore"]),
            text(&record["ownerAfter"]),
            record["fenceBefore"],
            record["fenceAfter"],
            record["reason"]
                .as_str()
                .map(|why| format!(" ({why})"))
                .unwrap_or_default(),
        )
    };
    records.iter().rev().map(line).collect::<Vec<_>>().join("\n")
}

async fn put(world: &World, token: &str, target: &str, body: Value) -> Value {
    let request = world
        .http
        .put(world.url(&format!("/locks/{target}")))
        .bearer_auth(token);
    let answer = world.send(request.json(&body)).await;
    serde_json::from_str(&answer.body).unwrap()
}

async fn break_lock(world: &World, token: &str, target: &str, body: Value) -> u16 {
    let address = world.url(&format!("/locks/{target}/break"));
    world
        .send(world.http.post(address).bearer_auth(token).json(&body))
        .await
        .status
}

#[tokio::test]
async fn every_change_of_a_device_is_recorded_in_order_and_touches_are_not() {
    let world = World::with_history(directory()).await;
    let (alice, bob) = (world.sdm("alice").await, world.sdm("bob").await);
    let (admin, olga) = (world.netwrix("admin").await, full(&world, "olga").await);
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    // An owner's repeat changes nothing, and a refusal writes nothing.
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    assert_eq!(bob.action("ID5", "Lock").await.status, 423);
    let broken = json!({"fence": 1, "reason": "ticket 7", "then": "take"});
    assert_eq!(break_lock(&world, &olga, "device/ID5", broken).await, 200);
    let renewed = put(&world, &olga, "device/ID5", json!({"seconds": 10})).await;
    assert_eq!(renewed["changed"], true, "{renewed}");
    world.wait(10);
    assert_eq!(bob.action("ID5", "Lock").await.status, 204);
    assert_eq!(bob.action("ID5", "Unlock").await.status, 204);
    assert_eq!(bob.action("ID5", "Unlock").await.status, 204);

    let records = once_there_are(&world, &admin, "kind=device&id=ID5", 6).await;
    assert_snapshot!(lines(&records), @r"
    1 created by operator/local (operator): - -> -, 0 -> 0
    2 acquired by alice (sdm): - -> alice, 0 -> 1
    3 broken by olga (holdfast): alice -> olga, 1 -> 2 (ticket 7)
    4 renewed by olga (holdfast): olga -> olga, 2 -> 2
    5 taken-over by bob (sdm): olga -> bob, 2 -> 3
    6 released by bob (sdm): bob -> -, 3 -> 3
    ");
}

#[tokio::test]
async fn sessions_access_and_accounts_have_a_history_too() {
    let world = World::with_history(directory()).await;
    let admin = world.netwrix("admin").await;
    let lock = |locked: bool| {
        json!({"activitySessionIds": [session_id(1)], "locked": locked, "lockActivity": true,
               "lockResource": true, "lockUser": true})
    };
    assert_eq!(world.lock_sessions(&admin, lock(true)).await.status, 200);
    assert_eq!(world.lock_sessions(&admin, lock(false)).await.status, 200);
    assert_eq!(world.end_session(&admin, &session_id(1)).await.status, 202);

    let session = format!("kind=activity-session&id={}", session_id(1));
    let access = format!("kind=access&id={DB01}:bob");
    let session = once_there_are(&world, &admin, &session, 4).await;
    assert_snapshot!(lines(&session), @r"
    1 created by operator/local (operator): - -> -, 0 -> 0
    2 acquired by admin (netwrix): - -> admin, 0 -> 1
    3 released by admin (netwrix): admin -> -, 1 -> 1
    4 ended by admin (netwrix): - -> -, 1 -> 1
    ");
    let access = once_there_are(&world, &admin, &access, 2).await;
    assert_snapshot!(lines(&access), @r"
    1 acquired by admin (netwrix): - -> admin, 0 -> 1
    2 released by admin (netwrix): admin -> -, 1 -> 1
    ");
    let account = once_there_are(&world, &admin, "kind=user&id=bob", 3).await;
    assert_snapshot!(lines(&account), @r"
    1 created by operator/local (operator): - -> -, 0 -> 0
    2 acquired by admin (netwrix): - -> admin, 0 -> 1
    3 released by admin (netwrix): admin -> -, 1 -> 1
    ");
    // What one actor did, in any kind, and what happened in a time.
    let by_admin = once_there_are(&world, &admin, "actor=admin", 7).await;
    let kinds: Vec<&str> = by_admin
        .iter()
        .map(|record| record["kind"].as_str().unwrap())
        .collect();
    assert!(
        ["access", "activity-session", "user"]
            .iter()
            .all(|kind| kinds.contains(kind)),
        "{kinds:?}"
    );
    let now = world.now();
    let (status, page) = history(&world, &admin, &format!("from={now}")).await;
    assert_eq!(status, 200);
    assert!(
        page["records"].as_array().unwrap().len() >= by_admin.len(),
        "{page}"
    );
    // The clock has one time in this test, at which the operator entered the people, too.
    let record = &by_admin[0];
    assert_eq!(record["source"], "127.0.0.1");
    assert!(
        record["requestId"].as_str().is_some_and(|id| id.len() == 36),
        "{record}"
    );
}

#[tokio::test]
async fn another_companys_history_is_not_to_be_had_by_any_selector() {
    let world = World::with_history(directory()).await;
    let (admin, otto) = (world.netwrix("admin").await, full(&world, "otto").await);
    let alice = world.sdm("alice").await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    once_there_are(&world, &admin, "kind=device&id=ID5", 2).await;
    let now = world.now();
    for query in [
        "kind=device&id=ID5".to_owned(),
        "kind=user&id=alice".to_owned(),
        format!("kind=activity-session&id={}", session_id(1)),
        format!("kind=access&id={DB01}:bob"),
        "actor=alice".to_owned(),
    ] {
        let (status, page) = history(&world, &otto, &query).await;
        assert_eq!((status, &page["records"]), (200, &json!([])), "{query}");
    }
    let (_, page) = history(&world, &otto, &format!("from={now}")).await;
    let records = page["records"].as_array().unwrap();
    let foreign = |record: &Value| record["actor"] == "alice" || record["id"] == "ID5";
    assert!(!records.iter().any(foreign), "{page}");
}

#[tokio::test]
async fn who_may_read_and_what_is_refused() {
    let world = World::with_history(directory()).await;
    let (admin, olga) = (world.netwrix("admin").await, full(&world, "olga").await);
    let (bob, machine) = (world.netwrix("bob").await, world.aktion("alice").await);
    let status = async |token: &str, query: &str| history(&world, token, query).await;
    for (token, query, expected, kind) in [
        ("nonsense", "actor=alice", 401, "unauthorized"),
        (olga.as_str(), "actor=alice", 403, "forbidden"),
        (bob.as_str(), "actor=bob", 403, "forbidden"),
        (
            machine.as_str(),
            "actor=alice",
            403,
            "interactive-sign-in-required",
        ),
        (admin.as_str(), "", 400, "invalid-request"),
        (admin.as_str(), "kind=device", 400, "invalid-request"),
        (admin.as_str(), "kind=lamp&id=1", 400, "invalid-request"),
        (
            admin.as_str(),
            "kind=device&id=ID5&actor=alice",
            400,
            "invalid-request",
        ),
        (admin.as_str(), "from=yesterday", 400, "invalid-request"),
        (
            admin.as_str(),
            "from=2026-10-01T00:00:00Z&to=2026-11-02T00:00:00Z",
            400,
            "invalid-request",
        ),
        (
            admin.as_str(),
            "from=2026-11-02T00:00:00Z&to=2026-11-02T00:00:00Z",
            400,
            "invalid-request",
        ),
        (admin.as_str(), "actor=alice&limit=0", 400, "invalid-request"),
        (admin.as_str(), "actor=alice&limit=1001", 400, "invalid-request"),
        (admin.as_str(), "actor=alice&cursor=AAAA", 400, "invalid-request"),
    ] {
        let (found, problem) = status(token, query).await;
        assert_eq!(found, expected, "{query}: {problem}");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{query}: {problem}");
    }
    // Role Auditor, and nothing else.
    let auditor = world.netwrix("alice").await;
    assert_eq!(status(&auditor, "actor=alice").await.0, 200);
}

#[tokio::test]
async fn pages_are_complete_and_a_cursor_belongs_to_its_list() {
    let world = World::with_history(directory()).await;
    for _ in 0..2 {
        let alice = world.sdm("alice").await;
        for _ in 0..6 {
            assert_eq!(alice.action("ID5", "Lock").await.status, 204);
            world.wait(60);
            assert_eq!(alice.action("ID5", "Unlock").await.status, 204);
        }
        world.wait(24 * 60 * 60);
    }
    let admin = world.netwrix("admin").await;
    once_there_are(&world, &admin, "actor=alice", 24).await;
    for query in [
        "kind=device&id=ID5".to_owned(),
        "actor=alice".to_owned(),
        format!("from={START}"),
    ] {
        let mut found = Vec::new();
        let mut cursor = None::<String>;
        loop {
            let next = cursor
                .map(|cursor| format!("&cursor={cursor}"))
                .unwrap_or_default();
            let (status, page) = history(&world, &admin, &format!("{query}&limit=5{next}")).await;
            assert_eq!(status, 200, "{page}");
            let records = page["records"].as_array().unwrap();
            assert!(records.len() <= 5);
            found.extend(
                records
                    .iter()
                    .filter(|record| record["actor"] == "alice")
                    .cloned(),
            );
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            let Some(cursor) = &cursor else { break };
            let (status, _) = history(&world, &admin, &format!("actor=bob&cursor={cursor}")).await;
            assert_eq!(status, 400, "a cursor of another list");
        }
        let changes: Vec<u64> = found
            .iter()
            .map(|record| record["change"].as_u64().unwrap())
            .collect();
        assert_eq!(changes, (2..=25).rev().collect::<Vec<u64>>(), "{query}");
    }
}

/// For how long this function is told to keep records.
const KEPT: Duration = Duration::from_hours(24);

/// The function by itself, over the store at `endpoint`.
fn function(world: &World, endpoint: &str) -> RecordHistory {
    let store = Store::new(local_client(endpoint), table_names());
    RecordHistory::new(store, Clock::Manual(world.clock.clone()), KEPT)
}

/// A batch of the stream: a device is entered, locked and unlocked.
fn device_lock() -> Vec<Value> {
    let event = include_str!("../../events/record-history--device-lock.json");
    let event: Value = serde_json::from_str(event).unwrap();
    event["Records"].as_array().unwrap().clone()
}

/// Hands records to the function that writes the history: those that it says have failed.
async fn deliver(function: &RecordHistory, records: &[Value]) -> Vec<String> {
    let batch = to_raw_value(&json!({"Records": records})).unwrap();
    let answer = consume(function, &batch).await.unwrap();
    let failures = answer.batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_is_kept_raw_and_holds_up_none_behind_it() {
    let world = World::with_history(directory()).await;
    let (alice, admin) = (world.sdm("alice").await, world.netwrix("admin").await);
    let name = world.store.table_name(Table::Resources);
    let poison = world.store.client().put_item().table_name(name);
    let poison = poison.item("pk", AttributeValue::S("device/1/poison".to_owned()));
    poison.send().await.unwrap();
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);

    let records = once_there_are(&world, &admin, "kind=device&id=ID5", 2).await;
    assert_snapshot!(lines(&records), @r"
    1 created by operator/local (operator): - -> -, 0 -> 0
    2 acquired by alice (sdm): - -> alice, 0 -> 1
    ");
    let rows = world.rows(Table::History).await;
    let raw: Vec<_> = rows.iter().filter(|row| row.contains_key("record")).collect();
    assert_eq!(raw.len(), 1, "{raw:?}");
    let record: Value = serde_json::from_str(raw[0]["record"].as_s().unwrap()).unwrap();
    assert_eq!(
        record["dynamodb"]["NewImage"],
        json!({"pk": {"S": "device/1/poison"}})
    );
}

#[tokio::test]
async fn a_batch_that_comes_twice_and_in_pieces_leaves_one_record_for_each_change() {
    let world = World::with(directory(), false).await;
    let function = function(&world, world.endpoint());
    let records = device_lock();
    for piece in [
        &records[..1],
        &records[..2],
        &records[1..],
        &records,
        &records[2..],
    ] {
        assert_eq!(deliver(&function, piece).await, Vec::<String>::new());
        // Whoever handles it later, the first record of a change stays.
        world.wait(60);
    }
    let admin = world.netwrix("admin").await;
    let (status, page) = history(&world, &admin, "kind=device&id=ID5").await;
    assert_eq!(status, 200, "{page}");
    assert_snapshot!(lines(page["records"].as_array().unwrap()), @r"
    1 created by operator (operator): - -> -, 0 -> 0
    2 acquired by alice (sdm): - -> alice, 0 -> 1
    3 released by alice (sdm): alice -> -, 1 -> 1
    ");
    let rows = world.rows(Table::History).await;
    assert_eq!(rows.len(), 3);
    for row in rows {
        let number = |name: &str| row[name].as_n().unwrap().parse::<u64>().unwrap();
        let kept = number("purge_at_seconds") - number("at").div_ceil(1_000);
        assert_eq!(Duration::from_secs(kept), KEPT);
    }
}

/// What came before the failure is not handled again for it, and what comes behind it waits.
#[tokio::test]
async fn a_batch_that_fails_begins_again_where_it_failed() {
    let world = World::with(directory(), true).await;
    let proxy = world.proxy.as_ref().unwrap();
    let function = function(&world, proxy.endpoint());
    let records = device_lock();
    proxy.judge(|call| {
        if call.operation == "PutItem" && call.touches("00000000000000000002") {
            Verdict::error(400, "AccessDeniedException")
        } else {
            Verdict::Pass
        }
    });
    let second = records[1]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    assert_eq!(deliver(&function, &records).await, [second]);
    assert_eq!(world.rows(Table::History).await.len(), 1);
    proxy.forget();
    assert_eq!(deliver(&function, &records[1..]).await, Vec::<String>::new());
    assert_eq!(world.rows(Table::History).await.len(), 3);
}

/// What an attribute weighs for DynamoDB: its name, and its value.
fn weight(name: &str, value: &AttributeValue) -> usize {
    let value = match value {
        AttributeValue::S(text) => text.len(),
        // Two digits take a byte, and every number one more.
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| 1 + weight(name, value))
                .sum::<usize>()
        }
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + weight("", value)).sum::<usize>(),
        _ => 1,
    };
    name.len() + value
}

/// The figures of README's cost table.
#[tokio::test]
async fn who_changed_a_row_weighs_little_and_the_row_and_its_record_take_a_write_unit_each() {
    let world = World::with_history(directory()).await;
    let alice = world.sdm("alice").await;
    assert_eq!(alice.action("ID5", "Lock").await.status, 204);
    let admin = world.netwrix("admin").await;
    once_there_are(&world, &admin, "kind=device&id=ID5", 2).await;

    let key = RowKey::device(
        &Company::try_from("1").unwrap(),
        &DeviceId::try_from("ID5").unwrap(),
    );
    let row = world.row(&key).await.unwrap();
    let all: usize = row.iter().map(|(name, value)| weight(name, value)).sum();
    let added = weight("by", &row["by"]) + weight("change", &row["change"]);
    let rows = world.rows(Table::History).await;
    let heaviest = rows
        .iter()
        .map(|row| row.iter().map(|(name, value)| weight(name, value)).sum::<usize>());
    let record = heaviest.max().unwrap();
    assert!((100..=150).contains(&added), "by and change: {added} bytes");
    assert!(all <= 1_024, "the row: {all} bytes");
    assert!((250..=1_024).contains(&record), "the record: {record} bytes");
    println!("row {all}, by and change {added}, record {record}");
}
