//! The API's description for programs and for people, and the answer to every request that no other route takes.
//!
//! Nothing here reads a table. What is served is made while the function is built, from `docs/openapi.yaml` and `events/`.

mod fallback;

use holdfast::dialect::Dialect;
use holdfast::runtime::{Answer, Function, Route};
use lambda_http::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Body, Response};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "docs",
    routes: &[
        Route {
            method: Method::GET,
            path: "/docs",
            dialect: Dialect::Holdfast,
            handler: |_, _| served("text/html; charset=utf-8", PAGE),
        },
        Route {
            method: Method::GET,
            path: "/docs/copy.js",
            dialect: Dialect::Holdfast,
            handler: |_, _| served("text/javascript; charset=utf-8", SCRIPT),
        },
        Route {
            method: Method::GET,
            path: "/openapi.json",
            dialect: Dialect::Holdfast,
            handler: |_, _| served("application/json", OPENAPI),
        },
    ],
    fallback: Some(|_, request| Box::pin(async { fallback::refuse(request) })),
    // It reaches no store.
    connections: 0,
    unseals: false,
    reads_history: false,
};

/// The document, with the examples of `events/`.
pub const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.html"));
const SCRIPT: &str = include_str!("copy.js");
/// It names the page's one style by its hash.
const POLICY: &str = include_str!(concat!(env!("OUT_DIR"), "/policy.txt"));

fn served(media: &'static str, text: &'static str) -> Answer<'static> {
    let mut response = Response::new(Body::Text(text.to_owned()));
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Box::pin(std::future::ready(response))
}
