//! The contract's table of results. The spelling is the vendor's: clients match on it.

use holdfast::dialect::Node;
use holdfast::dialect::aktion::{self, OTHER_PROBLEMS, Outcome};
use holdfast::failure::Failure;
use holdfast::identity::{AdmissionRefusal, ApiCaller, MissingRight};
use holdfast::lock;
use holdfast::runtime;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};

use crate::lock_request::{Echo, UserLock};

/// The result in its envelope, with the request as far as it could be read.
pub(crate) fn answer(request: &Request, outcome: Outcome, echo: Option<&Echo>) -> Response<Body> {
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
        lock::Outcome::Acquired { .. }
        | lock::Outcome::Renewed { .. }
        | lock::Outcome::Released { .. }
        | lock::Outcome::Broken { .. } => Outcome::new(StatusCode::OK, 0, "Processed with result: ExecOK"),
        lock::Outcome::AlreadyHeld { .. }
        | lock::Outcome::WasFree { .. }
        | lock::Outcome::TenureOver { .. } => {
            let login = &wanted.login_name;
            forbidden(
                0,
                format!("Processed with results: User [{login}] remains unchanged"),
            )
        }
        lock::Outcome::HeldBy { .. }
        | lock::Outcome::HeldOff { .. }
        | lock::Outcome::OtherTenure { .. }
        | lock::Outcome::YourOwn { .. } => {
            forbidden(4, "Db operation failed, already changed by another user")
        }
    };
    result.tallied(outcome.into())
}

/// What a caller without the right to lock users is told.
pub(crate) fn missing(right: MissingRight, wanted: &UserLock) -> Outcome {
    let login = &wanted.login_name;
    match right {
        MissingRight::EditUsers => forbidden(1408, format!("Edit User [{login}] privilege violated")),
        MissingRight::UsersLicence => forbidden(8, "Db operation failed, licence violation"),
        // Of the rights that locking users needs, this is the third.
        _ => forbidden(
            1411,
            format!("Privilege Edit of item Blocked of agenda Users violated for [LoginName {login}]"),
        ),
    }
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

pub(crate) fn deleted_since() -> Outcome {
    forbidden(5, "Db operation failed, already deleted by another user")
}

pub(crate) fn regrouped_since() -> Outcome {
    forbidden(2, "Db operation failed, record missing priviliges")
}

/// Why a token does not admit the request.
pub(crate) fn not_admitted(why: AdmissionRefusal, request: &Request) -> Outcome {
    match why {
        AdmissionRefusal::Failed(failure) => failed(failure),
        why => runtime::not_admitted(why, request),
    }
}

/// A failure, in the vendor's terms.
pub(crate) fn failed(failure: Failure) -> Outcome {
    let outcome = match failure {
        Failure::Corrupt(_) => forbidden(6, "Db operation failed, database data consistence violation"),
        Failure::Denied(_) => forbidden(1, "Db operation failed, agenda missing priviliges"),
        Failure::Duplicate(_) => forbidden(3, "Db operation failed, Record duplicity"),
        Failure::Refused(_) => forbidden(7, OTHER_PROBLEMS),
        Failure::Unavailable(_) => Outcome::unavailable(),
        Failure::Defect(_) | Failure::Sealed(_) => Outcome::internal_error(),
    };
    outcome.because_of(failure)
}

fn forbidden(code: i64, message: impl Into<String>) -> Outcome {
    Outcome::new(StatusCode::FORBIDDEN, code, message)
}
