//! What other programs need to know of the command: completions for shells, and man pages.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Arguments;
use crate::exit::{Ending, Exit, Failure};

/// Print a script that completes this command in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast completions bash > ~/.local/share/bash-completion/completions/holdfast
  holdfast completions zsh > \"${fpath[1]}/_holdfast\"
  holdfast completions fish > ~/.config/fish/completions/holdfast.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write the pages of all commands into a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast man | man -l -
  holdfast man --folder ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The folder, which has to exist
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) fn completions(completions: &Completions) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(
        completions.shell,
        &mut Arguments::command(),
        "holdfast",
        &mut script,
    );
    print(&script)
}

pub(crate) fn man(man: &Man) -> Ending {
    let command = Arguments::command();
    if let Some(folder) = &man.folder {
        clap_mangen::generate_to(command, folder)
            .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::of_output(&error))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Ending {
    io::stdout()
        .write_all(bytes)
        .map_err(|error| Failure::of_output(&error))?;
    Ok(Exit::Done)
}
