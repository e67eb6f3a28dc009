//! Aktion.NEXT: a token of 20 seconds for login and API key.

use holdfast::dialect::aktion::{self, Outcome};
use holdfast::dialect::{Members, Node};
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
        Err(outcome) => aktion::result(request.headers(), &outcome),
    }
}

async fn sign_in(app: &App, request: &Request, now: Timestamp) -> Result<ApiToken, Outcome> {
    let body = runtime::body(request);
    let media = aktion::media(request.headers(), body)?;
    let members =
        aktion::members(media, body).map_err(|malformed| Outcome::invalid(vec![malformed.sentence()]))?;
    let (login, key) = credentials(&members)?;
    // A login that cannot be one is unknown like any other.
    let login = Login::try_from(login).map_err(|_| Outcome::unknown_login_or_key())?;
    let request_id = runtime::request_id(request);
    let attempt = Attempt {
        login: &login,
        source: runtime::source(request),
        now,
        request_id: &request_id,
    };
    sign_in_with_api_key(&app.store, attempt, &key)
        .await
        .map_err(|error| Outcome::store(&error))?
        .ok_or_else(Outcome::unknown_login_or_key)
}

fn credentials(members: &Members) -> Result<(&str, ApiKey), Outcome> {
    let (login, key) = (
        aktion::required_text(members, "UserLogin"),
        aktion::required_text(members, "ApiKey"),
    );
    match (login, key) {
        (Ok(login), Ok(key)) => ApiKey::parse(key)
            .map(|key| (login, key))
            .ok_or_else(Outcome::invalid_key),
        (login, key) => Err(Outcome::invalid(
            login.err().into_iter().chain(key.err()).collect(),
        )),
    }
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
