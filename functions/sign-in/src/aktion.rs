//! Aktion.NEXT: a token of 20 seconds for login and API key.

use holdfast::audit::{self, Action, Notes};
use holdfast::dialect::aktion::{self, Outcome};
use holdfast::dialect::{Fields, Members, Node};
use holdfast::id::Login;
use holdfast::identity::sign_in_with_api_key;
use holdfast::lock::Timestamp;
use holdfast::runtime::{self, App};
use holdfast::secret::{ApiKey, ApiToken};
use holdfast::store::{Attempt, SessionKind};
use lambda_http::{Body, Request, Response};

/// `POST /login`
pub(crate) async fn login(app: &App, request: &Request) -> Response<Body> {
    let now = app.clock.now();
    match sign_in(app, request, now).await {
        Ok(token) => aktion::document(request.headers(), &issued(&token, now)),
        Err(outcome) => aktion::result(request.headers(), outcome),
    }
}

async fn sign_in(app: &App, request: &Request, now: Timestamp) -> Result<ApiToken, Outcome> {
    let notes = runtime::audit(request);
    notes.action(Action::SignIn);
    let body = runtime::body(request);
    let media = aktion::media(request.headers(), body)?;
    let members = aktion::members(media, body).map_err(Outcome::invalid)?;
    let (login, key) = credentials(&members, &notes)?;
    // A login that cannot be one is unknown like any other.
    let login = Login::try_from(login).map_err(|_| {
        notes.outcome(audit::Outcome::UnknownLogin);
        Outcome::unknown_login_or_key()
    })?;
    let request_id = runtime::request_id(request);
    let attempt = Attempt {
        login: &login,
        source: runtime::source(request),
        now,
        request_id: &request_id,
    };
    match sign_in_with_api_key(&app.store, attempt, &key).await? {
        Ok((token, company)) => {
            notes.actor(&company, &login);
            Ok(token)
        }
        Err(denial) => {
            crate::note(&notes, &denial, &login);
            Err(Outcome::unknown_login_or_key())
        }
    }
}

fn credentials<'a>(members: &'a Members, notes: &Notes) -> Result<(&'a str, ApiKey), Outcome> {
    let mut fields = Fields::new(members, aktion::words);
    // A login that is too long is unknown, like any other.
    let login = fields.required_text("UserLogin", usize::MAX);
    let key = fields.required_text("ApiKey", usize::MAX);
    let (login, key) = fields.finish((login, key)).map_err(Outcome::invalid)?;
    let key = ApiKey::parse(key).ok_or_else(|| {
        notes.outcome(audit::Outcome::WrongKey);
        Outcome::invalid_key()
    })?;
    Ok((login, key))
}

fn issued(token: &ApiToken, now: Timestamp) -> Node {
    let life = SessionKind::Aktion.token_life();
    Node::Members(vec![
        ("Token", Node::text(token.reveal())),
        (
            "ExpireInSec",
            Node::Number(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)),
        ),
        ("ExpireDate", Node::Date(now.plus(life))),
    ])
}
