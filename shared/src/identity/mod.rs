//! Who calls: passwords, sessions and principals. What authenticates is never logged, never stored in the clear,
//! never compared with `==` and never visible in `Debug`.

mod api_key;
mod api_token;
mod attempts;
mod credential;
mod identify;
mod ip_filter;
mod open;
mod password;
mod rate_policy;
mod second_factor;
mod secret;
mod session;
mod sign_in;
mod sources;
mod token;
mod totp;

pub use api_key::{ApiKey, ApiKeyHash};
pub use api_token::{ApiCaller, ApiToken, NotAdmitted, sign_in_with_api_key};
pub use attempts::Attempt;
pub use credential::{CredentialRow, NewCredential};
pub use identify::{Caller, Unidentified, identify, identify_by_api_token};
pub use ip_filter::{InvalidIpFilter, IpFilter};
pub use open::SignedIn;
pub use password::{Password, PasswordHash, Passwords, hash_password};
pub use rate_policy::{InvalidRatePolicy, RatePolicy};
pub use second_factor::{SecondFactor, second_factor};
pub use session::{SessionKind, SessionRow};
pub use sign_in::{Verified, open_session, verify_password};
pub use sources::Sources;
pub use token::Token;
pub use totp::{Code, Step, TotpSecret};
