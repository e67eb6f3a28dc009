use std::sync::Arc;

use lambda_http::Request;

use crate::audit::Notes;

/// Where a handler notes what the request's audit line says. A request that did not come through the runtime has no line.
#[must_use]
pub fn audit(request: &Request) -> Arc<Notes> {
    request
        .extensions()
        .get::<Arc<Notes>>()
        .cloned()
        .unwrap_or_default()
}
