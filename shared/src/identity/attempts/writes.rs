//! The writes that count. Each names the race that its condition decides in `store/expressions.rs`.

use aws_sdk_dynamodb::types::{ConditionCheck, Update};

use super::{Attempt, Counter, DAY, LIMIT, LOCKOUT};
use crate::secret::Step;
use crate::store::{RowKey, Store, StoreError, Table, built_wrongly, expressions, ms, n, s};

/// Counts the attempt on the row of its source; `after_lockout` starts the count over.
pub(super) fn count_here(
    store: &Store,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
    after_lockout: bool,
) -> Result<Update, StoreError> {
    let (condition, count) = if after_lockout {
        (expressions::RESERVE_ATTEMPT_AFTER_LOCKOUT, ":one")
    } else {
        (
            expressions::RESERVE_ATTEMPT,
            "if_not_exists(#attempts, :none) + :one",
        )
    };
    let mut update = Update::builder()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::attempts(attempt.source, attempt.login).pk()))
        .update_expression(format!(
            "SET #attempts = {count}, #attempt_at = :now, last_request = :request, purge_at_seconds = :purge_at"
        ))
        .expression_attribute_names("#attempts", counter.attempts())
        .expression_attribute_names("#attempt_at", counter.attempt_at())
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":limit", n(LIMIT))
        .expression_attribute_values(":now", ms(attempt.now))
        .expression_attribute_values(":request", s(attempt.request_id.as_str()))
        .expression_attribute_values(":purge_at", n(attempt.purge_at_seconds()));
    update = if after_lockout {
        update.expression_attribute_values(":lockout_over", ms(attempt.now.minus(LOCKOUT)))
    } else {
        update.expression_attribute_values(":none", n(0))
    };
    update = match step {
        None => update.condition_expression(condition),
        Some(step) => update
            .condition_expression(format!("{condition} AND ({})", expressions::STEP_NOT_ACCEPTED))
            .expression_attribute_values(":step", n(step.get())),
    };
    update.build().map_err(built_wrongly)
}

/// Counts the attempt on the row of all strangers; `next_day` starts the count over.
pub(super) fn count_among_strangers(
    store: &Store,
    counter: Counter,
    attempt: Attempt<'_>,
    next_day: bool,
) -> Result<Update, StoreError> {
    let update = Update::builder()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::strangers(attempt.login).pk()))
        .expression_attribute_names("#attempts", counter.attempts())
        .expression_attribute_names("#since", counter.since())
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":now", ms(attempt.now))
        .expression_attribute_values(":purge_at", n(attempt.purge_at_seconds()));
    let update = if next_day {
        update
            .update_expression("SET #attempts = :one, #since = :now, purge_at_seconds = :purge_at")
            .condition_expression(expressions::RESERVE_ON_THE_NEXT_DAY)
            .expression_attribute_values(":day_over", ms(attempt.now.minus(DAY)))
    } else {
        update
            .update_expression(
                "SET #attempts = if_not_exists(#attempts, :none) + :one, #since = if_not_exists(#since, :now), \
                 purge_at_seconds = :purge_at",
            )
            .condition_expression(expressions::RESERVE_AMONG_STRANGERS)
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":limit", n(counter.strangers_limit()))
    };
    update.build().map_err(built_wrongly)
}

/// Proves that there is a login to try, and that the code that is tried has not been accepted meanwhile.
pub(super) fn credential_exists(
    store: &Store,
    step: Option<Step>,
    attempt: Attempt<'_>,
) -> Result<ConditionCheck, StoreError> {
    let check = ConditionCheck::builder()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::credential(attempt.login).pk()));
    let check = match step {
        None => check.condition_expression(expressions::CREDENTIAL_EXISTS),
        Some(step) => check
            .condition_expression(format!(
                "{} AND ({})",
                expressions::CREDENTIAL_EXISTS,
                expressions::STEP_NOT_ACCEPTED
            ))
            .expression_attribute_values(":step", n(step.get())),
    };
    check.build().map_err(built_wrongly)
}
