//! One request and its answer. TLS is rustls on aws-lc, with the certificate authorities that this machine trusts
//! (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::secret::Secret;

/// API Gateway gives up after 30 seconds.
const PATIENCE: Duration = Duration::from_secs(35);
/// A page of a thousand locks is below 1 MB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// The API at one address.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The body; null where it is not JSON.
    pub(crate) body: Value,
}

impl Api {
    /// The API at `base`, which ends without a slash. Nothing is sent.
    pub(crate) fn at(base: &str) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unusable =
            |error: &dyn std::fmt::Display| Failure::failed(format!("TLS cannot be used here: {error}"));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let config = if base.starts_with("https:") {
            config.with_native_roots().map_err(|error| unusable(&error))?
        } else {
            // Over plain HTTP nothing is read from the disk.
            config.with_root_certificates(RootCertStore::empty())
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: base.to_owned(),
        })
    }

    /// The address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request, with a body where there is one, and reads its answer to the end.
    ///
    /// # Errors
    /// Exit code 75 where there is no answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<String>,
    ) -> Result<Reply, Failure> {
        let exchange = async {
            let response = self.send(method, path, token, body).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| self.unreachable(error.as_ref()))?
                .to_bytes();
            Ok(Reply {
                status,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::new(
                    Exit::TryAgain,
                    format!(
                        "no answer from {} within {} s: try again",
                        self.base,
                        PATIENCE.as_secs()
                    ),
                ))
            })
    }

    /// Sends a request and leaves its answer to be read as it comes.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<String>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Full::from(body.unwrap_or_default()));
        *request.uri_mut() = format!("{}{path}", self.base)
            .parse()
            .map_err(|error| Failure::failed(format!("{}{path} is not an address: {error}", self.base)))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("holdfast/", env!("CARGO_PKG_VERSION"))),
        );
        if method != Method::GET && method != Method::DELETE {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.reveal())).map_err(|_| {
                Failure::new(Exit::NotSignedIn, "the sign-in is damaged: run `holdfast login`")
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        *request.method_mut() = method;
        self.client
            .request(request)
            .await
            .map_err(|error| self.unreachable(&error))
    }

    /// What it means that there is no answer. The innermost cause says most.
    pub(crate) fn unreachable(&self, error: &(dyn Error + 'static)) -> Failure {
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Failure::new(
            Exit::TryAgain,
            format!(
                "cannot reach {} ({cause}): check the address, and that the server runs",
                self.base
            ),
        )
    }
}
