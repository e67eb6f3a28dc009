//! One program, started once: what it costs until it is ready, for its first call and for the calls after.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use holdfast_local::table_names;
use holdfast_tests::{SECOND_FACTOR_KEY, TlsEndpoint, Traffic};
use tokio::process::Command;

use crate::Failure;
use crate::cpu_limit::CpuLimit;
use crate::process::{cpu_time, peak_memory_kib};
use crate::runtime_api::RuntimeApi;
use crate::scenario::Scenario;

/// Between calls a process comes to rest, as a function does between requests.
const REST: Duration = Duration::from_millis(2);

/// A program to measure.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name in the tables.
    pub name: String,
    /// The function whose events it is called with.
    pub function: &'static str,
    /// What is started.
    pub program: PathBuf,
    /// `WARM_CONNECTIONS`, where it is set.
    pub warm_connections: Option<usize>,
    /// The authorities that it trusts, where they are not the usual five.
    pub bundle: Option<PathBuf>,
}

/// What one start showed.
#[derive(Clone, Debug)]
pub struct Sample {
    /// From the start of the process to its first request for an event.
    pub init: Duration,
    /// Processor time of the same.
    pub init_cpu: Duration,
    /// Calls to the store in INIT.
    pub init_traffic: Traffic,
    /// The first call.
    pub first: Duration,
    /// Processor time of the same.
    pub first_cpu: Duration,
    /// Each of the calls after it.
    pub warm: Vec<Duration>,
    /// Processor time of all of them together.
    pub warm_cpu: Duration,
    /// What all of them together asked of the store.
    pub warm_traffic: Traffic,
    /// The most memory that was resident.
    pub peak_memory_kib: u64,
}

impl Subject {
    /// Starts the program and calls it `1 + calls` times, from the first call on with this share of a core.
    pub async fn sample(
        &self,
        scenario: &Scenario,
        endpoint: &TlsEndpoint,
        calls: usize,
        percent_of_a_core: Option<u32>,
        log: &Path,
    ) -> Result<Sample, Failure> {
        let events = scenario.events(self.function).await?;
        let mut api = RuntimeApi::start().await?;
        let mut command = self.command(&api, endpoint);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(log.try_clone()?).stderr(log);

        let before = endpoint.traffic();
        let begin = Instant::now();
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("the process has ended already")?;
        let init = api.ready().await?.duration_since(begin);
        tokio::time::sleep(REST).await;
        let init_cpu = cpu_time(pid)?;
        let init_traffic = endpoint.traffic().since(before);

        // A group of its own: what one process has overdrawn is not the next one's debt.
        let limit = percent_of_a_core.map(CpuLimit::new).transpose()?;
        if let Some(limit) = &limit {
            limit.put_under(pid)?;
        }
        let mut call = 0;
        let next_event = |call: &mut usize| {
            let event = events[*call % events.len()].clone();
            *call += 1;
            event
        };
        let first = invoke(&mut api, next_event(&mut call)).await?;
        let first_cpu = cpu_time(pid)?;
        let before = endpoint.traffic();
        let mut warm = Vec::with_capacity(calls);
        for _ in 0..calls {
            warm.push(invoke(&mut api, next_event(&mut call)).await?);
        }
        let sample = Sample {
            init,
            init_cpu,
            init_traffic,
            first,
            first_cpu: first_cpu.saturating_sub(init_cpu),
            warm,
            warm_cpu: cpu_time(pid)?.saturating_sub(first_cpu),
            warm_traffic: endpoint.traffic().since(before),
            peak_memory_kib: peak_memory_kib(pid)?,
        };
        // What was locked is unlocked, so that the next start finds what this one found.
        while call % events.len() != 0 {
            invoke(&mut api, next_event(&mut call)).await?;
        }
        // The group goes away once its process is gone, and the next program starts on an idle machine.
        child.kill().await?;
        Ok(sample)
    }

    fn command(&self, api: &RuntimeApi, endpoint: &TlsEndpoint) -> Command {
        let tables = table_names();
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", self.function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url())
            .env(
                "AWS_CA_BUNDLE",
                self.bundle.as_deref().unwrap_or(endpoint.bundle()),
            )
            .env("NODE_EXTRA_CA_CERTS", endpoint.authority())
            .env("RESOURCES_TABLE", tables.resources)
            .env("IDENTITY_TABLE", tables.identity)
            .env("STACK_NAME", "bench")
            .envs((self.function == "sign-in").then_some(("SECOND_FACTOR_KEYS", SECOND_FACTOR_KEY)))
            .envs((self.function == "history").then_some(("HISTORY_TABLE", tables.history)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(connections) = self.warm_connections {
            command.env("WARM_CONNECTIONS", connections.to_string());
        }
        command
    }
}

/// One call, then the function asks for the next event and rests.
async fn invoke(api: &mut RuntimeApi, event: String) -> Result<Duration, Failure> {
    let (took, status) = api.invoke(event).await?;
    if status >= 300 {
        return Err(format!("a call was answered with {status}").into());
    }
    api.ready().await?;
    tokio::time::sleep(REST).await;
    Ok(took)
}
