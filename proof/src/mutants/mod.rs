//! Broken variants of the product, each of which a named check must find.

mod in_process;
mod mutant;
mod patched;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

pub use in_process::IN_PROCESS;
pub use mutant::{ModelMutant, PatchedMutant, Trial};
pub use patched::PATCHED;

use crate::model::{SMALL, until_broken};

/// What `mutants` takes.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Also patches a copy of the tree, variant by variant, and runs the test that must fail.
    #[arg(long)]
    patched: bool,
    /// Tries the mutants whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Writes the table to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Tries every mutant.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    match trials(arguments) {
        Ok(trials) => {
            let survivors = trials.iter().filter(|trial| !trial.found).count();
            println!("{} mutants, {survivors} survived", trials.len());
            if survivors == 0 && !trials.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn trials(arguments: &Arguments) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let mut trials = Vec::new();
    for mutant in IN_PROCESS
        .iter()
        .filter(|mutant| mutant.name.contains(&arguments.only))
    {
        trials.push(shown(mutant.try_out()));
    }
    if arguments.patched {
        let copy = patched::Copy::make()?;
        for mutant in PATCHED
            .iter()
            .filter(|mutant| mutant.name.contains(&arguments.only))
        {
            trials.push(shown(copy.try_out(mutant)?));
        }
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&trials)?)?;
    }
    Ok(trials)
}

fn shown(trial: Trial) -> Trial {
    println!(
        "{} {:<36} {:>7.2} s  {}",
        if trial.found { "found   " } else { "SURVIVED" },
        trial.name,
        trial.seconds,
        trial.check
    );
    if !trial.found {
        for line in &trial.evidence {
            println!("    {line}");
        }
    }
    trial
}

impl ModelMutant {
    /// Searches the mutant's model until a rule is broken, which must be the mutant's.
    pub fn try_out(&self) -> Trial {
        let check = format!("model \"{}\": {}", self.model, self.rule.text());
        let Some(configuration) = SMALL
            .iter()
            .find(|configuration| configuration.name == self.model)
        else {
            panic!("{}: there is no model \"{}\"", self.name, self.model);
        };
        let report = until_broken(configuration, self.protocol, self.rule);
        let found = report
            .failures()
            .find(|failure| failure.always && failure.property == self.rule.text());
        let evidence = match found {
            Some(finding) => finding.path.clone(),
            None => report
                .failures()
                .map(|failure| format!("{}: {:?}", failure.property, failure.path))
                .collect(),
        };
        Trial {
            name: self.name,
            breaks: self.breaks,
            origin: self.origin,
            check,
            found: found.is_some(),
            seconds: report.seconds,
            states: Some(report.states),
            evidence,
        }
    }
}
