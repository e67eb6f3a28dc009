//! `GET /user/get?LoginName={}&Token={}`: a user account as administrators see it, with who locked it.

use holdfast::dialect::aktion::{self, Outcome};
use holdfast::dialect::{Dialect, Faults, Media, Node, Wrong};
use holdfast::id::Login;
use holdfast::identity::{identify_by_api_token, policy};
use holdfast::lock::Timestamp;
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{RowKey, UserRow};
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "users",
    routes: &[Route {
        method: Method::GET,
        path: "/user/get",
        dialect: Dialect::Aktion,
        handler: |app, request| Box::pin(get(app, request)),
    }],
    fallback: None,
    // The token's use and, beside it, the read of the user.
    connections: 2,
    unseals: false,
    reads_history: false,
};

async fn get(app: &App, request: &Request) -> Response<Body> {
    match read(app, request).await {
        Ok(user) => aktion::document(request.headers(), &user),
        Err(outcome) => aktion::result(request.headers(), outcome),
    }
}

async fn read(app: &App, request: &Request) -> Result<Node, Outcome> {
    if request.headers().contains_key(CONTENT_TYPE) && Media::of_body(request.headers()).is_none() {
        return Err(Outcome::unsupported_media());
    }
    let now = app.clock.now();
    let request_id = runtime::request_id(request);
    let login_name = login_name(request);
    // The user is read while the token is used; what is found is told only to a caller who may know.
    let key = login_name
        .as_ref()
        .ok()
        .and_then(|login| Login::try_from(*login).ok())
        .map(|login| RowKey::user(&login));
    let (token, source) = (aktion::token(request), aktion::source_ip(request));
    let (caller, rows) =
        identify_by_api_token(&app.store, token.as_ref(), source, key.as_ref(), now, &request_id)
            .await
            .map_err(|why| runtime::not_admitted(why, request))?;
    let login_name = login_name.map_err(Outcome::invalid)?;
    policy::view_users(&caller.rights)
        .map_err(|_| forbidden(1401, format!("View User [{login_name}] privilege violated")))?;
    let mut rows = rows?;
    let not_found = || aktion::user_not_found(login_name, &caller.company);
    let key = key.ok_or_else(not_found)?;
    let user = rows.parse::<UserRow>(&key)?.ok_or_else(not_found)?;
    if user.company != caller.company {
        return Err(not_found());
    }
    if user.system {
        return Err(forbidden(1402, format!("User [{login_name}] is a system user")));
    }
    if !caller.rights.may_edit_records_of(&user.record_group) {
        let message = format!("Record permission View of agenda User violated for [{login_name}]");
        return Err(forbidden(1412, message));
    }
    Ok(view(&user, now))
}

fn login_name(request: &Request) -> Result<&str, Faults> {
    let wrong = |wrong| vec![("LoginName", aktion::words("LoginName", wrong))];
    match aktion::query(request, "LoginName") {
        None | Some("") => Err(wrong(Wrong::Missing)),
        Some(login) if login.chars().count() > aktion::MAX_LOGIN => {
            Err(wrong(Wrong::TooLong(aktion::MAX_LOGIN)))
        }
        Some(login) => Ok(login),
    }
}

fn view(user: &UserRow, now: Timestamp) -> Node {
    let lock = user.lock.state.live(now);
    Node::Members(vec![
        ("UserName", Node::text(&user.name)),
        ("LoginName", Node::text(user.login.as_str())),
        (
            "Roles",
            Node::List("string", user.roles.iter().map(Node::text).collect()),
        ),
        ("Blocked", Node::Bool(lock.is_some())),
        (
            "BlockedBy",
            lock.map_or(Node::Null, |lock| Node::text(lock.owner.as_str())),
        ),
        (
            "BlockedSince",
            lock.map_or(Node::Null, |lock| Node::Date(lock.since)),
        ),
        ("TimeLastChange", Node::Date(user.changed_at)),
    ])
}

fn forbidden(code: i64, message: String) -> Outcome {
    Outcome::new(StatusCode::FORBIDDEN, code, message)
}
