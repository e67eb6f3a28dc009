//! `history`

use clap::{ArgGroup, Args};
use holdfast::lock::Timestamp;
use holdfast::target::Target;
use serde_json::Value;

use super::{PAGE, now, parse_target, query, target_of, text, when};
use crate::api::Caller;
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::profile::Settings;
use crate::text::parse_moment;

/// Show what happened to a target, what somebody did, or what happened in a time; the newest first.
///
/// For the roles Admin and Auditor. Records are kept for 400 days, and appear about a second after the change.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("selector").required(true).multiple(false).args(["target", "actor", "from"]), after_help = "Examples:
  holdfast history device/ID5
  holdfast history --actor alice --limit 20
  holdfast history --from 24h
  holdfast history --from 2026-11-01 --to 2026-11-02T12:00:00Z --output json")]
pub(crate) struct History {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Option<Target>,
    /// What this login did, or this operator/<name>
    #[arg(long, value_name = "LOGIN")]
    actor: Option<String>,
    /// What happened from this time on: RFC 3339, a day, or how long ago (24h); 31 days at most
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,
    /// What happened before this time; until now unless given
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "from")]
    to: Option<Timestamp>,
    /// No more than so many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    parse_moment(text, now())
        .ok_or_else(|| "a time is 2026-11-22T10:00:00Z, 2026-11-22, or how long ago: 24h".to_owned())
}

pub(crate) async fn history(history: History, settings: &Settings, output: Output) -> Ending {
    let mut caller = Caller::load(settings)?;
    let mut left = history.limit.unwrap_or(u64::MAX);
    let query = query(&[
        ("limit", Some(left.min(PAGE).to_string())),
        (
            "kind",
            history.target.as_ref().map(|target| target.kind().to_string()),
        ),
        ("id", history.target.as_ref().map(Target::id)),
        ("actor", history.actor),
        ("from", history.from.map(|from| from.to_string())),
        ("to", history.to.map(|to| to.to_string())),
    ]);
    let mut rows = output.rows(&["WHEN", "TARGET", "ACTION", "ACTOR", "OWNER", "FENCE", "REASON"]);
    let now = now();
    caller
        .pages(&format!("/history{query}"), "records", |record| {
            let cells = [
                when(record, "at", now),
                target_of(record),
                text(record, "action"),
                text(record, "actor"),
                step(record, "ownerBefore", "ownerAfter"),
                step(record, "fenceBefore", "fenceAfter"),
                text(record, "reason"),
            ];
            rows.push(record, &cells)?;
            left -= 1;
            Ok(left > 0)
        })
        .await?;
    rows.finish()?;
    Ok(Exit::Done)
}

/// `bob → alice`; one of the two where both are the same.
pub(super) fn step(record: &Value, before: &str, after: &str) -> String {
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let (before, after) = (or_none(text(record, before)), or_none(text(record, after)));
    if before == after {
        after
    } else {
        format!("{before} → {after}")
    }
}
