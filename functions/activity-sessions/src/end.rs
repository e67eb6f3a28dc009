//! `DELETE /api/v1/ActivitySession/{id}`: the session ends, and its lock with it.

use holdfast::dialect::Dialect;
use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::lock::Writer;
use holdfast::runtime::{self, App};
use holdfast::store::{ActivitySessionRow, EndResult};
use lambda_http::{Body, Request, Response};

use crate::NO_SUCH_SESSION;
use crate::read::caller_and_session;

pub(crate) async fn end(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let token = netwrix::bearer_token(request.headers())?;
    let (caller, session) = caller_and_session(app, request, &token, now).await?;
    // The end takes the lock off, so it is the owner's to make. A locked session is held for someone to look at: its
    // user may not make it disappear, not even the user who locked it.
    let allowed = |session: &ActivitySessionRow| match session.lock.state.live(now) {
        Some(lock) if lock.owner != caller.login().to_owner() || session.user == *caller.login() => {
            Err(Refusal::session_locked(lock))
        }
        _ => Ok(()),
    };
    let writer = Writer {
        actor: caller.login().to_owner(),
        at: now,
        origin: runtime::origin(request, Dialect::Netwrix),
    };
    match app
        .store
        .end_activity_session(session, now, &writer, allowed)
        .await?
    {
        EndResult::Done => Ok(netwrix::accepted()),
        EndResult::Gone => Err(NO_SUCH_SESSION),
        EndResult::Refused(refusal) => Err(refusal),
    }
}
