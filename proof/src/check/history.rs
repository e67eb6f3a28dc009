//! What a run has recorded, as it lies in the file of a history.
//!
//! Moments of operations are microseconds since 1970 of one clock that never goes back; times that the service tells are
//! milliseconds since 1970, as in its tables.

use serde::{Deserialize, Serialize};

/// Everything that was asked of one store and answered, and what the store holds in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the round in its run.
    pub round: u64,
    /// Whether an answer of the store may have been lost on its way to the service. Where none was, a release never says that
    /// it ended a tenure that another request ended.
    pub loses_answers: bool,
    /// The operations, in any order.
    pub operations: Vec<Operation>,
    /// What became of the targets.
    pub targets: Vec<TargetEnd>,
}

/// One request of a client, from its first byte to its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in the history.
    pub id: u64,
    /// Who asks.
    pub owner: String,
    /// Which way it went: the dialect and what served it.
    pub way: String,
    /// When it was sent.
    pub sent_us: u64,
    /// When it was over for everybody: answered, or the process that served it had ended. `None` where it may still be under way.
    pub ended_us: Option<u64>,
    /// The status of the answer; zero without one.
    pub status: u16,
    /// The invocation that served it, where the client knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// What it asks of each of its targets. All of it takes effect, or none does.
    pub parts: Vec<Part>,
}

/// What an operation asks of one target, and what it was told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `{kind}/{id}`.
    pub target: String,
    /// The question.
    pub ask: Ask,
    /// The answer.
    pub told: Told,
}

/// What is asked of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Take the lock, or keep it.
    Lock {
        /// What becomes of its lease.
        lease: AskedLease,
        /// A new title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The tenure to renew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fence: Option<u64>,
    },
    /// Give it back.
    Unlock {
        /// The tenure to give back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fence: Option<u64>,
    },
    /// End somebody else's tenure.
    Break {
        /// The tenure.
        fence: u64,
        /// Whether the breaker takes the lock.
        take: bool,
        /// The hold-off, in seconds.
        hold_off: u64,
        /// Why.
        reason: String,
    },
    /// Show the target.
    Read,
    /// Is this the live tenure?
    Check {
        /// Its fence.
        fence: u64,
    },
}

/// What becomes of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedLease {
    /// It stays.
    Keep,
    /// The lock has no end.
    Endless,
    /// It lasts so many seconds from the request on.
    Seconds(u64),
}

/// What the client was told of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nothing that helps: no answer, or one that says that the request may or may not have taken effect.
    Unknown,
    /// That the request was refused before anything was decided.
    Refused,
    /// That no lock in its way was found here; another target refused the request.
    NotInTheWay,
    /// How it ended.
    Ended(Ending),
    /// What the target looks like.
    Row(Row),
    /// Whether the fence is that of the live tenure.
    Current(bool),
}

/// How a request ended, as far as its dialect tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The outcomes that the answer may mean.
    pub outcomes: Vec<OutcomeKind>,
    /// The fence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The lock that holds now.
    #[serde(default)]
    pub lock: Shown<ShownLock>,
    /// The lock that was broken.
    #[serde(default)]
    pub broken: Shown<ShownLock>,
    /// The break that holds the caller off.
    #[serde(default)]
    pub last_break: Shown<ShownBreak>,
}

/// The outcomes of the lock protocol, without what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of `lock::Outcome`")]
pub enum OutcomeKind {
    Acquired,
    Renewed,
    AlreadyHeld,
    Released,
    WasFree,
    Broken,
    TenureOver,
    HeldBy,
    HeldOff,
    OtherTenure,
    YourOwn,
}

/// What an answer has a place for: it may be left out, empty or there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown<T> {
    /// The answer does not say.
    #[default]
    Untold,
    /// There is none.
    Absent,
    /// This.
    Present(T),
}

/// A target as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The fence of the latest tenure or break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The live lock.
    #[serde(default)]
    pub lock: Shown<ShownLock>,
    /// The latest break.
    #[serde(default)]
    pub last_break: Shown<ShownBreak>,
}

/// A lock as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownLock {
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was acquired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// When it ends.
    #[serde(default)]
    pub until: ShownEnd,
    /// Its title and its message, where both are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<(Option<String>, Option<String>)>,
}

/// The end of a lock as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShownEnd {
    /// The answer does not say.
    #[default]
    Untold,
    /// It has none.
    Never,
    /// It has one.
    Sometime,
    /// This one.
    At(i64),
}

/// A break as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownBreak {
    /// Whose lock was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Which tenure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// Who broke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the store holds of a target when everything is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetEnd {
    /// `{kind}/{id}`.
    pub target: String,
    /// Its row, where there is one.
    pub row: Option<EndRow>,
    /// Its records in the history table, the oldest first. `None` where none are kept.
    pub records: Option<Vec<ChangeRecord>>,
}

/// A target's row when everything is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRow {
    /// How often it was written.
    pub rev: u64,
    /// How often it was changed.
    pub change: u64,
    /// The fence.
    pub fence: u64,
    /// Whose lock is recorded.
    pub owner: Option<String>,
    /// When that lock was acquired.
    pub since_ms: Option<i64>,
    /// When it ends.
    pub until_ms: Option<i64>,
    /// Its title.
    pub title: Option<String>,
}

/// A record of the history table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "docs/history.md says what they are")]
pub struct ChangeRecord {
    pub change: u64,
    pub at_ms: i64,
    pub action: String,
    pub actor: String,
    pub owner_before: Option<String>,
    pub owner_after: Option<String>,
    pub fence_before: u64,
    pub fence_after: u64,
    pub until_ms: Option<i64>,
    pub dialect: String,
    pub request_id: String,
}
