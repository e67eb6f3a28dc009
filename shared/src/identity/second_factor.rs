use super::attempts::{AttemptRows, Reservation, reserve};
use super::open::{bearer, open};
use super::{Denial, IdentityRefusal, SignInResult, identify};
use crate::audit::Outcome;
use crate::failure::Failure;
use crate::id::{RequestId, Source};
use crate::lock::Timestamp;
use crate::secret::{Code, SealingKeys, Token};
use crate::store::{
    Attempt, AttemptKind, Counter, CredentialRow, Factor, Proof, RowKey, SessionKind, Store, UserRow,
};

/// How the second step ended.
#[derive(Clone, Debug)]
pub enum SecondFactor {
    /// The code was accepted: a full token.
    Accepted(Token),
    /// The first-factor token is unknown, expired or revoked.
    Unauthenticated,
    /// A wrong code, or one more after too many wrong ones; which of them is for the log.
    Rejected(Outcome),
    /// A code that was accepted before, or of a second factor that has been changed since: answered like a wrong one,
    /// and no guess.
    Stale,
}

/// Exchanges a first-factor token and a code for a full token.
///
/// A code is accepted once: the transaction that opens the session also moves the last accepted step on, and
/// fails where another request has done so.
///
/// A factor that no key opens is a failure, and no guess of the caller's: nothing is counted.
///
/// # Errors
/// Whatever the store reports, and [`Failure::Sealed`].
pub async fn second_factor(
    store: &Store,
    keys: &SealingKeys,
    token: &Token,
    code: &Code,
    source: Source,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<SecondFactor, Failure> {
    let attempt = Attempt {
        login: token.login(),
        source,
        now,
        request_id,
    };
    let credential_key = RowKey::credential(token.login());
    let [here, strangers] = AttemptRows::keys(attempt);
    let also = [credential_key.clone(), here, strangers];
    let kinds = [SessionKind::NetwrixFirstFactor];
    let (caller, mut rows) = match identify(store, token, &kinds, &also, now).await {
        Ok(identified) => identified,
        Err(IdentityRefusal::Unauthenticated) => return Ok(SecondFactor::Unauthenticated),
        Err(IdentityRefusal::Failed(failure)) => return Err(failure),
    };
    let Some(credential) = rows.parse::<CredentialRow>(&credential_key)? else {
        return Ok(SecondFactor::Unauthenticated);
    };
    let (_, session) = caller.session();
    let earlier = Some(session.account);
    let user = caller.into_user();
    let factor = if code.is_not_applicable() && !needs_code(&credential, &user) {
        Factor::Uncounted
    } else {
        let secret = credential.totp_secret.as_ref();
        let secret = secret.map(|sealed| keys.unseal(sealed, attempt.login));
        let secret = secret
            .transpose()
            .map_err(|error| Failure::Sealed(error.to_string()))?;
        let step = secret.and_then(|secret| secret.step_of(code, now));
        if step.is_some() && credential.totp_step >= step {
            return Ok(SecondFactor::Stale);
        }
        let seen = AttemptRows::take(&mut rows, attempt)?;
        let read = (Some(&credential), Some(&user), &seen);
        let counted = AttemptKind {
            counter: Counter::Codes,
            step,
        };
        match (reserve(store, read, counted, attempt).await?, step) {
            (Reservation::Counted, Some(step)) => Factor::Code(step),
            (Reservation::Replayed, _) => return Ok(SecondFactor::Stale),
            (reservation, _) => {
                let why = Denial::reason(reservation, Outcome::WrongCode);
                return Ok(SecondFactor::Rejected(why));
            }
        }
    };
    let second_factor_at = matches!(factor, Factor::Code(_)).then_some(now);
    let proof = Proof {
        secrets_rev: credential.secrets_rev,
        factor,
    };
    let signed_in = open(store, user, attempt, proof, earlier, |user| {
        bearer(user, SessionKind::Netwrix, second_factor_at, attempt)
    });
    Ok(match signed_in.await? {
        SignInResult::Opened { token, .. } => SecondFactor::Accepted(token),
        // Locked or ended since the first step: the first-factor token is dead with every other session.
        SignInResult::Locked(_) | SignInResult::Ended => SecondFactor::Unauthenticated,
        SignInResult::Refused => SecondFactor::Stale,
    })
}

/// Whether the user's second step takes a code; where it does not, it takes `NA`, and the password is all there
/// is to prove.
pub(super) const fn needs_code(credential: &CredentialRow, user: &UserRow) -> bool {
    user.mfa_required || credential.totp_secret.is_some()
}
