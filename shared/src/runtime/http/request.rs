use lambda_http::{Body, Request, RequestExt};

use crate::dialect::{Dialect, source_ip};
use crate::id::{RequestId, Source};
use crate::lock::Origin;
use crate::target::Target;

/// A parameter of the path, decoded by the gateway.
#[must_use]
pub fn path_parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .path_parameters_ref()
        .and_then(|parameters| parameters.first(name))
}

/// A parameter of the query string, decoded.
#[must_use]
pub fn query_parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .query_string_parameters_ref()
        .and_then(|parameters| parameters.first(name))
}

/// How many entries a page has where the caller does not say.
const DEFAULT_LIMIT: usize = 100;
/// How many a caller may ask for.
const MAX_LIMIT: usize = 1_000;

/// How many entries a page may have, by the parameter `limit`.
///
/// # Errors
/// The rule that it breaks, as a sentence without its end.
pub fn limit(request: &Request) -> Result<usize, String> {
    let Some(text) = query_parameter(request, "limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| format!("limit must be 1 to {MAX_LIMIT}"))
}

/// The target in the path, `{kind}/{id}`; `None` where no kind has such an id.
#[must_use]
pub fn lock_target(request: &Request) -> Option<Target> {
    Target::parse(path_parameter(request, "kind")?, path_parameter(request, "id")?)
}

/// The request's body, empty where there is none.
#[must_use]
pub fn body(request: &Request) -> &[u8] {
    match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

/// The invocation that this request is.
#[must_use]
pub fn request_id(request: &Request) -> RequestId {
    let id = request
        .lambda_context_ref()
        .map(|context| context.request_id.as_str());
    RequestId::new(id.unwrap_or_default())
}

/// Where the request comes from, for the record of what it changes.
#[must_use]
pub fn origin(request: &Request, dialect: Dialect) -> Origin {
    let address = source(request).address();
    Origin {
        request: request_id(request),
        source: address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
        dialect: dialect.as_str().into(),
    }
}

/// Where the request comes from, as the gateway reports it.
#[must_use]
pub fn source(request: &Request) -> Source {
    Source::new(source_ip(request))
}
