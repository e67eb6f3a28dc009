//! A stranger reserves in one transaction on the row of its source and on that of all strangers.

use super::seen::{are_full, day_is_over, is_full, lockout_is_over};
use super::{AttemptRows, Reservation};
use crate::failure::Failure;
use crate::store::{Attempt, AttemptKind, Store, StrangersPlan};

pub(super) async fn reserve(
    store: &Store,
    seen: &AttemptRows,
    counted: AttemptKind,
    attempt: Attempt<'_>,
) -> Result<Reservation, Failure> {
    let AttemptKind { counter, step } = counted;
    let (here, strangers) = (seen.here.count(counter), seen.strangers.count(counter));
    let after_lockout = lockout_is_over(here, attempt.now);
    let next_day = day_is_over(strangers, attempt.now);
    let closed = (is_full(here) && !after_lockout) || (are_full(strangers, counter) && !next_day);
    let mut plan = StrangersPlan {
        after_lockout,
        next_day,
        // An attempt that will be refused anyway makes the same call, for an outsider to see no difference, but leaves
        // the credential alone: while another transaction looks at that row, a known user's sign-in has to wait.
        with_credential: !closed,
    };
    loop {
        let Some(refusal) = store.count_strangers_attempt(attempt, counted, plan).await? else {
            return Ok(Reservation::Counted);
        };
        if refusal.credential {
            // With a code the caller has a session, and with a session there is a credential: so it is the step.
            return Ok(match step {
                Some(_) => Reservation::Replayed,
                None => Reservation::NoCredential,
            });
        }
        if refusal.here && !plan.after_lockout {
            return Ok(Reservation::ClosedSource);
        }
        if refusal.strangers && !plan.next_day {
            return Ok(Reservation::ClosedToStrangers);
        }
        // Another attempt started a count over: this one counts on from there.
        plan.after_lockout &= !refusal.here;
        plan.next_day &= !refusal.strangers;
    }
}
