//! A stranger reserves in one transaction on the row of its source and on that of all strangers.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::writes::{count_among_strangers, count_here, credential_exists};
use super::{Attempt, AttemptRows, Counter, Reservation};
use crate::secret::Step;
use crate::store::{Store, StoreError, Transacted};

/// Where the parts of the plan stand.
const HERE: usize = 0;
const STRANGERS: usize = 1;
const CREDENTIAL: usize = 2;

pub(super) async fn reserve(
    store: &Store,
    seen: &AttemptRows,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
) -> Result<Reservation, StoreError> {
    let mut after_lockout = seen.here.lockout_is_over(counter, attempt.now);
    let mut next_day = seen.strangers.day_is_over(counter, attempt.now);
    // An attempt that will be refused anyway makes the same call, for an outsider to see no difference, but leaves the
    // credential alone: while another transaction looks at that row, a known user's sign-in has to wait.
    let closed =
        (seen.here.is_full(counter) && !after_lockout) || (seen.strangers.is_full(counter) && !next_day);
    loop {
        let update = |update| TransactWriteItem::builder().update(update).build();
        let mut plan = vec![
            update(count_here(store, counter, step, attempt, after_lockout)?),
            update(count_among_strangers(store, counter, attempt, next_day)?),
        ];
        if !closed {
            let check = credential_exists(store, step, attempt)?;
            plan.push(TransactWriteItem::builder().condition_check(check).build());
        }
        // Sent again after its answer was lost, the plan counts once: the client token is the same.
        let failed = match store.transact(plan).await? {
            Transacted::Done => return Ok(Reservation::Counted),
            Transacted::ConditionFailed(failed) => failed,
        };
        if failed.contains(CREDENTIAL) {
            // With a code the caller has a session, and with a session there is a credential: so it is the step.
            return Ok(match step {
                Some(_) => Reservation::Replayed,
                None => Reservation::Refused,
            });
        }
        let (here, strangers) = (failed.contains(HERE), failed.contains(STRANGERS));
        if (here && !after_lockout) || (strangers && !next_day) {
            return Ok(Reservation::Refused);
        }
        // Another attempt started a count over: this one counts on from there.
        after_lockout &= !here;
        next_day &= !strangers;
    }
}
