use std::fmt;

/// The principal that a lock belongs to: a login, compared byte by byte.
///
/// The lock belongs to the user, not to a session; it survives sign-out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

impl Owner {
    /// The owner with this login. The login has been checked where it entered.
    #[must_use]
    pub fn new(login: impl Into<String>) -> Self {
        Self(login.into())
    }

    /// The login, as stored in `lock_owner` and as shown in answers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
