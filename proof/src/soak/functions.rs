//! The functions' built binaries, each process before a small Lambda Runtime API of its own. Processes are killed and started
//! again, as a sandbox may be.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::dice::Dice;

/// How many processes of a function there are.
const EACH: usize = 2;

/// One event, and who waits for its answer.
struct Invocation {
    id: String,
    event: String,
    answer: oneshot::Sender<Value>,
}

impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

type Queue = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>>;

/// All processes of all functions.
#[derive(Debug)]
pub struct Functions {
    queues: BTreeMap<&'static str, mpsc::UnboundedSender<Invocation>>,
    sandboxes: Vec<Arc<Sandbox>>,
    count: AtomicU64,
    run: u64,
}

/// One process and its Runtime API.
#[derive(Debug)]
struct Sandbox {
    queue: Queue,
    /// What the process works on.
    running: Mutex<HashMap<String, oneshot::Sender<Value>>>,
    kill: Notify,
}

impl Functions {
    /// Starts the binaries of these functions, which lie in `folder`, with the store at `endpoint`. `run` is a part of the ids
    /// of the invocations.
    pub async fn start(names: &[&'static str], folder: &Path, endpoint: &str, run: u64) -> io::Result<Self> {
        let mut queues = BTreeMap::new();
        let mut sandboxes = Vec::new();
        for name in names {
            let (send, receive) = mpsc::unbounded_channel();
            let queue = Arc::new(tokio::sync::Mutex::new(receive));
            queues.insert(*name, send);
            for _ in 0..EACH {
                let sandbox = Arc::new(Sandbox {
                    queue: Arc::clone(&queue),
                    running: Mutex::default(),
                    kill: Notify::new(),
                });
                sandboxes.push(Arc::clone(&sandbox));
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                let address = listener.local_addr()?;
                tokio::spawn(Arc::clone(&sandbox).serve(listener));
                let binary = folder.join(name);
                let child = spawn(&binary, name, address, endpoint)?;
                tokio::spawn(sandbox.supervise(child, binary, name, address, endpoint.to_owned()));
            }
        }
        Ok(Self {
            queues,
            sandboxes,
            count: AtomicU64::new(0),
            run,
        })
    }

    /// Hands an event to a function: the invocation's id, and the answer, or nothing where the process ended before.
    pub async fn invoke(&self, function: &str, event: String) -> (String, Option<Value>) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!(
            "{:08x}-{:04x}-4000-8000-{number:012x}",
            self.run & 0xffff_ffff,
            (self.run >> 32) & 0xffff
        );
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            id: id.clone(),
            event,
            answer,
        };
        let queue = self.queues.get(function).expect("a function that was started");
        queue.send(invocation).expect("its sandboxes live");
        (id, answered.await.ok())
    }

    /// Kills one of the processes, which one as the dice fall. Those that work on something are as likely as the others.
    pub fn kill_one(&self, dice: &mut Dice) {
        let busy: Vec<&Arc<Sandbox>> = self
            .sandboxes
            .iter()
            .filter(|sandbox| !sandbox.running.lock().expect("a lock").is_empty())
            .collect();
        let sandbox = if busy.is_empty() {
            &self.sandboxes[dice.index(self.sandboxes.len())]
        } else {
            busy[dice.index(busy.len())]
        };
        sandbox.kill.notify_one();
    }
}

fn spawn(binary: &PathBuf, name: &str, address: SocketAddr, endpoint: &str) -> io::Result<Child> {
    let names = holdfast_local::table_names();
    Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        .env("RESOURCES_TABLE", names.resources)
        .env("IDENTITY_TABLE", names.identity)
        .env("HISTORY_TABLE", names.history)
        .env("STACK_NAME", "soak")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

impl Sandbox {
    /// Starts the process again whenever it has ended. What it worked on has no answer.
    async fn supervise(
        self: Arc<Self>,
        mut child: Child,
        binary: PathBuf,
        name: &'static str,
        address: SocketAddr,
        endpoint: String,
    ) {
        loop {
            tokio::select! {
                _ = child.wait() => {}
                () = self.kill.notified() => {
                    // SIGKILL; it may have ended by itself.
                    let _ = child.kill().await;
                }
            }
            self.running.lock().expect("a lock").clear();
            child = spawn(&binary, name, address, &endpoint).expect("the binary runs again");
        }
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            let sandbox = Arc::clone(&self);
            let service = hyper::service::service_fn(move |request| Arc::clone(&sandbox).answer(request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        match parts.as_slice() {
            ["runtime", "invocation", "next"] => Ok(self.next().await),
            ["runtime", "invocation", id, "response"] => {
                let body = request.into_body().collect().await?.to_bytes();
                let waiting = self.running.lock().expect("a lock").remove(*id);
                if let (Some(waiting), Ok(answer)) = (waiting, serde_json::from_slice(&body)) {
                    // Who waited may have given up.
                    let _ = waiting.send(answer);
                }
                Ok(accepted())
            }
            ["runtime", "invocation", id, _] => {
                // The function failed; without an answer nobody knows what it did.
                self.running.lock().expect("a lock").remove(*id);
                Ok(accepted())
            }
            _ => Ok(accepted()),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(invocation) = self.queue.lock().await.recv().await else {
            return std::future::pending().await;
        };
        let mut response = Response::new(Full::new(Bytes::from(invocation.event)));
        let headers = response.headers_mut();
        for (name, value) in [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", invocation.id.as_str()),
            ("lambda-runtime-deadline-ms", "4102444800000"),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:holdfast",
            ),
            (
                "lambda-runtime-trace-id",
                "Root=1-6b02bd43-a1fde1f6ee774abe6d25c76b",
            ),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        self.running
            .lock()
            .expect("a lock")
            .insert(invocation.id, invocation.answer);
        response
    }
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}
