//! People and things, from a file into the tables and back: `export`, `plan` and `apply`.

mod apply;
mod export;
mod file;
mod plan;
mod progress;
mod show;

pub(crate) use apply::{Apply, apply};
pub(crate) use export::{Export, export};
pub(crate) use plan::{Plan, plan};

use holdfast::store::Store;
use holdfast_directory::{Directory, Live, UnreadableTables, Watch, proven};

use crate::exit::Failure;
use crate::tables::{now, of_store};

/// What it takes to make the tables say what the file says.
async fn compare(
    store: &Store,
    directory: &Directory,
    prune: bool,
    watch: &dyn Watch,
) -> Result<holdfast_directory::Plan, Failure> {
    let live = Live::read(store, directory).await.map_err(unreadable)?;
    let proven = proven(directory, &live, watch).await.map_err(of_store)?;
    Ok(holdfast_directory::Plan::new(
        directory,
        &live,
        &proven,
        prune,
        now(),
    ))
}

fn unreadable(error: UnreadableTables) -> Failure {
    match error {
        UnreadableTables::Failed(failure) => of_store(failure),
        corrupt @ UnreadableTables::Corrupt { .. } => Failure::failed(format!(
            "{corrupt}: nothing was changed; restore the row from a backup"
        )),
    }
}
