//! The transaction that opens a session.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};

use super::item::{ms, n, s};
use super::rows::Counter;
use super::{Attempt, Item, RowKey, Store, Table, TransactionResult, UserRow, built_wrongly, expressions};
use crate::failure::Failure;
use crate::secret::Step;

/// Where in the plan that begins which the sign-in rests on: the credential, and the attempt that was counted.
const PROOF: usize = 2;

/// What was proved, against which state of the credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    /// The secrets that it was verified with.
    pub(crate) secrets_rev: u64,
    pub(crate) factor: Factor,
}

/// What a user has proved with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor {
    /// Something that is not counted: an API key, or that there is no second factor.
    Uncounted,
    /// A right password excuses the wrong ones before it from the same source. Where it is all that there is to
    /// prove, the source is known from now on.
    Password { is_all: bool },
    /// An accepted code excuses the wrong ones before it from the same source, which is known from now on, and its step
    /// is used up.
    Code(Step),
}

/// How a transaction that opens a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The session is open.
    Opened,
    /// The credential, or the attempt that was counted, is no longer what the sign-in rests on.
    ProofOutdated,
    /// The user's account is no longer the one that was read.
    UserChanged,
}

impl Store {
    /// Opens the session `row`: one transaction that also proves that the account has not been locked since `user` was
    /// read, and writes down what the sign-in rests on.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub(crate) async fn open_session(
        &self,
        row: Item,
        user: &UserRow,
        proof: Proof,
        attempt: Attempt<'_>,
    ) -> Result<Opening, Failure> {
        let mut plan = vec![self.unlocked_user(user, attempt.now)?, self.new_session(row)?];
        plan.push(self.unchanged_credential(proof, attempt)?);
        plan.extend(self.success(proof.factor, attempt)?);
        Ok(match self.transact(plan).await? {
            TransactionResult::Done => Opening::Opened,
            TransactionResult::ConditionFailed(failed) if failed.places().any(|place| place >= PROOF) => {
                Opening::ProofOutdated
            }
            TransactionResult::ConditionFailed(_) => Opening::UserChanged,
        })
    }

    fn new_session(&self, row: Item) -> Result<TransactWriteItem, Failure> {
        let put = Put::builder()
            .table_name(self.table_name(Table::Identity))
            .set_item(Some(row))
            .condition_expression(expressions::SESSION_ABSENT)
            .build()
            .map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Proves that the secrets are those that were verified, and uses up the step of a code.
    fn unchanged_credential(&self, proof: Proof, attempt: Attempt<'_>) -> Result<TransactWriteItem, Failure> {
        let (table, key) = (
            self.table_name(Table::Identity),
            RowKey::credential(attempt.login),
        );
        let item = TransactWriteItem::builder();
        Ok(if let Factor::Code(step) = proof.factor {
            let update = Update::builder()
                .table_name(table)
                .key("pk", s(key.pk()))
                .update_expression("SET totp_step = :step, last_request = :request")
                .condition_expression(expressions::ACCEPT_STEP)
                .expression_attribute_values(":seen", n(proof.secrets_rev))
                .expression_attribute_values(":step", n(step.get()))
                .expression_attribute_values(":request", s(attempt.request_id.as_str()));
            item.update(update.build().map_err(built_wrongly)?).build()
        } else {
            let check = ConditionCheck::builder()
                .table_name(table)
                .key("pk", s(key.pk()))
                .condition_expression(expressions::SECRETS_UNCHANGED)
                .expression_attribute_values(":seen", n(proof.secrets_rev));
            item.condition_check(check.build().map_err(built_wrongly)?)
                .build()
        })
    }

    /// What a success leaves on the row of its source, and on no other: strangers elsewhere stay as closed as they are.
    fn success(&self, factor: Factor, attempt: Attempt<'_>) -> Result<Option<TransactWriteItem>, Failure> {
        let (counter, more) = match factor {
            Factor::Uncounted => return Ok(None),
            Factor::Password { is_all: false } => (Counter::Passwords, ""),
            Factor::Password { is_all: true } => (Counter::Passwords, ", signed_in_at = :now"),
            Factor::Code(_) => (
                Counter::Codes,
                ", signed_in_at = :now, code_accepted_at = :now, totp_step = :step",
            ),
        };
        let mut update = Update::builder()
            .table_name(self.table_name(Table::Identity))
            .key("pk", s(RowKey::attempts(attempt.source, attempt.login).pk()))
            .update_expression(format!(
                "SET #attempts = :none, last_request = :request, purge_at_seconds = :purge_at{more}"
            ))
            .condition_expression(expressions::ATTEMPT_COUNTED)
            .expression_attribute_names("#attempts", counter.attempts())
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":request", s(attempt.request_id.as_str()))
            .expression_attribute_values(":purge_at", n(attempt.purge_at_seconds()));
        if !more.is_empty() {
            update = update.expression_attribute_values(":now", ms(attempt.now));
        }
        if let Factor::Code(step) = factor {
            update = update.expression_attribute_values(":step", n(step.get()));
        }
        let update = update.build().map_err(built_wrongly)?;
        Ok(Some(TransactWriteItem::builder().update(update).build()))
    }
}
