//! What an operator writes: people and things are made, changed, removed and brought back. Each write goes by the revision
//! that the operator has seen, and several are made together or not at all.

mod attempts;
mod counts;
mod pairs;
mod reseal;
mod row_write;
mod scan;
mod segments;
mod shape;
mod stored;

pub use attempts::AttemptsRow;
pub use row_write::{NewSecret, RowWrite};
pub use scan::StoredPage;
pub use shape::TableFault;
pub use stored::{Counted, SecretsHeld, StoredRow};

use super::{RowKey, Store, TransactionResult};
use crate::failure::Failure;
use crate::id::RequestId;
use crate::lock::{Origin, Owner, Timestamp, Writer};

/// The dialect of what no request asked for.
pub const OPERATOR: &str = "operator";

/// How writes of an operator ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorResult {
    /// All of them are made.
    Made,
    /// None is made: these rows are no longer as they were seen.
    Moved(Vec<RowKey>),
}

/// An operator as the writer of rows: `operator/<identity>`, in the run `request` of a command.
#[must_use]
pub fn operator(identity: &str, request: RequestId, now: Timestamp) -> Writer {
    Writer {
        actor: Owner::new(format!("{OPERATOR}/{identity}")),
        at: now,
        origin: Origin {
            request,
            source: "unknown".to_owned(),
            dialect: OPERATOR.into(),
        },
    }
}

impl Store {
    /// Makes every one of these writes, or none: one transaction of at most [`MAX_ROWS`](super::MAX_ROWS) rows, each named
    /// once. One whose answer was lost is not made twice.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn write_as_operator(
        &self,
        writes: &[RowWrite],
        by: &Writer,
    ) -> Result<OperatorResult, Failure> {
        let counts = self.counts(writes).await?;
        let items = writes.iter().map(|write| self.operator_item(write, by, &counts));
        let plan = items.collect::<Result<Vec<_>, _>>()?;
        Ok(match self.transact(plan).await? {
            TransactionResult::Done => OperatorResult::Made,
            TransactionResult::ConditionFailed(failed) => OperatorResult::Moved(
                failed
                    .places()
                    .filter_map(|place| writes.get(place))
                    .map(|write| write.key().clone())
                    .collect(),
            ),
        })
    }
}
