//! The commands for locks. Each is a call of the API, and shows its answer.

mod break_lock;
mod history;
mod hold;
mod list;
mod session;
mod show;
mod watch;

pub(crate) use break_lock::{Break, break_lock};
pub(crate) use history::{History, history};
pub(crate) use hold::{Lock, Unlock, lock, unlock};
pub(crate) use list::{Locks, locks};
pub(crate) use session::{Login, Logout, Whoami, login, logout, whoami};
pub(crate) use show::{Show, show};
pub(crate) use watch::{Watch, watch};

use holdfast::Clock;
use holdfast::id::Kind;
use holdfast::lock::Timestamp;
use holdfast::target::Target;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::text::human_text;

/// How many items are asked for at once: few enough that the first rows of `ndjson` come soon.
const PAGE: u64 = 200;

/// Everything but what an address may carry as it is (RFC 3986, "unreserved").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text as part of an address.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The path of a target's lock.
fn path(target: &Target) -> String {
    format!("/locks/{}/{}", target.kind(), encode(&target.id()))
}

/// A query string of the parameters that have a value, beginning with its question mark.
fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| {
        let value = value.as_deref()?;
        Some(format!("{name}={}", encode(value)))
    });
    format!("?{}", given.collect::<Vec<_>>().join("&"))
}

/// Reads a target from the command line.
pub(crate) fn parse_target(text: &str) -> Result<Target, String> {
    text.split_once('/')
        .and_then(|(kind, id)| Target::parse(kind, id))
        .ok_or_else(|| {
            "a target is device/ID5, user/bob, activity-session/<uuid> or access/<resource uuid>:<login>"
                .to_owned()
        })
}

/// Reads a kind from the command line.
fn parse_kind(text: &str) -> Result<Kind, String> {
    Kind::parse(text).ok_or_else(|| "a kind is device, user, activity-session or access".to_owned())
}

/// A member of an answer as text; empty where there is none.
fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A time of an answer, for people.
fn when(value: &Value, name: &str, now: Timestamp) -> String {
    match text(value, name) {
        none if none.is_empty() => none,
        time => human_text(&time, now),
    }
}

/// `device/ID5`
fn target_of(value: &Value) -> String {
    format!("{}/{}", text(value, "kind"), text(value, "id"))
}

/// What a lock says, for people.
fn facts_of_lock(lock: &Value, now: Timestamp) -> Vec<(&'static str, String)> {
    let mine = if lock.get("mine") == Some(&Value::Bool(true)) {
        " (you)"
    } else {
        ""
    };
    vec![
        ("target", target_of(lock)),
        ("name", text(lock, "name")),
        ("owner", format!("{}{mine}", text(lock, "owner"))),
        ("since", when(lock, "since", now)),
        ("until", when(lock, "until", now)),
        ("fence", text(lock, "fence")),
        ("title", text(lock, "title")),
        ("message", text(lock, "message")),
    ]
}

/// The edge: where these commands read the clock.
fn now() -> Timestamp {
    Clock::System.now()
}
