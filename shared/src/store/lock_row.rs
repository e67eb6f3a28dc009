use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{ms, n, s};
use super::{Attributes, Corrupt, Item, LockTarget, Store, StoreError, expressions, failed_condition};
use crate::id::RequestId;
use crate::lock::{self, Change, Decision, Fence, Lock, Outcome, Owner, State, Timestamp};

/// How often a request is decided and written anew after losing a race to another write.
const ATTEMPTS: usize = 3;

/// A row's revision: it grows by one on every write to the row, whatever writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rev(u64);

impl Rev {
    /// The number, as it stands in the table.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What every lockable row carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockAttributes {
    /// The revision that a write must find.
    pub rev: Rev,
    /// The lock.
    pub state: State,
    /// The invocation that wrote the row last.
    last_request: Option<RequestId>,
    /// The invocation that acquired the lock which stands on the row.
    lock_request: Option<RequestId>,
}

impl LockAttributes {
    /// Takes the lock attributes out of a row.
    ///
    /// # Errors
    /// [`Corrupt`] where one of them is missing or of the wrong type.
    pub fn parse(row: &mut Attributes) -> Result<Self, Corrupt> {
        let fence = Fence::new(row.number("fence")?);
        let recorded = match row.optional_text("lock_owner")? {
            None => None,
            Some(owner) => Some(Lock {
                owner: Owner::new(owner),
                since: row.timestamp("lock_since")?,
                until: row.optional_timestamp("lock_until")?,
                title: row.optional_text("lock_title")?,
                message: row.optional_text("lock_message")?,
            }),
        };
        Ok(Self {
            rev: Rev(row.number("rev")?),
            state: State::new(fence, recorded),
            last_request: row.optional_text("last_request")?.map(RequestId::new),
            lock_request: row.optional_text("lock_request")?.map(RequestId::new),
        })
    }
}

/// A row type that a lock can stand on.
pub trait Lockable: Sized {
    /// Reads the row as the store hands it over.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood.
    fn parse(item: Item) -> Result<Self, Corrupt>;

    /// Its lock attributes.
    fn lock_attributes(&self) -> &LockAttributes;
}

/// How a lock request on one row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied<E> {
    /// Decided, and written where there was something to write.
    Done(Outcome),
    /// The row vanished between the read and the write.
    Gone,
    /// The row changed between the read and the write so that the request is no longer allowed.
    Refused(E),
}

impl Store {
    /// Carries out `request` on the row `seen`: decides purely, writes once with a condition, and where the
    /// condition fails goes on from the row that made it fail, without a second read.
    ///
    /// `still_allowed` is asked again of every newer state of the row before it is written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] after losing three races in a row, and whatever the store itself reports.
    pub async fn apply_lock<R: Lockable, E>(
        &self,
        target: &LockTarget,
        seen: R,
        request: &lock::Request,
        now: Timestamp,
        request_id: &RequestId,
        still_allowed: impl Fn(&R) -> Result<(), E>,
    ) -> Result<Applied<E>, StoreError> {
        let mut row = seen;
        for _ in 0..ATTEMPTS {
            let attributes = row.lock_attributes();
            let (change, outcome) = match lock::decide(&attributes.state, request, now) {
                Decision::Answer(outcome) => return Ok(Applied::Done(outcome)),
                Decision::Write(change, outcome) => (change, outcome),
            };
            let update = Update::of(&change, Some(attributes.rev), target, now, request_id);
            row = match self.write(target, update).await? {
                Written::Made => return Ok(Applied::Done(outcome)),
                Written::Absent => return Ok(Applied::Gone),
                Written::Newer(item) => R::parse(item)?,
            };
            if is_my_own_write(&change, row.lock_attributes(), request_id) {
                return Ok(Applied::Done(outcome));
            }
            if let Err(refusal) = still_allowed(&row) {
                return Ok(Applied::Refused(refusal));
            }
        }
        Err(StoreError::Unavailable(
            "UpdateItem: lost every race for the row".to_owned(),
        ))
    }

    async fn write(&self, target: &LockTarget, update: Update) -> Result<Written, StoreError> {
        let sent = self
            .client()
            .update_item()
            .table_name(self.table_name(target.key().table()))
            .key("pk", s(target.key().pk()))
            .update_expression(update.expression)
            .condition_expression(update.condition)
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::None)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Written::Made),
            Err(error) => Ok(failed_condition(error)?.map_or(Written::Absent, Written::Newer)),
        }
    }
}

/// What became of a conditional write.
enum Written {
    /// It was made.
    Made,
    /// The condition failed: there is no such row.
    Absent,
    /// The condition failed: this is the row now.
    Newer(Item),
}

/// Whether a failed condition only means that the very same write had been made before: its answer was lost and
/// the SDK sent it again. To report that as someone else's lock is the oldest bug of lock clients.
fn is_my_own_write(change: &Change, found: &LockAttributes, request_id: &RequestId) -> bool {
    if found.last_request.as_ref() == Some(request_id) {
        return true;
    }
    // Someone else wrote in between. What was asked for may have come about all the same.
    match change {
        // The tenure that this invocation began still stands.
        Change::Acquire { .. } => found.lock_request.as_ref() == Some(request_id),
        // A renewal that was overwritten is decided again: the lock may be gone.
        Change::Renew { .. } => false,
        // The tenure is over; whoever holds the lock now holds another.
        Change::Release { fence, owner } => !found.state.is_tenure(owner, *fence),
    }
}

/// An `UpdateItem` in DynamoDB's terms. Every lock attribute is set or removed, so that none is left over.
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) condition: &'static str,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Update {
    /// The update of a row that was read at revision `seen`; `None` makes the row.
    pub(super) fn of(
        change: &Change,
        seen: Option<Rev>,
        target: &LockTarget,
        now: Timestamp,
        request_id: &RequestId,
    ) -> Self {
        let next = seen.map_or(Rev(1), Rev::next);
        let mut update = Self {
            expression: String::from("SET rev = :next, last_request = :request"),
            condition: "",
            values: HashMap::from([
                (":next".to_owned(), n(next.get())),
                (":request".to_owned(), s(request_id.as_str())),
            ]),
        };
        match seen {
            Some(seen) => update.value(":seen", n(seen.get())),
            None => update.set("company", ":company", s(target.company().as_str())),
        }
        if let Some(changed_at) = target.changed_at() {
            update.set(changed_at, ":changed_at", ms(now));
        }
        match change {
            Change::Acquire { fence, lock } => {
                if seen.is_some() {
                    update.condition = expressions::ACQUIRE;
                    update.value(":now", ms(now));
                } else {
                    update.condition = expressions::ACQUIRE_ABSENT;
                }
                update.set("fence", ":fence", n(fence.get()));
                update.set("lock_owner", ":me", s(lock.owner.as_str()));
                update.set("lock_since", ":since", ms(lock.since));
                update.set("lock_request", ":request", s(request_id.as_str()));
                update.set("lock_shard", ":shard", s(target.lock_shard()));
                update.lease_and_texts(lock);
            }
            Change::Renew { lock, .. } => {
                update.condition = expressions::RENEW;
                update.value(":me", s(lock.owner.as_str()));
                update.lease_and_texts(lock);
            }
            Change::Release { owner, .. } => {
                update.condition = expressions::RELEASE;
                update.value(":me", s(owner.as_str()));
                update.expression.push_str(
                    " REMOVE lock_owner, lock_since, lock_until, lock_title, lock_message, lock_request, lock_shard",
                );
            }
        }
        update
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
