use crate::failure::Corrupt;
use crate::lock::Timestamp;
use crate::secret::Step;
use crate::store::{Attributes, Item};

/// What is counted. Wrong passwords and wrong codes have a counter each: a right password does not excuse wrong
/// codes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    Passwords,
    Codes,
}

impl Counter {
    /// The attribute that counts.
    pub(in crate::store) const fn attempts(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempts",
            Self::Codes => "code_attempts",
        }
    }

    /// The attribute that says when a source was counted last.
    pub(in crate::store) const fn attempt_at(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempt_at",
            Self::Codes => "code_attempt_at",
        }
    }

    /// The attribute that says when the strangers' day began.
    pub(in crate::store) const fn since(self) -> &'static str {
        match self {
            Self::Passwords => "passwords_since",
            Self::Codes => "codes_since",
        }
    }
}

/// How often and when something was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) attempts: u32,
    /// Of a source the last attempt, of the strangers the first of their day.
    pub(crate) at: Option<Timestamp>,
}

impl Count {
    fn parse(row: &mut Attributes, attempts: &'static str, at: &'static str) -> Result<Self, Corrupt> {
        Ok(Self {
            attempts: row.optional_number(attempts)?.unwrap_or(0),
            at: row.optional_timestamp(at)?,
        })
    }
}

/// What was tried for one login from one source. A row that is absent reads as one in which nothing is counted.
#[derive(Clone, Debug, Default)]
pub struct SourceRow {
    pub(crate) passwords: Count,
    pub(crate) codes: Count,
    /// When the user last signed in from there.
    pub signed_in_at: Option<Timestamp>,
    /// When the user last did so with a code.
    pub code_accepted_at: Option<Timestamp>,
    /// The step of the last code that was accepted from there.
    pub(crate) totp_step: Option<Step>,
    /// The invocation that wrote the row last.
    pub(crate) last_request: Option<String>,
}

impl SourceRow {
    /// Reads the row as the store hands it over.
    pub(crate) fn parse(item: Item) -> Result<Self, Corrupt> {
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

    /// What was counted on `counter`.
    pub(crate) const fn count(&self, counter: Counter) -> Count {
        match counter {
            Counter::Passwords => self.passwords,
            Counter::Codes => self.codes,
        }
    }
}

/// What strangers have tried for one login. A row that is absent reads as one in which nothing is counted.
#[derive(Clone, Debug, Default)]
pub struct StrangersRow {
    pub(crate) passwords: Count,
    pub(crate) codes: Count,
}

impl StrangersRow {
    /// Reads the row as the store hands it over.
    pub(crate) fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        let mut count = |counter: Counter| Count::parse(&mut row, counter.attempts(), counter.since());
        Ok(Self {
            passwords: count(Counter::Passwords)?,
            codes: count(Counter::Codes)?,
        })
    }

    /// What was counted on `counter`.
    pub(crate) const fn count(&self, counter: Counter) -> Count {
        match counter {
            Counter::Passwords => self.passwords,
            Counter::Codes => self.codes,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;
    use crate::store::item::{ms, n};

    const AT: Timestamp = Timestamp::from_unix_ms(1_795_341_600_000);

    fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
        attributes.map(|(name, value)| (name.to_owned(), value)).into()
    }

    #[test]
    fn each_counter_has_attributes_of_its_own() {
        let (none, some) = (Count::default(), |attempts| Count {
            attempts,
            at: Some(AT),
        });
        let row = SourceRow::parse(item([
            ("code_attempts", n(5)),
            ("code_attempt_at", ms(AT)),
            ("signed_in_at", ms(AT)),
        ]))
        .unwrap();
        assert_eq!(
            (row.count(Counter::Passwords), row.count(Counter::Codes)),
            (none, some(5))
        );
        assert_eq!((row.signed_in_at, row.code_accepted_at), (Some(AT), None));
        let row = SourceRow::parse(item([("code_accepted_at", ms(AT))])).unwrap();
        assert_eq!((row.signed_in_at, row.code_accepted_at), (None, Some(AT)));
        let row = StrangersRow::parse(item([
            ("password_attempts", n(100)),
            ("passwords_since", ms(AT)),
            ("code_attempts", n(20)),
            ("codes_since", ms(AT)),
        ]))
        .unwrap();
        assert_eq!(
            (row.count(Counter::Passwords), row.count(Counter::Codes)),
            (some(100), some(20))
        );
    }
}
