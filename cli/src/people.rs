//! The commands for people, with AWS credentials and past the API.

mod change;
mod closed;
mod list;
mod person;
mod reseal;
mod review;
mod secrets;
mod show;

use clap::{Args, Subcommand};

use person::Person;

use crate::exit::Ending;
use crate::output::Output;
use crate::profile::Settings;
use crate::tables::{EpochOption, TableOptions, Tables};

/// List people, and change who may sign in and with what.
///
/// These commands work with the tables, past the API: they need AWS credentials that may read and write them, or --local.
/// What they change is recorded as operator/<identity>. People are entered and removed with `holdfast apply`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  holdfast people list
  holdfast people list --privileges --output json
  holdfast people set-password alice
  holdfast people disable bob --profile production")]
pub(crate) struct People {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    tables: TableOptions,
    #[command(flatten)]
    epoch: EpochOption,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    SetPassword(secrets::SetPassword),
    ResetTotp(secrets::ResetTotp),
    NewApiKey(secrets::NewApiKey),
    Disable(change::Disable),
    Enable(change::Enable),
    RevokeSessions(change::RevokeSessions),
    Closed(closed::Closed),
    ClearLockout(closed::ClearLockout),
    Reseal(reseal::Reseal),
}

impl Command {
    /// Whether it changes a user's row, whose numbers go on with the epoch.
    const fn counts(&self) -> bool {
        match self {
            Self::SetPassword(_)
            | Self::ResetTotp(_)
            | Self::NewApiKey(_)
            | Self::Disable(_)
            | Self::Enable(_)
            | Self::RevokeSessions(_) => true,
            Self::List(_) | Self::Show(_) | Self::Closed(_) | Self::ClearLockout(_) | Self::Reseal(_) => {
                false
            }
        }
    }
}

pub(crate) async fn run(people: People, settings: &Settings, output: Output) -> Ending {
    let (counts, tables, epoch) = (people.command.counts(), &people.tables, &people.epoch);
    let open = async {
        if counts {
            Tables::open_to_write(tables, epoch, settings).await
        } else {
            Tables::open(tables, settings).await
        }
    };
    match people.command {
        Command::List(list) => list::list(&list, &open.await?, output).await,
        Command::Show(show) => show::show(&show, &open.await?, output).await,
        Command::SetPassword(set) => secrets::set_password(&set, &open.await?, output).await,
        Command::ResetTotp(reset) => secrets::reset_totp(&reset, &open.await?, settings, output).await,
        Command::NewApiKey(new) => secrets::new_api_key(&new, &open.await?, output).await,
        Command::Disable(disable) => change::disable(&disable, &open.await?, output).await,
        Command::Enable(enable) => change::enable(&enable, &open.await?, output).await,
        Command::RevokeSessions(revoke) => change::revoke_sessions(&revoke, &open.await?, output).await,
        Command::Closed(closed) => closed::closed(&closed, &open.await?, output).await,
        Command::ClearLockout(clear) => closed::clear_lockout(&clear, &open.await?, output).await,
        Command::Reseal(_) => reseal::reseal(&open.await?, output).await,
    }
}
