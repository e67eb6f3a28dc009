//! Session Delivery Manager: a cookie for user name and password.

use holdfast::audit::{Action, Outcome};
use holdfast::dialect::sdm::{self, Refusal};
use holdfast::dialect::{Members, Node};
use holdfast::id::Login;
use holdfast::identity::{SignInResult, identify, open_session, verify_password};
use holdfast::runtime::{self, App};
use holdfast::secret::Password;
use holdfast::store::{Attempt, RowKey, SessionKind};
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
    let notes = runtime::audit(request);
    notes.action(Action::SignIn);
    let (headers, body) = (request.headers(), runtime::body(request));
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let media = sdm::media(headers, body)?;
    let (login, password) = credentials(&Members::read(body, media.format(), "session")?)?;

    let request_id = runtime::request_id(request);
    let attempt = Attempt {
        login: &login,
        source: runtime::source(request),
        now: app.clock.now(),
        request_id: &request_id,
    };
    let verified = verify_password(&app.store, &app.passwords, attempt, password)
        .await?
        .map_err(|denial| {
            crate::note(&notes, &denial, &login);
            Refusal::WrongCredentials
        })?;
    notes.actor(verified.company(), &login);
    match open_session(&app.store, verified, SessionKind::Sdm, attempt).await? {
        SignInResult::Opened { token, user } => {
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
        // A locked account answers as a wrong password does: this dialect tells an outsider nothing.
        SignInResult::Locked(_) => {
            notes.outcome(Outcome::LockedAccount);
            Err(Refusal::WrongCredentials)
        }
        SignInResult::Refused => {
            notes.outcome(Outcome::ChangedSecrets);
            Err(Refusal::WrongCredentials)
        }
    }
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
