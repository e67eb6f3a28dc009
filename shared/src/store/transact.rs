use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::{Store, StoreError, classify};

const OPERATION: &str = "TransactWriteItems";
/// How often the same plan is sent again while other transactions are at work on its rows.
const CONFLICTS: u32 = 5;

/// How a plan of several writes ended. It was made as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transacted {
    /// Made.
    Done,
    /// The conditions at these places of the plan failed: the rows are no longer the ones that were planned on.
    ConditionFailed(Vec<usize>),
}

impl Store {
    /// Makes every write of `plan`, or none.
    ///
    /// The client request token is fresh for every plan and the SDK's retries reuse it: a plan whose answer was
    /// lost is not made twice, and a new plan is never answered with an old one's success.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store is throttled, or other transactions do not let go of the rows.
    pub async fn transact(&self, plan: Vec<TransactWriteItem>) -> Result<Transacted, StoreError> {
        let token = Uuid::new_v4().to_string();
        for round in 0..CONFLICTS {
            if round > 0 {
                tokio::time::sleep(jitter(round)).await;
            }
            let sent = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(plan.clone()))
                .client_request_token(&token)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => match cancelled(&error) {
                    Cancelled::Condition(places) => return Ok(Transacted::ConditionFailed(places)),
                    Cancelled::Conflict => {}
                    Cancelled::Throttled => {
                        return Err(StoreError::Unavailable(format!("{OPERATION}: throttled")));
                    }
                    Cancelled::Invalid => {
                        return Err(StoreError::Defect(format!("{OPERATION}: ValidationError")));
                    }
                    Cancelled::Otherwise => return Err(classify(OPERATION, &error)),
                },
            }
        }
        Err(StoreError::Unavailable(format!(
            "{OPERATION}: conflicts with other transactions"
        )))
    }
}

enum Cancelled {
    Condition(Vec<usize>),
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
    let places = |wanted: &[&str]| -> Vec<usize> {
        let reasons = cancelled.cancellation_reasons().iter().enumerate();
        reasons
            .filter(|(_, reason)| reason.code().is_some_and(|code| wanted.contains(&code)))
            .map(|(place, _)| place)
            .collect()
    };
    let has = |wanted: &[&str]| !places(wanted).is_empty();
    if has(&["ValidationError", "ItemCollectionSizeLimitExceeded"]) {
        Cancelled::Invalid
    } else if has(&["ConditionalCheckFailed"]) {
        Cancelled::Condition(places(&["ConditionalCheckFailed"]))
    } else if has(&["TransactionConflict"]) {
        Cancelled::Conflict
    } else if has(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        Cancelled::Throttled
    } else {
        Cancelled::Otherwise
    }
}

/// A wait of random length, longer with each round, so that two plans at odds do not meet again.
fn jitter(round: u32) -> Duration {
    let [random, ..] = *Uuid::new_v4().as_bytes();
    Duration::from_millis((10_u64 << round.min(4)) + u64::from(random) / 8)
}
