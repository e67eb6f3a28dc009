//! What follows from the rows of attempts at a given time.

use std::time::Duration;

use crate::failure::Corrupt;
use crate::lock::Timestamp;
use crate::store::{
    Attempt, Count, Counter, DAY, LIMIT, LOCKOUT, RowKey, Rows, SourceRow, StrangersRow, strangers_limit,
};

/// How long a success makes its source a known one.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// The two rows that bear on an attempt.
#[derive(Clone, Debug)]
pub(in crate::identity) struct AttemptRows {
    pub(super) here: SourceRow,
    pub(super) strangers: StrangersRow,
}

impl AttemptRows {
    /// The keys to read.
    pub(in crate::identity) fn keys(attempt: Attempt<'_>) -> [RowKey; 2] {
        [
            RowKey::attempts(attempt.source, attempt.login),
            RowKey::strangers(attempt.login),
        ]
    }

    /// Takes the two out of what was read.
    pub(in crate::identity) fn take(rows: &mut Rows, attempt: Attempt<'_>) -> Result<Self, Corrupt> {
        let [here, strangers] = Self::keys(attempt).map(|key| rows.take(&key).unwrap_or_default());
        Ok(Self {
            here: SourceRow::parse(here)?,
            strangers: StrangersRow::parse(strangers)?,
        })
    }
}

/// Whether the user has signed in from here of late; for codes, with a code.
pub(super) fn is_known(here: &SourceRow, counter: Counter, now: Timestamp) -> bool {
    let proved_at = match counter {
        Counter::Passwords => here.signed_in_at,
        Counter::Codes => here.code_accepted_at,
    };
    proved_at.is_some_and(|at| now < at.plus(KNOWN_FOR))
}

/// Whether a source has used up its attempts.
pub(super) const fn is_full(here: Count) -> bool {
    here.attempts >= LIMIT
}

/// Whether a source was closed, and is so no longer.
pub(super) fn lockout_is_over(here: Count, now: Timestamp) -> bool {
    is_full(here) && here.at.is_none_or(|at| at.plus(LOCKOUT) <= now)
}

/// Whether strangers have used up their day's attempts.
pub(super) const fn are_full(strangers: Count, counter: Counter) -> bool {
    strangers.attempts >= strangers_limit(counter)
}

/// Whether the strangers' next attempt begins another day.
pub(super) fn day_is_over(strangers: Count, now: Timestamp) -> bool {
    strangers.at.is_some_and(|since| since.plus(DAY) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(1_795_341_600_000);
    const MOMENT: Duration = Duration::from_millis(1);

    const fn count(attempts: u32) -> Count {
        Count {
            attempts,
            at: Some(AT),
        }
    }

    #[test]
    fn a_source_is_known_for_thirty_days_for_codes_only_by_a_code() {
        let row = SourceRow {
            signed_in_at: Some(AT),
            ..SourceRow::default()
        };
        let last = AT.plus(KNOWN_FOR).minus(MOMENT);
        assert!(is_known(&row, Counter::Passwords, last));
        assert!(!is_known(&row, Counter::Passwords, last.plus(MOMENT)));
        assert!(!is_known(&row, Counter::Codes, last));
        let row = SourceRow {
            code_accepted_at: Some(AT),
            ..SourceRow::default()
        };
        assert!(is_known(&row, Counter::Codes, last));
        assert!(!is_known(&row, Counter::Codes, last.plus(MOMENT)));
        assert!(!is_known(&SourceRow::default(), Counter::Passwords, AT));
        assert_eq!(KNOWN_FOR.as_secs(), 30 * 24 * 60 * 60);
    }

    #[test]
    fn a_lockout_ends_fifteen_minutes_after_the_fifth_attempt() {
        let row = |attempts: u32| SourceRow {
            codes: count(attempts),
            ..SourceRow::default()
        };
        let (codes, passwords) = (
            |attempts: u32| row(attempts).count(Counter::Codes),
            row(5).count(Counter::Passwords),
        );
        let end = AT.plus(Duration::from_mins(15));
        assert!(!is_full(codes(4)));
        assert!(is_full(codes(5)) && !is_full(passwords));
        assert!(!lockout_is_over(codes(5), end.minus(MOMENT)));
        assert!(lockout_is_over(codes(5), end));
        assert!(!lockout_is_over(codes(4), end), "there was none");
    }

    #[test]
    fn strangers_have_a_hundred_passwords_and_twenty_codes_a_day() {
        for (counter, limit) in [(Counter::Passwords, 100), (Counter::Codes, 20)] {
            assert!(!are_full(count(limit - 1), counter));
            assert!(are_full(count(limit), counter));
            let end = AT.plus(Duration::from_hours(24));
            assert!(!day_is_over(count(limit), end.minus(MOMENT)));
            assert!(day_is_over(count(limit), end));
        }
    }
}
