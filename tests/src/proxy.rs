use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::Answer;

/// How often every call waits a moment, so that calls made together are seen to overlap. Many moments and not one
/// long one: a process that the machine stops for a while finds every timer run out when it goes on, and nothing read.
/// Between two moments, whatever is ready goes on.
const MOMENTS: usize = 15;

/// One call to the store, as it went over the wire.
#[derive(Clone, Debug)]
pub struct Call {
    /// `UpdateItem` and so on.
    pub operation: String,
    /// The request.
    pub body: Value,
    headers: HeaderMap,
    bytes: Bytes,
    started: usize,
    ended: usize,
}

impl Call {
    /// A call that went elsewhere than through a proxy.
    pub fn of(operation: &str, body: Value) -> Self {
        Self {
            operation: operation.to_owned(),
            body,
            headers: HeaderMap::new(),
            bytes: Bytes::new(),
            started: 0,
            ended: 0,
        }
    }

    /// Whether this call is about a row whose key begins so.
    pub fn touches(&self, prefix: &str) -> bool {
        self.body.to_string().contains(&format!("\"S\":\"{prefix}"))
    }
}

/// What becomes of a call.
pub enum Verdict {
    /// It passes.
    Pass,
    /// It passes after something else has happened.
    PassAfter(BoxFuture<'static, ()>),
    /// It reaches the store and is carried out, but its answer is lost; something else may happen before the
    /// client knows.
    LoseAnswer(BoxFuture<'static, ()>),
    /// It reaches the store, and whatever the store answers is lost.
    LoseAnyAnswer,
    /// It never reaches the store, which seems to answer this.
    Answer(u16, Value),
}

impl Verdict {
    /// The answer is lost and nothing else happens.
    pub fn lose_answer() -> Self {
        Self::LoseAnswer(Box::pin(async {}))
    }

    /// The store seems to report this error.
    pub fn error(status: u16, code: &str) -> Self {
        let body = serde_json::json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": code});
        Self::Answer(status, body)
    }
}

type Rule = Box<dyn FnMut(&Call) -> Verdict + Send>;

/// A recording, delaying and breaking proxy before the store.
#[derive(Clone)]
pub struct Proxy {
    endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    http: reqwest::Client,
    state: Mutex<Recorded>,
    is_waiting: Arc<AtomicBool>,
}

#[derive(Default)]
struct Recorded {
    calls: Vec<Call>,
    moment: usize,
    recording: bool,
    rule: Option<Rule>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    pub(crate) async fn start(upstream: &str) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            state: Mutex::default(),
            is_waiting: Arc::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, shared }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Forgets what has passed and begins to record and to hold.
    pub fn forget(&self) {
        let mut state = self.shared.state.lock().expect("a lock");
        state.calls.clear();
        state.recording = true;
        state.rule = None;
    }

    /// Sends a request of which no write to a lockable row gets through, so that it is answered 503, and answers these writes.
    ///
    /// # Panics
    /// Where the request is answered otherwise.
    pub async fn withhold(&self, request: impl Future<Output = Answer>) -> Vec<Call> {
        self.forget();
        self.judge(|call| match call.operation.as_str() {
            "UpdateItem" | "TransactWriteItems" if !call.touches("session/") => {
                Verdict::error(500, "InternalServerError")
            }
            _ => Verdict::Pass,
        });
        let answer = request.await;
        assert_eq!(answer.status, 503, "{answer}");
        let is_write = |call: &Call| !call.touches("session/") && call.operation != "BatchGetItem";
        let writes = self.calls().into_iter().filter(is_write).collect();
        self.forget();
        writes
    }

    /// Records and holds no longer: for tests of a hundred thousand calls.
    pub fn be_quick(&self) {
        self.forget();
        self.shared.state.lock().expect("a lock").recording = false;
    }

    /// Judges every call from now on.
    pub fn judge(&self, rule: impl FnMut(&Call) -> Verdict + Send + 'static) {
        self.shared.state.lock().expect("a lock").rule = Some(Box::new(rule));
    }

    /// Judges the next call of this operation, and lets all others pass.
    pub fn judge_next(&self, operation: &'static str, verdict: Verdict) {
        let mut verdict = Some(verdict);
        let is_waiting = Arc::clone(&self.shared.is_waiting);
        is_waiting.store(true, Ordering::SeqCst);
        self.judge(move |call| {
            if call.operation == operation {
                is_waiting.store(false, Ordering::SeqCst);
                verdict.take().unwrap_or(Verdict::Pass)
            } else {
                Verdict::Pass
            }
        });
    }

    /// Whether the call that [`Self::judge_next`] is there for has not come yet.
    pub fn is_waiting(&self) -> bool {
        self.shared.is_waiting.load(Ordering::SeqCst)
    }

    /// Judges the next call of this operation on a row whose key begins so, and lets all others pass.
    pub fn judge_next_on(&self, operation: &'static str, prefix: &'static str, verdict: Verdict) {
        let mut verdict = Some(verdict);
        self.judge(move |call| {
            let meant = call.operation == operation && call.touches(prefix);
            if meant {
                verdict.take().unwrap_or(Verdict::Pass)
            } else {
                Verdict::Pass
            }
        });
    }

    /// What has passed since it was last told to forget.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state.lock().expect("a lock").calls.clone()
    }

    /// The operations that have passed, in order.
    pub fn operations(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.operation).collect()
    }

    /// How many calls had to wait for one another: the longest chain of calls of which each began after the one
    /// before had ended.
    pub fn waves(&self) -> usize {
        let calls = self.calls();
        let mut depths: Vec<usize> = Vec::new();
        for call in &calls {
            let before = calls
                .iter()
                .zip(&depths)
                .filter(|(earlier, _)| earlier.ended < call.started)
                .map(|(_, depth)| *depth)
                .max();
            depths.push(before.unwrap_or(0) + 1);
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// Sends a call that has passed once more, as a delayed duplicate: the status and what the store says.
    pub async fn repeat(&self, call: &Call) -> (u16, Value) {
        let response = self.shared.forward(call).await;
        let status = response.status().as_u16();
        (status, response.json().await.expect("JSON"))
    }
}

impl Shared {
    fn tick(&self) -> usize {
        let mut state = self.state.lock().expect("a lock");
        state.moment += 1;
        state.moment
    }

    async fn forward(&self, call: &Call) -> reqwest::Response {
        let mut headers = call.headers.clone();
        headers.remove("host");
        headers.remove("content-length");
        self.http
            .post(&self.upstream)
            .headers(headers)
            .body(call.bytes.clone())
            .send()
            .await
            .expect("the store answers")
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let operation = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.split('.').next_back())
        .unwrap_or_default()
        .to_owned();
    let mut call = Call {
        operation,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        headers: parts.headers,
        bytes,
        started: shared.tick(),
        ended: usize::MAX,
    };
    let (verdict, place) = {
        let mut state = shared.state.lock().expect("a lock");
        let verdict = state.rule.as_mut().map_or(Verdict::Pass, |rule| rule(&call));
        let place = state.recording.then(|| {
            state.calls.push(call.clone());
            state.calls.len() - 1
        });
        (verdict, place)
    };
    if place.is_some() {
        for _ in 0..MOMENTS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let response = match verdict {
        Verdict::Pass => returned(shared.forward(&call).await).await,
        Verdict::PassAfter(event) => {
            event.await;
            returned(shared.forward(&call).await).await
        }
        Verdict::LoseAnswer(event) => {
            let answer = shared.forward(&call).await;
            assert!(
                answer.status().is_success(),
                "the write whose answer is lost was refused"
            );
            event.await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Verdict::LoseAnyAnswer => {
            shared.forward(&call).await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Verdict::Answer(status, body) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (
                status,
                [("content-type", "application/x-amz-json-1.0")],
                body.to_string(),
            )
                .into_response()
        }
    };
    call.ended = shared.tick();
    if let Some(place) = place {
        let mut state = shared.state.lock().expect("a lock");
        if let Some(recorded) = state.calls.get_mut(place) {
            recorded.ended = call.ended;
        }
    }
    response
}

async fn returned(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = answer.bytes().await.expect("a body").into_response();
    *response.status_mut() = status;
    for name in ["content-type", "x-amz-crc32", "x-amzn-requestid"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
