use super::attempts::{Counter, Reserved, reserve};
use super::credential::CredentialRow;
use super::open::{Credited, bearer, open};
use super::{Attempt, Code, SessionKind, SignedIn, Token, authenticate};
use crate::id::RequestId;
use crate::lock::Timestamp;
use crate::store::{RowKey, Store, StoreError};

/// How the second step ended.
#[derive(Clone, Debug)]
pub enum SecondFactor {
    /// The code was accepted: a full token.
    Accepted(Token),
    /// The first-factor token is unknown, expired or revoked.
    Unauthenticated,
    /// A wrong code, one that was accepted before, or too many wrong ones: all alike.
    Rejected,
}

/// Exchanges a first-factor token and a code for a full token.
///
/// A code is accepted once: the transaction that opens the session also moves the last accepted step on, and
/// fails where another request has done so.
///
/// # Errors
/// Whatever the store reports.
pub async fn second_factor(
    store: &Store,
    token: &Token,
    code: &Code,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<SecondFactor, StoreError> {
    let credential_key = RowKey::credential(token.login());
    let mut rows = store
        .read(&[token.session_key(), token.user_key(), credential_key.clone()])
        .await?;
    let Some(caller) = authenticate(&mut rows, token, &[SessionKind::NetwrixFirstFactor], now)? else {
        return Ok(SecondFactor::Unauthenticated);
    };
    let Some(seen) = rows.take(&credential_key).map(CredentialRow::parse).transpose()? else {
        return Ok(SecondFactor::Unauthenticated);
    };
    let attempt = Attempt {
        login: token.login(),
        now,
        request_id,
    };
    let user = caller.into_user();
    let credited = if code.is_not_applicable() && !user.mfa_required && seen.totp_secret.is_none() {
        Credited::Nothing
    } else {
        let step = seen
            .totp_secret
            .as_ref()
            .and_then(|secret| secret.step_of(code, now));
        match (
            reserve(store, Some(&seen), Counter::Codes, step, attempt).await?,
            step,
        ) {
            (Reserved::Counted(_), Some(step)) => Credited::Code(step),
            _ => return Ok(SecondFactor::Rejected),
        }
    };
    match open(store, user, attempt, credited, |user| {
        bearer(user, SessionKind::Netwrix, attempt)
    })
    .await?
    {
        SignedIn::Opened { token, .. } => Ok(SecondFactor::Accepted(token)),
        // Locked since the first step: the first-factor token is dead with every other session.
        SignedIn::Locked(_) => Ok(SecondFactor::Unauthenticated),
        SignedIn::Refused => Ok(SecondFactor::Rejected),
    }
}
