use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::item::{ms, n, s};
use super::record::by;
use super::{ActorCheck, LockShards, LockTarget, Store, built_wrongly, expressions};
use crate::failure::Failure;
use crate::lock::{Break, Change, Epoch, Lock, Record, Revision, Timestamp, Writer};

/// An `UpdateItem` in DynamoDB's terms. Every lock attribute is set or removed, so that none is left over.
#[derive(Debug)]
pub struct Update {
    /// `SET`, and what becomes of the revision.
    revision: &'static str,
    /// What else is set.
    set: String,
    removed: Vec<&'static str>,
    pub(super) condition: Cow<'static, str>,
    /// `by` is a reserved word.
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Update {
    /// The change of the row that was read as `seen`, in `epoch`; `None` makes the row.
    #[must_use]
    pub fn change(
        change: &Change,
        seen: Option<&Record>,
        target: &LockTarget,
        writer: &Writer,
        now: Timestamp,
        epoch: Epoch,
    ) -> Self {
        let mut update = Self::next_revision(seen.map(|record| record.rev), target);
        update.names = Some(HashMap::from([("#by".to_owned(), "by".to_owned())]));
        update.set("#by", ":by", by(writer));
        if epoch.is_after(seen.map_or(0, |record| record.change)) {
            update.set("change", FIRST_CHANGE, n(epoch.first()));
        } else {
            // Counted by the table, because a break may go by its tenure alone and not know how often the row was changed.
            update
                .set
                .push_str(", change = if_not_exists(change, :zero) + :one");
            update.value(":zero", n(0));
            update.value(":one", n(1));
        }
        if let Some(changed_at) = target.changed_at() {
            update.set(changed_at, ":changed_at", ms(now));
        }
        match change {
            Change::Acquire {
                fence,
                lock,
                keeps_break,
            } => {
                if seen.is_some() {
                    update.condition = expressions::ACQUIRE.into();
                    update.value(":now", ms(now));
                } else {
                    update.condition = expressions::ACQUIRE_ABSENT.into();
                }
                update.set("fence", ":fence", n(fence.get()));
                update.begin(lock, target, writer);
                if !keeps_break {
                    update.remove(&BREAK_ATTRIBUTES);
                }
            }
            Change::Renew { lock, .. } => {
                update.condition = expressions::RENEW.into();
                update.value(":me", s(lock.owner.as_str()));
                update.lease_and_texts(lock);
            }
            Change::Release { owner, .. } => {
                update.condition = expressions::RELEASE.into();
                update.value(":me", s(owner.as_str()));
                update.remove(&LOCK_ATTRIBUTES);
            }
            Change::Break { broken, fence, lock } => {
                update.condition = expressions::BREAK.into();
                update.value(":fence", n(broken.fence.get()));
                update.value(":was", s(broken.owner.as_str()));
                update.set("fence", ":next_fence", n(fence.get()));
                update.tell(broken);
                match lock {
                    Some(lock) => update.begin(lock, target, writer),
                    None => update.remove(&LOCK_ATTRIBUTES),
                }
            }
            Change::Clear { fence } => {
                update.condition = expressions::CLEAR.into();
                update.value(":fence", n(fence.get()));
                update.value(":now", ms(now));
                update.remove(&LOCK_ATTRIBUTES);
            }
        }
        update
    }

    /// Raises the revision and changes nothing else; a row that is absent is made, free and with fence zero.
    #[must_use]
    pub fn touch(seen: Option<Revision>, target: &LockTarget) -> Self {
        let mut update = Self::next_revision(seen, target);
        if seen.is_some() {
            update.condition = expressions::TOUCH.into();
        } else {
            update.condition = expressions::TOUCH_ABSENT.into();
            update.set("fence", ":fence", n(0));
        }
        update
    }

    fn next_revision(seen: Option<Revision>, target: &LockTarget) -> Self {
        let mut update = Self {
            revision: "SET rev = :next",
            set: String::new(),
            removed: Vec::new(),
            condition: "".into(),
            names: None,
            values: HashMap::new(),
        };
        update.value(":next", n(seen.unwrap_or_default().next().get()));
        match seen {
            Some(seen) => update.value(":seen", n(seen.get())),
            None => update.set("company", ":company", s(target.company().as_str())),
        }
        update
    }

    /// Makes a break go by its tenure alone ([`Turn::insists`](crate::lock::Turn::insists)).
    pub fn at_any_revision(&mut self) {
        self.condition = if self.values.contains_key(FIRST_CHANGE) {
            format!(
                "{} AND {}",
                expressions::BREAK_AT_ANY_REVISION,
                expressions::CHANGE_BEFORE_EPOCH
            )
            .into()
        } else {
            expressions::BREAK_AT_ANY_REVISION.into()
        };
        self.revision = "SET rev = rev + :one";
        self.value(":one", n(1));
        // DynamoDB refuses a value that no expression names.
        self.values.remove(":seen");
        self.values.remove(":next");
    }

    /// The condition expression.
    #[must_use]
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// What the `:words` of both expressions mean.
    #[must_use]
    pub const fn values(&self) -> &HashMap<String, AttributeValue> {
        &self.values
    }

    /// What the `#words` of both expressions mean.
    #[must_use]
    pub const fn names(&self) -> Option<&HashMap<String, String>> {
        self.names.as_ref()
    }

    /// The update expression. DynamoDB takes `REMOVE` once in it.
    #[must_use]
    pub fn expression(&self) -> String {
        match self.removed.as_slice() {
            [] => format!("{}{}", self.revision, self.set),
            removed => format!("{}{} REMOVE {}", self.revision, self.set, removed.join(", ")),
        }
    }

    /// Adds the actor's check where the row is the actor's own: a transaction takes each row once.
    pub fn and_still_unlocked(&mut self, actor: &ActorCheck, now: Timestamp) {
        self.condition = format!("{} AND {}", self.condition, expressions::USER_STILL_UNLOCKED).into();
        for (name, value) in actor.values(now) {
            self.value(name, value);
        }
    }

    /// A tenure begins: everything of the lock, and its place in the index `locks`, which no renewal writes again.
    fn begin(&mut self, lock: &Lock, target: &LockTarget, writer: &Writer) {
        self.set("lock_owner", ":me", s(lock.owner.as_str()));
        self.set("lock_since", ":since", ms(lock.since));
        self.set("lock_request", ":request", s(writer.origin.request.as_str()));
        self.set("lock_shard", ":shard", s(target.lock_shards().of(&lock.owner)));
        self.set("lock_order", ":order", s(LockShards::order(lock, target.key())));
        self.lease_and_texts(lock);
    }

    /// What the old owner is told of a break.
    fn tell(&mut self, broken: &Break) {
        self.set("broken_owner", ":broken_owner", s(broken.owner.as_str()));
        self.set("broken_fence", ":broken_fence", n(broken.fence.get()));
        self.set("broken_by", ":broken_by", s(broken.by.as_str()));
        self.set("broken_at", ":broken_at", ms(broken.at));
        self.set("broken_reason", ":broken_reason", s(broken.reason.as_str()));
        self.set("broken_until", ":broken_until", ms(broken.until));
    }

    fn lease_and_texts(&mut self, lock: &Lock) {
        let optional = [
            ("lock_until", ":until", lock.until.map(ms)),
            ("lock_title", ":title", lock.title.clone().map(s)),
            ("lock_message", ":message", lock.message.clone().map(s)),
        ];
        let mut removed = Vec::with_capacity(optional.len());
        for (name, placeholder, value) in optional {
            match value {
                Some(value) => self.set(name, placeholder, value),
                None => removed.push(name),
            }
        }
        self.remove(&removed);
    }

    fn remove(&mut self, names: &[&'static str]) {
        self.removed.extend_from_slice(names);
    }

    fn set(&mut self, name: &str, placeholder: &str, value: AttributeValue) {
        self.set.push_str(", ");
        self.set.push_str(name);
        self.set.push_str(" = ");
        self.set.push_str(placeholder);
        self.value(placeholder, value);
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }
}

/// The number of a row's first change in an epoch.
const FIRST_CHANGE: &str = ":first_change";

/// What a release takes off a row. `lock_request` stays: it is how an acquisition whose answer was lost is recognised
/// after the release.
pub(super) const LOCK_ATTRIBUTES: [&str; 7] = [
    "lock_owner",
    "lock_since",
    "lock_until",
    "lock_title",
    "lock_message",
    "lock_shard",
    "lock_order",
];

/// What the first acquisition after the hold-off takes off a row.
pub(super) const BREAK_ATTRIBUTES: [&str; 6] = [
    "broken_owner",
    "broken_fence",
    "broken_by",
    "broken_at",
    "broken_reason",
    "broken_until",
];

impl Store {
    /// An update as a part of a transaction. Where its condition fails, the row as it is comes with the reason.
    pub(super) fn update_item(
        &self,
        target: &LockTarget,
        update: Update,
    ) -> Result<TransactWriteItem, Failure> {
        let update = aws_sdk_dynamodb::types::Update::builder()
            .table_name(self.table_name(target.key().table()))
            .key("pk", s(target.key().pk()))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(update.names)
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
