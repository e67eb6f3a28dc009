//! What the rows of attempts show, and what follows from it at a given time.

use super::{Attempt, Counter, DAY, KNOWN_FOR, LIMIT, LOCKOUT};
use crate::lock::Timestamp;
use crate::secret::Step;
use crate::store::{Attributes, Corrupt, Item, RowKey, Rows};

/// The two rows that bear on an attempt. A row that is not there reads as one in which nothing is counted.
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

/// How often and when something was tried.
#[derive(Clone, Copy, Debug)]
struct Count {
    attempts: u32,
    /// Of a source the last attempt, of the strangers the first of their day.
    at: Option<Timestamp>,
}

impl Count {
    fn parse(row: &mut Attributes, attempts: &'static str, at: &'static str) -> Result<Self, Corrupt> {
        Ok(Self {
            attempts: row.optional_number(attempts)?.unwrap_or(0),
            at: row.optional_timestamp(at)?,
        })
    }
}

/// What was tried for one login from one source.
#[derive(Clone, Debug)]
pub(super) struct SourceRow {
    passwords: Count,
    codes: Count,
    signed_in_at: Option<Timestamp>,
    code_accepted_at: Option<Timestamp>,
    pub(super) totp_step: Option<Step>,
    pub(super) last_request: Option<String>,
}

impl SourceRow {
    pub(super) fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        let mut count = |counter: Counter| Count::parse(&mut row, counter.attempts(), counter.attempt_at());
        Ok(Self {
            passwords: count(Counter::Passwords)?,
            codes: count(Counter::Codes)?,
            signed_in_at: row.optional_timestamp("signed_in_at")?,
            code_accepted_at: row.optional_timestamp("code_accepted_at")?,
            totp_step: row.optional_number("totp_step")?.map(Step::new),
            last_request: row.optional_text("last_request")?,
        })
    }

    const fn count(&self, counter: Counter) -> Count {
        match counter {
            Counter::Passwords => self.passwords,
            Counter::Codes => self.codes,
        }
    }

    /// Whether the user has signed in from here of late; for codes, with a code.
    pub(super) fn is_known(&self, counter: Counter, now: Timestamp) -> bool {
        let proved_at = match counter {
            Counter::Passwords => self.signed_in_at,
            Counter::Codes => self.code_accepted_at,
        };
        proved_at.is_some_and(|at| now < at.plus(KNOWN_FOR))
    }

    pub(super) fn is_full(&self, counter: Counter) -> bool {
        self.count(counter).attempts >= LIMIT
    }

    pub(super) fn lockout_is_over(&self, counter: Counter, now: Timestamp) -> bool {
        self.is_full(counter) && self.count(counter).at.is_none_or(|at| at.plus(LOCKOUT) <= now)
    }
}

/// What strangers have tried for one login.
#[derive(Clone, Debug)]
pub(super) struct StrangersRow {
    passwords: Count,
    codes: Count,
}

impl StrangersRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        let mut count = |counter: Counter| Count::parse(&mut row, counter.attempts(), counter.since());
        Ok(Self {
            passwords: count(Counter::Passwords)?,
            codes: count(Counter::Codes)?,
        })
    }

    const fn count(&self, counter: Counter) -> Count {
        match counter {
            Counter::Passwords => self.passwords,
            Counter::Codes => self.codes,
        }
    }

    pub(super) fn is_full(&self, counter: Counter) -> bool {
        self.count(counter).attempts >= counter.strangers_limit()
    }

    /// Whether the next attempt begins another day.
    pub(super) fn day_is_over(&self, counter: Counter, now: Timestamp) -> bool {
        self.count(counter).at.is_some_and(|since| since.plus(DAY) <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{ms, n};

    const AT: Timestamp = Timestamp::from_unix_ms(1_795_341_600_000);
    const MOMENT: Duration = Duration::from_millis(1);

    fn here(attributes: &[(&str, aws_sdk_dynamodb::types::AttributeValue)]) -> SourceRow {
        let item = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        SourceRow::parse(item.collect()).unwrap()
    }

    #[test]
    fn a_source_is_known_for_thirty_days_for_codes_only_by_a_code() {
        let row = here(&[("signed_in_at", ms(AT))]);
        let last = AT.plus(KNOWN_FOR).minus(MOMENT);
        assert!(row.is_known(Counter::Passwords, last));
        assert!(!row.is_known(Counter::Passwords, last.plus(MOMENT)));
        assert!(!row.is_known(Counter::Codes, last));
        let row = here(&[("code_accepted_at", ms(AT))]);
        assert!(row.is_known(Counter::Codes, last));
        assert!(!row.is_known(Counter::Codes, last.plus(MOMENT)));
        assert!(!here(&[]).is_known(Counter::Passwords, AT));
        assert_eq!(KNOWN_FOR.as_secs(), 30 * 24 * 60 * 60);
    }

    #[test]
    fn a_lockout_ends_fifteen_minutes_after_the_fifth_attempt() {
        let row = |attempts: u32| here(&[("code_attempts", n(attempts)), ("code_attempt_at", ms(AT))]);
        let end = AT.plus(Duration::from_mins(15));
        assert!(!row(4).is_full(Counter::Codes));
        assert!(row(5).is_full(Counter::Codes) && !row(5).is_full(Counter::Passwords));
        assert!(!row(5).lockout_is_over(Counter::Codes, end.minus(MOMENT)));
        assert!(row(5).lockout_is_over(Counter::Codes, end));
        assert!(!row(4).lockout_is_over(Counter::Codes, end), "there was none");
    }

    #[test]
    fn strangers_have_a_hundred_passwords_and_twenty_codes_a_day() {
        for (counter, attempts, since, limit) in [
            (Counter::Passwords, "password_attempts", "passwords_since", 100),
            (Counter::Codes, "code_attempts", "codes_since", 20),
        ] {
            let row = |count: u32| {
                let item = [(attempts, n(count)), (since, ms(AT))];
                StrangersRow::parse(item.map(|(name, value)| (name.to_owned(), value)).into()).unwrap()
            };
            assert!(!row(limit - 1).is_full(counter));
            assert!(row(limit).is_full(counter));
            let end = AT.plus(Duration::from_hours(24));
            assert!(!row(limit).day_is_over(counter, end.minus(MOMENT)));
            assert!(row(limit).day_is_over(counter, end));
        }
    }
}
