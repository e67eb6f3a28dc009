//! The mutants of the model: `decide`, the turns, the expressions and the transactions, each broken in one way or two.

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::lock::{
    Break, Change, Decision, Epoch, Fence, Lease, LeaseChange, Lock, Loss, Outcome, Owner, Plan, Record,
    Request, State, Step, Timestamp, Turn, decide,
};
use holdfast::store::expressions;

use super::mutant::ModelMutant;
use crate::model::{ClientToken, Draft, Kind, Protocol, Rule};

const SHIPPED: Protocol = Protocol::SHIPPED;

/// Replaces the condition of one kind of write.
fn condition(draft: &mut Draft, kind: Kind, condition: &str) {
    if draft.kind == kind {
        condition.clone_into(&mut draft.condition);
    }
}

/// Replaces a part of the update of one kind of write.
fn update(draft: &mut Draft, kind: Kind, search: &str, replacement: &str) {
    if draft.kind == kind {
        draft.expression = draft.expression.replace(search, replacement);
    }
}

/// The state with another recorded lock.
fn with_lock(state: &State, lock: Option<Lock>) -> State {
    State::new(state.fence(), lock).with_last_break(state.last_break().cloned())
}

/// The state with its lease moved; what has no lease has none.
fn with_until(state: &State, moved: impl Fn(i64) -> i64) -> State {
    let lock = state.recorded().cloned().map(|lock| Lock {
        until: lock
            .until
            .map(|until| Timestamp::from_unix_ms(moved(until.unix_ms()))),
        ..lock
    });
    with_lock(state, lock)
}

/// The state as if `owner` held the lock that is live.
fn as_if_of(state: &State, owner: &Owner) -> State {
    let lock = state.recorded().cloned();
    with_lock(
        state,
        lock.map(|lock| Lock {
            owner: owner.clone(),
            ..lock
        }),
    )
}

fn without_tenure(request: &Request) -> Request {
    match request.clone() {
        Request::Acquire {
            owner, lease, text, ..
        } => Request::Acquire {
            owner,
            lease,
            text,
            tenure: None,
        },
        Request::Release { owner, .. } => Request::Release { owner, tenure: None },
        request @ Request::Break { .. } => request,
    }
}

/// The decision with another fence for what begins.
fn with_fence(decision: Decision, fence: Fence) -> Decision {
    match decision {
        Decision::Write(
            Change::Acquire {
                lock, keeps_break, ..
            },
            outcome,
        ) => Decision::Write(
            Change::Acquire {
                fence,
                lock,
                keeps_break,
            },
            outcome,
        ),
        Decision::Write(Change::Break { broken, lock, .. }, outcome) => {
            Decision::Write(Change::Break { broken, fence, lock }, outcome)
        }
        decision => decision,
    }
}

/// A release frees a live lock, no matter whose.
fn releases_anyones(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match (request, state.live(now)) {
        (Request::Release { tenure, .. }, Some(lock)) => {
            let request = Request::Release {
                owner: lock.owner.clone(),
                tenure: *tenure,
            };
            decide(state, &request, now, epoch)
        }
        _ => decide(state, request, now, epoch),
    }
}

/// An acquisition takes the lock, no matter who holds it.
fn takes_anyones(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match (request, state.live(now)) {
        (Request::Acquire { owner, .. }, Some(lock)) if lock.owner != *owner => {
            decide(&with_lock(state, None), request, now, epoch)
        }
        _ => decide(state, request, now, epoch),
    }
}

/// A lock renews a live one, no matter whose.
fn renews_anyones(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match (request, state.live(now)) {
        (Request::Acquire { owner, .. }, Some(_)) => decide(&as_if_of(state, owner), request, now, epoch),
        _ => decide(state, request, now, epoch),
    }
}

/// A break ends whatever is live.
fn breaks_any_tenure(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match request.clone() {
        Request::Break {
            by,
            reason,
            then,
            hold_off,
            ..
        } => {
            let fence = state.fence();
            let request = Request::Break {
                by,
                fence,
                reason,
                then,
                hold_off,
            };
            decide(state, &request, now, epoch)
        }
        request => decide(state, &request, now, epoch),
    }
}

fn breaks_an_own_lock(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match (request.clone(), state.live(now)) {
        (
            Request::Break {
                by,
                fence,
                reason,
                then,
                hold_off,
            },
            Some(lock),
        ) if lock.owner == by => {
            let request = Request::Break {
                by: Owner::new("nobody"),
                fence,
                reason,
                then,
                hold_off,
            };
            decide(state, &request, now, epoch)
        }
        (request, _) => decide(state, &request, now, epoch),
    }
}

/// The wait-out begins again with every look at the row.
fn waits_again(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    let Request::Acquire {
        lease: LeaseChange::For(lease),
        ..
    } = request
    else {
        return decide(state, request, now, epoch);
    };
    let lease: Lease = *lease;
    decide(
        &with_until(state, |_| lease.until(now).unix_ms()),
        request,
        now,
        epoch,
    )
}

fn forgets_the_break(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    match decide(state, request, now, epoch) {
        Decision::Write(Change::Acquire { fence, lock, .. }, outcome) => Decision::Write(
            Change::Acquire {
                fence,
                lock,
                keeps_break: false,
            },
            outcome,
        ),
        decision => decision,
    }
}

fn ends_the_hold_off_early(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    let earlier = state.last_break().cloned().map(|last| Break {
        until: Timestamp::from_unix_ms(last.until.unix_ms() - 1),
        ..last
    });
    decide(&state.clone().with_last_break(earlier), request, now, epoch)
}

fn without_hold_off(state: &State, request: &Request, now: Timestamp, epoch: Epoch) -> Decision {
    decide(&state.clone().with_last_break(None), request, now, epoch)
}

/// An acquisition that lost its race is refused, no matter who is found: the invocation's own first write, too.
fn calls_its_own_write_a_conflict(
    turn: Turn,
    loss: Loss<'_>,
    me: &holdfast::lock::Writer,
    decide: &dyn Fn(&State) -> Decision,
) -> Turn {
    match (&turn, loss.found.state.recorded()) {
        (Turn::Write(Change::Acquire { .. }, _), Some(lock)) => Turn::Answer(Outcome::HeldBy {
            fence: loss.found.state.fence(),
            lock: lock.clone(),
        }),
        _ => turn.after_by(loss, me, decide),
    }
}

/// A lost race as if nothing were known of its attempts and of who wrote.
fn recognises_nothing(
    turn: Turn,
    loss: Loss<'_>,
    me: &holdfast::lock::Writer,
    decide: &dyn Fn(&State) -> Decision,
) -> Turn {
    let stranger = holdfast::lock::Writer {
        origin: holdfast::lock::Origin::unknown(holdfast::lock::RequestId::new("another")),
        ..me.clone()
    };
    let loss = Loss {
        ambiguous: false,
        ..loss
    };
    turn.after_by(loss, &stranger, decide)
}

fn is_never_unsure(
    turn: Turn,
    loss: Loss<'_>,
    me: &holdfast::lock::Writer,
    decide: &dyn Fn(&State) -> Decision,
) -> Turn {
    let loss = Loss {
        ambiguous: false,
        ..loss
    };
    turn.after_by(loss, me, decide)
}

fn forgets_who_acquired(
    turn: Turn,
    loss: Loss<'_>,
    me: &holdfast::lock::Writer,
    decide: &dyn Fn(&State) -> Decision,
) -> Turn {
    let found = Record {
        lock_request: None,
        ..loss.found.clone()
    };
    let loss = Loss {
        found: &found,
        ambiguous: false,
        ..loss
    };
    turn.after_by(loss, me, decide)
}

/// Makes what a lost race may answer on a row that was read before it.
fn decides_on_what_was_seen(
    turn: Turn,
    loss: Loss<'_>,
    _: &holdfast::lock::Writer,
    _: &dyn Fn(&State) -> Decision,
) -> Turn {
    let _ = loss;
    match turn {
        Turn::Touch(outcome) | Turn::Write(_, outcome) => Turn::Answer(outcome),
        turn => turn,
    }
}

/// Every mutant of the model.
pub const IN_PROCESS: &[ModelMutant] = &[
    ModelMutant {
        name: "anyone releases",
        breaks: "`decide` and the condition of a release, together: neither asks who the owner is",
        origin: "ShedLock's DynamoDB provider: an unlock frees the successor's lock",
        model: "two clients",
        rule: Rule::OwnerOnly,
        protocol: Protocol {
            decide: releases_anyones,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "release without condition",
        breaks: "a release asks for no more than the row: a late one frees the successor's acknowledged lock",
        origin: "ShedLock's DynamoDB provider",
        model: "two clients",
        rule: Rule::AcknowledgedKept,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Release, "attribute_exists(pk)"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "release without revision",
        breaks: "a late release ends the owner's next tenure, which was acknowledged",
        origin: "conditions without `rev`",
        model: "one client",
        rule: Rule::AnswersFence,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Release, "lock_owner = :me"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "acquisition without revision",
        breaks: "a second copy of an acquisition takes the lock again after its release, under the old fence",
        origin: "conditions without `rev`",
        model: "one client",
        rule: Rule::AtMostOnce,
        protocol: Protocol {
            draft: |draft| {
                let free = "attribute_not_exists(lock_owner) OR lock_until <= :now";
                condition(draft, Kind::Acquire, free);
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "anyone acquires",
        breaks: "`decide` and the condition of an acquisition, together: neither asks whether the lock is free",
        origin: "conditions without owner",
        model: "two clients",
        rule: Rule::OneTenure,
        protocol: Protocol {
            decide: takes_anyones,
            draft: |draft| condition(draft, Kind::Acquire, "rev = :seen"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "`decide` takes what is held",
        breaks: "`decide` alone: the condition holds, and the request never ends",
        origin: "the second guard of each write",
        model: "two clients",
        rule: Rule::Progress,
        protocol: Protocol {
            decide: takes_anyones,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "renewal without revision",
        breaks: "a second copy of a renewal is made as well",
        origin: "conditions without `rev`",
        model: "leases",
        rule: Rule::AtMostOnce,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Renew, "lock_owner = :me"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "anyone renews",
        breaks: "`decide` and the condition of a renewal, together: neither asks who the owner is",
        origin: "conditions without owner",
        model: "leases",
        rule: Rule::OwnerOnly,
        protocol: Protocol {
            decide: renews_anyones,
            draft: |draft| condition(draft, Kind::Renew, "rev = :seen"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break of an owner",
        breaks: "a break asks for the owner alone: it ends the owner's next tenure",
        origin: "conditions without fence",
        model: "breaks",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Break, "lock_owner = :was"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "insisting break of an owner",
        breaks: "a break that has lost a race asks for the owner alone",
        origin: "conditions without fence",
        model: "a break against renewals",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            draft: |draft| {
                if !draft.condition.contains("rev") {
                    condition(draft, Kind::Break, "lock_owner = :was");
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break of a fence",
        breaks: "a break does not ask for the owner: it ends what was released already",
        origin: "conditions without owner",
        model: "breaks",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Break, "fence = :fence"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break of any tenure",
        breaks: "`decide` ends whatever tenure is live, and not the one that was named",
        origin: "a forced unlock that meets the successor",
        model: "breaks",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            decide: breaks_any_tenure,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break of an own lock",
        breaks: "`decide` lets an owner break the own lock",
        origin: "the contract of a break",
        model: "a break of an own lock",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            decide: breaks_an_own_lock,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break that gives way",
        breaks: "a break goes by the revision for ever: an owner who renews fast enough is never reached",
        origin: "an earlier version: every race was lost for two seconds",
        model: "a break against renewals",
        rule: Rule::BreakReaches,
        protocol: Protocol {
            insists: |_, _| false,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "hold-off ignored",
        breaks: "`decide` knows no hold-off",
        origin: "a loop of renewals takes the lock again after a forced unlock",
        model: "breaks",
        rule: Rule::HoldOff,
        protocol: Protocol {
            decide: without_hold_off,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "hold-off forgotten",
        breaks: "a third owner's acquisition takes the break off the row before the hold-off is over",
        origin: "`keeps_break`",
        model: "a break and a third owner",
        rule: Rule::HoldOff,
        protocol: Protocol {
            decide: forgets_the_break,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "hold-off a millisecond short",
        breaks: "the old owner is back a millisecond early",
        origin: "limits off by one",
        model: "breaks",
        rule: Rule::HoldOff,
        protocol: Protocol {
            decide: ends_the_hold_off_early,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lease a millisecond long",
        breaks: "`decide` refuses at the very moment at which the lease has run out",
        origin: "expiry off by a millisecond",
        model: "leases",
        rule: Rule::ExpiryCounts,
        protocol: Protocol {
            decide: |state, request, now, epoch| {
                decide(&with_until(state, |until| until + 1), request, now, epoch)
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lease a millisecond short",
        breaks: "`decide` takes the lock a millisecond early; the condition holds, and the request never ends",
        origin: "expiry off by a millisecond",
        model: "leases",
        rule: Rule::Progress,
        protocol: Protocol {
            decide: |state, request, now, epoch| {
                decide(&with_until(state, |until| until - 1), request, now, epoch)
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lease a millisecond short, twice",
        breaks: "`decide` and the condition of an acquisition, together",
        origin: "expiry off by a millisecond",
        model: "leases",
        rule: Rule::OneTenure,
        protocol: Protocol {
            decide: |state, request, now, epoch| {
                decide(&with_until(state, |until| until - 1), request, now, epoch)
            },
            draft: |draft| {
                if draft.kind == Kind::Acquire {
                    draft.condition = draft
                        .condition
                        .replace("lock_until <= :now", "lock_until <= :later");
                    if let Some(AttributeValue::N(now)) = draft.bindings.values.get(":now") {
                        let later = now.parse::<i64>().unwrap_or_default() + 1;
                        let later = AttributeValue::N(later.to_string());
                        draft.bindings.values.insert(":later".to_owned(), later);
                    }
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lease compared as text",
        breaks: "the condition compares the lease, a number, with a text: it never runs out",
        origin: "dynamodb_lock 0.6.1: written as a number, read as a string",
        model: "leases",
        rule: Rule::Progress,
        protocol: Protocol {
            draft: |draft| {
                if let Some(AttributeValue::N(now)) = draft.bindings.values.get(":now").cloned() {
                    draft
                        .bindings
                        .values
                        .insert(":now".to_owned(), AttributeValue::S(now));
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lease written as text",
        breaks: "the lease is written as a text, which nobody reads",
        origin: "dynamodb_lock 0.6.1",
        model: "leases",
        rule: Rule::Readable,
        protocol: Protocol {
            draft: |draft| {
                if let Some(AttributeValue::N(until)) = draft.bindings.values.get(":until").cloned() {
                    draft
                        .bindings
                        .values
                        .insert(":until".to_owned(), AttributeValue::S(until));
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "wait-out that starts over",
        breaks: "each attempt waits a whole lease from its own first look: nobody ever takes the lock",
        origin: "amazon-dynamodb-lock-client#44",
        model: "leases",
        rule: Rule::ExpiryCounts,
        protocol: Protocol {
            decide: waits_again,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "release that resets",
        breaks: "a release starts the fence over, as deleting the row would",
        origin: "lock clients that delete the row to release it",
        model: "two clients",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            draft: |draft| update(draft, Kind::Release, "SET rev", "SET fence = :zero, rev"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "acquisition without a new fence",
        breaks: "two owners have one fence",
        origin: "fencing",
        model: "two clients",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            decide: |state, request, now, epoch| {
                with_fence(decide(state, request, now, epoch), state.fence())
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "takeover without a new fence",
        breaks: "the lease's late holder has the fence of the successor",
        origin: "fencing",
        model: "leases",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            decide: |state, request, now, epoch| {
                let decision = decide(state, request, now, epoch);
                if state.has_run_out(now) {
                    with_fence(decision, state.fence())
                } else {
                    decision
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "break without a new fence",
        breaks: "the late holder's fence stays valid after a break",
        origin: "fencing",
        model: "breaks",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            decide: |state, request, now, epoch| match decide(state, request, now, epoch) {
                decision @ Decision::Write(Change::Break { .. }, _) => with_fence(decision, state.fence()),
                decision => decision,
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "own write taken for a conflict",
        breaks: "the second send of a write that was made is answered as somebody else's lock",
        origin: "dynamolock#280, aws-sdk-java#2667",
        model: "one client",
        rule: Rule::NoFalseConflict,
        protocol: Protocol {
            after: calls_its_own_write_a_conflict,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "own write not recognised",
        breaks: "a write that was made is decided again, and its answer says that nothing was done",
        origin: "dynamolock#280, aws-sdk-java#2667",
        model: "one client",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            after: recognises_nothing,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "never unsure",
        breaks: "a renewal that may have been made is decided again, and takes the lock a second time",
        origin: "an earlier version",
        model: "leases",
        rule: Rule::AtMostOnce,
        protocol: Protocol {
            after: is_never_unsure,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "acquisition without a trace",
        breaks: "`lock_request` is not asked: an acquisition that was made and broken since is refused, or made again",
        origin: "an earlier version",
        model: "a break of what was not acknowledged",
        rule: Rule::AtMostOnce,
        protocol: Protocol {
            after: forgets_who_acquired,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "lost races ignored",
        breaks: "a write that failed is answered as made",
        origin: "a result that nobody looks at",
        model: "two clients",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            after: decides_on_what_was_seen,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "holder read in a second call",
        breaks: "a lost race reads the row again to name the holder, who may be another by then, or nobody",
        origin: "terraform#32690",
        model: "two clients",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            reads_holder_again: true,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "repeat without touch",
        breaks: "an owner's repeat writes nothing: the unlock that was answered 503 comes late and frees the lock",
        origin: "an earlier version",
        model: "one client",
        rule: Rule::AnswersFence,
        protocol: Protocol {
            first: |decision| match Turn::of(decision) {
                Turn::Touch(outcome @ Outcome::AlreadyHeld { .. }) => Turn::Answer(outcome),
                turn => turn,
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "unlock of a free lock without touch",
        breaks: "the lock that was answered 503 comes late, after its owner's unlock was answered",
        origin: "an earlier version",
        model: "one client",
        rule: Rule::AnswersFence,
        protocol: Protocol {
            first: |decision| match Turn::of(decision) {
                Turn::Touch(outcome @ Outcome::WasFree { .. }) => Turn::Answer(outcome),
                turn => turn,
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "touch of any revision",
        breaks: "a touch does not see that the row has changed",
        origin: "conditions without `rev`",
        model: "two windows of one owner",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            draft: |draft| condition(draft, Kind::Touch, "attribute_exists(pk)"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "touch that leaves the revision",
        breaks: "a touch proves the row and fences nothing off",
        origin: "a check where a write is needed",
        model: "one client",
        rule: Rule::AnswersFence,
        protocol: Protocol {
            draft: |draft| update(draft, Kind::Touch, "rev = :next", "rev = :seen"),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "row made twice",
        breaks: "the first lock of a pair asks for nothing: two callers make the row",
        origin: "`ACQUIRE_ABSENT`",
        model: "a pair without a row",
        rule: Rule::OneTenure,
        protocol: Protocol {
            draft: |draft| {
                if draft.condition == "attribute_not_exists(pk)" {
                    let any = "attribute_exists(pk) OR attribute_not_exists(pk)";
                    condition(draft, Kind::Acquire, any);
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "row touched into being",
        breaks: "the touch of an absent pair starts the fence of a locked one over",
        origin: "`TOUCH_ABSENT`",
        model: "a pair without a row",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            draft: |draft| {
                if draft.condition == "attribute_not_exists(pk)" {
                    let any = "attribute_exists(pk) OR attribute_not_exists(pk)";
                    condition(draft, Kind::Touch, any);
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "release of any tenure",
        breaks: "a release does not ask which tenure was named",
        origin: "a late process releases its successor's lock of the same login",
        model: "tenures by name",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            decide: |state, request, now, epoch| match request {
                Request::Release { .. } => decide(state, &without_tenure(request), now, epoch),
                _ => decide(state, request, now, epoch),
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "renewal that takes",
        breaks: "a renewal takes a lock that is free by now",
        origin: "renewals by name",
        model: "leases",
        rule: Rule::NamedTenure,
        protocol: Protocol {
            decide: |state, request, now, epoch| match request {
                Request::Acquire { .. } => decide(state, &without_tenure(request), now, epoch),
                _ => decide(state, request, now, epoch),
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "epoch ignored",
        breaks: "a restored row goes on with the fences that it had",
        origin: "a restored table gives out fences that systems have seen",
        model: "a restore",
        rule: Rule::FenceGrows,
        protocol: Protocol {
            decide: |state, request, now, _| decide(state, request, now, Epoch::default()),
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "epoch ignored by changes",
        breaks: "a restored row goes on with the changes that it had, whose records are there already",
        origin: "a history that is newer than its table",
        model: "a restore",
        rule: Rule::ChangesApart,
        protocol: Protocol {
            draft: |draft| {
                if let Some(first) = draft.bindings.values.get_mut(":first_change") {
                    *first = AttributeValue::N("2".to_owned());
                }
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "epoch begun twice",
        breaks: "a break that goes by its tenure alone begins the epoch that a renewal has begun",
        origin: "conditions without revision",
        model: "a break after a restore",
        rule: Rule::ChangesApart,
        protocol: Protocol {
            draft: |draft| {
                let guard = format!(" AND {}", expressions::CHANGE_BEFORE_EPOCH);
                draft.condition = draft.condition.replace(&guard, "");
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "plan that watches nothing",
        breaks: "a plan does not touch the locks that are as it wants them",
        origin: "plans without condition checks",
        model: "plans",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            plan: |rows, request, now, epoch| match holdfast::lock::plan(rows, request, now, epoch) {
                Plan::Write(mut steps) => {
                    steps.retain(|step| matches!(step, Step::Change(..)));
                    Plan::Write(steps)
                }
                plan => plan,
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "half a transaction",
        breaks: "the writes of a plan are made one by one",
        origin: "batches without transactions",
        model: "plans",
        rule: Rule::AllOrNothing,
        protocol: Protocol {
            is_whole: false,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "actor unchecked",
        breaks: "a lock on an account does not check the actor's: two administrators lock each other out",
        origin: "a check before the write instead of in it",
        model: "two administrators",
        rule: Rule::SomebodyCanAct,
        protocol: Protocol {
            checks_actor: false,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "actor checked without fence",
        breaks: "an actor who was locked and unlocked since signs on with the old session",
        origin: "conditions without fence",
        model: "two administrators",
        rule: Rule::ActorStillIn,
        protocol: Protocol {
            draft: |draft| {
                let unlocked = "attribute_not_exists(lock_owner) OR lock_until <= :now";
                condition(draft, Kind::Check, unlocked);
            },
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "tokens reused",
        breaks: "a client's transactions have one token: a new one is answered with an old one's success",
        origin: "client request tokens that outlive their request",
        model: "two administrators",
        rule: Rule::TrueAnswer,
        protocol: Protocol {
            token: ClientToken::PerClient,
            ..SHIPPED
        },
    },
    ModelMutant {
        name: "transactions without token",
        breaks: "the second send of an unlock that was made meets somebody else's lock",
        origin: "transactions whose attempts nobody watches",
        model: "three administrators",
        rule: Rule::NoFalseConflict,
        protocol: Protocol {
            token: ClientToken::Absent,
            ..SHIPPED
        },
    },
];
