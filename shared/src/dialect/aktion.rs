//! The Aktion.NEXT dialect: JSON and XML, results with the vendor's codes and the vendor's spelling, which clients
//! match on.

use lambda_http::http::HeaderMap;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_http::{Body, Request, RequestExt, Response};

use super::{Faults, MAX_BODY_BYTES, Media, Members, Node, Wrong, accepted};
use crate::failure::Failure;
use crate::id::Company;
use crate::secret::ApiToken;
use crate::telemetry::Tally;

pub use super::source_ip;

/// What a caller without any preference is answered in.
const FALLBACK: Media = Media::ApplicationJson;
/// The root element of every request.
const REQUEST: &str = "Request";
/// The root element of every answer.
const RESPONSE: &str = "Response";

/// A result: status, code and message, and for a malformed request each fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    status: StatusCode,
    code: i64,
    message: String,
    faults: Vec<String>,
    tally: Option<Tally>,
    failure: Option<Failure>,
}

impl Outcome {
    /// A result. The message is the vendor's, character by character.
    #[must_use]
    pub fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            faults: Vec::new(),
            tally: None,
            failure: None,
        }
    }

    /// The same result, which counts in the metrics under a name of its own.
    #[must_use]
    pub fn tallied(self, tally: Tally) -> Self {
        Self {
            tally: Some(tally),
            ..self
        }
    }

    /// 415 / 415
    #[must_use]
    pub fn unsupported_media() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            415,
            "The request entity has a media type which the server or resource does not support. \
             Only application/json and application/xml are supported",
        )
    }

    /// 413 / 413
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            413,
            "The request entity is too large",
        )
    }

    /// 400 / 1002, with each fault.
    #[must_use]
    pub fn invalid(faults: Faults) -> Self {
        let message = "Entry parameter missing or parameter bindigs failed";
        Self {
            faults: faults.into_iter().map(|(_, fault)| fault).collect(),
            ..Self::new(StatusCode::BAD_REQUEST, 1002, message)
        }
    }

    /// 401 / 1003
    #[must_use]
    pub fn unknown_login_or_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 1003, "UserLogin or ApiKey are unknown")
    }

    /// 401 / 1004
    #[must_use]
    pub fn invalid_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 1004, "ApiKey is invalid")
    }

    /// 500 / 500. It never shows internals.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 500, "internal error")
    }

    /// 503 / 7
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 7, OTHER_PROBLEMS)
    }

    /// The same result, for this failure, which the runtime logs.
    #[must_use]
    pub fn because_of(self, failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..self
        }
    }

    fn node(&self) -> Node {
        let faults = if self.faults.is_empty() {
            Node::Null
        } else {
            Node::List("string", self.faults.iter().map(Node::text).collect())
        };
        Node::Members(vec![
            ("Message", Node::text(&self.message)),
            ("Code", Node::Number(self.code)),
            ("ModelStateErr", faults),
        ])
    }
}

/// The result of a failed read or sign-in: 503 where it may succeed later, else 500.
impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        let outcome = match failure {
            Failure::Unavailable(_) => Self::unavailable(),
            _ => Self::internal_error(),
        };
        outcome.because_of(failure)
    }
}

/// The vendor's message for any refusal by the store that has none of its own.
pub const OTHER_PROBLEMS: &str =
    "Db operation failed, operation can not be executed because another problems occured";

/// Answers with the bare result.
#[must_use]
pub fn result(headers: &HeaderMap, outcome: Outcome) -> Response<Body> {
    let node = outcome.node();
    respond(headers, outcome, &node)
}

/// Answers with the result in an envelope, beside the request as it was understood.
#[must_use]
pub fn enveloped(headers: &HeaderMap, outcome: Outcome, request: Node) -> Response<Body> {
    let node = Node::Members(vec![("Result", outcome.node()), ("Request", request)]);
    respond(headers, outcome, &node)
}

/// 404 / 1400: no such user in the caller's company, or one of the system's own.
#[must_use]
pub fn user_not_found(login_name: &str, company: &Company) -> Outcome {
    let message = format!(
        "User for [LoginName {login_name}, ID_Firma {company}] not found or it could be a system user"
    );
    Outcome::new(StatusCode::NOT_FOUND, 1400, message)
}

/// Answers 200 with a document.
#[must_use]
pub fn document(headers: &HeaderMap, node: &Node) -> Response<Body> {
    write(headers, StatusCode::OK, node)
}

fn respond(headers: &HeaderMap, outcome: Outcome, node: &Node) -> Response<Body> {
    let mut response = write(headers, outcome.status, node);
    if let Some(tally) = outcome.tally {
        response.extensions_mut().insert(tally);
    }
    if let Some(failure) = outcome.failure {
        response.extensions_mut().insert(failure);
    }
    if outcome.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    response
}

fn write(headers: &HeaderMap, status: StatusCode, node: &Node) -> Response<Body> {
    let media = accepted(headers, FALLBACK);
    let mut response = Response::new(Body::Text(node.write(media.format(), RESPONSE)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media.as_str()));
    response
}

pub(super) fn refuse(headers: &HeaderMap, status: StatusCode, message: &str) -> Response<Body> {
    result(headers, Outcome::new(status, i64::from(status.as_u16()), message))
}

/// Checks the media type and size of a body, before anyone looks into it.
///
/// # Errors
/// 415, then 413.
pub fn media(headers: &HeaderMap, body: &[u8]) -> Result<Media, Outcome> {
    let media = Media::of_body(headers).ok_or_else(Outcome::unsupported_media)?;
    if body.len() > MAX_BODY_BYTES {
        Err(Outcome::too_large())
    } else {
        Ok(media)
    }
}

/// Reads a request body's members.
///
/// # Errors
/// The fault of the body as a whole.
pub fn members(media: Media, body: &[u8]) -> Result<Members, Faults> {
    Members::read_in_any_case(body, media.format(), REQUEST)
        .map_err(|malformed| vec![("$", malformed.sentence())])
}

/// The most characters of a login, by the vendor.
pub const MAX_LOGIN: usize = 100;

/// What is wrong with a member, in the vendor's words.
#[must_use]
pub fn words(name: &'static str, wrong: Wrong) -> String {
    match wrong {
        Wrong::Missing => format!("The {name} field is required."),
        Wrong::NotAString => format!("The field {name} must be a string."),
        Wrong::TooLong(max) => {
            format!("The field {name} must be a string with a maximum length of {max}.")
        }
        Wrong::NotATruth => format!("The field {name} must be true or false."),
    }
}

/// The token in the query string, as it was sent. It is shown to the caller alone and never logged.
#[must_use]
pub fn token_text(request: &Request) -> Option<&str> {
    query(request, "Token")
}

/// The token in the query string; `None` for an absent one and for a text that is not a UUID.
#[must_use]
pub fn token(request: &Request) -> Option<ApiToken> {
    ApiToken::parse(token_text(request)?)
}

/// A parameter of the query string. Names are compared without case, as the vendor's framework does.
#[must_use]
pub fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .query_string_parameters_ref()?
        .iter()
        .find(|(parameter, _)| parameter.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
