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
use holdfast::runtime::{self, Function, Route};
use lambda_http::Request;
use lambda_http::http::Method;

const ALL: &str = "/api/v1/ActivitySession";
const ONE: &str = "/api/v1/ActivitySession/{id}";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "activity-sessions",
    routes: &[
        Route {
            method: Method::POST,
            path: ALL,
            dialect: Dialect::Netwrix,
            handler: |app, request| {
                Box::pin(async { netwrix::answer(request, open::open(app, request).await) })
            },
        },
        Route {
            method: Method::GET,
            path: ALL,
            dialect: Dialect::Netwrix,
            handler: |app, request| {
                Box::pin(async { netwrix::answer(request, list::list(app, request).await) })
            },
        },
        Route {
            method: Method::GET,
            path: ONE,
            dialect: Dialect::Netwrix,
            handler: |app, request| {
                Box::pin(async { netwrix::answer(request, read::read(app, request).await) })
            },
        },
        Route {
            method: Method::DELETE,
            path: ONE,
            dialect: Dialect::Netwrix,
            handler: |app, request| {
                Box::pin(async { netwrix::answer(request, end::end(app, request).await) })
            },
        },
    ],
    fallback: None,
    // The four shards of a list, counted where need be beside the read of its rows.
    connections: 5,
    unseals: false,
    reads_history: false,
};

/// What is told of a session that is not there, in the caller's company.
const NO_SUCH_SESSION: Refusal = Refusal::NotFound("There is no such activity session.");

/// The session in the path; an id that is not a UUID names no session.
fn session_id(request: &Request) -> Option<ActivitySessionId> {
    ActivitySessionId::try_from(runtime::path_parameter(request, "id")?).ok()
}
