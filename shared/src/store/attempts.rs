//! The writes that count attempts to sign in. Each names the race that its condition decides in `expressions.rs`.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::item::{ms, n, s};
use super::rows::{Counter, SourceRow};
use super::{RowKey, Store, Table, TransactionResult, built_wrongly, expressions, failed_condition};
use crate::failure::Failure;
use crate::id::{Login, RequestId, Source};
use crate::lock::Timestamp;
use crate::secret::Step;

/// Failures in a row after which an attempt from the same source is no longer looked at.
pub(crate) const LIMIT: u32 = 5;
/// How long that lasts from the last counted attempt on.
pub(crate) const LOCKOUT: Duration = Duration::from_mins(15);
/// A day of the strangers: from the first attempt that it counts.
pub(crate) const DAY: Duration = Duration::from_hours(24);
/// How many passwords strangers together may try in a day.
const STRANGERS_PASSWORDS: u32 = 100;
/// How many codes they may try. A code has a million values, three of which are right at any time.
const STRANGERS_CODES: u32 = 20;
/// How long a row is kept after it was last written: until nothing in it counts any more, and a day.
const KEPT_FOR: Duration = Duration::from_hours(31 * 24);

/// How many attempts strangers have in a day.
pub(crate) const fn strangers_limit(counter: Counter) -> u32 {
    match counter {
        Counter::Passwords => STRANGERS_PASSWORDS,
        Counter::Codes => STRANGERS_CODES,
    }
}

/// One attempt to sign in: whose, from where, when, and in which invocation.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The login that is claimed.
    pub login: &'a Login,
    /// From where.
    pub source: Source,
    /// When.
    pub now: Timestamp,
    /// The invocation.
    pub request_id: &'a RequestId,
}

impl Attempt<'_> {
    /// DynamoDB's time to live for a row that is written now. It counts in seconds.
    pub(super) fn purge_at_seconds(&self) -> i64 {
        self.now.plus(KEPT_FOR).unix_seconds_rounded_up()
    }
}

/// What an attempt is counted as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptKind {
    pub(crate) counter: Counter,
    /// The step of the code that is tried. Where it has been accepted, the attempt is not counted.
    pub(crate) step: Option<Step>,
}

/// Which rows a stranger's attempt is counted on, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StrangersPlan {
    /// The count of the source starts over.
    pub(crate) after_lockout: bool,
    /// The count of all strangers starts over.
    pub(crate) next_day: bool,
    /// The credential is checked: that there is one, and that it has not accepted the step.
    pub(crate) with_credential: bool,
}

/// The rows that were against a stranger's attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrangersRefusal {
    pub(crate) here: bool,
    pub(crate) strangers: bool,
    pub(crate) credential: bool,
}

impl Store {
    /// Counts an attempt from a known source, on that source's row alone; `after_lockout` starts the count over.
    /// `None` where it is counted now; else the row that was against it.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn count_known_attempt(
        &self,
        attempt: Attempt<'_>,
        counted: AttemptKind,
        after_lockout: bool,
    ) -> Result<Option<SourceRow>, Failure> {
        let count = self.count_here(attempt, counted, after_lockout)?;
        let sent = self
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

    /// Counts a stranger's attempt, in one transaction on the row of its source and on that of all strangers. `None`
    /// where it is counted now; else what was against it.
    ///
    /// Sent again after its answer was lost, it counts once: the client token is the same.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn count_strangers_attempt(
        &self,
        attempt: Attempt<'_>,
        counted: AttemptKind,
        plan: StrangersPlan,
    ) -> Result<Option<StrangersRefusal>, Failure> {
        const HERE: usize = 0;
        const STRANGERS: usize = 1;
        const CREDENTIAL: usize = 2;
        let update = |update| TransactWriteItem::builder().update(update).build();
        let mut writes = vec![
            update(self.count_here(attempt, counted, plan.after_lockout)?),
            update(self.count_among_strangers(attempt, counted.counter, plan.next_day)?),
        ];
        if plan.with_credential {
            let check = self.credential_exists(attempt, counted.step)?;
            writes.push(TransactWriteItem::builder().condition_check(check).build());
        }
        Ok(match self.transact(writes).await? {
            TransactionResult::Done => None,
            TransactionResult::ConditionFailed(failed) => Some(StrangersRefusal {
                here: failed.contains(HERE),
                strangers: failed.contains(STRANGERS),
                credential: failed.contains(CREDENTIAL),
            }),
        })
    }

    /// Counts the attempt on the row of its source; `after_lockout` starts the count over.
    fn count_here(
        &self,
        attempt: Attempt<'_>,
        AttemptKind { counter, step }: AttemptKind,
        after_lockout: bool,
    ) -> Result<Update, Failure> {
        let (condition, count) = if after_lockout {
            (expressions::RESERVE_ATTEMPT_AFTER_LOCKOUT, ":one")
        } else {
            (
                expressions::RESERVE_ATTEMPT,
                "if_not_exists(#attempts, :none) + :one",
            )
        };
        let mut update = Update::builder()
            .table_name(self.table_name(Table::Identity))
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
    fn count_among_strangers(
        &self,
        attempt: Attempt<'_>,
        counter: Counter,
        next_day: bool,
    ) -> Result<Update, Failure> {
        let update = Update::builder()
            .table_name(self.table_name(Table::Identity))
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
                .expression_attribute_values(":limit", n(strangers_limit(counter)))
        };
        update.build().map_err(built_wrongly)
    }

    /// Proves that there is a login to try, and that the code that is tried has not been accepted since.
    fn credential_exists(&self, attempt: Attempt<'_>, step: Option<Step>) -> Result<ConditionCheck, Failure> {
        let check = ConditionCheck::builder()
            .table_name(self.table_name(Table::Identity))
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
}
