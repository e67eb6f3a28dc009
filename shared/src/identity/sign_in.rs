use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    ConditionCheck, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{Password, PasswordHash, Passwords, SessionKind, SessionRow, Token};
use crate::id::{Company, Login, RequestId};
use crate::lock::{Lock, Timestamp};
use crate::store::{
    Attributes, Corrupt, Item, Lockable, RowKey, Store, StoreError, Table, Transacted, UserRow, expressions,
    failed_condition, ms, n, s,
};

/// Failures in a row after which a login is locked out.
const ATTEMPT_LIMIT: u32 = 5;
/// How long a lockout lasts from the last counted attempt on.
const LOCKOUT: Duration = Duration::from_mins(15);
/// How often a sign-in starts over because the account changed under it.
const ROUNDS: usize = 3;

/// What a user authenticates with.
#[derive(Clone, Debug)]
pub struct CredentialRow {
    password_hash: PasswordHash,
    password_attempts: u32,
    password_attempt_at: Option<Timestamp>,
    last_request: Option<String>,
}

impl CredentialRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            password_hash: PasswordHash::parse(&row.text("password_hash")?)?,
            password_attempts: row.number("password_attempts")?,
            password_attempt_at: row.optional_timestamp("password_attempt_at")?,
            last_request: row.optional_text("last_request")?,
        })
    }

    fn lockout_is_over(&self, now: Timestamp) -> bool {
        self.password_attempts >= ATTEMPT_LIMIT
            && self.password_attempt_at.is_none_or(|at| at.plus(LOCKOUT) <= now)
    }
}

/// A credential that is entered for the first time.
#[derive(Clone, Debug)]
pub struct NewCredential<'a> {
    /// The company of the user.
    pub company: &'a Company,
    /// The user.
    pub login: &'a Login,
    /// The hash of the password.
    pub password_hash: &'a PasswordHash,
}

impl NewCredential<'_> {
    /// The row as it is stored.
    #[must_use]
    pub fn to_item(&self) -> Item {
        HashMap::from(
            [
                ("pk", s(RowKey::credential(self.login).pk())),
                ("company", s(self.company.as_str())),
                ("password_hash", s(self.password_hash.reveal())),
                ("password_attempts", n(0)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}

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

/// A user who has given the right password.
#[derive(Clone, Debug)]
pub struct Verified {
    user: UserRow,
}

/// How opening a session for a verified user ended.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// A session was opened.
    Opened {
        /// Its token, which only this answer ever shows.
        token: Token,
        /// Its user.
        user: Box<UserRow>,
    },
    /// The account is locked.
    Locked(Lock),
}

/// Checks a password; `None` is a wrong one, an unknown login and a lockout alike, at the same cost: one read, one
/// reservation, one verification.
///
/// The attempt is counted *before* the password is verified, so parallel guesses cannot slip past the limit.
///
/// # Errors
/// Whatever the store reports.
pub async fn verify_password(
    store: &Store,
    passwords: &Passwords,
    attempt: Attempt<'_>,
    password: Password,
) -> Result<Option<Verified>, StoreError> {
    let keys = [RowKey::credential(attempt.login), RowKey::user(attempt.login)];
    let mut rows = store.read(&keys).await?;
    let [credential_key, user_key] = &keys;
    let seen = rows.take(credential_key).map(CredentialRow::parse).transpose()?;
    let reserved = reserve(store, credential_key, seen, attempt).await?;
    let matches = passwords
        .verify(password, reserved.map(|credential| credential.password_hash))
        .await?;
    let user = rows.take(user_key).map(UserRow::parse).transpose()?;
    Ok(user.filter(|_| matches).map(|user| Verified { user }))
}

/// Counts an attempt; `None` where there is no credential or the login is locked out.
async fn reserve(
    store: &Store,
    key: &RowKey,
    seen: Option<CredentialRow>,
    attempt: Attempt<'_>,
) -> Result<Option<CredentialRow>, StoreError> {
    let mut start_over = seen.is_some_and(|credential| credential.lockout_is_over(attempt.now));
    loop {
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
        let mut update = store
            .client()
            .update_item()
            .table_name(store.table_name(Table::Identity))
            .key("pk", s(key.pk()))
            .update_expression(expression)
            .condition_expression(condition)
            .expression_attribute_names("#attempts", "password_attempts")
            .expression_attribute_names("#attempt_at", "password_attempt_at")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":limit", n(ATTEMPT_LIMIT))
            .expression_attribute_values(":now", ms(attempt.now))
            .expression_attribute_values(":request", s(attempt.request_id.as_str()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if start_over {
            update = update.expression_attribute_values(":lockout_over", ms(attempt.now.minus(LOCKOUT)));
        }
        let found = match update.send().await {
            Ok(answer) => {
                return answer
                    .attributes
                    .map(CredentialRow::parse)
                    .transpose()
                    .map_err(StoreError::from);
            }
            Err(error) => match failed_condition(error)? {
                None => return Ok(None),
                Some(found) => CredentialRow::parse(found)?,
            },
        };
        if found.last_request.as_deref() == Some(attempt.request_id.as_str()) {
            // The reservation was made; only its answer was lost.
            return Ok(Some(found));
        }
        if start_over && found.password_attempts < ATTEMPT_LIMIT {
            // Another attempt started the count over: this one counts on from there.
            start_over = false;
        } else {
            return Ok(None);
        }
    }
}

/// Opens a session for a verified user: one transaction that also proves that the account has not been locked
/// since it was read, and forgets the failed attempts before this one.
///
/// # Errors
/// Whatever the store reports, and [`StoreError::Unavailable`] where the account keeps changing.
pub async fn open_session(
    store: &Store,
    verified: Verified,
    kind: SessionKind,
    attempt: Attempt<'_>,
) -> Result<SignedIn, StoreError> {
    let mut user = verified.user;
    for _ in 0..ROUNDS {
        if let Some(lock) = user.lock.state.live(attempt.now) {
            return Ok(SignedIn::Locked(lock.clone()));
        }
        let token = Token::issue(&user.company, &user.login)?;
        let session = SessionRow::begin(
            kind,
            user.company.clone(),
            user.login.clone(),
            user.lock.state.fence(),
            attempt.now,
        );
        let plan = vec![
            unlocked_user(store, &user, attempt.now)?,
            new_session(store, &session, &token, attempt.request_id)?,
            forgotten_failures(store, attempt)?,
        ];
        match store.transact(plan).await? {
            Transacted::Done => {
                return Ok(SignedIn::Opened {
                    token,
                    user: Box::new(user),
                });
            }
            Transacted::ConditionFailed => {
                let key = RowKey::user(attempt.login);
                let item = store.read(std::slice::from_ref(&key)).await?.take(&key);
                user = match item {
                    Some(item) => UserRow::parse(item)?,
                    None => {
                        return Err(StoreError::Unavailable(
                            "the account was removed meanwhile".to_owned(),
                        ));
                    }
                };
            }
        }
    }
    Err(StoreError::Unavailable(
        "TransactWriteItems: the account kept changing".to_owned(),
    ))
}

fn unlocked_user(store: &Store, user: &UserRow, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
    let check = ConditionCheck::builder()
        .table_name(store.table_name(Table::Resources))
        .key("pk", s(RowKey::user(&user.login).pk()))
        .condition_expression(expressions::USER_STILL_UNLOCKED)
        .expression_attribute_values(":fence", n(user.lock.state.fence().get()))
        .expression_attribute_values(":now", ms(now))
        .build()
        .map_err(built_wrongly)?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

fn new_session(
    store: &Store,
    session: &SessionRow,
    token: &Token,
    request_id: &RequestId,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(store.table_name(Table::Identity))
        .set_item(Some(session.to_item(&token.session_key(), request_id)))
        .condition_expression(expressions::SESSION_ABSENT)
        .build()
        .map_err(built_wrongly)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn forgotten_failures(store: &Store, attempt: Attempt<'_>) -> Result<TransactWriteItem, StoreError> {
    let update = Update::builder()
        .table_name(store.table_name(Table::Identity))
        .key("pk", s(RowKey::credential(attempt.login).pk()))
        .update_expression("SET password_attempts = :none, last_request = :request")
        .condition_expression(expressions::CREDENTIAL_EXISTS)
        .expression_attribute_values(":none", n(0))
        .expression_attribute_values(":request", s(attempt.request_id.as_str()))
        .build()
        .map_err(built_wrongly)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn built_wrongly(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Defect(format!("TransactWriteItems: {error}"))
}
