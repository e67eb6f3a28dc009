//! `PUT /api/v1/ActivitySession/lock`: activity sessions, their users' access to resources, and the users' accounts
//! are locked or unlocked, in one atomic change.
//!
//! Netwrix dialect; the order of checks is the contract's ("Activity session lock" in `docs/api.md`).

mod live_session_request;
mod targets;

use holdfast::dialect::Dialect;
use holdfast::dialect::netwrix::{self, ForeignLock, Refusal};
use holdfast::identity::{Caller, authenticate};
use holdfast::lock::{self, LeaseChange, Plan, State, Text, Timestamp};
use holdfast::runtime::{self, App, Function, Method, Route};
use holdfast::store::{MAX_ROWS, StoreError, Transacted};
use holdfast::telemetry::Tally;
use lambda_http::{Body, Request, Response};

use live_session_request::LiveSessionRequest;
use targets::{Guarded, Sessions};

/// How often a request is planned anew after losing a race.
const ROUNDS: usize = 3;

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "lock-activity-sessions",
    routes: &[Route::new(
        Method::Put,
        "/api/v1/ActivitySession/lock",
        Dialect::Netwrix,
    )],
    // A hundred sessions with the caller's own rows are two batches.
    connections: 2,
    handle: |app, request| Box::pin(handle(app, request)),
};

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match lock(app, &request).await {
        Ok((done, tally)) => {
            let mut response = netwrix::ok(&done.echo());
            response.extensions_mut().insert(tally);
            response
        }
        Err(refusal) => netwrix::refusal(&request, &refusal),
    }
}

async fn lock(app: &App, request: &Request) -> Result<(LiveSessionRequest, Tally), Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    netwrix::media(request.headers(), body)?;
    let token = netwrix::bearer_token(request.headers())?;
    // Read before the caller is known, so that the sessions come in the same round trip; what is wrong with it
    // is told only to a caller who may act.
    let wanted = LiveSessionRequest::parse(body);
    let ids = wanted
        .as_ref()
        .map(LiveSessionRequest::distinct_sessions)
        .unwrap_or_default();
    for _ in 0..ROUNDS {
        let mut keys = vec![token.session_key(), token.user_key()];
        keys.extend(
            ids.iter()
                .map(|id| holdfast::store::RowKey::activity_session(*id)),
        );
        let mut rows = app.store.read(&keys).await?;
        let caller = authenticate(&mut rows, &token, &netwrix::BEARER_KINDS, now)?
            .ok_or_else(Refusal::unauthorized)?;
        netwrix::admin_required(&caller)?;
        let wanted = wanted
            .as_ref()
            .map_err(|errors| Refusal::Invalid(errors.clone()))?;
        let sessions = Sessions::take(&mut rows, &ids, &caller)?;
        check(&sessions, wanted, &caller)?;
        let guarded = sessions.guarded(&app.store, wanted, &caller).await?;
        if guarded.len() > MAX_ROWS {
            let rule = format!(
                "One atomic change can carry {MAX_ROWS} locks, and these are {}.",
                guarded.len()
            );
            return Err(Refusal::invalid("activitySessionIds", rule));
        }
        if let Some(tally) = settle(app, request, &guarded, &request_for(wanted, &caller), now).await? {
            return Ok((wanted.clone(), tally));
        }
        // Someone was faster: read, plan and write anew.
    }
    Err(StoreError::Unavailable("TransactWriteItems: lost every race for the sessions".to_owned()).into())
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
            "Nobody locks himself out: one of the sessions is your own.",
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
        }
    } else {
        lock::Request::Release { owner }
    }
}

/// Plans purely, and writes where there is something to write; `None` where someone was faster.
async fn settle(
    app: &App,
    request: &Request,
    guarded: &[(Guarded, State)],
    wanted: &lock::Request,
    now: Timestamp,
) -> Result<Option<Tally>, Refusal> {
    let plan = lock::plan(guarded, wanted, now);
    let tally = Tally(plan.label(wanted));
    let transacted = match plan {
        Plan::Conflict(conflicts) => {
            let foreign = conflicts.into_iter().map(|(guarded, lock)| ForeignLock {
                scope: guarded.scope,
                id: guarded.id,
                lock,
            });
            return Err(Refusal::Conflict(foreign.collect()));
        }
        Plan::Settled => Transacted::Done,
        Plan::Write(steps) => {
            app.store
                .apply_plan(&steps, now, &runtime::request_id(request))
                .await?
        }
    };
    Ok((transacted == Transacted::Done).then_some(tally))
}
