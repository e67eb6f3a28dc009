use super::{Break, Fence, Owner, Timestamp};

/// A lock as it is recorded. Whether it still holds is for [`State::live`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The owner.
    pub owner: Owner,
    /// When it was acquired; a renewal leaves it.
    pub since: Timestamp,
    /// The moment from which on it is free; `None` holds until it is released.
    pub until: Option<Timestamp>,
    /// A short title for those who are locked out.
    pub title: Option<String>,
    /// What those who are locked out are told.
    pub message: Option<String>,
}

/// The lock attributes of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    fence: Fence,
    recorded: Option<Lock>,
    last_break: Option<Break>,
}

impl State {
    /// A row's state, from what is recorded on it.
    #[must_use]
    pub const fn new(fence: Fence, recorded: Option<Lock>) -> Self {
        Self {
            fence,
            recorded,
            last_break: None,
        }
    }

    /// The same with what the latest break left on the row.
    #[must_use]
    pub fn with_last_break(self, last_break: Option<Break>) -> Self {
        Self { last_break, ..self }
    }

    /// The fence of the latest acquisition or break, live or not; zero before the first.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.fence
    }

    /// The lock that the row records, whether it holds or ran out. What holds is for [`State::live`] to say; this is for
    /// the row's history.
    #[must_use]
    pub const fn recorded(&self) -> Option<&Lock> {
        self.recorded.as_ref()
    }

    /// The lock that holds at `now`. A lease whose `until` has come reads as free, to the millisecond.
    #[must_use]
    pub fn live(&self, now: Timestamp) -> Option<&Lock> {
        self.recorded
            .as_ref()
            .filter(|lock| lock.until.is_none_or(|until| now < until))
    }

    /// What the latest break left on the row. It may be past its hold-off.
    #[must_use]
    pub const fn last_break(&self) -> Option<&Break> {
        self.last_break.as_ref()
    }

    /// The break that keeps `owner` from taking the lock at `now`.
    #[must_use]
    pub fn held_off(&self, owner: &Owner, now: Timestamp) -> Option<&Break> {
        self.last_break
            .as_ref()
            .filter(|broken| broken.holds_off(owner, now))
    }

    /// The lease that the row still records although it ran out: it was not taken over, released or cleared.
    #[must_use]
    pub fn run_out(&self, now: Timestamp) -> Option<&Lock> {
        match self.live(now) {
            Some(_) => None,
            None => self.recorded.as_ref(),
        }
    }

    /// Whether the row records a lease that ran out and has not been taken over or released.
    #[must_use]
    pub fn has_run_out(&self, now: Timestamp) -> bool {
        self.run_out(now).is_some()
    }

    /// Whether no lock is recorded, not even one that ran out.
    #[must_use]
    pub const fn is_released(&self) -> bool {
        self.recorded.is_none()
    }

    /// Whether the lock recorded here is the tenure that `owner` began with `fence`, run out or not.
    #[must_use]
    pub fn is_tenure(&self, owner: &Owner, fence: Fence) -> bool {
        self.fence == fence && self.recorded.as_ref().is_some_and(|lock| lock.owner == *owner)
    }
}
