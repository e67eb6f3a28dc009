//! `cargo run`: the local server.

use std::io::{self, Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use holdfast::Clock;
use holdfast::config::SECOND_FACTOR_KEYS;
use holdfast::lock::Epoch;
use holdfast_directory::Directory;
use holdfast_local::{EmbeddedStore, HistorySource, Keys, Options, Server, guide};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Owner-only locks for privileged sessions, network devices and user accounts: the whole API on this machine,
/// over an embedded DynamoDB.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast-local",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run only the embedded DynamoDB, with the tables and the directory in it, for functions that run elsewhere on
    /// this machine. Second factors are sealed with the key in `SECOND_FACTOR_KEYS`, which sign-in is given as well.
    Store {
        /// The address and port to listen on. Anyone who reaches it may read and write everything.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
        /// Start with the people and devices of this JSON file instead of the demo's.
        #[arg(long, value_name = "FILE")]
        directory: Option<PathBuf>,
    },
    /// Ask the server on this machine whether it is ready: exit status 0 where it is. For containers, which have no other
    /// client in them.
    Health {
        /// The port that the server listens on.
        #[arg(long, default_value_t = 6500)]
        port: u16,
    },
    /// Print the code that a user of the directory would read off their phone now.
    Totp {
        /// The user's login.
        login: String,
        /// The JSON file to look in instead of the demo's.
        #[arg(long, value_name = "FILE")]
        directory: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 6500)]
    port: u16,
    /// The address to listen on. With any other than loopback, everyone who reaches it may use the API, and the demo's
    /// passwords are public.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::from(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// A name that the server answers for, beside localhost; once for each. A container's clients use its service's name.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Print neither commands to try nor a line for each request, only the address and what goes wrong.
    #[arg(long)]
    quiet: bool,
    /// Keep the data in this file, so that locks survive a restart. Without it they live in memory. The file is readable
    /// for you alone, and one server at a time uses it. The key that its second factors are sealed with is in FILE.key,
    /// unless `SECOND_FACTOR_KEYS` has another.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Start with the people and devices of this JSON file instead of the demo's. The demo's are entered only into
    /// an empty store.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// How often the data were put back to an earlier state, 0 to 8191: fences and changes go on above all earlier ones.
    /// `holdfast restore adopt` says the number.
    #[arg(long, value_name = "N", default_value_t)]
    epoch: Epoch,
    /// Use the DynamoDB at this address instead of the embedded one.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    dynamodb: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let requests = if arguments.serve.quiet {
        tracing::Level::WARN
    } else {
        tracing::Level::INFO
    };
    tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_writer(io::stderr),
        )
        // One line a request; of the handlers only what went wrong.
        .with(
            Targets::new()
                .with_default(tracing::Level::WARN)
                .with_target("requests", requests)
                // It warns of every failed condition, which is an answer like any other.
                .with_target("dynoxide", tracing::Level::ERROR),
        )
        .init();
    let done = match arguments.command {
        Some(Command::Health { port }) => health(port),
        Some(Command::Totp { login, directory }) => totp(&login, directory.as_deref()),
        Some(Command::Store { listen, directory }) => store(listen, directory.as_deref()).await,
        None => serve(arguments.serve).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("holdfast-local: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Serve) -> Result<(), String> {
    let endings = Endings::new()?;
    let is_demo = arguments.directory.is_none();
    let quiet = arguments.quiet;
    let options = Options {
        bind: Some(arguments.bind),
        hosts: arguments.hosts,
        port: arguments.port,
        data: arguments.data,
        dynamodb: arguments.dynamodb,
        keys: given_keys()?,
        history: HistorySource::Store,
        directory: directory(arguments.directory.as_deref())?,
        only_into_empty: is_demo,
        epoch: arguments.epoch,
        clock: Clock::System,
        source_header: None,
    };
    let server = Server::start(options).await.map_err(|error| error.to_string())?;
    announce(&server, is_demo, quiet).map_err(|error| error.to_string())?;
    endings.first().await;
    // A client that holds its connection open must not keep the server from ending.
    let _ = tokio::time::timeout(Duration::from_secs(3), server.stop()).await;
    Ok(())
}

async fn store(listen: SocketAddr, file: Option<&Path>) -> Result<(), String> {
    let endings = Endings::new()?;
    let directory = directory(file)?;
    let keys = given_keys()?.ok_or_else(|| {
        format!(
            "{SECOND_FACTOR_KEYS} is not set: give this store and sign-in the same key, such as the output of `openssl rand -hex 32`"
        )
    })?;
    let store = EmbeddedStore::start(listen, &keys, &directory, &Clock::System)
        .await
        .map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "store listening on http://{}", store.address())
        .map_err(|error| error.to_string())?;
    endings.first().await;
    // A function that holds its connection open must not keep the store from ending.
    let _ = tokio::time::timeout(Duration::from_secs(3), store.stop()).await;
    Ok(())
}

/// The keys in the environment, where they are there.
fn given_keys() -> Result<Option<Keys>, String> {
    let Some(text) = std::env::var_os(SECOND_FACTOR_KEYS).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let keys = Keys::parse(text.to_str().unwrap_or_default());
    keys.map(Some)
        .map_err(|why| format!("{SECOND_FACTOR_KEYS} {why}"))
}

fn totp(login: &str, file: Option<&Path>) -> Result<(), String> {
    let directory = directory(file)?;
    let secret = directory
        .totp_secret(login)
        .ok_or_else(|| format!("the directory has no user {login} with a totp_secret"))?;
    writeln!(io::stdout(), "{}", secret.code_at(Clock::System.now())).map_err(|error| error.to_string())
}

fn health(port: u16) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let patience = Duration::from_secs(2);
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("{address}: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(format!(
            "{address} answers {}",
            answer.lines().next().unwrap_or_default()
        ))
    }
}

/// Ctrl-C and the SIGTERM of a supervisor. They are caught from here on: a server that says it listens also ends cleanly.
struct Endings {
    interrupt: Signal,
    terminate: Signal,
}

impl Endings {
    fn new() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn directory(file: Option<&Path>) -> Result<Directory, String> {
    match file {
        None => holdfast_local::demo_directory().map_err(|error| error.to_string()),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Directory::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
        }
    }
}

fn announce(server: &Server, is_demo: bool, quiet: bool) -> io::Result<()> {
    let address = server.address();
    let base = &format!("http://{address}");
    let mut out = io::stdout().lock();
    if quiet {
        // The address alone.
    } else if !server.has_entered_directory() {
        writeln!(
            out,
            "The store has people already, so the demo's are not entered."
        )?;
    } else if is_demo {
        // Every address of this machine is none to connect to.
        let reachable = if address.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", address.port())
        } else {
            base.clone()
        };
        // These secrets are public; those of a directory of one's own are never printed.
        writeln!(out, "{}", guide::demo_commands(&reachable))?;
    }
    writeln!(out, "listening on {base}")?;
    out.flush()
}
