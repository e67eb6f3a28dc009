//! The stream of the resources' table, polled in place of Lambda: the same handlers write the history.

use std::time::Duration;

use holdfast::dialect::cloud_event::CloudEvent;
use holdfast::runtime::{BatchAnswer, consume};
use holdfast::store::StreamRecord;
use record_history::RecordHistory;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// How long the stream is left alone between two polls.
const PAUSE: Duration = Duration::from_millis(200);
/// DynamoDB's limit for one call.
const MAX_RECORDS: u32 = 1_000;
/// How many events a slow subscriber may be behind before it misses some.
const MAX_BEHIND: usize = 1_024;

/// An event for subscribers: the company that may see it, and its JSON.
pub(crate) type Published = (String, String);

/// Where the local bus is: a channel, and a line in the log.
pub(crate) fn bus() -> broadcast::Sender<Published> {
    broadcast::channel(MAX_BEHIND).0
}

/// Polls until it is told to stop.
pub(crate) fn poll(
    streams: Streams,
    history: RecordHistory,
    bus: broadcast::Sender<Published>,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut iterator = None;
        let mut told = String::new();
        loop {
            match streams.follow(&history, &bus, iterator.take()).await {
                Ok(next) => iterator = next,
                // Five times a second it would say the same.
                Err(error) if error == told => {}
                Err(error) => {
                    tracing::warn!("the stream was not read: {error}");
                    told = error;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // A sender that is gone means stop as well.
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    })
}

/// The streams' API of an embedded DynamoDB. Its answers are in the very JSON that Lambda hands to functions, which the
/// SDK would take apart.
#[derive(Debug)]
pub struct Streams {
    http: reqwest::Client,
    endpoint: String,
    table: String,
}

/// What a stream gave: a batch, and where to read on.
#[derive(Debug)]
pub struct StreamPage {
    /// The batch, as Lambda hands it to functions.
    pub batch: Value,
    /// How many records it has.
    pub records: usize,
    /// Where to read on.
    pub next: Option<String>,
}

impl Streams {
    /// The stream of `table` in the store at `endpoint`.
    #[must_use]
    pub fn new(endpoint: String, table: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            endpoint,
            table: table.to_owned(),
        }
    }

    /// Reads on from `iterator`, or from the oldest record that the stream has.
    ///
    /// # Errors
    /// One line that says which call failed.
    pub async fn read(&self, iterator: Option<String>) -> Result<StreamPage, String> {
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => self.begin().await?,
        };
        let request = json!({"ShardIterator": iterator, "Limit": MAX_RECORDS});
        let batch = self.call("GetRecords", &request).await?;
        let records = batch.get("Records").and_then(Value::as_array);
        let next = batch.get("NextShardIterator").and_then(Value::as_str);
        Ok(StreamPage {
            records: records.map_or(0, Vec::len),
            next: next.map(str::to_owned),
            batch,
        })
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value, String> {
        let answer = self
            .http
            .post(&self.endpoint)
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            // Local stores ask for a signature and its date, and accept any.
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=local",
            )
            .body(body.to_string())
            .send()
            .await
            .map_err(|error| format!("{operation}: {error}"))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|error| format!("{operation}: {error}"))?;
        if !status.is_success() {
            return Err(format!("{operation}: {status}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{operation}: {error}"))
    }

    /// The place from which everything that the stream has is read.
    async fn begin(&self) -> Result<String, String> {
        let text = |value: &Value, pointer: &str| {
            value
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| format!("the stream has no {pointer}"))
        };
        let streams = self
            .call("ListStreams", &json!({"TableName": self.table}))
            .await?;
        let arn = text(&streams, "/Streams/0/StreamArn")?;
        let stream = self.call("DescribeStream", &json!({"StreamArn": arn})).await?;
        let shard = text(&stream, "/StreamDescription/Shards/0/ShardId")?;
        let iterator = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        text(&self.call("GetShardIterator", &iterator).await?, "/ShardIterator")
    }

    /// Reads on from `iterator`; the answer is where to read on next.
    async fn follow(
        &self,
        history: &RecordHistory,
        bus: &broadcast::Sender<Published>,
        iterator: Option<String>,
    ) -> Result<Option<String>, String> {
        let mut iterator = iterator;
        loop {
            let page = self.read(iterator).await?;
            if page.records == 0 {
                return Ok(page.next);
            }
            let batch = to_raw_value(&page.batch).map_err(|error| error.to_string())?;
            hand_over(history, bus, &batch).await?;
            if page.next.is_none() {
                return Ok(None);
            }
            iterator = page.next;
        }
    }
}

/// The same batch to the history and to the bus. Where it fails it comes again from the beginning: the writes are safe to
/// run twice.
async fn hand_over(
    history: &RecordHistory,
    bus: &broadcast::Sender<Published>,
    batch: &RawValue,
) -> Result<(), String> {
    let answer = consume(history, batch).await.map_err(|error| error.to_string())?;
    if answer != BatchAnswer::default() {
        return Err("a record was not written to the history".to_owned());
    }
    for record in StreamRecord::batch(batch).map_err(|error| error.to_string())? {
        let Ok(Some(change)) = record.history() else {
            continue;
        };
        let event = CloudEvent::new("local", &change.company, &change.target, &change.event);
        // Without a subscriber there is no one to tell.
        let _ = bus.send((change.company.as_str().to_owned(), event.to_json()));
    }
    Ok(())
}
