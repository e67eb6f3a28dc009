//! `GET /api/v1/ActivitySession/{id}`

use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::identity::{Caller, authenticate};
use holdfast::lock::Timestamp;
use holdfast::runtime::App;
use holdfast::secret::Token;
use holdfast::store::{ActivitySessionRow, Lockable, RowKey, UserRow};
use lambda_http::{Body, Request, Response};

use crate::{NO_SUCH_SESSION, session_id, view};

pub(crate) async fn read(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let token = netwrix::bearer_token(request.headers())?;
    let (caller, session) = caller_and_session(app, request, &token, now).await?;
    // Whose account is locked cannot call: only someone else's can be locked here, and has to be read.
    let user = if session.user == *caller.login() {
        None
    } else {
        let key = RowKey::user(&session.user);
        app.store
            .read(std::slice::from_ref(&key))
            .await?
            .take(&key)
            .map(UserRow::parse)
            .transpose()?
            .filter(|user| user.company == session.company)
    };
    Ok(netwrix::ok(&view::session(&session, user.as_ref(), now)))
}

/// Who calls and the session that they ask for: their own, or any as an admin.
pub(crate) async fn caller_and_session(
    app: &App,
    request: &Request,
    token: &Token,
    now: Timestamp,
) -> Result<(Caller, ActivitySessionRow), Refusal> {
    let key = session_id(request).map(RowKey::activity_session);
    let mut keys = RowKey::of_caller(token).to_vec();
    keys.extend(key.clone());
    let mut rows = app.store.read(&keys).await?;
    let caller =
        authenticate(&mut rows, token, &netwrix::BEARER_KINDS, now)?.ok_or_else(Refusal::unauthorized)?;
    netwrix::mfa_required(&caller)?;
    let session = key
        .and_then(|key| rows.take(&key))
        .map(ActivitySessionRow::parse)
        .transpose()?
        .filter(|session| session.company == *caller.company())
        .ok_or(NO_SUCH_SESSION)?;
    if session.user != *caller.login() {
        netwrix::admin_required(&caller)?;
    }
    Ok((caller, session))
}
