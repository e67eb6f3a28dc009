//! The lock protocol against reference models, one for each of its pure functions.

mod decide;
mod event;
mod plan;
mod turn;
