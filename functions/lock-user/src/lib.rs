//! `POST /user/lock?Token={Token}`: a user account is locked or unlocked.
//!
//! Aktion.NEXT dialect; the order of checks is the contract's table ("User lock" in `docs/api.md`), and the
//! messages are the vendor's, character by character.

mod answer;
mod lock_request;

use holdfast::audit::{Action, Notes};
use holdfast::dialect::Dialect;
use holdfast::dialect::aktion::{self, Outcome};
use holdfast::id::Login;
use holdfast::identity::{AdmissionRefusal, ApiCaller, identify_by_api_token, policy};
use holdfast::lock::{self, LeaseChange, Text};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{LockCall, LockResult, LockTarget, RowKey, UserRow};
use holdfast::target::Target;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

use lock_request::{RequestBody, UserLock};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "lock-user",
    routes: &[Route {
        method: Method::POST,
        path: "/user/lock",
        dialect: Dialect::Aktion,
        handler: |app, request| Box::pin(lock(app, request)),
    }],
    fallback: None,
    // The token's use and, beside it, the read of the target.
    connections: 2,
    unseals: false,
    reads_history: false,
};

async fn lock(app: &App, request: &Request) -> Response<Body> {
    let body = runtime::body(request);
    let media = match aktion::media(request.headers(), body) {
        Ok(media) => media,
        Err(outcome) => return answer::answer(request, outcome, None),
    };
    let parsed = lock_request::parse(media, body);
    let outcome = act(app, request, &parsed).await.unwrap_or_else(|refusal| refusal);
    answer::answer(request, outcome, parsed.echo.as_ref())
}

async fn act(app: &App, request: &Request, parsed: &RequestBody) -> Result<Outcome, Outcome> {
    let now = app.clock.now();
    let notes = runtime::audit(request);
    note(&notes, parsed);
    let request_id = runtime::request_id(request);
    // The target is read while the token is used; what is found is told only to a caller who may know.
    let key = parsed.lock.as_ref().ok().and_then(UserLock::key);
    let (token, source) = (aktion::token(request), aktion::source_ip(request));
    let (caller, read) =
        identify_by_api_token(&app.store, token.as_ref(), source, key.as_ref(), now, &request_id)
            .await
            .map_err(|why| answer::not_admitted(why, request))?;
    notes.actor(&caller.company, &caller.login);
    let wanted = parsed
        .lock
        .as_ref()
        .map_err(|faults| Outcome::invalid(faults.clone()))?;
    policy::lock_users(&caller.rights).map_err(|right| answer::missing(right, wanted))?;

    let mut rows = read.map_err(answer::failed)?;
    let not_found = || answer::not_found(wanted, &caller);
    let key = key.ok_or_else(not_found)?;
    let user = rows
        .parse::<UserRow>(&key)
        .map_err(answer::failed)?
        .ok_or_else(not_found)?;
    if !is_within_reach(&user, &caller) {
        return Err(not_found());
    }
    // You cannot lock your own account.
    let own_account = wanted.locks && user.login == caller.login;
    if own_account || !caller.rights.may_edit_records_of(&user.record_group) {
        return Err(answer::record_permission(wanted));
    }

    let owner = caller.login.to_owner();
    let change = if wanted.locks {
        lock::Request::Acquire {
            owner,
            lease: LeaseChange::Keep,
            text: Text::default(),
            tenure: None,
        }
    } else {
        lock::Request::Release { owner, tenure: None }
    };
    let target = LockTarget::user(&caller.company, &user.login);
    let still_allowed = |newer: &UserRow| {
        if !is_within_reach(newer, &caller) {
            Err(answer::deleted_since())
        } else if !caller.rights.may_edit_records_of(&newer.record_group) {
            Err(answer::regrouped_since())
        } else {
            Ok(())
        }
    };
    let call = LockCall {
        request: &change,
        now,
        origin: &runtime::origin(request, Dialect::Aktion),
        actor: Some(&caller.actor_check()),
    };
    match app.store.apply_lock(&target, user, call, still_allowed).await {
        Ok(LockResult::Done(outcome)) => Ok(answer::decided(wanted, &outcome)),
        Ok(LockResult::Gone) => Err(answer::deleted_since()),
        // Locked out since the sign-in: the token is as good as expired.
        Ok(LockResult::ActorLocked) => Err(answer::not_admitted(AdmissionRefusal::Expired, request)),
        Ok(LockResult::Refused(refusal)) => Err(refusal),
        Err(failure) => Err(answer::failed(failure)),
    }
}

fn note(notes: &Notes, parsed: &RequestBody) {
    let Ok(wanted) = &parsed.lock else {
        notes.action(Action::ChangeLock);
        return;
    };
    notes.action(if wanted.locks {
        Action::Lock
    } else {
        Action::Unlock
    });
    if let Ok(login) = Login::try_from(wanted.login_name.as_str()) {
        notes.target(&Target::User(login));
    }
}

/// Another company's users, and the system's own, are answered as if they did not exist.
fn is_within_reach(user: &UserRow, caller: &ApiCaller) -> bool {
    user.company == caller.company && !user.system
}

impl UserLock {
    /// The row of the user that is meant; `None` for a name that no user can have.
    fn key(&self) -> Option<RowKey> {
        Login::try_from(self.login_name.as_str())
            .ok()
            .map(|login| RowKey::user(&login))
    }
}
