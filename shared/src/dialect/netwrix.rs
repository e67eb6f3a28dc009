//! The Netwrix Privilege Secure dialect: JSON, bearer tokens, and problem details (RFC 9457) for every error.

use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Request, RequestExt, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Format, MAX_BODY_BYTES, Media};
use crate::identity::Token;
use crate::lock::Lock;
use crate::store::{Corrupt, StoreError};

/// The title of a lock on an account that was given none.
const ACCOUNT_LOCKED: &str = "Account locked";

/// Why a request is not carried out; each is one row of the contract's table.
#[derive(Debug)]
pub enum Refusal {
    /// 415: the body is not JSON.
    UnsupportedMedia,
    /// 413: the body is over 64 KiB.
    TooLarge,
    /// 400: what is wrong, by property; `$` is the body as a whole.
    Invalid(Vec<(&'static str, String)>),
    /// 401: no, malformed, unknown, expired or revoked token, or wrong credentials.
    Unauthorized(&'static str),
    /// 403: a lock keeps the caller out, and says so in its own words.
    LockedOut {
        /// The lock's title.
        title: String,
        /// What the locked-out user is told.
        message: String,
    },
    /// 503 or 500: the store failed.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Corrupt> for Refusal {
    fn from(corrupt: Corrupt) -> Self {
        Self::Store(corrupt.into())
    }
}

impl Refusal {
    /// One property that breaks a rule.
    #[must_use]
    pub fn invalid(property: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![(property, rule.into())])
    }

    /// The lock on the caller's own account.
    #[must_use]
    pub fn account_locked(lock: &Lock) -> Self {
        Self::LockedOut {
            title: lock.title.clone().unwrap_or_else(|| ACCOUNT_LOCKED.to_owned()),
            message: lock
                .message
                .clone()
                .unwrap_or_else(|| "This account is locked.".to_owned()),
        }
    }

    /// A caller without a token that holds.
    #[must_use]
    pub const fn unauthorized() -> Self {
        Self::Unauthorized("A bearer token that is valid is required.")
    }

    fn problem(&self) -> Problem {
        let problem =
            |status, title: &str, detail: &str| Problem::new(status, title.to_owned(), detail.to_owned());
        match self {
            Self::UnsupportedMedia => problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported Media Type",
                "The body must be application/json.",
            ),
            Self::TooLarge => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload Too Large".to_owned(),
                format!("The body is larger than {MAX_BODY_BYTES} bytes."),
            ),
            Self::Invalid(errors) => {
                let mut problem = problem(
                    StatusCode::BAD_REQUEST,
                    "One or more validation errors occurred.",
                    "See errors for what is wrong with each property.",
                );
                let mut by_property = Map::new();
                for (property, error) in errors {
                    let list = by_property.entry(*property).or_insert_with(|| json!([]));
                    if let Value::Array(list) = list {
                        list.push(Value::from(error.as_str()));
                    }
                }
                problem
                    .more
                    .insert("errors".to_owned(), Value::Object(by_property));
                problem
            }
            Self::Unauthorized(detail) => problem(StatusCode::UNAUTHORIZED, "Unauthorized", detail),
            Self::LockedOut { title, message } => problem(StatusCode::FORBIDDEN, title, message),
            Self::Store(StoreError::Unavailable(_)) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
                "The service is temporarily unavailable; try again.",
            ),
            Self::Store(_) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error",
                "An internal error occurred.",
            ),
        }
    }
}

/// RFC 9457, with the request's id as `traceId`.
#[derive(Serialize)]
struct Problem {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    instance: String,
    #[serde(rename = "traceId", skip_serializing_if = "String::is_empty")]
    trace_id: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Problem {
    fn new(status: StatusCode, title: String, detail: String) -> Self {
        Self {
            r#type: kind(status),
            title,
            status: status.as_u16(),
            detail,
            instance: String::new(),
            trace_id: String::new(),
            more: Map::new(),
        }
    }

    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::Text(serde_json::to_string(&self).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, 1.into());
            }
            _ => {}
        }
        response
    }
}

/// Where the status is defined, as the product's own answers name it.
fn kind(status: StatusCode) -> String {
    let section = match status.as_u16() {
        400 => "15.5.1",
        401 => "15.5.2",
        403 => "15.5.4",
        404 => "15.5.5",
        409 => "15.5.10",
        413 => "15.5.14",
        414 => "15.5.15",
        415 => "15.5.16",
        500 => "15.6.1",
        503 => "15.6.4",
        _ => return "about:blank".to_owned(),
    };
    format!("https://tools.ietf.org/html/rfc9110#section-{section}")
}

/// Answers a refusal. A failure of the store is logged here, once.
#[must_use]
pub fn refusal(request: &Request, refusal: &Refusal) -> Response<Body> {
    if let Refusal::Store(error) = refusal {
        tracing::error!(%error, "the request failed: {error}");
    }
    let mut problem = refusal.problem();
    request.raw_http_path().clone_into(&mut problem.instance);
    problem.trace_id = request
        .lambda_context_ref()
        .map(|context| context.request_id.clone())
        .unwrap_or_default();
    problem.into_response()
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or_default();
    Problem::new(status, title.to_owned(), message.to_owned()).into_response()
}

/// Answers 200 with a JSON document.
#[must_use]
pub fn ok(document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Text(document.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Checks that a body is JSON by its type, and its size.
///
/// # Errors
/// [`Refusal::UnsupportedMedia`], then [`Refusal::TooLarge`].
pub fn media(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    match Media::of_body(headers) {
        Some(media) if media.format() == Format::Json => size(body),
        _ => Err(Refusal::UnsupportedMedia),
    }
}

/// Checks the type and size of a body that may be a bare text as well.
///
/// # Errors
/// As [`media`].
pub fn media_or_text(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let is_text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| mediatype::MediaType::parse(text).ok())
        .is_some_and(|media| {
            media.essence() == mediatype::MediaType::new(mediatype::names::TEXT, mediatype::names::PLAIN)
        });
    if is_text { size(body) } else { media(headers, body) }
}

fn size(body: &[u8]) -> Result<(), Refusal> {
    if body.len() > MAX_BODY_BYTES {
        Err(Refusal::TooLarge)
    } else {
        Ok(())
    }
}

/// The bearer token of the request (RFC 6750).
///
/// # Errors
/// [`Refusal::Unauthorized`] where there is none that this service can have issued.
pub fn bearer_token(headers: &HeaderMap) -> Result<Token, Refusal> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .and_then(|(_, token)| Token::parse(token.trim()))
        .ok_or_else(Refusal::unauthorized)
}
