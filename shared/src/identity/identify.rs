use std::net::IpAddr;

use super::api_token::admit;
use super::{AdmissionRefusal, ApiCaller};
use crate::failure::Failure;
use crate::id::{Company, Login, RequestId};
use crate::lock::Timestamp;
use crate::secret::{ApiToken, Token};
use crate::store::{ActorCheck, RowKey, Rows, SessionKind, SessionRow, Store, UserRow};

/// A caller who has proved who they are, with what they may do at this request.
#[derive(Clone, Debug)]
pub struct Caller {
    session_key: RowKey,
    session: SessionRow,
    user: UserRow,
}

impl Caller {
    /// The company that they act in: the session's, never the request's.
    #[must_use]
    pub const fn company(&self) -> &Company {
        &self.user.company
    }

    /// Who they are.
    #[must_use]
    pub const fn login(&self) -> &Login {
        &self.user.login
    }

    /// What kind of session they called with.
    #[must_use]
    pub const fn kind(&self) -> SessionKind {
        self.session.kind
    }

    /// Their user row, read with this request.
    #[must_use]
    pub const fn user(&self) -> &UserRow {
        &self.user
    }

    /// Proof, for a transaction, that their account is as it was when they authenticated.
    #[must_use]
    pub fn actor_check(&self) -> ActorCheck {
        ActorCheck::new(self.user.login.clone(), self.session.account)
    }

    /// When the second factor of their sign-in was accepted.
    #[must_use]
    pub const fn second_factor_at(&self) -> Option<Timestamp> {
        self.session.second_factor_at
    }

    /// Whether they have a role (Netwrix Privilege Secure).
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.user.roles.iter().any(|held| held == role)
    }

    /// The user, for a sign-in that goes on from here.
    pub(super) fn into_user(self) -> UserRow {
        self.user
    }

    /// The session that they called with, and its key.
    pub(super) const fn session(&self) -> (&RowKey, &SessionRow) {
        (&self.session_key, &self.session)
    }
}

/// Why it is not known who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityRefusal {
    /// The token is unknown, expired or revoked, or it is of a kind that does not open this.
    Unauthenticated,
    /// The read failed.
    Failed(Failure),
}

impl From<Failure> for IdentityRefusal {
    fn from(error: Failure) -> Self {
        Self::Failed(error)
    }
}

/// Who calls with `token`, which must be of one of `kinds`, and the rows `also`, in one read.
///
/// A session is valid only while the user exists, is neither locked nor disabled, and still has the fence and the
/// revocations of the sign-in. A lock on the account raises the fence, so it ends every earlier session for good, also
/// after the unlock; an operator ends them by raising the revocations.
///
/// # Errors
/// [`IdentityRefusal`], of which a dialect makes its own 401 or 5xx.
pub async fn identify(
    store: &Store,
    token: &Token,
    kinds: &[SessionKind],
    also: &[RowKey],
    now: Timestamp,
) -> Result<(Caller, Rows), IdentityRefusal> {
    let [session_key, user_key] = RowKey::of_caller(token);
    let mut keys = vec![session_key.clone(), user_key.clone()];
    keys.extend_from_slice(also);
    let mut rows = store.read(&keys).await?;
    let session = rows.parse::<SessionRow>(&session_key)?;
    // The caller's own account may be what `also` asks for.
    let (Some(session), Some(user)) = (session, rows.parse_copy::<UserRow>(&user_key)?) else {
        return Err(IdentityRefusal::Unauthenticated);
    };
    let names_agree = session.company == *token.company()
        && session.login == *token.login()
        && user.company == session.company
        && user.login == session.login;
    let valid = names_agree
        && kinds.contains(&session.kind)
        && now < session.expires_at
        && user.admits(session.account, now);
    if !valid {
        return Err(IdentityRefusal::Unauthenticated);
    }
    let caller = Caller {
        session_key,
        session,
        user,
    };
    Ok((caller, rows))
}

/// The same for a token of the Aktion dialect: the row `also` is read beside the token's use, and what was found is told
/// only to a caller who may know it.
///
/// # Errors
/// [`AdmissionRefusal`]. Whether the read failed is told beside the caller: the caller's rights are checked first.
pub async fn identify_by_api_token(
    store: &Store,
    token: Option<&ApiToken>,
    source: Option<IpAddr>,
    also: Option<&RowKey>,
    now: Timestamp,
    request_id: &RequestId,
) -> Result<(ApiCaller, Result<Rows, Failure>), AdmissionRefusal> {
    let (admitted, rows) = futures_util::future::join(
        admit(store, token, source, now, request_id),
        store.read(also.map(std::slice::from_ref).unwrap_or_default()),
    )
    .await;
    Ok((admitted?, rows))
}
