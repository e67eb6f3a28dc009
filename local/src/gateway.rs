//! A small API Gateway: every HTTP request becomes an event of payload format 2.0 and takes the event's way in.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast::Clock;
use holdfast::runtime::{self, App, DEFAULT_ROUTE, Function};
use holdfast::secret::Token;
use holdfast::store::Table;
use lambda_http::Context;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use percent_encoding::percent_decode_str;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::hosts::Hosts;
use crate::keys::Keys;
use crate::stream::Published;
use crate::{FUNCTIONS, guide};

/// What an event can carry to a function: Lambda's limit, 6 MB, less what base64 adds.
const MAX_EVENT_BODY: usize = 4 * 1024 * 1024;

/// What answers, and how a request becomes an event.
pub(crate) struct Gateway {
    pub(crate) app: App,
    /// The names that it answers for.
    pub(crate) hosts: Hosts,
    /// The header that says where a request seems to come from, for tests alone.
    pub(crate) source_header: Option<&'static str>,
    /// The events of every change, as they come.
    pub(crate) bus: broadcast::Sender<Published>,
    /// Where the store is.
    pub(crate) endpoint: String,
    /// What second factors are sealed with.
    pub(crate) keys: Keys,
}

impl Gateway {
    /// Where the command's `--local` finds the tables, and what opens the second factors in them.
    fn tables(&self, peer: IpAddr) -> Value {
        let name = |table| self.app.store.table_name(table);
        let keys = told(&self.keys, peer);
        json!({
            "secondFactorKeys": keys,
            "endpoint": self.endpoint,
            "resources": name(Table::Resources),
            "identity": name(Table::Identity),
            "history": name(Table::History),
            "epoch": self.app.store.epoch().get(),
        })
    }
}

/// The keys, for a peer who reaches the store, which listens for this machine alone.
fn told(keys: &Keys, peer: IpAddr) -> Option<&str> {
    peer.to_canonical().is_loopback().then(|| keys.reveal())
}

pub(crate) fn serve(
    listener: TcpListener,
    gateway: Gateway,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let router = axum::Router::new()
        .fallback(proxy)
        .with_state(Arc::new(gateway))
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        let shutdown = async move {
            // A sender that is gone means stop as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(shutdown)
            .await
        {
            tracing::error!(%error, "the server ended");
        }
    })
}

async fn proxy(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let started = Instant::now();
    // The query string carries tokens, so the line has the path alone.
    let line = format!("{} {}", request.method(), request.uri().path());
    let response = respond(&gateway, peer.ip(), request).await;
    tracing::info!(target: "requests", "{line} -> {} in {} ms", response.status().as_u16(), started.elapsed().as_millis());
    response
}

async fn respond(gateway: &Gateway, peer: IpAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !gateway.hosts.has_named(&parts) {
        return gateway_message(StatusCode::MISDIRECTED_REQUEST, gateway.hosts.refusal());
    }
    let path = parts.uri.path();
    // It is served once the tables and the directory are there.
    if path == "/health" && parts.method == "GET" {
        return ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response();
    }
    let machine = peer.to_canonical();
    let peer = machine.to_string();
    if path == "/" && parts.method == "GET" {
        return guide::page(FUNCTIONS).into_response();
    }
    if path == "/events" && parts.method == "GET" {
        return events(gateway, &peer, &parts).await;
    }
    if path == "/local/tables" && parts.method == "GET" {
        let tables = gateway.tables(machine).to_string();
        return ([(CONTENT_TYPE, "application/json")], tables).into_response();
    }
    let method = parts.method.as_str();
    let Some(matched) = route(method, path).or_else(fallback) else {
        return gateway_message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = to_bytes(body, MAX_EVENT_BODY).await else {
        return gateway_message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    let source = gateway
        .source_header
        .and_then(|name| parts.headers.get(name)?.to_str().ok())
        .unwrap_or(&peer);
    let address = (method, path, parts.uri.query());
    let Ok(event) = event(&matched, &parts.headers, address, source, &body) else {
        return gateway_message(StatusCode::BAD_REQUEST, "Bad Request");
    };
    response(runtime::answer(matched.function, &gateway.app, &event, context).await)
}

/// `GET /events`: the events of the caller's company as they come (server-sent events). Who may read the history may
/// follow it.
async fn events(gateway: &Gateway, peer: &str, parts: &Parts) -> Response {
    let Some(history) = route("GET", "/history") else {
        return gateway_message(StatusCode::NOT_FOUND, "Not Found");
    };
    let now = gateway.app.clock.now();
    let query = format!("from={now}&limit=1");
    let address = ("GET", "/history", Some(query.as_str()));
    let Ok(event) = event(&history, &parts.headers, address, peer, &Bytes::new()) else {
        return gateway_message(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    let subscription = gateway.bus.subscribe();
    let answer = runtime::answer(history.function, &gateway.app, &event, context).await;
    if answer.status_code != 200 {
        return response(answer);
    }
    // The history has answered, so the token is good and names its own company.
    let company = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .and_then(|(_, token)| Token::parse(token.trim()))
        .map(|token| token.company().as_str().to_owned());
    let stream = futures_util::stream::unfold(subscription, move |mut subscription| {
        let company = company.clone();
        async move {
            loop {
                match subscription.recv().await {
                    Ok((of, json)) if Some(&of) == company.as_ref() => {
                        return Some((Ok::<_, Infallible>(Event::default().data(json)), subscription));
                    }
                    // Another company's; or a subscriber that is too slow has missed some, and sees it by the numbers.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}

/// What API Gateway itself answers with, before any function.
fn gateway_message(status: StatusCode, message: &str) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        json!({ "message": message }).to_string(),
    )
        .into_response()
}

struct Matched {
    function: &'static Function,
    /// The route's key.
    key: String,
    parameters: Map<String, Value>,
}

/// The route that serves this method and path. A literal segment is preferred to a parameter.
fn route(method: &str, path: &str) -> Option<Matched> {
    FUNCTIONS
        .iter()
        .flat_map(|function| function.routes.iter().map(move |route| (*function, route)))
        .filter(|(_, route)| route.method.as_str() == method)
        .filter_map(|(function, route)| {
            parameters(route.path, path).map(|parameters| Matched {
                function,
                key: route.key(),
                parameters,
            })
        })
        .min_by_key(|matched| matched.parameters.len())
}

/// Who answers what no route takes.
fn fallback() -> Option<Matched> {
    let mut functions = FUNCTIONS.iter().copied();
    functions
        .find(|function| function.fallback.is_some())
        .map(|function| Matched {
            function,
            key: DEFAULT_ROUTE.to_owned(),
            parameters: Map::new(),
        })
}

fn parameters(template: &str, path: &str) -> Option<Map<String, Value>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut parameters = Map::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(wanted), Some(given)) => match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) if !given.is_empty() => {
                    parameters.insert(name.to_owned(), Value::from(decoded(given)));
                }
                None if wanted == given => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn event(
    matched: &Matched,
    headers: &HeaderMap,
    (method, path, query): (&str, &str, Option<&str>),
    source: &str,
    body: &Bytes,
) -> Result<Box<RawValue>, serde_json::Error> {
    let now = Clock::System.now();
    let path = decoded(path);
    let key = &matched.key;
    let (text, is_base64) = match std::str::from_utf8(body) {
        Ok(text) if is_text(headers) => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query.unwrap_or_default(),
        "headers": joined(headers),
        "pathParameters": matched.parameters,
        "requestContext": {
            "accountId": "local",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": headers.get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default(),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": key,
            "stage": "$default",
            "timeEpoch": now.unix_ms(),
        },
        "isBase64Encoded": is_base64 && !body.is_empty(),
    });
    if let Some(event) = event.as_object_mut() {
        if !body.is_empty() {
            event.insert("body".to_owned(), Value::from(text));
        }
        let cookies: Vec<&str> = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';').map(str::trim))
            .collect();
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), json!(cookies));
        }
    }
    to_raw_value(&event)
}

/// Whether the gateway hands the body on as text rather than in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    content_type.starts_with("text/")
        || content_type.starts_with("application/json")
        || content_type.starts_with("application/xml")
}

/// Headers as the gateway hands them on: lower case, repeated ones joined, cookies apart.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .filter(|name| *name != COOKIE)
        .map(|name| {
            let values: Vec<String> = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            (name.as_str().to_owned(), Value::from(values.join(",")))
        })
        .collect()
}

fn response(event: ApiGatewayV2httpResponse) -> Response {
    let body = match event.body {
        Some(lambda_http::Body::Text(text)) => Body::from(text),
        Some(lambda_http::Body::Binary(bytes)) => Body::from(bytes),
        _ => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = u16::try_from(event.status_code)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = event.headers;
    for cookie in event.cookies {
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_match_whole_paths_and_decode_parameters() {
        let path = "/rest/v1.3/inventory/deviceMgmt/devices/a%20b%2Fc/action";
        let matched = route("POST", path).unwrap();
        assert_eq!(matched.function.name, "lock-device");
        assert_eq!(matched.parameters["deviceId"], "a b/c");
        assert_eq!(matched.parameters["versionId"], "v1.3");
        assert!(route("GET", path).is_none());
        assert!(route("POST", "/rest/v1.3/inventory/deviceMgmt/devices//action").is_none());
        assert!(route("POST", "/rest/v1.3/inventory/deviceMgmt/devices/a/action/").is_none());
    }

    #[test]
    fn the_keys_of_second_factors_are_told_to_this_machine_alone() {
        let text = "k".repeat(43);
        let keys = Keys::parse(&text).unwrap();
        for (peer, is_told) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("172.17.0.1", false),
            ("192.0.2.7", false),
            ("fe80::1", false),
        ] {
            let told = told(&keys, peer.parse().unwrap());
            assert_eq!(told, is_told.then_some(text.as_str()), "{peer}");
        }
        assert_eq!(format!("{keys:?}"), "Keys(redacted)");
    }
}
