//! `holdfast export [FILE]`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use holdfast_directory::{Directory, Live};

use crate::directory::unreadable;
use crate::exit::{Ending, Exit, Failure};
use crate::output::{Output, note};
use crate::profile::Settings;
use crate::tables::{TableOptions, Tables};

/// Write the people and things of a stack as a directory file, without secrets.
///
/// A plan of the file changes nothing: a password, second factor or API key that a file does not have stays as it is. Activity
/// sessions are not exported.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast export directory.json
  holdfast export | jq '.users[] | select(.roles // [] | index(\"Admin\")) | .login'")]
pub(crate) struct Export {
    /// The file to write; without it the directory goes to stdout
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the file where there is one: it may have secrets, and the new one has none
    #[arg(long, requires = "file")]
    force: bool,
    #[command(flatten)]
    tables: TableOptions,
}

pub(crate) async fn export(export: Export, settings: &Settings, output: Output) -> Ending {
    if let Some(file) = &export.file
        && !export.force
        && file.exists()
    {
        return Err(Failure::failed(format!(
            "{} is there already: name another file, or give --force",
            file.display()
        )));
    }
    let tables = Tables::open(&export.tables, settings).await?;
    let live = Live::read(&tables.store, &Directory::default())
        .await
        .map_err(unreadable)?;
    let directory = live.to_file();
    match &export.file {
        None => output.document(&directory)?,
        Some(file) => {
            let text = format!("{directory:#}\n");
            write(file, &text).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
            let count = |what: &str| {
                directory
                    .get(what)
                    .and_then(|list| list.as_array())
                    .map_or(0, Vec::len)
            };
            note(&format!(
                "{}: {} companies, {} users, {} devices, {} resources",
                file.display(),
                count("companies"),
                count("users"),
                count("devices"),
                count("resources")
            ));
        }
    }
    Ok(Exit::Done)
}

/// Writes the file as a whole: an interrupted export leaves none, or the one that was there.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
