use serde::Serialize;

use crate::lock::{Event, Owner};
use crate::target::Target;

/// A change of a target, as the history shows it and as subscribers get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    kind: &'static str,
    id: String,
    change: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    action: &'static str,
    actor: String,
    owner_before: Option<String>,
    owner_after: Option<String>,
    fence_before: u64,
    fence_after: u64,
    until: Option<String>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    dialect: String,
    request_id: String,
}

impl ChangeView {
    /// The change with its time and the address that it came from, for those who may read the history.
    #[must_use]
    pub fn new(target: &Target, event: &Event) -> Self {
        let owner = |owner: &Option<Owner>| owner.as_ref().map(ToString::to_string);
        Self {
            kind: target.kind().as_str(),
            id: target.id(),
            change: event.change,
            at: Some(event.by.at.to_string()),
            action: event.action.as_str(),
            actor: event.by.actor.to_string(),
            owner_before: owner(&event.owner_before),
            owner_after: owner(&event.owner_after),
            fence_before: event.fence_before.get(),
            fence_after: event.fence_after.get(),
            until: event.until.map(|until| until.to_string()),
            reason: event.reason.clone(),
            source: Some(event.by.origin.source.clone()),
            dialect: event.by.origin.dialect.to_string(),
            request_id: event.by.origin.request.as_str().to_owned(),
        }
    }

    /// The same for subscribers: the address is not theirs to know, and the envelope has the time.
    pub(super) fn for_subscribers(target: &Target, event: &Event) -> Self {
        Self {
            at: None,
            source: None,
            ..Self::new(target, event)
        }
    }
}
