//! Nothing is deleted: what is removed leaves its row behind, with its numbers, and reads as absent.

use super::Item;

/// When the row's person or thing was removed.
pub(super) const REMOVED_AT: &str = "removed_at";

/// The row, unless it is a tombstone. Every row that the service decides on comes through here.
pub(super) fn present(item: Item) -> Option<Item> {
    (!is_tombstone(&item)).then_some(item)
}

/// Whether the row is what is left of something that was removed.
pub(super) fn is_tombstone(item: &Item) -> bool {
    item.contains_key(REMOVED_AT)
}
