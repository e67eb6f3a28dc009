//! The Session Delivery Manager dialect: XML and JSON both ways, cookies, `Timeout` leases and `Lock-Fence`.
//! `docs/api.md` says which of this the vendor documents and which is Holdfast's own.

use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use lambda_http::http::header::{CONTENT_TYPE, COOKIE, RETRY_AFTER, SET_COOKIE};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Request, Response};

use super::{MAX_BODY_BYTES, MalformedBody, Media, Members, Node, accepted, not_accepted};
use crate::failure::Failure;
use crate::lock::{Break, Fence, Lease, LeaseChange, Lock, Timestamp};
use crate::secret::Token;

/// The cookie that carries the session.
const SESSION_COOKIE: &str = "JSESSIONID";
/// What a caller without any preference is answered in.
const FALLBACK: Media = Media::ApplicationXml;
/// The versions of the API that clients may name.
const VERSIONS: [&str; 4] = ["v1.0", "v1.1", "v1.2", "v1.3"];
/// `Lock-Fence`: the fence of the tenure, for systems downstream.
const LOCK_FENCE: HeaderName = HeaderName::from_static("lock-fence");
/// `Timeout` (RFC 4918 §10.7).
const TIMEOUT: HeaderName = HeaderName::from_static("timeout");

/// Why a request is not carried out; each is one row of the contract's table.
#[derive(Debug)]
pub enum Refusal {
    /// 404: the path names a version that there is not.
    UnknownVersion,
    /// 415: the body is neither XML nor JSON. The sentence says what was sent and what is accepted.
    UnsupportedMedia(String),
    /// 413: the body is over 64 KiB.
    TooLarge,
    /// 401: no session, an unknown, an expired or a revoked one.
    Unauthorized,
    /// 401: a wrong user or password, a locked account or too many failures, all alike.
    WrongCredentials,
    /// 403: the user's group may not do this.
    Forbidden,
    /// 400: the request breaks a rule, which the sentence names.
    Invalid(String),
    /// 404: no such device in the caller's company.
    NotFound,
    /// 423: someone else holds the lock.
    Locked(Lock),
    /// 423: the caller's lock was broken and the hold-off is not over; with the lock, where someone else holds it now.
    HeldOff(Box<Break>, Option<Lock>),
    /// 503 or 500: the service failed.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<MalformedBody> for Refusal {
    fn from(malformed: MalformedBody) -> Self {
        Self::Invalid(malformed.to_string())
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnknownVersion | Self::NotFound => StatusCode::NOT_FOUND,
            Self::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Locked(_) | Self::HeldOff(..) => StatusCode::LOCKED,
            Self::Failed(Failure::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::UnknownVersion => "The REST API version of your input request cannot be found.".to_owned(),
            Self::NotFound => {
                "The object (resource URI, device, and so on) of your input request cannot be found."
                    .to_owned()
            }
            Self::UnsupportedMedia(sentence) => sentence.clone(),
            Self::TooLarge => format!("The request body is larger than {MAX_BODY_BYTES} bytes."),
            Self::Unauthorized => "The request is not authorized.".to_owned(),
            Self::WrongCredentials => "The user name or password is wrong.".to_owned(),
            Self::Forbidden => "The user's group may not lock or unlock devices.".to_owned(),
            Self::Invalid(why) => format!("The user input is invalid: {why}."),
            Self::Locked(_) | Self::HeldOff(_, Some(_)) => "The device is locked by another user.".to_owned(),
            Self::HeldOff(_, None) => {
                "Your lock on the device was broken; you cannot lock it again yet.".to_owned()
            }
            Self::Failed(Failure::Unavailable(_)) => {
                "The service is temporarily unavailable; try again.".to_owned()
            }
            Self::Failed(_) => "An internal error occurred.".to_owned(),
        }
    }
}

/// The answer, or the refusal as one.
#[must_use]
pub fn answer(request: &Request, answered: Result<Response<Body>, Refusal>) -> Response<Body> {
    answered.unwrap_or_else(|why| refusal(request.headers(), why))
}

/// Answers a refusal, in XML or JSON by `Accept`.
fn refusal(headers: &HeaderMap, refusal: Refusal) -> Response<Body> {
    let more = match &refusal {
        Refusal::Locked(lock) => vec![shown(lock)],
        Refusal::HeldOff(broken, lock) => lock.iter().map(shown).chain([told(broken)]).collect(),
        _ => Vec::new(),
    };
    let mut response = error(headers, refusal.status(), refusal.message(), more);
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    if let Refusal::Failed(failure) = refusal {
        // The runtime logs it, once.
        response.extensions_mut().insert(failure);
    }
    response
}

pub(super) fn refuse(headers: &HeaderMap, status: StatusCode, message: &str) -> Response<Body> {
    error(headers, status, message.to_owned(), Vec::new())
}

/// A member of an answer, by its name.
type Member = (&'static str, Node);

fn error(headers: &HeaderMap, status: StatusCode, message: String, more: Vec<Member>) -> Response<Body> {
    let mut members = vec![
        ("status", Node::Number(i64::from(status.as_u16()))),
        ("message", Node::Text(message)),
    ];
    members.extend(more);
    document(headers, status, "error", &Node::Members(members))
}

/// The lock that refuses the caller.
fn shown(lock: &Lock) -> Member {
    let mut members = vec![
        ("owner", Node::text(lock.owner.as_str())),
        ("since", Node::text(lock.since.to_string())),
    ];
    members.extend(lock.until.map(|until| ("until", Node::text(until.to_string()))));
    ("lock", Node::Members(members))
}

/// The break, for the owner of the lock that was broken.
fn told(broken: &Break) -> Member {
    let members = vec![
        ("by", Node::text(broken.by.as_str())),
        ("at", Node::text(broken.at.to_string())),
        ("reason", Node::text(broken.reason.as_str())),
    ];
    ("broken", Node::Members(members))
}

/// Answers with a document, in XML or JSON by `Accept`.
#[must_use]
pub fn document(headers: &HeaderMap, status: StatusCode, root: &str, node: &Node) -> Response<Body> {
    let media = accepted(headers, FALLBACK);
    let mut response = Response::new(Body::Text(node.write(media.format(), root)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media.as_str()));
    response
}

/// Answers 204, the success of everything that has nothing to show.
#[must_use]
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Checks the version in the path.
///
/// # Errors
/// [`Refusal::UnknownVersion`] for any other than `v1.0` to `v1.3`.
pub fn version(parameter: Option<&str>) -> Result<(), Refusal> {
    match parameter {
        Some(version) if VERSIONS.contains(&version) => Ok(()),
        _ => Err(Refusal::UnknownVersion),
    }
}

/// Checks the media type and size of a body, before anyone looks into it.
///
/// # Errors
/// [`Refusal::UnsupportedMedia`], then [`Refusal::TooLarge`].
pub fn media(headers: &HeaderMap, body: &[u8]) -> Result<Media, Refusal> {
    let media = Media::of_body(headers).ok_or_else(|| {
        Refusal::UnsupportedMedia(not_accepted(headers, "application/xml or application/json"))
    })?;
    if body.len() > MAX_BODY_BYTES {
        Err(Refusal::TooLarge)
    } else {
        Ok(media)
    }
}

/// The session token in the request's cookies.
///
/// Two different session cookies are refused: a cookie that someone else has planted, for a wider domain or another
/// path, would otherwise choose whose session counts.
///
/// # Errors
/// [`Refusal::Unauthorized`] where there is none that this service can have issued, or more than one.
pub fn session_token(headers: &HeaderMap) -> Result<Token, Refusal> {
    let mut sessions = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == SESSION_COOKIE);
    let session = sessions.next().ok_or(Refusal::Unauthorized)?;
    if sessions.any(|other| other.value() != session.value()) {
        return Err(Refusal::Unauthorized);
    }
    Token::parse(session.value()).ok_or(Refusal::Unauthorized)
}

/// Gives the client its session cookie. `secure` is left out on a plain-HTTP server, where a client would never
/// send the cookie back.
pub fn set_session_cookie(response: &mut Response<Body>, token: &Token, secure: bool) {
    set_cookie(response, &session_cookie(token.reveal().to_owned(), secure));
}

/// Takes the session cookie back.
pub fn clear_session_cookie(response: &mut Response<Body>, secure: bool) {
    let mut cookie = session_cookie(String::new(), secure);
    cookie.set_max_age(Duration::ZERO);
    set_cookie(response, &cookie);
}

fn session_cookie(value: String, secure: bool) -> Cookie<'static> {
    let mut cookie = Cookie::new(SESSION_COOKIE, value);
    cookie.set_path("/rest");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    if secure {
        cookie.set_secure(true);
    }
    cookie
}

fn set_cookie(response: &mut Response<Body>, cookie: &Cookie<'static>) {
    // A token is base64url and dots: always a header value.
    if let Ok(value) = cookie.to_string().parse() {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// What a device action asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lock, with what the `Timeout` header says of the lease.
    Lock(LeaseChange),
    /// Unlock.
    Unlock,
}

/// Reads `<deviceAction><type>Lock</type></deviceAction>` or `{"type":"Lock"}`, and for a lock the `Timeout`
/// header.
///
/// # Errors
/// [`Refusal::Invalid`], saying why.
pub fn action(headers: &HeaderMap, media: Media, body: &[u8]) -> Result<Action, Refusal> {
    let members = Members::read(body, media.format(), "deviceAction")?;
    match members.text("type") {
        Some("Lock") => timeout(headers).map(Action::Lock),
        Some("Unlock") => Ok(Action::Unlock),
        _ => Err(Refusal::Invalid("type must be Lock or Unlock".to_owned())),
    }
}

/// The lease that the `Timeout` header asks for. Of a list the first understood value counts.
fn timeout(headers: &HeaderMap) -> Result<LeaseChange, Refusal> {
    let mut values = headers.get_all(TIMEOUT).iter().peekable();
    if values.peek().is_none() {
        return Ok(LeaseChange::Keep);
    }
    let invalid = || Refusal::Invalid("Timeout must be Infinite or Second-1 to Second-86400".to_owned());
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|value| understood(value.trim()))
        .ok_or_else(invalid)?
        .map_err(|_| invalid())
}

/// `None` for a value that is not of RFC 4918's grammar; an error for one that is, but is not a possible lease.
fn understood(value: &str) -> Option<Result<LeaseChange, crate::lock::InvalidLease>> {
    if value.eq_ignore_ascii_case("Infinite") {
        return Some(Ok(LeaseChange::Infinite));
    }
    let (unit, digits) = value.split_once('-')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (unit.eq_ignore_ascii_case("Second") && is_number).then(|| {
        // More digits than a u64 holds are out of range like any other large number.
        Lease::from_seconds(digits.parse().unwrap_or(u64::MAX)).map(LeaseChange::For)
    })
}

/// The success of a lock: 204 with the fence and the lease as granted, in whole seconds and never more than is left.
#[must_use]
pub fn locked(fence: Fence, lock: &Lock, now: Timestamp) -> Response<Body> {
    let mut response = unlocked(fence);
    let granted = match lock.until {
        None => "Infinite".to_owned(),
        Some(until) => format!("Second-{}", until.since(now).as_secs()),
    };
    if let Ok(value) = granted.parse() {
        response.headers_mut().insert(TIMEOUT, value);
    }
    response
}

/// The success of an unlock: 204 with the fence of the tenure that is over.
#[must_use]
pub fn unlocked(fence: Fence) -> Response<Body> {
    let mut response = no_content();
    response.headers_mut().insert(LOCK_FENCE, fence.get().into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timeouts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in timeouts {
            headers.append(TIMEOUT, value.parse().unwrap());
        }
        headers
    }

    fn seconds(seconds: u64) -> LeaseChange {
        LeaseChange::For(Lease::from_seconds(seconds).unwrap())
    }

    #[test]
    fn the_timeout_header_is_read_as_rfc_4918_writes_it() {
        for (values, lease) in [
            (&[][..], Some(LeaseChange::Keep)),
            (&["Infinite"], Some(LeaseChange::Infinite)),
            (&["Second-1"], Some(seconds(1))),
            (&["second-86400"], Some(seconds(86_400))),
            (&["Infinite, Second-600"], Some(LeaseChange::Infinite)),
            (&["Extend-5, Second-600"], Some(seconds(600))),
            (&["Extend-5", "Second-600"], Some(seconds(600))),
            (&["Second-0"], None),
            (&["Second-86401"], None),
            (&["Second-99999999999999999999999"], None),
            (&["Second-86401, Second-1"], None),
            (&["Second--1"], None),
            (&["Second-"], None),
            (&["600"], None),
            (&[""], None),
        ] {
            assert_eq!(timeout(&headers(values)).ok(), lease, "{values:?}");
        }
    }

    #[test]
    fn one_session_cookie_counts_and_two_different_ones_do_not() {
        let company = crate::id::Company::try_from("1").unwrap();
        let login = crate::id::Login::try_from("alice").unwrap();
        let token = Token::issue(&company, &login).unwrap();
        let mine = format!("JSESSIONID={}", token.reveal());
        let read = |cookies: &[&str]| {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(COOKIE, cookie.parse().unwrap());
            }
            session_token(&headers).map(|token| token.sha256()).ok()
        };
        let known = Some(token.sha256());
        assert_eq!(read(&[&format!("a=b; {mine}; c")]), known);
        assert_eq!(read(&[&mine, &mine]), known, "equal ones are one");
        assert_eq!(read(&[&format!("{mine}; jsessionid=x")]), known, "another name");
        assert_eq!(read(&[&format!("JSESSIONID=x; {mine}")]), None);
        assert_eq!(read(&[&mine, "JSESSIONID="]), None);
        assert_eq!(read(&["jsessionid=x"]), None);
    }
}
