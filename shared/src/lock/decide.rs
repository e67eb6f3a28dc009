use super::{Fence, LeaseChange, Lock, Owner, Request, State, Text, Timestamp};

/// What a request means for a row at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An answer that needs no write.
    Answer(Outcome),
    /// A write, and the outcome that it has if it is made on the very state that was decided on.
    Write(Change, Outcome),
}

/// A new state for a row. Each kind of change has an owner rule of its own, which the store repeats in the
/// condition of the write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A free lock, or one that ran out, is taken.
    Acquire {
        /// The fence of the new tenure.
        fence: Fence,
        /// The new lock.
        lock: Lock,
    },
    /// The owner's live lock changes its lease or texts.
    Renew {
        /// The fence of the tenure, unchanged.
        fence: Fence,
        /// The lock as it will be.
        lock: Lock,
    },
    /// The owner's live lock is given back.
    Release {
        /// The fence of the tenure that ends.
        fence: Fence,
        /// Whose lock it is.
        owner: Owner,
    },
}

/// How a request ended. To lose a race is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lock was taken.
    Acquired {
        /// The fence of the new tenure.
        fence: Fence,
        /// The lock as granted.
        lock: Lock,
        /// Whether it was taken over from a lease that had run out.
        expired_takeover: bool,
    },
    /// The caller's own lock has a new lease or new texts.
    Renewed {
        /// The fence, unchanged.
        fence: Fence,
        /// The lock as it is now.
        lock: Lock,
    },
    /// The caller holds the lock already; nothing changed.
    AlreadyHeld {
        /// The fence of the tenure.
        fence: Fence,
        /// The lock as it is.
        lock: Lock,
    },
    /// The caller's lock was given back.
    Released {
        /// The fence of the tenure that ended.
        fence: Fence,
    },
    /// There was nothing to give back.
    WasFree {
        /// The fence of the latest tenure.
        fence: Fence,
    },
    /// The lock belongs to someone else; nothing changed.
    HeldBy {
        /// Someone else's lock.
        lock: Lock,
    },
}

impl Outcome {
    /// Whether the request changed the row.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Acquired { .. } | Self::Renewed { .. } | Self::Released { .. }
        )
    }

    /// The outcome's name in metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Acquired {
                expired_takeover: true,
                ..
            } => "expired_takeover",
            Self::Acquired { .. } => "acquired",
            Self::Renewed { .. } => "renewed",
            Self::AlreadyHeld { .. } => "already_held",
            Self::Released { .. } => "released",
            Self::WasFree { .. } => "was_free",
            Self::HeldBy { .. } => "held_by_other",
        }
    }
}

/// Decides what `request` means for a row in `state` at `now`.
#[must_use]
pub fn decide(state: &State, request: &Request, now: Timestamp) -> Decision {
    match request {
        Request::Acquire { owner, lease, text } => match state.live(now) {
            Some(lock) if lock.owner != *owner => held_by(lock),
            Some(lock) => keep_or_renew(state.fence(), lock, *lease, text, now),
            None => acquire(state, owner, *lease, text, now),
        },
        Request::Release { owner } => match state.live(now) {
            Some(lock) if lock.owner != *owner => held_by(lock),
            Some(_) => Decision::Write(
                Change::Release {
                    fence: state.fence(),
                    owner: owner.clone(),
                },
                Outcome::Released { fence: state.fence() },
            ),
            None => Decision::Answer(Outcome::WasFree { fence: state.fence() }),
        },
    }
}

fn held_by(lock: &Lock) -> Decision {
    Decision::Answer(Outcome::HeldBy { lock: lock.clone() })
}

fn acquire(state: &State, owner: &Owner, lease: LeaseChange, text: &Text, now: Timestamp) -> Decision {
    let fence = state.fence().next();
    let Text { title, message } = text.clone();
    let until = match lease {
        LeaseChange::Keep | LeaseChange::Infinite => None,
        LeaseChange::For(lease) => Some(lease.until(now)),
    };
    let lock = Lock {
        owner: owner.clone(),
        since: now,
        until,
        title,
        message,
    };
    Decision::Write(
        Change::Acquire {
            fence,
            lock: lock.clone(),
        },
        Outcome::Acquired {
            fence,
            lock,
            expired_takeover: state.has_run_out(now),
        },
    )
}

fn keep_or_renew(fence: Fence, lock: &Lock, lease: LeaseChange, text: &Text, now: Timestamp) -> Decision {
    let until = match lease {
        LeaseChange::Keep => lock.until,
        LeaseChange::Infinite => None,
        LeaseChange::For(lease) => Some(lease.until(now)),
    };
    let title = text.title.clone().or_else(|| lock.title.clone());
    let message = text.message.clone().or_else(|| lock.message.clone());
    let renewed = Lock {
        owner: lock.owner.clone(),
        since: lock.since,
        until,
        title,
        message,
    };
    if renewed == *lock {
        Decision::Answer(Outcome::AlreadyHeld { fence, lock: renewed })
    } else {
        Decision::Write(
            Change::Renew {
                fence,
                lock: renewed.clone(),
            },
            Outcome::Renewed { fence, lock: renewed },
        )
    }
}
