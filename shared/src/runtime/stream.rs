//! A function that a stream feeds.

use std::future::Future;
use std::pin::Pin;

use lambda_http::{Error, LambdaEvent};
use lambda_runtime::service_fn;
use serde::Serialize;
use serde_json::value::RawValue;

use super::App;
use super::start::start;
use crate::failure::Failure;
use crate::store::StreamRecord;

/// A handler's answer to come.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Handles one record. A failure is tried again later, with this record and all that follow it; what can never be handled
/// must not fail, for it would hold up its shard for a day.
pub type StreamHandler = for<'a> fn(&'a App, &'a StreamRecord) -> Handled<'a>;

/// One Lambda behind the stream of the resources' table.
#[derive(Debug)]
pub struct StreamFunction {
    /// The name of its package, folder and binary.
    pub name: &'static str,
    /// Handles its records, one after the other.
    pub handler: StreamHandler,
    /// How many connections to the store it needs at once.
    pub connections: usize,
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

/// Handles a batch in order, up to the first failure.
///
/// # Errors
/// [`Failure::Corrupt`] for an event that is not a batch of the stream.
pub async fn consume(
    function: &'static StreamFunction,
    app: &App,
    event: &RawValue,
) -> Result<BatchAnswer, Failure> {
    for record in StreamRecord::batch(event)? {
        if let Err(failure) = (function.handler)(app, &record).await {
            tracing::error!(error = %failure, "a stream's record failed: {failure}");
            return Ok(BatchAnswer {
                batch_item_failures: vec![ItemFailure {
                    item_identifier: record.sequence().to_owned(),
                }],
            });
        }
    }
    Ok(BatchAnswer::default())
}

/// Runs `function` in AWS Lambda.
///
/// # Errors
/// An unusable configuration, which fails INIT with one line, and whatever ends the runtime.
pub async fn run_stream(function: &'static StreamFunction) -> Result<(), Error> {
    let app = &start(function.name, function.connections).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, Error>(consume(function, app, &event.payload).await?)
    }))
    .await
}
