use super::attempts::{Counter, Reserved, reserve};
use super::credential::CredentialRow;
use super::open::{Credited, bearer, open};
use super::{Attempt, Password, Passwords, SessionKind, SignedIn, Token};
use crate::store::{Lockable, RowKey, Store, StoreError, UserRow};

/// A user who has given the right password.
#[derive(Clone, Debug)]
pub struct Verified {
    user: UserRow,
}

/// Checks a password; `None` is a wrong one, an unknown login and a lockout alike, at the same cost: one read, one
/// reservation, one verification.
///
/// # Errors
/// Whatever the store reports.
pub async fn verify_password(
    store: &Store,
    passwords: &Passwords,
    attempt: Attempt<'_>,
    password: Password,
) -> Result<Option<Verified>, StoreError> {
    let (credential_key, user_key) = (RowKey::credential(attempt.login), RowKey::user(attempt.login));
    let mut rows = store.read(&[credential_key.clone(), user_key.clone()]).await?;
    let seen = rows.take(&credential_key).map(CredentialRow::parse).transpose()?;
    let hash = match reserve(store, seen.as_ref(), Counter::Passwords, None, attempt).await? {
        Reserved::Counted(credential) => Some(credential.password_hash),
        Reserved::Refused | Reserved::Replayed => None,
    };
    let matches = passwords.verify(password, hash).await?;
    let user = rows.take(&user_key).map(UserRow::parse).transpose()?;
    Ok(user.filter(|_| matches).map(|user| Verified { user }))
}

/// Opens a session for a verified user, and forgets the wrong passwords before the right one.
///
/// # Errors
/// Whatever the store reports, and [`StoreError::Unavailable`] where the account keeps changing.
pub async fn open_session(
    store: &Store,
    verified: Verified,
    kind: SessionKind,
    attempt: Attempt<'_>,
) -> Result<SignedIn<Token>, StoreError> {
    open(store, verified.user, attempt, Credited::Password, |user| {
        bearer(user, kind, attempt)
    })
    .await
}
