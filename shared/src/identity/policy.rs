//! Who may do what, for every dialect: each policy is one call, and says which right is missing.

use super::{ApiCaller, Caller};
use crate::store::SessionKind;

/// The kinds of session that a bearer token opens. Which of the two it is decides [`both_factors`].
pub const BEARER_KINDS: [SessionKind; 2] = [SessionKind::Netwrix, SessionKind::NetwrixFirstFactor];

/// The groups whose members may lock and unlock devices (Session Delivery Manager).
const GROUPS_THAT_LOCK: [&str; 3] = ["LIAdministrators", "administrators", "provisioners"];

/// A right that a caller needs for what they ask, and does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRight {
    /// A session with both factors.
    SecondFactor,
    /// The role `Admin` (Netwrix Privilege Secure).
    AdminRole,
    /// A group whose members lock devices (Session Delivery Manager).
    LockingGroup,
    /// The privilege `Users.View` (Aktion.NEXT).
    ViewUsers,
    /// The privilege `Users.Edit` (Aktion.NEXT).
    EditUsers,
    /// The privilege `Users.Blocked.Edit` (Aktion.NEXT).
    EditBlocked,
    /// The company's licence for the agenda `Users` (Aktion.NEXT).
    UsersLicence,
}

impl MissingRight {
    /// What the caller is told, where the dialect has no words of its own.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SecondFactor => "The second factor is missing: complete the sign-in at /signin2fa.",
            Self::AdminRole => "The role Admin is missing.",
            Self::LockingGroup => "None of your groups may lock or unlock devices.",
            Self::ViewUsers => "The privilege Users.View is missing.",
            Self::EditUsers => "The privilege Users.Edit is missing.",
            Self::EditBlocked => "The privilege Users.Blocked.Edit is missing.",
            Self::UsersLicence => "Your company has no licence for Users.",
        }
    }
}

const fn required(condition: bool, right: MissingRight) -> Result<(), MissingRight> {
    if condition { Ok(()) } else { Err(right) }
}

/// The policy `MfaRequired`: both factors are proved.
///
/// # Errors
/// [`MissingRight::SecondFactor`] for a first-factor token.
pub fn both_factors(caller: &Caller) -> Result<(), MissingRight> {
    required(caller.kind() == SessionKind::Netwrix, MissingRight::SecondFactor)
}

/// The policy `MfaRequired` with the role `Admin`.
///
/// # Errors
/// [`MissingRight`], naming which of the two is missing.
pub fn admin(caller: &Caller) -> Result<(), MissingRight> {
    both_factors(caller)?;
    required(is_admin(caller), MissingRight::AdminRole)
}

/// Whether the caller has the role `Admin`.
#[must_use]
pub fn is_admin(caller: &Caller) -> bool {
    caller.has_role("Admin")
}

/// Locking and unlocking devices.
///
/// # Errors
/// [`MissingRight::LockingGroup`]
pub fn lock_devices(caller: &Caller) -> Result<(), MissingRight> {
    required(
        caller.is_in_any_group(&GROUPS_THAT_LOCK),
        MissingRight::LockingGroup,
    )
}

/// Reading user accounts.
///
/// # Errors
/// [`MissingRight::ViewUsers`]
pub fn view_users(caller: &ApiCaller) -> Result<(), MissingRight> {
    required(caller.has_privilege("Users.View"), MissingRight::ViewUsers)
}

/// Locking and unlocking user accounts.
///
/// # Errors
/// The first right that is missing, in the order of the contract's table.
pub fn lock_users(caller: &ApiCaller) -> Result<(), MissingRight> {
    required(caller.has_privilege("Users.Edit"), MissingRight::EditUsers)?;
    required(
        caller.has_privilege("Users.Blocked.Edit"),
        MissingRight::EditBlocked,
    )?;
    required(caller.is_licensed_for("Users"), MissingRight::UsersLicence)
}
