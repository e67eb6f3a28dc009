//! A small Lambda Runtime API that notes when a function asks for an event and when it has answered one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use holdfast_tests::invocation;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Failure;

/// Longer than any start or call takes, however little of a core it gets.
const PATIENCE: Duration = Duration::from_mins(1);

/// The Runtime API of one process.
pub struct RuntimeApi {
    address: String,
    polls: mpsc::UnboundedReceiver<Poll>,
    answers: mpsc::UnboundedReceiver<Answer>,
    task: JoinHandle<()>,
    waiting: Option<oneshot::Sender<String>>,
}

struct Poll {
    at: Instant,
    event: oneshot::Sender<String>,
}

/// What a function made of an event.
struct Answer {
    at: Instant,
    kind: String,
    body: Bytes,
}

struct Driver {
    polls: mpsc::UnboundedSender<Poll>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl RuntimeApi {
    /// Listens for a function.
    pub async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (send_poll, polls) = mpsc::unbounded_channel();
        let (send_answer, answers) = mpsc::unbounded_channel();
        let driver = Arc::new(Driver {
            polls: send_poll,
            answers: send_answer,
        });
        let router = Router::new().fallback(serve).with_state(driver);
        let task = tokio::spawn(async move {
            // It ends with the benchmark of the process.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            polls,
            answers,
            task,
            waiting: None,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is to be.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the function asks for its next event: when it did.
    pub async fn ready(&mut self) -> Result<Instant, Failure> {
        let Self { polls, answers, .. } = self;
        let next = async {
            tokio::select! {
                poll = polls.recv() => poll.ok_or_else(|| "the Runtime API ended".into()),
                // Before it has asked for an event it can only report that it cannot start.
                answer = answers.recv() => {
                    let body = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
                    Err(Failure::from(format!("the function does not start: {}", body.unwrap_or_default())))
                }
            }
        };
        let poll = tokio::time::timeout(PATIENCE, next)
            .await
            .map_err(|_| "the function does not ask for an event")??;
        self.waiting = Some(poll.event);
        Ok(poll.at)
    }

    /// Hands the function an event and waits for its answer: how long it took, and the answer's status.
    pub async fn invoke(&mut self, event: String) -> Result<(Duration, u64), Failure> {
        let waiting = self
            .waiting
            .take()
            .ok_or("the function has not asked for an event")?;
        let begin = Instant::now();
        waiting.send(event).map_err(|_| "the function is gone")?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv())
            .await
            .map_err(|_| "the function does not answer")?
            .ok_or("the Runtime API ended")?;
        if answer.kind != "response" {
            return Err(format!("the function failed: {}", String::from_utf8_lossy(&answer.body)).into());
        }
        let body: Value = serde_json::from_slice(&answer.body)?;
        let status = body["statusCode"].as_u64().ok_or("an answer without a status")?;
        Ok((answer.at.duration_since(begin), status))
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(driver): State<Arc<Driver>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if path.ends_with("/invocation/next") {
        let (event, handed) = oneshot::channel();
        let poll = Poll {
            at: Instant::now(),
            event,
        };
        // Where nobody waits any more, neither does the function: it is about to be ended.
        let _ = driver.polls.send(poll);
        return match handed.await {
            // A retried request is known by its id, so each has its own.
            Ok(event) => invocation(&uuid::Uuid::new_v4().to_string(), event),
            Err(_) => std::future::pending().await,
        };
    }
    let kind = path.rsplit('/').next().unwrap_or_default().to_owned();
    let body = to_bytes(request.into_body(), usize::MAX)
        .await
        .unwrap_or_default();
    let _ = driver.answers.send(Answer {
        at: Instant::now(),
        kind,
        body,
    });
    StatusCode::ACCEPTED.into_response()
}
