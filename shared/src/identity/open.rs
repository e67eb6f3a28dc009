use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};

use super::{Attempt, SessionKind, SessionRow, Step, Token};
use crate::lock::Lock;
use crate::store::{
    Item, Lockable, RowKey, Store, StoreError, Table, Transacted, UserRow, built_wrongly, expressions, n, s,
};

/// How often a sign-in starts over because the account changed under it.
const ROUNDS: usize = 3;
/// Where the credential stands in the plan.
const CREDENTIAL: usize = 2;

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
    /// What the sign-in rests on no longer holds: the credential is gone, or its code has been used meanwhile.
    Refused,
}

/// What a sign-in writes to the credential that it rests on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credited {
    /// Nothing.
    Nothing,
    /// A right password excuses the wrong ones before it.
    Password,
    /// An accepted code excuses the wrong ones before it, and its step is used up.
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
    credited: Credited,
    session: impl Fn(&UserRow) -> Result<(T, Item), StoreError>,
) -> Result<SignedIn<T>, StoreError> {
    let mut user = user;
    for _ in 0..ROUNDS {
        if let Some(lock) = user.lock.state.live(attempt.now) {
            return Ok(SignedIn::Locked(lock.clone()));
        }
        let (token, row) = session(&user)?;
        let mut plan = vec![store.unlocked_user(&user, attempt.now)?, new_session(store, row)?];
        plan.extend(credit(store, credited, attempt)?);
        match store.transact(plan).await? {
            Transacted::Done => {
                return Ok(SignedIn::Opened {
                    token,
                    user: Box::new(user),
                });
            }
            Transacted::ConditionFailed(failed) if failed.contains(CREDENTIAL) => {
                return Ok(SignedIn::Refused);
            }
            Transacted::ConditionFailed(_) => {
                let key = RowKey::user(attempt.login);
                user = match store.read(std::slice::from_ref(&key)).await?.take(&key) {
                    Some(item) => UserRow::parse(item)?,
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
    let row = session.to_item(&token.session_key(), attempt.request_id);
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

fn credit(
    store: &Store,
    credited: Credited,
    attempt: Attempt<'_>,
) -> Result<Option<TransactWriteItem>, StoreError> {
    let update = Update::builder()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::credential(attempt.login).pk()))
        .expression_attribute_values(":none", n(0))
        .expression_attribute_values(":request", s(attempt.request_id.as_str()));
    let update = match credited {
        Credited::Nothing => return Ok(None),
        Credited::Password => update
            .update_expression("SET password_attempts = :none, last_request = :request")
            .condition_expression(expressions::CREDENTIAL_EXISTS),
        Credited::Code(step) => update
            .update_expression("SET code_attempts = :none, totp_step = :step, last_request = :request")
            .condition_expression(expressions::ACCEPT_STEP)
            .expression_attribute_values(":step", n(step.get())),
    };
    let update = update.build().map_err(built_wrongly)?;
    Ok(Some(TransactWriteItem::builder().update(update).build()))
}
