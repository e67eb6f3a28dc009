//! Everything that reads what a stranger sends, given any bytes: none of it may panic, and what it promises of what it has
//! read must hold. The fuzzer calls these functions, and a test gives them the corpus and whatever the fuzzer has found.

use std::cell::OnceCell;

use aws_config::{BehaviorVersion, SdkConfig};
use holdfast::Clock;
use holdfast::dialect::{
    Dialect, Format, ListName, MAX_BODY_BYTES, Media, Members, Node, accepted, aktion, holdfast as own,
    netwrix, sdm,
};
use holdfast::identity::{IpFilter, RatePolicy, Sources};
use holdfast::lock::Timestamp;
use holdfast::runtime::{self, App, Function, Route};
use holdfast::secret::{
    ApiKey, ApiToken, Code, PasswordHash, Passwords, Sealed, SealingKeys, Token, TotpSecret,
};
use holdfast::store::{Store, StreamRecord, Tables, Timeouts, client};
use holdfast::target::Target;
use holdfast_directory::Directory;
use lambda_http::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue};
use lambda_http::http::{HeaderMap, Method, StatusCode};
use lambda_http::{Body, Context, Request, Response};
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

/// A function's body: what it does with bytes, and the name of its corpus.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [FuzzTarget; 9] = [
    ("cookies", cookies),
    ("cursors", cursors),
    ("directory", directory),
    ("intake", intake),
    ("json", json),
    ("media", media),
    ("stream", stream),
    ("tokens", tokens),
    ("xml", xml),
];

/// One route of each dialect that an event may name. Their handler reads whatever is in the request, and reaches no store.
static ROUTES: Function = Function {
    name: "fuzz",
    routes: &[
        route(
            Method::POST,
            "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action",
            Dialect::Sdm,
        ),
        route(Method::POST, "/user/lock", Dialect::Aktion),
        route(Method::GET, "/user/get", Dialect::Aktion),
        route(Method::PUT, "/api/v1/ActivitySession/lock", Dialect::Netwrix),
        route(Method::GET, "/api/v1/ActivitySession", Dialect::Netwrix),
        route(Method::PUT, "/locks/{kind}/{id}", Dialect::Holdfast),
        route(Method::GET, "/locks", Dialect::Holdfast),
    ],
    fallback: None,
    connections: 1,
    unseals: false,
    reads_history: false,
};

const fn route(method: Method, path: &'static str, dialect: Dialect) -> Route {
    Route {
        method,
        path,
        dialect,
        handler: |_, request| {
            let answer = read(request);
            Box::pin(async { answer })
        },
    }
}

/// Reads everything that any handler reads before it asks the store.
fn read(request: &Request) -> Response<Body> {
    let (headers, body) = (request.headers(), runtime::body(request));
    let _ = runtime::lock_target(request);
    let _ = runtime::limit(request);
    let _ = runtime::source(request);
    let _ = runtime::request_id(request);
    for name in ["owner", "kind", "cursor", "fence", "LoginName", "take"] {
        let _ = runtime::query_parameter(request, name);
        let _ = aktion::query(request, name);
    }
    for name in ["deviceId", "versionId", "kind", "id"] {
        let _ = runtime::path_parameter(request, name);
    }
    let _ = aktion::token(request);
    let _ = netwrix::bearer_token(headers);
    let _ = sdm::session_token(headers);
    let _ = own::bearer_text(headers);
    let _ = netwrix::media_or_text(headers, body);
    let _ = own::media(headers, body, true);
    if let Ok(media) = sdm::media(headers, body) {
        let _ = sdm::action(headers, media, body);
        let _ = aktion::members(media, body);
    }
    let _ = netwrix::members(body);
    let _ = own::members(body);
    let echo = Node::Members(vec![("echo", Node::text(String::from_utf8_lossy(body)))]);
    sdm::document(headers, StatusCode::OK, "echo", &echo)
}

thread_local! {
    static APP: OnceCell<(Runtime, App)> = const { OnceCell::new() };
}

/// An event of API Gateway, whatever it is, has an answer.
pub fn intake(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(event) = serde_json::from_str::<&RawValue>(text) else {
        return;
    };
    let answer = APP.with(|app| {
        let (runtime, app) = app.get_or_init(app_without_store);
        runtime.block_on(runtime::answer(&ROUTES, app, event, Context::default()))
    });
    // The handler above never fails, so a 500 is a panic that was caught.
    assert_ne!(answer.status_code, 500, "{text}");
}

fn app_without_store() -> (Runtime, App) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .build();
    let app = App {
        // Nothing listens there, and nothing is sent.
        store: Store::new(
            client(&config, Some("http://127.0.0.1:9"), Timeouts::FUNCTION),
            Tables {
                resources: "resources".to_owned(),
                identity: "identity".to_owned(),
                history: "history".to_owned(),
            },
        ),
        clock: Clock::System,
        passwords: Passwords::default(),
        sealing_keys: None,
        secure_cookies: true,
    };
    (runtime, app)
}

/// A body of XML, read by each dialect that has it, and written again.
pub fn xml(data: &[u8]) {
    for root in ["deviceAction", "session", "Request"] {
        body(data, Format::Xml, root);
    }
}

/// A body of JSON, read by each dialect.
pub fn json(data: &[u8]) {
    body(data, Format::Json, "");
    let _ = netwrix::members(data);
    let _ = own::members(data);
}

fn body(data: &[u8], format: Format, root: &str) {
    if data.len() > MAX_BODY_BYTES {
        return;
    }
    let read = Members::read(data, format, root);
    let in_any_case = Members::read_in_any_case(data, format, root);
    // A name that repeats repeats in any case as well.
    assert!(read.is_ok() || in_any_case.is_err());
    for members in [read, in_any_case].into_iter().flatten() {
        for name in [
            "type",
            "LoginName",
            "Lock",
            "userName",
            "password",
            "seconds",
            "fence",
        ] {
            let text = members.text(name);
            if let Some(text) = text {
                let node = Node::Members(vec![("echo", Node::text(text))]);
                let written = node.write(Format::Json, "echo");
                let again = Members::read(written.as_bytes(), Format::Json, "").expect("what was written");
                assert_eq!(again.text("echo"), Some(text));
                let written = node.write(Format::Xml, "echo");
                assert!(
                    Members::read(written.as_bytes(), Format::Xml, "echo").is_ok(),
                    "{written}"
                );
            }
        }
    }
    for media in [Media::ApplicationXml, Media::ApplicationJson] {
        let _ = aktion::members(media, data);
        let _ = sdm::action(&HeaderMap::new(), media, data);
    }
}

fn headers(name: &lambda_http::http::HeaderName, data: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        headers.append(name.clone(), HeaderValue::from_bytes(line).ok()?);
    }
    Some(headers)
}

/// `Content-Type`, `Accept` and `Timeout`.
pub fn media(data: &[u8]) {
    if let Some(headers) = headers(&CONTENT_TYPE, data) {
        let _ = Media::of_body(&headers);
        let _ = netwrix::media_or_text(&headers, b"1");
        let _ = own::media(&headers, b"", true);
    }
    if let Some(headers) = headers(&ACCEPT, data) {
        for fallback in [Media::ApplicationJson, Media::TextXml] {
            let _ = accepted(&headers, fallback).as_str();
        }
    }
    if let Some(mut headers) = headers(&lambda_http::http::HeaderName::from_static("timeout"), data) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let _ = sdm::action(&headers, Media::ApplicationJson, br#"{"type":"Lock"}"#);
    }
}

/// The session cookie, in one header or many.
pub fn cookies(data: &[u8]) {
    if let Some(headers) = headers(&COOKIE, data)
        && let Ok(token) = sdm::session_token(&headers)
    {
        assert!(Token::parse(token.reveal()).is_some());
    }
}

/// Tokens, keys, codes, and the names that come with them.
pub fn tokens(data: &[u8]) {
    if let Some(headers) = headers(&AUTHORIZATION, data) {
        let _ = own::bearer_text(&headers);
        let _ = netwrix::bearer_token(&headers);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.reveal(), text);
        assert!(!token.company().as_str().is_empty() && !token.login().as_str().is_empty());
    }
    if let Some(token) = ApiToken::parse(text) {
        assert_eq!(
            ApiToken::parse(&token.reveal()).map(|token| token.sha256()),
            Some(token.sha256())
        );
    }
    let _ = ApiKey::parse(text).map(|key| key.hash());
    let _ = PasswordHash::parse(text);
    let code = Code::parse(text);
    if let (Ok(secret), Some(code)) = (TotpSecret::parse(text), code) {
        let _ = secret.step_of(&code, Timestamp::from_unix_ms(0));
    }
    if let Ok(sealed) = Sealed::parse(text) {
        assert_eq!(sealed.reveal(), text);
    }
    let _ = SealingKeys::parse(text);
    if let Some(moment) = Timestamp::parse(text) {
        let _ = moment.to_string();
        let _ = moment.day();
    }
    if let Some((kind, id)) = text.split_once('/')
        && let Some(target) = Target::parse(kind, id)
    {
        assert_eq!(Target::parse(target.kind().as_str(), &target.id()), Some(target));
    }
    if let Ok(filter) = text.parse::<IpFilter>() {
        let _ = filter.admits(Some([192, 0, 2, 1].into()));
    }
    let _ = text.parse::<RatePolicy>();
    let _ = Sources::parse(&text.lines().map(str::to_owned).collect::<Vec<_>>());
}

/// A cursor opens the place that it was made for and no other.
pub fn cursors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (list, other) = (ListName(&[Some("1"), None]), ListName(&[Some("2"), None]));
    if let Some(place) = list.place(text) {
        assert_eq!(other.place(text), None);
        assert_eq!(list.place(&list.cursor(&place)), Some(place));
    }
    let cursor = list.cursor(text);
    assert!(list.place(&cursor).is_none_or(|place| place == text));
    assert_eq!(other.place(&cursor), None);
}

/// A batch of the stream: each record has a history, has none, or cannot be understood.
pub fn stream(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(event) = serde_json::from_str::<&RawValue>(text) else {
        return;
    };
    for record in StreamRecord::batch(event).unwrap_or_default() {
        let _ = (record.sequence(), record.raw());
        if let Ok(Some(change)) = record.history() {
            assert!(!change.company.as_str().is_empty());
        }
    }
}

/// A directory file.
pub fn directory(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(faults) = Directory::parse(text) {
        assert!(!faults.to_string().is_empty());
    }
}
