//! What a model contains: rows, clients, what they may ask for, and what may go wrong.

use super::property::Witness;

/// The most rows of a model.
pub const ROWS: usize = 3;
/// The most clients of a model.
pub const CLIENTS: usize = 3;
/// The most requests of one client.
pub const REQUESTS: u8 = 4;

/// One model.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Its name, for the report.
    pub name: &'static str,
    /// The rows.
    pub rows: &'static [RowKind],
    /// The clients.
    pub clients: &'static [Client],
    /// The moments that the clock shows, in milliseconds and in order.
    pub moments: &'static [i64],
    /// Whether time may pass between the moment of a request and its read.
    pub reads_late: bool,
    /// How many answers are lost, writes delayed and writes duplicated in one schedule.
    pub faults: u8,
    /// Whether the rows are put back, once, to a backup of one earlier moment.
    pub restores: bool,
    /// What must be seen in it, so that no property holds for want of a case.
    pub shows: &'static [Witness],
}

/// A row at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A device that was never locked.
    Device,
    /// A pair that was never locked: there is no row.
    Pair,
    /// The account of this login, never locked.
    User(&'static str),
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The login. Two clients of one login are one person in two windows.
    pub login: &'static str,
    /// How many requests it makes, one after the other.
    pub requests: u8,
    /// What it may ask for.
    pub menu: &'static [Ask],
}

/// A request that may be made, and the rows that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// What is asked.
    pub verb: Verb,
    /// The rows; several are asked for in one plan.
    pub rows: &'static [usize],
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The lock, without an end or with the lease that it has.
    Lock,
    /// The lock for so many seconds.
    LockFor(u64),
    /// A new lease for the latest tenure and no other.
    Renew(u64),
    /// The lock back.
    Unlock,
    /// The latest tenure back, and no other.
    UnlockTenure,
    /// The latest tenure of somebody else broken, with this hold-off in seconds.
    Break(u64),
    /// The tenure before the latest broken.
    BreakEarlier(u64),
    /// The latest tenure broken and the lock taken.
    BreakAndTake(u64),
}
