//! What rows count, where an operator's write has to raise it to an epoch's first number.

use std::collections::HashMap;

use super::{RowWrite, StoredRow};
use crate::failure::Failure;
use crate::lock::Epoch;
use crate::store::{Attributes, RowKey, Store};

/// What the rows of some writes count, as far as an epoch changes how the numbers go on.
#[derive(Debug)]
pub(super) struct Counts {
    epoch: Epoch,
    rows: HashMap<RowKey, StoredRow>,
}

impl Counts {
    /// The number to set where the row's attribute `name` goes on with the epoch's first; `None` where it is one more, which the
    /// table counts.
    pub(super) fn jump(&self, key: &RowKey, name: &'static str) -> Result<Option<u64>, Failure> {
        if self.epoch == Epoch::default() {
            return Ok(None);
        }
        let number = match self.rows.get(key) {
            Some(row) => Attributes::new(row.item().clone()).optional_number(name)?,
            None => None,
        };
        let number = number.unwrap_or(0);
        Ok(self.epoch.is_after(number).then(|| self.epoch.next(number)))
    }

    /// The first number that a row gets which is made in this epoch.
    pub(super) const fn first(&self) -> u64 {
        self.epoch.first()
    }
}

impl Store {
    /// Reads the rows again that are to be written. Each write goes by the revision that the operator has seen, so a row that is
    /// another by now is not written, and what is read here is what the write changes.
    pub(super) async fn counts(&self, writes: &[RowWrite]) -> Result<Counts, Failure> {
        let epoch = self.epoch();
        let rows = if epoch == Epoch::default() {
            HashMap::new()
        } else {
            let keys: Vec<RowKey> = writes.iter().map(|write| write.key().clone()).collect();
            self.stored(&keys).await?
        };
        Ok(Counts { epoch, rows })
    }
}
