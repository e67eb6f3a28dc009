//! The search, and what it found.

use std::fmt;
use std::time::Instant;

use serde::Serialize;
use stateright::{Checker, Expectation, HasDiscoveries, Model as _};

use super::configuration::Configuration;
use super::property::Rule;
use super::protocol::Protocol;
use super::{Model, RULES, WITNESSES};

/// What the search of one model found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model.
    pub model: &'static str,
    /// How many distinct states it has.
    pub states: usize,
    /// How many steps were taken.
    pub steps: usize,
    /// The most steps from the start to a state.
    pub depth: usize,
    /// How many distinct rows and writes the states are made of: each row is written and read by the product's own code.
    pub rows: usize,
    /// The writes.
    pub writes: usize,
    /// How long it took.
    pub seconds: f64,
    /// Each property.
    pub findings: Vec<Finding>,
}

/// What became of one property.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The property.
    pub property: &'static str,
    /// Whether it is to hold in every state, and not only to be seen in one.
    pub always: bool,
    /// Whether it holds, or was seen.
    pub holds: bool,
    /// The steps to the state that breaks it or shows it.
    pub path: Vec<String>,
}

impl Report {
    /// Whether every rule holds and every witness was seen.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.holds)
    }

    /// The properties that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<28} {:>10} states {:>11} steps, depth {:>2}, {:>6} rows, {:>6} writes, {:>7.1} s",
            self.model, self.states, self.steps, self.depth, self.rows, self.writes, self.seconds
        )?;
        for failure in self.failures() {
            let what = if failure.always { "BROKEN" } else { "NEVER SEEN" };
            write!(f, "\n    {what}: {}", failure.property)?;
            for step in &failure.path {
                write!(f, "\n        {step}")?;
            }
        }
        Ok(())
    }
}

/// Visits every state.
pub fn check(configuration: &Configuration, protocol: Protocol, threads: usize) -> Report {
    search(configuration, protocol, threads, HasDiscoveries::AllFailures)
}

/// Visits states until this rule is broken.
pub fn until_broken(configuration: &Configuration, protocol: Protocol, rule: Rule) -> Report {
    let finish = HasDiscoveries::AnyOf([rule.text()].into());
    search(configuration, protocol, 1, finish)
}

fn search(
    configuration: &Configuration,
    protocol: Protocol,
    threads: usize,
    finish: HasDiscoveries,
) -> Report {
    let began = Instant::now();
    let checker = Model::new(configuration, protocol)
        .checker()
        .threads(threads)
        .finish_when(finish)
        .spawn_bfs()
        .join();
    let model = checker.model();
    let findings = model.properties().into_iter().map(|property| {
        let always = property.expectation == Expectation::Always;
        let path = checker.discovery(property.name).map(|path| {
            let steps = path.into_actions().into_iter();
            steps.map(|action| model.format_action(&action)).collect()
        });
        let witness = WITNESSES.iter().find(|(_, name)| *name == property.name);
        let was_shown = witness.is_some_and(|(witness, _)| model.has_shown(witness.bit()));
        Finding {
            property: property.name,
            always,
            holds: if always { path.is_none() } else { was_shown },
            // A witness needs no path.
            path: path.filter(|_| always).unwrap_or_default(),
        }
    });
    let findings: Vec<Finding> = findings.collect();
    Report {
        model: configuration.name,
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        rows: model.table.rows(),
        writes: model.table.writes(),
        seconds: began.elapsed().as_secs_f64(),
        findings,
    }
}

impl Rule {
    /// The words for it.
    pub fn text(self) -> &'static str {
        let found = RULES.iter().find(|(rule, _, _)| *rule == self);
        found.map_or("", |(_, text, _)| text)
    }
}
