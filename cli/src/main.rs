//! The command `holdfast`: what operators do from a terminal.

#![expect(
    clippy::doc_markdown,
    reason = "most doc comments here are what `--help` prints, where a backtick is noise"
)]

mod api;
mod companies;
mod devices;
mod directory;
mod exit;
mod locks;
mod output;
mod people;
mod profile;
mod rescue;
mod restore;
mod secret;
mod shell;
mod tables;
mod terminal;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Ending, Failure};
use crate::output::Output;
use crate::profile::{Global, Settings};

/// Work with the locks, the people and the devices of a Holdfast stack.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  holdfast login alice --local
  holdfast locks --kind device
  holdfast lock device/ID5 --for 10m --title Upgrade

Exit codes: 0 done, 1 failed, 2 usage, 3 held by another, 4 not signed in, 5 not found, 6 changes planned, 75 try again."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Login(locks::Login),
    Logout(locks::Logout),
    Whoami(locks::Whoami),
    Locks(locks::Locks),
    Show(locks::Show),
    Lock(locks::Lock),
    Unlock(locks::Unlock),
    Break(locks::Break),
    History(locks::History),
    Watch(locks::Watch),
    Export(directory::Export),
    Plan(directory::Plan),
    Apply(directory::Apply),
    People(people::People),
    Devices(devices::Devices),
    Rescue(rescue::Rescue),
    Restore(restore::Restore),
    Completions(shell::Completions),
    Man(shell::Man),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            if !message.is_empty() {
                output::note(&format!("holdfast: {message}"));
            }
            exit.into()
        }
    }
}

async fn run(arguments: Arguments) -> Ending {
    let Arguments { command, global } = arguments;
    let settings = || Settings::load(&global);
    let output = Output::new(global.format());
    match command {
        Command::Login(login) => locks::login(login, &settings()?, output).await,
        Command::Logout(_) => locks::logout(&settings()?),
        Command::Whoami(_) => locks::whoami(&settings()?, output).await,
        Command::Locks(locks) => locks::locks(locks, &settings()?, output).await,
        Command::Show(show) => locks::show(show, &settings()?, output).await,
        Command::Lock(lock) => locks::lock(lock, &settings()?, output).await,
        Command::Unlock(unlock) => locks::unlock(unlock, &settings()?, output).await,
        Command::Break(request) => locks::break_lock(request, &settings()?, output).await,
        Command::History(history) => locks::history(history, &settings()?, output).await,
        Command::Watch(watch) => locks::watch(watch, &settings()?, output).await,
        Command::Export(export) => directory::export(export, &settings()?, output).await,
        Command::Plan(plan) => directory::plan(plan, &settings()?, output).await,
        Command::Apply(apply) => directory::apply(apply, &settings()?, output).await,
        Command::People(people) => Box::pin(people::run(people, &settings()?, output)).await,
        Command::Devices(devices) => devices::run(devices, &settings()?, output).await,
        Command::Rescue(rescue) => rescue::run(rescue, &settings()?, output).await,
        Command::Restore(restore) => restore::run(restore, &settings()?, output).await,
        Command::Completions(completions) => shell::completions(&completions),
        Command::Man(man) => shell::man(&man),
    }
}
