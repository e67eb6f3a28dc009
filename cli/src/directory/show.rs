//! A plan, for people and for programs.

use holdfast_directory::{Deed, Difference, FieldChange, Plan, Step, Value};
use serde_json::{Value as Json, json};

use crate::exit::Failure;
use crate::output::{Output, Rows, note};

/// Of a long list, so many lines are told.
const TOLD: usize = 20;

const HEADINGS: &[&str] = &["", "TARGET", "COMPANY", "FIELD", "NOW", "THEN"];

/// Shows what is to be done, and what is left as it is, on stdout.
pub(super) fn steps(plan: &Plan, output: Output) -> Result<(), Failure> {
    let mut rows = output.rows(HEADINGS);
    for step in plan.steps() {
        push(&mut rows, step)?;
    }
    for difference in plan.differing() {
        let Difference { subject, what } = difference;
        let value = json!({
            "deed": "leave",
            "target": subject.to_string(),
            "company": subject.company.as_str(),
            "why": what,
        });
        let cells = [
            "!".to_owned(),
            subject.to_string(),
            subject.company.to_string(),
            String::new(),
            what.clone(),
            String::new(),
        ];
        rows.push(&value, &cells)?;
    }
    rows.finish()
}

fn push(rows: &mut Rows, step: &Step) -> Result<(), Failure> {
    let value = json!({
        "deed": step.deed,
        "target": step.subject.to_string(),
        "company": step.subject.company.as_str(),
        "changes": step.changes,
    });
    rows.push_lines(&value, &lines(step))
}

/// A line for the entry, or of a change one for each of its fields.
fn lines(step: &Step) -> Vec<Vec<String>> {
    let begin = |first: bool| {
        if first {
            [
                step.deed.sign().to_owned(),
                step.subject.to_string(),
                step.subject.company.to_string(),
            ]
        } else {
            [String::new(), String::new(), String::new()]
        }
    };
    let changes: Vec<[String; 3]> = match step.deed {
        Deed::Change => step.changes.iter().map(cells).collect(),
        Deed::Create | Deed::Return => vec![[
            String::new(),
            String::new(),
            name(step, |change| change.to.as_ref()),
        ]],
        Deed::Remove => vec![[
            String::new(),
            name(step, |change| change.from.as_ref()),
            String::new(),
        ]],
    };
    changes
        .into_iter()
        .enumerate()
        .map(|(place, change)| begin(place == 0).into_iter().chain(change).collect())
        .collect()
}

fn cells(change: &FieldChange) -> [String; 3] {
    let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
    [
        change.field.to_owned(),
        text(change.from.as_ref()),
        text(change.to.as_ref()),
    ]
}

fn name(step: &Step, value: impl Fn(&FieldChange) -> Option<&Value>) -> String {
    let named = step.changes.iter().find(|change| change.field == "name");
    named.and_then(value).map(Value::to_string).unwrap_or_default()
}

/// The first lines of the plan, on stderr, for someone who is asked whether to go on.
pub(super) fn tell_steps(plan: &Plan) {
    let lines: Vec<String> = plan
        .steps()
        .iter()
        .flat_map(lines)
        .map(|cells| {
            let text = cells.join("  ");
            format!("  {}", text.trim_end())
        })
        .collect();
    tell(&lines);
}

/// Says who would be unable to sign in, on stderr.
pub(super) fn tell_warnings(plan: &Plan) {
    let lines: Vec<String> = plan
        .warnings()
        .iter()
        .map(|line| format!("warning: {line}"))
        .collect();
    tell(&lines);
}

/// The reasons to think again, on stderr.
pub(super) fn tell_guards(plan: &Plan) {
    tell(plan.guards());
}

/// What there is to do, in one line on stderr.
pub(super) fn tell_counts(plan: &Plan) {
    let counts = plan.counts();
    if plan.steps().is_empty() {
        let left = match counts.differing {
            0 => String::new(),
            left => format!(", {left} left as they are"),
        };
        note(&format!("no changes: {} unchanged{left}", counts.unchanged));
    } else {
        note(&format!("plan: {counts}"));
    }
}

/// Says these lines on stderr; of many the first ones.
pub(super) fn tell(lines: &[String]) {
    for line in lines.iter().take(TOLD) {
        note(line);
    }
    if let Some(more) = lines.len().checked_sub(TOLD).filter(|more| *more > 0) {
        note(&format!("… and {more} more"));
    }
}

/// What was not done, for programs.
pub(super) fn undone(applied: &holdfast_directory::Applied) -> Vec<Json> {
    applied
        .undone
        .iter()
        .map(|undone| {
            json!({
                "target": undone.subject.to_string(),
                "company": undone.subject.company.as_str(),
                "why": undone.why.to_string(),
            })
        })
        .collect()
}
