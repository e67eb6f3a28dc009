//! A function that a stream feeds.

use std::fmt;
use std::future::Future;

use lambda_http::{Error, LambdaEvent};
use lambda_runtime::service_fn;
use serde::Serialize;
use serde_json::value::RawValue;

use super::start::{Ready, ready};
use crate::config::InvalidConfig;
use crate::failure::Failure;
use crate::store::StreamRecord;

/// One Lambda behind the stream of the resources' table.
pub trait StreamFunction: Sized + Send + Sync {
    /// The name of its package, folder and binary.
    const NAME: &'static str;

    /// Makes, in INIT, what it works with.
    ///
    /// # Errors
    /// [`InvalidConfig`] where it is not told something that only it needs.
    fn start(ready: Ready) -> impl Future<Output = Result<Self, InvalidConfig>> + Send;

    /// Handles a batch in order. What can never be handled must not fail, for it would hold up its shard for a day.
    ///
    /// # Errors
    /// [`Unhandled`] names the earliest record that was not handled. It and all that follow it come again later, those that
    /// were handled as well.
    fn handle(&self, records: &[StreamRecord]) -> impl Future<Output = Result<(), Unhandled>> + Send;
}

/// A record from which on a batch is to be handed over again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhandled {
    sequence: String,
    reason: String,
}

impl Unhandled {
    /// The batch fails at `record`. The reason is for the log.
    pub fn at(record: &StreamRecord, reason: &impl fmt::Display) -> Self {
        Self {
            sequence: record.sequence().to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What Lambda is told of a batch: where to begin again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// The first record that failed, and none where all went well.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its sequence number.
    pub item_identifier: String,
}

/// Hands a batch to a function: whether, and from where on, it is to come again.
///
/// # Errors
/// [`Failure::Corrupt`] for an event that is not a batch of the stream.
pub async fn consume(function: &impl StreamFunction, event: &RawValue) -> Result<BatchAnswer, Failure> {
    let records = StreamRecord::batch(event)?;
    // In a box: within the runtime's own futures the compiler would reach its limit of nested types.
    let handled = Box::pin(function.handle(&records)).await;
    let Err(Unhandled { sequence, reason }) = handled else {
        return Ok(BatchAnswer::default());
    };
    tracing::error!(error = %reason, "a stream's record failed: {reason}");
    Ok(BatchAnswer {
        batch_item_failures: vec![ItemFailure {
            item_identifier: sequence,
        }],
    })
}

/// Runs a function in AWS Lambda.
///
/// # Errors
/// An unusable configuration, which fails INIT with one line, and whatever ends the runtime.
pub async fn run_stream<F: StreamFunction>() -> Result<(), Error> {
    let started = Box::pin(F::start(ready(F::NAME).await?)).await;
    let function = &started.inspect_err(|error| tracing::error!("{error}"))?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, Error>(consume(function, &event.payload).await?)
    }))
    .await
}
