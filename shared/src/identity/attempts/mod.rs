//! Attempts are counted before they are verified: a guess that was not counted is never looked at, so parallel
//! guesses cannot slip past a bound.
//!
//! They are counted by login *and* source. A source that the user has signed in from has a count of its own, which no
//! one elsewhere can fill; all other sources, the strangers, have one each and one together.

mod known;
mod rows;
mod stranger;
mod writes;

use std::time::Duration;

use super::{CredentialRow, Sources};
use crate::id::{Login, RequestId, Source};
use crate::lock::Timestamp;
use crate::secret::Step;
use crate::store::{Corrupt, Store, StoreError, UserRow};

pub(super) use rows::AttemptRows;

/// Failures in a row after which an attempt from the same source is no longer looked at.
const LIMIT: u32 = 5;
/// How long that lasts from the last counted attempt on.
const LOCKOUT: Duration = Duration::from_mins(15);
/// How many passwords strangers together may try in a day.
const STRANGERS_PASSWORDS: u32 = 100;
/// How many codes they may try. A code has a million values, three of which are right at any time.
const STRANGERS_CODES: u32 = 20;
/// A day of the strangers: from the first attempt that it counts.
const DAY: Duration = Duration::from_hours(24);
/// How long a success makes its source a known one.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);
/// How long a row is kept after it was last written: until nothing in it counts any more, and a day.
const KEPT_FOR: Duration = Duration::from_hours(31 * 24);

/// One attempt to sign in: whose, from where, when, and in which invocation.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The login that is claimed.
    pub login: &'a Login,
    /// From where.
    pub source: Source,
    /// When.
    pub now: Timestamp,
    /// The invocation.
    pub request_id: &'a RequestId,
}

impl Attempt<'_> {
    /// DynamoDB's time to live for a row that is written now. It counts in seconds.
    pub(super) fn purge_at_seconds(&self) -> i64 {
        self.now.plus(KEPT_FOR).unix_seconds_rounded_up()
    }
}

/// What is counted. Wrong passwords and wrong codes have a counter each: a right password does not excuse wrong
/// codes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Passwords,
    Codes,
}

impl Counter {
    /// The attribute that counts.
    pub(super) const fn attempts(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempts",
            Self::Codes => "code_attempts",
        }
    }

    /// The attribute that says when a source was counted last.
    const fn attempt_at(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempt_at",
            Self::Codes => "code_attempt_at",
        }
    }

    /// The attribute that says when the strangers' day began.
    const fn since(self) -> &'static str {
        match self {
            Self::Passwords => "passwords_since",
            Self::Codes => "codes_since",
        }
    }

    /// How many attempts strangers have in a day.
    const fn strangers_limit(self) -> u32 {
        match self {
            Self::Passwords => STRANGERS_PASSWORDS,
            Self::Codes => STRANGERS_CODES,
        }
    }
}

/// How a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reservation {
    /// The attempt is counted and may be verified.
    Counted,
    /// There is no credential, or too many attempts have failed.
    Refused,
    /// The code belongs to a step that has been accepted: not counted, for its owner may just have been quick.
    Replayed,
}

/// Counts an attempt on `counter` before anything is verified. `credential`, `user` and `seen` are as they were read
/// with this request.
///
/// Where the code that is tried is one of `step`, and that step has been accepted since, the attempt is not counted.
pub(super) async fn reserve(
    store: &Store,
    (credential, user, seen): (Option<&CredentialRow>, Option<&UserRow>, &AttemptRows),
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
) -> Result<Reservation, StoreError> {
    // Without a credential there is no known source: an unknown login is always tried by strangers.
    if credential.is_some() && is_known(user, seen, counter, attempt)? {
        known::reserve(store, seen, counter, step, attempt).await
    } else {
        stranger::reserve(store, seen, counter, step, attempt).await
    }
}

fn is_known(
    user: Option<&UserRow>,
    seen: &AttemptRows,
    counter: Counter,
    attempt: Attempt<'_>,
) -> Result<bool, Corrupt> {
    // Whoever calls from nowhere in particular is a stranger.
    let Some(address) = attempt.source.address() else {
        return Ok(false);
    };
    let listed = match user {
        Some(user) => Sources::parse(&user.sources)?.contain(address),
        None => false,
    };
    Ok(listed || seen.here.is_known(counter, attempt.now))
}
