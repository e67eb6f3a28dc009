//! What each kind of row holds, as plain values. Rows are parsed once, here, at the border; what follows from one is for
//! the rooms above to judge.

mod activity_session;
mod api_session;
mod attempts;
mod company;
mod credential;
mod device;
mod resource;
mod session;
mod target;
mod user;

pub use activity_session::{ActivitySessionRow, NewActivitySession, SessionStatus, StatusClass};
pub(crate) use api_session::{ApiSessionRow, NewApiSession};
pub(crate) use attempts::{Count, Counter};
pub use attempts::{SourceRow, StrangersRow};
pub use company::CompanyRow;
pub(crate) use credential::CredentialRow;
pub use credential::NewCredential;
pub use device::{DeviceRow, NewDevice};
pub use resource::{AccessRow, ResourceRow};
pub use session::{SessionKind, SessionRow};
pub use target::TargetRow;
pub use user::{AccountVersion, NewUser, UserRow};

pub(super) use activity_session::sessions_of;
pub(super) use device::devices_of;
pub(super) use session::purge_at_seconds;
