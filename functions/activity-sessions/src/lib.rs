//! The activity sessions that locks act on: opened, listed, read and ended.
//!
//! Netwrix dialect ("Activity sessions" in `docs/api.md`).

mod end;
mod list;
mod open;
mod read;
mod view;

use holdfast::dialect::Dialect;
use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::id::ActivitySessionId;
use holdfast::runtime::{self, App, Function, Method, Route};
use lambda_http::{Body, Request, Response};

const ALL: &str = "/api/v1/ActivitySession";
const ONE: &str = "/api/v1/ActivitySession/{id}";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "activity-sessions",
    routes: &[
        Route::new(Method::Post, ALL, Dialect::Netwrix),
        Route::new(Method::Get, ALL, Dialect::Netwrix),
        Route::new(Method::Get, ONE, Dialect::Netwrix),
        Route::new(Method::Delete, ONE, Dialect::Netwrix),
    ],
    // The four shards of a list, counted where need be beside the read of its rows.
    connections: 5,
    handle: |app, request| Box::pin(handle(app, request)),
};

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let answered = match (request.method().as_str(), runtime::route_path(&request)) {
        ("POST", _) => open::open(app, &request).await,
        ("DELETE", _) => end::end(app, &request).await,
        (_, ONE) => read::read(app, &request).await,
        _ => list::list(app, &request).await,
    };
    answered.unwrap_or_else(|refusal| netwrix::refusal(&request, &refusal))
}

/// What is told of a session that is not there, in the caller's company.
const NO_SUCH_SESSION: Refusal = Refusal::NotFound("There is no such activity session.");

/// The session in the path; no session can have an id that is no UUID.
fn session_id(request: &Request) -> Option<ActivitySessionId> {
    ActivitySessionId::try_from(runtime::path_parameter(request, "id")?).ok()
}
