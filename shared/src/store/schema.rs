//! The two tables, as `template.yaml` defines them and as the local server creates them.

/// A table's key and its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// The string attribute that is the partition key. There is no sort key.
    pub partition_key: &'static str,
    /// The sparse indexes.
    pub indexes: &'static [GlobalIndex],
    /// The attribute after which DynamoDB may remove a row, in whole seconds since 1970.
    pub time_to_live: Option<&'static str>,
}

/// A global secondary index on two string attributes. It holds keys only: rows are read from the table, so a
/// lock never rewrites `listing` and no list shows a stale lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalIndex {
    /// The index's name.
    pub name: &'static str,
    /// Its hash key.
    pub hash: &'static str,
    /// Its range key.
    pub range: &'static str,
}

/// What is locked, without a scan.
pub(super) const LOCKS: GlobalIndex = GlobalIndex {
    name: "locks",
    hash: "lock_shard",
    range: "lock_order",
};

/// Lists in order.
pub(super) const LISTING: GlobalIndex = GlobalIndex {
    name: "listing",
    hash: "listing_shard",
    range: "listing_order",
};

/// What locks guard.
pub const RESOURCES: TableDefinition = TableDefinition {
    partition_key: "pk",
    indexes: &[LOCKS, LISTING],
    time_to_live: None,
};

/// Who may lock.
pub const IDENTITY: TableDefinition = TableDefinition {
    partition_key: "pk",
    indexes: &[],
    time_to_live: Some("purge_at_seconds"),
};
