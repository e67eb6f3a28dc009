use std::borrow::Cow;

use super::{Owner, State, Timestamp};

/// A row's revision: it grows by one with every write to the row, whatever writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(u64);

impl Revision {
    /// The revision with this number; zero is that of a row that does not exist.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as it is stored in `rev`.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The revision that the next write makes.
    #[must_use]
    pub const fn next(self) -> Self {
        // 2^64 writes to one row cannot happen.
        Self(self.0.saturating_add(1))
    }
}

/// The invocation that makes a write: the Lambda context's own request id, never the gateway's or the client's.
///
/// Every write records it, so that a write whose answer was lost is recognised when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The invocation with this id.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a request comes from, for the record of what it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The invocation.
    pub request: RequestId,
    /// The source address, as the gateway reports it; `unknown` where it does not.
    pub source: String,
    /// The wire format that the request came in.
    pub dialect: Cow<'static, str>,
}

impl Origin {
    /// The origin of the invocation `request`, of which nothing else is known.
    #[must_use]
    pub fn unknown(request: RequestId) -> Self {
        Self {
            request,
            source: "unknown".to_owned(),
            dialect: "unknown".into(),
        }
    }
}

/// Who changed a row, when and from where: the map `by` of a lockable row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The caller.
    pub actor: Owner,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub origin: Origin,
}

/// What a row records of its lock and of the writes that led there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The revision that a write must find.
    pub rev: Revision,
    /// How often the row was changed. Touches do not count.
    pub change: u64,
    /// The lock.
    pub state: State,
    /// Who changed the row last. A touch changes nothing, so it leaves this as it is.
    pub by: Option<Writer>,
    /// The invocation of the latest acquisition. It stays when the lock is gone, so that an acquisition whose answer
    /// was lost is recognised after a release, too.
    pub lock_request: Option<RequestId>,
}
