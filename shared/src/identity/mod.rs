//! Who calls: sessions, sign-in and principals.

mod api_token;
mod attempts;
mod denial;
mod identify;
mod ip_filter;
mod open;
pub mod policy;
mod principal;
mod rate_policy;
mod rights;
mod second_factor;
mod session;
mod sign_in;
mod sources;

pub use api_token::{AdmissionRefusal, ApiCaller, sign_in_with_api_key};
pub use attempts::{ClosedSource, Standing};
pub use denial::Denial;
pub use identify::{Caller, IdentityRefusal, identify, identify_by_api_token};
pub use ip_filter::{InvalidIpFilter, IpFilter};
pub use open::SignInResult;
pub use policy::{BEARER_KINDS, MissingRight};
pub use principal::{Bearer, Principal, SignIn, identify_principal};
pub use rate_policy::{InvalidRatePolicy, RatePolicy};
pub use rights::Rights;
pub use second_factor::{SecondFactor, second_factor};
pub use session::{renew_token, slide};
pub use sign_in::{FirstFactor, open_session, verify_password};
pub use sources::Sources;
