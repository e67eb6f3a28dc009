//! Many locks in one atomic change.

use super::update::Update;
use super::{LockCall, LockTarget, Store, TransactionResult};
use crate::failure::Failure;
use crate::lock::{Record, Revision, Step};

/// The most rows that one atomic change can carry: DynamoDB's limit for a transaction.
pub const MAX_ROWS: usize = 100;

/// A row of a plan: where it is, and what was planned on; `None` where there was no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRow {
    /// The row.
    pub target: LockTarget,
    /// What it recorded when it was read.
    pub record: Option<Record>,
}

impl PlannedRow {
    fn rev(&self) -> Option<Revision> {
        self.record.as_ref().map(|record| record.rev)
    }
}

impl Store {
    /// Makes every change of a plan and touches every row that must stay as it is; all of it or none. No more than
    /// [`MAX_ROWS`] steps, less one with an actor to check.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn apply_plan<K: AsRef<PlannedRow>>(
        &self,
        steps: &[Step<K>],
        call: LockCall<'_>,
    ) -> Result<TransactionResult, Failure> {
        let me = call.writer();
        let mut actor = call.actor;
        let mut items = Vec::with_capacity(steps.len() + 1);
        for step in steps {
            let (Step::Change(row, _) | Step::Stay(row)) = step;
            let row = row.as_ref();
            let mut update = match step {
                Step::Change(_, change) => {
                    let seen = row.record.as_ref();
                    Update::change(change, seen, &row.target, &me, call.now, self.epoch())
                }
                Step::Stay(_) => Update::touch(row.rev(), &row.target),
            };
            // DynamoDB refuses a row that appears twice in a transaction.
            if let Some(own) = actor.take_if(|actor| actor.key() == *row.target.key()) {
                update.and_still_unlocked(own, call.now);
            }
            items.push(self.update_item(&row.target, update)?);
        }
        if let Some(actor) = actor {
            items.push(self.still_unlocked(actor, call.now)?);
        }
        self.transact(items).await
    }
}
