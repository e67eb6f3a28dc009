//! A record of the history as an event for subscribers: `CloudEvents` 1.0 in structured JSON.

use serde::Serialize;

use crate::id::Company;
use crate::lock::Event;
use crate::target::Target;

/// The event of one change. Of a target, a subscriber ignores a `sequence` that is not above the last one it has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: String,
    subject: String,
    time: String,
    sequence: String,
    datacontenttype: &'static str,
    data: Data,
}

/// What happened, without the address that it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    kind: &'static str,
    id: String,
    change: u64,
    action: &'static str,
    actor: String,
    owner_before: Option<String>,
    owner_after: Option<String>,
    fence_before: u64,
    fence_after: u64,
    until: Option<String>,
    reason: Option<String>,
    dialect: String,
    request_id: String,
}

impl CloudEvent {
    /// The event of a change of `target` in `company`, from the stack of this name.
    #[must_use]
    pub fn new(stack: &str, company: &Company, target: &Target, event: &Event) -> Self {
        let sequence = format!("{:020}", event.change);
        Self {
            specversion: "1.0",
            id: format!("{company}/{target}/{sequence}"),
            source: format!("/holdfast/{stack}/{company}"),
            r#type: format!("holdfast.lock.{}.v1", event.action.as_str()),
            subject: target.to_string(),
            time: event.by.at.to_string(),
            sequence,
            datacontenttype: "application/json",
            data: Data {
                kind: target.kind().as_str(),
                id: target.id(),
                change: event.change,
                action: event.action.as_str(),
                actor: event.by.actor.to_string(),
                owner_before: event.owner_before.as_ref().map(ToString::to_string),
                owner_after: event.owner_after.as_ref().map(ToString::to_string),
                fence_before: event.fence_before.get(),
                fence_after: event.fence_after.get(),
                until: event.until.map(|until| until.to_string()),
                reason: event.reason.clone(),
                dialect: event.by.origin.dialect.to_string(),
                request_id: event.by.origin.request.as_str().to_owned(),
            },
        }
    }

    /// The `type`, by which subscribers choose.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.r#type
    }

    /// The `source`, by which subscribers choose.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
