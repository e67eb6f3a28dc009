//! Attempts are counted before they are verified: a guess that was not counted is never looked at, so parallel
//! guesses cannot slip past the limit.

use std::time::Duration;

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::{CredentialRow, Step};
use crate::id::{Login, RequestId};
use crate::lock::Timestamp;
use crate::store::{
    Attributes, Corrupt, RowKey, Store, StoreError, Table, expressions, failed_condition, ms, n, s,
};

/// Failures in a row after which an attempt is no longer looked at.
const LIMIT: u32 = 5;
/// How long that lasts from the last counted attempt on.
const LOCKOUT: Duration = Duration::from_mins(15);

/// One attempt to sign in: whose, when, and in which invocation.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The login that is claimed.
    pub login: &'a Login,
    /// When.
    pub now: Timestamp,
    /// The invocation.
    pub request_id: &'a RequestId,
}

/// Where a kind of attempt is counted. Wrong passwords and wrong codes have a counter each: a right password
/// does not excuse wrong codes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    Passwords,
    Codes,
}

impl Counter {
    /// The attribute that counts.
    pub(super) const fn attempts(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempts",
            Self::Codes => "code_attempts",
        }
    }

    /// The attribute that says when it counted last.
    const fn attempt_at(self) -> &'static str {
        match self {
            Self::Passwords => "password_attempt_at",
            Self::Codes => "code_attempt_at",
        }
    }

    const fn of(self, credential: &CredentialRow) -> Attempts {
        match self {
            Self::Passwords => credential.passwords,
            Self::Codes => credential.codes,
        }
    }
}

/// What a counter shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempts {
    count: u32,
    last_at: Option<Timestamp>,
}

impl Attempts {
    pub(super) fn parse(row: &mut Attributes, counter: Counter) -> Result<Self, Corrupt> {
        Ok(Self {
            count: row.number(counter.attempts())?,
            last_at: row.optional_timestamp(counter.attempt_at())?,
        })
    }

    fn lockout_is_over(self, now: Timestamp) -> bool {
        self.count >= LIMIT && self.last_at.is_none_or(|at| at.plus(LOCKOUT) <= now)
    }
}

/// How a reservation ended.
#[derive(Debug)]
pub(super) enum Reserved {
    /// The attempt is counted and may be verified, against this credential.
    Counted(Box<CredentialRow>),
    /// There is no credential, or too many attempts have failed.
    Refused,
    /// The code belongs to a step that has been accepted: not counted, for its owner may just have been quick.
    Replayed,
}

/// Counts an attempt on `counter`. Where the code that is tried is one of `step`, an attempt on a step that was
/// accepted before is not counted.
pub(super) async fn reserve(
    store: &Store,
    seen: Option<&CredentialRow>,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
) -> Result<Reserved, StoreError> {
    let key = RowKey::credential(attempt.login);
    let mut start_over = seen.is_some_and(|credential| counter.of(credential).lockout_is_over(attempt.now));
    loop {
        let found = match reservation(store, &key, counter, step, attempt, start_over).await? {
            Reservation::Made(row) => return Ok(Reserved::Counted(row)),
            Reservation::NoRow => return Ok(Reserved::Refused),
            Reservation::Refused(row) => row,
        };
        if found.last_request.as_deref() == Some(attempt.request_id.as_str()) {
            // The reservation was made; only its answer was lost.
            return Ok(Reserved::Counted(found));
        }
        if step.is_some() && found.totp_step >= step {
            return Ok(Reserved::Replayed);
        }
        if start_over && counter.of(&found).count < LIMIT {
            // Another attempt started the count over: this one counts on from there.
            start_over = false;
        } else {
            return Ok(Reserved::Refused);
        }
    }
}

enum Reservation {
    Made(Box<CredentialRow>),
    Refused(Box<CredentialRow>),
    NoRow,
}

async fn reservation(
    store: &Store,
    key: &RowKey,
    counter: Counter,
    step: Option<Step>,
    attempt: Attempt<'_>,
    start_over: bool,
) -> Result<Reservation, StoreError> {
    let (condition, expression) = if start_over {
        (
            expressions::RESERVE_ATTEMPT_AFTER_LOCKOUT,
            "SET #attempts = :one, #attempt_at = :now, last_request = :request",
        )
    } else {
        (
            expressions::RESERVE_ATTEMPT,
            "SET #attempts = #attempts + :one, #attempt_at = :now, last_request = :request",
        )
    };
    let condition = match step {
        None => condition.to_owned(),
        Some(_) => format!("{condition} AND ({})", expressions::STEP_NOT_ACCEPTED),
    };
    let mut update = store
        .client()
        .update_item()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(key.pk()))
        .update_expression(expression)
        .condition_expression(condition)
        .expression_attribute_names("#attempts", counter.attempts())
        .expression_attribute_names("#attempt_at", counter.attempt_at())
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":limit", n(LIMIT))
        .expression_attribute_values(":now", ms(attempt.now))
        .expression_attribute_values(":request", s(attempt.request_id.as_str()))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    if start_over {
        update = update.expression_attribute_values(":lockout_over", ms(attempt.now.minus(LOCKOUT)));
    }
    if let Some(step) = step {
        update = update.expression_attribute_values(":step", n(step.get()));
    }
    let parse = |item| CredentialRow::parse(item).map(Box::new);
    match update.send().await {
        Ok(answer) => {
            let row = answer.attributes.ok_or(Corrupt { attribute: "pk" })?;
            Ok(Reservation::Made(parse(row)?))
        }
        Err(error) => Ok(match failed_condition(error)? {
            Some(row) => Reservation::Refused(parse(row)?),
            None => Reservation::NoRow,
        }),
    }
}
