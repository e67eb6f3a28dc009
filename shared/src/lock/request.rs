use std::fmt;
use std::time::Duration;

use super::{Aftermath, Fence, HoldOff, Owner, Reason, Timestamp};

/// What a caller asks of one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Take the lock, or keep it and change its lease or texts.
    Acquire {
        /// Who asks.
        owner: Owner,
        /// What becomes of the lease.
        lease: LeaseChange,
        /// What becomes of the texts shown to those who are locked out.
        text: Text,
        /// Renew this tenure or fail; a lock that is free is not taken.
        tenure: Option<Fence>,
    },
    /// Give the lock back.
    Release {
        /// Who asks.
        owner: Owner,
        /// Give back this tenure and no other.
        tenure: Option<Fence>,
    },
    /// End someone else's tenure.
    Break {
        /// Who asks.
        by: Owner,
        /// The tenure to end; a successor's is never ended in its place.
        fence: Fence,
        /// Why, for the old owner to read.
        reason: Reason,
        /// What becomes of the lock.
        then: Aftermath,
        /// For how long the old owner cannot take it again.
        hold_off: HoldOff,
    },
}

impl Request {
    /// Who asks.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        match self {
            Self::Acquire { owner, .. } | Self::Release { owner, .. } => owner,
            Self::Break { by, .. } => by,
        }
    }
}

/// How long a lock is granted for: 1 to 86,400 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(u32);

impl Lease {
    /// The longest lease, in seconds: one day.
    pub const MAX_SECONDS: u32 = 86_400;

    /// A lease of this many seconds.
    ///
    /// # Errors
    /// [`InvalidLease`] outside 1 to 86,400.
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidLease> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=Self::MAX_SECONDS) => Ok(Self(seconds)),
            _ => Err(InvalidLease),
        }
    }

    /// The length of the lease in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// The moment from which on the lock is free, when it is granted at `now`.
    #[must_use]
    pub fn until(self, now: Timestamp) -> Timestamp {
        now.plus(Duration::from_secs(u64::from(self.0)))
    }
}

/// A lease outside the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLease;

impl fmt::Display for InvalidLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a lease lasts from 1 to {} seconds", Lease::MAX_SECONDS)
    }
}

impl std::error::Error for InvalidLease {}

/// What an acquisition does to the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// A lock already held keeps the lease it has; a new one has no end.
    Keep,
    /// The lock has no end.
    Infinite,
    /// The lock ends this long after the request.
    For(Lease),
}

/// The texts shown to those who are locked out. One that is absent leaves what a lock already held has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// A short title.
    pub title: Option<String>,
    /// What the locked-out user is told.
    pub message: Option<String>,
}
