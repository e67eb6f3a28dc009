use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::InterceptorContext;
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction, RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

/// How long a client waits: for one attempt, and for an operation with all its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    attempt: Duration,
    operation: Duration,
}

impl Timeouts {
    /// In a function: about one second an attempt and three in all, which stays below the function's own timeout.
    pub const FUNCTION: Self = Self {
        attempt: Duration::from_secs(1),
        operation: Duration::from_secs(3),
    };
    /// On a machine that serves everything itself and may be busy with something else.
    pub const PATIENT: Self = Self {
        attempt: Duration::from_secs(20),
        operation: Duration::from_mins(1),
    };
}

/// The DynamoDB client that every function uses: three attempts in standard mode.
#[must_use]
pub fn client(config: &SdkConfig, endpoint: Option<&str>, timeouts: Timeouts) -> Client {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config)
        // Pinned: a newer SDK must not change how often a lock is retried.
        .behavior_version(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeouts.attempt)
                .operation_attempt_timeout(timeouts.attempt)
                .operation_timeout(timeouts.operation)
                .build(),
        )
        .retry_classifier(TransactionConflict);
    if let Some(endpoint) = endpoint {
        // The SDK counts what may be tried again for all clients of a process together, by service and region. Of several stores in
        // one process, one that refuses much would keep requests to the others from being tried again.
        builder = builder
            .endpoint_url(endpoint)
            .retry_partition(RetryPartition::new(endpoint.to_owned()));
    }
    Client::from_conf(builder.build())
}

/// A single write to a row inside someone's running transaction is refused, and standard retries let that
/// stand; so they do with a transaction whose own first attempt is still running. Both are over in milliseconds:
/// the write is sent again.
#[derive(Debug)]
struct TransactionConflict;

impl ClassifyRetry for TransactionConflict {
    fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
        let Some(error) = ctx
            .output_or_error()
            .and_then(Result::err)
            .and_then(|error| error.as_operation_error())
        else {
            return RetryAction::NoActionIndicated;
        };
        let conflict = error
            .downcast_ref::<UpdateItemError>()
            .is_some_and(UpdateItemError::is_transaction_conflict_exception)
            || error
                .downcast_ref::<PutItemError>()
                .is_some_and(PutItemError::is_transaction_conflict_exception)
            || error
                .downcast_ref::<DeleteItemError>()
                .is_some_and(DeleteItemError::is_transaction_conflict_exception)
            || error
                .downcast_ref::<TransactWriteItemsError>()
                .is_some_and(TransactWriteItemsError::is_transaction_in_progress_exception);
        if conflict {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflict"
    }
}
