//! Problem details (RFC 9457).

use std::borrow::Cow;

use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_http::{Body, Request, RequestExt, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// A problem, with the invocation's id as `traceId`.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    r#type: Cow<'static, str>,
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
    pub(super) fn new(
        kind: impl Into<Cow<'static, str>>,
        status: StatusCode,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            r#type: kind.into(),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: String::new(),
            trace_id: String::new(),
            more: Map::new(),
        }
    }

    /// The same with a member of its own.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The same with what is wrong with each property.
    pub(super) fn with_errors(self, errors: &[(&'static str, String)]) -> Self {
        let mut by_property = Map::new();
        for (property, error) in errors {
            let list = by_property
                .entry(*property)
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(Value::from(error.as_str()));
            }
        }
        self.with("errors", Value::Object(by_property))
    }

    /// The same, as the answer to `request`.
    pub(super) fn of(mut self, request: &Request) -> Self {
        request.raw_http_path().clone_into(&mut self.instance);
        self.trace_id = request
            .lambda_context_ref()
            .map(|context| context.request_id.clone())
            .unwrap_or_default();
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::Text(serde_json::to_string(&self).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, 1.into());
        }
        response
    }
}
