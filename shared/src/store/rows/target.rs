use super::{AccessRow, ActivitySessionRow, DeviceRow, UserRow};
use crate::failure::Corrupt;
use crate::id::{Company, Login, ResourceId};
use crate::lock::Record;
use crate::store::{Item, Lockable, Row};
use crate::target::Target;

/// The row of any target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRow {
    /// A user's access to a resource, whose row exists only once it was locked.
    Access(ResourceId, Login, AccessRow),
    /// An activity session.
    ActivitySession(ActivitySessionRow),
    /// A device.
    Device(DeviceRow),
    /// A user account.
    User(UserRow),
}

impl TargetRow {
    /// What it is the row of.
    #[must_use]
    pub fn target(&self) -> Target {
        match self {
            Self::Access(resource, login, _) => Target::Access(*resource, login.clone()),
            Self::ActivitySession(row) => Target::ActivitySession(row.id),
            Self::Device(row) => Target::Device(row.id.clone()),
            Self::User(row) => Target::User(row.login.clone()),
        }
    }

    /// The company that it belongs to.
    #[must_use]
    pub const fn company(&self) -> &Company {
        match self {
            Self::Access(_, _, row) => &row.company,
            Self::ActivitySession(row) => &row.company,
            Self::Device(row) => &row.company,
            Self::User(row) => &row.company,
        }
    }

    /// What people call it. A pair of user and resource has no name of its own.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Access(..) => None,
            Self::ActivitySession(row) => Some(&row.resource_name),
            Self::Device(row) => Some(&row.name),
            Self::User(row) => Some(&row.name),
        }
    }

    /// The user that a lock on it keeps out, where it keeps out one.
    #[must_use]
    pub const fn subject(&self) -> Option<&Login> {
        match self {
            Self::Access(_, login, _) => Some(login),
            Self::ActivitySession(row) => Some(&row.user),
            Self::Device(_) => None,
            Self::User(row) => Some(&row.login),
        }
    }
}

impl Row for TargetRow {
    /// Reads the row as what its key says it is.
    fn parse(item: Item) -> Result<Self, Corrupt> {
        const KEY: Corrupt = Corrupt { attribute: "pk" };
        let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).ok_or(KEY)?.clone();
        match pk.split_once('/').ok_or(KEY)? {
            ("access", pair) => {
                let (resource, login) = pair.split_once('/').ok_or(KEY)?;
                Ok(Self::Access(
                    ResourceId::try_from(resource).map_err(|_| KEY)?,
                    Login::try_from(login).map_err(|_| KEY)?,
                    AccessRow::parse(item)?,
                ))
            }
            ("activity-session", _) => ActivitySessionRow::parse(item).map(Self::ActivitySession),
            ("device", _) => DeviceRow::parse(item).map(Self::Device),
            ("user", _) => UserRow::parse(item).map(Self::User),
            _ => Err(KEY),
        }
    }
}

impl Lockable for TargetRow {
    fn record(&self) -> &Record {
        match self {
            Self::Access(_, _, row) => &row.lock,
            Self::ActivitySession(row) => &row.lock,
            Self::Device(row) => &row.lock,
            Self::User(row) => &row.lock,
        }
    }
}
