//! `holdfast apply FILE`

use std::path::PathBuf;

use clap::Args;
use holdfast::failure::Failure as StoreFailure;
use holdfast::store::Table;
use holdfast_directory::{Applied, StepError, Work};
use serde_json::json;

use crate::directory::progress::Bar;
use crate::directory::{compare, file, keys, show};
use crate::exit::{Ending, Exit, Failure};
use crate::output::Output;
use crate::profile::Settings;
use crate::tables::{EpochOption, TableOptions, Tables, now, of_store};
use crate::terminal::{confirm, is_interactive};

/// Make the tables of a stack say what a directory file says.
///
/// It plans, asks, and writes each entry under the revision that the plan saw. A run that was interrupted is repeated as it is. A
/// removed person or thing leaves a tombstone: one that comes back has a larger fence, and none of its old sessions and
/// secrets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast apply directory.json
  holdfast apply directory.json --prune
  holdfast apply directory.json --yes --output json | jq .undone")]
pub(crate) struct Apply {
    /// The directory file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Remove what the file does not have
    #[arg(long)]
    prune: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Also remove or disable who owns the lock on an account, or is the last who may lock users
    #[arg(long)]
    force: bool,
    /// How many entries are written at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    parallel: u16,
    #[command(flatten)]
    tables: TableOptions,
    #[command(flatten)]
    epoch: EpochOption,
}

pub(crate) async fn apply(apply: Apply, settings: &Settings, output: Output) -> Ending {
    let directory = file::read(&apply.file)?;
    let tables = Tables::open_to_write(&apply.tables, &apply.epoch, settings).await?;
    let bar = Bar::default();
    let keys = keys(&tables, &directory)?;
    let planned = compare((&tables, keys.as_ref()), &directory, apply.prune, &bar).await?;
    show::tell_warnings(&planned);
    show::tell_guards(&planned);
    if !planned.guards().is_empty() && !apply.force {
        return Err(Failure::failed(
            "nothing was changed: change the file, or give --force to do it all the same",
        ));
    }
    let is_asked = !apply.yes && !planned.steps().is_empty();
    if is_asked && is_interactive() {
        show::tell_steps(&planned);
    }
    show::tell_counts(&planned);
    if is_asked {
        let name = tables.store.table_name(Table::Resources);
        confirm("This writes to the tables of the stack.", name, false)?;
    }
    let work = Work {
        store: &tables.store,
        keys: keys.as_ref(),
        by: &tables.writer(now()),
        parallel: usize::from(apply.parallel),
        watch: &bar,
    };
    let applied = planned.apply(work).await;
    tell(&applied, output)?;
    ending(&applied)
}

fn tell(applied: &Applied, output: Output) -> Result<(), Failure> {
    let done = applied.done;
    let value = json!({
        "created": done.created,
        "changed": done.changed,
        "removed": done.removed,
        "undone": show::undone(applied),
        "untried": applied.untried,
    });
    output.thing(
        &value,
        &[
            ("created", done.created.to_string()),
            ("changed", done.changed.to_string()),
            ("removed", done.removed.to_string()),
        ],
    )
}

/// Names what was not done. Where the store failed, that is the cause to act on.
fn ending(applied: &Applied) -> Ending {
    if applied.is_all() {
        return Ok(Exit::Done);
    }
    let mut failed: Option<StoreFailure> = None;
    let mut lines = Vec::new();
    for undone in &applied.undone {
        if let StepError::Failed(failure) = &undone.why {
            failed.get_or_insert_with(|| failure.clone());
        } else {
            lines.push(format!("{} {}", undone.subject, undone.why));
        }
    }
    show::tell(&lines);
    let left = applied.undone.len() + applied.untried;
    let left = if left == 1 {
        "1 entry is not done".to_owned()
    } else {
        format!("{left} entries are not done")
    };
    Err(match failed {
        None => Failure::failed(format!("{left}: repeat the command, which plans again")),
        Some(failure) => {
            let cause = of_store(failure);
            Failure::new(
                cause.exit,
                format!(
                    "{left}, and the same command goes on from there: {}",
                    cause.message
                ),
            )
        }
    })
}
