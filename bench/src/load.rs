//! A closed loop against the local server: every client sends its next request when it has the answer to the last.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use holdfast::secret::{Password, hash_password};
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::figures::{Table, digits};
use crate::http::Connection;
use crate::machine::Machine;
use crate::{Failure, Output, artifacts, root};

const PASSWORD: &str = "a password for the benchmark";
/// Not counted: connections open, caches fill.
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Figures {
    load: &'static str,
    connections: usize,
    devices: usize,
    requests_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    /// Locks taken and released.
    done: u64,
    /// Refused because someone else holds the lock.
    held_by_other: u64,
    /// Lost three races for the row in a row, and told to try again.
    lost_every_race: u64,
}

#[derive(Serialize)]
struct Run {
    machine: Machine,
    seconds: u64,
    loads: Vec<Figures>,
}

/// Runs both loads: spread over many devices, and all on one.
pub async fn run(connections: usize, devices: usize, seconds: u64, output: &Output) -> Result<(), Failure> {
    let target = root().join("target");
    let binary = artifacts::build_function(root(), &target, "holdfast-local", &[], &["--locked"])?;
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("directory.json");
    std::fs::write(&directory, people_and_devices(connections, devices)?)?;
    let (_server, address) = start(&binary, &directory).await?;
    eprintln!("signing {connections} users in");
    let mut cookies = Vec::new();
    for user in 0..connections {
        cookies.push(sign_in(address, user).await?);
    }
    let counted = Duration::from_secs(seconds);
    let loads = vec![
        load("mixed", address, &cookies, devices, counted).await?,
        load("one hot device", address, &cookies, 1, counted).await?,
    ];
    let run = Run {
        machine: Machine::this(),
        seconds,
        loads,
    };
    let tables = format!(
        "{}\n{connections} connections for {seconds} s after {} s of warm-up; clients, server and store share the machine. {}\n",
        table(&run.loads),
        WARM_UP.as_secs(),
        run.machine.line()
    );
    output.write(&run, &tables)
}

fn people_and_devices(users: usize, devices: usize) -> Result<String, Failure> {
    let hash = hash_password(&Password::new(PASSWORD)).map_err(|error| error.to_string())?;
    let users: Vec<Value> = (0..users)
        .map(|number| {
            json!({"company": "1", "login": format!("user-{number:03}"), "password_hash": hash.reveal(),
                   "groups": ["provisioners"]})
        })
        .collect();
    let devices: Vec<Value> = (0..devices)
        .map(
            |number| json!({"company": "1", "id": device(number), "name": device(number), "ip": "192.0.2.1"}),
        )
        .collect();
    let companies = json!([{"id": "1", "name": "Acme", "licences": []}]);
    Ok(json!({"companies": companies, "users": users, "devices": devices}).to_string())
}

fn device(number: usize) -> String {
    format!("D{number:07}")
}

/// Starts the local server as its users do.
async fn start(binary: &Path, directory: &Path) -> Result<(Child, SocketAddr), Failure> {
    eprintln!("starting the local server");
    let mut server = Command::new(binary)
        .args(["--port", "0", "--directory"])
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // One line a request, which a terminal would slow down.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(server.stdout.take().ok_or("a pipe")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix("listening on http://") {
            let address = address.parse()?;
            // The server may go on printing.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((server, address));
        }
    }
    Err("the local server does not start".into())
}

async fn sign_in(address: SocketAddr, user: usize) -> Result<String, Failure> {
    let body = json!({"userName": format!("user-{user:03}"), "password": PASSWORD}).to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/rest/v1.3/admin/login")
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(body))?;
    let (status, body) = Connection::open(address).await?.send(request).await?;
    if status != StatusCode::OK {
        return Err(format!("a sign-in was answered with {status}").into());
    }
    let session: Value = serde_json::from_slice(&body)?;
    Ok(format!(
        "JSESSIONID={}",
        session["sessionId"].as_str().ok_or("no sessionId")?
    ))
}

/// What one client has seen.
struct Seen {
    latencies_us: Histogram<u64>,
    done: u64,
    held_by_other: u64,
    lost_every_race: u64,
}

async fn load(
    name: &'static str,
    address: SocketAddr,
    cookies: &[String],
    devices: usize,
    counted: Duration,
) -> Result<Figures, Failure> {
    eprintln!("load: {name}");
    let begin = Instant::now() + WARM_UP;
    let clients = cookies
        .iter()
        .map(|cookie| tokio::spawn(client(address, cookie.clone(), devices, begin, begin + counted)));
    let mut all = Seen::new()?;
    for seen in try_join_all(clients).await? {
        let seen = seen?;
        all.latencies_us.add(&seen.latencies_us)?;
        all.done += seen.done;
        all.held_by_other += seen.held_by_other;
        all.lost_every_race += seen.lost_every_race;
    }
    let at = |share: f64| ms(all.latencies_us.value_at_quantile(share));
    #[expect(
        clippy::cast_precision_loss,
        reason = "requests of a few seconds are far below 2^52"
    )]
    let requests = all.latencies_us.len() as f64;
    Ok(Figures {
        load: name,
        connections: cookies.len(),
        devices,
        requests_per_second: requests / counted.as_secs_f64(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: ms(all.latencies_us.max()),
        done: all.done,
        held_by_other: all.held_by_other,
        lost_every_race: all.lost_every_race,
    })
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 µs")]
fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

/// Locks a device and, where that succeeds, unlocks it; then the next.
async fn client(
    address: SocketAddr,
    cookie: String,
    devices: usize,
    begin: Instant,
    end: Instant,
) -> Result<Seen, Failure> {
    let mut connection = Connection::open(address).await?;
    let mut seen = Seen::new()?;
    while Instant::now() < end {
        let device = device(fastrand::usize(..devices));
        for action in ["Lock", "Unlock"] {
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!("/rest/v1.3/inventory/deviceMgmt/devices/{device}/action"))
                .header(HOST, "localhost")
                .header(CONTENT_TYPE, "application/json")
                .header(COOKIE, &cookie)
                .body(Full::from(format!("{{\"type\":\"{action}\"}}")))?;
            let sent = Instant::now();
            let (status, _) = connection.send(request).await?;
            if sent >= begin && Instant::now() < end {
                seen.count(status, sent.elapsed())?;
            }
            if status != StatusCode::NO_CONTENT {
                break;
            }
        }
    }
    Ok(seen)
}

impl Seen {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            // Three digits that count, up to a minute.
            latencies_us: Histogram::new_with_bounds(1, 60_000_000, 3)?,
            done: 0,
            held_by_other: 0,
            lost_every_race: 0,
        })
    }

    fn count(&mut self, status: StatusCode, took: Duration) -> Result<(), Failure> {
        self.latencies_us.record(u64::try_from(took.as_micros())?)?;
        match status {
            StatusCode::NO_CONTENT => self.done += 1,
            StatusCode::LOCKED => self.held_by_other += 1,
            StatusCode::SERVICE_UNAVAILABLE => self.lost_every_race += 1,
            other => return Err(format!("a request was answered with {other}").into()),
        }
        Ok(())
    }
}

fn table(loads: &[Figures]) -> String {
    let mut table = Table::new(&[
        "load",
        "devices",
        "requests/s",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "204",
        "423",
        "503",
    ]);
    for load in loads {
        let Figures {
            load: name, devices, ..
        } = load;
        table.row([
            (*name).to_owned(),
            devices.to_string(),
            digits(load.requests_per_second),
            digits(load.p50_ms),
            digits(load.p90_ms),
            digits(load.p99_ms),
            digits(load.p999_ms),
            digits(load.max_ms),
            load.done.to_string(),
            load.held_by_other.to_string(),
            load.lost_every_race.to_string(),
        ]);
    }
    table.finish()
}
