//! Whether an answer is true, and what it acknowledges.

use holdfast::lock::{Lock, Outcome, Request, State};

use super::Model;
use super::exchange::{Answer, Asked};
use super::property::{Rule, Witness};
use super::world::World;

pub(super) fn judge(model: &Model, world: &mut World, asked: &Asked, answer: &Answer) {
    let had_effect = world.effects & (1 << asked.op) != 0;
    let is_refused = match answer {
        Answer::Outcome(outcome) => outcome.is_refusal(),
        Answer::Conflict(_) => true,
        _ => false,
    };
    if is_refused && had_effect {
        Model::breaks(world, Rule::NoFalseConflict);
    }
    match answer {
        Answer::Outcome(outcome) => one(model, world, asked, outcome, had_effect),
        Answer::Settled => all(model, world, asked),
        Answer::Conflict(refusals) => {
            world.just.0 |= Witness::BatchRefused.bit();
            for refusal in refusals {
                refused(world, asked, refusal);
            }
        }
        Answer::Unsure(_) => world.just.0 |= Witness::Unsure.bit(),
        Answer::Corrupt => Model::breaks(world, Rule::Readable),
        Answer::Repeated | Answer::LockedOut | Answer::Gone => {}
    }
}

fn one(model: &Model, world: &mut World, asked: &Asked, outcome: &Outcome, had_effect: bool) {
    let row = asked.rows[0];
    let stored = model.table.row(world.rows[row]);
    let Some(found) = &stored.record else {
        return Model::breaks(world, Rule::Readable);
    };
    let state = &found.state;
    let me = &asked.me.actor;
    let named = match &asked.request {
        Request::Acquire { tenure, .. } | Request::Release { tenure, .. } => tenure.unwrap_or_default(),
        Request::Break { fence, .. } => *fence,
    };
    let is_true = match outcome {
        Outcome::Acquired { .. } | Outcome::Renewed { .. } => had_effect,
        Outcome::AlreadyHeld { fence, lock } => {
            !had_effect && state.is_tenure(me, *fence) && lock.owner == *me
        }
        Outcome::Released { fence } => !state.is_tenure(me, *fence),
        Outcome::WasFree { .. } => !had_effect && state.live(asked.now).is_none(),
        Outcome::Broken { broken, .. } => had_effect && !state.is_tenure(&broken.owner, named),
        Outcome::TenureOver { .. } => named < state.fence() || state.live(asked.now).is_none(),
        Outcome::HeldBy { lock, .. } => lock.owner != *me && is_held(state, lock),
        Outcome::OtherTenure { .. } => {
            world.just.0 |= Witness::OtherTenure.bit();
            true
        }
        Outcome::YourOwn { lock, .. } => lock.owner == *me,
        Outcome::HeldOff { broken, .. } => {
            world.just.0 |= Witness::HeldOff.bit();
            broken.owner == *me
        }
    };
    if !is_true {
        Model::breaks(world, Rule::TrueAnswer);
    }
    refused(world, asked, outcome);
    // By the row, whatever the answer says of it.
    if matches!(outcome, Outcome::HeldBy { .. }) && state.live(asked.now).is_none() {
        Model::breaks(world, Rule::ExpiryCounts);
    }
    if let Outcome::Acquired { fence, .. }
    | Outcome::Renewed { fence, .. }
    | Outcome::AlreadyHeld { fence, .. } = outcome
        && state.is_tenure(me, *fence)
    {
        world.acknowledged |= 1 << row;
    }
    if let Outcome::Broken {
        fence, lock: Some(_), ..
    } = outcome
        && state.is_tenure(me, *fence)
    {
        world.acknowledged |= 1 << row;
    }
}

fn refused(world: &mut World, asked: &Asked, outcome: &Outcome) {
    let Outcome::HeldBy { lock, .. } = outcome else {
        return;
    };
    world.just.0 |= Witness::Refusal.bit();
    if lock.until.is_some_and(|until| until <= asked.now) {
        Model::breaks(world, Rule::ExpiryCounts);
    }
}

/// All locks of a plan are as it wants them, at the moment of the answer.
fn all(model: &Model, world: &mut World, asked: &Asked) {
    for row in asked.rows {
        let stored = model.table.row(world.rows[*row]);
        let Some(found) = &stored.record else {
            return Model::breaks(world, Rule::Readable);
        };
        let holder = found.state.live(asked.now).map(|lock| &lock.owner);
        let is_true = match &asked.request {
            Request::Acquire { owner, .. } => holder == Some(owner),
            Request::Release { .. } | Request::Break { .. } => holder.is_none(),
        };
        if !is_true {
            Model::breaks(world, Rule::TrueAnswer);
        }
        if matches!(asked.request, Request::Acquire { .. }) {
            world.acknowledged |= 1 << row;
        }
    }
}

/// Whether the row records this lock.
fn is_held(state: &State, lock: &Lock) -> bool {
    state.recorded() == Some(lock)
}
