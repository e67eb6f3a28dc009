use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};

use super::attempts::Counter;
use super::{Attempt, SessionKind, SessionRow};
use crate::lock::Lock;
use crate::secret::{Step, Token};
use crate::store::{
    Item, RowKey, Store, StoreError, Table, Transacted, UserRow, built_wrongly, expressions, ms, n, s,
};

/// How often a sign-in starts over because the account changed under it.
const ROUNDS: usize = 3;
/// Where in the plan that begins which the sign-in rests on: the credential, and the attempt that was counted.
const PROOF: usize = 2;

/// How opening a session ended.
#[derive(Clone, Debug)]
pub enum SignedIn<T> {
    /// A session was opened.
    Opened {
        /// Its token, which only this answer ever shows.
        token: T,
        /// Its user.
        user: Box<UserRow>,
    },
    /// The account is locked.
    Locked(Lock),
    /// What the sign-in rests on no longer holds: the credential is gone or has other secrets now, or the code has been
    /// used meanwhile.
    Refused,
}

/// What was proved, against which state of the credential.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    /// The secrets that it was verified with.
    pub(super) secrets_rev: u64,
    pub(super) factor: Factor,
}

/// What a user has proved with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Factor {
    /// Something that is not counted: an API key, or that there is no second factor.
    Uncounted,
    /// A right password excuses the wrong ones before it from the same source. Where it is all that there is to
    /// prove, the source is known from now on.
    Password { is_all: bool },
    /// An accepted code excuses the wrong ones before it from the same source, which is known from now on, and its step
    /// is used up.
    Code(Step),
}

/// Opens the session that `session` makes for the user: one transaction that also proves that the account has
/// not been locked since it was read, and writes down what the sign-in rests on.
///
/// # Errors
/// Whatever the store reports, and [`StoreError::Unavailable`] where the account keeps changing.
pub(super) async fn open<T>(
    store: &Store,
    user: UserRow,
    attempt: Attempt<'_>,
    proof: Proof,
    session: impl Fn(&UserRow) -> Result<(T, Item), StoreError>,
) -> Result<SignedIn<T>, StoreError> {
    let mut user = user;
    for _ in 0..ROUNDS {
        if let Some(lock) = user.lock.state.live(attempt.now) {
            return Ok(SignedIn::Locked(lock.clone()));
        }
        let (token, row) = session(&user)?;
        let mut plan = vec![store.unlocked_user(&user, attempt.now)?, new_session(store, row)?];
        plan.push(unchanged_credential(store, proof, attempt)?);
        plan.extend(success(store, proof.factor, attempt)?);
        match store.transact(plan).await? {
            Transacted::Done => {
                return Ok(SignedIn::Opened {
                    token,
                    user: Box::new(user),
                });
            }
            Transacted::ConditionFailed(failed) if failed.places().any(|place| place >= PROOF) => {
                return Ok(SignedIn::Refused);
            }
            Transacted::ConditionFailed(_) => {
                user = match store.read_one::<UserRow>(&RowKey::user(attempt.login)).await? {
                    Some(user) => user,
                    None => return Ok(SignedIn::Refused),
                };
            }
        }
    }
    Err(StoreError::Unavailable(
        "TransactWriteItems: the account kept changing".to_owned(),
    ))
}

/// The row and token of a session under a bearer token or cookie.
pub(super) fn bearer(
    user: &UserRow,
    kind: SessionKind,
    attempt: Attempt<'_>,
) -> Result<(Token, Item), StoreError> {
    let token = Token::issue(&user.company, &user.login)?;
    let session = SessionRow::begin(
        kind,
        user.company.clone(),
        user.login.clone(),
        user.lock.state.fence(),
        attempt.now,
    );
    let row = session.to_item(&RowKey::session_of(&token), attempt.request_id);
    Ok((token, row))
}

fn new_session(store: &Store, row: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(store.table_name(Table::Identity))
        .set_item(Some(row))
        .condition_expression(expressions::SESSION_ABSENT)
        .build()
        .map_err(built_wrongly)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Proves that the secrets are those that were verified, and uses up the step of a code.
fn unchanged_credential(
    store: &Store,
    proof: Proof,
    attempt: Attempt<'_>,
) -> Result<TransactWriteItem, StoreError> {
    let (table, key) = (
        store.table_name(Table::Identity),
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
fn success(
    store: &Store,
    factor: Factor,
    attempt: Attempt<'_>,
) -> Result<Option<TransactWriteItem>, StoreError> {
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
        .table_name(store.table_name(Table::Identity))
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
