//! The harness: a whole Holdfast on loopback, with a clock of its own and, where a test asks for it, a proxy
//! between the handlers and the store that counts, delays and breaks what passes.

mod answer;
mod binary;
mod bus;
mod cloudformation;
mod conformance;
pub mod coverage;
mod credentials;
mod document;
mod elements;
mod event;
mod lambda;
mod locks;
mod place;
mod proxy;
mod pty;
mod sdm;
mod terminal;
mod tls;
mod world;

pub use answer::{Answer, Listing};
pub use binary::command;
pub use bus::{Bus, PutVerdict};
pub use cloudformation::{Stack, Template};
pub use conformance::{Received, conforms, example};
pub use credentials::Credentials;
pub use document::{Document, Operation};
pub use event::Event;
pub use lambda::{Invocation, Lambda, invocation};
pub use locks::{Locks, operators, people_with_an_operator, problem, targets};
pub use place::Place;
pub use proxy::{Call, Proxy, Verdict};
pub use pty::Pty;
pub use sdm::{Sdm, action_path};
pub use terminal::{Run, Terminal, operator_environment};
pub use tls::{TlsEndpoint, Traffic};
pub use world::{
    Attempts, DB01, FOREIGN_DB01, PASSWORD, SECOND_FACTOR_KEY, SEED_SESSION, START, TOTP_SECRET, WEB01,
    World, another_writer, api_key, code_at, people, session_id,
};
