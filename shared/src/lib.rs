//! Holdfast: owner-only locks for privileged sessions, network devices and user accounts.
//!
//! What more than one function needs, and nothing else. [`lock`] is the protocol, pure; [`secret`] is what
//! authenticates; [`store`] is DynamoDB; [`identity`] says who calls; [`dialect`] speaks the wire formats of the three products; [`runtime`] takes an
//! API Gateway event in and an answer out.

pub mod audit;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod failure;
pub mod id;
pub mod identity;
pub mod lock;
pub mod runtime;
pub mod secret;
pub mod store;
pub mod target;
pub mod telemetry;

pub use clock::Clock;
