//! The contract's table of results. The spelling is the vendor's: clients match on it.

use holdfast::dialect::Node;
use holdfast::dialect::aktion::{self, OTHER_PROBLEMS, Outcome};
use holdfast::identity::ApiCaller;
use holdfast::lock;
use holdfast::store::StoreError;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};

use crate::lock_request::{Echo, UserLock};

/// The result in its envelope, with the request as far as it could be read.
pub(crate) fn answer(request: &Request, outcome: &Outcome, echo: Option<&Echo>) -> Response<Body> {
    let echo = echo.map_or(Node::Null, |echo| {
        Node::Members(vec![
            ("LoginName", Node::text(&echo.login_name)),
            ("Lock", Node::Number(echo.lock)),
        ])
    });
    aktion::enveloped(request.headers(), outcome, echo)
}

/// What the lock protocol decided.
pub(crate) fn decided(wanted: &UserLock, outcome: &lock::Outcome) -> Outcome {
    let result = match outcome {
        lock::Outcome::Acquired { .. } | lock::Outcome::Renewed { .. } | lock::Outcome::Released { .. } => {
            Outcome::new(StatusCode::OK, 0, "Processed with result: ExecOK")
        }
        lock::Outcome::AlreadyHeld { .. } | lock::Outcome::WasFree { .. } => {
            let login = &wanted.login_name;
            forbidden(
                0,
                format!("Processed with results: User [{login}] remains unchanged"),
            )
        }
        lock::Outcome::HeldBy { .. } => forbidden(4, "Db operation failed, already changed by another user"),
    };
    result.tallied(outcome.label())
}

pub(crate) fn edit_privilege(wanted: &UserLock) -> Outcome {
    forbidden(
        1408,
        format!("Edit User [{}] privilege violated", wanted.login_name),
    )
}

pub(crate) fn blocked_privilege(wanted: &UserLock) -> Outcome {
    let login = &wanted.login_name;
    forbidden(
        1411,
        format!("Privilege Edit of item Blocked of agenda Users violated for [LoginName {login}]"),
    )
}

pub(crate) fn licence() -> Outcome {
    forbidden(8, "Db operation failed, licence violation")
}

pub(crate) fn not_found(wanted: &UserLock, caller: &ApiCaller) -> Outcome {
    aktion::user_not_found(&wanted.login_name, &caller.company)
}

pub(crate) fn record_permission(wanted: &UserLock) -> Outcome {
    forbidden(
        1413,
        format!(
            "Record permission Edit of agenda User violated for [{}]",
            wanted.login_name
        ),
    )
}

pub(crate) fn deleted_meanwhile() -> Outcome {
    forbidden(5, "Db operation failed, already deleted by another user")
}

pub(crate) fn regrouped_meanwhile() -> Outcome {
    forbidden(2, "Db operation failed, record missing priviliges")
}

/// A failure of the store, in the vendor's terms. Logged here, once.
pub(crate) fn store(error: &StoreError) -> Outcome {
    tracing::error!(%error, "the request failed: {error}");
    match error {
        StoreError::Corrupt(_) => forbidden(6, "Db operation failed, database data consistence violation"),
        StoreError::Denied(_) => forbidden(1, "Db operation failed, agenda missing priviliges"),
        StoreError::Duplicate(_) => forbidden(3, "Db operation failed, Record duplicity"),
        StoreError::Refused(_) => forbidden(7, OTHER_PROBLEMS),
        StoreError::Unavailable(_) => Outcome::unavailable(),
        StoreError::Defect(_) => Outcome::internal_error(),
    }
}

fn forbidden(code: i64, message: impl Into<String>) -> Outcome {
    Outcome::new(StatusCode::FORBIDDEN, code, message)
}
