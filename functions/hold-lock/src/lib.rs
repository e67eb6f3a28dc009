//! `PUT` and `DELETE /locks/{kind}/{id}`: a lock is taken, renewed or released, whatever it guards.
//!
//! Holdfast's own dialect; the order of checks is the contract's ("Hold and release" in `docs/api.md`).

mod hold;
mod release;

use holdfast::dialect::Dialect;
use holdfast::dialect::holdfast::{self as dialect, BreakView, LockView, Refusal};
use holdfast::failure::Failure;
use holdfast::id::{Company, Kind};
use holdfast::identity::{Principal, policy};
use holdfast::lock::{self, Outcome, Timestamp};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{FoundTarget, LockCall, LockResult, LockTarget, RowKey, TargetRow};
use holdfast::target::Target;
use lambda_http::Request;
use lambda_http::http::Method;

const LOCK: &str = "/locks/{kind}/{id}";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "hold-lock",
    routes: &[
        Route {
            method: Method::PUT,
            path: LOCK,
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, hold::hold(app, request).await) })
            },
        },
        Route {
            method: Method::DELETE,
            path: LOCK,
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, release::release(app, request).await) })
            },
        },
    ],
    // One wave after the other.
    connections: 1,
};

/// The rows that a hold or a release reads beside the caller's: the target's, and for a user the company's licences.
fn rows_of(target: Option<&Target>, company: &Company) -> Vec<RowKey> {
    let Some(target) = target else {
        return Vec::new();
    };
    let mut keys = RowKey::all_of_target(company, target);
    if target.kind() == Kind::User {
        keys.push(RowKey::company(company));
    }
    keys
}

/// Whether the request may be carried out on this row. A session that has ended is not locked, and a lock on it stays
/// releasable.
fn allowed(principal: &Principal, row: &TargetRow, wanted: &lock::Request) -> Result<(), Refusal> {
    if !row.is_within(&principal.company) {
        return Err(Refusal::NotFound);
    }
    policy::hold_row(principal, row)?;
    match (wanted, row) {
        (lock::Request::Acquire { .. }, TargetRow::ActivitySession(session))
            if session.status.has_ended() =>
        {
            Err(Refusal::invalid("$", "The activity session has ended."))
        }
        _ => Ok(()),
    }
}

/// Writes the request, under the rules of a row that may change in between.
async fn carry_out(
    app: &App,
    request: &Request,
    principal: &Principal,
    found: FoundTarget,
    wanted: &lock::Request,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    allowed(principal, &found.row, wanted)?;
    let target = found.row.target();
    let actor = (target.kind() == Kind::User).then(|| principal.actor_check());
    let call = LockCall {
        request: wanted,
        now,
        origin: &runtime::origin(request, Dialect::Holdfast),
        actor,
    };
    let still_allowed = |row: &TargetRow| allowed(principal, row, wanted);
    let lock_target = LockTarget::of(&principal.company, &target);
    match app
        .store
        .apply_lock(&lock_target, found.row, call, still_allowed)
        .await?
    {
        LockResult::Done(outcome) => Ok(outcome),
        LockResult::Gone => Err(Refusal::NotFound),
        LockResult::ActorLocked => Err(Refusal::Unauthorized),
        LockResult::Refused(refusal) => Err(refusal),
    }
}

/// What a refusal by the lock protocol says.
fn refused(outcome: Outcome, principal: &Principal, target: &Target, name: Option<&str>) -> Refusal {
    let owner = principal.owner();
    let view = |lock: &lock::Lock, fence| LockView::new(target, name, lock, fence, &owner);
    match outcome {
        Outcome::HeldBy { fence, lock } => Refusal::HeldByAnother(Box::new(view(&lock, fence))),
        Outcome::HeldOff { broken, fence, lock } => Refusal::HeldOff(
            Box::new(BreakView::new(&broken, true)),
            lock.map(|lock| Box::new(view(&lock, fence))),
        ),
        Outcome::OtherTenure { fence, lock } => {
            Refusal::OtherTenure(lock.map(|lock| Box::new(view(&lock, fence))))
        }
        _ => Failure::Defect("an outcome that neither holds nor releases".to_owned()).into(),
    }
}
