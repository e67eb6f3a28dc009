//! `PUT` and `DELETE /locks/{kind}/{id}`: a lock is taken, renewed or released, whatever it guards.
//!
//! Holdfast's own dialect; the order of checks is the contract's ("Hold and release" in `docs/api.md`).

mod hold;
mod release;

use holdfast::dialect::Dialect;
use holdfast::dialect::holdfast::{self as dialect, Refusal};
use holdfast::identity::{Principal, policy};
use holdfast::lock;
use holdfast::runtime::{Function, Route};
use holdfast::store::TargetRow;
use lambda_http::http::Method;

const LOCK: &str = "/locks/{kind}/{id}";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "hold-lock",
    routes: &[
        Route {
            method: Method::PUT,
            path: LOCK,
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, hold::hold(app, request).await) })
            },
        },
        Route {
            method: Method::DELETE,
            path: LOCK,
            dialect: Dialect::Holdfast,
            handler: |app, request| {
                Box::pin(async { dialect::answer(request, release::release(app, request).await) })
            },
        },
    ],
    fallback: None,
    // One wave after the other.
    connections: 1,
    unseals: false,
    reads_history: false,
};

/// Whether the request may be carried out on this row. A session that has ended is not locked, and a lock on it stays
/// releasable.
fn allowed(principal: &Principal, row: &TargetRow, wanted: &lock::Request) -> Result<(), Refusal> {
    policy::hold_row(principal, row)?;
    match (wanted, row) {
        (lock::Request::Acquire { .. }, TargetRow::ActivitySession(session))
            if session.status.has_ended() =>
        {
            Err(Refusal::invalid("$", "The activity session has ended."))
        }
        _ => Ok(()),
    }
}
