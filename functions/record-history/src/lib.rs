//! The history of every lockable row, written from the stream of its table: a lock waits for none of it.

use std::time::Duration;

use holdfast::Clock;
use holdfast::config::InvalidConfig;
use holdfast::failure::{Corrupt, Failure};
use holdfast::lock::{Action, Event};
use holdfast::runtime::{Ready, StreamFunction, Unhandled};
use holdfast::store::{HistoryRecord, OPERATOR, Store, StreamRecord};
use holdfast::telemetry::{self, Tally};

/// What this Lambda does.
#[derive(Debug)]
pub struct RecordHistory {
    store: Store,
    clock: Clock,
    kept: Duration,
}

impl StreamFunction for RecordHistory {
    const NAME: &'static str = "record-history";

    async fn start(ready: Ready) -> Result<Self, InvalidConfig> {
        ready.config.require_history()?;
        Ok(Self::new(
            ready.store(1).await,
            Clock::System,
            ready.config.history_kept,
        ))
    }

    async fn handle(&self, records: &[StreamRecord]) -> Result<(), Unhandled> {
        for record in records {
            let recorded = self.record(record).await;
            recorded.map_err(|failure| Unhandled::at(record, &failure))?;
        }
        Ok(())
    }
}

impl RecordHistory {
    /// Writes into the history of `store`, whose records are kept for `kept`.
    #[must_use]
    pub const fn new(store: Store, clock: Clock, kept: Duration) -> Self {
        Self { store, clock, kept }
    }

    async fn record(&self, record: &StreamRecord) -> Result<(), Failure> {
        match record.history() {
            Ok(None) => Ok(()),
            Ok(Some(change)) => self.keep(&change).await,
            Err(corrupt) => self.keep_raw(record, corrupt).await,
        }
    }

    async fn keep(&self, change: &HistoryRecord) -> Result<(), Failure> {
        self.store.record_change(change, self.kept).await?;
        // Of a record that comes twice it is counted twice: no break goes without its alarm.
        if let Some(tally) = end_by_another(&change.event) {
            telemetry::count(Self::NAME, tally);
        }
        // The stream keeps the order of a row's writes, so the change before this one has been recorded.
        if !self.store.has_change_before(change).await? {
            tracing::error!(
                history.target = %change.target,
                history.change = change.event.change,
                "the history has a gap before change {} of {}",
                change.event.change,
                change.target,
            );
        }
        Ok(())
    }

    /// A record that cannot be understood is kept as it came. To fail on it would hold up its shard for a day.
    async fn keep_raw(&self, record: &StreamRecord, corrupt: Corrupt) -> Result<(), Failure> {
        tracing::error!(error = %corrupt, "a stream's record cannot be understood and is kept raw: {corrupt}");
        let now = self.clock.now();
        self.store
            .keep_raw(record.sequence(), record.raw(), now, self.kept)
            .await
    }
}

/// How a change counts that ended somebody else's lock: through the API, or by an operator at the tables.
fn end_by_another(event: &Event) -> Option<Tally> {
    let is_rescue = event.by.origin.dialect == OPERATOR;
    (event.action == Action::Broken).then_some(if is_rescue {
        Tally::RescuedLock
    } else {
        Tally::BrokenLock
    })
}

#[cfg(test)]
mod tests {
    use holdfast::id::RequestId;
    use holdfast::lock::{Fence, Origin, Owner, Timestamp, Writer};
    use holdfast::store::operator;

    use super::*;

    fn event(action: Action, by: Writer) -> Event {
        Event {
            change: 2,
            action,
            by,
            owner_before: Some(Owner::new("alice")),
            owner_after: None,
            fence_before: Fence::new(1),
            fence_after: Fence::new(2),
            until: None,
            reason: Some("on leave".to_owned()),
        }
    }

    #[test]
    fn a_break_and_a_rescue_are_counted_apart_and_nothing_else_is() {
        let (request, now) = (RequestId::new("r"), Timestamp::from_unix_ms(0));
        let olga = Writer {
            actor: Owner::new("olga"),
            at: now,
            origin: Origin::unknown(request.clone()),
        };
        let rescuer = operator("arn", request, now);
        let tally = |action, by: &Writer| end_by_another(&event(action, by.clone()));
        assert_eq!(tally(Action::Broken, &olga), Some(Tally::BrokenLock));
        assert_eq!(tally(Action::Broken, &rescuer), Some(Tally::RescuedLock));
        assert_eq!(tally(Action::Released, &olga), None);
        assert_eq!(tally(Action::Removed, &rescuer), None);
    }
}
