//! A request on its way: over HTTP to the local server, or as an event to a function's process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use super::functions::Functions;

/// How long a client waits. Nothing takes so long: the service gives a request up before.
const PATIENCE: Duration = Duration::from_secs(40);

/// A request.
#[derive(Clone, Debug)]
pub struct Wire {
    /// `GET` and so on.
    pub method: &'static str,
    /// The function that serves it.
    pub function: &'static str,
    /// The path of its route.
    pub template: &'static str,
    /// The parameters in the path.
    pub parameters: Vec<(&'static str, String)>,
    /// The query string.
    pub query: String,
    /// The headers, lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
    /// The invocation that served it, where the client knows.
    pub invocation: Option<String>,
}

impl Answer {
    /// The body as JSON, null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The request was never sent.
    NotSent,
    /// The process that served it has ended.
    Ended(Option<String>),
    /// It may still be under way.
    TimedOut,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub enum Way {
    /// The local server.
    Server {
        /// Its address.
        address: SocketAddr,
        /// The connections to it.
        client: Box<Client<HttpConnector, Full<Bytes>>>,
    },
    /// The functions' processes.
    Functions(Arc<Functions>),
}

impl Way {
    /// The way to a server.
    pub fn server(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(64)
            .build_http();
        let client = Box::new(client);
        Self::Server { address, client }
    }

    /// Its name in reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server",
            Self::Functions(_) => "functions",
        }
    }

    /// Sends a request.
    pub async fn send(&self, wire: &Wire) -> Result<Answer, NoAnswer> {
        let sent = async {
            match self {
                Self::Server { address, client } => over_http(*address, client, wire).await,
                Self::Functions(functions) => to_function(functions, wire).await,
            }
        };
        tokio::time::timeout(PATIENCE, sent)
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }
}

impl Wire {
    fn path(&self) -> String {
        let mut path = self.template.to_owned();
        for (name, value) in &self.parameters {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path
    }

    fn event(&self) -> Value {
        let path = self.path();
        let key = format!("{} {}", self.method, self.template);
        let mut headers: Map<String, Value> = Map::from_iter([("host".to_owned(), json!("localhost"))]);
        let mut cookies = Vec::new();
        for (name, value) in &self.headers {
            if *name == "cookie" {
                cookies.push(value.as_str());
            } else {
                headers.insert((*name).to_owned(), json!(value));
            }
        }
        let parameters: Map<String, Value> = self
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        json!({
            "version": "2.0", "routeKey": key, "rawPath": path, "rawQueryString": self.query, "cookies": cookies,
            "headers": headers, "pathParameters": parameters,
            "requestContext": {
                "accountId": "123456789012", "apiId": "soak", "domainName": "localhost", "domainPrefix": "localhost",
                "http": {"method": self.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "soak"},
                "requestId": "soak", "routeKey": key, "stage": "$default",
                "time": "27/Nov/2026:10:00:01 +0000", "timeEpoch": 1_795_341_601_000_u64,
            },
            "body": self.body, "isBase64Encoded": false,
        })
    }
}

async fn over_http(
    address: SocketAddr,
    client: &Client<HttpConnector, Full<Bytes>>,
    wire: &Wire,
) -> Result<Answer, NoAnswer> {
    let query = if wire.query.is_empty() {
        String::new()
    } else {
        format!("?{}", wire.query)
    };
    let mut request = hyper::Request::builder()
        .method(wire.method)
        .uri(format!("http://{address}{}{query}", wire.path()));
    for (name, value) in &wire.headers {
        request = request.header(*name, value);
    }
    let body = Full::new(Bytes::from(wire.body.clone().unwrap_or_default()));
    let request = request.body(body).expect("a request");
    let sent = client.request(request).await;
    let answer = sent.map_err(|error| {
        if error.is_connect() {
            NoAnswer::NotSent
        } else {
            NoAnswer::Ended(None)
        }
    })?;
    let (parts, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|_| NoAnswer::Ended(None))?
        .to_bytes();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        invocation: None,
    })
}

async fn to_function(functions: &Functions, wire: &Wire) -> Result<Answer, NoAnswer> {
    let (invocation, answer) = functions.invoke(wire.function, wire.event().to_string()).await;
    let Some(answer) = answer else {
        return Err(NoAnswer::Ended(Some(invocation)));
    };
    let headers = answer["headers"]
        .as_object()
        .into_iter()
        .chain(answer["multiValueHeaders"].as_object())
        .flatten()
        .filter_map(|(name, value)| {
            let value = value.as_str().or_else(|| value.get(0)?.as_str())?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    Ok(Answer {
        status: answer["statusCode"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(0),
        headers,
        body: answer["body"].as_str().unwrap_or_default().to_owned(),
        invocation: Some(invocation),
    })
}
