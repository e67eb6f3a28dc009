//! The tables, as `template.yaml` defines them and as the local server creates them.

/// A table's key and its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// The string attribute that is the partition key.
    pub partition_key: &'static str,
    /// The string attribute that is the sort key, where there is one.
    pub sort_key: Option<&'static str>,
    /// The sparse indexes.
    pub indexes: &'static [GlobalIndex],
    /// The attribute after which DynamoDB may remove a row, in whole seconds since 1970.
    pub time_to_live: Option<&'static str>,
    /// Whether every write goes on to a stream, with the row before it and after it.
    pub has_stream: bool,
}

/// A global secondary index on two string attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalIndex {
    /// The index's name.
    pub name: &'static str,
    /// Its hash key.
    pub hash: &'static str,
    /// Its range key.
    pub range: &'static str,
    /// Whether it holds whole rows. One that holds keys only is not written by a lock, and a list that reads the rows
    /// from the table shows no stale lock. Rows that never change lose nothing by being held twice.
    pub has_whole_rows: bool,
}

/// What is locked, without a scan.
pub(super) const LOCKS: GlobalIndex = GlobalIndex {
    name: "locks",
    hash: "lock_shard",
    range: "lock_order",
    has_whole_rows: false,
};

/// Lists in order.
pub(super) const LISTING: GlobalIndex = GlobalIndex {
    name: "listing",
    hash: "listing_shard",
    range: "listing_order",
    has_whole_rows: false,
};

/// What locks guard.
pub const RESOURCES: TableDefinition = TableDefinition {
    partition_key: "pk",
    sort_key: None,
    indexes: &[LOCKS, LISTING],
    time_to_live: None,
    has_stream: true,
};

/// Who may lock.
pub const IDENTITY: TableDefinition = TableDefinition {
    partition_key: "pk",
    sort_key: None,
    indexes: &[],
    time_to_live: Some("purge_at_seconds"),
    has_stream: false,
};

/// What one actor did.
pub(super) const ACTORS: GlobalIndex = GlobalIndex {
    name: "actors",
    hash: "actor_shard",
    range: "happened_order",
    has_whole_rows: true,
};

/// What happened on one day.
pub(super) const DAYS: GlobalIndex = GlobalIndex {
    name: "days",
    hash: "day_shard",
    range: "happened_order",
    has_whole_rows: true,
};

/// What happened: one record for each change of a lockable row.
pub const HISTORY: TableDefinition = TableDefinition {
    partition_key: "pk",
    sort_key: Some("sk"),
    indexes: &[ACTORS, DAYS],
    time_to_live: Some("purge_at_seconds"),
    has_stream: false,
};
