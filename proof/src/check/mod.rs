//! A recorded history held against what the service promises. Whatever is wrong is a [`Violation`]; docs/proof.md says what
//! each check means.

mod batches;
mod fences;
pub mod history;
mod linearize;
mod records;
mod specification;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use history::{History, Operation, OutcomeKind, Part, TargetEnd, Told};
use linearize::{NoOrder, Turn, linearize};
use specification::{Rules, TargetState};

/// `proof check FILE`: checks a history that a soak has kept.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file.
    file: PathBuf,
    /// Where to write the timeline of what was found, as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Reads the history and checks it alone.
pub fn run(arguments: &Arguments) -> ExitCode {
    let text = match std::fs::read_to_string(&arguments.file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", arguments.file.display());
            return ExitCode::FAILURE;
        }
    };
    let history: History = match serde_json::from_str(&text) {
        Ok(history) => history,
        Err(error) => {
            eprintln!("{}: {error}", arguments.file.display());
            return ExitCode::FAILURE;
        }
    };
    let verdict = check(&history);
    println!("{verdict}");
    if let Some(path) = &arguments.html
        && let Err(error) = std::fs::write(path, crate::report::timeline_page(&history, &verdict))
    {
        eprintln!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if verdict.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The checks, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The service gave an answer that no request of this kind may get.
    Answers,
    /// There is an order of the requests on each target in which every answer is true.
    Linearizable,
    /// Over the whole run, a fence that is told is never smaller than one that was told before, and an acquisition's is larger.
    Fences,
    /// The history table has one record for each change, without a gap, and replaying them leads to the row.
    History,
    /// What was told to be changed is in the history, once, and no request is there twice.
    Effects,
    /// Of a request for many locks, everything took effect or nothing did.
    AllOrNothing,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which check found it.
    pub check: Check,
    /// The target.
    pub target: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The operations that it is about, by number.
    pub operations: Vec<u64>,
}

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// How many turns on targets were put in order.
    pub turns: usize,
    /// How many pairs of a state and a set of requests the searches visited.
    pub pairs: usize,
    /// The most pairs that a search had at once.
    pub widest: usize,
    /// How many records of changes were compared.
    pub records: usize,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for violation in &self.violations {
            writeln!(
                f,
                "VIOLATION {:?} of {}: {} (operations {:?})",
                violation.check, violation.target, violation.what, violation.operations
            )?;
        }
        write!(
            f,
            "{} violations; {} turns in order, {} pairs visited, {} at once at most; {} records",
            self.violations.len(),
            self.turns,
            self.pairs,
            self.widest,
            self.records
        )
    }
}

/// Makes every check.
pub fn check(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let mut turns: BTreeMap<&str, Vec<Turn<'_>>> = BTreeMap::new();
    for operation in &history.operations {
        verdict.violations.extend(unexpected_answer(operation));
        for part in &operation.parts {
            turns
                .entry(part.target.as_str())
                .or_default()
                .push(Turn { operation, part });
        }
    }
    let ends: BTreeMap<&str, &TargetEnd> = history
        .targets
        .iter()
        .map(|end| (end.target.as_str(), end))
        .collect();
    let rules = Rules {
        loses_answers: history.loses_answers,
    };
    for (target, turns) in turns {
        let end = ends.get(target).copied();
        verdict.turns += turns.len();
        verdict.violations.extend(fences::check(target, &turns));
        if let Some(end) = end {
            verdict.records += end.records.as_ref().map_or(0, Vec::len);
            verdict.violations.extend(records::check(end));
            verdict.violations.extend(records::effects(end, &turns, rules));
        }
        let last = end.and_then(|end| records::last_read(end, &turns));
        let mut turns = turns;
        if let Some(last) = &last {
            turns.push(Turn {
                operation: last,
                part: &last.parts[0],
            });
        }
        let known = end.and_then(records::known_moments);
        match linearize(turns, known.as_deref(), TargetState::default(), rules) {
            Ok(effort) => {
                verdict.pairs += effort.pairs;
                verdict.widest = verdict.widest.max(effort.widest);
            }
            Err(NoOrder::Wrong { operation, states }) => verdict.violations.push(Violation {
                check: Check::Linearizable,
                target: target.to_owned(),
                what: format!(
                    "no order explains the answer to operation {operation}; before it the target may be: {}",
                    states.join(" | ")
                ),
                operations: vec![operation],
            }),
            Err(NoOrder::TooLarge { operation }) => verdict.violations.push(Violation {
                check: Check::Linearizable,
                target: target.to_owned(),
                what: format!("the search gave up at operation {operation}"),
                operations: vec![operation],
            }),
        }
    }
    verdict.violations.extend(batches::check(history));
    verdict.violations.sort_by_key(|violation| violation.check);
    verdict
}

/// A status that tells of a defect, or one that the client did not understand.
fn unexpected_answer(operation: &Operation) -> Option<Violation> {
    let is_known = matches!(operation.status, 0 | 200..=299 | 400..=499 | 503);
    let is_empty = operation.parts.iter().all(|part| match &part.told {
        Told::Ended(ending) => ending.outcomes.is_empty(),
        _ => false,
    });
    (!is_known || (is_empty && !operation.parts.is_empty())).then(|| Violation {
        check: Check::Answers,
        target: operation
            .parts
            .first()
            .map_or_else(String::new, |part| part.target.clone()),
        what: format!("the answer {} has no meaning here", operation.status),
        operations: vec![operation.id],
    })
}

/// The kinds of outcome that an answer may mean; none where it tells none.
fn outcomes(part: &Part) -> &[OutcomeKind] {
    match &part.told {
        Told::Ended(ending) => &ending.outcomes,
        _ => &[],
    }
}

/// The fence that an answer tells.
fn told_fence(part: &Part) -> Option<u64> {
    match &part.told {
        Told::Ended(ending) => ending.fence,
        Told::Row(row) => row.fence,
        _ => None,
    }
}
