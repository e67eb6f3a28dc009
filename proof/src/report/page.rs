//! The report as a page.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::timeline::timelines;
use super::{Model, Mutant, Report, Soak};
use crate::check::Verdict;
use crate::check::history::History;

/// The page's style: the same for every page that the proof writes.
pub(super) const STYLE: &str = "
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1,h2,h3{line-height:1.2}table{border-collapse:collapse;margin:.5rem 0 1.5rem}
th,td{padding:.2rem .7rem .2rem 0;text-align:left;vertical-align:top;border-bottom:1px solid #dde3ea}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.good{color:#176b37}.bad{color:#a3161a}
code{font-size:.9em}.lane{position:relative;min-width:22rem;height:1rem;background:#f2f5f8}
.bar{position:absolute;height:1rem;min-width:2px;background:#5b86b5}.bar.bad{background:#a3161a}.bar.open{background:#c9a33a}
@media(prefers-color-scheme:dark){body{color:#dde3ea;background:#14181d}th,td{border-color:#333c46}.lane{background:#20262d}
.good{color:#67c58c}.bad{color:#f08a8d}}";

/// A text as it is shown.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number with a comma after each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole page with this title and body.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n",
        escaped(title)
    )
}

pub(super) fn page(report: &Report, failed: &[(History, Verdict)]) -> String {
    let mut body = String::from("<h1>Holdfast: what was checked</h1>\n");
    body.push_str(if report.holds {
        "<p class=\"good\"><strong>Everything that was checked holds.</strong></p>\n"
    } else {
        "<p class=\"bad\"><strong>Something does not hold.</strong></p>\n"
    });
    body.push_str("<p>docs/proof.md says what each part means, and what is believed and not checked.</p>\n");
    if let Some(soak) = &report.soak {
        add_soak(&mut body, soak);
    }
    for (history, verdict) in failed {
        let _ = write!(
            body,
            "<h2>Violations of seed {}, round {}</h2>\n{}",
            history.seed,
            history.round,
            timelines(history, verdict)
        );
    }
    if !report.models.is_empty() {
        add_models(&mut body, &report.models);
    }
    if !report.mutants.is_empty() {
        add_mutants(&mut body, &report.mutants);
    }
    document("Holdfast: what was checked", &body)
}

fn add_soak(body: &mut String, soak: &Soak) {
    let faults: u64 = soak.faults.values().sum();
    let _ = write!(
        body,
        "<h2>The soak</h2>\n<p>{} operations of {} seeds, {} of them without a definite answer ({} %), under {} faults; {} records \
         of the history compared; <strong class=\"{}\">{} violations</strong>.</p>\n",
        grouped(soak.operations),
        soak.runs.len(),
        grouped(soak.kinds.values().map(|(_, unknown)| unknown).sum()),
        soak.unknown_percent,
        grouped(faults),
        grouped(soak.records),
        if soak.violations == 0 { "good" } else { "bad" },
        soak.violations
    );
    let runs = soak.runs.iter().map(|run| {
        vec![
            run.seed.to_string(),
            grouped(run.rounds),
            grouped(run.operations),
            grouped(run.unknown),
            format!("{:.0}", run.seconds),
            run.violations.len().to_string(),
        ]
    });
    let heads = ["Seed", "Rounds", "Operations", "Unknown", "Seconds", "Violations"];
    body.push_str(&table(&heads, 0, runs));
    body.push_str("<h3>Operations</h3>\n");
    let kinds = soak
        .kinds
        .iter()
        .map(|(kind, (count, unknown))| vec![kind.clone(), grouped(*count), grouped(*unknown)]);
    body.push_str(&table(&["Call", "Operations", "Unknown"], 1, kinds));
    body.push_str("<h3>Faults</h3>\n");
    let faults = soak
        .faults
        .iter()
        .map(|(fault, count)| vec![fault.clone(), grouped(*count)]);
    body.push_str(&table(&["Fault", "Times"], 1, faults));
    body.push_str("<h3>What operations took, in milliseconds, faults included</h3>\n");
    let times = soak.latency_ms.iter().map(|(served_by, percentiles)| {
        let times = ["p50", "p90", "p99", "p99.9"].map(|name| {
            percentiles
                .get(name)
                .map_or_else(String::new, |time| format!("{time:.1}"))
        });
        [vec![served_by.clone()], times.to_vec()].concat()
    });
    body.push_str(&table(&["Served by", "50 %", "90 %", "99 %", "99.9 %"], 1, times));
}

fn add_models(body: &mut String, models: &[Model]) {
    let states = models.iter().map(|model| model.states).sum();
    let _ = writeln!(
        body,
        "<h2>The models</h2>\n<p>{} distinct states.</p>",
        grouped(states)
    );
    let rows = models.iter().map(|model| {
        vec![
            model.model.clone(),
            grouped(model.states),
            grouped(model.depth),
            format!("{:.1}", model.seconds),
        ]
    });
    body.push_str(&table(&["Model", "States", "Depth", "Seconds"], 1, rows));
    // Each property over all models: a rule holds in each, and a witness was seen where it was looked for.
    let mut properties: BTreeMap<(bool, &str), (u64, u64)> = BTreeMap::new();
    for property in models.iter().flat_map(|model| &model.findings) {
        let entry = properties
            .entry((!property.always, property.property.as_str()))
            .or_default();
        entry.0 += 1;
        entry.1 += u64::from(property.holds);
    }
    let rows = properties.iter().map(|((is_witness, name), (models, holds))| {
        vec![
            (*name).to_owned(),
            if *is_witness {
                "seen"
            } else {
                "holds in every state"
            }
            .to_owned(),
            format!("{holds} of {models}"),
        ]
    });
    body.push_str(&table(&["Property", "What is asked", "Models"], 2, rows));
}

fn add_mutants(body: &mut String, mutants: &[Mutant]) {
    let found = mutants.iter().filter(|mutant| mutant.found).count();
    let _ = writeln!(
        body,
        "<h2>The mutants</h2>\n<p>{found} of {} were found.</p>",
        mutants.len()
    );
    let rows = mutants.iter().map(|mutant| {
        vec![
            mutant.name.clone(),
            mutant.breaks.clone(),
            mutant.origin.clone(),
            mutant.check.clone(),
            if mutant.found { "found" } else { "survived" }.to_owned(),
            format!("{:.2}", mutant.seconds),
        ]
    });
    let heads = [
        "Mutant",
        "What is broken",
        "Whose bug it was",
        "Which check finds it",
        "",
        "Seconds",
    ];
    body.push_str(&table(&heads, 5, rows));
}

/// A table of which the columns from `numbers` on are numbers.
pub(super) fn table(heads: &[&str], numbers: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let cell = |tag: &str, at: usize, text: &str| {
        let class = if at >= numbers { " class=\"n\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escaped(text))
    };
    let mut text = String::from("<table><tr>");
    for (at, head) in heads.iter().enumerate() {
        text.push_str(&cell("th", at, head));
    }
    text.push_str("</tr>\n");
    for row in rows {
        text.push_str("<tr>");
        for (at, value) in row.iter().enumerate() {
            text.push_str(&cell("td", at, value));
        }
        text.push_str("</tr>\n");
    }
    text + "</table>\n"
}
