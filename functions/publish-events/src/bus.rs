//! The stack's own bus, and the only place that knows the SDK of `EventBridge`.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Builder};
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use holdfast::dialect::cloud_event::CloudEvent;
use holdfast::lock::Timestamp;
use thiserror::Error;

/// How many entries a call takes.
pub(crate) const MAX_ENTRIES: usize = 10;
/// How large the entries of a call may be together.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// What an entry's time counts for, by `EventBridge`'s rule.
const TIME_BYTES: usize = 14;
/// The `source` of every entry, by which a rule tells this product's events from others.
const SOURCE: &str = "holdfast";
/// How long one call waits for its connection, and for its answer.
const ATTEMPT: Duration = Duration::from_secs(2);

/// An event as the bus takes it.
#[derive(Debug)]
pub(crate) struct Entry {
    kind: String,
    detail: String,
    at: Timestamp,
}

impl Entry {
    pub(crate) fn new(event: &CloudEvent, at: Timestamp) -> Self {
        Self {
            kind: event.kind().to_owned(),
            detail: event.to_json(),
            at,
        }
    }

    /// What it counts for in the size of its call.
    pub(crate) const fn bytes(&self) -> usize {
        TIME_BYTES + SOURCE.len() + self.kind.len() + self.detail.len()
    }
}

/// Why an event was not taken, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("PutEvents: {0}")]
pub(crate) struct NotTaken(String);

/// An event bus.
#[derive(Clone, Debug)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// The bus of this name, at another endpoint than its region's where one is given.
    #[must_use]
    pub fn new(sdk: &SdkConfig, endpoint: Option<&str>, name: String) -> Self {
        let mut builder = Builder::from(sdk)
            // Pinned: a newer SDK must not change how a call is sent.
            .behavior_version(BehaviorVersion::v2026_01_12())
            // The queue tries again, whether a call fails or one of its entries, so that there is one count of tries.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(ATTEMPT)
                    .operation_attempt_timeout(ATTEMPT)
                    .build(),
            );
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(builder.build()),
            name,
        }
    }

    /// Puts some events in one call: of each, whether the bus has taken it.
    pub(crate) async fn put(&self, entries: &[&Entry]) -> Vec<Result<(), NotTaken>> {
        let sent = entries.iter().map(|entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(&entry.kind)
                .detail(&entry.detail)
                .time(DateTime::from_millis(entry.at.unix_ms()))
                .build()
        });
        let answer = self
            .client
            .put_events()
            .set_entries(Some(sent.collect()))
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let results = answer.entries();
                (0..entries.len())
                    .map(|place| taken(results.get(place)))
                    .collect()
            }
            Err(error) => vec![Err(of_call(&error)); entries.len()],
        }
    }
}

/// Whether one entry was taken: only what has an id on the bus.
fn taken(result: Option<&PutEventsResultEntry>) -> Result<(), NotTaken> {
    match result {
        Some(result) if result.error_code().is_none() && result.event_id().is_some() => Ok(()),
        // The code alone: a message may say what was sent.
        result => Err(NotTaken(
            result
                .and_then(PutEventsResultEntry::error_code)
                .unwrap_or("no answer to an entry")
                .to_owned(),
        )),
    }
}

/// Why a whole call failed.
fn of_call<E: ProvideErrorMetadata>(error: &SdkError<E>) -> NotTaken {
    let reason = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("no code"),
        SdkError::ConstructionFailure(_) => "construction",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "unreachable",
        _ => "unusable answer",
    };
    NotTaken(reason.to_owned())
}
