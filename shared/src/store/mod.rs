//! DynamoDB: keys, rows and the conditional writes. Rows are parsed once, here, at the border.

mod activity_session;
mod actor;
mod admission;
mod attempt_watch;
mod attempts;
mod client;
mod error;
pub mod expressions;
mod history;
mod index;
mod item;
mod key;
mod lists;
mod lock_shards;
mod locking;
mod opening;
mod operator;
mod plan;
mod read;
mod record;
mod retries;
mod rows;
mod schema;
mod session;
mod stream;
mod target;
mod targets;
mod tombstone;
mod transact;
mod trust;
mod update;

use std::fmt;

use aws_sdk_dynamodb::Client;

use crate::lock::Epoch;

pub use activity_session::EndResult;
pub use actor::ActorCheck;
pub use attempts::Attempt;
pub use client::{Timeouts, client};
pub use history::{HistoryPage, HistoryRange, HistoryRecord};
pub use item::Item;
pub use key::{RowKey, Table};
pub use lists::{Page, PageRequest};
pub use lock_shards::LockShards;
pub use locking::{LockCall, LockResult};
pub use operator::{
    AttemptsRow, Counted, NewSecret, OPERATOR, OperatorResult, RowWrite, SecretsHeld, StoredPage, StoredRow,
    TableFault, operator,
};
pub use plan::{MAX_ROWS, PlannedRow};
pub use read::Rows;
pub use record::{Lockable, Row};
pub use retries::Retries;
pub use rows::{
    AccessRow, AccountVersion, ActivitySessionRow, CompanyRow, DeviceRow, NewActivitySession, NewCredential,
    NewDevice, NewUser, ResourceRow, SessionKind, SessionRow, SessionStatus, SourceRow, StatusClass,
    StrangersRow, TargetRow, UserRow,
};
pub use schema::{GlobalIndex, HISTORY, IDENTITY, RESOURCES, TableDefinition};
pub use stream::StreamRecord;
pub use target::LockTarget;
pub use targets::FoundTarget;
pub use transact::{FailedConditions, TransactionResult};
pub use trust::{Trust, UnusableBundle};
pub use update::Update;

pub(crate) use admission::TokenUse;
pub(crate) use attempts::{AttemptKind, DAY, LIMIT, LOCKOUT, StrangersPlan, strangers_limit};
pub(crate) use opening::{Factor, Opening, Proof};
pub(crate) use rows::{ApiSessionRow, Count, Counter, CredentialRow, NewApiSession};

use error::{built_wrongly, classify, failed_condition, made};
use item::Attributes;
use record::record;

/// The names of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Users, devices, activity sessions and what else a lock guards.
    pub resources: String,
    /// Credentials and sessions.
    pub identity: String,
    /// What happened. Empty for a function that neither writes nor reads it.
    pub history: String,
}

/// The tables, a client that reaches them, and the epoch in which their rows are written. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    tables: Tables,
    epoch: Epoch,
}

impl Store {
    /// The store that `client` reaches under these table names, never put back to an earlier state.
    #[must_use]
    pub fn new(client: Client, tables: Tables) -> Self {
        Self {
            client,
            tables,
            epoch: Epoch::default(),
        }
    }

    /// The same in `epoch`: fences, changes and revocations go on from its first number at least.
    #[must_use]
    pub fn in_epoch(self, epoch: Epoch) -> Self {
        Self { epoch, ..self }
    }

    /// The epoch in which rows are written.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The client, for what sets up or inspects tables around the service: the local server, the tests and the bench.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The configured name of a table.
    #[must_use]
    pub fn table_name(&self, table: Table) -> &str {
        match table {
            Table::Resources => &self.tables.resources,
            Table::Identity => &self.tables.identity,
            Table::History => &self.tables.history,
        }
    }

    fn table_named(&self, name: &str) -> Option<Table> {
        [Table::Resources, Table::Identity, Table::History]
            .into_iter()
            .find(|table| self.table_name(*table) == name)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("tables", &self.tables)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
