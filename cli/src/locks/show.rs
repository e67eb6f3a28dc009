//! `show TARGET`

use clap::Args;
use holdfast::target::Target;
use serde_json::Value;

use super::{facts_of_lock, now, parse_target, path, target_of, text, when};
use crate::api::Caller;
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::profile::Settings;

/// Show one target: who holds it, and who broke its last lock.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast show device/ID5
  holdfast show user/bob --output json | jq .fence")]
pub(crate) struct Show {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Target,
}

pub(crate) async fn show(show: Show, settings: &Settings, output: Output) -> Ending {
    let mut caller = Caller::load(settings)?;
    let read = caller.get(&path(&show.target), &show.target.to_string()).await?;
    output.thing(&read, &facts(&read))?;
    Ok(Exit::Done)
}

fn facts(read: &Value) -> Vec<(&'static str, String)> {
    let now = now();
    let mut facts = match read.get("lock").filter(|lock| !lock.is_null()) {
        Some(lock) => facts_of_lock(lock, now),
        None => vec![
            ("target", target_of(read)),
            ("name", text(read, "name")),
            ("owner", "(free)".to_owned()),
            ("fence", text(read, "fence")),
        ],
    };
    if let Some(broken) = read.get("lastBreak").filter(|broken| !broken.is_null()) {
        let by = text(broken, "by");
        let by = if by.is_empty() { by } else { format!(" by {by}") };
        facts.push((
            "last break",
            format!(
                "{}'s lock{by}, {}",
                text(broken, "owner"),
                when(broken, "at", now)
            ),
        ));
        facts.push(("reason", text(broken, "reason")));
        facts.push(("hold-off ends", when(broken, "until", now)));
    }
    facts
}
