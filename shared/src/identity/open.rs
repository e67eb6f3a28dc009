use crate::failure::Failure;
use crate::lock::{Lock, Timestamp};
use crate::secret::Token;
use crate::store::{
    AccountVersion, Attempt, Item, Opening, Proof, Retries, RowKey, SessionKind, SessionRow, Store, UserRow,
};

/// How opening a session ended.
#[derive(Clone, Debug)]
pub enum SignInResult<T> {
    /// A session was opened.
    Opened {
        /// Its token, which only this answer ever shows.
        token: T,
        /// Its user.
        user: Box<UserRow>,
    },
    /// The account is locked.
    Locked(Lock),
    /// The session that the sign-in goes on from has ended.
    Ended,
    /// What the sign-in rests on no longer holds: the user or the credential is gone, the user is disabled, the secrets are
    /// others now, or another sign-in has used the code.
    Refused,
}

/// Opens the session that `session` makes for the user: one transaction that also proves that the account has
/// not been locked since it was read, and writes down what the sign-in rests on. Of a sign-in that goes on from a session,
/// `earlier` is the account as that one copied it.
///
/// # Errors
/// Whatever the store reports, and [`Failure::Unavailable`] where the account keeps changing.
pub(super) async fn open<T>(
    store: &Store,
    user: UserRow,
    attempt: Attempt<'_>,
    proof: Proof,
    earlier: Option<AccountVersion>,
    session: impl Fn(&UserRow) -> Result<(T, Item), Failure>,
) -> Result<SignInResult<T>, Failure> {
    let mut user = user;
    let mut retries = Retries::of_races();
    loop {
        if let Some(lock) = user.lock.state.live(attempt.now) {
            return Ok(SignInResult::Locked(lock.clone()));
        }
        if user.disabled {
            return Ok(SignInResult::Refused);
        }
        if earlier.is_some_and(|earlier| earlier != user.version()) {
            return Ok(SignInResult::Ended);
        }
        let (token, row) = session(&user)?;
        match store.open_session(row, &user, proof, attempt).await? {
            Opening::Opened => {
                return Ok(SignInResult::Opened {
                    token,
                    user: Box::new(user),
                });
            }
            Opening::ProofOutdated => return Ok(SignInResult::Refused),
            Opening::UserChanged => {
                user = match store.read_one::<UserRow>(&RowKey::user(attempt.login)).await? {
                    Some(user) => user,
                    None => return Ok(SignInResult::Refused),
                };
            }
        }
        if !retries.again().await {
            let lost = "TransactWriteItems: lost every race for the account";
            return Err(Failure::Unavailable(lost.to_owned()));
        }
    }
}

/// The row and token of a session under a bearer token or cookie.
pub(super) fn bearer(
    user: &UserRow,
    kind: SessionKind,
    second_factor_at: Option<Timestamp>,
    attempt: Attempt<'_>,
) -> Result<(Token, Item), Failure> {
    let token = Token::issue(&user.company, &user.login)?;
    let mut session = SessionRow::begin(
        kind,
        user.company.clone(),
        user.login.clone(),
        user.version(),
        attempt.now,
    );
    session.second_factor_at = second_factor_at;
    let row = session.to_item(&RowKey::session_of(&token), attempt.request_id);
    Ok((token, row))
}
