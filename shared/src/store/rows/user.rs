use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::failure::Corrupt;
use crate::id::{Company, Login};
use crate::lock::{Fence, Record, Timestamp};
use crate::store::item::{ms, n, s};
use crate::store::record::by_operator;
use crate::store::{Attributes, Item, Lockable, Row, RowKey, record};

/// A user account, as it is locked and as it says what the user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The company that the user belongs to.
    pub company: Company,
    /// The user's login.
    pub login: Login,
    /// The user's full name.
    pub name: String,
    /// Roles (Netwrix Privilege Secure).
    pub roles: Vec<String>,
    /// The groups of the user (Session Delivery Manager).
    pub groups: Vec<String>,
    /// Privileges (Aktion.NEXT).
    pub privileges: Vec<String>,
    /// The record group that the user belongs to (Aktion.NEXT).
    pub record_group: String,
    /// The record groups whose users the user may edit; `*` is every group (Aktion.NEXT).
    pub editable_groups: Vec<String>,
    /// From where the user may call (Aktion.NEXT).
    pub ip_filter: String,
    /// How many requests a token of the user serves (Aktion.NEXT).
    pub rate_policy: String,
    /// Addresses and CIDR blocks from where the user may always sign in, whatever strangers do.
    pub sources: Vec<String>,
    /// Whether the user is one of the system's own, which cannot be locked.
    pub system: bool,
    /// Whether a second factor is required (Netwrix Privilege Secure).
    pub mfa_required: bool,
    /// Whether an operator keeps the user from signing in. It is not a lock: nobody owns it.
    pub disabled: bool,
    /// How often an operator has ended all sessions of the user.
    pub revocations: u64,
    /// When the user was last changed.
    pub changed_at: Timestamp,
    /// The lock on the account.
    pub lock: Record,
}

/// What a session copies of its user's account at the sign-in: where either number has grown since, the session is dead
/// for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountVersion {
    /// A lock on the account raises it.
    pub fence: Fence,
    /// An operator raises it who ends the sessions, changes the secrets, disables the user or removes them.
    pub revocations: u64,
}

impl UserRow {
    /// The account as a session copies it.
    #[must_use]
    pub const fn version(&self) -> AccountVersion {
        AccountVersion {
            fence: self.lock.state.fence(),
            revocations: self.revocations,
        }
    }

    /// Whether the user may call at `now` with a session that copied `version`.
    #[must_use]
    pub fn admits(&self, version: AccountVersion, now: Timestamp) -> bool {
        !self.disabled && self.lock.state.live(now).is_none() && self.version() == version
    }
}

impl Row for UserRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            login: row.id("login")?,
            name: row.text("user_name")?,
            roles: row.texts("roles")?,
            groups: row.texts("groups")?,
            privileges: row.texts("privileges")?,
            record_group: row.text("record_group")?,
            editable_groups: row.texts("editable_groups")?,
            ip_filter: row.text("ip_filter")?,
            rate_policy: row.text("rate_policy")?,
            sources: row.texts("sources")?,
            system: row.truth("system_user")?,
            mfa_required: row.truth("mfa_required")?,
            disabled: row.flag("disabled")?,
            revocations: row.optional_number("revocations")?.unwrap_or(0),
            changed_at: row.timestamp("changed_at")?,
            lock: record(&mut row)?,
        })
    }
}

impl Lockable for UserRow {
    fn record(&self) -> &Record {
        &self.lock
    }
}

/// A user who is entered for the first time: free, with fence zero.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// The company that the user belongs to.
    pub company: &'a Company,
    /// The user's login.
    pub login: &'a Login,
    /// The user's full name.
    pub name: &'a str,
    /// Roles (Netwrix Privilege Secure).
    pub roles: &'a [String],
    /// Groups (Session Delivery Manager).
    pub groups: &'a [String],
    /// Privileges (Aktion.NEXT).
    pub privileges: &'a [String],
    /// The record group that the user belongs to (Aktion.NEXT).
    pub record_group: &'a str,
    /// The record groups whose users the user may edit (Aktion.NEXT).
    pub editable_groups: &'a [String],
    /// From where the user may call (Aktion.NEXT).
    pub ip_filter: &'a str,
    /// How many requests a token of the user serves (Aktion.NEXT).
    pub rate_policy: &'a str,
    /// From where the user signs in as no stranger.
    pub sources: &'a [String],
    /// Whether the user is one of the system's own.
    pub system: bool,
    /// Whether a second factor is required (Netwrix Privilege Secure).
    pub mfa_required: bool,
}

impl NewUser<'_> {
    /// The row as it is stored.
    #[must_use]
    pub fn to_item(&self, now: Timestamp) -> Item {
        let texts = |texts: &[String]| AttributeValue::L(texts.iter().map(s).collect());
        HashMap::from(
            [
                ("pk", s(RowKey::user(self.login).pk())),
                ("company", s(self.company.as_str())),
                ("login", s(self.login.as_str())),
                ("user_name", s(self.name)),
                ("roles", texts(self.roles)),
                ("groups", texts(self.groups)),
                ("privileges", texts(self.privileges)),
                ("record_group", s(self.record_group)),
                ("editable_groups", texts(self.editable_groups)),
                ("ip_filter", s(self.ip_filter)),
                ("rate_policy", s(self.rate_policy)),
                ("sources", texts(self.sources)),
                ("system_user", AttributeValue::Bool(self.system)),
                ("mfa_required", AttributeValue::Bool(self.mfa_required)),
                ("changed_at", ms(now)),
                ("fence", n(0)),
                ("rev", n(1)),
                ("change", n(1)),
                ("by", by_operator(now)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}
