use holdfast::id::RequestId;
use holdfast::lock::Timestamp;
use holdfast::secret::SealingKeys;
use holdfast::store::{Store, Table, operator};
use thiserror::Error;

use crate::apply::{PARALLEL, Undone, Work};
use crate::file::Directory;
use crate::live::{Live, UnreadableTables};
use crate::plan::Plan;
use crate::proven::Proven;
use crate::watch::Unwatched;

/// Why a directory is not entered: one line.
#[derive(Debug, Error)]
pub enum EnterError {
    /// The tables cannot be read.
    #[error("the directory cannot be entered: {0}")]
    Unreadable(#[from] UnreadableTables),
    /// An entry was not written.
    #[error("the directory cannot be entered: {} {}", .0.subject, .0.why)]
    Undone(Undone),
}

/// Enters a directory into the tables of a server that is about to start: what a plan without removals does, unwatched.
///
/// # Errors
/// [`EnterError`]; what was entered before it stays, and the same call goes on from there.
pub async fn enter(
    store: &Store,
    keys: &SealingKeys,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), EnterError> {
    let live = Live::read(store, directory).await?;
    let proven = Proven::find(directory, &live, Some(keys), &Unwatched).await?;
    let plan = Plan::new(directory, &live, &proven, false, now);
    let work = Work {
        store,
        keys: Some(keys),
        by: &operator("local", RequestId::new("directory"), now),
        parallel: PARALLEL,
        watch: &Unwatched,
    };
    match plan.apply(work).await.undone.into_iter().next() {
        None => Ok(()),
        Some(undone) => Err(EnterError::Undone(undone)),
    }
}

/// Whether there are people already.
///
/// # Errors
/// [`UnreadableTables`]
pub async fn has_people(store: &Store) -> Result<bool, UnreadableTables> {
    let rows = store.scan_kinds(Table::Identity, &["credential/"]).await?;
    Ok(!rows.is_empty())
}
