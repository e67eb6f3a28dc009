//! The harness: a whole Holdfast on loopback, with a clock of its own and, where a test asks for it, a proxy
//! between the handlers and the store that counts, delays and breaks what passes.

mod answer;
mod proxy;
mod sdm;
mod world;

pub use answer::Answer;
pub use proxy::{Call, Proxy, Verdict};
pub use sdm::{Sdm, action_path};
pub use world::{PASSWORD, START, TOTP_SECRET, World, api_key, code_at, people};
