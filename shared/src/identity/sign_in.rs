use super::attempts::{AttemptRows, Reservation, reserve};
use super::open::{bearer, open};
use super::second_factor::needs_code;
use super::{Denial, SignInResult};
use crate::audit::Outcome;
use crate::failure::Failure;
use crate::id::Company;
use crate::secret::{Password, Passwords, Token};
use crate::store::{
    Attempt, AttemptKind, Counter, CredentialRow, Factor, Proof, RowKey, SessionKind, Store, UserRow,
};

/// A user who has given the right password.
#[derive(Clone, Debug)]
pub struct FirstFactor {
    user: UserRow,
    secrets_rev: u64,
    needs_code: bool,
}

/// Checks a password. Why it is denied is for the log; a wrong one, an unknown login, a disabled account and a lockout are answered alike, at the same cost for any stranger:
/// one read, one reservation, one verification.
///
/// # Errors
/// Whatever the store reports.
pub async fn verify_password(
    store: &Store,
    passwords: &Passwords,
    attempt: Attempt<'_>,
    password: Password,
) -> Result<Result<FirstFactor, Denial>, Failure> {
    let (credential_key, user_key) = (RowKey::credential(attempt.login), RowKey::user(attempt.login));
    let [here, strangers] = AttemptRows::keys(attempt);
    let keys = [credential_key.clone(), user_key.clone(), here, strangers];
    let mut rows = store.read(&keys).await?;
    let credential = rows.parse::<CredentialRow>(&credential_key)?;
    let user = rows.parse::<UserRow>(&user_key)?;
    let seen = AttemptRows::take(&mut rows, attempt)?;
    let read = (credential.as_ref(), user.as_ref(), &seen);
    let counted = AttemptKind {
        counter: Counter::Passwords,
        step: None,
    };
    let reservation = reserve(store, read, counted, attempt).await?;
    let hash = credential
        .as_ref()
        .filter(|_| reservation == Reservation::Counted)
        .map(|credential| credential.password_hash.clone());
    let matches = passwords.verify(password, hash).await?;
    let (Some(user), Some(credential)) = (user, credential) else {
        return Ok(Err(Denial {
            why: Outcome::UnknownLogin,
            company: None,
        }));
    };
    if !matches {
        return Ok(Err(Denial {
            why: Denial::reason(reservation, Outcome::WrongPassword),
            company: Some(user.company),
        }));
    }
    // Told like a wrong one, after the same work.
    if user.disabled {
        return Ok(Err(Denial {
            why: Outcome::DisabledAccount,
            company: Some(user.company),
        }));
    }
    Ok(Ok(FirstFactor {
        secrets_rev: credential.secrets_rev,
        needs_code: needs_code(&credential, &user),
        user,
    }))
}

impl FirstFactor {
    /// The user's company.
    #[must_use]
    pub const fn company(&self) -> &Company {
        &self.user.company
    }
}

/// Opens a session for a verified user, and forgets the wrong passwords that came before from the same source. Where
/// the password was all that there is to prove, that source is known from now on.
///
/// # Errors
/// Whatever the store reports, and [`Failure::Unavailable`] where the account keeps changing.
pub async fn open_session(
    store: &Store,
    verified: FirstFactor,
    kind: SessionKind,
    attempt: Attempt<'_>,
) -> Result<SignInResult<Token>, Failure> {
    let is_all = !verified.needs_code || kind != SessionKind::NetwrixFirstFactor;
    let proof = Proof {
        secrets_rev: verified.secrets_rev,
        factor: Factor::Password { is_all },
    };
    open(store, verified.user, attempt, proof, None, |user| {
        bearer(user, kind, None, attempt)
    })
    .await
}
