use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::Item;
use crate::secret::{HashingFailed, NoRandomness};

/// A store call that did not do what it should. It knows nothing of HTTP: each dialect maps it in one place.
///
/// The text is for the log. It names the operation and the store's error code, and never what was read or
/// written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Throttled, unreachable or contended after every retry: the same request may succeed later.
    Unavailable(String),
    /// The store refuses this function (IAM).
    Denied(String),
    /// The store reports that the row exists already.
    Duplicate(String),
    /// A stored row cannot be understood.
    Corrupt(Corrupt),
    /// Any other permanent refusal by the store.
    Refused(String),
    /// A call that this program built wrongly.
    Defect(String),
}

/// A stored row that cannot be understood, by the attribute that is missing or of the wrong kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// The attribute.
    pub attribute: &'static str,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the stored row's attribute `{}` is missing or malformed",
            self.attribute
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(what) => write!(f, "the store is unavailable: {what}"),
            Self::Denied(what) => write!(f, "the store refuses this function: {what}"),
            Self::Duplicate(what) => write!(f, "the store reports a duplicate: {what}"),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Refused(what) => write!(f, "the store refuses the operation: {what}"),
            Self::Defect(what) => write!(f, "the call to the store was built wrongly: {what}"),
        }
    }
}

impl std::error::Error for Corrupt {}
impl std::error::Error for StoreError {}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
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
pub(crate) fn classify<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> StoreError {
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
pub(crate) fn failed_condition(error: SdkError<UpdateItemError>) -> Result<Option<Item>, StoreError> {
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
