//! `cargo run --profile proof -p holdfast-proof -- <command>`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use holdfast_proof::{check, model, mutants, report, soak};

/// Checks the lock protocol and the service. docs/proof.md describes each command.
#[derive(Parser)]
#[command(name = "proof")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Visits every state of the large models of the protocol.
    Model(model::Arguments),
    /// Breaks the protocol and the product in known ways; a variant that no check finds is a failure.
    Mutants(mutants::Arguments),
    /// Drives the service under faults and checks what it answers.
    Soak(soak::Arguments),
    /// Checks a history that a soak has kept.
    Check(check::Arguments),
    /// Sums up what the other commands have left, as a page and as JSON.
    Report(report::Arguments),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Model(arguments) => model::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
    }
}
