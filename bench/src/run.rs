//! What a run over every function found.

use serde::{Deserialize, Serialize};

use crate::figures::Figures;
use crate::machine::Machine;

/// The bare function's name.
pub const HELLO_WORLD: &str = "hello-world";

/// A run with everything in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Where it ran.
    pub machine: Machine,
    /// Starts of every program.
    pub starts: usize,
    /// Warm calls after each start.
    pub calls: usize,
    /// The share of a core that calls had, where it was limited.
    pub percent_of_a_core: Option<u32>,
    /// Every program's figures.
    pub programs: Vec<Figures>,
}

impl Run {
    /// The figures of the bare function.
    pub fn hello_world(&self) -> Option<&Figures> {
        self.programs.iter().find(|program| program.name == HELLO_WORLD)
    }

    /// The figures of a program, with or without connections that it opened in INIT.
    pub fn program(&self, name: &str, warmed: bool) -> Option<&Figures> {
        self.programs
            .iter()
            .find(|program| program.name == name && program.warmed == warmed)
    }

    /// The figures of the peers.
    pub fn peers(&self) -> impl Iterator<Item = &Figures> {
        let is_function = |name: &str| {
            holdfast_local::FUNCTIONS
                .iter()
                .any(|function| function.name == name)
        };
        self.programs
            .iter()
            .filter(move |program| program.name != HELLO_WORLD && !is_function(&program.name))
    }
}
