//! The history of every lockable row, written from the stream of its table: a lock waits for none of it.

use std::time::Duration;

use holdfast::failure::{Corrupt, Failure};
use holdfast::runtime::{App, StreamFunction};
use holdfast::store::{HistoryRecord, StreamRecord};

/// For how long a record is kept.
const KEPT: Duration = Duration::from_hours(400 * 24);

/// What this Lambda does.
pub const FUNCTION: StreamFunction = StreamFunction {
    name: "record-history",
    handler: |app, record| Box::pin(record_history(app, record)),
    connections: 1,
};

async fn record_history(app: &App, record: &StreamRecord) -> Result<(), Failure> {
    match record.history() {
        Ok(None) => Ok(()),
        Ok(Some(change)) => keep(app, &change).await,
        Err(corrupt) => keep_raw(app, record, corrupt).await,
    }
}

async fn keep(app: &App, change: &HistoryRecord) -> Result<(), Failure> {
    app.store.record_change(change, KEPT).await?;
    // The stream keeps the order of a row's writes, so the change before this one has been recorded.
    if !app.store.has_change_before(change).await? {
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
async fn keep_raw(app: &App, record: &StreamRecord, corrupt: Corrupt) -> Result<(), Failure> {
    tracing::error!(error = %corrupt, "a stream's record cannot be understood and is kept raw: {corrupt}");
    let now = app.clock.now();
    app.store
        .keep_raw(record.sequence(), record.raw(), now, KEPT)
        .await
}
