//! `watch`: changes as they come.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use holdfast::id::Kind;
use holdfast::lock::Timestamp;
use holdfast::target::Target;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::history::step;
use super::{now, parse_kind, parse_target, query, target_of, text};
use crate::api::{Caller, Reply};
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::profile::Settings;

/// How often the history is asked for. A change is in it after about a second.
const PAUSE: Duration = Duration::from_secs(2);
/// How far back each look begins: for records that come late, and for a clock here that differs from the server's.
const OVERLAP: Duration = Duration::from_mins(5);

/// Follow changes until stopped with Ctrl-C.
///
/// For the roles Admin and Auditor. It asks for the history every two seconds; with --local it follows the local server's stream
/// of events, which come at once. Each change is a line; --output json is as ndjson.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast watch
  holdfast watch device/ID5
  holdfast watch --kind user --output ndjson | jq -r 'select(.action == \"broken\") | .id'")]
pub(crate) struct Watch {
    /// Only this target
    #[arg(value_parser = parse_target, conflicts_with = "kind")]
    target: Option<Target>,
    /// Only this kind: device, user, activity-session or access
    #[arg(long, value_parser = parse_kind)]
    kind: Option<Kind>,
}

impl Watch {
    fn wants(&self, record: &Value) -> bool {
        match (&self.target, self.kind) {
            (Some(target), _) => target_of(record) == target.to_string(),
            (None, Some(kind)) => text(record, "kind") == kind.as_str(),
            (None, None) => true,
        }
    }

    fn show(&self, record: &Value, output: Output) -> Result<(), Failure> {
        if !self.wants(record) {
            return Ok(());
        }
        let reason = text(record, "reason");
        let cells = [
            text(record, "at"),
            target_of(record),
            text(record, "action"),
            format!("by {}", text(record, "actor")),
            step(record, "ownerBefore", "ownerAfter"),
            reason,
        ];
        output.live(record, &cells)
    }
}

pub(crate) async fn watch(watch: Watch, settings: &Settings, output: Output) -> Ending {
    let mut terminated = signal(SignalKind::terminate())
        .map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    let mut interrupted = signal(SignalKind::interrupt())
        .map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))?;
    let caller = Caller::load(settings)?;
    let follow = async {
        if settings.is_local {
            stream(&watch, caller, output).await
        } else {
            poll(&watch, caller, output).await
        }
    };
    tokio::select! {
        ended = follow => ended,
        _ = interrupted.recv() => Ok(Exit::Done),
        _ = terminated.recv() => Ok(Exit::Done),
    }
}

fn begun() {
    note("following changes; Ctrl-C ends it");
}

/// Follows the events of the local server.
async fn stream(watch: &Watch, mut caller: Caller<'_>, output: Output) -> Ending {
    let response = caller.open("/events").await?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    if status != 200 {
        let bytes = body
            .collect()
            .await
            .map_err(|error| caller.broke_off(&error))?
            .to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Reply { status, body }.into_body("the stream of events", now())?;
        return Err(Failure::failed(format!(
            "the server answered {status} in place of its events"
        )));
    }
    begun();
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| caller.broke_off(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        pending.extend_from_slice(&data);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            // An event is one line: `data: {…}`.
            let Some(json) = line.strip_prefix(b"data:") else {
                continue;
            };
            let event: Value = serde_json::from_slice(json).unwrap_or_default();
            if let Some(record) = event.get("data") {
                watch.show(record, output)?;
            }
        }
    }
    Err(Failure::new(
        Exit::TryAgain,
        "the server ended the stream: try again",
    ))
}

/// Asks for the history again and again.
async fn poll(watch: &Watch, mut caller: Caller<'_>, output: Output) -> Ending {
    let mut seen = Seen::default();
    let begin = now();
    for record in look(watch, &mut caller, begin).await? {
        seen.is_new(&record);
    }
    begun();
    let mut is_told = false;
    loop {
        tokio::time::sleep(PAUSE).await;
        let from = now();
        match look(watch, &mut caller, from).await {
            Ok(records) => {
                for record in records.iter().rev().filter(|record| seen.is_new(record)) {
                    watch.show(record, output)?;
                }
                seen.forget_before(from.minus(2 * OVERLAP));
                is_told = false;
            }
            // The service may be back in a moment, and what happens until then is found then.
            Err(failure) if failure.exit == Exit::TryAgain => {
                if !is_told {
                    note(&format!("holdfast: {}", failure.message));
                }
                is_told = true;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The latest records, newest first.
async fn look(watch: &Watch, caller: &mut Caller<'_>, now: Timestamp) -> Result<Vec<Value>, Failure> {
    let from = now.minus(OVERLAP).to_string();
    let path = match &watch.target {
        Some(target) => query(&[
            ("kind", Some(target.kind().to_string())),
            ("id", Some(target.id())),
        ]),
        None => query(&[("from", Some(from.clone())), ("limit", Some("1000".to_owned()))]),
    };
    let mut records = Vec::new();
    let from = Timestamp::parse(&from);
    caller
        .pages(&format!("/history{path}"), "records", |record| {
            let is_recent = Timestamp::parse(&text(record, "at")) >= from;
            if is_recent {
                records.push(record.clone());
            }
            Ok(is_recent)
        })
        .await?;
    Ok(records)
}

/// Which records have been seen: of each, when it happened.
#[derive(Debug, Default)]
struct Seen(HashMap<(String, String), Timestamp>);

impl Seen {
    fn is_new(&mut self, record: &Value) -> bool {
        let at = Timestamp::parse(&text(record, "at")).unwrap_or(Timestamp::from_unix_ms(i64::MAX));
        self.0
            .insert((target_of(record), text(record, "change")), at)
            .is_none()
    }

    /// Forgets what no look finds any more.
    fn forget_before(&mut self, time: Timestamp) {
        self.0.retain(|_, at| *at >= time);
    }
}
