use std::fmt;
use std::time::Duration;

use super::{Fence, Owner, Timestamp};

/// What a break leaves on the row, for those who are told of it and for the hold-off.
///
/// A row keeps the latest one. It stays while others take the lock, until the first acquisition at or after `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Whose lock was broken.
    pub owner: Owner,
    /// The fence of the tenure that ended.
    pub fence: Fence,
    /// Who broke it.
    pub by: Owner,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The end of the hold-off: before this moment, the old owner cannot take the lock again.
    pub until: Timestamp,
}

impl Break {
    /// Whether this break keeps `owner` from taking the lock at `now`.
    #[must_use]
    pub fn holds_off(&self, owner: &Owner, now: Timestamp) -> bool {
        self.owner == *owner && now < self.until
    }

    /// Whether `by` made this break, and of the tenure `fence`.
    #[must_use]
    pub fn is_of(&self, by: &Owner, fence: Fence) -> bool {
        self.by == *by && self.fence == fence
    }
}

/// Why a lock is broken: 1 to 500 characters, not all of them blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The longest reason, in characters.
    pub const MAX_CHARACTERS: usize = 500;

    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Reason {
    type Error = InvalidReason;

    fn try_from(text: &str) -> Result<Self, InvalidReason> {
        // Without counting a text of any length to its end.
        let is_too_long = text.chars().nth(Self::MAX_CHARACTERS).is_some();
        if is_too_long || text.trim().is_empty() {
            Err(InvalidReason)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// A reason that says nothing, or is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidReason;

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reason has 1 to {} characters", Reason::MAX_CHARACTERS)
    }
}

impl std::error::Error for InvalidReason {}

/// For how long after a break the old owner cannot take the lock again: 0 to 3,600 seconds, 60 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldOff(u32);

impl HoldOff {
    /// The longest hold-off, in seconds: one hour.
    pub const MAX_SECONDS: u32 = 3_600;

    /// A hold-off of this many seconds.
    ///
    /// # Errors
    /// [`InvalidHoldOff`] above 3,600.
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidHoldOff> {
        match u32::try_from(seconds) {
            Ok(seconds @ 0..=Self::MAX_SECONDS) => Ok(Self(seconds)),
            _ => Err(InvalidHoldOff),
        }
    }

    /// The moment from which on the old owner may take the lock again, after a break at `now`.
    #[must_use]
    pub fn until(self, now: Timestamp) -> Timestamp {
        now.plus(Duration::from_secs(u64::from(self.0)))
    }
}

impl Default for HoldOff {
    fn default() -> Self {
        Self(60)
    }
}

/// A hold-off outside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHoldOff;

impl fmt::Display for InvalidHoldOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a hold-off lasts from 0 to {} seconds", HoldOff::MAX_SECONDS)
    }
}

impl std::error::Error for InvalidHoldOff {}

/// What becomes of a lock that is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aftermath {
    /// It is free.
    #[default]
    Free,
    /// It belongs to who broke it, without end and without texts.
    Take,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_in_500_characters() {
        assert!(Reason::try_from("x").is_ok());
        assert!(Reason::try_from("ä".repeat(500).as_str()).is_ok());
        for bad in ["", " \n", &"ä".repeat(501)] {
            assert_eq!(Reason::try_from(bad), Err(InvalidReason), "{bad:?}");
        }
    }

    #[test]
    fn a_hold_off_lasts_an_hour_at_most_and_ends_to_the_millisecond() {
        assert!(HoldOff::from_seconds(0).is_ok());
        assert!(HoldOff::from_seconds(3_600).is_ok());
        assert!(HoldOff::from_seconds(3_601).is_err());
        assert!(HoldOff::from_seconds(u64::MAX).is_err());
        let start = Timestamp::from_unix_ms(0);
        assert_eq!(HoldOff::default().until(start).unix_ms(), 60_000);

        let alice = Owner::new("alice");
        let broken = Break {
            owner: alice.clone(),
            fence: Fence::new(1),
            by: Owner::new("olga"),
            at: start,
            reason: Reason::try_from("ticket 7").unwrap(),
            until: HoldOff::default().until(start),
        };
        assert!(broken.holds_off(&alice, Timestamp::from_unix_ms(59_999)));
        assert!(!broken.holds_off(&alice, Timestamp::from_unix_ms(60_000)));
        assert!(!broken.holds_off(&Owner::new("bob"), start));
    }
}
