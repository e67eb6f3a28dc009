//! What is locked: `GET /locks`, `GET /locks/{kind}/{id}` and `POST /locks/check`.
//!
//! Holdfast's own dialect; the order of checks is the contract's ("See what is locked" in `docs/api.md`).

mod check;
mod cursor;
mod list;
mod read;

use holdfast::dialect::Dialect;
use holdfast::dialect::holdfast as dialect;
use holdfast::runtime::{Function, Route};
use lambda_http::http::Method;

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "locks",
    routes: &[
        Route {
            method: Method::GET,
            path: "/locks",
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, list::list(app, request).await) })
            },
        },
        Route {
            method: Method::GET,
            path: "/locks/{kind}/{id}",
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, read::read(app, request).await) })
            },
        },
        Route {
            method: Method::POST,
            path: "/locks/check",
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, check::check(app, request).await) })
            },
        },
    ],
    fallback: None,
    // The sixteen shards of a list.
    connections: 16,
    unseals: false,
    reads_history: false,
};
