//! The Netwrix Privilege Secure dialect: JSON, bearer tokens, and problem details (RFC 9457) for every error.

use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;
use super::{Faults, Format, MAX_BODY_BYTES, Media, Members, Wrong, not_accepted};
use crate::failure::Failure;
use crate::id::ActivitySessionId;
use crate::lock::{Break, Lock};
use crate::secret::Token;
use crate::telemetry::Tally;

/// Why a request is not carried out; each is one row of the contract's table.
#[derive(Debug)]
pub enum Refusal {
    /// 415: the body is not JSON. The sentence says what was sent and what is accepted.
    UnsupportedMedia(String),
    /// 413: the body is over 64 KiB.
    TooLarge,
    /// 400: what is wrong, by property; `$` is the body as a whole.
    Invalid(Faults),
    /// 401: no, malformed, unknown, expired or revoked token, or wrong credentials.
    Unauthorized(&'static str),
    /// 401: a wrong code after a right password. Answered like any other, and counted apart in the metrics: a caller
    /// who guesses codes has the password.
    Guess(&'static str),
    /// 403: the policy asks for more than the caller has.
    Forbidden(&'static str),
    /// 404: what the path or body names is not there, in the caller's company.
    NotFound(&'static str),
    /// 404: these activity sessions are not there, in the caller's company.
    UnknownSessions(Vec<ActivitySessionId>),
    /// 409: these locks refuse the request; nothing was changed.
    Conflict(Vec<RefusingLock>),
    /// 403: a lock keeps the caller out, and says so in its own words.
    LockedOut {
        /// The lock's title.
        title: String,
        /// What the locked-out user is told.
        message: String,
    },
    /// 503 or 500: the service failed.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
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
        Self::locked_out(account_lock_title(lock), lock, "This account is locked.")
    }

    /// The lock on the caller's activity session, or on their access to a resource.
    #[must_use]
    pub fn session_locked(lock: &Lock) -> Self {
        Self::locked_out(session_lock_title(lock), lock, "This session is locked.")
    }

    fn locked_out(title: &str, lock: &Lock, default_message: &str) -> Self {
        let message = lock.message.as_deref().unwrap_or(default_message);
        Self::LockedOut {
            title: title.to_owned(),
            message: message.to_owned(),
        }
    }

    /// A caller without a token that holds.
    #[must_use]
    pub const fn unauthorized() -> Self {
        Self::Unauthorized("A bearer token that is valid is required.")
    }

    fn problem(&self) -> Problem {
        match self {
            Self::UnsupportedMedia(detail) => problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported Media Type",
                detail,
            ),
            Self::TooLarge => problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload Too Large",
                format!("The body is larger than {MAX_BODY_BYTES} bytes."),
            ),
            Self::Invalid(errors) => problem(
                StatusCode::BAD_REQUEST,
                "One or more validation errors occurred.",
                "See errors for what is wrong with each property.",
            )
            .with_errors(errors),
            Self::Unauthorized(detail) | Self::Guess(detail) => {
                problem(StatusCode::UNAUTHORIZED, "Unauthorized", *detail)
            }
            Self::Forbidden(missing) => problem(StatusCode::FORBIDDEN, "Forbidden", *missing),
            Self::NotFound(what) => problem(StatusCode::NOT_FOUND, "Not Found", *what),
            Self::UnknownSessions(ids) => problem(
                StatusCode::NOT_FOUND,
                "Not Found",
                "Some of the activity sessions do not exist.",
            )
            .with(
                "activitySessionIds",
                ids.iter().map(|id| Value::from(id.to_string())).collect(),
            ),
            Self::Conflict(locks) => problem(
                StatusCode::CONFLICT,
                "Conflict",
                if locks.iter().any(|lock| lock.lock.is_some()) {
                    "Some of the locks belong to someone else; nothing was changed."
                } else {
                    "Some of your locks were broken, and you cannot take them again yet; nothing was changed."
                },
            )
            .with("locks", locks.iter().map(RefusingLock::to_json).collect()),
            Self::LockedOut { title, message } => problem(StatusCode::FORBIDDEN, title, message),
            Self::Failed(Failure::Unavailable(_)) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
                "The service is temporarily unavailable; try again.",
            ),
            Self::Failed(_) => problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error",
                "An internal error occurred.",
            ),
        }
    }
}

/// A lock that refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusingLock {
    /// `activity`, `resource` or `user`.
    pub scope: &'static str,
    /// The session's id, `<resource id>/<login>`, or the login.
    pub id: String,
    /// Someone else's lock; `None` where the lock is free, and the caller is held off.
    pub lock: Option<Lock>,
    /// The break that holds the caller off.
    pub broken: Option<Break>,
}

impl RefusingLock {
    fn to_json(&self) -> Value {
        let (lock, broken) = (self.lock.as_ref(), self.broken.as_ref());
        let entry = LockEntry {
            scope: self.scope,
            id: &self.id,
            owner: lock.map(|lock| lock.owner.as_str()),
            since: lock.map(|lock| lock.since.to_string()),
            broken_by: broken.map(|broken| broken.by.as_str()),
            broken_at: broken.map(|broken| broken.at.to_string()),
            reason: broken.map(|broken| broken.reason.as_str()),
        };
        // Texts always have a JSON form.
        serde_json::to_value(entry).unwrap_or_default()
    }
}

/// An entry of `locks`. What there is nothing to say of is absent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LockEntry<'a> {
    scope: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

fn problem(status: StatusCode, title: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(definition(status), status, title, detail)
}

/// Where the status is defined, as the product's own answers name it.
fn definition(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        401 => "https://tools.ietf.org/html/rfc9110#section-15.5.2",
        403 => "https://tools.ietf.org/html/rfc9110#section-15.5.4",
        404 => "https://tools.ietf.org/html/rfc9110#section-15.5.5",
        405 => "https://tools.ietf.org/html/rfc9110#section-15.5.6",
        409 => "https://tools.ietf.org/html/rfc9110#section-15.5.10",
        413 => "https://tools.ietf.org/html/rfc9110#section-15.5.14",
        414 => "https://tools.ietf.org/html/rfc9110#section-15.5.15",
        415 => "https://tools.ietf.org/html/rfc9110#section-15.5.16",
        500 => "https://tools.ietf.org/html/rfc9110#section-15.6.1",
        503 => "https://tools.ietf.org/html/rfc9110#section-15.6.4",
        _ => "about:blank",
    }
}

/// The answer, or the refusal as one.
#[must_use]
pub fn answer(request: &Request, answered: Result<Response<Body>, Refusal>) -> Response<Body> {
    answered.unwrap_or_else(|why| refusal(request, why))
}

fn refusal(request: &Request, refusal: Refusal) -> Response<Body> {
    let mut response = respond(refusal.problem().of(request));
    let extensions = response.extensions_mut();
    match refusal {
        Refusal::Guess(_) => drop(extensions.insert(Tally::SecondFactorGuess)),
        // The runtime logs it, once.
        Refusal::Failed(failure) => drop(extensions.insert(failure)),
        _ => {}
    }
    response
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    respond(problem(
        status,
        status.canonical_reason().unwrap_or_default(),
        message,
    ))
}

fn respond(problem: Problem) -> Response<Body> {
    let mut response = problem.into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Answers 200 with a JSON document.
#[must_use]
pub fn ok(document: &impl Serialize) -> Response<Body> {
    // Texts, numbers and lists of them always have a JSON form.
    let mut response = Response::new(Body::Text(serde_json::to_string(document).unwrap_or_default()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers 201 with a JSON document and where it can be read again.
#[must_use]
pub fn created(document: &impl Serialize, location: &str) -> Response<Body> {
    let mut response = ok(document);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Answers 202, without a body.
#[must_use]
pub fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// The title of a lock on an activity session that was given none.
#[must_use]
pub fn session_lock_title(lock: &Lock) -> &str {
    lock.title.as_deref().unwrap_or("Session locked")
}

/// The title of a lock on an account that was given none.
#[must_use]
pub fn account_lock_title(lock: &Lock) -> &str {
    lock.title.as_deref().unwrap_or("Account locked")
}

/// Checks that a body is JSON by its type, and its size.
///
/// # Errors
/// [`Refusal::UnsupportedMedia`], then [`Refusal::TooLarge`].
pub fn media(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    match Media::of_body(headers) {
        Some(media) if media.format() == Format::Json => size(body),
        _ => Err(Refusal::UnsupportedMedia(not_accepted(
            headers,
            "application/json",
        ))),
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
    if is_text {
        return size(body);
    }
    media(headers, body).map_err(|refusal| match refusal {
        Refusal::UnsupportedMedia(_) => {
            Refusal::UnsupportedMedia(not_accepted(headers, "application/json or text/plain"))
        }
        refusal => refusal,
    })
}

fn size(body: &[u8]) -> Result<(), Refusal> {
    if body.len() > MAX_BODY_BYTES {
        Err(Refusal::TooLarge)
    } else {
        Ok(())
    }
}

/// Reads a JSON body's members. Names are compared without case, as the vendor's framework does.
///
/// # Errors
/// The fault of the body as a whole, `$`.
pub fn members(body: &[u8]) -> Result<Members, Faults> {
    Members::read_in_any_case(body, Format::Json, "").map_err(|malformed| vec![("$", malformed.sentence())])
}

/// What is wrong with a member, in this dialect's words.
#[must_use]
pub fn words(name: &'static str, wrong: Wrong) -> String {
    match wrong {
        Wrong::Missing => format!("The {name} is required."),
        Wrong::NotAString => format!("The {name} must be a string."),
        Wrong::TooLong(max) => format!("The {name} may have {max} characters at most."),
        Wrong::NotATruth => format!("The {name} must be true or false."),
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
