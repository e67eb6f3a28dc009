//! Session Delivery Manager: a cookie for user name and password.

use holdfast::audit::Action;
use holdfast::dialect::sdm::{self, Refusal};
use holdfast::dialect::{Members, Node};
use holdfast::id::Login;
use holdfast::identity::identify;
use holdfast::runtime::{self, App};
use holdfast::secret::Password;
use holdfast::store::{RowKey, SessionKind};
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};

/// `POST /rest/{versionId}/admin/login`
pub(crate) async fn login(app: &App, request: &Request) -> Response<Body> {
    sdm::answer(request, sign_in(app, request).await)
}

/// `POST /rest/{versionId}/admin/logout`. Locks survive it: a lock belongs to the user, not to the session.
pub(crate) async fn logout(app: &App, request: &Request) -> Response<Body> {
    sdm::answer(request, sign_out(app, request).await)
}

async fn sign_in(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    runtime::audit(request).action(Action::SignIn);
    let (headers, body) = (request.headers(), runtime::body(request));
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let media = sdm::media(headers, body)?;
    let credentials = credentials(&Members::read(body, media.format(), "session")?)?;
    // A locked account answers as a wrong password does: this dialect tells an outsider nothing.
    let (token, user) = crate::password::open(app, request, credentials, SessionKind::Sdm)
        .await?
        .map_err(|_| Refusal::WrongCredentials)?;
    let idle_minutes = SessionKind::Sdm.token_life().as_secs() / 60;
    let session = Node::Members(vec![
        (
            "idleTimeout",
            Node::Number(i64::try_from(idle_minutes).unwrap_or(i64::MAX)),
        ),
        (
            "serverInfo",
            Node::text(concat!("Holdfast ", env!("CARGO_PKG_VERSION"))),
        ),
        ("sessionId", Node::text(token.reveal())),
        (
            "userGroup",
            Node::text(user.groups.first().cloned().unwrap_or_default()),
        ),
        ("userName", Node::text(user.login.as_str())),
    ]);
    let mut response = sdm::document(headers, StatusCode::OK, "session", &session);
    sdm::set_session_cookie(&mut response, &token, app.secure_cookies);
    Ok(response)
}

fn credentials(members: &Members) -> Result<(Login, Password), Refusal> {
    let missing = |name: &str| Refusal::Invalid(format!("{name} is missing or not a text"));
    let login = members.text("userName").ok_or_else(|| missing("userName"))?;
    let password = members.text("password").ok_or_else(|| missing("password"))?;
    let login = Login::try_from(login).map_err(|invalid| Refusal::Invalid(invalid.to_string()))?;
    Ok((login, Password::new(password)))
}

async fn sign_out(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let notes = runtime::audit(request);
    notes.action(Action::SignOut);
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let token = sdm::session_token(request.headers())?;
    let (caller, _) = identify(&app.store, &token, &[SessionKind::Sdm], &[], app.clock.now()).await?;
    notes.actor(caller.company(), caller.login());
    app.store.end_session(&RowKey::session_of(&token)).await?;
    let mut response = sdm::no_content();
    sdm::clear_session_cookie(&mut response, app.secure_cookies);
    Ok(response)
}
