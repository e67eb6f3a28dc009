//! Which rows say whether a target exists, and what they say.

use super::{AccessRow, LockTarget, ResourceRow, Row, RowKey, Rows, TargetRow, UserRow};
use crate::failure::Failure;
use crate::id::{Company, Kind};
use crate::lock::Record;
use crate::target::Target;

/// A target that exists in a company.
#[derive(Clone, Debug)]
pub struct FoundTarget {
    /// Its row. That of an access pair may not have been written yet: then its record is that of no row.
    pub row: TargetRow,
    /// What people call it.
    pub name: Option<String>,
}

impl RowKey {
    /// The row of a target.
    #[must_use]
    pub fn of_target(company: &Company, target: &Target) -> Self {
        match target {
            Target::Access(resource, login) => Self::access(*resource, login),
            Target::ActivitySession(id) => Self::activity_session(*id),
            Target::Device(id) => Self::device(company, id),
            Target::User(login) => Self::user(login),
        }
    }

    /// Every row that says whether a target exists, its own first. A pair exists by its two halves.
    #[must_use]
    pub fn all_of_target(company: &Company, target: &Target) -> Vec<Self> {
        let mut keys = vec![Self::of_target(company, target)];
        if let Target::Access(resource, login) = target {
            keys.extend([Self::resource(*resource), Self::user(login)]);
        }
        keys
    }

    /// Every row that a hold, a release or a break reads beside the caller's: the target's, and for a user the company's
    /// licences.
    #[must_use]
    pub fn to_lock(company: &Company, target: &Target) -> Vec<Self> {
        let mut keys = Self::all_of_target(company, target);
        if target.kind() == Kind::User {
            keys.push(Self::company(company));
        }
        keys
    }
}

impl LockTarget {
    /// The row that a lock on `target` guards.
    #[must_use]
    pub fn of(company: &Company, target: &Target) -> Self {
        match target {
            Target::Access(resource, login) => Self::access(company, *resource, login),
            Target::ActivitySession(id) => Self::activity_session(company, *id),
            Target::Device(id) => Self::device(company, id),
            Target::User(login) => Self::user(company, login),
        }
    }
}

impl Rows {
    /// The target, where it exists in `company`; the rows are those of [`RowKey::all_of_target`].
    ///
    /// # Errors
    /// [`Failure::Corrupt`] where a row cannot be understood.
    pub fn target(&mut self, company: &Company, target: &Target) -> Result<Option<FoundTarget>, Failure> {
        let key = RowKey::of_target(company, target);
        let Target::Access(resource, login) = target else {
            let row = self.parse::<TargetRow>(&key)?;
            return Ok(row.filter(|row| row.is_within(company)).map(|row| FoundTarget {
                name: row.name().map(str::to_owned),
                row,
            }));
        };
        let resource = self.parse::<ResourceRow>(&RowKey::resource(*resource))?;
        let user = self.parse::<UserRow>(&RowKey::user(login))?;
        let halves = resource
            .filter(|resource| resource.company == *company)
            .zip(user.filter(|user| user.company == *company && !user.system));
        // The halves come first: another company's pair is not there, whether it was ever locked or not.
        let Some((resource, user)) = halves else {
            return Ok(None);
        };
        let pair = self
            .take(&key)
            .map(|item| AccessRow::parse_for(company, item))
            .transpose()?;
        let row = pair.unwrap_or_else(|| AccessRow {
            company: company.clone(),
            lock: Record::default(),
        });
        Ok(Some(FoundTarget {
            name: Some(resource.name),
            row: TargetRow::Access(resource.id, user.login, row),
        }))
    }
}

impl TargetRow {
    /// Whether the row is one that the company has. The system's own users belong to none.
    #[must_use]
    pub fn is_within(&self, company: &Company) -> bool {
        self.company() == company && !matches!(self, Self::User(user) if user.system)
    }

    /// Reads the rows of a list: those that a company has.
    pub(super) fn listed(item: super::Item, company: &Company) -> Result<Option<Self>, Failure> {
        let row = Self::parse(item)?;
        Ok(Some(row).filter(|row| row.is_within(company)))
    }
}
