//! `cargo run`: the local server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use holdfast::Clock;
use holdfast_directory::Directory;
use holdfast_local::{EmbeddedStore, HistorySource, Options, Server, guide};
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
    /// this machine.
    Store {
        /// The address and port to listen on. Anyone who reaches it may read and write everything.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
        /// Start with the people and devices of this JSON file instead of the demo's.
        #[arg(long, value_name = "FILE")]
        directory: Option<PathBuf>,
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
    /// The port on 127.0.0.1 to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 6500)]
    port: u16,
    /// Keep the data in this file, so that locks survive a restart. Without it they live in memory. The file is readable
    /// for you alone, and one server at a time uses it.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Start with the people and devices of this JSON file instead of the demo's. The demo's are entered only into
    /// an empty store.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Use the DynamoDB at this address instead of the embedded one.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    dynamodb: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
                .with_target("requests", tracing::Level::INFO)
                // It warns of every failed condition, which is an answer like any other.
                .with_target("dynoxide", tracing::Level::ERROR),
        )
        .init();
    let done = match arguments.command {
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
    let options = Options {
        port: arguments.port,
        data: arguments.data,
        dynamodb: arguments.dynamodb,
        history: HistorySource::Store,
        directory: directory(arguments.directory.as_deref())?,
        only_into_empty: is_demo,
        clock: Clock::System,
        source_header: None,
    };
    let server = Server::start(options).await.map_err(|error| error.to_string())?;
    announce(&server, is_demo).map_err(|error| error.to_string())?;
    endings.first().await;
    // A client that holds its connection open must not keep the server from ending.
    let _ = tokio::time::timeout(Duration::from_secs(3), server.stop()).await;
    Ok(())
}

async fn store(listen: SocketAddr, file: Option<&Path>) -> Result<(), String> {
    let endings = Endings::new()?;
    let directory = directory(file)?;
    let store = EmbeddedStore::start(listen, &directory, &Clock::System)
        .await
        .map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "store listening on http://{}", store.address())
        .map_err(|error| error.to_string())?;
    endings.first().await;
    // A function that holds its connection open must not keep the store from ending.
    let _ = tokio::time::timeout(Duration::from_secs(3), store.stop()).await;
    Ok(())
}

fn totp(login: &str, file: Option<&Path>) -> Result<(), String> {
    let directory = directory(file)?;
    let secret = directory
        .totp_secret(login)
        .ok_or_else(|| format!("the directory has no user {login} with a totp_secret"))?;
    writeln!(io::stdout(), "{}", secret.code_at(Clock::System.now())).map_err(|error| error.to_string())
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

fn announce(server: &Server, is_demo: bool) -> io::Result<()> {
    let base = &format!("http://{}", server.address());
    let mut out = io::stdout().lock();
    if !server.has_entered_directory() {
        writeln!(
            out,
            "The store has people already, so the demo's are not entered."
        )?;
    } else if is_demo {
        // These secrets are public; those of a directory of one's own are never printed.
        writeln!(out, "{}", guide::demo_commands(base))?;
    }
    writeln!(out, "listening on {base}")?;
    out.flush()
}
