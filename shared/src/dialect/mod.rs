//! The wire formats of the three products: what is read from a request and how an answer looks. A dialect never
//! touches the store.

pub mod aktion;
mod body;
mod change_view;
pub mod cloud_event;
mod cursor;
mod document;
mod fields;
pub mod holdfast;
mod malformed;
mod media;
pub mod netwrix;
mod problem;
pub mod sdm;
mod xml;

use std::net::IpAddr;

use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};

pub use body::Members;
pub use change_view::ChangeView;
pub use cursor::ListName;
pub use document::Node;
pub use fields::{Faults, Fields, Words, Wrong};
pub use malformed::{MalformedBody, sentence};
use media::not_accepted;
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
    /// Holdfast's own.
    Holdfast,
}

impl Dialect {
    /// The word for it in records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netwrix => "netwrix",
            Self::Sdm => "sdm",
            Self::Aktion => "aktion",
            Self::Holdfast => "holdfast",
        }
    }

    /// Whose clients call an address that begins like this: what no route takes is answered in words that they read.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let first = first.to_ascii_lowercase();
        match first.as_str() {
            "rest" => Self::Sdm,
            "login" | "user" => Self::Aktion,
            "api" | "signinbody" | "signin2fa" => Self::Netwrix,
            _ => Self::Holdfast,
        }
    }

    /// Refuses a request before any endpoint has seen it, in the caller's own dialect.
    #[must_use]
    pub fn refuse(self, headers: &HeaderMap, status: StatusCode, message: &'static str) -> Response<Body> {
        match self {
            Self::Netwrix => netwrix::refuse(status, message),
            Self::Aktion => aktion::refuse(headers, status, message),
            Self::Sdm => sdm::refuse(headers, status, message),
            Self::Holdfast => holdfast::refuse(status, message),
        }
    }
}

/// Where the request came from, as the gateway saw it. What the client says of itself (`X-Forwarded-For`) is
/// never believed.
#[must_use]
pub fn source_ip(request: &Request) -> Option<IpAddr> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}
