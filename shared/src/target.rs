//! What a lock can guard, in the words of the API: `{kind}/{id}`.

use std::fmt;

use crate::id::{ActivitySessionId, DeviceId, Kind, Login, ResourceId};

/// One thing that a lock can guard, within a company.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A user's access to a resource: `access/<resource uuid>:<login>`.
    Access(ResourceId, Login),
    /// An activity session: `activity-session/<uuid>`.
    ActivitySession(ActivitySessionId),
    /// A network device: `device/<device id>`.
    Device(DeviceId),
    /// A user account: `user/<login>`.
    User(Login),
}

impl Target {
    /// The target that a client names; `None` for a kind that does not exist and for an id that its kind cannot have.
    #[must_use]
    pub fn parse(kind: &str, id: &str) -> Option<Self> {
        match Kind::parse(kind)? {
            Kind::Access => {
                let (resource, login) = id.split_once(':')?;
                Some(Self::Access(
                    ResourceId::try_from(resource).ok()?,
                    Login::try_from(login).ok()?,
                ))
            }
            Kind::ActivitySession => ActivitySessionId::try_from(id).ok().map(Self::ActivitySession),
            Kind::Device => DeviceId::try_from(id).ok().map(Self::Device),
            Kind::User => Login::try_from(id).ok().map(Self::User),
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Access(..) => Kind::Access,
            Self::ActivitySession(_) => Kind::ActivitySession,
            Self::Device(_) => Kind::Device,
            Self::User(_) => Kind::User,
        }
    }

    /// Its id, as clients write it.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Access(resource, login) => format!("{resource}:{login}"),
            Self::ActivitySession(id) => id.to_string(),
            Self::Device(id) => id.to_string(),
            Self::User(login) => login.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_is_written() {
        for (kind, id) in [
            ("device", "ID5"),
            ("user", "zoë/x.y:z"),
            ("activity-session", "6f9619ff-8b86-4011-b42d-00cf4fc964ff"),
            ("access", "6f9619ff-8b86-4011-b42d-00cf4fc964ff:zoë:x"),
        ] {
            let target = Target::parse(kind, id).unwrap();
            assert_eq!(
                (target.kind().as_str(), target.id().as_str()),
                (kind, id),
                "{target}"
            );
            assert_eq!(target.to_string(), format!("{kind}/{id}"));
        }
    }

    #[test]
    fn what_its_kind_cannot_have_is_not_a_target() {
        for (kind, id) in [
            ("Device", "ID5"),
            ("devices", "ID5"),
            ("", "ID5"),
            ("device", "a/b"),
            ("device", ""),
            ("user", ""),
            ("user", "a\nb"),
            ("activity-session", "7"),
            ("access", "6f9619ff-8b86-4011-b42d-00cf4fc964ff"),
            ("access", "7:alice"),
            ("access", "6f9619ff-8b86-4011-b42d-00cf4fc964ff:"),
        ] {
            assert_eq!(Target::parse(kind, id), None, "{kind}/{id}");
        }
    }
}
