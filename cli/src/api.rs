//! The API over HTTP: requests as the caller, and answers with every refusal in one line.

mod caller;
mod http;
mod kept;
mod problem;
mod sign_in;

pub(crate) use caller::Caller;
pub(crate) use http::{Api, Reply};
pub(crate) use kept::{Factors, Kept};
pub(crate) use sign_in::{Credentials, sign_in, sign_in_with_key};
