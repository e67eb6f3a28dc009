//! The network between the service and its store, at its worst: answers are lost, writes come twice, late, or after their
//! request was told that it failed, and the store throttles and refuses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::dice::Dice;

/// What a function waits for one attempt, and a little more.
const PAST_THE_ATTEMPT: (u64, u64) = (1_050, 600);
/// The longest that a duplicate or a late write is on its way.
const LATEST_MS: u64 = 1_500;
/// One in so many calls waits a moment, so that what is sent together does not arrive in one order.
const WAITS: u64 = 3;

/// What may become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It is carried out, and an error 500 is answered.
    ErrorAfterCommit,
    /// It is carried out, and the connection breaks.
    LostAnswer,
    /// The connection breaks before it is carried out.
    Reset,
    /// It arrives twice, one right after the other.
    TwiceAtOnce,
    /// It arrives once more, later.
    TwiceLate,
    /// Every attempt is answered 500, and the first arrives later.
    LateWrite,
    /// The store throttles it.
    Throttled,
    /// It is in conflict with a transaction.
    Conflict,
    /// It is carried out after the client has given its attempt up.
    SlowRequest,
    /// It is carried out at once and answered after the client has given its attempt up.
    SlowAnswer,
    /// A read fails with an error 500.
    FailedRead,
}

impl Fault {
    /// All of them, with how many of ten thousand calls of their kind they befall.
    const OF_WRITES: [(Self, u64); 10] = [
        (Self::ErrorAfterCommit, 60),
        (Self::LostAnswer, 60),
        (Self::Reset, 40),
        (Self::TwiceAtOnce, 150),
        (Self::TwiceLate, 150),
        (Self::LateWrite, 50),
        (Self::Throttled, 60),
        (Self::Conflict, 60),
        (Self::SlowRequest, 20),
        (Self::SlowAnswer, 20),
    ];
    const OF_READS: [(Self, u64); 3] = [(Self::FailedRead, 20), (Self::Throttled, 20), (Self::Reset, 10)];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ErrorAfterCommit => "error-after-commit",
            Self::LostAnswer => "lost-answer",
            Self::Reset => "reset-before",
            Self::TwiceAtOnce => "duplicate-at-once",
            Self::TwiceLate => "duplicate-late",
            Self::LateWrite => "write-after-503",
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::SlowRequest => "slow-request",
            Self::SlowAnswer => "slow-answer",
            Self::FailedRead => "failed-read",
        }
    }

    fn drawn(dice: &mut Dice, table: &[(Self, u64)]) -> Option<Self> {
        let mut number = dice.below(10_000);
        for (fault, share) in table {
            match number.checked_sub(*share) {
                None => return Some(*fault),
                Some(rest) => number = rest,
            }
        }
        None
    }
}

/// What a store may do that no store does, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// A write is made although its condition does not hold.
    Conditions,
    /// A write is acknowledged and never made.
    Acknowledgements,
    /// Of a transaction one write is left out.
    Halves,
}

impl Sabotage {
    /// The body of the call as it goes on; `None` where it does not.
    fn on(self, operation: &str, body: &Bytes) -> Option<Bytes> {
        let mut call: serde_json::Value = serde_json::from_slice(body).ok()?;
        match self {
            Self::Conditions => {
                let condition = call.get("ConditionExpression")?.as_str()?;
                call["ConditionExpression"] = format!("({condition}) OR attribute_exists(pk)").into();
            }
            Self::Acknowledgements => return (operation != "UpdateItem").then(|| body.clone()),
            Self::Halves => {
                let items = call.get_mut("TransactItems")?.as_array_mut()?;
                let is_update = |item: &serde_json::Value| item.get("Update").is_some();
                if items.iter().filter(|item| is_update(item)).count() > 1 {
                    let last = items.iter().rposition(is_update)?;
                    items.remove(last);
                }
            }
        }
        Some(Bytes::from(call.to_string()))
    }

    /// One in so many of the calls that it is about is sabotaged. Few transactions write more than once.
    const fn share(self) -> u64 {
        match self {
            Self::Conditions => 4,
            Self::Acknowledgements => 40,
            Self::Halves => 2,
        }
    }

    /// Which calls it is about.
    fn is_about(self, operation: &str) -> bool {
        match self {
            Self::Conditions | Self::Acknowledgements => operation == "UpdateItem",
            Self::Halves => operation == "TransactWriteItems",
        }
    }
}

/// The proxy. It listens at one address for as long as it lives, and is pointed to one store after the other.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: Mutex<SocketAddr>,
    is_faulty: AtomicBool,
    sabotage: Option<Sabotage>,
    /// Calls that are still on their way although nobody waits for them.
    late: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    /// The SDK's invocations of which no attempt comes through.
    doomed: HashSet<String>,
    /// Transactions that have been sent to the store: the store does not call them in conflict any more.
    sent: HashSet<String>,
    counts: BTreeMap<&'static str, u64>,
}

/// One call, as it goes on.
#[derive(Clone, Debug)]
struct Call {
    headers: HeaderMap,
    body: Bytes,
    upstream: SocketAddr,
}

impl Proxy {
    /// Starts the proxy before `upstream`, without faults. A `sabotage` begins with the faults.
    pub async fn start(upstream: SocketAddr, sabotage: Option<Sabotage>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let network = Arc::new(Network {
            client: Client::builder(TokioExecutor::new()).build_http(),
            upstream: Mutex::new(upstream),
            is_faulty: AtomicBool::new(false),
            sabotage,
            late: AtomicUsize::new(0),
            state: Mutex::new(State {
                dice: Dice::new(0),
                doomed: HashSet::new(),
                sent: HashSet::new(),
                counts: BTreeMap::new(),
            }),
        });
        let serving = Arc::clone(&network);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let network = Arc::clone(&serving);
                let service = hyper::service::service_fn(move |request| Arc::clone(&network).pass(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self { address, network })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads to another store from now on. Nothing may be under way.
    pub fn point_to(&self, upstream: SocketAddr) {
        *self.network.upstream.lock().expect("a lock") = upstream;
        let mut state = self.network.state.lock().expect("a lock");
        state.doomed.clear();
        state.sent.clear();
    }

    /// Begins to do its worst, as this seed has it.
    pub fn be_faulty(&self, seed: u64) {
        self.network.state.lock().expect("a lock").dice = Dice::new(seed);
        self.network.is_faulty.store(true, Ordering::SeqCst);
    }

    /// Lets everything pass from now on, and waits until what is late has arrived.
    pub async fn be_good(&self) {
        self.network.is_faulty.store(false, Ordering::SeqCst);
        while self.network.late.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often each fault has befallen a call since it was last asked.
    pub fn take_counts(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.network.state.lock().expect("a lock").counts)
    }
}

/// The connection breaks: hyper closes it without an answer.
fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection is broken")
}

impl Network {
    #[expect(
        clippy::too_many_lines,
        reason = "one way from a call to its fate, read from top to bottom"
    )]
    async fn pass(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| broken())?.to_bytes();
        let text = |name: &str| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let operation = text("x-amz-target");
        let operation = operation.rsplit('.').next().unwrap_or_default();
        let mut call = Call {
            headers: parts.headers.clone(),
            body,
            upstream: *self.upstream.lock().expect("a lock"),
        };
        if !self.is_faulty.load(Ordering::SeqCst) {
            return self.forward(&call).await;
        }
        let is_transaction = operation == "TransactWriteItems";
        let is_write = is_transaction || ["UpdateItem", "PutItem", "DeleteItem"].contains(&operation);
        let invocation = text("amz-sdk-invocation-id");
        let token = if is_transaction { token(&call.body) } else { None };
        let (fault, wait_ms, late_ms) = {
            let mut state = self.state.lock().expect("a lock");
            if state.doomed.contains(&invocation) {
                return Ok(error(500, "InternalServerError"));
            }
            let table = if is_write {
                &Fault::OF_WRITES[..]
            } else {
                &Fault::OF_READS[..]
            };
            let mut fault = Fault::drawn(&mut state.dice, table);
            let was_sent = token.as_ref().is_some_and(|token| state.sent.contains(token));
            if fault == Some(Fault::Conflict) && was_sent {
                fault = None;
            }
            if let Some(fault) = fault {
                *state.counts.entry(fault.as_str()).or_default() += 1;
            }
            if fault == Some(Fault::LateWrite) {
                state.doomed.insert(invocation);
            }
            let is_sent = !matches!(fault, Some(Fault::Reset | Fault::Throttled | Fault::Conflict));
            if let (true, Some(token)) = (is_sent, token) {
                state.sent.insert(token);
            }
            let wait_ms = if state.dice.one_in(WAITS) {
                state.dice.below(4)
            } else {
                0
            };
            let late_ms = match fault {
                Some(Fault::SlowRequest | Fault::SlowAnswer) => {
                    PAST_THE_ATTEMPT.0 + state.dice.below(PAST_THE_ATTEMPT.1)
                }
                _ => state.dice.below(LATEST_MS),
            };
            (fault, wait_ms, Duration::from_millis(late_ms))
        };
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        if let Some(sabotage) = self.sabotage
            && sabotage.is_about(operation)
            && self.state.lock().expect("a lock").dice.one_in(sabotage.share())
        {
            match sabotage.on(operation, &call.body) {
                Some(body) => call.body = body,
                None => return Ok(json(200, &serde_json::json!({}))),
            }
        }
        match fault {
            None => self.forward(&call).await,
            Some(Fault::ErrorAfterCommit) => {
                self.forward(&call).await?;
                Ok(error(500, "InternalServerError"))
            }
            Some(Fault::LostAnswer) => {
                self.forward(&call).await?;
                Err(broken())
            }
            Some(Fault::Reset) => Err(broken()),
            Some(Fault::TwiceAtOnce) => {
                let answer = self.forward(&call).await;
                let _ = self.forward(&call).await;
                answer
            }
            Some(Fault::TwiceLate) => {
                let answer = self.forward(&call).await;
                self.send_late(call, late_ms);
                answer
            }
            Some(Fault::LateWrite) => {
                self.send_late(call, late_ms);
                Ok(error(500, "InternalServerError"))
            }
            Some(Fault::Throttled) => Ok(error(400, "ProvisionedThroughputExceededException")),
            Some(Fault::Conflict) if is_transaction => Ok(conflict()),
            Some(Fault::Conflict) => Ok(error(400, "TransactionConflictException")),
            // The client closes its connection when it gives an attempt up, and what hyper serves ends with it.
            Some(Fault::SlowRequest) => {
                self.send_late(call, late_ms);
                tokio::time::sleep(late_ms).await;
                Err(broken())
            }
            Some(Fault::SlowAnswer) => {
                self.forward(&call).await?;
                tokio::time::sleep(late_ms).await;
                Err(broken())
            }
            Some(Fault::FailedRead) => Ok(error(500, "InternalServerError")),
        }
    }

    fn send_late(self: &Arc<Self>, call: Call, after: Duration) {
        let network = Arc::clone(self);
        network.late.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = network.forward(&call).await;
            network.late.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// The store carries a call out even where the client has gone: what serves the client may end at any moment.
    async fn forward(self: &Arc<Self>, call: &Call) -> Result<Response<Full<Bytes>>, io::Error> {
        let network = Arc::clone(self);
        let call = call.clone();
        network.late.fetch_add(1, Ordering::SeqCst);
        let sent = tokio::spawn(async move {
            let answer = network.exchange(&call).await;
            network.late.fetch_sub(1, Ordering::SeqCst);
            answer
        });
        sent.await.map_err(|_| broken())?
    }

    async fn exchange(&self, call: &Call) -> Result<Response<Full<Bytes>>, io::Error> {
        let mut request = Request::post(format!("http://{}/", call.upstream));
        for (name, value) in &call.headers {
            if !["host", "content-length", "connection"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Full::new(call.body.clone())).map_err(|_| broken())?;
        let answer = self.client.request(request).await.map_err(|_| broken())?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| broken())?.to_bytes();
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = parts.status;
        for name in ["content-type", "x-amz-crc32", "x-amzn-requestid"] {
            if let Some(value) = parts.headers.get(name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        Ok(answer)
    }
}

/// The client token of a transaction.
fn token(body: &Bytes) -> Option<String> {
    let value: HashMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    Some(value.get("ClientRequestToken")?.as_str()?.to_owned())
}

fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    json(
        status,
        &serde_json::json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": code}),
    )
}

fn conflict() -> Response<Full<Bytes>> {
    json(
        400,
        &serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "message": "conflict",
            "CancellationReasons": [{"Code": "TransactionConflict"}],
        }),
    )
}

fn json(status: u16, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    response
}
