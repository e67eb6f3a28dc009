use crate::id::{Company, Login};
use crate::lock::Timestamp;
use crate::secret::Token;
use crate::store::{ActorCheck, Corrupt, Lockable, RowKey, Rows, SessionKind, SessionRow, UserRow};

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
        ActorCheck::new(self.user.login.clone(), self.session.user_fence)
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

    /// Whether they belong to one of `groups` (Session Delivery Manager).
    #[must_use]
    pub fn is_in_any_group(&self, groups: &[&str]) -> bool {
        self.user
            .groups
            .iter()
            .any(|group| groups.contains(&group.as_str()))
    }
}

/// Who calls with `token`, which must be of one of `kinds`, from the session and user rows that were read for it
/// ([`RowKey::of_caller`]); `None` for a token that is unknown, expired or revoked.
///
/// A session is valid only while the user row exists, is unlocked and still has the fence of the sign-in. A lock
/// on the account raises the fence, so it ends every earlier session for good, also after the unlock.
///
/// # Errors
/// [`Corrupt`] where a row cannot be understood.
pub fn authenticate(
    rows: &mut Rows,
    token: &Token,
    kinds: &[SessionKind],
    now: Timestamp,
) -> Result<Option<Caller>, Corrupt> {
    let [session_key, user_key] = RowKey::of_caller(token);
    let (Some(session), Some(user)) = (rows.take(&session_key), rows.take(&user_key)) else {
        return Ok(None);
    };
    let session = SessionRow::parse(session)?;
    let user = UserRow::parse(user)?;
    let names_agree = session.company == *token.company()
        && session.login == *token.login()
        && user.company == session.company
        && user.login == session.login;
    let valid = names_agree
        && kinds.contains(&session.kind)
        && now < session.expires_at
        && user.lock.state.live(now).is_none()
        && user.lock.state.fence() == session.user_fence;
    Ok(valid.then_some(Caller {
        session_key,
        session,
        user,
    }))
}
