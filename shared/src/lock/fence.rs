use std::fmt;

use super::Epoch;

/// A number that grows with each acquisition and each break, and never goes back, even across a release: by one, and after
/// the tables were put back to an earlier state to the first number of the next [`Epoch`].
///
/// A system that is protected by the lock refuses a fence smaller than the largest it has seen; only so is
/// the late holder of a lease that ran out harmless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(u64);

impl Fence {
    /// The fence with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as stored in `fence` and as sent in `Lock-Fence`.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The fence of the next acquisition or break in `epoch`.
    #[must_use]
    pub const fn next(self, epoch: Epoch) -> Self {
        Self(epoch.next(self.0))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
