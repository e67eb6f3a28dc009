//! The lock protocol, as pure values: who holds what since when, and what a request may change.
//!
//! Nothing here knows of DynamoDB, HTTP or a clock. A caller reads a row, asks [`decide`] what a request
//! means for it at a given moment, and writes the answer with a condition ([`crate::store`]).

mod breaking;
mod decide;
mod epoch;
mod event;
mod fence;
mod label;
mod owner;
mod plan;
mod record;
mod request;
mod state;
mod timestamp;
mod turn;

pub use breaking::{Aftermath, Break, HoldOff, InvalidHoldOff, InvalidReason, Reason};
pub use decide::{Change, Decision, Outcome, decide};
pub use epoch::{Epoch, InvalidEpoch, change_before};
pub use event::{Action, Event, Image, NoEvent, event};
pub use fence::Fence;
pub use label::Label;
pub use owner::Owner;
pub use plan::{Plan, Step, plan};
pub use record::{Origin, Record, RequestId, Revision, Writer};
pub use request::{InvalidLease, Lease, LeaseChange, Request, Text};
pub use state::{Lock, State};
pub use timestamp::Timestamp;
pub use turn::{Loss, Turn, Unsure, released_by};
