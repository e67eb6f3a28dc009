//! A session for a password, in the words of neither dialect.

use holdfast::audit::Outcome;
use holdfast::failure::Failure;
use holdfast::id::Login;
use holdfast::identity::{SignInResult, open_session, verify_password};
use holdfast::lock::Lock;
use holdfast::runtime::{self, App};
use holdfast::secret::{Password, Token};
use holdfast::store::{Attempt, SessionKind, UserRow};
use lambda_http::Request;

/// Why a password opens no session.
pub(crate) enum PasswordRefusal {
    /// It is wrong, or was changed since; or the login is unknown or closed.
    Wrong,
    /// It is right, and the account is locked.
    Locked(Lock),
}

/// Opens a session of `kind`, and notes what became of it.
pub(crate) async fn open(
    app: &App,
    request: &Request,
    (login, password): (Login, Password),
    kind: SessionKind,
) -> Result<Result<(Token, Box<UserRow>), PasswordRefusal>, Failure> {
    let (notes, request_id) = (runtime::audit(request), runtime::request_id(request));
    let attempt = Attempt {
        login: &login,
        source: runtime::source(request),
        now: app.clock.now(),
        request_id: &request_id,
    };
    let user = match verify_password(&app.store, &app.passwords, attempt, password).await? {
        Ok(user) => user,
        Err(denial) => {
            crate::note(&notes, &denial, &login);
            return Ok(Err(PasswordRefusal::Wrong));
        }
    };
    notes.actor(user.company(), &login);
    Ok(match open_session(&app.store, user, kind, attempt).await? {
        SignInResult::Opened { token, user } => Ok((token, user)),
        SignInResult::Locked(lock) => {
            notes.outcome(Outcome::LockedAccount);
            Err(PasswordRefusal::Locked(lock))
        }
        SignInResult::Refused | SignInResult::Ended => {
            notes.outcome(Outcome::ChangedSecrets);
            Err(PasswordRefusal::Wrong)
        }
    })
}
