//! `break TARGET`

use clap::Args;
use holdfast::target::Target;
use hyper::Method;
use serde_json::{Value, json};

use super::{facts_of_lock, now, parse_target, path, text, when};
use crate::api::{Caller, Credentials};
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::terminal::{confirm, is_interactive};
use crate::text::parse_seconds;

/// End somebody else's lock.
///
/// Ask its owner first. A break needs the privilege Locks.Break and a second factor of the last five minutes: where that is older,
/// password and code are asked for again. The owner is told who broke the lock and why, and for a while they alone cannot take it again.
/// A successor's lock is never broken by mistake: the fence names the tenure to end.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast break device/ID5 --reason 'Alice is on leave, ticket 4711'
  holdfast break device/ID5 --reason 'Ticket 4711' --take --hold-off 10m
  holdfast break user/bob --reason 'Ticket 4711' --fence 41 --yes

Exit code 3: another tenure than the one named holds now.")]
pub(crate) struct Break {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Target,
    /// Why, for its owner and for the history: 1 to 500 characters
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The tenure to end; otherwise the one that holds now, as `show` says
    #[arg(long, value_name = "NUMBER")]
    fence: Option<u64>,
    /// Hand the lock to you in the same moment, in place of freeing it
    #[arg(long)]
    take: bool,
    /// For so long the old owner cannot take it again: 0 to 1h, 60s unless given
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    hold_off: Option<u64>,
    /// Do not ask to type the target
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    credentials: Credentials,
}

pub(crate) async fn break_lock(request: Break, settings: &Settings, output: Output) -> Ending {
    let target = request.target.to_string();
    let mut caller = Caller::load(settings)?;
    let fence = if let Some(fence) = request.fence {
        confirm(
            &format!("This ends the tenure {fence} on {target}."),
            &target,
            request.yes,
        )?;
        fence
    } else {
        let Some(fence) = live_fence(&mut caller, &request).await? else {
            return Ok(Exit::Done);
        };
        fence
    };
    let mut body =
        json!({"fence": fence, "reason": request.reason, "then": if request.take { "take" } else { "free" }});
    if let (Some(seconds), Some(body)) = (request.hold_off, body.as_object_mut()) {
        body.insert("holdOffSeconds".to_owned(), seconds.into());
    }
    let call = format!("{}/break", path(&request.target));
    let mut reply = caller.call(Method::POST, &call, Some(&body)).await?;
    if reply.is_problem("second-factor-too-old")
        && (is_interactive() || request.credentials.are_given(settings))
    {
        note("the second factor is older than five minutes: sign in again");
        caller.sign_in_again(&request.credentials).await?;
        reply = caller.call(Method::POST, &call, Some(&body)).await?;
    }
    let done = reply.into_body(&target, now())?;
    output.thing(&done, &facts(&target, &done))?;
    Ok(Exit::Done)
}

/// The fence of the tenure that holds now, which the person agrees to end; `None` where there is nothing to end, which
/// the person has been told.
async fn live_fence(caller: &mut Caller<'_>, request: &Break) -> Result<Option<u64>, Failure> {
    let target = request.target.to_string();
    let read = caller.get(&path(&request.target), &target).await?;
    let Some(lock) = read.get("lock").filter(|lock| !lock.is_null()) else {
        note(&format!("{target} is free: there is nothing to break"));
        return Ok(None);
    };
    if lock.get("mine") == Some(&Value::Bool(true)) {
        if !request.take {
            return Err(Failure::failed(format!(
                "the lock is yours: run `holdfast unlock {target}`"
            )));
        }
        // So it is where this break has been made before, and its answer was lost.
        note(&format!("{target} is yours already"));
        return Ok(None);
    }
    let fence = lock
        .get("fence")
        .and_then(Value::as_u64)
        .ok_or_else(|| Failure::failed("the server's answer has no fence: give --fence"))?;
    let deed = format!(
        "This ends the lock of {} on {target} ({}, taken {}, fence {fence}).",
        text(lock, "owner"),
        text(lock, "name"),
        when(lock, "since", now())
    );
    confirm(&deed, &target, request.yes)?;
    Ok(Some(fence))
}

fn facts(target: &str, done: &Value) -> Vec<(&'static str, String)> {
    let is_changed = done.get("changed") == Some(&Value::Bool(true));
    let mut facts = vec![(
        "lock",
        if is_changed { "broken" } else { "over already" }.to_owned(),
    )];
    if let Some(broken) = done.get("broken") {
        facts.push(("of", text(broken, "owner")));
    }
    match done.get("lock").filter(|lock| !lock.is_null()) {
        Some(lock) => facts.extend(facts_of_lock(lock, now())),
        None => facts.extend([
            ("target", target.to_owned()),
            ("owner", "(free)".to_owned()),
            ("fence", text(done, "fence")),
        ]),
    }
    facts
}
