//! A small `EventBridge` of one's own: it takes what `PutEvents` puts, and refuses what a test tells it to.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum PutVerdict {
    /// Every entry is taken.
    Take,
    /// Every entry is taken but those whose detail has this in it.
    Refuse(&'static str),
    /// Every entry is taken, and the answer says nothing of the last one.
    Forget,
    /// The whole call fails, and none of its entries is taken.
    Fail,
    /// Every entry is taken, and the answer is lost.
    LoseAnswer,
}

/// The bus.
#[derive(Clone)]
pub struct Bus {
    endpoint: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    calls: Vec<Value>,
    taken: Vec<Value>,
    next: VecDeque<PutVerdict>,
    others: Option<PutVerdict>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// A bus that takes everything.
    pub async fn start() -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What becomes of the next calls, one after the other. Everything after them is taken.
    pub fn judge(&self, verdicts: &[PutVerdict]) {
        self.state(|shared| {
            shared.next = verdicts.iter().cloned().collect();
            shared.others = None;
        });
    }

    /// What becomes of every call from now on.
    pub fn judge_all(&self, verdict: PutVerdict) {
        self.state(|shared| {
            shared.next.clear();
            shared.others = Some(verdict);
        });
    }

    /// The body of every call since this was last asked.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.state(|shared| std::mem::take(&mut shared.calls))
    }

    /// Every entry that was taken since this was last asked, in the order of their calls.
    #[must_use]
    pub fn taken(&self) -> Vec<Value> {
        self.state(|shared| std::mem::take(&mut shared.taken))
    }

    fn state<T>(&self, look: impl FnOnce(&mut Shared) -> T) -> T {
        look(&mut self.shared.lock().expect("a lock"))
    }
}

/// What an entry counts for.
fn size(entry: &Value) -> usize {
    let length = |name: &str| entry[name].as_str().expect("a text").len();
    14 + length("Source") + length("DetailType") + length("Detail")
}

async fn serve(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    assert_eq!(request.headers()["x-amz-target"], "AWSEvents.PutEvents");
    let body: Bytes = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let call: Value = serde_json::from_slice(&body).expect("JSON");
    let entries = call["Entries"].as_array().expect("entries").clone();
    let mut shared = shared.lock().expect("a lock");
    shared.calls.push(call);
    let verdict = shared.next.pop_front().or_else(|| shared.others.clone());
    let verdict = verdict.unwrap_or(PutVerdict::Take);
    // The limits of the real one.
    let bytes: usize = entries.iter().map(size).sum();
    if entries.len() > 10 || bytes > 256 * 1024 || matches!(verdict, PutVerdict::Fail) {
        let error = json!({"__type": "InternalException", "message": "a whole call"});
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    let mut results = Vec::new();
    for entry in &entries {
        let detail = entry["Detail"].as_str().expect("a detail");
        if matches!(verdict, PutVerdict::Refuse(what) if detail.contains(what)) {
            results.push(json!({"ErrorCode": "ThrottlingException", "ErrorMessage": detail}));
        } else {
            shared.taken.push(entry.clone());
            results.push(json!({"EventId": format!("{}", shared.taken.len())}));
        }
    }
    match verdict {
        PutVerdict::Forget => drop(results.pop()),
        PutVerdict::LoseAnswer => return StatusCode::BAD_GATEWAY.into_response(),
        _ => {}
    }
    let failed = results.iter().filter(|one| one.get("ErrorCode").is_some());
    let answer = json!({"FailedEntryCount": failed.count(), "Entries": results});
    (
        [("content-type", "application/x-amz-json-1.1")],
        answer.to_string(),
    )
        .into_response()
}
