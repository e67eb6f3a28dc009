//! Every change of a lockable row as an event on the stack's own bus, from the stream of its table: a lock waits for none
//! of it.

mod bus;
mod queue;

use std::time::{Duration, Instant};

use holdfast::config::InvalidConfig;
use holdfast::dialect::cloud_event::CloudEvent;
use holdfast::runtime::{Ready, StreamFunction, Unhandled};
use holdfast::store::{Retries, StreamRecord};

pub use bus::EventBus;
use bus::{Entry, MAX_BYTES};
use queue::{Queue, Waiting};

/// For how long calls are begun in one invocation. The last one and its retries end well before the function's timeout of
/// 60 seconds, after which the whole batch would come again.
const WITHIN: Duration = Duration::from_secs(30);

/// What this Lambda does.
#[derive(Debug)]
pub struct PublishEvents {
    bus: EventBus,
    stack: String,
}

impl StreamFunction for PublishEvents {
    const NAME: &'static str = "publish-events";

    /// The bus is not reached yet: every call to it publishes something, and behind the stream nothing waits for the first.
    async fn start(ready: Ready) -> Result<Self, InvalidConfig> {
        let given = |value: Option<String>, variable| value.ok_or_else(|| InvalidConfig::missing(variable));
        let bus = given(ready.config.event_bus, "EVENT_BUS")?;
        let stack = ready.config.stack;
        Ok(Self::new(EventBus::new(&ready.sdk, None, bus), stack))
    }

    async fn handle(&self, records: &[StreamRecord]) -> Result<(), Unhandled> {
        self.deliver(Queue::new(
            records.iter().filter_map(|record| self.waiting(record)).collect(),
        ))
        .await
    }
}

impl PublishEvents {
    /// Publishes on `bus` in the name of `stack`.
    #[must_use]
    pub const fn new(bus: EventBus, stack: String) -> Self {
        Self { bus, stack }
    }

    /// The event of a record; `None` where there is nothing to tell, or nothing that could be told. To fail on that would
    /// hold up the shard for a day.
    fn waiting<'a>(&self, record: &'a StreamRecord) -> Option<Waiting<'a>> {
        let change = record
            .history()
            .inspect_err(|corrupt| {
                tracing::error!(
                    error = %corrupt,
                    stream.sequence = record.sequence(),
                    "a stream's record cannot be understood and is not published: {corrupt}"
                );
            })
            .ok()??;
        let event = CloudEvent::new(&self.stack, &change.company, &change.target, &change.event);
        let entry = Entry::new(&event, change.event.by.at);
        if entry.bytes() > MAX_BYTES {
            tracing::error!(
                stream.sequence = record.sequence(),
                "a stream's record is too large for an event and is not published"
            );
            return None;
        }
        Some(Waiting {
            record,
            target: (change.company, change.target),
            entry,
        })
    }

    /// Puts one call after the other. What is not taken is tried again in its place, before anything later of its target.
    ///
    /// No error counts as permanent: an event that is left out is lost for its subscribers, and one that fails for ever
    /// ends as a dead letter.
    async fn deliver(&self, mut queue: Queue<'_>) -> Result<(), Unhandled> {
        let began = Instant::now();
        let mut retries: Option<Retries> = None;
        while let Some(first) = queue.first() {
            if began.elapsed() > WITHIN {
                return Err(Unhandled::at(first, &"PutEvents: the invocation's time is over"));
            }
            let call = queue.call();
            let taken = self.bus.put(&call).await;
            let Some(refusal) = queue.settle(taken) else {
                retries = None;
                continue;
            };
            if retries.get_or_insert_with(Retries::of_races).again().await {
                continue;
            }
            // It is still there: the refusal is of something that waits.
            if let Some(first) = queue.first() {
                return Err(Unhandled::at(first, &refusal));
            }
        }
        Ok(())
    }
}
