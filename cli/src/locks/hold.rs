//! `lock TARGET` and `unlock TARGET`

use clap::Args;
use holdfast::target::Target;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{facts_of_lock, now, parse_target, path, query, text};
use crate::api::Caller;
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::profile::Settings;
use crate::text::parse_seconds;

/// Take a lock, or renew your own.
///
/// Only its owner releases a lock. Without --for it has no end; a lock that you hold keeps its end unless you give another.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast lock device/ID5
  holdfast lock device/ID5 --for 10m --title Upgrade --message 'Ask Alice first'
  holdfast lock device/ID5 --for 10m --fence 41     # renew this tenure or fail
  holdfast lock user/bob && echo 'bob is locked out'

Exit code 3: someone else holds it, or broke your lock a moment ago.")]
pub(crate) struct Lock {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Target,
    /// The lock ends by itself after this time: 90s, 10m, up to 1d
    #[arg(long = "for", value_name = "TIME", value_parser = parse_seconds)]
    seconds: Option<u64>,
    /// The lock that you hold has no end from now on
    #[arg(long, conflicts_with = "seconds")]
    without_end: bool,
    /// What those who are locked out see as the title
    #[arg(long)]
    title: Option<String>,
    /// What those who are locked out see below it
    #[arg(long)]
    message: Option<String>,
    /// Renew the tenure with this fence, or fail: a free lock is not taken
    #[arg(long, value_name = "NUMBER")]
    fence: Option<u64>,
}

pub(crate) async fn lock(lock: Lock, settings: &Settings, output: Output) -> Ending {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
    put("seconds", lock.seconds.map(Value::from));
    put("seconds", lock.without_end.then_some(Value::Null));
    put("title", lock.title.map(Value::from));
    put("message", lock.message.map(Value::from));
    put("fence", lock.fence.map(Value::from));
    let mut caller = Caller::load(settings)?;
    let reply = caller
        .call(Method::PUT, &path(&lock.target), Some(&body.into()))
        .await?;
    let (is_new, now) = (reply.status == 201, now());
    let held = reply.into_body(&lock.target.to_string(), now)?;
    let what = match (is_new, held.get("changed")) {
        (true, _) => "taken",
        (false, Some(Value::Bool(true))) => "renewed",
        (false, _) => "yours already, unchanged",
    };
    let mut facts = vec![("lock", what.to_owned())];
    facts.extend(facts_of_lock(held.get("lock").unwrap_or(&Value::Null), now));
    output.thing(&held, &facts)?;
    Ok(Exit::Done)
}

/// Release your lock.
///
/// A lock that is free already is released, too: the command can be repeated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast unlock device/ID5
  holdfast unlock device/ID5 --fence 41     # only this tenure, whatever holds now

Exit code 3: someone else holds it.")]
pub(crate) struct Unlock {
    /// device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>
    #[arg(value_parser = parse_target)]
    target: Target,
    /// Release the tenure with this fence and no other
    #[arg(long, value_name = "NUMBER")]
    fence: Option<u64>,
}

pub(crate) async fn unlock(unlock: Unlock, settings: &Settings, output: Output) -> Ending {
    let mut caller = Caller::load(settings)?;
    let query = unlock
        .fence
        .map_or_else(String::new, |fence| query(&[("fence", Some(fence.to_string()))]));
    let path = format!("{}{query}", path(&unlock.target));
    let target = unlock.target.to_string();
    let released = caller
        .call(Method::DELETE, &path, None)
        .await?
        .into_body(&target, now())?;
    let what = match (released.get("changed"), unlock.fence) {
        (Some(Value::Bool(true)), _) => "released",
        (_, Some(_)) => "over already",
        (_, None) => "free already",
    };
    let facts = [
        ("lock", what.to_owned()),
        ("target", target),
        ("fence", text(&released, "fence")),
    ];
    output.thing(&json!(released), &facts)?;
    Ok(Exit::Done)
}
