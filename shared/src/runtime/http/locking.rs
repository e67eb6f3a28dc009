use lambda_http::Request;

use super::{audit, lock_target, origin, principal};
use crate::audit::Action;
use crate::dialect::Dialect;
use crate::dialect::holdfast::Refusal;
use crate::id::{Company, Kind};
use crate::identity::Principal;
use crate::lock::{self, Outcome, Timestamp};
use crate::runtime::App;
use crate::store::{FoundTarget, LockCall, LockResult, LockTarget, RowKey, Rows, TargetRow};
use crate::target::Target;

/// Who asks for a lock of Holdfast's own API to be changed, the target in the path, and the rows of both. The audit line says what
/// is tried on what, also where the caller stays unknown.
///
/// # Errors
/// As [`principal`].
pub async fn lock_caller(
    app: &App,
    request: &Request,
    action: Action,
    now: Timestamp,
) -> Result<(Principal, Option<Target>, Rows), Refusal> {
    let target = lock_target(request);
    let notes = audit(request);
    notes.action(action);
    if let Some(target) = &target {
        notes.target(target);
    }
    let also = |company: &Company| {
        let keys = target.as_ref().map(|target| RowKey::to_lock(company, target));
        keys.unwrap_or_default()
    };
    let (principal, rows) = principal(app, request, also, now).await?;
    Ok((principal, target, rows))
}

/// Carries out a request of Holdfast's own API on one lock, whatever the lock guards.
///
/// `allowed` is asked of the row that was found, and of every newer one before it is written.
///
/// # Errors
/// What `allowed` says; [`Refusal::NotFound`] where the target is gone, [`Refusal::Unauthorized`] where the caller's own account
/// was locked since, and [`Refusal::Failed`].
pub async fn carry_out(
    app: &App,
    request: &Request,
    principal: &Principal,
    found: FoundTarget,
    wanted: &lock::Request,
    allowed: impl Fn(&TargetRow) -> Result<(), Refusal>,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    allowed(&found.row)?;
    let target = found.row.target();
    let checks_actor = target.kind() == Kind::User || matches!(wanted, lock::Request::Break { .. });
    let call = LockCall {
        request: wanted,
        now,
        origin: &origin(request, Dialect::Holdfast),
        actor: checks_actor.then(|| principal.actor_check()),
    };
    let still_allowed = |row: &TargetRow| {
        if row.is_within(&principal.company) {
            allowed(row)
        } else {
            Err(Refusal::NotFound)
        }
    };
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
