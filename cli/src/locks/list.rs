//! `locks`

use clap::Args;
use holdfast::id::Kind;

use super::{PAGE, now, parse_kind, query, target_of, text, when};
use crate::api::Caller;
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::profile::Settings;
use crate::text::parse_seconds;

/// List what is locked.
///
/// The roles Admin and Auditor see every lock; everybody else their own (--owner me) and those on devices (--kind device).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast locks
  holdfast locks --kind device --owner alice
  holdfast locks --owner me
  holdfast locks --older-than 1d --output ndjson | jq -r .id")]
pub(crate) struct Locks {
    /// Only this kind: device, user, activity-session or access
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
    /// Only the locks of this login; `me` for your own
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,
    /// Only locks that were taken so long ago or earlier: 90s, 10m, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    older_than: Option<u64>,
    /// No more than so many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub(crate) async fn locks(locks: Locks, settings: &Settings, output: Output) -> Ending {
    let mut caller = Caller::load(settings)?;
    let mut left = locks.limit.unwrap_or(u64::MAX);
    let query = query(&[
        ("limit", Some(left.min(PAGE).to_string())),
        ("kind", locks.kind.map(|kind| kind.to_string())),
        ("owner", locks.owner),
        ("olderThan", locks.older_than.map(|seconds| seconds.to_string())),
    ]);
    let mut rows = output.rows(&["TARGET", "NAME", "OWNER", "SINCE", "UNTIL", "FENCE", "TITLE"]);
    let now = now();
    caller
        .pages(&format!("/locks{query}"), "locks", |lock| {
            let cells = [
                target_of(lock),
                text(lock, "name"),
                text(lock, "owner"),
                when(lock, "since", now),
                when(lock, "until", now),
                text(lock, "fence"),
                text(lock, "title"),
            ];
            rows.push(lock, &cells)?;
            left -= 1;
            Ok(left > 0)
        })
        .await?;
    rows.finish()?;
    Ok(Exit::Done)
}
