//! An evaluator of the conditions and updates that the store sends, compared with the embedded DynamoDB
//! (`proof/tests/condition.rs`).
//!
//! It knows the part of DynamoDB's language that occurs. Anything else is a [`Fault`], never a guess.

mod fault;
mod names;
mod parser;
mod predicate;
mod token;
mod update;
mod value;

pub use fault::Fault;
pub use names::{NAMED, Named};
pub use predicate::Condition;
pub use update::UpdateExpression;
pub use value::Bindings;
