//! From samples to figures: medians, percentiles, and how they are written.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::subject::Sample;

/// The figures of one program: medians over its starts and, for warm calls, over all calls of all starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// The program.
    pub name: String,
    /// Whether it opened its connections to the store in INIT.
    pub warmed: bool,
    /// From the start of the process to its first request for an event, in milliseconds.
    pub init_ms: f64,
    /// Processor time of the same, in milliseconds.
    pub init_cpu_ms: f64,
    /// The first call, in milliseconds.
    pub first_ms: f64,
    /// Processor time of the same, in milliseconds.
    pub first_cpu_ms: f64,
    /// A warm call, in milliseconds: the median.
    pub warm_ms: f64,
    /// A warm call, in milliseconds: 99 of 100 are faster.
    pub warm_p99_ms: f64,
    /// Processor time of a warm call, in milliseconds: the mean of a start.
    pub warm_cpu_ms: f64,
    /// The most memory that was resident, in MiB.
    pub peak_memory_mib: f64,
    /// Requests to the store in INIT.
    pub init_requests: f64,
    /// Requests to the store of a warm call.
    pub requests: f64,
    /// Bytes of HTTP to and from the store of a warm call, headers included.
    pub bytes: f64,
    /// The binary, in bytes.
    pub binary_bytes: Option<u64>,
    /// The zip file that it is deployed in, in bytes.
    pub zip_bytes: Option<u64>,
}

impl Figures {
    /// The figures of these samples.
    pub fn of(name: &str, warmed: bool, samples: &[Sample], sizes: Option<(u64, u64)>) -> Self {
        let over_starts = |figure: &dyn Fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
        let mut calls: Vec<f64> = samples
            .iter()
            .flat_map(|sample| &sample.warm)
            .map(|call| ms(*call))
            .collect();
        calls.sort_by(f64::total_cmp);
        Self {
            name: name.to_owned(),
            warmed,
            init_ms: over_starts(&|sample| ms(sample.init)),
            init_cpu_ms: over_starts(&|sample| ms(sample.init_cpu)),
            first_ms: over_starts(&|sample| ms(sample.first)),
            first_cpu_ms: over_starts(&|sample| ms(sample.first_cpu)),
            warm_ms: percentile(&calls, 0.5),
            warm_p99_ms: percentile(&calls, 0.99),
            warm_cpu_ms: over_starts(&|sample| ms(sample.warm_cpu) / count(sample.warm.len())),
            #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
            peak_memory_mib: over_starts(&|sample| sample.peak_memory_kib as f64 / 1024.0),
            init_requests: over_starts(&|sample| whole(sample.init_traffic.requests)),
            requests: over_starts(&|sample| whole(sample.warm_traffic.requests) / count(sample.warm.len())),
            bytes: over_starts(&|sample| whole(sample.warm_traffic.bytes) / count(sample.warm.len())),
            binary_bytes: sizes.map(|(binary, _)| binary),
            zip_bytes: sizes.map(|(_, zip)| zip),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn count(number: usize) -> f64 {
    number.max(1) as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn whole(number: u64) -> f64 {
    number as f64
}

/// The middle of these figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    percentile(&figures, 0.5)
}

/// The figure below which this share of the sorted figures lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place between the first and the last"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (count(last + 1) - 1.0) * share;
    sorted.get(place.round() as usize).copied().unwrap_or(f64::NAN)
}

/// A Markdown table; the first column is text and the others are figures.
#[derive(Debug)]
pub struct Table(String);

impl Table {
    /// An empty table.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(columns.iter().map(|column| (*column).to_owned()));
        let rule = (0..columns.len()).map(|column| if column == 0 { "---" } else { "---:" });
        table.row(rule.map(str::to_owned));
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        self.0.push_str("| ");
        self.0.push_str(&cells.join(" | "));
        self.0.push_str(" |\n");
    }

    /// The table in Markdown.
    pub fn finish(self) -> String {
        self.0
    }
}

/// A figure with three digits that count.
pub fn digits(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// Bytes in millions.
pub fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{:.2}", whole(bytes) / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_percentiles_are_figures_that_were_measured() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&sorted, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(
            [0.1234, 1.234, 12.34, 123.4].map(digits),
            ["0.12", "1.23", "12.3", "123"]
        );
    }
}
