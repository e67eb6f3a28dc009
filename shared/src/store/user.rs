use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{ms, n, s};
use super::{Attributes, Corrupt, Item, LockAttributes, Lockable, RowKey};
use crate::id::{Company, Login};
use crate::lock::Timestamp;

/// A user account, as it is locked and as it says what the user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The company that the user belongs to.
    pub company: Company,
    /// The user's login.
    pub login: Login,
    /// The groups of the user (Session Delivery Manager).
    pub groups: Vec<String>,
    /// The lock on the account.
    pub lock: LockAttributes,
}

impl Lockable for UserRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            login: row.id("login")?,
            groups: row.texts("groups")?,
            lock: LockAttributes::parse(&mut row)?,
        })
    }

    fn lock_attributes(&self) -> &LockAttributes {
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
                ("changed_at", ms(now)),
                ("fence", n(0)),
                ("rev", n(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}
