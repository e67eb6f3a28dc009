//! A proxy before the store that counts what a request costs: calls, bytes of their bodies, capacity units.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Failure;
use crate::http::Connection;

/// What has passed since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Requests.
    pub requests: u64,
    /// Bytes of the requests' and the answers' bodies.
    pub bytes: u64,
    /// Capacity units, of reads and writes together, indexes included.
    pub capacity_units: f64,
}

/// The proxy.
#[derive(Clone)]
pub struct Meter {
    address: SocketAddr,
    state: Arc<Counted>,
}

struct Counted {
    store: SocketAddr,
    cost: Mutex<Cost>,
}

impl Meter {
    /// Listens before the store at `store`.
    pub async fn start(store: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Counted {
            store,
            cost: Mutex::default(),
        });
        let router = Router::new().fallback(forward).with_state(Arc::clone(&state));
        tokio::spawn(async move {
            // It ends with the benchmark.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed since the last look.
    pub fn take(&self) -> Cost {
        std::mem::take(&mut *self.state.cost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn forward(State(counted): State<Arc<Counted>>, request: Request) -> Response {
    match pass_on(&counted, request).await {
        Ok(answer) => answer,
        Err(failure) => (StatusCode::BAD_GATEWAY, failure.to_string()).into_response(),
    }
}

async fn pass_on(counted: &Counted, request: Request) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let mut content: Value = serde_json::from_slice(&body)?;
    content["ReturnConsumedCapacity"] = json!("TOTAL");
    parts.headers.remove(CONTENT_LENGTH);
    let mut connection = Connection::open(counted.store).await?;
    let request = Request::from_parts(parts, Full::from(content.to_string()));
    let (status, answered) = connection.send(request).await?;
    let mut content: Value = serde_json::from_slice(&answered)?;
    let capacity = content
        .as_object_mut()
        .and_then(|members| members.remove("ConsumedCapacity"));
    // Without what was only asked for to count it, this is the answer that the product gets.
    let answer = Bytes::from(content.to_string());
    {
        let mut cost = counted.cost.lock().unwrap_or_else(PoisonError::into_inner);
        cost.requests += 1;
        cost.bytes += (body.len() + answer.len()) as u64;
        cost.capacity_units += capacity.as_ref().map_or(0.0, units);
    }
    Ok((status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response())
}

/// `ConsumedCapacity` is an object, or an array of them with one for each table.
fn units(capacity: &Value) -> f64 {
    match capacity {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}
