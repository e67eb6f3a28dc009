//! The lock protocol checked exhaustively, and the service checked under faults. docs/proof.md says what is proved, what is
//! tested and what is believed.

pub mod check;
pub mod condition;
pub mod dice;
pub mod model;
pub mod mutants;
pub mod report;
pub mod soak;
