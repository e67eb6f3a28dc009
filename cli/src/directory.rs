//! People and things, from a file into the tables and back: `export`, `plan` and `apply`.

mod apply;
mod export;
mod file;
mod plan;
pub(crate) mod progress;
mod show;

pub(crate) use apply::{Apply, apply};
pub(crate) use export::{Export, export};
pub(crate) use plan::{Plan, plan};

use holdfast::id::Login;
use holdfast::secret::{SealingKeys, UnsealError};
use holdfast_directory::{Directory, Live, Proven, UnreadableTables, Watch};

use crate::exit::Failure;
use crate::profile::SECOND_FACTOR_KEYS;
use crate::tables::{Tables, now, of_store};

/// The keys that a file needs: those of its second factors, where it has some.
fn keys(tables: &Tables, directory: &Directory) -> Result<Option<SealingKeys>, Failure> {
    let needed = directory.has_second_factors();
    needed.then(|| tables.sealing_keys()).transpose()
}

/// What it takes to make the tables say what the file says.
async fn compare(
    (tables, keys): (&Tables, Option<&SealingKeys>),
    directory: &Directory,
    prune: bool,
    watch: &dyn Watch,
) -> Result<holdfast_directory::Plan, Failure> {
    let live = Live::read(&tables.store, directory).await.map_err(unreadable)?;
    let proven = Proven::find(directory, &live, keys, watch)
        .await
        .map_err(unreadable)?;
    Ok(holdfast_directory::Plan::new(
        directory,
        &live,
        &proven,
        prune,
        now(),
    ))
}

/// Why a second factor in the tables does not open, and what to do.
pub(crate) fn unopened(login: &Login, why: UnsealError) -> Failure {
    let what = match why {
        UnsealError::UnknownKey(_) => {
            format!("put that key, too, into {SECOND_FACTOR_KEYS}, after the first and a comma")
        }
        UnsealError::Broken => {
            format!(
                "find out who wrote the row, and give a new one with `holdfast people reset-totp {login}`"
            )
        }
    };
    Failure::failed(format!(
        "the second factor of user/{login} does not open: {why}; {what}"
    ))
}

fn unreadable(error: UnreadableTables) -> Failure {
    match error {
        UnreadableTables::Failed(failure) => of_store(failure),
        corrupt @ UnreadableTables::Corrupt { .. } => Failure::failed(format!(
            "{corrupt}: nothing was changed; restore the row from a backup"
        )),
        UnreadableTables::Sealed { login, why } => unopened(&login, why),
    }
}
