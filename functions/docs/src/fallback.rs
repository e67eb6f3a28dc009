//! What no route takes: an address that the API does not have, or a method that an address does not have.

use holdfast::dialect::Dialect;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, HeaderValue};
use lambda_http::{Body, Request, RequestExt, Response};

// The addresses of the document, each with its methods in alphabetical order: `ADDRESSES: &[(&str, &str)]`.
include!(concat!(env!("OUT_DIR"), "/addresses.rs"));

/// 404, or 405 with the methods that the address has, in the dialect of the path's beginning.
pub(crate) fn refuse(request: &Request) -> Response<Body> {
    let path = request.raw_http_path();
    let (dialect, headers) = (Dialect::of_path(path), request.headers());
    let Some(methods) = methods(path) else {
        return dialect.refuse(
            headers,
            StatusCode::NOT_FOUND,
            "There is nothing at this address.",
        );
    };
    let message = "This address does not have this method; Allow names those that it has.";
    let mut response = dialect.refuse(headers, StatusCode::METHOD_NOT_ALLOWED, message);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// The methods of an address; `None` where there is no such address. A literal segment is preferred to a parameter.
fn methods(path: &str) -> Option<&'static str> {
    ADDRESSES
        .iter()
        .filter_map(|(address, methods)| Some((parameters(address, path)?, *methods)))
        .min_by_key(|(parameters, _)| *parameters)
        .map(|(_, methods)| methods)
}

/// How many parameters of the address the path fills in, where it is a path of the address.
fn parameters(address: &str, path: &str) -> Option<usize> {
    let (mut wanted, mut given) = (address.split('/'), path.split('/'));
    let mut count = 0;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(count),
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => count += 1,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_methods_of_the_document() {
        for (path, expected) in [
            ("/locks", Some("GET")),
            ("/locks/check", Some("POST")),
            ("/locks/device/ID5", Some("DELETE, GET, PUT")),
            ("/locks/device/ID5/break", Some("POST")),
            ("/locks/device/", None),
            ("/locks/device", None),
            ("/Locks", None),
            ("/api/v1/ActivitySession/lock", Some("PUT")),
            ("/api/v1/ActivitySession/7", Some("DELETE, GET")),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(methods(path), expected, "{path}");
        }
    }
}
