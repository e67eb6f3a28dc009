//! Who may do what, for every dialect: each policy is one call, and says which right is missing.

use std::time::Duration;

use super::{Caller, Principal, Rights, SignIn};
use crate::id::Kind;
use crate::lock::Timestamp;
use crate::store::{SessionKind, TargetRow};

/// The kinds of session that a bearer token opens. Which of the two it is decides [`both_factors`].
pub const BEARER_KINDS: [SessionKind; 2] = [SessionKind::Netwrix, SessionKind::NetwrixFirstFactor];

/// For how long a second factor counts for what asks for a recent one (RFC 9470, `max_age`).
pub const SECOND_FACTOR_COUNTS: Duration = Duration::from_mins(5);

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
    /// The record group of the user (Aktion.NEXT).
    RecordGroup,
    /// A sign-in with a password.
    InteractiveSignIn,
    /// A second factor that was given within [`SECOND_FACTOR_COUNTS`].
    RecentSecondFactor,
    /// The privilege `Locks.Break`.
    BreakLocks,
    /// That the lock to be broken keeps out someone else.
    NotYourself,
    /// That the account is someone else's.
    NotYourAccount,
    /// One of the roles that see every lock of the company.
    SeeLocks,
    /// One of the roles that read the history.
    SeeHistory,
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
            Self::RecordGroup => "You may not edit users of this record group.",
            Self::InteractiveSignIn => "Sign in with a password and a code.",
            Self::RecentSecondFactor => "The second factor is too old: sign in again.",
            Self::BreakLocks => "The privilege Locks.Break is missing.",
            Self::NotYourself => "You cannot break a lock on yourself.",
            Self::NotYourAccount => "You cannot lock or unlock your own account.",
            Self::SeeHistory => "The role Admin or Auditor is missing.",
            Self::SeeLocks => {
                "The role Admin or Auditor is missing: you see your own locks (owner=me) and those on devices."
            }
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
pub fn lock_devices(groups: &[String]) -> Result<(), MissingRight> {
    required(
        groups
            .iter()
            .any(|group| GROUPS_THAT_LOCK.contains(&group.as_str())),
        MissingRight::LockingGroup,
    )
}

/// Reading user accounts.
///
/// # Errors
/// [`MissingRight::ViewUsers`]
pub fn view_users(rights: &Rights) -> Result<(), MissingRight> {
    required(rights.has_privilege("Users.View"), MissingRight::ViewUsers)
}

/// Locking and unlocking user accounts.
///
/// # Errors
/// The first right that is missing, in the order of the contract's table.
pub fn lock_users(rights: &Rights) -> Result<(), MissingRight> {
    required(rights.has_privilege("Users.Edit"), MissingRight::EditUsers)?;
    required(
        rights.has_privilege("Users.Blocked.Edit"),
        MissingRight::EditBlocked,
    )?;
    required(rights.is_licensed_for("Users"), MissingRight::UsersLicence)
}

/// Holding and releasing locks of a kind, by Holdfast's own API: what the kind's own dialect asks for.
///
/// # Errors
/// The first right that is missing.
pub fn hold(rights: &Rights, kind: Kind) -> Result<(), MissingRight> {
    match kind {
        Kind::Device => lock_devices(rights.groups()),
        Kind::User => lock_users(rights),
        Kind::ActivitySession | Kind::Access => required(rights.has_role("Admin"), MissingRight::AdminRole),
    }
}

/// Holding and releasing the lock on this row.
///
/// # Errors
/// [`MissingRight::NotYourAccount`], [`MissingRight::RecordGroup`]
pub fn hold_row(principal: &Principal, row: &TargetRow) -> Result<(), MissingRight> {
    match row {
        TargetRow::User(user) => {
            required(user.login != principal.login, MissingRight::NotYourAccount)?;
            required(
                principal.rights.may_edit_records_of(&user.record_group),
                MissingRight::RecordGroup,
            )
        }
        TargetRow::Access(..) | TargetRow::ActivitySession(_) | TargetRow::Device(_) => Ok(()),
    }
}

/// Breaking locks. `Admin` does not imply it.
///
/// # Errors
/// [`MissingRight::BreakLocks`]
pub fn break_locks(rights: &Rights) -> Result<(), MissingRight> {
    required(rights.has_privilege("Locks.Break"), MissingRight::BreakLocks)
}

/// Breaking the lock on this row, which must not keep out the caller.
///
/// # Errors
/// [`MissingRight::NotYourself`], [`MissingRight::RecordGroup`]
pub fn break_row(principal: &Principal, row: &TargetRow) -> Result<(), MissingRight> {
    required(row.subject() != Some(&principal.login), MissingRight::NotYourself)?;
    hold_row(principal, row)
}

/// A sign-in with a password and a code, not long ago.
///
/// # Errors
/// [`MissingRight::InteractiveSignIn`] for a machine, [`MissingRight::SecondFactor`] where none was ever given, and
/// [`MissingRight::RecentSecondFactor`].
pub fn recent_second_factor(sign_in: SignIn, now: Timestamp) -> Result<(), MissingRight> {
    match sign_in {
        SignIn::Machine => Err(MissingRight::InteractiveSignIn),
        SignIn::Person {
            second_factor_at: None,
        } => Err(MissingRight::SecondFactor),
        SignIn::Person {
            second_factor_at: Some(at),
        } => required(
            now.since(at) <= SECOND_FACTOR_COUNTS,
            MissingRight::RecentSecondFactor,
        ),
    }
}

/// Whether the caller sees every lock of their company, and why one was broken.
#[must_use]
pub fn sees_all(rights: &Rights) -> bool {
    rights.has_role("Admin") || rights.has_role("Auditor")
}

/// Seeing locks of a kind. Everybody sees their own locks, and the locks on devices.
///
/// # Errors
/// [`MissingRight::SeeLocks`]
pub fn see(rights: &Rights, kind: Kind, is_own: bool) -> Result<(), MissingRight> {
    required(
        is_own || kind == Kind::Device || sees_all(rights),
        MissingRight::SeeLocks,
    )
}

/// Reading the history, which is a person's to read.
///
/// # Errors
/// [`MissingRight::InteractiveSignIn`], [`MissingRight::SeeLocks`]
pub fn read_history(principal: &Principal) -> Result<(), MissingRight> {
    required(
        principal.sign_in != SignIn::Machine,
        MissingRight::InteractiveSignIn,
    )?;
    required(sees_all(&principal.rights), MissingRight::SeeHistory)
}
