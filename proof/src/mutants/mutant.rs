//! What a mutant is.

use serde::Serialize;

use crate::model::{Protocol, Rule};

/// A broken variant of the protocol, given to a model in the place of the shipped one.
pub struct ModelMutant {
    /// Its name.
    pub name: &'static str,
    /// What is broken.
    pub breaks: &'static str,
    /// Whose bug it was, or what guards against it here.
    pub origin: &'static str,
    /// The model that finds it.
    pub model: &'static str,
    /// The rule that it breaks.
    pub rule: Rule,
    /// The broken protocol.
    pub protocol: Protocol,
}

/// A broken variant of the product: one place of its text is another, and a named test must fail.
pub struct PatchedMutant {
    /// Its name.
    pub name: &'static str,
    /// What is broken.
    pub breaks: &'static str,
    /// Whose bug it was, or what guards against it here.
    pub origin: &'static str,
    /// The file, from the root.
    pub file: &'static str,
    /// The text, which the file has once.
    pub search: &'static str,
    /// What is there instead.
    pub replacement: &'static str,
    /// The test binary.
    pub binary: &'static str,
    /// The test, or the module of tests.
    pub test: &'static str,
}

/// What became of a mutant: a row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Its name.
    pub name: &'static str,
    /// What is broken.
    pub breaks: &'static str,
    /// Whose bug it was.
    pub origin: &'static str,
    /// The check that is to find it.
    pub check: String,
    /// Whether it did.
    pub found: bool,
    /// How long that took.
    pub seconds: f64,
    /// How many states were visited; `None` for a test.
    pub states: Option<usize>,
    /// The steps that show it, or what the test said.
    pub evidence: Vec<String>,
}
