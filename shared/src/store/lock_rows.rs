//! Many locks in one atomic change.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, TransactWriteItem};

use super::item::{n, s};
use super::lock_row::Update;
use super::{LockTarget, Rev, Store, StoreError, Transacted, expressions};
use crate::id::RequestId;
use crate::lock::{Step, Timestamp};

/// The most rows that one atomic change can carry: DynamoDB's limit for a transaction.
pub const MAX_ROWS: usize = 100;

/// A row of a plan: where it is, and the revision that was planned on; `None` where there was no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRow {
    /// The row.
    pub target: LockTarget,
    /// Its revision when it was read.
    pub rev: Option<Rev>,
}

impl Store {
    /// Makes every change of a plan, and checks every row that must stay as it is; all of it or none. No more than
    /// [`MAX_ROWS`] steps.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn apply_plan<K: AsRef<PlannedRow>>(
        &self,
        steps: &[Step<K>],
        now: Timestamp,
        request_id: &RequestId,
    ) -> Result<Transacted, StoreError> {
        let items = steps
            .iter()
            .map(|step| match step {
                Step::Change(row, change) => {
                    let row = row.as_ref();
                    let update = Update::of(change, row.rev, &row.target, now, request_id);
                    self.update_item(&row.target, update)
                }
                Step::Stay(row) => self.stay(row.as_ref()),
            })
            .collect::<Result<_, _>>()?;
        self.transact(items).await
    }

    fn update_item(&self, target: &LockTarget, update: Update) -> Result<TransactWriteItem, StoreError> {
        let update = aws_sdk_dynamodb::types::Update::builder()
            .table_name(self.table_name(target.key().table()))
            .key("pk", s(target.key().pk()))
            .update_expression(update.expression)
            .condition_expression(update.condition)
            .set_expression_attribute_values(Some(update.values))
            .build()
            .map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn stay(&self, row: &PlannedRow) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(self.table_name(row.target.key().table()))
            .key("pk", s(row.target.key().pk()));
        let check = match row.rev {
            Some(rev) => check
                .condition_expression(expressions::UNCHANGED)
                .expression_attribute_values(":seen", n(rev.get())),
            None => check.condition_expression(expressions::STILL_ABSENT),
        };
        Ok(TransactWriteItem::builder()
            .condition_check(check.build().map_err(built_wrongly)?)
            .build())
    }
}

/// What the SDK says of an item without a table or key, which this program always gives.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(crate) fn built_wrongly(error: BuildError) -> StoreError {
    StoreError::Defect(format!("TransactWriteItems: {error}"))
}
