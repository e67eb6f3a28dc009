//! A storm of lock requests of every kind over a store that loses answers, and a consumer of the stream that is killed, that
//! gets records twice and in pieces: every change of every row has exactly one record, in order, and says who did what.
//!
//! `STORM_REQUESTS` says how many requests there are; without it, a number that a debug build makes in seconds. `STORM_ROUND` is the
//! number of the first round: each has its own dice, so that several processes can share one long storm.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use holdfast::Clock;
use holdfast::id::Company;
use holdfast::runtime::consume;
use holdfast::store::{RowKey, Store, Table};
use holdfast::target::Target;
use holdfast_local::{Streams, local_client, table_names};
use holdfast_tests::{Answer, DB01, Locks, Verdict, World, people, session_id};
use record_history::RecordHistory;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::sync::watch;

/// How many clients there are, each with a login of its own, and how many targets of each kind.
const CLIENTS: usize = 16;
const EACH: usize = 16;
/// How many requests a store gets: the embedded one counts its whole stream at each write.
const PER_ROUND: usize = 2_400;
/// The stream's records that the consumer may get once more.
const KEPT: usize = 60;
/// A second factor opens breaks for five minutes, and the clock moves on by a second every few requests.
const REQUESTS_PER_SIGN_IN: usize = 200;

/// Numbers as random as this needs: the upper bits of Knuth's generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own knob")]
fn knob(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |number| number.parse().expect("a number"))
}

/// Clients who may hold and break everything, and things that none of them is or owns.
fn directory() -> Value {
    let clients: Vec<String> = (0..CLIENTS).map(|client| format!("c{client}")).collect();
    let mut directory = people(&clients);
    let plain = directory["users"].as_array().unwrap();
    let plain = plain
        .iter()
        .find(|user| user["login"] == "nobody")
        .unwrap()
        .clone();
    for user in directory["users"].as_array_mut().unwrap() {
        if clients.iter().any(|client| user["login"] == client.as_str()) {
            user["privileges"]
                .as_array_mut()
                .unwrap()
                .push(json!("Locks.Break"));
        }
    }
    for number in 0..EACH {
        let login = format!("t{number}");
        let mut user = plain.clone();
        user["login"] = json!(login);
        directory["users"].as_array_mut().unwrap().push(user);
        directory["devices"].as_array_mut().unwrap().push(
            json!({"company": "1", "id": format!("D{number}"), "name": format!("d{number}"), "ip": "192.0.2.1"}),
        );
        directory["activity_sessions"].as_array_mut().unwrap().push(
            json!({"company": "1", "id": session_id(100 + number), "user": login, "resource": "db01", "activity": "RDP"}),
        );
    }
    directory
}

fn targets() -> Vec<String> {
    (0..EACH)
        .flat_map(|number| {
            [
                format!("access/{DB01}:t{number}"),
                format!("activity-session/{}", session_id(100 + number)),
                format!("device/D{number}"),
                format!("user/t{number}"),
            ]
        })
        .collect()
}

/// What an answer has promised: a record with this fence after it, by this actor, of one of these actions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Promise {
    target: String,
    fence: u64,
    actor: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Acquired,
    Renewed,
    Released,
    Broken,
}

impl What {
    fn is(self, action: &str) -> bool {
        match self {
            Self::Acquired => ["acquired", "taken-over"].contains(&action),
            Self::Renewed => action == "renewed",
            Self::Released => action == "released",
            Self::Broken => action == "broken",
        }
    }
}

/// One request, and what its answer promises.
async fn request(
    world: &World,
    client: &Locks<'_>,
    login: &str,
    targets: &[String],
    dice: &mut Dice,
) -> Vec<Promise> {
    // Mostly about things that others mostly leave alone: a refusal changes nothing.
    let target = match login[1..].parse::<usize>().unwrap() {
        own if dice.below(4) > 0 => &targets[own * 4 + dice.index(4)],
        _ => &targets[dice.index(targets.len())],
    };
    let promise = |what, fence: &Value| Promise {
        target: target.clone(),
        fence: fence.as_u64().expect("a fence"),
        actor: login.to_owned(),
        what,
    };
    match dice.below(16) {
        choice @ 0..8 => {
            let body = match choice {
                0..3 => json!({}),
                3 | 4 => json!({"seconds": 1}),
                _ => json!({"seconds": 60, "title": format!("{}", dice.below(1_000))}),
            };
            let answer = client.hold(target, body).await;
            let body = allowed(&answer);
            match (answer.status, &body["changed"]) {
                (201, _) => vec![promise(What::Acquired, &body["lock"]["fence"])],
                (200, Value::Bool(true)) => vec![promise(What::Renewed, &body["lock"]["fence"])],
                _ => vec![],
            }
        }
        8..12 => {
            let answer = client.release(target).await;
            let body = allowed(&answer);
            if body["changed"] == true {
                vec![promise(What::Released, &body["fence"])]
            } else {
                vec![]
            }
        }
        12 | 13 => {
            let fence = client.read(target).await.json()["fence"].clone();
            let then = if dice.below(2) == 0 { "take" } else { "free" };
            let body = json!({"fence": fence, "reason": "storm", "then": then, "holdOffSeconds": 1});
            let answer = client.break_lock(target, body).await;
            let body = allowed(&answer);
            if body["changed"] == true {
                vec![promise(What::Broken, &body["fence"])]
            } else {
                vec![]
            }
        }
        // All or nothing, over sessions, their users and the users' access.
        choice => {
            let number = dice.index(EACH);
            let sessions = [session_id(100 + number), session_id(100 + (number + 1) % EACH)];
            let body = json!({"activitySessionIds": sessions, "locked": choice == 14,
                "lockActivity": true, "lockResource": true, "lockUser": dice.below(2) == 0});
            allowed(&world.lock_sessions(&client.token, body).await);
            vec![]
        }
    }
}

/// The body of an answer that the storm may get. 503: the request lost race after race, or cannot tell what became of it.
fn allowed(answer: &Answer) -> Value {
    assert!([200, 201, 403, 409, 503].contains(&answer.status), "{answer}");
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// A store that loses an answer in fifty and refuses a few more.
fn spoil(world: &World, mut dice: Dice) {
    world.proxy.as_ref().unwrap().judge(move |call| {
        let writes = ["UpdateItem", "TransactWriteItems", "PutItem"].contains(&call.operation.as_str());
        match dice.below(100) {
            0 | 1 if writes => Verdict::LoseAnyAnswer,
            2 => Verdict::error(400, "ProvisionedThroughputExceededException"),
            3 if call.operation == "TransactWriteItems" => Verdict::Answer(
                400,
                json!({"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "message": "x",
                    "CancellationReasons": [{"Code": "TransactionConflict"}]}),
            ),
            // An error that no client tries again: the batch fails at this record.
            4 if call.operation == "PutItem" => Verdict::error(400, "AccessDeniedException"),
            _ => Verdict::Pass,
        }
    });
}

/// What the consumer went through.
#[derive(Debug, Default)]
struct Fate {
    deliveries: usize,
    kills: usize,
    repeats: usize,
    failures: usize,
}

/// Reads the stream as Lambda does and hands it to the function that writes the history: in pieces, some of them twice, and
/// now and then the function is killed at whatever it does.
async fn consume_badly(world: &World, mut dice: Dice, is_over: watch::Receiver<bool>) -> Fate {
    let endpoint = world.proxy.as_ref().unwrap().endpoint();
    let function = RecordHistory::new(
        Store::new(local_client(endpoint), table_names()),
        Clock::Manual(world.clock.clone()),
        Duration::from_hours(24),
    );
    let streams = Streams::new(
        world.endpoint().to_owned(),
        world.store.table_name(Table::Resources),
    );
    let (mut fate, mut iterator) = (Fate::default(), None);
    // The records that may come again, and those that are still to come.
    let (mut records, mut done) = (Vec::<Value>::new(), 0);
    loop {
        let was_over = *is_over.borrow();
        let page = streams.read(iterator.take()).await.expect("the stream");
        records.extend(page.batch["Records"].as_array().into_iter().flatten().cloned());
        iterator = page.next;
        while done < records.len() {
            let begin = if dice.below(5) == 0 {
                done.saturating_sub(dice.index(KEPT))
            } else {
                done
            };
            fate.repeats += done - begin;
            let end = records.len().min(done + 1 + dice.index(30));
            let batch = to_raw_value(&json!({"Records": records[begin..end]})).unwrap();
            fate.deliveries += 1;
            let delivery = consume(&function, &batch);
            // A killed function has told nobody how far it came.
            let patience = if dice.below(8) == 0 {
                Duration::from_millis(dice.below(20))
            } else {
                Duration::MAX
            };
            let Ok(answer) = tokio::time::timeout(patience, delivery).await else {
                fate.kills += 1;
                continue;
            };
            let failed = answer.expect("a batch").batch_item_failures;
            let failed = failed.first().map(|failure| {
                let at =
                    |record: &Value| record["dynamodb"]["SequenceNumber"] == failure.item_identifier.as_str();
                records.iter().position(at).expect("a record of the batch")
            });
            fate.failures += usize::from(failed.is_some());
            done = done.max(failed.unwrap_or(end));
        }
        records.drain(..done.saturating_sub(KEPT));
        done = records.len();
        if page.records == 0 {
            if was_over {
                return fate;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Every record of a target, the oldest first.
async fn history(world: &World, auditor: &str, target: &str) -> Vec<Value> {
    let (kind, id) = target.split_once('/').unwrap();
    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = world.url(&format!("/history?kind={kind}&id={id}&limit=1000{cursor}"));
        let page = world.send(world.http.get(url).bearer_auth(auditor)).await.json();
        records.extend(page["records"].as_array().expect("records").iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    records.reverse();
    records
}

/// Holds the records of a target against its row and against what its answers promised; says how often the row was touched.
async fn check(world: &World, target: &str, records: &[Value], promises: &[&Promise]) -> u64 {
    let (kind, id) = target.split_once('/').unwrap();
    let key = RowKey::of_target(
        &Company::try_from("1").unwrap(),
        &Target::parse(kind, id).unwrap(),
    );
    let row = world.row(&key).await.unwrap();
    let number = |name: &str| row[name].as_n().unwrap().parse::<u64>().unwrap();
    let numbers: Vec<_> = records
        .iter()
        .map(|record| record["change"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=number("change")).collect::<Vec<_>>(), "{target}");
    for (earlier, later) in records.iter().zip(&records[1..]) {
        for (after, before) in [("ownerAfter", "ownerBefore"), ("fenceAfter", "fenceBefore")] {
            assert_eq!(earlier[after], later[before], "{target}: {earlier} {later}");
        }
    }
    let last = records.last().unwrap();
    assert_eq!(last["fenceAfter"], number("fence"), "{target}");
    let owner = row.get("lock_owner").and_then(|owner| owner.as_s().ok());
    assert_eq!(last["ownerAfter"].as_str(), owner.map(String::as_str), "{target}");
    let touches = number("rev") - number("change");

    let mut made: HashMap<(u64, &str), Vec<&str>> = HashMap::new();
    for record in records {
        let key = (
            record["fenceAfter"].as_u64().unwrap(),
            record["actor"].as_str().unwrap(),
        );
        made.entry(key)
            .or_default()
            .push(record["action"].as_str().unwrap());
    }
    let mut counted: BTreeMap<&Promise, usize> = BTreeMap::new();
    for promise in promises {
        *counted.entry(promise).or_default() += 1;
    }
    for (promise, times) in counted {
        let actions = made.get(&(promise.fence, promise.actor.as_str()));
        let found = actions
            .into_iter()
            .flatten()
            .filter(|action| promise.what.is(action))
            .count();
        let is_kept = match promise.what {
            // A renewal whose answer was lost is in the history and was not promised.
            What::Renewed => found >= times,
            // The answer to a release was lost, and by the time it was sent again the lease had run out and someone had the
            // lock: whether the release was made first, the row does not tell. The tenure is over either way.
            What::Released if found == 0 => records.iter().any(|record| {
                record["action"] == "taken-over"
                    && record["fenceBefore"] == promise.fence
                    && record["ownerBefore"] == promise.actor.as_str()
            }),
            _ => (found, times) == (1, 1),
        };
        assert!(
            is_kept,
            "{promise:?} was answered {times} times and recorded {found} times:\n{}",
            records
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
    touches
}

/// What a round came to.
#[derive(Debug, Default)]
struct Sum {
    changes: usize,
    told: usize,
    touches: u64,
    fate: Fate,
}

/// One storm over a store of its own.
async fn storm(round: u64, requests: usize) -> Sum {
    let world = World::with(directory(), true).await;
    world.proxy.as_ref().unwrap().be_quick();
    spoil(&world, Dice(1_000 * round + 7));
    let (targets, promises) = (targets(), Mutex::new(Vec::new()));
    let (over, is_over) = watch::channel(false);
    let client = |number: usize| {
        let (world, targets, promises) = (&world, &targets, &promises);
        async move {
            let login = format!("c{number}");
            let mut dice = Dice(1_000 * round + number as u64);
            let mut client = world.locks(&login).await;
            for count in 1..=requests / CLIENTS {
                let made = request(world, &client, &login, targets, &mut dice).await;
                promises.lock().unwrap().extend(made);
                if count % 8 == 0 {
                    world.wait(1);
                }
                // Every client moves the one clock.
                if count % (REQUESTS_PER_SIGN_IN / CLIENTS) == 0 {
                    client = world.locks(&login).await;
                }
            }
        }
    };
    let clients = async {
        join_all((0..CLIENTS).map(client)).await;
        over.send_replace(true);
    };
    let consumer = consume_badly(&world, Dice(1_000 * round + 99), is_over);
    let ((), fate) = tokio::join!(clients, consumer);
    world.proxy.as_ref().unwrap().be_quick();

    let promises = promises.into_inner().unwrap();
    let mut sum = Sum {
        told: promises.len(),
        fate,
        ..Sum::default()
    };
    let auditor = world.bearer("alice").await;
    let mut actions = BTreeSet::new();
    for target in &targets {
        let records = history(&world, &auditor, target).await;
        let own: Vec<_> = promises
            .iter()
            .filter(|promise| promise.target == *target)
            .collect();
        sum.touches += check(&world, target, &records, &own).await;
        sum.changes += records.len();
        actions.extend(
            records
                .iter()
                .map(|record| record["action"].as_str().unwrap().to_owned()),
        );
    }
    let seen: Vec<&str> = actions.iter().map(String::as_str).collect();
    let all = [
        "acquired",
        "broken",
        "created",
        "released",
        "renewed",
        "taken-over",
    ];
    assert_eq!(seen, all);
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_every_change_has_exactly_one_record_in_order() {
    let mut sum = Sum::default();
    let (all, mut begun) = (knob("STORM_REQUESTS", 480), 0);
    let first = knob("STORM_ROUND", 0);
    while begun < all {
        let requests = PER_ROUND.min(all - begun).max(CLIENTS);
        let number = (first + begun / PER_ROUND) as u64;
        let round = storm(number, requests).await;
        println!("round {number}: {} changes", round.changes);
        begun += requests;
        sum.changes += round.changes;
        sum.told += round.told;
        sum.touches += round.touches;
        sum.fate.deliveries += round.fate.deliveries;
        sum.fate.kills += round.fate.kills;
        sum.fate.repeats += round.fate.repeats;
        sum.fate.failures += round.fate.failures;
    }
    println!("{all} requests: {sum:?}");
    assert!(sum.touches > 0, "no row was touched");
    let Fate {
        kills,
        repeats,
        failures,
        ..
    } = sum.fate;
    assert!(kills > 0 && repeats > 0 && failures > 0, "{sum:?}");
}
