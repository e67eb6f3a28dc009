//! A known source reserves by one write on its own row, which no stranger writes.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::rows::SourceRow;
use super::writes::count_here;
use super::{Attempt, AttemptRows, Counter, Reservation};
use crate::secret::Step;
use crate::store::{Store, StoreError, failed_condition};

pub(super) async fn reserve(
    store: &Store,
    seen: &AttemptRows,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
) -> Result<Reservation, StoreError> {
    let mut after_lockout = seen.here.lockout_is_over(counter, attempt.now);
    loop {
        let Some(found) = write(store, counter, step, attempt, after_lockout).await? else {
            return Ok(Reservation::Counted);
        };
        if found.last_request.as_deref() == Some(attempt.request_id.as_str()) {
            // The reservation was made; only its answer was lost.
            return Ok(Reservation::Counted);
        }
        if step.is_some() && found.totp_step >= step {
            return Ok(Reservation::Replayed);
        }
        if after_lockout && !found.is_full(counter) {
            // Another attempt started the count over: this one counts on from there.
            after_lockout = false;
        } else {
            return Ok(Reservation::Refused);
        }
    }
}

/// `None` where the attempt is counted now; else the row that was against it.
async fn write(
    store: &Store,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
    after_lockout: bool,
) -> Result<Option<SourceRow>, StoreError> {
    let count = count_here(store, counter, step, attempt, after_lockout)?;
    let sent = store
        .client()
        .update_item()
        .table_name(count.table_name)
        .set_key(Some(count.key))
        .update_expression(count.update_expression)
        .set_condition_expression(count.condition_expression)
        .set_expression_attribute_names(count.expression_attribute_names)
        .set_expression_attribute_values(count.expression_attribute_values)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match sent {
        Ok(_) => Ok(None),
        Err(error) => {
            let row = failed_condition(error)?.unwrap_or_default();
            Ok(Some(SourceRow::parse(row)?))
        }
    }
}
