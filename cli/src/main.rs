//! The command `holdfast`: what operators do from a terminal.

mod import;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Works with the people, the devices and the locks of a Holdfast stack.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Import(import) => import::run(import).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("holdfast: {message}");
            ExitCode::FAILURE
        }
    }
}
