//! The service under faults: real requests in every dialect to the local server and to the functions' built binaries, over a
//! network that loses, repeats and delays, with processes that are killed; and every history checked.

mod dialects;
mod functions;
mod load;
mod proxy;
mod rounds;
mod summary;
mod wire;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rounds::{Round, Stage};

use crate::check::check;
use crate::dice::Dice;

pub use proxy::Sabotage;
pub use summary::{Latencies, Summary};

/// One round in so many is that of a server that is killed.
const KILLED_ROUNDS: u64 = 5;

/// `proof soak`: drives the service under faults and checks what it answers.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// For how long new rounds are begun.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of everything that is drawn; without it, one that is printed. A seed that has results already goes on with its
    /// next round.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends after so many operations, where the seconds are not over before.
    #[arg(long, value_name = "N")]
    operations: Option<u64>,
    /// How many operations a round has. Each has a store of its own.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    per_round: u64,
    /// The folder with the built programs of the functions and of the local server; without it, they are built.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Where the summary of the run and the histories with violations go.
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
    /// Lets the store do what no store does, to see that the checks find it: the run then fails.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Keeps the history of every round, not of those with violations alone.
    #[arg(long)]
    keep: bool,
}

/// Runs the rounds.
pub fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(soak(arguments)) {
        Ok(summary) if summary.violations.is_empty() => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Ok(summary) => {
            println!("{summary}");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("the soak cannot go on: {why}");
            ExitCode::from(2)
        }
    }
}

async fn soak(arguments: &Arguments) -> Result<Summary, String> {
    let programs = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => tokio::task::spawn_blocking(build)
            .await
            .map_err(|error| error.to_string())??,
    };
    let seed = arguments.seed.unwrap_or_else(fresh_seed);
    println!("seed {seed}");
    let path = arguments.results.join(format!("soak-{seed}.json"));
    let mut summary = Summary::open(&path, seed)?;
    let run = Dice::of(seed, summary.rounds).next();
    let stage = Stage::set(programs, run, arguments.sabotage).await?;
    let (began, before) = (Instant::now(), summary.operations);
    let is_over = |summary: &Summary| {
        began.elapsed() >= Duration::from_secs(arguments.seconds)
            || arguments
                .operations
                .is_some_and(|wanted| summary.operations - before >= wanted)
    };
    while !is_over(&summary) {
        let number = summary.rounds;
        let round = if number % KILLED_ROUNDS == KILLED_ROUNDS - 1 {
            stage.killed_round(seed, number, arguments.per_round).await?
        } else {
            stage.faulty_round(seed, number, arguments.per_round).await?
        };
        let Round { history, .. } = &round;
        let verdict = tokio::task::block_in_place(|| check(history));
        println!(
            "round {number}: {} operations in {:.1} s; {verdict}",
            history.operations.len(),
            round.took.as_secs_f64()
        );
        if arguments.keep || !verdict.violations.is_empty() {
            let file = keep(&arguments.results, &round)?;
            println!("the history is in {}", file.display());
        }
        summary.add(
            &round.history,
            &round.faults,
            &round.operations,
            round.took,
            verdict,
        );
        summary.save(&path)?;
    }
    Ok(summary)
}

fn fresh_seed() -> u64 {
    // Short enough to be typed again.
    Dice::new(load::Stopwatch::start().now_us()).below(1_000_000_000)
}

fn keep(results: &Path, round: &Round) -> Result<PathBuf, String> {
    let folder = results.join("failed");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let file = folder.join(format!("{}-{}.json", round.history.seed, round.history.round));
    let text = serde_json::to_string(&round.history).map_err(|error| error.to_string())?;
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    Ok(file)
}

/// Builds the functions and the local server as this program was built; the answer is the folder that has them.
fn build() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = program.parent().ok_or("a folder")?.to_owned();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev".to_owned(),
        Some(name) => name.to_owned(),
    };
    let functions = holdfast_local::FUNCTIONS.iter().map(|function| function.name);
    let packages = functions.chain(["holdfast-local"]);
    let status = std::process::Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["build", "--quiet", "--locked", "--bins", "--profile", &profile])
        .args(packages.flat_map(|package| ["--package", package]))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(folder)
    } else {
        Err("the functions do not build".to_owned())
    }
}
