//! What every function shares: its start, and the way from an event to an answer, in AWS and locally.

mod http;
mod start;
mod stream;

pub use http::{
    Answer, DEFAULT_ROUTE, Function, Handler, Route, answer, audit, body, carry_out, limit, lock_caller,
    lock_target, not_admitted, origin, path_parameter, principal, query_parameter, request_id, source,
};
pub use start::{Ready, run};
pub use stream::{BatchAnswer, ItemFailure, StreamFunction, Unhandled, consume, run_stream};

use crate::Clock;
use crate::secret::{Passwords, SealingKeys};
use crate::store::Store;

/// What a handler works with. Built once, in INIT.
#[derive(Clone, Debug)]
pub struct App {
    /// The tables.
    pub store: Store,
    /// Where `now` comes from.
    pub clock: Clock,
    /// Password verification.
    pub passwords: Passwords,
    /// What opens second factors, in the function that [unseals](Function::unseals) them.
    pub sealing_keys: Option<SealingKeys>,
    /// Whether cookies are marked `Secure`: everywhere but on the local plain-HTTP server.
    pub secure_cookies: bool,
}
