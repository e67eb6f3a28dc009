//! Every function beside the bare function and the peers, one start of each in turn, so that a machine that is slow
//! for a while is slow for all of them.

use std::path::{Path, PathBuf};

use holdfast_tests::TlsEndpoint;
use tempfile::TempDir;

use crate::figures::{Figures, Table, digits, megabytes};
use crate::machine::Machine;
use crate::run::{HELLO_WORLD, Run};
use crate::scenario::Scenario;
use crate::subject::{Sample, Subject};
use crate::{Failure, Output, Rounds, artifacts, check};

/// One sign-in hashes a password; a hundred of them show no more than ten.
const SIGN_IN_CALLS: usize = 10;

/// Where Debian and Amazon Linux keep the authorities that they trust.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// What is measured and how often.
pub struct Bench {
    scenario: Scenario,
    endpoint: TlsEndpoint,
    folder: TempDir,
}

impl Bench {
    /// Starts the store and its TLS endpoint.
    pub async fn start() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let scenario = Scenario::start().await?;
        let endpoint = TlsEndpoint::start(scenario.address()?, folder.path()).await?;
        Ok(Self {
            scenario,
            endpoint,
            folder,
        })
    }

    /// A file with every authority that the system trusts, and the benchmark's.
    pub fn system_authorities(&self) -> Result<PathBuf, Failure> {
        let system = SYSTEM_AUTHORITIES
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok());
        let system = system.ok_or("the system's certificate authorities are not where they usually are")?;
        let all = self.folder.path().join("system-authorities.pem");
        std::fs::write(
            &all,
            system + &std::fs::read_to_string(self.endpoint.authority())?,
        )?;
        Ok(all)
    }

    /// Starts each subject in turn, `rounds.starts` times: the samples of each.
    pub async fn measure(
        &self,
        subjects: &[Subject],
        rounds: Rounds,
        percent_of_a_core: Option<u32>,
    ) -> Result<Vec<Vec<Sample>>, Failure> {
        let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
        // The first round is not counted: it reads every program from the disk.
        for round in 0..=rounds.starts {
            eprintln!("round {round} of {}", rounds.starts);
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                let calls = if subject.function == "sign-in" {
                    rounds.calls.min(SIGN_IN_CALLS)
                } else {
                    rounds.calls
                };
                let log = self
                    .folder
                    .path()
                    .join(subject.name.replace([' ', ',', '/'], "-"));
                let sample = subject
                    .sample(&self.scenario, &self.endpoint, calls, percent_of_a_core, &log)
                    .await;
                // What a process has logged is of use where it failed.
                let sample = sample
                    .inspect_err(|_| show_end(&log))
                    .map_err(|error| format!("{}: {error}", subject.name))?;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        Ok(samples)
    }
}

fn show_end(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(10)) {
        eprintln!("  {line}");
    }
}

/// Measures everything, and compares.
pub async fn run(
    rounds: Rounds,
    with_peers: bool,
    baseline: Option<&Path>,
    output: &Output,
) -> Result<(), Failure> {
    let run = measure(rounds, with_peers, None).await?;
    let verdict = check::limits(&run);
    let tables = format!(
        "{}\n{}\n{}\n{}\n",
        times(&run),
        weights(&run),
        verdict.table(),
        how(&run)
    );
    output.write(&run, &tables)?;
    let Some(path) = baseline else { return Ok(()) };
    let baseline: Run = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    verdict.and(check::ratios(&run, &baseline)).into_result()
}

/// Measures everything with a share of a core.
pub async fn run_throttled(
    rounds: Rounds,
    percent: u32,
    with_peers: bool,
    output: &Output,
) -> Result<(), Failure> {
    let run = measure(rounds, with_peers, Some(percent)).await?;
    let mut table = Table::new(&[
        "",
        "first call ms",
        "warm call ms",
        "p99",
        "CPU ms, first",
        "CPU ms, warm",
    ]);
    for program in &run.programs {
        table.row([
            title(program),
            digits(program.first_ms),
            digits(program.warm_ms),
            digits(program.warm_p99_ms),
            digits(program.first_cpu_ms),
            digits(program.warm_cpu_ms),
        ]);
    }
    output.write(&run, &format!("{}\n{}\n", table.finish(), how(&run)))
}

async fn measure(rounds: Rounds, with_peers: bool, percent: Option<u32>) -> Result<Run, Failure> {
    let functions = artifacts::functions()?;
    let hello_world = artifacts::hello_world()?;
    let peers = if with_peers {
        artifacts::peers()?
    } else {
        Vec::new()
    };
    let subject = |name: &str, function, program: PathBuf, warm_connections| Subject {
        name: name.to_owned(),
        function,
        program,
        warm_connections,
        bundle: None,
    };
    let mut subjects = vec![subject(HELLO_WORLD, "lock-device", hello_world, None)];
    for (name, program) in functions {
        subjects.push(subject(name, name, program.clone(), Some(0)));
        subjects.push(subject(name, name, program, None));
    }
    for (name, program) in peers {
        subjects.push(subject(name, "lock-device", program, None));
    }
    let bench = Bench::start().await?;
    let samples = bench.measure(&subjects, rounds, percent).await?;
    let mut programs = Vec::new();
    for (subject, samples) in subjects.iter().zip(&samples) {
        // A peer is a folder full of files; its size is in no limit.
        let is_binary = subject.program.file_name().is_some_and(|name| name != "run");
        let sizes = is_binary
            .then(|| artifacts::sizes(&subject.program))
            .transpose()?;
        let warmed = subject.warm_connections.is_none() && subject.name != HELLO_WORLD;
        programs.push(Figures::of(&subject.name, warmed, samples, sizes));
    }
    Ok(Run {
        machine: Machine::this(),
        starts: rounds.starts,
        calls: rounds.calls,
        percent_of_a_core: percent,
        programs,
    })
}

fn title(program: &Figures) -> String {
    let warmed = program.warmed || program.name == HELLO_WORLD;
    let note = if warmed { "" } else { ", nothing warmed" };
    format!("{}{note}", program.name)
}

fn times(run: &Run) -> String {
    let mut table = Table::new(&[
        "",
        "INIT ms",
        "× hello",
        "first call ms",
        "warm call ms",
        "p99",
        "first ÷ warm",
        "CPU ms, INIT",
        "first",
        "warm",
    ]);
    let hello = run.hello_world();
    for program in &run.programs {
        table.row([
            title(program),
            digits(program.init_ms),
            hello.map_or_else(String::new, |hello| digits(program.init_ms / hello.init_ms)),
            digits(program.first_ms),
            digits(program.warm_ms),
            digits(program.warm_p99_ms),
            digits(program.first_ms / program.warm_ms),
            digits(program.init_cpu_ms),
            digits(program.first_cpu_ms),
            digits(program.warm_cpu_ms),
        ]);
    }
    table.finish()
}

fn weights(run: &Run) -> String {
    let mut table = Table::new(&[
        "",
        "peak memory MiB",
        "× hello",
        "binary MB",
        "zip MB",
        "store requests, INIT",
        "a call",
        "bytes a call",
    ]);
    let hello = run.hello_world();
    for program in &run.programs {
        table.row([
            title(program),
            digits(program.peak_memory_mib),
            hello.map_or_else(String::new, |hello| {
                digits(program.peak_memory_mib / hello.peak_memory_mib)
            }),
            megabytes(program.binary_bytes),
            megabytes(program.zip_bytes),
            format!("{:.0}", program.init_requests),
            digits(program.requests),
            format!("{:.0}", program.bytes),
        ]);
    }
    table.finish()
}

fn how(run: &Run) -> String {
    let share = run.percent_of_a_core.map_or_else(String::new, |percent| {
        format!(", calls with {percent} % of a core")
    });
    format!(
        "Medians of {} starts with {} warm calls each{share}. {}",
        run.starts,
        run.calls,
        run.machine.line()
    )
}
