use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::item::{ms, n, s};
use super::key::ListingShards;
use super::record::by;
use super::update::REMOVE_LOCK;
use super::{
    Attributes, Corrupt, Item, Lockable, Retries, Row, RowKey, Store, StoreError, Table, Transacted, UserRow,
    built_wrongly, expressions, failed_condition, record,
};
use crate::id::{ActivitySessionId, Company, Login, RequestId, ResourceId};
use crate::lock::{Record, Timestamp, Writer};

/// Where an activity session stands, in the product's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus(i8);

impl SessionStatus {
    /// The user is at work.
    pub const ACTIVE: Self = Self(1);
    /// The session has ended.
    pub const COMPLETE: Self = Self(3);

    /// The product's number, from -1 to 7.
    #[must_use]
    pub const fn number(self) -> i8 {
        self.0
    }

    /// The list that a session with this status stands in.
    #[must_use]
    pub const fn class(self) -> StatusClass {
        match self.0 {
            -1 | 0 => StatusClass::Pending,
            1 | 2 => StatusClass::Active,
            _ => StatusClass::Historical,
        }
    }

    /// Whether the session has ended, one way or another.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self.class(), StatusClass::Historical)
    }
}

/// The three lists of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    /// Active or cancelling.
    Active,
    /// Pending or waiting for approval.
    Pending,
    /// Complete, failed, cancelled or denied.
    Historical,
}

impl StatusClass {
    /// The class as clients name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Historical => "historical",
        }
    }

    /// The class that a client names; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Pending, Self::Historical]
            .into_iter()
            .find(|class| text.eq_ignore_ascii_case(class.as_str()))
    }
}

/// A user's session on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivitySessionRow {
    /// The company that it belongs to.
    pub company: Company,
    /// Its id.
    pub id: ActivitySessionId,
    /// The user at work.
    pub user: Login,
    /// The user's full name when the session was opened.
    pub user_name: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// The resource that it is on.
    pub resource: ResourceId,
    /// The resource's name when the session was opened.
    pub resource_name: String,
    /// What the user does there.
    pub activity: String,
    /// What the user noted.
    pub note: Option<String>,
    /// Where it stands.
    pub status: SessionStatus,
    /// When the work began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The lock on it.
    pub lock: Record,
}

impl Row for ActivitySessionRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            id: row.id("activity_session_id")?,
            user: row.id("login")?,
            user_name: row.text("user_name")?,
            created_at: row.timestamp("created_at")?,
            resource: row.id("resource_id")?,
            resource_name: row.text("resource_name")?,
            activity: row.text("activity_name")?,
            note: row.optional_text("session_note")?,
            status: SessionStatus(row.number("session_status")?),
            started_at: row.optional_timestamp("started_at")?,
            ended_at: row.optional_timestamp("ended_at")?,
            lock: record(&mut row)?,
        })
    }
}

impl Lockable for ActivitySessionRow {
    fn record(&self) -> &Record {
        &self.lock
    }
}

/// A session that is opened: active, free, with fence zero.
#[derive(Clone, Debug)]
pub struct NewActivitySession<'a> {
    /// The company that it belongs to.
    pub company: &'a Company,
    /// Its id.
    pub id: ActivitySessionId,
    /// The user at work.
    pub user: &'a Login,
    /// The user's full name.
    pub user_name: &'a str,
    /// The resource that it is on.
    pub resource: ResourceId,
    /// The resource's name.
    pub resource_name: &'a str,
    /// What the user does there.
    pub activity: &'a str,
    /// What the user notes.
    pub note: Option<&'a str>,
}

impl NewActivitySession<'_> {
    /// The row, complete with its place in the list.
    #[must_use]
    pub fn to_item(&self, now: Timestamp) -> Item {
        let key = RowKey::activity_session(self.id);
        let list = sessions_of(self.company, StatusClass::Active);
        let mut row = HashMap::from(
            [
                ("listing_shard", s(list.of(&key))),
                // Thirteen digits of milliseconds last until the year 2286; the id keeps the order total.
                ("listing_order", s(format!("{:013}/{}", now.unix_ms(), self.id))),
                ("pk", s(key.pk())),
                ("company", s(self.company.as_str())),
                ("activity_session_id", s(self.id.to_string())),
                ("login", s(self.user.as_str())),
                ("user_name", s(self.user_name)),
                ("created_at", ms(now)),
                ("resource_id", s(self.resource.to_string())),
                ("resource_name", s(self.resource_name)),
                ("activity_name", s(self.activity)),
                ("session_status", n(SessionStatus::ACTIVE.number())),
                ("started_at", ms(now)),
                ("fence", n(0)),
                ("rev", n(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        if let Some(note) = self.note {
            row.insert("session_note".to_owned(), s(note));
        }
        row
    }
}

/// The list of a company's sessions of one class.
pub(super) fn sessions_of(company: &Company, class: StatusClass) -> ListingShards {
    ListingShards::new("activity-session", company, class.as_str())
}

/// How ending a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<E> {
    /// It has ended, now or before.
    Done,
    /// There is no such session.
    Gone,
    /// The session changed so that the caller may no longer end it.
    Refused(E),
}

impl Store {
    /// Opens a session: one transaction that also proves that neither the account nor the user's access to the
    /// resource has been locked since they were read. False where a lock was faster.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn open_activity_session(
        &self,
        row: Item,
        user: &UserRow,
        resource: ResourceId,
        now: Timestamp,
        request_id: &RequestId,
    ) -> Result<bool, StoreError> {
        let mut row = row;
        let writer = Writer {
            actor: user.login.to_owner(),
            request: request_id.clone(),
        };
        row.insert("by".to_owned(), by(&writer));
        let table = self.table_name(Table::Resources);
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(row))
            .condition_expression(expressions::ACTIVITY_SESSION_ABSENT)
            .build()
            .map_err(built_wrongly)?;
        let access = ConditionCheck::builder()
            .table_name(table)
            .key("pk", s(RowKey::access(resource, &user.login).pk()))
            .condition_expression(expressions::ACCESS_FREE)
            .expression_attribute_values(":now", ms(now))
            .build()
            .map_err(built_wrongly)?;
        let plan = vec![
            TransactWriteItem::builder().put(put).build(),
            self.unlocked_user(user, now)?,
            TransactWriteItem::builder().condition_check(access).build(),
        ];
        Ok(self.transact(plan).await? == Transacted::Done)
    }

    /// Ends the session `seen` and takes its lock off, in one write: no session is ever both ended and locked.
    ///
    /// `allowed` is asked of every state of the row before it is written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] after losing [`Retries::TRIES`] races or [`Retries::WITHIN`], and whatever the store itself reports.
    pub async fn end_activity_session<E>(
        &self,
        seen: ActivitySessionRow,
        now: Timestamp,
        writer: &Writer,
        allowed: impl Fn(&ActivitySessionRow) -> Result<(), E>,
    ) -> Result<Ended<E>, StoreError> {
        let mut row = seen;
        let mut retries = Retries::of_races();
        loop {
            if row.status.has_ended() {
                return Ok(Ended::Done);
            }
            if let Err(refusal) = allowed(&row) {
                return Ok(Ended::Refused(refusal));
            }
            let key = RowKey::activity_session(row.id);
            let historical = sessions_of(&row.company, StatusClass::Historical).of(&key);
            let sent = self
                .client()
                .update_item()
                .table_name(self.table_name(key.table()))
                .key("pk", s(key.pk()))
                .update_expression(format!(
                    "SET session_status = :complete, ended_at = :now, listing_shard = :historical, rev = :next, \
                     #by = :by{REMOVE_LOCK}"
                ))
                .condition_expression(expressions::END_ACTIVITY_SESSION)
                .expression_attribute_values(":complete", n(SessionStatus::COMPLETE.number()))
                .expression_attribute_values(":now", ms(now))
                .expression_attribute_values(":historical", AttributeValue::S(historical))
                .expression_attribute_values(":seen", n(row.lock.rev.get()))
                .expression_attribute_values(":next", n(row.lock.rev.next().get()))
                .expression_attribute_names("#by", "by")
                .expression_attribute_values(":by", by(writer))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(Ended::Done),
                Err(error) => match failed_condition(error)? {
                    None => return Ok(Ended::Gone),
                    // This very write, made before, is among the states that have ended.
                    Some(newer) => row = ActivitySessionRow::parse(newer)?,
                },
            }
            if !retries.again().await {
                return Err(StoreError::Unavailable(
                    "UpdateItem: lost every race for the session".to_owned(),
                ));
            }
        }
    }
}
