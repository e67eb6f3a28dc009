//! What was checked and what was found: a page that is readable by itself, without scripts, and the same as JSON.

mod page;
mod timeline;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::check::history::History;
use crate::check::{Verdict, check};
use crate::soak::{Latencies, Summary};

pub use timeline::timeline_page;

/// `proof report`: sums up what `model`, `mutants` and `soak` have left.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder with the results.
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
    /// Where `report.html` and `report.json` go; without it, beside the results.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Everything that there is to report.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether nothing was found that must not be.
    pub holds: bool,
    /// The soak, all runs together; there only where there was one.
    pub soak: Option<Soak>,
    /// What the models have shown: `model --json` leaves it in `model.json`.
    pub models: Vec<Model>,
    /// What the mutants have shown: `mutants --json` leaves it in `mutants.json`.
    pub mutants: Vec<Mutant>,
}

/// One model.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub model: String,
    /// How many distinct states it has.
    pub states: u64,
    /// The most steps from the start to a state.
    pub depth: u64,
    /// How long the search took.
    pub seconds: f64,
    /// What became of each property.
    pub findings: Vec<Property>,
}

/// One property of a model.
#[derive(Debug, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub property: String,
    /// Whether it is to hold in every state, and not only to be seen in one.
    pub always: bool,
    /// Whether it holds, or was seen.
    pub holds: bool,
}

/// One mutant.
#[derive(Debug, Serialize, Deserialize)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// What is broken.
    pub breaks: String,
    /// Whose bug it was.
    pub origin: String,
    /// The check that is to find it.
    pub check: String,
    /// Whether it did.
    pub found: bool,
    /// How long that took.
    pub seconds: f64,
}

/// All runs of the soak together.
#[derive(Debug, Default, Serialize)]
pub struct Soak {
    /// Each run by itself.
    pub runs: Vec<Summary>,
    /// Operations of all runs.
    pub operations: u64,
    /// Those that ended unknown, in percent.
    pub unknown_percent: f64,
    /// Operations and those that ended unknown, by dialect, call and way.
    pub kinds: BTreeMap<String, (u64, u64)>,
    /// How often each fault came.
    pub faults: BTreeMap<String, u64>,
    /// Percentiles of what operations took, in milliseconds, by what served them.
    pub latency_ms: BTreeMap<String, BTreeMap<&'static str, f64>>,
    /// Records of the history table that were compared.
    pub records: u64,
    /// Pairs of a state and a set of requests that the searches visited.
    pub pairs: u64,
    /// How many violations there were.
    pub violations: usize,
}

/// The percentiles that are reported.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Writes the report.
pub fn run(arguments: &Arguments) -> ExitCode {
    match write(arguments) {
        Ok(report) => {
            println!(
                "{}",
                if report.holds {
                    "Everything holds."
                } else {
                    "Something does not hold."
                }
            );
            if report.holds {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn write(arguments: &Arguments) -> Result<Report, String> {
    let failed = histories(&arguments.results)?;
    let report = read(&arguments.results)?;
    let out = arguments.out.as_ref().unwrap_or(&arguments.results);
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    for (name, text) in [
        ("report.json", json + "\n"),
        ("report.html", page::page(&report, &failed)),
    ] {
        let file = out.join(name);
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(report)
}

/// The files in a folder that end so, in order of their names.
fn files(folder: &Path, begin: &str) -> Result<Vec<PathBuf>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with(begin) && Path::new(name).extension().is_some_and(|end| end == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The histories with violations that were kept, each checked again.
fn histories(results: &Path) -> Result<Vec<(History, Verdict)>, String> {
    let mut histories = Vec::new();
    for file in files(&results.join("failed"), "")? {
        let history: History = json(&file)?;
        let verdict = check(&history);
        if !verdict.violations.is_empty() {
            histories.push((history, verdict));
        }
    }
    Ok(histories)
}

fn read(results: &Path) -> Result<Report, String> {
    let runs = files(results, "soak-")?
        .iter()
        .map(|file| json::<Summary>(file))
        .collect::<Result<Vec<_>, _>>()?;
    let soak = (!runs.is_empty()).then(|| sum(runs));
    let models: Vec<Model> = optional(&results.join("model.json"))?;
    let mutants: Vec<Mutant> = optional(&results.join("mutants.json"))?;
    let soak_holds = soak.as_ref().is_none_or(|soak| soak.violations == 0);
    let mut properties = models.iter().flat_map(|model| &model.findings);
    Ok(Report {
        holds: soak_holds
            && properties.all(|property| property.holds)
            && mutants.iter().all(|mutant| mutant.found),
        soak,
        models,
        mutants,
    })
}

fn optional<T: serde::de::DeserializeOwned>(file: &Path) -> Result<Vec<T>, String> {
    if file.exists() { json(file) } else { Ok(Vec::new()) }
}

fn sum(runs: Vec<Summary>) -> Soak {
    let mut soak = Soak::default();
    let mut unknown = 0;
    let mut latencies: BTreeMap<String, Latencies> = BTreeMap::new();
    for run in &runs {
        soak.operations += run.operations;
        unknown += run.unknown;
        soak.records += run.records;
        soak.pairs += run.pairs;
        soak.violations += run.violations.len();
        for (kind, (count, unknown)) in &run.kinds {
            let entry = soak.kinds.entry(kind.clone()).or_default();
            entry.0 += count;
            entry.1 += unknown;
        }
        for (fault, count) in &run.faults {
            *soak.faults.entry(fault.clone()).or_default() += count;
        }
        for (served_by, times) in &run.latencies {
            latencies.entry(served_by.clone()).or_default().add(times);
        }
    }
    soak.unknown_percent = percent(unknown, soak.operations);
    for (served_by, times) in latencies {
        let percentiles = PERCENTILES.map(|(name, share)| (name, rounded(times.percentile_ms(share))));
        soak.latency_ms.insert(served_by, BTreeMap::from(percentiles));
    }
    soak.runs = runs;
    soak
}

#[expect(clippy::cast_precision_loss, reason = "a share of a count")]
fn percent(part: u64, whole: u64) -> f64 {
    rounded(100.0 * part as f64 / whole.max(1) as f64)
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_sums_its_runs_and_says_whether_everything_holds() {
        let folder = tempfile::tempdir().unwrap();
        for (seed, operations) in [(1, 300), (2, 700)] {
            let run = Summary {
                seed,
                operations,
                unknown: operations / 10,
                ..Summary::default()
            };
            run.save(&folder.path().join(format!("soak-{seed}.json")))
                .unwrap();
        }
        let mutant = r#"[{"name":"no-owner","breaks":"no owner & no rev","origin":"x","check":"y","found":true,"seconds":0.1}]"#;
        std::fs::write(folder.path().join("mutants.json"), mutant).unwrap();
        let report = read(folder.path()).unwrap();
        let soak = report.soak.as_ref().unwrap();
        assert!(report.holds);
        assert_eq!((soak.operations, soak.unknown_percent), (1_000, 10.0));
        let page = page::page(&report, &[]);
        assert!(
            page.contains("1,000") && page.contains("no owner &amp; no rev"),
            "{page}"
        );
        assert!(!page.contains("<script"));

        let model = r#"[{"model":"one row","states":12345,"depth":9,"seconds":1.5,"findings":[
            {"property":"the hold-off holds","always":true,"holds":false}]}]"#;
        std::fs::write(folder.path().join("model.json"), model).unwrap();
        let report = read(folder.path()).unwrap();
        assert!(!report.holds);
        assert!(page::page(&report, &[]).contains("12,345"));
    }
}
