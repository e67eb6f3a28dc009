//! What a run has shown, kept in a file from round to round and summed over runs by the report.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::history::History;
use crate::check::{Verdict, Violation};

/// The rounds of one seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// How many rounds there were.
    pub rounds: u64,
    /// How many operations clients have made.
    pub operations: u64,
    /// How many of them ended unknown.
    pub unknown: u64,
    /// How long clients were at work, in seconds.
    pub seconds: f64,
    /// Operations and those that ended unknown, by dialect, call and way.
    pub kinds: BTreeMap<String, (u64, u64)>,
    /// How often each fault came.
    pub faults: BTreeMap<String, u64>,
    /// How long operations took, by what served them.
    pub latencies: BTreeMap<String, Latencies>,
    /// How many turns on targets were put in order.
    pub turns: u64,
    /// How many pairs of a state and a set of requests the searches visited.
    pub pairs: u64,
    /// How many records of the history table were compared.
    pub records: u64,
    /// What was found, with the round.
    pub violations: Vec<(u64, Violation)>,
}

/// Times in buckets of an eighth of a power of two, which can be summed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies(BTreeMap<u32, u64>);

impl Latencies {
    const PER_DOUBLING: f64 = 8.0;

    /// Counts a time in microseconds.
    pub fn count(&mut self, us: u64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a bucket, of 512 at most"
        )]
        let bucket = ((us.max(1) as f64).log2() * Self::PER_DOUBLING) as u32;
        *self.0.entry(bucket).or_default() += 1;
    }

    /// Adds other times to these.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The time in milliseconds within which this share of the operations ended, to an eighth of a doubling.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let all: u64 = self.0.values().sum();
        #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
        let wanted = all as f64 * share;
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
            if seen as f64 >= wanted {
                return (f64::from(*bucket + 1) / Self::PER_DOUBLING).exp2() / 1_000.0;
            }
        }
        0.0
    }
}

impl Summary {
    /// The summary in this file, or an empty one.
    ///
    /// # Errors
    /// Where there is a file and it is not a summary of this seed.
    pub fn open(path: &Path, seed: u64) -> Result<Self, String> {
        let Ok(text) = std::fs::read_to_string(path) else {
            return Ok(Self {
                seed,
                ..Self::default()
            });
        };
        let summary: Self =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if summary.seed == seed {
            Ok(summary)
        } else {
            Err(format!("{} is of the seed {}", path.display(), summary.seed))
        }
    }

    /// Writes the file as a whole, so that a run that is killed leaves what it had.
    ///
    /// # Errors
    /// Whatever the file system reports.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(told)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let new = path.with_extension("json.new");
        std::fs::write(&new, text + "\n").map_err(told)?;
        std::fs::rename(&new, path).map_err(told)
    }

    /// Adds a round.
    pub fn add(
        &mut self,
        history: &History,
        faults: &BTreeMap<&'static str, u64>,
        kinds: &BTreeMap<String, (u64, u64)>,
        took: Duration,
        verdict: Verdict,
    ) {
        self.rounds += 1;
        self.operations += history.operations.len() as u64;
        self.seconds += took.as_secs_f64();
        for (kind, (count, unknown)) in kinds {
            let entry = self.kinds.entry(kind.clone()).or_default();
            entry.0 += count;
            entry.1 += unknown;
            self.unknown += unknown;
        }
        for (fault, count) in faults {
            *self.faults.entry((*fault).to_owned()).or_default() += count;
        }
        for operation in &history.operations {
            let served_by = operation.way.rsplit(' ').next().unwrap_or_default();
            if let Some(ended_us) = operation.ended_us {
                self.latencies
                    .entry(served_by.to_owned())
                    .or_default()
                    .count(ended_us.saturating_sub(operation.sent_us));
            }
        }
        self.turns += verdict.turns as u64;
        self.pairs += verdict.pairs as u64;
        self.records += verdict.records as u64;
        let round = history.round;
        self.violations
            .extend(verdict.violations.into_iter().map(|violation| (round, violation)));
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults: u64 = self.faults.values().sum();
        write!(
            f,
            "seed {}: {} rounds, {} operations ({} unknown) in {:.0} s, {faults} faults, {} records, {} violations",
            self.seed,
            self.rounds,
            self.operations,
            self.unknown,
            self.seconds,
            self.records,
            self.violations.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_an_eighth_of_a_doubling() {
        let mut latencies = Latencies::default();
        for ms in 1..=100 {
            latencies.count(ms * 1_000);
        }
        for (share, ms) in [(0.5, 50.0), (0.99, 99.0)] {
            let found = latencies.percentile_ms(share);
            assert!((ms..ms * 1.1).contains(&found), "{share}: {found}");
        }
        let mut sum = Latencies::default();
        sum.add(&latencies);
        sum.add(&latencies);
        assert!((sum.percentile_ms(0.5) - latencies.percentile_ms(0.5)).abs() < 1e-9);
    }

    #[test]
    fn a_run_goes_on_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results").join("soak-7.json");
        let mut summary = Summary::open(&path, 7).unwrap();
        summary.add(
            &History::default(),
            &BTreeMap::from([("reset-before", 2)]),
            &BTreeMap::from([("sdm lock via server".to_owned(), (3, 1))]),
            Duration::from_secs(1),
            Verdict::default(),
        );
        summary.save(&path).unwrap();
        assert_eq!(Summary::open(&path, 7).unwrap(), summary);
        assert!(Summary::open(&path, 8).is_err());
    }
}
