//! The locks on the access of a user to a resource, where either was removed.

use super::{OperatorResult, RowWrite};
use crate::failure::Failure;
use crate::id::{Company, Kind, Login, ResourceId};
use crate::lock::Writer;
use crate::store::{Lockable, PageRequest, RowKey, Store, TargetRow};

/// How many locks are looked at in one round.
const PAGE: usize = 1_000;

impl Store {
    /// Ends the locks on those pairs of a company that `is_gone` names, and says how many there were.
    ///
    /// A pair has no tombstone, for it exists by its two halves: nobody sees it or acts on it while one of them is removed.
    /// To be called after a half was removed, and once more before it comes back, for what was under way in between.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn end_locks_on_pairs(
        &self,
        company: &Company,
        by: &Writer,
        is_gone: impl Fn(ResourceId, &Login) -> bool,
    ) -> Result<usize, Failure> {
        let mut ended = 0;
        let mut after = None;
        loop {
            let request = PageRequest { limit: PAGE, after };
            let page = self.locks(company, Kind::Access, None, &request, by.at).await?;
            for row in page.entries {
                let TargetRow::Access(resource, login, pair) = &row else {
                    continue;
                };
                if !is_gone(*resource, login) {
                    continue;
                }
                let key = RowKey::access(*resource, login);
                let write = RowWrite::end_lock(key, pair.record().rev);
                // A pair that moved was renewed, released or taken by what was under way: the next round sees it.
                if self.write_as_operator(&[write], by).await? == OperatorResult::Made {
                    ended += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }
}
