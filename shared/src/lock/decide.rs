use super::{
    Aftermath, Break, Epoch, Fence, Label, LeaseChange, Lock, Owner, Request, State, Text, Timestamp,
};

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
        /// Whether what the latest break left stays on the row: its hold-off is not over.
        keeps_break: bool,
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
    /// Someone else's live lock is ended.
    Break {
        /// What is left on the row: whose tenure ended, who ended it and why.
        broken: Break,
        /// The next fence, also where nobody takes the lock.
        fence: Fence,
        /// The lock of who broke it, where it is taken in the same write.
        lock: Option<Lock>,
    },
    /// A lease that ran out is taken off the row. It is over already, so the fence stays.
    Clear {
        /// The fence of the tenure that ran out.
        fence: Fence,
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
    /// Someone else's lock was broken.
    Broken {
        /// The lock as it was.
        broken: Lock,
        /// The fence as it is now.
        fence: Fence,
        /// The caller's lock, where the break took it.
        lock: Option<Lock>,
    },
    /// The tenure that the caller named, to be released or broken, is over. No other was touched.
    TenureOver {
        /// The fence as it is now.
        fence: Fence,
        /// The lock that holds now.
        lock: Option<Lock>,
    },
    /// Refused: the lock belongs to someone else; nothing changed.
    HeldBy {
        /// The fence of the tenure.
        fence: Fence,
        /// Someone else's lock.
        lock: Lock,
    },
    /// Refused: the caller's lock was broken, and the hold-off is not over; nothing changed.
    HeldOff {
        /// Who broke it, when and why, and when the hold-off ends.
        broken: Break,
        /// The fence as it is now.
        fence: Fence,
        /// Someone else's lock, where the lock is not free.
        lock: Option<Lock>,
    },
    /// Refused: the tenure that the caller named is not the live one, or never was; nothing changed.
    OtherTenure {
        /// The fence as it is now.
        fence: Fence,
        /// The live lock, the caller's own or someone else's.
        lock: Option<Lock>,
    },
    /// Refused: the lock to be broken is the caller's own, which is released and not broken; nothing changed.
    YourOwn {
        /// The fence of the tenure.
        fence: Fence,
        /// The caller's lock.
        lock: Lock,
    },
}

impl Outcome {
    /// Whether the request changed who holds the lock, or how.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Acquired { .. } | Self::Renewed { .. } | Self::Released { .. } | Self::Broken { .. }
        )
    }

    /// Whether the request was refused. A refusal promises nothing, and nothing was written for it.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::HeldBy { .. } | Self::HeldOff { .. } | Self::OtherTenure { .. } | Self::YourOwn { .. }
        )
    }

    /// The lock that holds after the request, as far as the outcome tells.
    #[must_use]
    pub const fn lock(&self) -> Option<&Lock> {
        match self {
            Self::Acquired { lock, .. }
            | Self::Renewed { lock, .. }
            | Self::AlreadyHeld { lock, .. }
            | Self::HeldBy { lock, .. }
            | Self::YourOwn { lock, .. } => Some(lock),
            Self::Broken { lock, .. }
            | Self::TenureOver { lock, .. }
            | Self::HeldOff { lock, .. }
            | Self::OtherTenure { lock, .. } => lock.as_ref(),
            Self::Released { .. } | Self::WasFree { .. } => None,
        }
    }

    /// The outcome's name in metrics.
    #[must_use]
    pub const fn label(&self) -> Label {
        match self {
            Self::Acquired {
                expired_takeover: true,
                ..
            } => Label::ExpiredTakeover,
            Self::Acquired { .. } => Label::Acquired,
            Self::Renewed { .. } => Label::Renewed,
            Self::AlreadyHeld { .. } => Label::AlreadyHeld,
            Self::Released { .. } => Label::Released,
            Self::WasFree { .. } => Label::WasFree,
            Self::Broken { .. } => Label::Broken,
            Self::TenureOver { .. } => Label::TenureOver,
            Self::HeldBy { .. } => Label::HeldByOther,
            Self::HeldOff { .. } => Label::HeldOff,
            Self::OtherTenure { .. } => Label::OtherTenure,
            Self::YourOwn { .. } => Label::YourOwnLock,
        }
    }
}

/// Decides what `request` means for a row in `state` at `now`. A change of hands gets the next fence of `epoch`.
#[must_use]
pub fn decide(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    let next = state.fence().next(epoch);
    match request {
        Request::Acquire {
            owner,
            lease,
            text,
            tenure,
        } => match state.live(now) {
            Some(lock) if lock.owner == *owner => match tenure {
                Some(tenure) if *tenure != state.fence() => other_tenure(state, now),
                _ => keep_or_renew(state.fence(), lock, *lease, text, now),
            },
            live => match (state.held_off(owner, now), live) {
                // "Lock again" is also "renew": a loop of renewals would quietly undo the break.
                (Some(broken), _) => held_off(state, broken, now),
                (None, Some(lock)) => held_by(state, lock),
                (None, None) if tenure.is_some() => other_tenure(state, now),
                (None, None) => acquire(state, next, owner, *lease, text, now),
            },
        },
        Request::Release { owner, tenure } => release(state, owner, *tenure, now),
        Request::Break {
            by,
            fence,
            reason,
            then,
            hold_off,
        } => match state.live(now) {
            Some(lock) if *fence == state.fence() => {
                let broken = Break {
                    owner: lock.owner.clone(),
                    fence: *fence,
                    by: by.clone(),
                    at: now,
                    reason: reason.clone(),
                    until: hold_off.until(now),
                };
                break_live(state, lock, broken, *then, next)
            }
            Some(_) if state.last_break().is_some_and(|broken| broken.is_of(by, *fence)) => {
                tenure_over(state, now)
            }
            Some(_) => other_tenure(state, now),
            None if *fence > state.fence() => other_tenure(state, now),
            None if *fence == state.fence() && state.has_run_out(now) => Decision::Write(
                Change::Clear { fence: *fence },
                Outcome::TenureOver {
                    fence: *fence,
                    lock: None,
                },
            ),
            None => tenure_over(state, now),
        },
    }
}

fn held_by(state: &State, lock: &Lock) -> Decision {
    Decision::Answer(Outcome::HeldBy {
        fence: state.fence(),
        lock: lock.clone(),
    })
}

fn held_off(state: &State, broken: &Break, now: Timestamp) -> Decision {
    Decision::Answer(Outcome::HeldOff {
        broken: broken.clone(),
        fence: state.fence(),
        lock: state.live(now).cloned(),
    })
}

fn other_tenure(state: &State, now: Timestamp) -> Decision {
    Decision::Answer(Outcome::OtherTenure {
        fence: state.fence(),
        lock: state.live(now).cloned(),
    })
}

fn tenure_over(state: &State, now: Timestamp) -> Decision {
    Decision::Answer(Outcome::TenureOver {
        fence: state.fence(),
        lock: state.live(now).cloned(),
    })
}

fn acquire(
    state: &State,
    fence: Fence,
    owner: &Owner,
    lease: LeaseChange,
    text: &Text,
    now: Timestamp,
) -> Decision {
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
            keeps_break: state.last_break().is_some_and(|broken| now < broken.until),
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

fn release(state: &State, owner: &Owner, tenure: Option<Fence>, now: Timestamp) -> Decision {
    match tenure {
        // It is over, no matter who holds the lock now.
        Some(tenure) if tenure < state.fence() => return tenure_over(state, now),
        Some(tenure) if tenure > state.fence() => return other_tenure(state, now),
        _ => {}
    }
    match state.live(now) {
        Some(lock) if lock.owner != *owner => held_by(state, lock),
        Some(_) => Decision::Write(
            Change::Release {
                fence: state.fence(),
                owner: owner.clone(),
            },
            Outcome::Released { fence: state.fence() },
        ),
        None => Decision::Answer(Outcome::WasFree { fence: state.fence() }),
    }
}

/// The live lock has the fence that the break names.
fn break_live(state: &State, lock: &Lock, broken: Break, then: Aftermath, fence: Fence) -> Decision {
    let (by, now) = (&broken.by, broken.at);
    if lock.owner == *by {
        return Decision::Answer(Outcome::YourOwn {
            fence: state.fence(),
            lock: lock.clone(),
        });
    }
    let taken = match then {
        Aftermath::Free => None,
        Aftermath::Take => {
            if let Some(broken) = state.held_off(by, now) {
                return held_off(state, broken, now);
            }
            Some(Lock {
                owner: by.clone(),
                since: now,
                until: None,
                title: None,
                message: None,
            })
        }
    };
    Decision::Write(
        Change::Break {
            broken,
            // A free lock's fence grows as well: its holder is late from now on, not from the next acquisition on.
            fence,
            lock: taken.clone(),
        },
        Outcome::Broken {
            broken: lock.clone(),
            fence,
            lock: taken,
        },
    )
}
