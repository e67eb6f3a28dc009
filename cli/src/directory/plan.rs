//! `holdfast plan FILE`

use std::path::PathBuf;

use clap::Args;

use crate::directory::progress::Bar;
use crate::directory::{compare, file, keys, show};
use crate::exit::{Ending, Exit};
use crate::output::Output;
use crate::profile::Settings;
use crate::tables::{TableOptions, Tables};

/// Show what `apply` would do with a directory file, and change nothing.
///
/// The signs: + is created, ~ changed field by field, - removed, ! left as it is although the file says otherwise. Secrets are not shown. A
/// clear password is verified against its hash, which takes its time; a password_hash is compared.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast plan directory.json
  holdfast plan directory.json --prune --detailed-exitcode || echo \"there is something to do\"
  holdfast export | holdfast plan -")]
pub(crate) struct Plan {
    /// The directory file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Remove what the file does not have
    #[arg(long)]
    prune: bool,
    /// End with 6 where there are changes to make
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    tables: TableOptions,
}

pub(crate) async fn plan(plan: Plan, settings: &Settings, output: Output) -> Ending {
    let directory = file::read(&plan.file)?;
    let tables = Tables::open(&plan.tables, settings).await?;
    let keys = keys(&tables, &directory)?;
    let planned = compare((&tables, keys.as_ref()), &directory, plan.prune, &Bar::default()).await?;
    show::steps(&planned, output)?;
    show::tell_warnings(&planned);
    show::tell_guards(&planned);
    show::tell_counts(&planned);
    Ok(if plan.detailed_exitcode && !planned.steps().is_empty() {
        Exit::ChangesPlanned
    } else {
        Exit::Done
    })
}
