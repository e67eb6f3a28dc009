//! What one lock costs among few and among many locked devices.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::{StreamExt, TryStreamExt, stream};
use holdfast::Clock;
use holdfast::id::{Company, DeviceId};
use holdfast::runtime::App;
use holdfast::secret::{Password, hash_password};
use holdfast::store::{DeviceRow, Item, LockShards, LockTarget, NewDevice, Row, Table as StoreTable};
use holdfast_directory::Directory;
use holdfast_local::{EmbeddedStore, Keys};
use holdfast_tests::SECOND_FACTOR_KEY;
use serde::Serialize;
use serde_json::{Value, json};

use crate::figures::{Table, digits, median};
use crate::machine::Machine;
use crate::meter::{Cost, Meter};
use crate::scenario::{app, function, invoke, sdm_session};
use crate::{Failure, Output};

/// Devices that are locked and unlocked at each step.
const PROBES: usize = 50;
/// The most that one `BatchWriteItem` takes.
const BATCH: usize = 25;
const PASSWORD: &str = "a password for the benchmark";

#[derive(Serialize)]
struct Step {
    locked_devices: usize,
    lock: PerCall,
    unlock: PerCall,
}

/// The mean of the probes; the time is their median.
#[derive(Serialize)]
struct PerCall {
    requests: f64,
    bytes: f64,
    capacity_units: f64,
    ms: f64,
}

#[derive(Serialize)]
struct Run {
    machine: Machine,
    probes: usize,
    steps: Vec<Step>,
}

/// Measures at each power of ten from 100 to `up_to` locked devices, and fails where a lock costs more at one than
/// at another.
pub async fn run(up_to: usize, output: &Output) -> Result<(), Failure> {
    let world = World::start().await?;
    let pattern = world.lock_attributes().await?;
    let mut steps = Vec::new();
    let mut locked = 0;
    let mut number = 100;
    while number <= up_to {
        eprintln!("{number} locked devices");
        world.fill(locked..number, &pattern).await?;
        locked = number;
        steps.push(world.step(number).await?);
        number = number.saturating_mul(10);
    }
    let run = Run {
        machine: Machine::this(),
        probes: PROBES,
        steps,
    };
    let tables = format!(
        "{}\nMeans of {PROBES} devices, times their medians, over an embedded store in the same process. {}\n",
        table(&run.steps),
        run.machine.line()
    );
    output.write(&run, &tables)?;
    flat(&run.steps)
}

struct World {
    store: EmbeddedStore,
    meter: Meter,
    company: Company,
}

impl World {
    async fn start() -> Result<Self, Failure> {
        let hash = hash_password(&Password::new(PASSWORD)).map_err(|error| error.to_string())?;
        let users = ["alice", "bob"].map(|login| {
            json!({"company": "1", "login": login, "password_hash": hash.reveal(), "groups": ["provisioners"]})
        });
        let directory = json!({
            "companies": [{"id": "1", "name": "Acme", "licences": []}],
            "users": users,
        });
        let directory = Directory::parse(&directory.to_string())?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let store = EmbeddedStore::start(
            listen,
            &Keys::parse(SECOND_FACTOR_KEY)?,
            &directory,
            &Clock::System,
        )
        .await?;
        let meter = Meter::start(store.address()).await?;
        Ok(Self {
            store,
            meter,
            company: Company::try_from("1")?,
        })
    }

    fn app(endpoint: SocketAddr) -> App {
        app(&format!("http://{endpoint}"))
    }

    fn device(&self, id: &str) -> Result<(LockTarget, Item), Failure> {
        let id = DeviceId::try_from(id)?;
        let device = NewDevice {
            company: &self.company,
            id: &id,
            name: id.as_str(),
            ip: "192.0.2.1",
            description: "",
        };
        Ok((
            LockTarget::device(&self.company, &id),
            device.to_item(Clock::System.now()),
        ))
    }

    /// What a lock leaves on a device: taken from one that the product itself has locked.
    async fn lock_attributes(&self) -> Result<Item, Failure> {
        let app = Self::app(self.store.address());
        let (target, free) = self.device("pattern")?;
        self.put(vec![free.clone()]).await?;
        let session = sdm_session(&app, "alice", PASSWORD).await?;
        act(&app, &session, "pattern", "Lock").await?;
        let locked = app
            .store
            .read(std::slice::from_ref(target.key()))
            .await?
            .take(target.key());
        let locked = locked.ok_or("the device is gone")?;
        Ok(locked
            .into_iter()
            .filter(|(name, value)| free.get(name) != Some(value))
            .collect())
    }

    /// Enters locked devices with these numbers.
    async fn fill(&self, numbers: std::ops::Range<usize>, pattern: &Item) -> Result<(), Failure> {
        let numbers: Vec<usize> = numbers.collect();
        stream::iter(numbers.chunks(BATCH))
            .map(|batch| async move {
                let mut rows = Vec::new();
                for number in batch {
                    let (target, mut row) = self.device(&filled(*number))?;
                    row.extend(pattern.clone());
                    let lock = DeviceRow::parse(row.clone())?.lock.state;
                    let lock = lock.live(Clock::System.now()).ok_or("the pattern is free")?;
                    let order = LockShards::order(lock, target.key());
                    row.insert("lock_order".to_owned(), AttributeValue::S(order));
                    rows.push(row);
                }
                self.put(rows).await
            })
            .buffer_unordered(4)
            .try_collect::<()>()
            .await
    }

    async fn put(&self, rows: Vec<Item>) -> Result<(), Failure> {
        let app = Self::app(self.store.address());
        let mut writes = Vec::new();
        for row in rows {
            let put = PutRequest::builder().set_item(Some(row)).build()?;
            writes.push(WriteRequest::builder().put_request(put).build());
        }
        let table = app.store.table_name(StoreTable::Resources);
        app.store
            .client()
            .batch_write_item()
            .set_request_items(Some(HashMap::from([(table.to_owned(), writes)])))
            .send()
            .await?;
        Ok(())
    }

    /// Locks and unlocks free devices, once counted and once timed.
    async fn step(&self, locked_devices: usize) -> Result<Step, Failure> {
        let ids = probes(locked_devices);
        let mut rows = Vec::new();
        for id in &ids {
            rows.push(self.device(id)?.1);
        }
        for batch in rows.chunks(BATCH) {
            self.put(batch.to_vec()).await?;
        }
        let (counted, timed) = ids.split_at(PROBES);

        let direct = Self::app(self.store.address());
        let stranger = sdm_session(&direct, "bob", PASSWORD).await?;
        let last = filled(locked_devices - 1);
        let refused = act(&direct, &stranger, &last, "Lock").await;
        if !refused.is_err_and(|error| error.to_string().contains("\"statusCode\":423")) {
            return Err(format!("{last} should be locked, and is not").into());
        }

        let metered = Self::app(self.meter.address());
        // Signed in anew, so that no request is the one in a minute that prolongs the session.
        let session = sdm_session(&metered, "alice", PASSWORD).await?;
        self.meter.take();
        let mut costs = Vec::new();
        for action in ["Lock", "Unlock"] {
            for id in counted {
                act(&metered, &session, id, action).await?;
            }
            costs.push(self.meter.take());
        }

        let session = sdm_session(&direct, "alice", PASSWORD).await?;
        let mut medians = Vec::new();
        for action in ["Lock", "Unlock"] {
            let mut calls = Vec::new();
            for id in timed {
                let begin = Instant::now();
                act(&direct, &session, id, action).await?;
                calls.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            medians.push(median(calls));
        }
        let per_call = |place: usize| PerCall::of(costs[place], medians[place]);
        Ok(Step {
            locked_devices,
            lock: per_call(0),
            unlock: per_call(1),
        })
    }
}

impl PerCall {
    fn of(cost: Cost, ms: f64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of a benchmark are far below 2^52"
        )]
        let mean = |total: u64| total as f64 / PROBES as f64;
        #[expect(clippy::cast_precision_loss, reason = "so is this constant")]
        let capacity_units = cost.capacity_units / PROBES as f64;
        Self {
            requests: mean(cost.requests),
            bytes: mean(cost.bytes),
            capacity_units,
            ms,
        }
    }
}

/// Ids that are all as long as each other, so that their rows and index keys are.
fn probes(step: usize) -> Vec<String> {
    (0..2 * PROBES)
        .map(|number| format!("P{step:07}-{number:05}"))
        .collect()
}

/// The id of the locked device with this number.
fn filled(number: usize) -> String {
    format!("L{number:09}")
}

/// One call of `lock-device` in this process.
async fn act(app: &App, session: &str, device: &str, action: &str) -> Result<(), Failure> {
    let route = "POST /rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action";
    let path = format!("/rest/v1.3/inventory/deviceMgmt/devices/{device}/action");
    let event: Value = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "cookies": [format!("JSESSIONID={session}")],
        "pathParameters": {"versionId": "v1.3", "deviceId": device},
        "requestContext": {"routeKey": route, "stage": "$default", "http": {
            "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}},
        "body": json!({"type": action}).to_string(), "isBase64Encoded": false,
    });
    invoke(app, function("lock-device")?, &event).await?;
    Ok(())
}

fn table(steps: &[Step]) -> String {
    let mut table = Table::new(&[
        "locked devices",
        "lock: requests",
        "bytes",
        "capacity units",
        "ms",
        "unlock: requests",
        "bytes",
        "capacity units",
        "ms",
    ]);
    for step in steps {
        let mut cells = vec![step.locked_devices.to_string()];
        for call in [&step.lock, &step.unlock] {
            cells.extend([
                digits(call.requests),
                format!("{:.1}", call.bytes),
                digits(call.capacity_units),
                digits(call.ms),
            ]);
        }
        table.row(cells);
    }
    table.finish()
}

/// What is counted must be the same at every step, to the byte; times may differ and are only told.
fn flat(steps: &[Step]) -> Result<(), Failure> {
    let counted = |call: &PerCall| [call.requests, call.bytes, call.capacity_units];
    let of = |step: &Step| [counted(&step.lock), counted(&step.unlock)];
    let differs = |one: &Step, other: &Step| {
        let (one, other) = (of(one), of(other));
        one.iter()
            .flatten()
            .zip(other.iter().flatten())
            .any(|(one, other)| (one - other).abs() > 1e-9)
    };
    match steps.iter().find(|step| differs(step, &steps[0])) {
        None => Ok(()),
        Some(step) => Err(format!(
            "a lock costs something else among {} locked devices than among {}",
            step.locked_devices, steps[0].locked_devices
        )
        .into()),
    }
}
