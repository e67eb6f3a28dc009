use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use holdfast_local::table_names;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{Received, SECOND_FACTOR_KEY, binary, conforms};

/// How long anything may take before it counts as hanging. No expectation: on a busy machine a start takes seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// What becomes of an event that a function was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// The function answered.
    Answered(Value),
    /// The function reported that it failed.
    Failed(Value),
}

/// A function's built binary, running against a small Lambda Runtime API of one's own.
#[derive(Debug)]
pub struct Lambda {
    child: Child,
    events: mpsc::UnboundedSender<(String, oneshot::Sender<Invocation>)>,
    pipes: [JoinHandle<Vec<String>>; 2],
}

struct Api {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, oneshot::Sender<Invocation>)>>,
    running: Mutex<HashMap<String, oneshot::Sender<Invocation>>>,
    count: Mutex<usize>,
}

impl Lambda {
    /// Starts the binary of `function` with a store at `endpoint`.
    pub async fn start(function: &str, endpoint: &str) -> Self {
        Self::start_with(function, endpoint, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_with(function: &str, endpoint: &str, environment: &[(&str, &str)]) -> Self {
        let binary = tokio::task::spawn_blocking(binary::folder)
            .await
            .expect("a build")
            .join(function);
        let (events, queue) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            events: tokio::sync::Mutex::new(queue),
            running: Mutex::default(),
            count: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(serve).with_state(api);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let names = table_names();
        let mut child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_LEVEL", "TRACE")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
            .env("RESOURCES_TABLE", names.resources)
            .env("IDENTITY_TABLE", names.identity)
            .env("STACK_NAME", "test")
            .envs(
                matches!(function, "history" | "record-history").then_some(("HISTORY_TABLE", names.history)),
            )
            .envs((function == "sign-in").then_some(("SECOND_FACTOR_KEYS", SECOND_FACTOR_KEY)))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary runs");
        let pipes = [
            tokio::spawn(lines(child.stdout.take().expect("a pipe"))),
            tokio::spawn(lines(child.stderr.take().expect("a pipe"))),
        ];
        Self { child, events, pipes }
    }

    /// Hands the function an event, and waits for what becomes of it.
    ///
    /// # Panics
    /// Where nothing does.
    pub async fn invoke(&self, event: &str) -> Invocation {
        let (answer, answered) = oneshot::channel();
        self.events
            .send((event.to_owned(), answer))
            .expect("the runtime API lives");
        let invocation = tokio::time::timeout(PATIENCE, answered).await;
        let invocation = invocation
            .expect("an answer before patience runs out")
            .expect("the runtime API lives");
        if let Invocation::Answered(answer) = &invocation {
            let event = serde_json::from_str(event).unwrap_or_default();
            if let Err(fault) = conforms_to_route(&event, answer) {
                panic!("{fault}\n{event}\n{answer}");
            }
        }
        invocation
    }

    /// Whether the process that was started first is still the one that answers.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_none()
    }

    /// Waits until it has ended by itself: whether it calls that a success.
    ///
    /// # Panics
    /// Where it lives on.
    pub async fn ended(&mut self) -> bool {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended
            .expect("an end before patience runs out")
            .expect("a status")
            .success()
    }

    /// Ends the process: everything that it has logged. It writes the lines of an invocation before it answers, so
    /// all of them lie in the pipes when the answer is here; but only at the pipes' end have they all been read.
    pub async fn into_log(mut self) -> Vec<String> {
        // It may have ended by itself.
        let _ = self.child.start_kill();
        self.child.wait().await.expect("a status");
        let mut log = Vec::new();
        for pipe in self.pipes {
            log.extend(pipe.await.expect("a log"));
        }
        log
    }
}

/// Holds the answer to an event of the gateway to the document.
fn conforms_to_route(event: &Value, answer: &Value) -> Result<(), String> {
    let key = event["requestContext"]["routeKey"].as_str();
    let Some(key) = key.or(event["routeKey"].as_str()) else {
        return Ok(());
    };
    // Where the key is not a route's, neither is the path.
    let (method, path) = key.split_once(' ').unwrap_or(("GET", "/nowhere"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers = answer["headers"].as_object().into_iter().flatten();
    let mut headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.clone(), text(value))).collect();
    let cookies = answer["cookies"].as_array().into_iter().flatten();
    headers.extend(cookies.map(|cookie| ("set-cookie".to_owned(), text(cookie))));
    conforms(&Received {
        method,
        path,
        status: answer["statusCode"]
            .as_u64()
            .and_then(|status| status.try_into().ok())
            .unwrap_or_default(),
        headers: &headers,
        body: &text(&answer["body"]),
    })
}

/// Every line up to the pipe's end.
async fn lines(pipe: impl tokio::io::AsyncRead + Unpin) -> Vec<String> {
    let mut lines = BufReader::new(pipe).lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next_line().await.expect("text") {
        all.push(line);
    }
    all
}

async fn serve(State(api): State<Arc<Api>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body: Bytes = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let path: Vec<&str> = path.split('/').skip(2).collect();
    match path.as_slice() {
        ["runtime", "invocation", "next"] => next(&api).await,
        ["runtime", "invocation", id, what] => {
            let value = serde_json::from_slice(&body).unwrap_or_default();
            let invocation = if *what == "response" {
                Invocation::Answered(value)
            } else {
                Invocation::Failed(value)
            };
            if let Some(answer) = api.running.lock().expect("a lock").remove(*id) {
                // The test may have given up waiting.
                let _ = answer.send(invocation);
            }
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

async fn next(api: &Api) -> Response {
    let Some((event, answer)) = api.events.lock().await.recv().await else {
        // The test is over; the function waits until it is killed.
        return std::future::pending().await;
    };
    let id = {
        let mut count = api.count.lock().expect("a lock");
        *count += 1;
        format!("00000000-0000-4000-8000-{:012}", *count)
    };
    api.running.lock().expect("a lock").insert(id.clone(), answer);
    invocation(&id, event)
}

/// How the Runtime API hands an event over.
pub fn invocation(id: &str, event: String) -> Response {
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:holdfast",
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-6b02bd43-a1fde1f6ee774abe6d25c76b",
        ),
    ];
    (headers, event).into_response()
}
