//! `GET /api/v1/ActivitySession/{id}`

use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::identity::{BEARER_KINDS, Caller, identify, policy};
use holdfast::lock::Timestamp;
use holdfast::runtime::App;
use holdfast::secret::Token;
use holdfast::store::{ActivitySessionRow, RowKey, UserRow};
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
        let user = app
            .store
            .read_one::<UserRow>(&RowKey::user(&session.user))
            .await?;
        user.filter(|user| user.company == session.company)
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
    let also = key.as_slice();
    let (caller, mut rows) = identify(&app.store, token, &BEARER_KINDS, also, now).await?;
    policy::both_factors(&caller)?;
    let session = match key {
        Some(key) => rows.parse::<ActivitySessionRow>(&key)?,
        None => None,
    };
    let session = session
        .filter(|session| session.company == *caller.company())
        .ok_or(NO_SUCH_SESSION)?;
    if session.user != *caller.login() {
        policy::admin(&caller)?;
    }
    Ok((caller, session))
}
