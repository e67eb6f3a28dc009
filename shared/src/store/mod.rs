//! DynamoDB: keys, rows and the conditional writes. Rows are parsed once, here, at the border.

mod activity_session;
mod admission;
mod attempt_watch;
mod attempts;
mod client;
mod device;
mod error;
pub mod expressions;
mod item;
mod key;
mod listing;
mod lock_row;
mod lock_rows;
mod opening;
mod read;
mod record;
mod resource;
mod retries;
mod rows;
mod schema;
mod session;
mod transact;
mod trust;
mod update;
mod user;

use std::fmt;

use aws_sdk_dynamodb::Client;

pub use activity_session::{ActivitySessionRow, Ended, NewActivitySession, SessionStatus, StatusClass};
pub use attempts::Attempt;
pub use client::{Timeouts, client};
pub use device::{DeviceRow, NewDevice};
pub use error::{Corrupt, StoreError};
pub use item::Item;
pub use key::{LockTarget, RowKey, Table};
pub use listing::{Page, PageRequest};
pub use lock_row::{LockCall, LockResult};
pub use lock_rows::{MAX_ROWS, PlannedRow};
pub use read::Rows;
pub use record::{Lockable, Row};
pub use resource::{AccessRow, ResourceRow};
pub use retries::Retries;
pub use rows::{NewCredential, SessionKind, SessionRow};
pub use schema::{GlobalIndex, IDENTITY, RESOURCES, TableDefinition};
pub use transact::{FailedConditions, Transacted};
pub use trust::{Trust, UnusableBundle};
pub use user::{ActorCheck, NewUser, UserRow};

pub(crate) use admission::TokenUse;
pub(crate) use attempts::{Counted, DAY, LIMIT, LOCKOUT, StrangersPlan, strangers_limit};
pub(crate) use opening::{Factor, Opening, Proof};
pub(crate) use rows::{
    ApiSessionRow, CompanyRow, Count, Counter, CredentialRow, NewApiSession, SourceRow, StrangersRow,
};

use error::{built_wrongly, classify, failed_condition};
use item::Attributes;
use record::record;

/// The names of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Users, devices, activity sessions and what else a lock guards.
    pub resources: String,
    /// Credentials and sessions.
    pub identity: String,
}

/// The two tables and a client that reaches them. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    tables: Tables,
}

impl Store {
    /// The store that `client` reaches under these table names.
    #[must_use]
    pub const fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables }
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
        }
    }

    fn table_named(&self, name: &str) -> Option<Table> {
        [Table::Resources, Table::Identity]
            .into_iter()
            .find(|table| self.table_name(*table) == name)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}
