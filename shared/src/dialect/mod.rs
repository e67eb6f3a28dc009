//! The wire formats of the three products: what is read from a request and how an answer looks. A dialect never
//! touches the store.

pub mod aktion;
mod body;
mod document;
mod media;
pub mod netwrix;
pub mod sdm;
mod xml;

use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};

pub use body::{Malformed, Members, sentence};
pub use document::Node;
pub use media::{Format, Media, accepted};

/// The largest request body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A product's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Netwrix Privilege Secure.
    Netwrix,
    /// Oracle Session Delivery Manager.
    Sdm,
    /// Aktion.NEXT.
    Aktion,
}

impl Dialect {
    /// Refuses a request before any endpoint has seen it, in the caller's own dialect.
    #[must_use]
    pub fn refuse(self, headers: &HeaderMap, status: StatusCode, message: &'static str) -> Response<Body> {
        match self {
            Self::Netwrix => netwrix::refuse(status, message),
            Self::Aktion => aktion::refuse(headers, status, message),
            Self::Sdm => sdm::refuse(headers, status, message),
        }
    }
}
