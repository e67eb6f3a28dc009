//! The protocol as a model whose every schedule is visited: 3 clients at most, a clock, and a store that loses answers, makes
//! writes late, and makes them twice.
//!
//! Everything that decides is the product's own: `lock::decide`, `lock::plan`, `lock::Turn`, the expressions of
//! `store::Update` and the rows' own parsers. The model adds the schedule, the evaluator of the expressions
//! ([`crate::condition`]) and the judge.

mod answers;
mod catalogue;
mod check;
mod configuration;
mod exchange;
mod interner;
mod judge;
mod property;
mod protocol;
mod step;
mod store;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Args;
use stateright::Property;

pub use catalogue::{LARGE, SMALL};
pub use check::{Finding, Report, check, until_broken};
pub use configuration::{Ask, Client, Configuration, RowKind, Verb};
pub use property::{RULES, Rule, WITNESSES, Witness};
pub use protocol::{After, ClientToken, Decide, Draft, Kind, Protocol};
pub use step::{Action, Fate};
pub use world::World;

use exchange::{Exchange, With};
use store::Table;

/// A configuration under a protocol.
pub struct Model {
    configuration: Configuration,
    protocol: Protocol,
    table: Table,
    exchange: Exchange,
    /// The witnesses that some step has shown. A step to a state that is known already shows them as well, so they are
    /// kept here and not looked for in states.
    shown: AtomicU32,
    /// Those that the search was told of.
    told: AtomicU32,
}

impl Model {
    /// The model of this configuration.
    pub fn new(configuration: &Configuration, protocol: Protocol) -> Self {
        Self {
            configuration: configuration.clone(),
            protocol,
            table: Table::default(),
            exchange: Exchange::default(),
            shown: AtomicU32::new(0),
            told: AtomicU32::new(0),
        }
    }

    /// Whether some step has shown this.
    fn has_shown(&self, witness: u32) -> bool {
        self.shown.load(Ordering::Relaxed) & witness != 0
    }

    /// The same, once: the search keeps a path each time.
    fn is_news(&self, witness: u32) -> bool {
        self.has_shown(witness) && self.told.fetch_or(witness, Ordering::Relaxed) & witness == 0
    }

    fn with(&self) -> With<'_> {
        With {
            protocol: &self.protocol,
            table: &self.table,
            rows: self.configuration.rows,
        }
    }
}

impl stateright::Model for Model {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.first_world()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.possible(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let next = self.follow(world, action)?;
        self.shown.fetch_or(next.just.0, Ordering::Relaxed);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let rules = RULES.iter().map(|(rule, name, _)| property::rule(*rule, name));
        let shows = self
            .configuration
            .shows
            .iter()
            .map(|witness| property::witness(*witness));
        rules.chain(shows).collect()
    }
}

/// What `model` takes.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Checks the models whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Checks the small models, too, which are those of the tests.
    #[arg(long)]
    small: bool,
    /// How many threads search.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Writes the result to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Checks the large models.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let small = SMALL.iter().filter(|_| arguments.small);
    let wanted = small
        .chain(LARGE)
        .filter(|configuration| configuration.name.contains(&arguments.only));
    let mut reports = Vec::new();
    for configuration in wanted {
        let report = check(configuration, Protocol::SHIPPED, arguments.threads);
        println!("{report}");
        reports.push(report);
    }
    let states: usize = reports.iter().map(|report| report.states).sum();
    let holds = !reports.is_empty() && reports.iter().all(Report::holds);
    println!(
        "{states} distinct states in {} models: {}",
        reports.len(),
        if holds { "every property holds" } else { "VIOLATED" }
    );
    if let Some(path) = &arguments.json
        && let Err(error) = std::fs::write(path, serde_json::to_string_pretty(&reports).unwrap_or_default())
    {
        eprintln!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
