//! Attempts are counted before they are verified: a guess that was not counted is never looked at, so parallel
//! guesses cannot slip past a bound.
//!
//! They are counted by login *and* source. A source that the user has signed in from has a count of its own, which no
//! one elsewhere can fill; all other sources, the strangers, have one each and one together.

mod known;
mod seen;
mod standing;
mod stranger;

use super::Sources;
use crate::failure::{Corrupt, Failure};
use crate::store::{Attempt, AttemptKind, Counter, CredentialRow, Store, UserRow};

pub(super) use seen::AttemptRows;
pub use standing::{ClosedSource, Standing};

/// How a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reservation {
    /// The attempt is counted and may be verified.
    Counted,
    /// There is no credential.
    NoCredential,
    /// Too many attempts from this source have failed.
    ClosedSource,
    /// Too many attempts of strangers have failed.
    ClosedToStrangers,
    /// The code belongs to a step that has been accepted: not counted, for its owner may just have been quick.
    Replayed,
}

/// Counts an attempt before anything is verified. `credential`, `user` and `seen` are as they were read with this
/// request.
pub(super) async fn reserve(
    store: &Store,
    (credential, user, seen): (Option<&CredentialRow>, Option<&UserRow>, &AttemptRows),
    counted: AttemptKind,
    attempt: Attempt<'_>,
) -> Result<Reservation, Failure> {
    // Without a credential there is no known source: an unknown login is always tried by strangers.
    if credential.is_some() && is_known(user, seen, counted.counter, attempt)? {
        known::reserve(store, seen, counted, attempt).await
    } else {
        stranger::reserve(store, seen, counted, attempt).await
    }
}

fn is_known(
    user: Option<&UserRow>,
    seen: &AttemptRows,
    counter: Counter,
    attempt: Attempt<'_>,
) -> Result<bool, Corrupt> {
    // A caller without an address is a stranger.
    let Some(address) = attempt.source.address() else {
        return Ok(false);
    };
    let listed = match user {
        Some(user) => Sources::parse(&user.sources)?.contain(address),
        None => false,
    };
    Ok(listed || seen::is_known(&seen.here, counter, attempt.now))
}
