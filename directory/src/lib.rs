//! The directory: people and things in a file, what the tables have of them, and what it takes to make the tables say what
//! the file says.
//!
//! [`Directory::parse`] reads a file, [`Live::read`] the tables. [`Plan::new`] compares the two, and [`Plan::apply`] writes
//! what differs.

mod apply;
mod enter;
mod entry;
mod export;
mod field;
mod file;
mod guard;
mod live;
pub mod members;
mod outcome;
mod plan;
mod proven;
mod reader;
mod warning;
mod watch;
mod write;

pub use apply::{Applied, Done, PARALLEL, StepError, Undone, Work};
pub use enter::{EnterError, enter, has_people};
pub use entry::{EntryKind, Subject};
pub use field::{FieldChange, Value};
pub use file::{Directory, InvalidDirectory};
pub use live::{Live, UnreadableTables};
pub use plan::{Counts, Deed, Difference, Plan, Step};
pub use proven::Proven;
pub use watch::{Unwatched, Watch};
