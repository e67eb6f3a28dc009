//! The entries of a directory, from a file and from the tables alike.

use std::fmt;

use holdfast::id::{ActivitySessionId, Company, DeviceId, Login};
use holdfast::identity::RatePolicy;
use holdfast::secret::{ApiKeyHash, Password, PasswordHash, TotpSecret};
use holdfast::store::{ActivitySessionRow, ResourceRow};
use serde::Serialize;

use crate::field::{Fields, Value};

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A company.
    Company,
    /// A resource that activity sessions are opened on.
    Resource,
    /// A user.
    User,
    /// A network device.
    Device,
    /// An activity session that a file opens.
    ActivitySession,
}

impl EntryKind {
    /// The word for it: the API's, where the API has one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Resource => "resource",
            Self::User => "user",
            Self::Device => "device",
            Self::ActivitySession => "activity-session",
        }
    }
}

/// Which entry is meant. Displays in the words of the API: `device/ID5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What it is.
    pub kind: EntryKind,
    /// The company that it belongs to; of a company, itself.
    pub company: Company,
    /// Its id within its kind, and of a device within its company.
    pub id: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)
    }
}

/// A company.
#[derive(Clone, Debug)]
pub(crate) struct CompanyEntry {
    pub(crate) id: Company,
    pub(crate) name: String,
    pub(crate) licences: Vec<String>,
}

/// A user with what they authenticate with.
#[derive(Clone, Debug)]
pub(crate) struct UserEntry {
    pub(crate) company: Company,
    pub(crate) login: Login,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) privileges: Vec<String>,
    pub(crate) record_group: String,
    pub(crate) editable_groups: Vec<String>,
    pub(crate) ip_filter: String,
    pub(crate) rate_policy: RatePolicy,
    pub(crate) sources: Vec<String>,
    pub(crate) system: bool,
    pub(crate) mfa_required: bool,
    /// `None` leaves it as it is: a file that says nothing must not let someone in again who was kept out in a hurry.
    pub(crate) disabled: Option<bool>,
    pub(crate) secrets: Secrets,
}

/// What a file gives someone to authenticate with. What it does not give stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    pub(crate) password: Option<Secret>,
    pub(crate) totp: Option<TotpSecret>,
    pub(crate) api_key: Option<ApiKeyHash>,
}

/// A password, or the hash of one that is known elsewhere.
#[derive(Clone, Debug)]
pub(crate) enum Secret {
    Password { password: Password, is_empty: bool },
    Hash(PasswordHash),
}

/// A network device.
#[derive(Clone, Debug)]
pub(crate) struct DeviceEntry {
    pub(crate) company: Company,
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    pub(crate) ip: String,
    pub(crate) description: String,
}

/// An activity session that is open from the start.
#[derive(Clone, Debug)]
pub(crate) struct SessionEntry {
    pub(crate) id: ActivitySessionId,
    pub(crate) user: UserEntry,
    pub(crate) resource: ResourceRow,
    pub(crate) activity: String,
}

impl CompanyEntry {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            kind: EntryKind::Company,
            company: self.id.clone(),
            id: self.id.to_string(),
        }
    }

    pub(crate) fn fields(&self) -> Fields {
        vec![
            ("name", text(&self.name)),
            ("licences", Value::Texts(self.licences.clone())),
        ]
    }
}

impl UserEntry {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            kind: EntryKind::User,
            company: self.company.clone(),
            id: self.login.to_string(),
        }
    }

    pub(crate) fn fields(&self) -> Fields {
        vec![
            ("name", text(&self.name)),
            ("mfa", text(mfa(self.mfa_required))),
            ("roles", Value::Texts(self.roles.clone())),
            ("groups", Value::Texts(self.groups.clone())),
            ("privileges", Value::Texts(self.privileges.clone())),
            ("record_group", text(&self.record_group)),
            ("editable_groups", Value::Texts(self.editable_groups.clone())),
            ("ip_filter", text(&self.ip_filter)),
            ("rate_policy", text(self.rate_policy.to_string())),
            ("sources", Value::Texts(self.sources.clone())),
            ("system", Value::Truth(self.system)),
        ]
    }
}

/// The word of the file for whether a second factor is required.
pub(crate) const fn mfa(is_required: bool) -> &'static str {
    if is_required { "required" } else { "not-required" }
}

impl DeviceEntry {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            kind: EntryKind::Device,
            company: self.company.clone(),
            id: self.id.to_string(),
        }
    }

    pub(crate) fn fields(&self) -> Fields {
        vec![
            ("name", text(&self.name)),
            ("ip", text(&self.ip)),
            ("description", text(&self.description)),
        ]
    }
}

/// Which entry a resource is.
pub(crate) fn subject_of_resource(resource: &ResourceRow) -> Subject {
    Subject {
        kind: EntryKind::Resource,
        company: resource.company.clone(),
        id: resource.id.to_string(),
    }
}

/// What a file says of a resource.
pub(crate) fn fields_of_resource(resource: &ResourceRow) -> Fields {
    vec![("name", text(&resource.name))]
}

impl SessionEntry {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            kind: EntryKind::ActivitySession,
            company: self.resource.company.clone(),
            id: self.id.to_string(),
        }
    }

    /// Of the resource its id: it keeps that when its name changes.
    pub(crate) fn fields(&self) -> Fields {
        fields_of_work(
            self.user.login.as_str(),
            self.resource.id.to_string(),
            &self.activity,
        )
    }
}

/// What a file says of an activity session.
pub(crate) fn fields_of_session(session: &ActivitySessionRow) -> Fields {
    fields_of_work(
        session.user.as_str(),
        session.resource.to_string(),
        &session.activity,
    )
}

fn fields_of_work(user: &str, resource: String, activity: &str) -> Fields {
    vec![
        ("user", text(user)),
        ("resource", text(resource)),
        ("activity", text(activity)),
    ]
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
