//! Whether a write that the store made or refused breaks a rule.

use holdfast::lock::{Fence, Lock, Record, Request, State};

use super::Model;
use super::configuration::{REQUESTS, ROWS, RowKind};
use super::exchange::{Asked, Attempt, Parcel};
use super::property::{Rule, Witness};
use super::protocol::Kind;
use super::world::World;

pub(super) struct Judge<'a> {
    model: &'a Model,
    parcel: &'a Parcel,
}

/// One row before and after a write.
struct Change<'a> {
    row: usize,
    before: &'a Record,
    after: &'a Record,
    asked: &'a Asked,
}

impl<'a> Judge<'a> {
    pub(super) const fn new(model: &'a Model, parcel: &'a Parcel) -> Self {
        Self { model, parcel }
    }

    /// The writes were made; those that are `None` were not.
    pub(super) fn made(&self, world: &mut World, before: [u32; ROWS], made: &[Option<u32>]) {
        if made.iter().any(Option::is_none) && made.iter().any(Option::is_some) {
            Model::breaks(world, Rule::AllOrNothing);
        }
        let asked = self.model.exchange.asks.get(self.parcel.ask);
        let kinds: Vec<Kind> = self
            .parcel
            .writes
            .iter()
            .map(|(_, write)| self.model.table.write(*write).kind)
            .collect();
        let op = 1_u16 << self.parcel.op;
        if kinds.iter().any(|kind| kind.is_change()) {
            let is_answered =
                world.clients[usize::from(self.parcel.op / REQUESTS)].asked > self.parcel.op % REQUESTS;
            if is_answered {
                world.just.0 |= Witness::LateWrite.bit();
                if world.fenced_off & op != 0 {
                    Model::breaks(world, Rule::AnswersFence);
                }
            }
            if world.effects & op != 0 {
                Model::breaks(world, Rule::AtMostOnce);
            }
            world.effects |= op;
            self.actor(world, before, &asked);
        }
        if self.parcel.writes.len() > 1 && kinds.contains(&Kind::Acquire) {
            world.just.0 |= Witness::Batch.bit();
        }
        for (((row, _), after), kind) in self.parcel.writes.iter().zip(made).zip(kinds) {
            let Some(after) = after else { continue };
            let (old, new) = (self.model.table.row(before[*row]), self.model.table.row(*after));
            let (Some(old), Some(new)) = (&old.record, &new.record) else {
                Model::breaks(world, Rule::Readable);
                continue;
            };
            let change = Change {
                row: *row,
                before: old,
                after: new,
                asked: &asked,
            };
            self.row(world, &change, kind);
        }
        self.somebody(world);
    }

    /// The write of an attempt failed.
    pub(super) fn failed(&self, world: &mut World, attempt: &Attempt, actor_refuses: bool) {
        if actor_refuses {
            return;
        }
        let asked = self.model.exchange.asks.get(attempt.ask);
        let is_as_seen = asked
            .rows
            .iter()
            .zip(&attempt.seen)
            .all(|(row, seen)| world.rows[*row] == *seen);
        if is_as_seen {
            Model::breaks(world, Rule::Progress);
        }
        let (row, write) = self.parcel.writes[0];
        let kind = self.model.table.write(write).kind;
        if kind == Kind::Touch {
            world.just.0 |= Witness::TouchLost.bit();
        }
        let Request::Break { fence, by, .. } = &asked.request else {
            return;
        };
        let found = self.model.table.row(world.rows[row]);
        let goes_on = found.record.as_ref().is_some_and(|record| {
            record.state.fence() == *fence && record.state.recorded().is_some_and(|lock| lock.owner != *by)
        });
        // As the row's first change in its epoch it loses to a renewal that was faster to be that.
        let begins_epoch = self.model.table.row(attempt.seen[0]);
        let begins_epoch = begins_epoch
            .record
            .as_ref()
            .is_some_and(|record| asked.epoch.is_after(record.change));
        if kind == Kind::Break && attempt.losses > 0 && goes_on && !begins_epoch {
            Model::breaks(world, Rule::BreakReaches);
        }
    }

    fn actor(&self, world: &mut World, before: [u32; ROWS], asked: &Asked) {
        let Some((account, known)) = asked.actor else {
            return;
        };
        let row = self.model.table.row(before[account]);
        let now = self.model.now(world);
        let is_in = |record: &Record| record.state.fence() == known && record.state.live(now).is_none();
        if !row.record.as_ref().is_some_and(is_in) {
            Model::breaks(world, Rule::ActorStillIn);
        }
    }

    /// Not all accounts are locked.
    fn somebody(&self, world: &mut World) {
        let now = self.model.now(world);
        let mut accounts = 0;
        for (row, kind) in self.model.configuration.rows.iter().enumerate() {
            if matches!(kind, RowKind::User(_)) {
                accounts += 1;
                let stored = self.model.table.row(world.rows[row]);
                if stored
                    .record
                    .as_ref()
                    .is_none_or(|record| record.state.live(now).is_none())
                {
                    return;
                }
            }
        }
        if accounts > 0 {
            Model::breaks(world, Rule::SomebodyCanAct);
        }
    }

    fn row(&self, world: &mut World, change: &Change<'_>, kind: Kind) {
        let Change {
            row,
            before,
            after,
            asked,
        } = *change;
        let now = self.model.now(world);
        let (old, new) = (&before.state, &after.state);
        let begins = new.recorded().is_some()
            && (old.recorded().is_none() || before.lock_request != after.lock_request);
        let live = old.live(now);
        let breaks = is_break(old, asked, kind);
        let bit = 1_u8 << row;

        let (largest_fence, largest_change) = &mut world.largest[row];
        let hands = begins || kind == Kind::Break;
        // What a restore took back was given out all the same.
        let goes_back = new.fence() < old.fence() || (hands && new.fence().get() <= *largest_fence);
        *largest_fence = new.fence().get().max(*largest_fence);
        let comes_twice = kind.is_change() && after.change <= *largest_change;
        *largest_change = after.change.max(*largest_change);
        if goes_back {
            Model::breaks(world, Rule::FenceGrows);
        }
        if comes_twice {
            Model::breaks(world, Rule::ChangesApart);
        }
        if world.epoch > 0 && kind.is_change() {
            world.just.0 |= Witness::Restored.bit();
        }
        if kind == Kind::Break && !breaks {
            Model::breaks(world, Rule::NamedTenure);
        }
        if !names_this(old, asked, kind) {
            Model::breaks(world, Rule::NamedTenure);
        }
        let is_owners = matches!(kind, Kind::Renew | Kind::Release);
        if is_owners && old.recorded().is_none_or(|lock| lock.owner != asked.me.actor) {
            Model::breaks(world, Rule::OwnerOnly);
        }
        if begins && live.is_some() && !breaks {
            Model::breaks(world, Rule::OneTenure);
        }
        let ends = live.filter(|_| begins || new.recorded().is_none() || new.fence() != old.fence());
        if let Some(lock) = ends {
            let by_owner = kind == Kind::Release && lock.owner == asked.me.actor;
            if !by_owner && !breaks {
                Model::breaks(world, Rule::OwnerOnly);
                if world.acknowledged & bit != 0 {
                    Model::breaks(world, Rule::AcknowledgedKept);
                }
            }
            if world.acknowledged & bit != 0 {
                world.just.0 |= if by_owner {
                    Witness::OwnRelease.bit()
                } else {
                    Witness::Broken.bit()
                };
            }
        }
        if begins || new.recorded().is_none() {
            world.acknowledged &= !bit;
        }
        if begins {
            self.begins(world, change, new.recorded());
        }
        if breaks
            && kind == Kind::Break
            && let Request::Break { hold_off, .. } = &asked.request
            && let Some(owner) = old.recorded().map(|lock| lock.owner.as_str())
        {
            let until = hold_off.until(asked.now).unix_ms();
            world.held_off[row] = (now.unix_ms() < until).then(|| (self.login(owner), until));
        }
        world.just.0 |= match kind {
            Kind::Touch => Witness::Touch.bit(),
            Kind::Clear => Witness::Cleared.bit(),
            _ => 0,
        };
    }

    fn begins(&self, world: &mut World, change: &Change<'_>, lock: Option<&Lock>) {
        let old = &change.before.state;
        let Some(lock) = lock else { return };
        if world.held_off[change.row].is_some_and(|(owner, _)| owner == self.login(lock.owner.as_str())) {
            Model::breaks(world, Rule::HoldOff);
        }
        if old.last_break().is_some_and(|last| last.owner == lock.owner) {
            world.just.0 |= Witness::BackAgain.bit();
        }
        if old.fence() > Fence::default() {
            world.just.0 |= Witness::ChangeOfHands.bit();
        }
        if old.recorded().is_some_and(|old| old.owner != lock.owner)
            && old.live(self.model.now(world)).is_none()
        {
            world.just.0 |= Witness::Takeover.bit();
        }
    }

    fn login(&self, name: &str) -> u8 {
        let mut clients = (0_u8..).zip(self.model.configuration.clients);
        clients
            .find(|(_, client)| client.login == name)
            .map_or(u8::MAX, |(number, _)| number)
    }
}

/// Whether the write is a break of the tenure that its request names, and of somebody else's.
fn is_break(old: &State, asked: &Asked, kind: Kind) -> bool {
    let Request::Break { fence, by, .. } = &asked.request else {
        return false;
    };
    kind == Kind::Break && old.fence() == *fence && old.recorded().is_some_and(|lock| lock.owner != *by)
}

/// Whether a renewal or release that names a tenure is one of that tenure.
fn names_this(old: &State, asked: &Asked, kind: Kind) -> bool {
    let named = match &asked.request {
        Request::Acquire { tenure, .. } | Request::Release { tenure, .. } => tenure,
        Request::Break { .. } => return true,
    };
    match named {
        None => true,
        Some(named) => match kind {
            Kind::Renew | Kind::Release => *named == old.fence(),
            Kind::Touch | Kind::Clear | Kind::Check => true,
            Kind::Acquire | Kind::Break => false,
        },
    }
}
