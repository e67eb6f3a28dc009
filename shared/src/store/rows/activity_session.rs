use std::collections::HashMap;

use crate::failure::Corrupt;
use crate::id::{ActivitySessionId, Company, Kind, Login, ResourceId};
use crate::lock::{Record, Timestamp};
use crate::store::index::ListingShards;
use crate::store::item::{ms, n, s};
use crate::store::record::by_operator;
use crate::store::{Attributes, Item, Lockable, Row, RowKey, record};

/// The status of an activity session, in the product's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus(i8);

impl SessionStatus {
    /// The user is at work.
    pub const ACTIVE: Self = Self(1);
    /// The session has ended.
    pub const COMPLETE: Self = Self(3);

    /// The status with the product's number.
    #[must_use]
    pub const fn new(number: i8) -> Self {
        Self(number)
    }

    /// The product's number, from -1 to 7.
    #[must_use]
    pub const fn number(self) -> i8 {
        self.0
    }

    /// The list that a session with this status is in.
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
    /// Its status.
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
                ("change", n(1)),
                ("by", by_operator(now)),
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
pub(in crate::store) fn sessions_of(company: &Company, class: StatusClass) -> ListingShards {
    ListingShards::new(Kind::ActivitySession, company, class.as_str())
}
