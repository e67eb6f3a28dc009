//! From an API Gateway event to an answer.

mod intake;
mod locking;
mod principal;
mod refusal;
mod request;
mod route;
mod trail;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{
    CACHE_CONTROL, HeaderValue, SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderMap, HeaderName, StatusCode};
use lambda_http::{Body, Context, Response};
use serde_json::value::RawValue;
use tracing::Instrument;

pub use locking::{carry_out, lock_caller};
pub use principal::principal;
pub use refusal::not_admitted;
pub use request::{body, limit, lock_target, origin, path_parameter, query_parameter, request_id, source};
pub use route::{Answer, DEFAULT_ROUTE, Function, Handler, Route};
pub use trail::audit;

use super::App;
use crate::audit::Notes;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::lock::Origin;
use crate::telemetry::{self, Tally};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one event. Whatever the event is, this answers it: nothing a caller sends ends the process.
pub async fn answer(
    function: &'static Function,
    app: &App,
    event: &RawValue,
    context: Context,
) -> ApiGatewayV2httpResponse {
    static WARM: AtomicBool = AtomicBool::new(false);
    let request_id = context.request_id.clone();
    let span = tracing::info_span!(
        "request",
        function_request_id = context.request_id.as_str(),
        xray_trace_id = context.xray_trace_id.as_deref().unwrap_or_default(),
        cold_start = !WARM.swap(true, Ordering::Relaxed),
    );
    async {
        let started = Instant::now();
        let (route, trail, mut response) = respond(function, app, event, context).await;
        secure(response.headers_mut());
        name(response.headers_mut(), &request_id);
        if let Some(failure) = response.extensions().get::<Failure>() {
            tracing::error!(error = %failure, "the request failed: {failure}");
        }
        let by_status = Tally::Status(response.status().as_u16());
        let mut tally = response.extensions().get().copied().unwrap_or(by_status);
        if let Some((notes, origin)) = trail {
            let has_failed = response.extensions().get::<Failure>().is_some();
            tally = notes.log(response.status().as_u16(), tally, has_failed, &origin);
        }
        telemetry::count(function.name, tally);
        tracing::info!(
            route = route.map_or("none", |route| route.path),
            method = route.map_or("none", |route| route.method.as_str()),
            status = response.status().as_u16(),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "answered {}",
            response.status().as_u16(),
        );
        into_event(response)
    }
    .instrument(span)
    .await
}

/// What the audit line of a request says, where a handler has seen the request.
type Trail = Option<(Arc<Notes>, Origin)>;

async fn respond(
    function: &'static Function,
    app: &App,
    event: &RawValue,
    context: Context,
) -> (Option<&'static Route>, Trail, Response<Body>) {
    let no_headers = HeaderMap::new();
    let event = match intake::parse(event) {
        Ok(event) => event,
        Err(refused) => {
            let route = intake::route_key(event).and_then(|key| function.route(&key));
            let dialect = route.map_or(function.dialect(), |route| route.dialect);
            return (
                route,
                None,
                dialect.refuse(&no_headers, refused.status, refused.message),
            );
        }
    };
    let key = event.route_key();
    let route = function.route(key);
    let fallback = function.fallback.filter(|_| key == DEFAULT_ROUTE);
    let Some((dialect, handler)) = route
        .map(|route| (route.dialect, route.handler))
        .or_else(|| Some((Dialect::of_path(event.path()), fallback?)))
    else {
        let not_found = "There is nothing at this address.";
        return (
            None,
            None,
            function
                .dialect()
                .refuse(event.headers(), StatusCode::NOT_FOUND, not_found),
        );
    };
    let headers = event.headers().clone();
    let mut request = match event.into_request(context) {
        Ok(request) => request,
        Err(refused) => {
            return (
                route,
                None,
                dialect.refuse(&headers, refused.status, refused.message),
            );
        }
    };
    let notes = Arc::new(Notes::default());
    request.extensions_mut().insert(Arc::clone(&notes));
    let origin = origin(&request, dialect);
    // One panic answers one request; the process, its connections and its next caller live on.
    let answered = AssertUnwindSafe(handler(app, &request)).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| {
        tracing::error!("the handler panicked");
        defect(dialect, &headers)
    });
    (route, Some((notes, origin)), response)
}

fn defect(dialect: Dialect, headers: &HeaderMap) -> Response<Body> {
    dialect.refuse(
        headers,
        StatusCode::INTERNAL_SERVER_ERROR,
        "An internal error occurred.",
    )
}

/// What every answer carries: it may hold a token or a lock's state, so no cache keeps it and no client guesses its type.
fn secure(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains"),
    );
}

/// Names the request in its answer, as the logs, the history and `traceId` name it.
fn name(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The answer in payload format 2.0, where cookies have a field of their own.
fn into_event(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (mut parts, body) = response.into_parts();
    let mut event = ApiGatewayV2httpResponse::default();
    event.status_code = i64::from(parts.status.as_u16());
    event.cookies = parts
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect();
    parts.headers.remove(SET_COOKIE);
    event.headers = parts.headers;
    event.is_base64_encoded = matches!(body, Body::Binary(_));
    event.body = match body {
        Body::Empty => None,
        body => Some(body),
    };
    event
}
