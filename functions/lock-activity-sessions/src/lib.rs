//! `PUT /api/v1/ActivitySession/lock`: activity sessions, their users' access to resources, and the users' accounts
//! are locked or unlocked, in one atomic change.
//!
//! Netwrix dialect; the order of checks is the contract's ("Activity session lock" in `docs/api.md`).

mod live_session_request;
mod targets;

use std::collections::HashMap;

use holdfast::audit::Action;
use holdfast::dialect::Dialect;
use holdfast::dialect::netwrix::{self, Refusal, RefusingLock};
use holdfast::failure::Failure;
use holdfast::identity::{BEARER_KINDS, Caller, identify, policy};
use holdfast::lock::{
    self, Change, LeaseChange, Outcome, Plan, Record, State, Step, Text, Writer, released_by,
};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{LockCall, MAX_ROWS, PlannedRow, Retries, RowKey, TransactionResult};
use holdfast::target::Target;
use holdfast::telemetry::Tally;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

use live_session_request::LiveSessionRequest;
use targets::{GuardedRow, Sessions};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "lock-activity-sessions",
    routes: &[Route {
        method: Method::PUT,
        path: "/api/v1/ActivitySession/lock",
        dialect: Dialect::Netwrix,
        handler: |app, request| Box::pin(async { netwrix::answer(request, answer(app, request).await) }),
    }],
    fallback: None,
    // A hundred sessions with the caller's own rows are two batches.
    connections: 2,
    unseals: false,
    reads_history: false,
};

async fn answer(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let (done, tally) = lock(app, request).await?;
    let mut response = netwrix::ok(&done.echo());
    response.extensions_mut().insert(tally);
    Ok(response)
}

async fn lock(app: &App, request: &Request) -> Result<(LiveSessionRequest, Tally), Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    netwrix::media(request.headers(), body)?;
    // Read before the caller is known, so that the sessions come in the same round trip; what is wrong with it
    // is told only to a caller who may act.
    let wanted = LiveSessionRequest::parse(body);
    let ids = wanted
        .as_ref()
        .map(LiveSessionRequest::distinct_sessions)
        .unwrap_or_default();
    let notes = runtime::audit(request);
    notes.action(match &wanted {
        Ok(wanted) if wanted.locked => Action::Lock,
        Ok(_) => Action::Unlock,
        Err(_) => Action::ChangeLock,
    });
    if !ids.is_empty() {
        let targets: Vec<Target> = ids.iter().copied().map(Target::ActivitySession).collect();
        notes.targets(&targets);
    }
    let token = netwrix::bearer_token(request.headers())?;
    let origin = runtime::origin(request, Dialect::Netwrix);
    let mut earlier = Records::default();
    let mut retries = Retries::of_races();
    loop {
        let also: Vec<RowKey> = ids.iter().map(|id| RowKey::activity_session(*id)).collect();
        let (caller, mut rows) = identify(&app.store, &token, &BEARER_KINDS, &also, now).await?;
        notes.actor(caller.company(), caller.login());
        policy::admin(&caller)?;
        let wanted = wanted
            .as_ref()
            .map_err(|errors| Refusal::Invalid(errors.clone()))?;
        let sessions = Sessions::take(&mut rows, &ids, &caller)?;
        check(&sessions, wanted, &caller)?;
        let guarded = sessions.guarded(&app.store, wanted, &caller).await?;
        // The proof that the caller is not locked out takes a place of the transaction.
        let most = if wanted.scopes.user {
            MAX_ROWS - 1
        } else {
            MAX_ROWS
        };
        if guarded.len() > most {
            let rule = format!(
                "One atomic change can carry {most} locks, and these are {}.",
                guarded.len()
            );
            return Err(Refusal::invalid("activitySessionIds", rule));
        }
        let change = request_for(wanted, &caller);
        let actor = caller.actor_check();
        let call = LockCall {
            request: &change,
            now,
            origin: &origin,
            actor: wanted.scopes.user.then_some(&actor),
        };
        if let Some(tally) = settle(app, &guarded, &earlier, call).await? {
            return Ok((wanted.clone(), tally));
        }
        // Someone was faster: the rows are read, planned and written again.
        if !retries.again().await {
            let lost = "TransactWriteItems: lost every race for the sessions";
            return Err(Failure::Unavailable(lost.to_owned()).into());
        }
        earlier = records(&guarded);
    }
}

fn check(sessions: &Sessions, wanted: &LiveSessionRequest, caller: &Caller) -> Result<(), Refusal> {
    if !wanted.locked {
        // Locks that came with a session stay releasable after its end.
        return Ok(());
    }
    if let Some(ended) = sessions.ended() {
        let rule = format!("The activity session {ended} has ended and cannot be locked.");
        return Err(Refusal::invalid("activitySessionIds", rule));
    }
    if wanted.scopes.user && sessions.are_of(caller.login()) {
        return Err(Refusal::Forbidden(
            "You cannot lock your own account: one of the sessions is yours.",
        ));
    }
    Ok(())
}

fn request_for(wanted: &LiveSessionRequest, caller: &Caller) -> lock::Request {
    let owner = caller.login().to_owner();
    if wanted.locked {
        let text = Text {
            title: wanted.lock_title.clone(),
            message: wanted.lock_message.clone(),
        };
        lock::Request::Acquire {
            owner,
            lease: LeaseChange::Keep,
            text,
            tenure: None,
        }
    } else {
        lock::Request::Release { owner, tenure: None }
    }
}

/// Plans purely, and writes; `None` where someone was faster. `earlier` is what the round before was planned on.
async fn settle(
    app: &App,
    guarded: &[(GuardedRow, State)],
    earlier: &Records,
    call: LockCall<'_>,
) -> Result<Option<Tally>, Refusal> {
    let plan = lock::plan(guarded, call.request, call.now, app.store.epoch());
    let tally = Tally::Lock(plan.label(call.request));
    let steps = match plan {
        Plan::Conflict(conflicts) => {
            let refusing = conflicts.into_iter().map(|(guarded, refusal)| RefusingLock {
                scope: guarded.scope,
                id: guarded.id,
                lock: refusal.lock().cloned(),
                broken: match refusal {
                    Outcome::HeldOff { broken, .. } => Some(broken),
                    _ => None,
                },
            });
            return Err(Refusal::Conflict(refusing.collect()));
        }
        Plan::Settled(steps) | Plan::Write(steps) => steps,
    };
    if takes_what_the_caller_released(&steps, earlier, &call.writer()) {
        let order = "TransactWriteItems: the owner released a lock in another request at the same time";
        return Err(Failure::Unavailable(order.to_owned()).into());
    }
    let transacted = app.store.apply_plan(&steps, call).await?;
    Ok((transacted == TransactionResult::Done).then_some(tally))
}

/// What each row recorded in a round.
type Records = HashMap<RowKey, Record>;

fn records(guarded: &[(GuardedRow, State)]) -> Records {
    let row = |(guarded, _): &(GuardedRow, State)| {
        let row: &PlannedRow = guarded.as_ref();
        (row.target.key().clone(), row.record.clone().unwrap_or_default())
    };
    guarded.iter().map(row).collect()
}

/// Whether the plan would take a lock that another request of the caller has released since the round before: which of
/// the two the caller meant to come last is the caller's to know.
fn takes_what_the_caller_released(steps: &[Step<GuardedRow>], earlier: &Records, me: &Writer) -> bool {
    steps.iter().any(|step| {
        let Step::Change(guarded, Change::Acquire { .. }) = step else {
            return false;
        };
        let row: &PlannedRow = guarded.as_ref();
        match (earlier.get(row.target.key()), &row.record) {
            (Some(seen), Some(found)) => released_by(me, seen, found),
            _ => false,
        }
    })
}
