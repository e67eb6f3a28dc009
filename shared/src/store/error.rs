use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::Item;
use super::tombstone::present;
use crate::failure::Failure;
use crate::secret::{HashingError, NoRandomness};

impl From<NoRandomness> for Failure {
    fn from(none: NoRandomness) -> Self {
        Self::Unavailable(none.to_string())
    }
}

impl From<HashingError> for Failure {
    fn from(failed: HashingError) -> Self {
        Self::Defect(failed.to_string())
    }
}

/// Sorts what the SDK reports after its own retries.
pub(super) fn classify<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> Failure {
    let SdkError::ServiceError(service) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Failure::Defect(format!("{operation}: construction")),
            SdkError::TimeoutError(_) => Failure::Unavailable(format!("{operation}: timed out")),
            SdkError::DispatchFailure(_) => Failure::Unavailable(format!("{operation}: unreachable")),
            _ => Failure::Unavailable(format!("{operation}: unusable answer")),
        };
    };
    let code = service.err().code().unwrap_or("no code");
    let what = format!("{operation}: {code}");
    match code {
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException" => Failure::Denied(what),
        "DuplicateItemException" => Failure::Duplicate(what),
        "ValidationException" | "SerializationException" | "IdempotentParameterMismatchException" => {
            Failure::Defect(what)
        }
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException"
        | "InternalServerError" => Failure::Unavailable(what),
        _ if service.raw().status().as_u16() >= 500 => Failure::Unavailable(what),
        _ => Failure::Refused(what),
    }
}

/// Whether a conditional write was made; false where its condition failed, which is an answer.
pub(super) fn made<T, E: ProvideErrorMetadata>(
    operation: &str,
    sent: Result<T, SdkError<E>>,
) -> Result<bool, Failure> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(classify(operation, &error)),
    }
}

/// The row that made the condition of an `UpdateItem` fail, as it is now (`ALL_OLD`); `None` where there is no
/// row at all, or only a tombstone. Any other failure stays an error.
pub(super) fn failed_condition(error: SdkError<UpdateItemError>) -> Result<Option<Item>, Failure> {
    match error {
        SdkError::ServiceError(service) if service.err().is_conditional_check_failed_exception() => {
            match service.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => Ok(failed.item.and_then(present)),
                _ => Ok(None),
            }
        }
        error => Err(classify("UpdateItem", &error)),
    }
}

/// What the SDK says of an item without a table or key, which this program always gives.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn built_wrongly(error: BuildError) -> Failure {
    Failure::Defect(format!("TransactWriteItems: {error}"))
}
