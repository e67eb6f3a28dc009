use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use thiserror::Error;

use super::Item;
use crate::secret::{HashingFailed, NoRandomness};

/// A store call that did not do what it should. It knows nothing of HTTP: each dialect maps it in one place.
///
/// The text is for the log. It names the operation and the store's error code, and never what was read or
/// written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Throttled, unreachable or contended after every retry: the same request may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store refuses this function (IAM).
    #[error("the store refuses this function: {0}")]
    Denied(String),
    /// The store reports that the row exists already.
    #[error("the store reports a duplicate: {0}")]
    Duplicate(String),
    /// A stored row cannot be understood.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Any other permanent refusal by the store.
    #[error("the store refuses the operation: {0}")]
    Refused(String),
    /// A call that this program built wrongly.
    #[error("the call to the store was built wrongly: {0}")]
    Defect(String),
}

/// A stored row that cannot be understood, by the attribute that is missing or of the wrong kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored row's attribute `{attribute}` is missing or malformed")]
pub struct Corrupt {
    /// The attribute.
    pub attribute: &'static str,
}

impl From<NoRandomness> for StoreError {
    fn from(none: NoRandomness) -> Self {
        Self::Unavailable(none.to_string())
    }
}

impl From<HashingFailed> for StoreError {
    fn from(failed: HashingFailed) -> Self {
        Self::Defect(failed.to_string())
    }
}

/// Sorts what the SDK reports after its own retries.
pub(super) fn classify<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> StoreError {
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => StoreError::Defect(format!("{operation}: construction")),
            SdkError::TimeoutError(_) => StoreError::Unavailable(format!("{operation}: timed out")),
            SdkError::DispatchFailure(_) => StoreError::Unavailable(format!("{operation}: unreachable")),
            _ => StoreError::Unavailable(format!("{operation}: unusable answer")),
        };
    };
    let code = service.err().code().unwrap_or("no code");
    let what = format!("{operation}: {code}");
    match code {
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException" => StoreError::Denied(what),
        "DuplicateItemException" => StoreError::Duplicate(what),
        "ValidationException" | "SerializationException" | "IdempotentParameterMismatchException" => {
            StoreError::Defect(what)
        }
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException"
        | "InternalServerError" => StoreError::Unavailable(what),
        _ if service.raw().status().as_u16() >= 500 => StoreError::Unavailable(what),
        _ => StoreError::Refused(what),
    }
}

/// The row that made the condition of an `UpdateItem` fail, as it stands (`ALL_OLD`); `None` where there is no
/// row at all. Any other failure stays an error.
pub(super) fn failed_condition(error: SdkError<UpdateItemError>) -> Result<Option<Item>, StoreError> {
    match error {
        SdkError::ServiceError(service) if service.err().is_conditional_check_failed_exception() => {
            match service.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => Ok(failed.item),
                _ => Ok(None),
            }
        }
        error => Err(classify("UpdateItem", &error)),
    }
}

/// What the SDK says of an item without a table or key, which this program always gives.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn built_wrongly(error: BuildError) -> StoreError {
    StoreError::Defect(format!("TransactWriteItems: {error}"))
}
