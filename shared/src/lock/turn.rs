//! A request on one row, turn by turn: what to write, and what to do where the write's condition fails.
//!
//! Three rules keep a request from taking effect twice and an answer from being undone; docs/protocol.md names the
//! schedules that broke earlier protocols.

use super::{Change, Decision, Epoch, Outcome, Record, Request, State, Timestamp, Writer, decide};

/// What to do next about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Answer. There is nothing to write.
    Answer(Outcome),
    /// Raise the row's revision by one and change nothing else; then answer.
    ///
    /// A write of an earlier request may still be under way, although that request was answered (503). The touch makes
    /// its condition fail, so that it cannot undo this answer. A touch is made once: where it fails, the row is past
    /// everything that was sent before.
    Touch(Outcome),
    /// Make this change. The outcome holds if it is made on the very revision that was decided on.
    Write(Change, Outcome),
    /// Answer that the request may be sent again: deciding once more could let it take effect a second time, or in an
    /// order that its owner did not choose.
    Unsure(Unsure),
}

/// Why a request is not decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsure {
    /// An earlier attempt of the write may have been made, and someone has changed the row since.
    OwnEffect,
    /// The owner's other request released the lock at the same time. Their order is the client's to know.
    OwnRelease,
}

/// A write or touch whose condition failed.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'a> {
    /// The row that was decided on.
    pub seen: &'a Record,
    /// The row that made the condition fail.
    pub found: &'a Record,
    /// Whether an earlier attempt of the same write ended so that it may have been made: a timeout, a broken
    /// connection, a 5xx. A throttled or conflicting attempt was not made.
    pub ambiguous: bool,
}

impl Turn {
    /// The first turn of `request` on the row `record`.
    #[must_use]
    pub fn first(record: &Record, request: &Request, now: Timestamp, epoch: Epoch) -> Self {
        Self::of(decide(&record.state, request, now, epoch))
    }

    /// The first turn of a request on which the decision is this one.
    #[must_use]
    pub fn of(decision: Decision) -> Self {
        match decision {
            // A refusal promises nothing that a late write could break.
            Decision::Answer(refusal) if refusal.is_refusal() => Self::Answer(refusal),
            Decision::Answer(outcome) => Self::Touch(outcome),
            Decision::Write(change, outcome) => Self::Write(change, outcome),
        }
    }

    /// Whether this turn's write goes by its tenure alone, whatever the revision, after so many lost races.
    ///
    /// A break does so as soon as it has lost one: an owner who renews in many loops at once changes the row faster than a
    /// break can follow, and would never lose the lock. The fence and the owner keep it from every other tenure. What
    /// is given up: `broken` in the outcome may be one renewal old, and a late break of this kind is fenced off by
    /// what ends its tenure, not by a touch.
    #[must_use]
    pub const fn insists(&self, losses: u32) -> bool {
        losses > 0 && matches!(self, Self::Write(Change::Break { .. }, _))
    }

    /// The turn after `self` lost its race. `me` is the caller and the invocation.
    #[must_use]
    pub fn after(self, loss: Loss<'_>, request: &Request, me: &Writer, now: Timestamp, epoch: Epoch) -> Self {
        self.after_by(loss, me, |state| decide(state, request, now, epoch))
    }

    /// [`Turn::after`] where `decide` says what the request means for a state.
    #[must_use]
    pub fn after_by(self, loss: Loss<'_>, me: &Writer, decide: impl FnOnce(&State) -> Decision) -> Self {
        let Loss {
            seen,
            found,
            ambiguous,
        } = loss;
        let mut may_have_been_made = false;
        if let Self::Write(change, outcome) = self {
            // One write after the row was read is someone else's, so ours was never made. With more, ours may be among
            // them.
            may_have_been_made = ambiguous && found.rev > seen.rev.next() && found.by != seen.by;
            if is_own_write(&change, found, me) {
                return Self::Answer(outcome);
            }
            if may_have_been_made {
                match has_released(&change, found) {
                    Some(true) => return Self::Answer(outcome),
                    Some(false) if is_decided_by_its_tenure(&change) => {}
                    _ => return Self::Unsure(Unsure::OwnEffect),
                }
            }
        }
        match decide(&found.state) {
            // A break that may have been made is not refused. What can be told of it is true either way.
            Decision::Answer(Outcome::OtherTenure { fence, lock }) if may_have_been_made => {
                Self::Answer(Outcome::TenureOver { fence, lock })
            }
            Decision::Write(Change::Acquire { .. }, _) if released_by(me, seen, found) => {
                Self::Unsure(Unsure::OwnRelease)
            }
            Decision::Answer(outcome) => Self::Answer(outcome),
            Decision::Write(change, outcome) => Self::Write(change, outcome),
        }
    }
}

/// Whether the caller's other request released the lock after the row was read as `seen`.
#[must_use]
pub fn released_by(me: &Writer, seen: &Record, found: &Record) -> bool {
    let changed_by_caller = found.by.as_ref().is_some_and(|by| by.actor == me.actor);
    changed_by_caller && found.by != seen.by && found.state.is_released()
}

/// Whether a failed condition only means that the very same write was made before: its answer was lost and the SDK
/// sent it again. To report that as someone else's lock is the oldest bug of lock clients.
fn is_own_write(change: &Change, found: &Record, me: &Writer) -> bool {
    if found
        .by
        .as_ref()
        .is_some_and(|by| by.origin.request == me.origin.request)
    {
        return true;
    }
    // Someone else changed the row in between. What was asked for may still have come about.
    match change {
        // No acquisition has followed this invocation's, so its tenure was the latest, whether it holds or has ended.
        Change::Acquire { .. } => found.lock_request.as_ref() == Some(&me.origin.request),
        // The same caller's other request may have made a break. The decision on the row that was found knows the break by
        // its tenure, and says that the tenure is over and not that this request ended it. A release that was not made is
        // decided again as well: a break may have ended the tenure first.
        Change::Renew { .. } | Change::Break { .. } | Change::Clear { .. } | Change::Release { .. } => false,
    }
}

/// Whether a release that may have been made ended its tenure; `None` where the row does not tell any more.
///
/// A break raises the fence and stays on the row until an acquisition after its hold-off, or until the next break, and both of
/// these raise the fence again. So up to one more than the tenure's own fence the row knows a break of it, and with a larger one
/// a break may have been there and be forgotten.
///
/// The first fence of an epoch counts as larger, although it may have come next: before it there is room for fences that were
/// given out while the epoch was raised.
fn has_released(change: &Change, found: &Record) -> Option<bool> {
    let Change::Release { fence, owner } = change else {
        return Some(false);
    };
    let state = &found.state;
    let was_broken = state.last_break().is_some_and(|last| last.fence == *fence);
    if was_broken || state.is_tenure(owner, *fence) {
        Some(false)
    } else if state.fence().get() <= fence.get().saturating_add(1) {
        Some(true)
    } else {
        None
    }
}

/// Whether a change can take effect once only, however often it is decided: it ends one tenure, and the fence of a
/// tenure that is over never comes again.
///
/// A break that also takes the lock is one of these. It acquires nothing where the tenure that it names is over.
const fn is_decided_by_its_tenure(change: &Change) -> bool {
    match change {
        Change::Release { .. } | Change::Break { .. } | Change::Clear { .. } => true,
        Change::Acquire { .. } | Change::Renew { .. } => false,
    }
}
