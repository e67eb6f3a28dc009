//! A known source reserves by one write on its own row, which no stranger writes.

use super::seen::{is_full, lockout_is_over};
use super::{AttemptRows, Reservation};
use crate::failure::Failure;
use crate::store::{Attempt, AttemptKind, Store};

pub(super) async fn reserve(
    store: &Store,
    seen: &AttemptRows,
    counted: AttemptKind,
    attempt: Attempt<'_>,
) -> Result<Reservation, Failure> {
    let AttemptKind { counter, step } = counted;
    let mut after_lockout = lockout_is_over(seen.here.count(counter), attempt.now);
    loop {
        let Some(found) = store.count_known_attempt(attempt, counted, after_lockout).await? else {
            return Ok(Reservation::Counted);
        };
        if found.last_request.as_deref() == Some(attempt.request_id.as_str()) {
            // The reservation was made; only its answer was lost.
            return Ok(Reservation::Counted);
        }
        if step.is_some() && found.totp_step >= step {
            return Ok(Reservation::Replayed);
        }
        if after_lockout && !is_full(found.count(counter)) {
            // Another attempt started the count over: this one counts on from there.
            after_lockout = false;
        } else {
            return Ok(Reservation::ClosedSource);
        }
    }
}
