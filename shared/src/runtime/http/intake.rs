//! The event's way in. `lambda_http` panics on some events before any handler runs; a hostile one must become a
//! clear 4xx and leave the process alive, so what would make it panic is refused here.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::http::{HeaderMap, StatusCode, Uri};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, Request, RequestExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

/// Why an event is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntakeRefusal {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
}

impl IntakeRefusal {
    const fn bad_request(message: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message,
        }
    }
}

/// The name of the stage that is not a part of the path.
const NO_STAGE: &str = "$default";

/// The path as `lambda_http` puts it into the address: below the stage, where that has a name and the path does not
/// begin with it.
fn staged<'a>(stage: &str, path: &'a str) -> Cow<'a, str> {
    let is_below = || {
        path.strip_prefix('/')
            .and_then(|rest| rest.strip_prefix(stage))
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if stage == NO_STAGE || is_below() {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(format!("/{stage}{path}"))
    }
}

/// An event of the HTTP API, payload format 2.0.
#[derive(Debug)]
pub(super) struct Event(ApiGatewayV2httpRequest);

/// Reads an event.
///
/// # Errors
/// 400 for anything but an HTTP API event.
pub(super) fn parse(event: &RawValue) -> Result<Event, IntakeRefusal> {
    serde_json::from_str(event.get())
        .map(Event)
        .map_err(|_| IntakeRefusal::bad_request("This is not an HTTP API event of payload format 2.0."))
}

/// The route of an event that cannot be read as a whole, for an answer in the caller's dialect.
pub(super) fn route_key(event: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Routed {
        route_key: String,
    }
    let routed: Routed = serde_json::from_str(event.get()).ok()?;
    Some(routed.route_key)
}

impl Event {
    /// Which of its routes the gateway matched.
    pub(super) fn route_key(&self) -> &str {
        self.0
            .request_context
            .route_key
            .as_deref()
            .or(self.0.route_key.as_deref())
            .unwrap_or_default()
    }

    /// The path, decoded by the gateway.
    pub(super) fn path(&self) -> &str {
        self.0.raw_path.as_deref().unwrap_or_default()
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The request, as `lambda_http` hands it to a handler.
    ///
    /// # Errors
    /// What `lambda_http` would panic on: 400, and 414 for an address over 64 KiB.
    pub(super) fn into_request(self, context: Context) -> Result<Request, IntakeRefusal> {
        self.check_address()?;
        self.check_body()?;
        let request: Request = LambdaRequest::ApiGatewayV2(self.0).into();
        Ok(request.with_lambda_context(context))
    }

    /// Puts the address together as `lambda_http` will, where a failure is not a panic.
    fn check_address(&self) -> Result<(), IntakeRefusal> {
        /// The longest address that the `http` crate can hold.
        const MAX_ADDRESS: usize = u16::MAX as usize - 1;
        let path = self.0.raw_path.as_deref().unwrap_or_default();
        let query = self.0.raw_query_string.as_deref().unwrap_or_default();
        if !path.starts_with('/') {
            return Err(IntakeRefusal::bad_request("The path is malformed."));
        }
        let host = self.0.headers.get(HOST).map(|host| host.to_str());
        let host = match host {
            Some(Err(_)) => return Err(IntakeRefusal::bad_request("The Host header is malformed.")),
            Some(Ok(host)) => host,
            None => self
                .0
                .request_context
                .domain_name
                .as_deref()
                .unwrap_or("localhost"),
        };
        let scheme = self
            .0
            .headers
            .get("x-forwarded-proto")
            .map(|scheme| scheme.to_str());
        let scheme = match scheme {
            None => "https",
            Some(Ok(scheme @ ("http" | "https"))) => scheme,
            Some(_) => {
                return Err(IntakeRefusal::bad_request(
                    "The X-Forwarded-Proto header is malformed.",
                ));
            }
        };
        let stage = self.0.request_context.stage.as_deref().unwrap_or(NO_STAGE);
        if stage.contains(['/', '?', '#']) {
            return Err(IntakeRefusal::bad_request("The stage is malformed."));
        }
        let host_only = Url::parse(&format!("{scheme}://{host}/"))
            .ok()
            .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
        if host_only.is_none() || host.parse::<lambda_http::http::uri::Authority>().is_err() {
            return Err(IntakeRefusal::bad_request("The Host header is malformed."));
        }
        // A relative address is what `lambda_http` uses without a host; the absolute one is never shorter.
        let address = Url::parse(&format!("{scheme}://{host}{}", staged(stage, path)))
            .map_err(|_| IntakeRefusal::bad_request("The path is malformed."))?;
        let address = format!("{address}?{query}");
        if address.len() > MAX_ADDRESS {
            return Err(IntakeRefusal {
                status: StatusCode::URI_TOO_LONG,
                message: "The address is too long.",
            });
        }
        // A raw space, quote, angle bracket or control character in the query string.
        address
            .parse::<Uri>()
            .map(drop)
            .map_err(|_| IntakeRefusal::bad_request("The query string is malformed."))
    }

    fn check_body(&self) -> Result<(), IntakeRefusal> {
        match &self.0.body {
            Some(body) if self.0.is_base64_encoded => STANDARD
                .decode(body)
                .map(drop)
                .map_err(|_| IntakeRefusal::bad_request("The body is not valid base64.")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(change: impl Fn(&mut Value)) -> Result<Request, IntakeRefusal> {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "GET /x",
            "rawPath": "/x",
            "rawQueryString": "a=b",
            "headers": {"host": "api.example.com", "x-forwarded-proto": "https"},
            "requestContext": {
                "accountId": "1", "apiId": "a", "stage": "$default", "routeKey": "GET /x", "requestId": "r",
                "http": {"method": "GET", "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
            },
            "isBase64Encoded": false
        });
        change(&mut event);
        let raw: Box<RawValue> = serde_json::from_str(&event.to_string()).unwrap();
        parse(&raw)?.into_request(Context::default())
    }

    #[test]
    fn an_ordinary_event_is_handed_on() {
        let request = event(|_| {}).unwrap();
        assert_eq!(request.uri(), "https://api.example.com/x?a=b");
    }

    #[test]
    fn a_named_stage_stands_in_the_path_once() {
        for path in ["/x", "/prod/x"] {
            let request = event(|event| {
                event["requestContext"]["stage"] = json!("prod");
                event["rawPath"] = json!(path);
            });
            assert_eq!(
                request.unwrap().uri(),
                "https://api.example.com/prod/x?a=b",
                "{path}"
            );
        }
    }

    #[test]
    fn what_would_panic_is_a_clear_400() {
        for (member, value) in [
            ("rawQueryString", "a b"),
            ("rawQueryString", "a\"b"),
            ("rawQueryString", "a<b"),
            ("rawQueryString", "a>b"),
            ("rawQueryString", "a\u{1}b"),
            ("rawPath", ""),
            ("rawPath", "x"),
            ("rawPath", ":99999"),
            ("rawPath", "@evil/"),
        ] {
            let refused = event(|event| event[member] = json!(value)).unwrap_err();
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{member} {value:?}");
        }
        for (header, value) in [
            ("host", "a b"),
            ("host", "a:99999"),
            ("host", "a:b"),
            ("host", ""),
            ("host", "a/b"),
            ("host", "a?b"),
            ("host", "a#b"),
            ("host", "é"),
            ("x-forwarded-proto", "https,http"),
            ("x-forwarded-proto", "ftp"),
            ("x-forwarded-proto", ""),
        ] {
            let refused = event(|event| event["headers"][header] = json!(value)).unwrap_err();
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{header} {value:?}");
        }
        for missing in ["requestContext", "headers"] {
            let result = event(|event| {
                event.as_object_mut().unwrap().remove(missing);
            });
            assert_eq!(result.is_err(), missing == "requestContext", "{missing}");
        }
        let refused = event(|event| {
            event["body"] = json!("%%%");
            event["isBase64Encoded"] = json!(true);
        });
        assert_eq!(refused.unwrap_err().message, "The body is not valid base64.");
    }

    #[test]
    fn an_address_that_cannot_be_held_is_a_414() {
        for member in ["rawPath", "rawQueryString"] {
            let refused =
                event(|event| event[member] = json!(format!("/{}", "x".repeat(70_000)))).unwrap_err();
            assert_eq!(refused.status, StatusCode::URI_TOO_LONG, "{member}");
        }
        // A named stage is a part of the path, unless the path begins with it.
        let stage = "x".repeat(70_000);
        let refused = event(|event| event["requestContext"]["stage"] = json!(stage)).unwrap_err();
        assert_eq!(refused.status, StatusCode::URI_TOO_LONG, "the stage");
        let halves = "x".repeat(40_000);
        let refused = event(|event| {
            event["requestContext"]["stage"] = json!(halves);
            event["rawPath"] = json!(format!("/{halves}"));
        });
        assert_eq!(refused.unwrap_err().status, StatusCode::URI_TOO_LONG, "both");
        // Decoded by the gateway, encoded again by the URL: three bytes for one.
        let refused =
            event(|event| event["rawPath"] = json!(format!("/{}x", " ".repeat(30_000)))).unwrap_err();
        assert_eq!(refused.status, StatusCode::URI_TOO_LONG);
    }
}
