//! One round: a store of its own, everybody at once, the worst that can happen, and then what is left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::Database;
use holdfast::Clock;
use holdfast::config::{HISTORY_KEPT, SECOND_FACTOR_KEYS};
use holdfast::id::Company;
use holdfast::lock::Timestamp;
use holdfast::runtime::{BatchAnswer, consume};
use holdfast::store::{HistoryRange, Item, RowKey, Store, Table};
use holdfast::target::Target;
use holdfast_local::{Streams, local_client, table_names};
use record_history::RecordHistory;
use serde_json::value::to_raw_value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::functions::Functions;
use super::load::{Load, count};
use super::proxy::{Proxy, Sabotage};
use super::wire::Way;
use super::world;
use crate::check::history::{ChangeRecord, EndRow, History, TargetEnd};
use crate::dice::Dice;

/// How long the server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a process lives between two kills, in milliseconds, at least and by how much more at most.
const FUNCTION_LIVES_MS: (u64, u64) = (150, 300);
const SERVER_LIVES_MS: (u64, u64) = (1_500, 2_500);

/// What all rounds of a run share.
#[derive(Debug)]
pub struct Stage {
    proxy: Proxy,
    functions: Arc<Functions>,
    programs: PathBuf,
    directory: tempfile::TempDir,
}

/// What a round has left.
#[derive(Debug)]
pub struct Round {
    /// What was recorded.
    pub history: History,
    /// How often each fault came.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many operations of each kind there were, and how many of them ended unknown.
    pub operations: BTreeMap<String, (u64, u64)>,
    /// How long the clients took.
    pub took: Duration,
}

/// The functions that are driven as processes.
const FUNCTIONS: [&str; 8] = [
    "break-lock",
    "devices",
    "hold-lock",
    "lock-activity-sessions",
    "lock-device",
    "lock-user",
    "locks",
    "users",
];

impl Stage {
    /// Starts the proxy and the functions' processes, whose programs lie in `programs`.
    ///
    /// # Errors
    /// What cannot be started.
    pub async fn set(programs: PathBuf, run: u64, sabotage: Option<Sabotage>) -> Result<Self, String> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let proxy = Proxy::start(nowhere, sabotage)
            .await
            .map_err(|error| format!("the proxy: {error}"))?;
        let functions = Functions::start(&FUNCTIONS, &programs, &proxy.endpoint(), run)
            .await
            .map_err(|error| format!("the functions in {}: {error}", programs.display()))?;
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        std::fs::write(
            directory.path().join("people.json"),
            world::directory().to_string(),
        )
        .map_err(|error| error.to_string())?;
        Ok(Self {
            proxy,
            functions: Arc::new(functions),
            programs,
            directory,
        })
    }

    /// A round behind the proxy: the local server and the functions over one store, with functions being killed.
    ///
    /// # Errors
    /// Where the round cannot be made, which says nothing of the service.
    pub async fn faulty_round(&self, seed: u64, round: u64, operations: u64) -> Result<Round, String> {
        let (upstream, store) = open_store(None).await?;
        self.proxy.point_to(upstream);
        let server = Program::start(
            &self.programs,
            &self.people(),
            0,
            &["--dynamodb", &self.proxy.endpoint()],
        )
        .await?;
        let ways = vec![
            Way::server(server.address),
            Way::Functions(Arc::clone(&self.functions)),
            Way::Functions(Arc::clone(&self.functions)),
        ];
        let load = Arc::new(Load::new(ways, operations));
        let began = Instant::now();
        let round_seed = Dice::of(seed, round).next();
        let mut dice = Dice::of(round_seed, u64::MAX);
        let mut kills = 0;
        let clients = load.run(round_seed, || self.proxy.be_faulty(round_seed));
        tokio::pin!(clients);
        loop {
            let life = Duration::from_millis(FUNCTION_LIVES_MS.0 + dice.below(FUNCTION_LIVES_MS.1));
            tokio::select! {
                done = &mut clients => { done?; break }
                () = tokio::time::sleep(life) => {
                    self.functions.kill_one(&mut dice);
                    kills += 1;
                }
            }
        }
        let took = began.elapsed();
        self.proxy.be_good().await;
        server.end().await;
        let operations = load.take_operations();
        let mut faults = self.proxy.take_counts();
        faults.insert("function-killed", kills);
        let targets = ends(upstream).await?;
        store.abort();
        Ok(Round {
            faults,
            operations: count(&operations),
            took,
            history: History {
                seed,
                round,
                loses_answers: true,
                operations,
                targets,
            },
        })
    }

    /// A round with the server alone, which keeps its data in a file and is killed again and again.
    ///
    /// # Errors
    /// Where the round cannot be made, which says nothing of the service.
    pub async fn killed_round(&self, seed: u64, round: u64, operations: u64) -> Result<Round, String> {
        let data = self.directory.path().join(format!("round-{round}.db"));
        let data = data.to_str().ok_or("a path in UTF-8")?.to_owned();
        let people = self.people();
        let arguments = ["--data", data.as_str()];
        let mut server = Program::start(&self.programs, &people, 0, &arguments).await?;
        let address = server.address;
        let load = Arc::new(Load::new(vec![Way::server(address)], operations));
        let began = Instant::now();
        let round_seed = Dice::of(seed, round).next();
        let mut dice = Dice::of(round_seed, u64::MAX);
        let mut kills = 0;
        let (start, mut has_started) = tokio::sync::oneshot::channel::<()>();
        let clients = load.run(round_seed, move || drop(start));
        tokio::pin!(clients);
        // No kills while the owners sign in.
        tokio::select! {
            done = &mut clients => done?,
            _ = &mut has_started => loop {
                let life = Duration::from_millis(SERVER_LIVES_MS.0 + dice.below(SERVER_LIVES_MS.1));
                tokio::select! {
                    done = &mut clients => { done?; break }
                    () = tokio::time::sleep(life) => {
                        kills += 1;
                        server.kill().await;
                        let again = Program::start(&self.programs, &people, address.port(), &arguments);
                        tokio::select! {
                            // The clients wait for the server and cannot be over before it is there.
                            done = &mut clients => { done?; break }
                            started = again => server = started?,
                        }
                    }
                }
            },
        }
        let took = began.elapsed();
        server.kill().await;
        let operations = load.take_operations();
        let (upstream, store) = open_store(Some(Path::new(&data))).await?;
        let targets = ends(upstream).await?;
        store.abort();
        for end in ["", "-wal", "-shm", "-lock"] {
            let _ = std::fs::remove_file(format!("{data}{end}"));
        }
        Ok(Round {
            faults: BTreeMap::from([("server-killed", kills)]),
            operations: count(&operations),
            took,
            history: History {
                seed,
                round,
                loses_answers: false,
                operations,
                targets,
            },
        })
    }

    fn people(&self) -> PathBuf {
        self.directory.path().join("people.json")
    }
}

/// The local server as a process.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    async fn start(programs: &Path, people: &Path, port: u16, arguments: &[&str]) -> Result<Self, String> {
        let program = programs.join("holdfast-local");
        let mut child = Command::new(&program)
            .args(["--port", &port.to_string(), "--directory"])
            .arg(people)
            .args(arguments)
            // The server starts again over the same store.
            .env(SECOND_FACTOR_KEYS, world::SECOND_FACTOR_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let out = child.stdout.take().ok_or("a pipe")?;
        let mut lines = BufReader::new(out).lines();
        let listening = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix("listening on http://") {
                    return address.parse().ok();
                }
            }
            None
        };
        let address = tokio::time::timeout(PATIENCE, listening)
            .await
            .ok()
            .flatten()
            .ok_or("the local server does not start")?;
        Ok(Self { child, address })
    }

    /// SIGKILL.
    async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    async fn end(mut self) {
        self.kill().await;
    }
}

/// A store in memory, or in a file.
async fn open_store(data: Option<&Path>) -> Result<(SocketAddr, JoinHandle<()>), String> {
    let database = match data {
        None => Database::memory(),
        Some(path) => Database::new(path.to_str().ok_or("a path in UTF-8")?),
    }
    .map_err(|error| error.to_string())?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((
        address,
        tokio::spawn(dynoxide::server::serve_on(listener, database)),
    ))
}

/// What the store holds when everything is over, with its history written to the end.
async fn ends(upstream: SocketAddr) -> Result<Vec<TargetEnd>, String> {
    let endpoint = format!("http://{upstream}");
    let store = Store::new(local_client(&endpoint), table_names());
    let history = RecordHistory::new(store.clone(), Clock::System, HISTORY_KEPT);
    let streams = Streams::new(endpoint, store.table_name(Table::Resources));
    let mut iterator = None;
    loop {
        let page = streams.read(iterator.take()).await?;
        if page.records == 0 {
            break;
        }
        let batch = to_raw_value(&page.batch).map_err(|error| error.to_string())?;
        let answer = consume(&history, &batch)
            .await
            .map_err(|error| error.to_string())?;
        if answer != BatchAnswer::default() {
            return Err("the history was not written to its end".to_owned());
        }
        iterator = page.next;
        if iterator.is_none() {
            break;
        }
    }
    let company = Company::try_from("1").map_err(|error| error.to_string())?;
    let mut ends = Vec::new();
    for name in world::targets() {
        let (kind, id) = name.split_once('/').ok_or("a kind and an id")?;
        let target = Target::parse(kind, id).ok_or("a target")?;
        let key = RowKey::of_target(&company, &target);
        let row = store
            .read(std::slice::from_ref(&key))
            .await
            .map_err(|error| error.to_string())?
            .take(&key);
        let mut records = Vec::new();
        let mut before: Option<String> = None;
        loop {
            let range = HistoryRange::Target(&target);
            let page = store
                .history(&company, &range, before.as_deref(), 500)
                .await
                .map_err(|error| error.to_string())?;
            records.extend(page.records.into_iter().map(|record| record.event).map(change));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        records.reverse();
        ends.push(TargetEnd {
            target: name.clone(),
            row: row.as_ref().map(end_row),
            records: Some(records),
        });
    }
    Ok(ends)
}

fn change(event: holdfast::lock::Event) -> ChangeRecord {
    ChangeRecord {
        change: event.change,
        at_ms: event.by.at.unix_ms(),
        action: event.action.as_str().to_owned(),
        actor: event.by.actor.to_string(),
        owner_before: event.owner_before.map(|owner| owner.to_string()),
        owner_after: event.owner_after.map(|owner| owner.to_string()),
        fence_before: event.fence_before.get(),
        fence_after: event.fence_after.get(),
        until_ms: event.until.map(Timestamp::unix_ms),
        dialect: event.by.origin.dialect.to_string(),
        request_id: event.by.origin.request.as_str().to_owned(),
    }
}

fn end_row(row: &Item) -> EndRow {
    let number = |name: &str| {
        row.get(name)
            .and_then(|value| value.as_n().ok()?.parse::<i64>().ok())
    };
    let natural = |name: &str| {
        number(name)
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0)
    };
    let text = |name: &str| {
        row.get(name)
            .and_then(|value: &AttributeValue| value.as_s().ok())
            .cloned()
    };
    EndRow {
        rev: natural("rev"),
        change: natural("change"),
        fence: natural("fence"),
        owner: text("lock_owner"),
        since_ms: number("lock_since"),
        until_ms: number("lock_until"),
        title: text("lock_title"),
    }
}
