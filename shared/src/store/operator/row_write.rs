use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};

use super::counts::Counts;
use crate::failure::Failure;
use crate::id::{Company, Login};
use crate::lock::{Epoch, Revision, Writer};
use crate::secret::{ApiKeyHash, PasswordHash, Sealed};
use crate::store::item::{ms, n, s};
use crate::store::record::by;
use crate::store::tombstone::REMOVED_AT;
use crate::store::update::{BREAK_ATTRIBUTES, LOCK_ATTRIBUTES};
use crate::store::{
    Item, NewActivitySession, NewCredential, NewDevice, NewUser, ResourceRow, RowKey, Store, Table,
    built_wrongly, expressions,
};

/// What a credential's row loses when its user is removed.
const SECRETS: [&str; 3] = ["password_hash", "totp_secret", "api_key_hash"];

/// What the service counts by itself, whatever an operator enters.
const COUNTED: [&str; 7] = ["pk", "rev", "secrets_rev", "fence", "change", "by", "changed_at"];

/// A secret that takes the place of another; `None` takes it away.
#[derive(Clone, Copy, Debug)]
pub enum NewSecret<'a> {
    /// A password.
    Password(&'a PasswordHash),
    /// A second factor, sealed for the user.
    Totp(Option<&'a Sealed>),
    /// An API key.
    ApiKey(Option<&'a ApiKeyHash>),
}

impl NewSecret<'_> {
    fn attribute(self) -> (&'static str, Option<AttributeValue>) {
        match self {
            Self::Password(hash) => ("password_hash", Some(s(hash.reveal()))),
            Self::Totp(secret) => ("totp_secret", secret.map(|secret| s(secret.reveal()))),
            Self::ApiKey(hash) => ("api_key_hash", hash.map(|hash| s(hash.reveal()))),
        }
    }
}

/// What an operator does to one row.
#[derive(Clone, Debug)]
pub struct RowWrite {
    key: RowKey,
    seen: Option<Revision>,
    condition: &'static str,
    becomes: Presence,
    set: Item,
    unset: Vec<String>,
    revokes: bool,
}

/// What becomes of the row's presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Made,
    Kept,
    Removed,
    Returned,
}

impl RowWrite {
    /// Makes a row that was never there.
    fn make(key: RowKey, row: Item) -> Self {
        Self {
            key,
            seen: None,
            condition: expressions::ROW_ABSENT,
            becomes: Presence::Made,
            set: row,
            unset: Vec::new(),
            revokes: false,
        }
    }

    /// Makes the row or, where a tombstone was seen at `gone`, brings it back: its numbers go on, and the fence grows, so
    /// that nothing of the predecessor counts.
    fn enter(key: RowKey, row: Item, gone: Option<Revision>) -> Self {
        let Some(gone) = gone else {
            return Self::make(key, row);
        };
        let mut set = row;
        set.retain(|name, _| !COUNTED.contains(&name.as_str()));
        Self {
            seen: Some(gone),
            condition: expressions::RETURN_ROW,
            becomes: Presence::Returned,
            unset: vec![REMOVED_AT.to_owned(), "disabled".to_owned()]
                .into_iter()
                .filter(|name| !set.contains_key(name))
                .collect(),
            set,
            ..Self::make(key, Item::new())
        }
    }

    /// Enters a user; `gone` is the revision of the tombstone that was seen, where there is one.
    #[must_use]
    pub fn enter_user(user: &NewUser<'_>, gone: Option<Revision>, by: &Writer) -> Self {
        Self::enter(RowKey::user(user.login), user.to_item(by.at), gone)
    }

    /// Enters a credential; `gone` is the revision of the tombstone that was seen, where there is one.
    #[must_use]
    pub fn enter_credential(credential: &NewCredential<'_>, gone: Option<Revision>) -> Self {
        Self::enter(RowKey::credential(credential.login), credential.to_item(), gone)
    }

    /// Enters a device; `gone` is the revision of the tombstone that was seen, where there is one.
    #[must_use]
    pub fn enter_device(device: &NewDevice<'_>, gone: Option<Revision>, by: &Writer) -> Self {
        let key = RowKey::device(device.company, device.id);
        Self::enter(key, device.to_item(by.at), gone)
    }

    /// Enters a resource and its name: two writes; `gone` are the revisions of the tombstones that were seen, where there
    /// are some.
    #[must_use]
    pub fn enter_resource(resource: &ResourceRow, gone: [Option<Revision>; 2]) -> [Self; 2] {
        let keys = resource.keys();
        let [row, name] = resource.to_items();
        let ([key, name_key], [gone, name_gone]) = (keys, gone);
        [
            Self::enter(key, row, gone),
            Self::enter(name_key, name, name_gone),
        ]
    }

    /// Enters a company with what it has bought.
    #[must_use]
    pub fn enter_company(company: &Company, name: &str, licences: &[String], gone: Option<Revision>) -> Self {
        let key = RowKey::company(company);
        let licences = licences.iter().map(s).collect();
        let row = HashMap::from(
            [
                ("pk", s(key.pk())),
                ("company", s(company.as_str())),
                ("company_name", s(name)),
                ("licences", AttributeValue::L(licences)),
                ("rev", n(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Self::enter(key, row, gone)
    }

    /// Enters an activity session that was never there.
    #[must_use]
    pub fn enter_activity_session(session: &NewActivitySession<'_>, by: &Writer) -> Self {
        Self::make(RowKey::activity_session(session.id), session.to_item(by.at))
    }

    /// The same, of a user who cannot sign in until they are enabled.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.set.insert("disabled".to_owned(), AttributeValue::Bool(true));
        self.unset.retain(|name| name != "disabled");
        self
    }

    /// Sets attributes of the row that was seen at this revision, and takes others off; its lock stays as it is.
    #[must_use]
    pub fn change(key: RowKey, seen: Revision, set: Item, unset: &[&str]) -> Self {
        let mut set = set;
        set.retain(|name, _| !COUNTED.contains(&name.as_str()));
        Self {
            seen: Some(seen),
            condition: expressions::CHANGE_ROW,
            becomes: Presence::Kept,
            set,
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::make(key, Item::new())
        }
    }

    /// Keeps a user from signing in from now on, and ends all their sessions.
    #[must_use]
    pub fn disable(login: &Login, seen: Revision) -> Self {
        let set = HashMap::from([("disabled".to_owned(), AttributeValue::Bool(true))]);
        Self::change(RowKey::user(login), seen, set, &[]).revoking()
    }

    /// Lets a user sign in again.
    #[must_use]
    pub fn enable(login: &Login, seen: Revision) -> Self {
        Self::change(RowKey::user(login), seen, Item::new(), &["disabled"])
    }

    /// Ends all sessions of a user.
    #[must_use]
    pub fn revoke_sessions(login: &Login, seen: Revision) -> Self {
        Self::revoke_sessions_of(RowKey::user(login), seen)
    }

    /// The same by the key of the user's row.
    #[must_use]
    pub fn revoke_sessions_of(user: RowKey, seen: Revision) -> Self {
        Self::change(user, seen, Item::new(), &[]).revoking()
    }

    /// Puts secrets in the place of others: two writes, of which the second ends all sessions of the user. `credential` and
    /// `user` are the revisions of the two rows that were seen.
    #[must_use]
    pub fn change_secrets(
        login: &Login,
        secrets: &[NewSecret<'_>],
        credential: Revision,
        user: Revision,
    ) -> [Self; 2] {
        let mut set = Item::new();
        let mut unset = Vec::new();
        for secret in secrets {
            match secret.attribute() {
                (name, Some(value)) => drop(set.insert(name.to_owned(), value)),
                (name, None) => unset.push(name),
            }
        }
        [
            Self::change(RowKey::credential(login), credential, set, &unset),
            Self::revoke_sessions(login, user),
        ]
    }

    /// Takes the lock off the row that was seen at this revision.
    #[must_use]
    pub fn end_lock(key: RowKey, seen: Revision) -> Self {
        Self::change(key, seen, Item::new(), &LOCK_ATTRIBUTES)
    }

    /// Removes the person or thing of the row that was seen at this revision: a tombstone stays, without a lock, without
    /// secrets and in no list. A user's sessions end.
    #[must_use]
    pub fn remove(key: RowKey, seen: Revision) -> Self {
        let unset = match key.table() {
            Table::Identity => SECRETS.to_vec(),
            Table::Resources | Table::History => [
                &LOCK_ATTRIBUTES[..],
                &BREAK_ATTRIBUTES,
                &["listing_shard", "listing_order"],
            ]
            .concat(),
        };
        Self {
            condition: expressions::REMOVE_ROW,
            becomes: Presence::Removed,
            revokes: key.is_user(),
            ..Self::change(key, seen, Item::new(), &unset)
        }
    }

    /// The same, and all sessions of the user end whose row this is.
    #[must_use]
    pub fn revoking(self) -> Self {
        Self {
            revokes: true,
            ..self
        }
    }

    /// The row.
    #[must_use]
    pub const fn key(&self) -> &RowKey {
        &self.key
    }
}

impl Store {
    /// The write as a part of a transaction.
    pub(super) fn operator_item(
        &self,
        write: &RowWrite,
        writer: &Writer,
        counts: &Counts,
    ) -> Result<TransactWriteItem, Failure> {
        let table = self.table_name(write.key.table());
        // The rows of the other table say nothing of who wrote them.
        let is_signed = write.key.table() == Table::Resources;
        let Some(seen) = write.seen else {
            let mut row = write.set.clone();
            if is_signed {
                row.insert("by".to_owned(), by(writer));
                row.insert("change".to_owned(), n(counts.first()));
            }
            // A session of a user whose row the tables have lost must not count for the one who gets the login now.
            if write.key.is_user() && self.epoch() != Epoch::default() {
                row.insert("revocations".to_owned(), n(counts.first()));
            }
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(row))
                .condition_expression(write.condition)
                .build()
                .map_err(built_wrongly)?;
            return Ok(TransactWriteItem::builder().put(put).build());
        };
        let mut expression = Expression::new(write.key.revision_attribute(), seen);
        let grow = |expression: &mut Expression, name: &'static str| {
            match counts.jump(&write.key, name)? {
                Some(number) => expression.set(name, n(number)),
                None => expression.grow(name),
            }
            Ok::<_, Failure>(())
        };
        for (name, value) in &write.set {
            expression.set(name, value.clone());
        }
        if is_signed {
            expression.set("by", by(writer));
            grow(&mut expression, "change")?;
        }
        if write.key.is_user() {
            expression.set("changed_at", ms(writer.at));
        }
        match write.becomes {
            Presence::Removed => expression.set(REMOVED_AT, ms(writer.at)),
            Presence::Returned if is_signed => grow(&mut expression, "fence")?,
            // A credential has no fence.
            Presence::Returned | Presence::Made | Presence::Kept => {}
        }
        // A tombstone's number may be one of the state that the tables were put back to.
        let is_back = write.becomes == Presence::Returned && self.epoch() != Epoch::default();
        if write.revokes || (is_back && write.key.is_user()) {
            grow(&mut expression, "revocations")?;
        }
        for name in &write.unset {
            expression.remove(name);
        }
        let update = Update::builder()
            .table_name(table)
            .key("pk", s(write.key.pk()))
            .update_expression(expression.text())
            .condition_expression(write.condition)
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .build()
            .map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// An update expression of attributes whose names are not known beforehand, some of which are DynamoDB's own words.
struct Expression {
    set: Vec<String>,
    removed: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Raises the revision, which `revision` names.
    fn new(revision: &str, seen: Revision) -> Self {
        Self {
            set: vec!["#rev = :next".to_owned()],
            removed: Vec::new(),
            names: HashMap::from([("#rev".to_owned(), revision.to_owned())]),
            values: HashMap::from([
                (":seen".to_owned(), n(seen.get())),
                (":next".to_owned(), n(seen.next().get())),
            ]),
        }
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        let name = self.name(name);
        let placeholder = format!(":v{}", self.values.len());
        self.set.push(format!("{name} = {placeholder}"));
        self.values.insert(placeholder, value);
    }

    /// One more than before; a number that is absent counts as zero.
    fn grow(&mut self, name: &str) {
        let name = self.name(name);
        self.set
            .push(format!("{name} = if_not_exists({name}, :zero) + :one"));
        self.values.insert(":zero".to_owned(), n(0));
        self.values.insert(":one".to_owned(), n(1));
    }

    fn remove(&mut self, name: &str) {
        let name = self.name(name);
        self.removed.push(name);
    }

    fn text(&self) -> String {
        let set = self.set.join(", ");
        match self.removed.as_slice() {
            [] => format!("SET {set}"),
            removed => format!("SET {set} REMOVE {}", removed.join(", ")),
        }
    }
}
