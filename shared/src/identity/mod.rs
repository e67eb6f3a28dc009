//! Who calls: passwords, sessions and principals. What authenticates is never logged, never stored in the clear,
//! never compared with `==` and never visible in `Debug`.

mod authenticate;
mod password;
mod secret;
mod session;
mod sign_in;
mod token;

pub use authenticate::{Caller, authenticate};
pub use password::{Password, PasswordHash, Passwords, hash_password};
pub use session::{SessionKind, SessionRow};
pub use sign_in::{Attempt, CredentialRow, NewCredential, SignedIn, Verified, open_session, verify_password};
pub use token::Token;
