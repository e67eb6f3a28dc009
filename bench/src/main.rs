//! What Holdfast costs, measured so that anyone can repeat it: `bench/README.md` says how to read the tables.

mod artifacts;
mod bodies;
mod check;
mod cpu_limit;
mod directory;
mod figures;
mod functions;
mod http;
mod load;
mod machine;
mod meter;
mod process;
mod run;
mod runtime_api;
mod scale;
mod scenario;
mod slow_store;
mod subject;
mod variants;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

/// Whatever ends a benchmark early, in one line.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What Holdfast costs: start-up, calls, size and load, and how that compares.
#[derive(Debug, Parser)]
#[command(name = "holdfast-bench", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every function's start-up, calls, memory and size beside a bare `lambda_http` function and the peers.
    Functions {
        #[command(flatten)]
        rounds: Rounds,
        /// Leave the Python and the Node function out.
        #[arg(long)]
        without_peers: bool,
        /// Fail where a limit is broken, or where a ratio is worse than in this JSON file by more than its margin.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// The first calls with the share of a core that a small function has. Needs a cgroup that may be written.
    Throttled {
        #[command(flatten)]
        rounds: Rounds,
        /// The share of a core in percent: 7 is that of 128 MB.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
        percent: u32,
        /// Leave the Python and the Node function out.
        #[arg(long)]
        without_peers: bool,
        #[command(flatten)]
        output: Output,
    },
    /// What each choice of the build and of start-up buys: a function built or configured otherwise.
    Variants {
        /// The function.
        #[arg(long, default_value = "lock-device")]
        function: String,
        #[command(flatten)]
        rounds: Rounds,
        /// Only the variants whose name has this in it, beside the shipped one.
        #[arg(long)]
        only: Option<String>,
        /// Another build of the function to measure beside them; may be given more than once.
        #[arg(long, value_name = "FILE")]
        binary: Vec<PathBuf>,
        /// Measure only what an earlier run has built, and build none of it again.
        #[arg(long)]
        reuse: bool,
        #[command(flatten)]
        output: Output,
    },
    /// A closed loop of clients against the local server: throughput and latency.
    Load {
        /// Connections, each with one request at a time.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Devices that the mixed load spreads over.
        #[arg(long, default_value_t = 10_000)]
        devices: usize,
        /// Seconds of each load that are counted.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Requests, bytes and capacity units of one lock among few and among many locked devices.
    Scale {
        /// The most locked devices; the smaller steps are powers of ten from 100 on.
        #[arg(long, default_value_t = 1_000_000)]
        up_to: usize,
        #[command(flatten)]
        output: Output,
    },
    /// People and devices from a file into the tables and back: one after the other, many at once, and again.
    Directory {
        /// How many people, and how many devices.
        #[arg(long, default_value_t = 10_000)]
        entries: usize,
        /// How much longer each answer of the store takes, in milliseconds.
        #[arg(long, default_value_t = 5)]
        delay_ms: u64,
        #[command(flatten)]
        output: Output,
    },
    /// How long hostile bodies and headers take to read, beside valid ones of the same size.
    Bodies {
        /// Reads of every body.
        #[arg(long, default_value_t = 1_000)]
        rounds: usize,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Rounds {
    /// Starts of every program, one of each in turn.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Calls after each start that count as warm.
    #[arg(long, default_value_t = 100)]
    calls: usize,
}

#[derive(Clone, Debug, Args)]
struct Output {
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables to this file; they are always printed.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Output {
    fn write(&self, figures: &impl Serialize, tables: &str) -> Result<(), Failure> {
        println!("{tables}");
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_string_pretty(figures)? + "\n")?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, tables)?;
        }
        Ok(())
    }
}

/// The folder of the workspace that is measured.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Functions {
            rounds,
            without_peers,
            check,
            output,
        } => functions::run(rounds, !without_peers, check.as_deref(), &output).await,
        Command::Throttled {
            rounds,
            percent,
            without_peers,
            output,
        } => functions::run_throttled(rounds, percent, !without_peers, &output).await,
        Command::Variants {
            function,
            rounds,
            only,
            binary,
            reuse,
            output,
        } => variants::run(&function, rounds, only.as_deref(), &binary, reuse, &output).await,
        Command::Load {
            connections,
            devices,
            seconds,
            output,
        } => load::run(connections, devices, seconds, &output).await,
        Command::Scale { up_to, output } => scale::run(up_to, &output).await,
        Command::Directory {
            entries,
            delay_ms,
            output,
        } => directory::run(entries, delay_ms, &output).await,
        Command::Bodies { rounds, output } => bodies::run(rounds, &output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
