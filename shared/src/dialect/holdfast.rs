//! Holdfast's own dialect: JSON, bearer tokens, and problem details (RFC 9457) with a stable type for each problem.
//! "Locks" in `docs/api.md` is its contract.

use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;
use super::{Faults, Format, MAX_BODY_BYTES, Media, Members, not_accepted};
use crate::failure::Failure;
use crate::lock::{Break, Fence, Label, Lock, Outcome, Owner};
use crate::target::Target;
use crate::telemetry::Tally;

pub use super::netwrix::words;

/// Why a request is not carried out; each is one row of the contract's tables.
#[derive(Debug)]
pub enum Refusal {
    /// 415: the body is not JSON. The sentence says what was sent and what is accepted.
    UnsupportedMedia(String),
    /// 413: the body is over 64 KiB.
    TooLarge,
    /// 400: what is wrong, by property; `$` is the body as a whole.
    Invalid(Faults),
    /// 401: no, malformed, unknown, expired or revoked token, or one without both steps of the sign-in.
    Unauthorized,
    /// 401: the second factor is too old for this (RFC 9470).
    SecondFactorTooOld,
    /// 403: the session never had a second factor.
    SecondFactorRequired,
    /// 403: a machine's token does not open this.
    InteractiveSignInRequired,
    /// 403: the caller lacks a right.
    Forbidden(&'static str),
    /// 404: there is no such target in the caller's company.
    NotFound,
    /// 409: someone else holds the lock.
    HeldByAnother(Box<LockView>),
    /// 409: the caller's lock was broken, and the hold-off is not over.
    HeldOff(Box<BreakView>, Option<Box<LockView>>),
    /// 409: the tenure that was named is not the live one, or never was.
    OtherTenure(Option<Box<LockView>>),
    /// 409: the lock to be broken is the caller's own.
    YourOwnLock,
    /// 503 or 500: the service failed.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Faults> for Refusal {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}

impl Refusal {
    /// One property that breaks a rule.
    #[must_use]
    pub fn invalid(property: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![(property, rule.into())])
    }

    /// What a refusal by the lock protocol says; `view` shows the lock that holds.
    #[must_use]
    pub fn of_outcome(outcome: Outcome, view: impl Fn(&Lock, Fence) -> LockView) -> Self {
        let boxed = |lock: Option<Lock>, fence| lock.map(|lock| Box::new(view(&lock, fence)));
        match outcome {
            Outcome::HeldBy { fence, lock } => Self::HeldByAnother(Box::new(view(&lock, fence))),
            Outcome::HeldOff { broken, fence, lock } => {
                Self::HeldOff(Box::new(BreakView::new(&broken, true)), boxed(lock, fence))
            }
            Outcome::OtherTenure { fence, lock } => Self::OtherTenure(boxed(lock, fence)),
            Outcome::YourOwn { .. } => Self::YourOwnLock,
            _ => Failure::Defect("an outcome that answers another request".to_owned()).into(),
        }
    }

    fn problem(&self) -> Problem {
        let (status, name, title, detail) = self.words();
        let problem = Problem::new(format!("/problems/{name}"), status, title, detail);
        let json = |value: &Option<Box<LockView>>| serde_json::to_value(value).unwrap_or_default();
        match self {
            Self::Invalid(faults) => problem.with_errors(faults),
            Self::HeldByAnother(lock) => problem.with("lock", serde_json::to_value(lock).unwrap_or_default()),
            Self::HeldOff(broken, lock) => problem
                .with("lastBreak", serde_json::to_value(broken).unwrap_or_default())
                .with("lock", json(lock)),
            Self::OtherTenure(lock) => problem.with("lock", json(lock)),
            _ => problem,
        }
    }

    /// The status, the name of the problem's type, its title and its detail.
    fn words(&self) -> (StatusCode, &'static str, &'static str, &str) {
        match self {
            Self::UnsupportedMedia(sentence) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                sentence,
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "Body too large",
                "The body is larger than 65536 bytes.",
            ),
            Self::Invalid(_) => (
                StatusCode::BAD_REQUEST,
                "invalid-request",
                "Invalid request",
                "See errors for what is wrong with each property.",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Unauthorized",
                "A bearer token that is valid is required.",
            ),
            Self::SecondFactorTooOld => (
                StatusCode::UNAUTHORIZED,
                "second-factor-too-old",
                "Second factor too old",
                "The second factor is older than 5 minutes: sign in again.",
            ),
            Self::SecondFactorRequired => (
                StatusCode::FORBIDDEN,
                "second-factor-required",
                "Second factor required",
                "You have signed in without a second factor.",
            ),
            Self::InteractiveSignInRequired => (
                StatusCode::FORBIDDEN,
                "interactive-sign-in-required",
                "Interactive sign-in required",
                "A sign-in with an API key does not open this: sign in with a password and a code.",
            ),
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, "forbidden", "Forbidden", *why),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not-found",
                "Not found",
                "Your company has no such target.",
            ),
            Self::HeldByAnother(_) => (
                StatusCode::CONFLICT,
                "held-by-another",
                "Held by another",
                "Someone else holds the lock.",
            ),
            Self::HeldOff(..) => (
                StatusCode::CONFLICT,
                "held-off",
                "Held off",
                "Your lock was broken, and you cannot take it again yet.",
            ),
            Self::OtherTenure(_) => (
                StatusCode::CONFLICT,
                "other-tenure",
                "Another tenure",
                "The fence that you name is not that of the lock that holds now.",
            ),
            Self::YourOwnLock => (
                StatusCode::CONFLICT,
                "your-own-lock",
                "Your own lock",
                "The lock is yours: release it.",
            ),
            Self::Failed(Failure::Unavailable(_)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Unavailable",
                "The service is temporarily unavailable; try again.",
            ),
            Self::Failed(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal-error",
                "Internal error",
                "An internal error occurred.",
            ),
        }
    }
}

/// A lock as it is shown. What there is nothing to say of is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockView {
    kind: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    owner: String,
    mine: bool,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    fence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl LockView {
    /// The lock on `target`, which people call `name`, as `reader` sees it.
    #[must_use]
    pub fn new(target: &Target, name: Option<&str>, lock: &Lock, fence: Fence, reader: &Owner) -> Self {
        Self {
            kind: target.kind().as_str(),
            id: target.id(),
            name: name.map(str::to_owned),
            owner: lock.owner.as_str().to_owned(),
            mine: lock.owner == *reader,
            since: lock.since.to_string(),
            until: lock.until.map(|until| until.to_string()),
            fence: fence.get(),
            title: lock.title.clone(),
            message: lock.message.clone(),
        }
    }
}

/// The latest break of a lock, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakView {
    owner: String,
    fence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The end of the hold-off.
    until: String,
}

impl BreakView {
    /// The break. Who broke it and why is told where `in_full`.
    #[must_use]
    pub fn new(broken: &Break, in_full: bool) -> Self {
        Self {
            owner: broken.owner.as_str().to_owned(),
            fence: broken.fence.get(),
            by: in_full.then(|| broken.by.as_str().to_owned()),
            at: broken.at.to_string(),
            reason: in_full.then(|| broken.reason.as_str().to_owned()),
            until: broken.until.to_string(),
        }
    }
}

/// The answer, or the refusal as one.
#[must_use]
pub fn answer(request: &Request, answered: Result<Response<Body>, Refusal>) -> Response<Body> {
    answered.unwrap_or_else(|why| refusal(request, why))
}

fn refusal(request: &Request, refusal: Refusal) -> Response<Body> {
    let mut response = refusal.problem().of(request).into_response();
    match refusal {
        Refusal::SecondFactorTooOld => challenge(
            &mut response,
            "Bearer error=\"insufficient_user_authentication\", max_age=\"300\"",
        ),
        Refusal::Unauthorized => challenge(&mut response, "Bearer"),
        Refusal::HeldByAnother(_) => tally(&mut response, Label::HeldByOther),
        Refusal::HeldOff(..) => tally(&mut response, Label::HeldOff),
        Refusal::OtherTenure(_) => tally(&mut response, Label::OtherTenure),
        Refusal::YourOwnLock => tally(&mut response, Label::YourOwnLock),
        // The runtime logs it, once.
        Refusal::Failed(failure) => drop(response.extensions_mut().insert(failure)),
        _ => {}
    }
    response
}

fn tally(response: &mut Response<Body>, label: Label) {
    response.extensions_mut().insert(Tally::Lock(label));
}

fn challenge(response: &mut Response<Body>, challenge: &'static str) {
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or_default();
    Problem::new("about:blank", status, title, message).into_response()
}

/// Answers with a JSON document.
#[must_use]
pub fn respond(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    // Texts, numbers and lists of them always have a JSON form.
    let mut response = Response::new(Body::Text(serde_json::to_string(document).unwrap_or_default()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The text of the bearer token of the request (RFC 6750).
#[must_use]
pub fn bearer_text(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Checks that a body is JSON by its type, and its size. Where every property is optional, so is the body.
///
/// # Errors
/// [`Refusal::UnsupportedMedia`], then [`Refusal::TooLarge`].
pub fn media(headers: &HeaderMap, body: &[u8], is_optional: bool) -> Result<(), Refusal> {
    let is_json = Media::of_body(headers).is_some_and(|media| media.format() == Format::Json);
    let is_left_out = is_optional && body.is_empty();
    if !is_json && !is_left_out {
        Err(Refusal::UnsupportedMedia(not_accepted(
            headers,
            "application/json",
        )))
    } else if body.len() > MAX_BODY_BYTES {
        Err(Refusal::TooLarge)
    } else {
        Ok(())
    }
}

/// Reads a JSON body's members; an empty body has none.
///
/// # Errors
/// The fault of the body as a whole, `$`.
pub fn members(body: &[u8]) -> Result<Members, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    Members::read(body, Format::Json, "").map_err(|malformed| Refusal::invalid("$", malformed.sentence()))
}

/// A fence in a body.
///
/// # Errors
/// The rule, as a sentence.
pub fn fence(value: &Value) -> Result<Fence, String> {
    value
        .as_u64()
        .map(Fence::new)
        .ok_or_else(|| "The fence must be a whole number that a lock has shown.".to_owned())
}
