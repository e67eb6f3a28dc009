use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::tombstone::present;
use super::{Item, Retries, Store, classify};
use crate::failure::Failure;

const OPERATION: &str = "TransactWriteItems";

/// How a plan of several writes ended. It was made as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum TransactionResult {
    /// Made.
    Done,
    /// Some conditions failed: the rows are no longer the ones that were planned on.
    ConditionFailed(FailedConditions),
}

/// The places of a plan whose conditions failed, each with its row as it is, where the write asked for that.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedConditions(BTreeMap<usize, Option<Item>>);

impl FailedConditions {
    /// Whether the condition at `place` failed.
    #[must_use]
    pub fn contains(&self, place: usize) -> bool {
        self.0.contains_key(&place)
    }

    /// The places whose conditions failed.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied()
    }

    /// Takes out the row that made the condition at `place` fail; `None` where there is none, or only a tombstone.
    pub fn take_row(&mut self, place: usize) -> Option<Item> {
        self.0.remove(&place).flatten().and_then(present)
    }
}

impl Store {
    /// Makes every write of `plan`, or none.
    ///
    /// The client request token is fresh for every plan and the SDK's retries reuse it: a plan whose answer was
    /// lost is not made twice, and a new plan is never answered with an old one's success.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] where the store is throttled, or other transactions do not let go of the rows.
    pub(super) async fn transact(&self, plan: Vec<TransactWriteItem>) -> Result<TransactionResult, Failure> {
        let token = Uuid::new_v4().to_string();
        let mut retries = Retries::of_conflicts();
        loop {
            let sent = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(plan.clone()))
                .client_request_token(&token)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(TransactionResult::Done),
                Err(error) => match cancelled(&error) {
                    Cancelled::Condition(failed) => return Ok(TransactionResult::ConditionFailed(failed)),
                    // Another transaction is at work on one of the rows; DynamoDB counts a check as work, too.
                    Cancelled::Conflict if retries.again().await => {}
                    Cancelled::Conflict => {
                        return Err(Failure::Unavailable(format!(
                            "{OPERATION}: conflicts with other transactions"
                        )));
                    }
                    Cancelled::Throttled => {
                        return Err(Failure::Unavailable(format!("{OPERATION}: throttled")));
                    }
                    Cancelled::Invalid => {
                        return Err(Failure::Defect(format!("{OPERATION}: ValidationError")));
                    }
                    Cancelled::Otherwise => return Err(classify(OPERATION, &error)),
                },
            }
        }
    }
}

enum Cancelled {
    Condition(FailedConditions),
    Conflict,
    Throttled,
    Invalid,
    Otherwise,
}

/// Why a transaction was cancelled. A failed condition outweighs a conflict: the plan is stale either way.
fn cancelled(error: &SdkError<TransactWriteItemsError>) -> Cancelled {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return Cancelled::Otherwise;
    };
    let reasons = cancelled.cancellation_reasons();
    let has = |wanted: &[&str]| {
        reasons
            .iter()
            .any(|reason| reason.code().is_some_and(|code| wanted.contains(&code)))
    };
    if has(&["ValidationError", "ItemCollectionSizeLimitExceeded"]) {
        Cancelled::Invalid
    } else if has(&["ConditionalCheckFailed"]) {
        let failed = reasons
            .iter()
            .enumerate()
            .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
            .map(|(place, reason)| (place, reason.item.clone()));
        Cancelled::Condition(FailedConditions(failed.collect()))
    } else if has(&["TransactionConflict"]) {
        Cancelled::Conflict
    } else if has(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        Cancelled::Throttled
    } else {
        Cancelled::Otherwise
    }
}
