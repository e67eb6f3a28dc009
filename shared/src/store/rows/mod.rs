//! What the rows of people who sign in hold, as plain values. What follows from it is `identity/`'s to judge.

mod api_session;
mod attempts;
mod company;
mod credential;
mod session;

pub(crate) use api_session::{ApiSessionRow, NewApiSession};
pub(crate) use attempts::{Count, Counter, SourceRow, StrangersRow};
pub(crate) use company::CompanyRow;
pub(crate) use credential::CredentialRow;
pub use credential::NewCredential;
pub use session::{SessionKind, SessionRow};

pub(in crate::store) use session::purge_at_seconds;
