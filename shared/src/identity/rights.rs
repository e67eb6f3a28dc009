use crate::store::UserRow;

/// What a user may do, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    roles: Vec<String>,
    groups: Vec<String>,
    privileges: Vec<String>,
    editable_groups: Vec<String>,
    licences: Vec<String>,
}

impl Rights {
    /// The rights of `user`, whose company has `licences`.
    #[must_use]
    pub fn of(user: &UserRow, licences: Vec<String>) -> Self {
        Self {
            roles: user.roles.clone(),
            groups: user.groups.clone(),
            privileges: user.privileges.clone(),
            editable_groups: user.editable_groups.clone(),
            licences,
        }
    }

    /// The rights that these words are.
    #[must_use]
    pub const fn new(
        roles: Vec<String>,
        groups: Vec<String>,
        privileges: Vec<String>,
        editable_groups: Vec<String>,
        licences: Vec<String>,
    ) -> Self {
        Self {
            roles,
            groups,
            privileges,
            editable_groups,
            licences,
        }
    }

    /// Whether they have a role (Netwrix Privilege Secure), for example `Admin`.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// The groups that they belong to (Session Delivery Manager).
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether they have a privilege (Aktion.NEXT), for example `Users.Edit`.
    #[must_use]
    pub fn has_privilege(&self, privilege: &str) -> bool {
        self.privileges.iter().any(|held| held == privilege)
    }

    /// Whether their company has a licence for an agenda (Aktion.NEXT), for example `Users`.
    #[must_use]
    pub fn is_licensed_for(&self, agenda: &str) -> bool {
        self.licences.iter().any(|licence| licence == agenda)
    }

    /// Whether they may edit the records of a group (Aktion.NEXT); `*` is every group.
    #[must_use]
    pub fn may_edit_records_of(&self, record_group: &str) -> bool {
        self.editable_groups
            .iter()
            .any(|group| group == "*" || group == record_group)
    }
}
