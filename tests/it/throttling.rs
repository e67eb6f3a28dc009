//! What DynamoDB's throttling does to callers: the real handlers over a store that refuses what is beyond the limits of a
//! partition key, of a shard of an index and of a table, all a hundredth of AWS's. At once, twice and ten times each limit,
//! whoever is not served is told so and when to come back, and no lock is lost or granted twice.
//!
//! `THROTTLE_SECONDS` is how long each load lasts, and `--nocapture` prints what docs/scale.md shows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use holdfast_tests::{Answer, Call, Locks, Verdict, World, people};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The limits here are AWS's, divided by this.
const SCALE: f64 = 100.0;
/// AWS's for one partition key or shard of an index, and for a new table on demand: units per second.
const KEY_WRITES: f64 = 1_000.0 / SCALE;
const KEY_READS: f64 = 3_000.0 / SCALE;
const TABLE_WRITES: f64 = 4_000.0 / SCALE;
const TABLE_READS: f64 = 12_000.0 / SCALE;
const CLIENTS: usize = 16;
/// How many requests are under way at once: each opens several files, of which a process often has a thousand.
const AT_ONCE: usize = 150;

/// Units that come back steadily, up to those of one second. AWS keeps more, for bursts: this is the harder store.
struct Bucket {
    left: f64,
    per_second: f64,
    filled: Instant,
}

impl Bucket {
    fn new(per_second: f64, now: Instant) -> Self {
        Self {
            left: per_second,
            per_second,
            filled: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let came = now.duration_since(self.filled).as_secs_f64() * self.per_second;
        self.left = (self.left + came).min(self.per_second);
        self.filled = now;
    }
}

/// Units that a call takes from a bucket.
struct Demand {
    bucket: String,
    per_second: f64,
    units: f64,
}

/// Every bucket of the store, and which shard of the index each locked row is in.
#[derive(Default)]
struct Limits {
    buckets: HashMap<String, Bucket>,
    shards: HashMap<String, String>,
    refused: Arc<AtomicUsize>,
}

impl Limits {
    fn judge(&mut self, call: &Call) -> Verdict {
        let demands = self.demands(call);
        let now = Instant::now();
        for demand in &demands {
            let bucket = self
                .buckets
                .entry(demand.bucket.clone())
                .or_insert_with(|| Bucket::new(demand.per_second, now));
            bucket.fill(now);
        }
        // As DynamoDB does, it serves a call that begins with anything left, and the debt is paid first.
        if demands
            .iter()
            .any(|demand| self.buckets[&demand.bucket].left <= 0.0)
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return refused(call);
        }
        for demand in &demands {
            self.buckets.get_mut(&demand.bucket).unwrap().left -= demand.units;
        }
        Verdict::Pass
    }

    fn demands(&mut self, call: &Call) -> Vec<Demand> {
        let body = &call.body;
        match call.operation.as_str() {
            "BatchGetItem" => {
                let tables = body["RequestItems"].as_object().unwrap();
                tables
                    .iter()
                    .flat_map(|(table, request)| {
                        request["Keys"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(move |key| (table, key))
                    })
                    .flat_map(|(table, key)| read(table, key))
                    .collect()
            }
            "GetItem" => read(body["TableName"].as_str().unwrap(), &body["Key"]),
            "UpdateItem" | "PutItem" | "DeleteItem" => self.write(body, 1.0),
            "TransactWriteItems" => {
                let items = body["TransactItems"].as_array().unwrap().iter();
                let writes = items.flat_map(|item| item.as_object().unwrap().values());
                writes.flat_map(|write| self.write(write, 2.0)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn write(&mut self, body: &Value, units: f64) -> Vec<Demand> {
        let table = body["TableName"].as_str().unwrap();
        let key = body["Key"]["pk"]["S"]
            .as_str()
            .or(body["Item"]["pk"]["S"].as_str())
            .unwrap();
        let mut demands = of_key(table, key, "writes", units, KEY_WRITES, TABLE_WRITES);
        let update = body["UpdateExpression"].as_str().unwrap_or_default();
        if update.contains("lock_shard") {
            // An acquisition names its shard, and a release removes the row from the one that it is in.
            let named = body["ExpressionAttributeValues"][":shard"]["S"].as_str();
            let shard = match named {
                Some(shard) => Some(
                    self.shards
                        .entry(key.to_owned())
                        .insert_entry(shard.to_owned())
                        .get()
                        .clone(),
                ),
                None => self.shards.get(key).cloned(),
            };
            demands.extend(shard.map(|shard| Demand {
                bucket: format!("index {shard}"),
                per_second: KEY_WRITES,
                units: 1.0,
            }));
        }
        demands
    }
}

fn read(table: &str, key: &Value) -> Vec<Demand> {
    of_key(
        table,
        key["pk"]["S"].as_str().unwrap(),
        "reads",
        1.0,
        KEY_READS,
        TABLE_READS,
    )
}

fn of_key(table: &str, key: &str, what: &str, units: f64, of_key: f64, of_table: f64) -> Vec<Demand> {
    [
        (format!("{what} {table} {key}"), of_key),
        (format!("{what} {table}"), of_table),
    ]
    .into_iter()
    .map(|(bucket, per_second)| Demand {
        bucket,
        per_second,
        units,
    })
    .collect()
}

/// In DynamoDB's words: a transaction says it for each of its items.
fn refused(call: &Call) -> Verdict {
    let Some(items) = call.body["TransactItems"].as_array() else {
        return Verdict::error(400, "ProvisionedThroughputExceededException");
    };
    let reasons: Vec<Value> = items
        .iter()
        .map(|_| json!({"Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity"}))
        .collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Verdict::Answer(
        400,
        json!({"__type": kind, "Message": "Transaction cancelled", "CancellationReasons": reasons}),
    )
}

/// A load, and what of it meets a limit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// Everyone wants one lock: takes it, and gives it back.
    OneLock,
    /// One login takes locks on accounts: its own row is checked in each transaction.
    OneLogin,
    /// One login takes devices: they are in one shard of the index.
    OneOwner,
    /// Everyone takes devices that nobody else wants: the table.
    NewTable,
}

impl Load {
    /// Requests per second at AWS's limit divided by [`SCALE`]. A lock that is taken and given back is written twice, and a check in a
    /// transaction costs two units.
    fn at_limit(self) -> f64 {
        match self {
            Self::OneLock | Self::OneLogin => KEY_WRITES / 2.0,
            Self::OneOwner => KEY_WRITES,
            Self::NewTable => TABLE_WRITES,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OneLock => "one hot lock",
            Self::OneLogin => "one login",
            Self::OneOwner => "one index shard",
            Self::NewTable => "a new table",
        }
    }

    fn target(self, request: usize) -> String {
        match self {
            Self::OneLock => "device/D0".to_owned(),
            Self::OneLogin => format!("user/t{request}"),
            Self::OneOwner | Self::NewTable => format!("device/D{request}"),
        }
    }

    const fn client(self, request: usize) -> usize {
        match self {
            Self::OneLock | Self::NewTable => request % CLIENTS,
            Self::OneLogin | Self::OneOwner => 0,
        }
    }
}

fn directory(load: Load, requests: usize) -> Value {
    let clients: Vec<String> = (0..CLIENTS).map(|client| format!("c{client}")).collect();
    let mut directory = people(&clients);
    let users = directory["users"].as_array_mut().unwrap();
    // A hash and not a password: there are many, and a password is hashed at the import.
    let mut plain = users
        .iter()
        .find(|user| user["login"] == "nobody")
        .unwrap()
        .clone();
    let devices = if load == Load::OneLock { 1 } else { requests };
    if load == Load::OneLogin {
        plain.as_object_mut().unwrap().remove("password");
        plain["password_hash"] = json!(
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        );
        for number in 0..requests {
            plain["login"] = json!(format!("t{number}"));
            users.push(plain.clone());
        }
    } else {
        let all = directory["devices"].as_array_mut().unwrap();
        all.extend((0..devices).map(
            |number| json!({"company": "1", "id": format!("D{number}"), "name": format!("d{number}"), "ip": "192.0.2.1"}),
        ));
    }
    directory
}

/// What became of the requests of one load.
struct Outcome {
    /// How many requests were sent in a second.
    sent: f64,
    served: usize,
    held: usize,
    unavailable: usize,
    /// How many calls the store refused, those that were made again included.
    refused: usize,
    took: Duration,
    /// What was acknowledged: target, owner and fence, and whether it was given back as well.
    granted: Vec<(String, usize, u64, bool)>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
async fn run(load: Load, times: f64, seconds: f64) -> Outcome {
    let rate = load.at_limit() * times;
    let requests = (rate * seconds).ceil() as usize;
    let world = World::with(directory(load, requests), true).await;
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        clients.push(world.locks(&format!("c{client}")).await);
    }
    let proxy = world.proxy.as_ref().unwrap();
    proxy.be_quick();
    let mut limits = Limits::default();
    let refused = Arc::clone(&limits.refused);
    proxy.judge(move |call| limits.judge(call));

    let free = Semaphore::new(AT_ONCE);
    let began = tokio::time::Instant::now();
    // Open: requests come when they come, whatever became of those before. That is what a flood is.
    let all = join_all((0..requests).map(|number| {
        let (client, free) = (&clients[load.client(number)], &free);
        async move {
            tokio::time::sleep_until(began + Duration::from_secs_f64(number as f64 / rate)).await;
            let _place = free.acquire().await.unwrap();
            one(client, load, number).await
        }
    }))
    .await;
    let took = began.elapsed();
    let mut outcome = Outcome {
        sent: requests as f64 / took.as_secs_f64(),
        served: 0,
        held: 0,
        unavailable: 0,
        refused: refused.load(Ordering::Relaxed),
        took,
        granted: Vec::new(),
    };
    for (number, (status, granted)) in all.into_iter().enumerate() {
        match status {
            200 | 201 => outcome.served += 1,
            409 => outcome.held += 1,
            _ => outcome.unavailable += 1,
        }
        outcome.granted.extend(
            granted.map(|(fence, released)| (load.target(number), load.client(number), fence, released)),
        );
    }

    // Calm again: everything that was promised is there.
    proxy.be_quick();
    promises_are_kept(&clients, load, &outcome).await;
    outcome
}

/// One request, with the release that follows on a lock that others want: its status, and the fence of what was granted.
async fn one(client: &Locks<'_>, load: Load, number: usize) -> (u16, Option<(u64, bool)>) {
    let target = load.target(number);
    let answer = client.hold(&target, json!({})).await;
    says_when_to_come_back(&answer, &target);
    if answer.status != 201 && answer.status != 200 {
        return (answer.status, None);
    }
    let fence = answer.json()["lock"]["fence"].as_u64().unwrap();
    if load != Load::OneLock {
        return (answer.status, Some((fence, false)));
    }
    let released = client.release(&target).await;
    says_when_to_come_back(&released, &target);
    // A release whose answer is 503 may have been made.
    (answer.status, Some((fence, released.status == 200)))
}

fn says_when_to_come_back(answer: &Answer, target: &str) {
    assert!(
        [200, 201, 409, 503].contains(&answer.status),
        "{target}: {answer}"
    );
    if answer.status == 503 {
        let seconds: u64 = answer
            .header("retry-after")
            .expect("Retry-After")
            .parse()
            .unwrap();
        assert!(seconds >= 1, "{answer}");
    }
}

async fn promises_are_kept(clients: &[Locks<'_>], load: Load, outcome: &Outcome) {
    // One fence, one owner.
    let mut owners: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for (target, client, fence, _) in &outcome.granted {
        let before = owners.insert((target, *fence), *client);
        assert!(
            before.is_none_or(|before| before == *client),
            "{target} {fence} was granted twice"
        );
    }
    if load == Load::OneLock {
        let largest = owners.keys().map(|(_, fence)| *fence).max().unwrap_or(0);
        let now = clients[0].read("device/D0").await.json()["fence"]
            .as_u64()
            .unwrap();
        assert!(now >= largest, "the fence went back from {largest} to {now}");
        return;
    }
    for (target, client, fence, _) in &outcome.granted {
        let lock = clients[*client].read(target).await;
        assert_eq!(lock.status, 200, "{lock}");
        let lock = lock.json();
        assert_eq!(lock["lock"]["owner"], format!("c{client}"), "{target}: {lock}");
        assert_eq!(lock["lock"]["fence"].as_u64(), Some(*fence), "{target}: {lock}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own knob")]
fn seconds() -> f64 {
    std::env::var("THROTTLE_SECONDS").map_or(2.0, |number| number.parse().expect("a number"))
}

async fn at_once_twice_and_ten_times(load: Load) {
    for times in [1.0, 2.0, 10.0] {
        let outcome = run(load, times, seconds()).await;
        let (limit, took) = (load.at_limit(), outcome.took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let served = outcome.served as f64;
        println!(
            "| {} | {times} × | {:.0} | {:.1} | {} | {} | {} | {} |",
            load.name(),
            outcome.sent,
            served / took,
            outcome.served,
            outcome.held,
            outcome.unavailable,
            outcome.refused,
        );
        assert!(served > 0.0, "{load:?} {times} ×: nobody was served");
        // The second is the one that the buckets begin with, and the last call of each may leave a debt.
        assert!(
            served <= limit * (took + 1.0) + 3.0,
            "{load:?} {times} ×: beyond the limit"
        );
        // A machine that is busy with something else may not come to send as many.
        if outcome.sent >= 3.0 * limit {
            assert!(outcome.refused > 0, "{load:?}: nothing was throttled");
            // Of those who want one lock most are refused by the lock itself.
            assert!(
                outcome.unavailable > 0 || load == Load::OneLock,
                "{load:?}: nobody was told"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_lock_is_granted_once_at_a_time() {
    at_once_twice_and_ten_times(Load::OneLock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_login_loses_no_lock_on_an_account() {
    at_once_twice_and_ten_times(Load::OneLogin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_shard_of_the_index_loses_no_lock() {
    at_once_twice_and_ten_times(Load::OneOwner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_loses_no_lock() {
    at_once_twice_and_ten_times(Load::NewTable).await;
}
