use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::item::{ms, n, s};
use super::record::by;
use super::{ActorCheck, LockTarget, Store, built_wrongly, expressions};
use crate::failure::Failure;
use crate::lock::{Change, Lock, Revision, Timestamp, Writer};

/// An `UpdateItem` in DynamoDB's terms. Every lock attribute is set or removed, so that none is left over.
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) condition: Cow<'static, str>,
    /// `by` is a reserved word.
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Update {
    /// The change of a row that was read at revision `seen`; `None` makes the row.
    pub(super) fn change(
        change: &Change,
        seen: Option<Revision>,
        target: &LockTarget,
        writer: &Writer,
        now: Timestamp,
    ) -> Self {
        let mut update = Self::next_revision(seen, target);
        update.names = Some(HashMap::from([("#by".to_owned(), "by".to_owned())]));
        update.set("#by", ":by", by(writer));
        if let Some(changed_at) = target.changed_at() {
            update.set(changed_at, ":changed_at", ms(now));
        }
        match change {
            Change::Acquire { fence, lock } => {
                if seen.is_some() {
                    update.condition = expressions::ACQUIRE.into();
                    update.value(":now", ms(now));
                } else {
                    update.condition = expressions::ACQUIRE_ABSENT.into();
                }
                update.set("fence", ":fence", n(fence.get()));
                update.set("lock_owner", ":me", s(lock.owner.as_str()));
                update.set("lock_since", ":since", ms(lock.since));
                update.set("lock_request", ":request", s(writer.request.as_str()));
                update.set("lock_shard", ":shard", s(target.lock_shard()));
                update.lease_and_texts(lock);
            }
            Change::Renew { lock, .. } => {
                update.condition = expressions::RENEW.into();
                update.value(":me", s(lock.owner.as_str()));
                update.lease_and_texts(lock);
            }
            Change::Release { owner, .. } => {
                update.condition = expressions::RELEASE.into();
                update.value(":me", s(owner.as_str()));
                update.expression.push_str(REMOVE_LOCK);
            }
        }
        update
    }

    /// Raises the revision and changes nothing else; a row that is absent is made, free and with fence zero.
    pub(super) fn touch(seen: Option<Revision>, target: &LockTarget) -> Self {
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
            expression: String::from("SET rev = :next"),
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

    /// Adds the actor's check where the row is the actor's own: a transaction takes each row once.
    pub(super) fn and_still_unlocked(&mut self, actor: &ActorCheck, now: Timestamp) {
        self.condition = format!("{} AND {}", self.condition, expressions::USER_STILL_UNLOCKED).into();
        for (name, value) in actor.values(now) {
            self.value(name, value);
        }
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
        if !removed.is_empty() {
            self.expression.push_str(" REMOVE ");
            self.expression.push_str(&removed.join(", "));
        }
    }

    fn set(&mut self, name: &str, placeholder: &str, value: AttributeValue) {
        self.expression.push_str(", ");
        self.expression.push_str(name);
        self.expression.push_str(" = ");
        self.expression.push_str(placeholder);
        self.value(placeholder, value);
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }
}

/// What a release takes off a row. `lock_request` stays: it is how an acquisition whose answer was lost is recognised
/// after the release.
pub(super) const REMOVE_LOCK: &str =
    " REMOVE lock_owner, lock_since, lock_until, lock_title, lock_message, lock_shard";

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
            .update_expression(update.expression)
            .condition_expression(update.condition)
            .set_expression_attribute_names(update.names)
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(built_wrongly)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
