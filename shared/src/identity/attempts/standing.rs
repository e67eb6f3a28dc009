//! What the rows of attempts say of a login, for an operator.

use super::seen::{are_full, is_full, lockout_is_over};
use crate::lock::Timestamp;
use crate::store::{AttemptsRow, Counter, DAY, LOCKOUT};

/// A source that is closed to a login.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClosedSource {
    /// Its address, or the network of an IPv6 one.
    pub source: String,
    /// Until when.
    pub until: Timestamp,
}

/// What the count of guesses means for a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the user last signed in, as far as it is remembered: 31 days after the last attempt from a source.
    pub last_sign_in: Option<Timestamp>,
    /// The sources that are closed to the login.
    pub closed_sources: Vec<ClosedSource>,
    /// Until when it is closed to everyone who calls from where the user has not signed in from.
    pub closed_to_strangers_until: Option<Timestamp>,
}

impl Standing {
    /// Adds what one row says at `now`.
    pub fn add(&mut self, row: &AttemptsRow, now: Timestamp) {
        for counter in [Counter::Passwords, Counter::Codes] {
            match row {
                AttemptsRow::Source(source, _, row) => {
                    let count = row.count(counter);
                    if let Some(at) = count.at
                        && is_full(count)
                        && !lockout_is_over(count, now)
                    {
                        self.closed_sources.push(ClosedSource {
                            source: source.clone(),
                            until: at.plus(LOCKOUT),
                        });
                    }
                }
                AttemptsRow::Strangers(_, row) => {
                    let count = row.count(counter);
                    let until = count.at.map(|since| since.plus(DAY));
                    let closed = until.filter(|until| are_full(count, counter) && now < *until);
                    self.closed_to_strangers_until = self.closed_to_strangers_until.max(closed);
                }
            }
        }
        if let AttemptsRow::Source(_, _, row) = row {
            self.last_sign_in = self.last_sign_in.max(row.signed_in_at);
        }
        self.closed_sources.sort();
        self.closed_sources.reverse();
        // Closed for passwords and for codes is closed until the later of the two.
        self.closed_sources
            .dedup_by(|earlier, later| earlier.source == later.source);
        self.closed_sources.reverse();
    }

    /// Whether some of those who try to sign in are turned away unheard.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed_to_strangers_until.is_some() || !self.closed_sources.is_empty()
    }
}
