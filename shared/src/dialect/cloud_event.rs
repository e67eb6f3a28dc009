//! A record of the history as an event for subscribers: `CloudEvents` 1.0 in structured JSON.

use serde::Serialize;

use super::ChangeView;
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
    data: ChangeView,
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
            data: ChangeView::for_subscribers(target, event),
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

    /// The event in structured JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and numbers alone, which always become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
