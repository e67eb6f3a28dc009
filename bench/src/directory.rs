//! How long it takes to bring many people and devices into the tables, to compare, and to write them down again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use holdfast::Clock;
use holdfast::id::RequestId;
use holdfast::secret::{Password, hash_password};
use holdfast::store::{Store, operator};
use holdfast_directory::{Directory, Live, PARALLEL, Plan, Proven, Unwatched, Work};
use holdfast_local::{EmbeddedStore, Keys, local_client};
use holdfast_tests::SECOND_FACTOR_KEY;
use serde::Serialize;
use serde_json::{Value, json};

use crate::figures::{self, digits};
use crate::machine::Machine;
use crate::scenario::{app, switch_stream_off};
use crate::slow_store::delayed;
use crate::{Failure, Output};

/// People whose passwords are hashed for one figure. A hash takes tens of milliseconds, on purpose.
const HASHED: usize = 200;
/// How much faster many at once must be than one after the other.
const WANTED: f64 = 4.0;
const PASSWORD: &str = "a password for the benchmark";

#[derive(Serialize)]
struct Run {
    machine: Machine,
    people: usize,
    devices: usize,
    delay_ms: u64,
    /// All entries, without hashing, in seconds.
    apply_one_by_one_seconds: f64,
    apply_seconds: f64,
    plan_again_seconds: f64,
    export_seconds: f64,
    plan_of_export_seconds: f64,
    /// People who get a password that is not hashed yet.
    hashed_people: usize,
    hash_on_one_core_seconds: f64,
    apply_hashed_seconds: f64,
}

/// Measures with so many people and as many devices over a store that is `delay_ms` away. It fails where a second plan, or one of
/// what was exported, has something to do, and where many steps at once are not four times as fast as one after the other.
pub async fn run(entries: usize, delay_ms: u64, output: &Output) -> Result<(), Failure> {
    let hash = hash_password(&Password::new(PASSWORD)).map_err(|error| error.to_string())?;
    let file = directory(entries, entries, &json!({"password_hash": hash.reveal()}));
    let delay = Duration::from_millis(delay_ms);

    eprintln!("{entries} people and {entries} devices, one after the other");
    let one_by_one = World::start(delay).await?.apply(&file, 1).await?;

    eprintln!("the same, {PARALLEL} at once");
    let world = World::start(delay).await?;
    let at_once = world.apply(&file, PARALLEL).await?;
    let again = world.plan(&file).await?;

    let began = Instant::now();
    let exported = Live::read(&world.store, &Directory::parse("{}")?)
        .await?
        .to_file();
    let exported = serde_json::to_string(&exported)?;
    let export = began.elapsed();
    let of_export = world.plan(&exported).await?;

    eprintln!("{HASHED} people with a password to hash");
    let file = directory(HASHED, 0, &json!({"password": PASSWORD}));
    let hashed = World::start(delay).await?.apply(&file, PARALLEL).await?;
    let began = Instant::now();
    for _ in 0..HASHED {
        hash_password(&Password::new(PASSWORD)).map_err(|error| error.to_string())?;
    }
    let on_one_core = began.elapsed();

    let run = Run {
        machine: Machine::this(),
        people: entries,
        devices: entries,
        delay_ms,
        apply_one_by_one_seconds: one_by_one.as_secs_f64(),
        apply_seconds: at_once.as_secs_f64(),
        plan_again_seconds: again.as_secs_f64(),
        export_seconds: export.as_secs_f64(),
        plan_of_export_seconds: of_export.as_secs_f64(),
        hashed_people: HASHED,
        hash_on_one_core_seconds: on_one_core.as_secs_f64(),
        apply_hashed_seconds: hashed.as_secs_f64(),
    };
    output.write(&run, &tables(&run))?;
    let factor = run.apply_one_by_one_seconds / run.apply_seconds;
    if factor < WANTED {
        return Err(format!("{PARALLEL} at once are only {factor:.1} times as fast").into());
    }
    Ok(())
}

/// A store of its own, and the way to it.
struct World {
    store: Store,
    _embedded: EmbeddedStore,
}

impl World {
    async fn start(delay: Duration) -> Result<Self, Failure> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let keys = Keys::parse(SECOND_FACTOR_KEY)?;
        let nobody = Directory::parse("{}")?;
        let embedded = EmbeddedStore::start(listen, &keys, &nobody, &Clock::System).await?;
        let store = app(&format!("http://{}", delayed(embedded.address(), delay).await?)).store;
        switch_stream_off(&local_client(&format!("http://{}", embedded.address()))).await?;
        Ok(Self {
            store,
            _embedded: embedded,
        })
    }

    async fn planned(&self, file: &str) -> Result<Plan, Failure> {
        let directory = Directory::parse(file)?;
        let live = Live::read(&self.store, &directory).await?;
        let proven = Proven::find(&directory, &live, None, &Unwatched).await?;
        Ok(Plan::new(&directory, &live, &proven, false, Clock::System.now()))
    }

    /// How long it takes to see that there is nothing to do.
    async fn plan(&self, file: &str) -> Result<Duration, Failure> {
        let began = Instant::now();
        let plan = self.planned(file).await?;
        let took = began.elapsed();
        match plan.steps() {
            [] => Ok(took),
            [step, ..] => Err(format!("{} has changes, and should have none", step.subject).into()),
        }
    }

    /// How long it takes from the file to the tables.
    async fn apply(&self, file: &str, parallel: usize) -> Result<Duration, Failure> {
        let began = Instant::now();
        let plan = self.planned(file).await?;
        let wanted = plan.steps().len();
        let by = operator("bench", RequestId::new("directory"), Clock::System.now());
        let applied = plan
            .apply(Work {
                store: &self.store,
                by: &by,
                // No entry has a second factor.
                keys: None,
                parallel,
                watch: &Unwatched,
            })
            .await;
        let took = began.elapsed();
        if applied.is_all() && applied.done.created == wanted {
            Ok(took)
        } else {
            Err(format!("not everything was written: {applied:?}").into())
        }
    }
}

fn directory(people: usize, devices: usize, secret: &Value) -> String {
    let users: Vec<Value> = (0..people)
        .map(|number| {
            let mut user = json!({
                "company": "1", "login": format!("person{number:05}"), "name": format!("Person {number}"),
                "mfa": "not-required", "groups": ["provisioners"], "sources": ["192.0.2.0/28"],
            });
            if let (Some(user), Some(secret)) = (user.as_object_mut(), secret.as_object()) {
                user.extend(secret.clone());
            }
            user
        })
        .collect();
    let devices: Vec<Value> = (0..devices)
        .map(|number| {
            json!({"company": "1", "id": format!("D{number:05}"), "name": format!("sbc-{number:05}"), "ip": "192.0.2.1"})
        })
        .collect();
    json!({
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": users,
        "devices": devices,
    })
    .to_string()
}

fn tables(run: &Run) -> String {
    let mut table = figures::Table::new(&["", "seconds", "entries a second", "times as fast"]);
    let entries = run.people + run.devices;
    let people = run.hashed_people;
    let rows = [
        (
            "apply, one after the other".to_owned(),
            run.apply_one_by_one_seconds,
            entries,
            None,
        ),
        (
            format!("apply, {PARALLEL} at once"),
            run.apply_seconds,
            entries,
            Some(run.apply_one_by_one_seconds),
        ),
        (
            "plan again: no changes".to_owned(),
            run.plan_again_seconds,
            entries,
            None,
        ),
        ("export".to_owned(), run.export_seconds, entries, None),
        (
            "plan of the export: no changes".to_owned(),
            run.plan_of_export_seconds,
            entries,
            None,
        ),
        (
            format!("hash {people} passwords on one core"),
            run.hash_on_one_core_seconds,
            people,
            None,
        ),
        (
            format!("apply {people} people with passwords to hash"),
            run.apply_hashed_seconds,
            people,
            Some(run.hash_on_one_core_seconds),
        ),
    ];
    for (name, seconds, count, before) in rows {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of a benchmark are far below 2^52"
        )]
        let rate = count as f64 / seconds;
        let factor = before.map_or(String::new(), |before| digits(before / seconds));
        table.row([name, digits(seconds), digits(rate), factor]);
    }
    format!(
        "{}\n{} people and {} devices over an embedded store in the same process, of which each answer takes {} ms more. {}\n",
        table.finish(),
        run.people,
        run.devices,
        run.delay_ms,
        run.machine.line()
    )
}
