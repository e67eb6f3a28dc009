//! What happened to a row, derived from what it recorded before a write and after it.

use super::{Fence, Owner, Record, State, Timestamp, Writer};

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A free lock was taken.
    Acquired,
    /// The owner's lock got a new lease or new texts.
    Renewed,
    /// The lock was given back, or a lease that had run out was taken off the row.
    Released,
    /// Someone else's lock was broken; the breaker may have taken it.
    Broken,
    /// A lease ran out, and someone took the lock.
    TakenOver,
    /// An activity session was ended, and its lock with it.
    Ended,
    /// The row was made, or its target came back after it was removed.
    Created,
    /// The row's target was removed.
    Removed,
    /// Something else of the row was changed.
    Changed,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acquired => "acquired",
            Self::Renewed => "renewed",
            Self::Released => "released",
            Self::Broken => "broken",
            Self::TakenOver => "taken-over",
            Self::Ended => "ended",
            Self::Created => "created",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    /// The action that this word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Acquired,
            Self::Renewed,
            Self::Released,
            Self::Broken,
            Self::TakenOver,
            Self::Ended,
            Self::Created,
            Self::Removed,
            Self::Changed,
        ]
        .into_iter()
        .find(|action| action.as_str() == word)
    }
}

/// A row at one moment, as far as its history goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What it records of its lock.
    pub record: Record,
    /// Whether it is an activity session that has ended.
    pub has_ended: bool,
    /// Whether its target was removed.
    pub is_removed: bool,
}

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of the change: one more with each, without gaps but before the first of an [`Epoch`](super::Epoch).
    pub change: u64,
    /// What it did.
    pub action: Action,
    /// Who did it, when and from where.
    pub by: Writer,
    /// The owner recorded before it.
    pub owner_before: Option<Owner>,
    /// The owner recorded after it.
    pub owner_after: Option<Owner>,
    /// The fence before it.
    pub fence_before: Fence,
    /// The fence after it.
    pub fence_after: Fence,
    /// The end of the lease after it; `None` for a lock without an end, and without a lock.
    pub until: Option<Timestamp>,
    /// Why the lock was broken.
    pub reason: Option<String>,
}

/// Why a write has no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEvent {
    /// It was a touch: it changed nothing.
    Touch,
    /// The row after it does not say who wrote it. No write of the service leaves such a row.
    Unsigned,
}

/// What a write did, from the row before it (`None` where it made the row) and after it.
///
/// # Errors
/// [`NoEvent`]
pub fn event(before: Option<&Image>, after: &Image) -> Result<Event, NoEvent> {
    let new = &after.record;
    if before.map_or(0, |before| before.record.change) == new.change {
        return Err(NoEvent::Touch);
    }
    let by = new.by.clone().ok_or(NoEvent::Unsigned)?;
    let none = State::default();
    let (old_state, new_state) = (before.map_or(&none, |before| &before.record.state), &new.state);
    let action = action(before, after, old_state, new_state);
    let owner = |state: &State| state.recorded().map(|lock| lock.owner.clone());
    Ok(Event {
        change: new.change,
        action,
        by,
        owner_before: owner(old_state),
        owner_after: owner(new_state),
        fence_before: old_state.fence(),
        fence_after: new_state.fence(),
        until: new_state.recorded().and_then(|lock| lock.until),
        reason: new_state
            .last_break()
            .filter(|_| action == Action::Broken)
            .map(|broken| broken.reason.as_str().to_owned()),
    })
}

fn action(before: Option<&Image>, after: &Image, old: &State, new: &State) -> Action {
    let grown = new.fence() > old.fence();
    // The tenure that a break ended was the latest one before it.
    let is_break = grown
        && old.recorded().is_some()
        && new.last_break().is_some_and(|broken| broken.fence == old.fence());
    let ends = after.has_ended && !before.is_some_and(|before| before.has_ended);
    let was_removed = before.is_some_and(|before| before.is_removed);
    let removes = after.is_removed && !was_removed;
    let returns = was_removed && !after.is_removed;
    match (old.recorded(), new.recorded()) {
        _ if removes => Action::Removed,
        _ if returns => Action::Created,
        _ if ends => Action::Ended,
        _ if is_break => Action::Broken,
        (Some(_), None) => Action::Released,
        (None, Some(_)) => Action::Acquired,
        (Some(_), Some(_)) if grown => Action::TakenOver,
        (Some(was), Some(is)) if was != is => Action::Renewed,
        _ if before.is_none() => Action::Created,
        _ => Action::Changed,
    }
}
