//! What happened to a target around a violation: one line for each request, with a bar from its sending to its end.

use std::fmt::Write;

use super::page::{document, escaped, table};
use crate::check::Verdict;
use crate::check::history::{History, Operation, Part};

/// How many requests before and after the one in question are shown.
const BEFORE: usize = 24;
const AFTER: usize = 6;
/// How long a request without an end is drawn.
const OPEN_US: u64 = 2_000_000;

/// The timeline of every violation of a history, as a page.
pub fn timeline_page(history: &History, verdict: &Verdict) -> String {
    let body = format!(
        "<h1>Seed {}, round {}</h1>\n<p>{} operations, {} violations.</p>\n{}",
        history.seed,
        history.round,
        history.operations.len(),
        verdict.violations.len(),
        timelines(history, verdict)
    );
    document("Holdfast: a history", &body)
}

/// The timelines alone.
pub(super) fn timelines(history: &History, verdict: &Verdict) -> String {
    let mut text = String::new();
    for violation in &verdict.violations {
        let _ = write!(
            text,
            "<h3 class=\"bad\">{:?}: <code>{}</code></h3>\n<p>{}</p>\n",
            violation.check,
            escaped(&violation.target),
            escaped(&violation.what)
        );
        text.push_str(&requests(history, &violation.target, &violation.operations));
        text.push_str(&records(history, &violation.target));
    }
    text
}

fn end_of(operation: &Operation) -> u64 {
    operation.ended_us.unwrap_or(operation.sent_us + OPEN_US)
}

fn requests(history: &History, target: &str, of: &[u64]) -> String {
    let mut turns: Vec<(&Operation, &Part)> = history
        .operations
        .iter()
        .flat_map(|operation| operation.parts.iter().map(move |part| (operation, part)))
        .filter(|(_, part)| part.target == target)
        .collect();
    turns.sort_by_key(|(operation, _)| operation.sent_us);
    let Some(last) = turns
        .iter()
        .rposition(|(operation, _)| of.contains(&operation.id))
        .or_else(|| turns.len().checked_sub(1))
    else {
        return String::new();
    };
    let shown: Vec<_> = turns
        .iter()
        .skip((last + 1).saturating_sub(BEFORE))
        .take(BEFORE.min(last + 1) + AFTER)
        .collect();
    let from = shown
        .iter()
        .map(|(operation, _)| operation.sent_us)
        .min()
        .unwrap_or(0);
    let to = shown
        .iter()
        .map(|(operation, _)| end_of(operation))
        .max()
        .unwrap_or(1);
    #[expect(clippy::cast_precision_loss, reason = "places on a page")]
    let share = |us: u64| 100.0 * us.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64;
    let mut text = String::from(
        "<table><tr><th>Operation</th><th>Owner</th><th>Way</th><th>Asked</th><th>Told</th><th>From sending to end</th></tr>\n",
    );
    for (operation, part) in shown {
        let class = if of.contains(&operation.id) {
            "bar bad"
        } else if operation.ended_us.is_none() || operation.status == 0 || operation.status == 503 {
            "bar open"
        } else {
            "bar"
        };
        let (left, right) = (share(operation.sent_us), share(end_of(operation)));
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{} ({})</td><td><code>{}</code></td><td><code>{}</code></td><td><div class=\"lane\">\
             <div class=\"{class}\" style=\"left:{left:.2}%;width:{:.2}%\"></div></div>+{} ms to +{} ms</td></tr>",
            operation.id,
            escaped(&operation.owner),
            escaped(&operation.way),
            operation.status,
            escaped(&json(&part.ask)),
            escaped(&json(&part.told)),
            right - left,
            (operation.sent_us - from) / 1_000,
            (end_of(operation) - from) / 1_000,
        );
    }
    text + "</table>\n"
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The latest records of the target.
fn records(history: &History, target: &str) -> String {
    let records = history
        .targets
        .iter()
        .find(|end| end.target == target)
        .and_then(|end| end.records.as_ref());
    let Some(records) = records else {
        return String::new();
    };
    let rows = records.iter().rev().take(BEFORE).map(|record| {
        vec![
            record.change.to_string(),
            record.at_ms.to_string(),
            record.action.clone(),
            record.actor.clone(),
            format!("{} to {}", record.fence_before, record.fence_after),
            record.owner_after.clone().unwrap_or_default(),
            record.request_id.clone(),
        ]
    });
    let heads = [
        "Change",
        "At (ms)",
        "Action",
        "Actor",
        "Fence",
        "Owner after",
        "Request",
    ];
    table(&heads, heads.len(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::{Ask, Row, Told};
    use crate::check::{Check, Violation};

    #[test]
    fn a_timeline_shows_the_request_in_question_among_its_neighbours() {
        let operation = |id: u64, target: &str| Operation {
            id,
            owner: "alice <&>".to_owned(),
            way: "holdfast read via server".to_owned(),
            sent_us: 1_000_000 + id * 1_000,
            ended_us: Some(1_000_500 + id * 1_000),
            status: 200,
            invocation: None,
            parts: vec![Part {
                target: target.to_owned(),
                ask: Ask::Read,
                told: Told::Row(Row::default()),
            }],
        };
        let mut operations: Vec<_> = (0..100).map(|id| operation(id, "device/D1")).collect();
        operations.push(operation(100, "device/D2"));
        let history = History {
            operations,
            ..History::default()
        };
        let verdict = Verdict {
            violations: vec![Violation {
                check: Check::Linearizable,
                target: "device/D1".to_owned(),
                what: "no order".to_owned(),
                operations: vec![50],
            }],
            ..Verdict::default()
        };
        let page = timeline_page(&history, &verdict);
        assert!(page.contains("alice &lt;&amp;&gt;"));
        assert_eq!(page.matches("class=\"bar bad\"").count(), 1);
        assert_eq!(page.matches("class=\"lane\"").count(), BEFORE + AFTER);
        assert!(
            page.contains("<td>27</td>") && !page.contains("<td>26</td>") && !page.contains("<td>100</td>")
        );
    }
}
