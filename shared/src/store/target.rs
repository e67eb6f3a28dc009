use super::{LockShards, RowKey};
use crate::id::{ActivitySessionId, Company, DeviceId, Kind, Login, ResourceId};

/// A row that a lock can guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockTarget {
    key: RowKey,
    company: Company,
    lock_shards: LockShards,
    changed_at: Option<&'static str>,
}

impl LockTarget {
    /// A device.
    #[must_use]
    pub fn device(company: &Company, id: &DeviceId) -> Self {
        Self::new(RowKey::device(company, id), company, Kind::Device)
    }

    /// A user account.
    #[must_use]
    pub fn user(company: &Company, login: &Login) -> Self {
        Self {
            changed_at: Some("changed_at"),
            ..Self::new(RowKey::user(login), company, Kind::User)
        }
    }

    /// An activity session.
    #[must_use]
    pub fn activity_session(company: &Company, id: ActivitySessionId) -> Self {
        Self::new(RowKey::activity_session(id), company, Kind::ActivitySession)
    }

    /// A user's access to a resource.
    #[must_use]
    pub fn access(company: &Company, resource: ResourceId, login: &Login) -> Self {
        Self::new(RowKey::access(resource, login), company, Kind::Access)
    }

    fn new(key: RowKey, company: &Company, kind: Kind) -> Self {
        Self {
            key,
            company: company.clone(),
            lock_shards: LockShards::new(company, kind),
            changed_at: None,
        }
    }

    /// The row's key.
    #[must_use]
    pub const fn key(&self) -> &RowKey {
        &self.key
    }

    /// The company that the row belongs to.
    pub(super) const fn company(&self) -> &Company {
        &self.company
    }

    /// The attribute that says when the row was last changed, for rows that have one.
    pub(super) const fn changed_at(&self) -> Option<&'static str> {
        self.changed_at
    }

    /// The shards of the index `locks` that have the row while it is locked.
    pub(super) const fn lock_shards(&self) -> &LockShards {
        &self.lock_shards
    }
}
