//! The whole API on one machine: a small API Gateway in front of the very handlers that the Lambdas run, over an
//! embedded DynamoDB that the real client reaches over HTTP. Nothing has an in-memory twin.

mod data_file;
mod embedded;
mod gateway;
pub mod guide;
mod hosts;
mod keys;
mod stream;
mod tables;

pub use keys::Keys;
pub use stream::{StreamPage, Streams};

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use holdfast::Clock;
use holdfast::config::HISTORY_KEPT;
use holdfast::lock::Epoch;
use holdfast::runtime::{App, Function, StreamFunction as _};
use holdfast::secret::Passwords;
use holdfast::store::{self, Store, Table, Tables, Timeouts};
use publish_events::PublishEvents;
use record_history::RecordHistory;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use holdfast_directory::{Directory, InvalidDirectory, enter, has_people};

/// Every function of the system, in the order of the API table.
pub static FUNCTIONS: &[&Function] = &[
    &lock_activity_sessions::FUNCTION,
    &lock_device::FUNCTION,
    &lock_user::FUNCTION,
    &sign_in::FUNCTION,
    &devices::FUNCTION,
    &users::FUNCTION,
    &activity_sessions::FUNCTION,
    &locks::FUNCTION,
    &hold_lock::FUNCTION,
    &break_lock::FUNCTION,
    &history::FUNCTION,
    &docs::FUNCTION,
];

/// Every function behind the stream of the resources' table, by its name. The server here runs the first of them, and has a
/// bus of its own in place of the second.
pub static STREAM_FUNCTIONS: &[&str] = &[RecordHistory::NAME, PublishEvents::NAME];

/// The demonstration directory, whose secrets are public.
///
/// # Errors
/// None in practice: a test reads it.
pub fn demo_directory() -> Result<Directory, InvalidDirectory> {
    Directory::parse(include_str!("../demo-directory.json"))
}

/// How the local server is to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The address to listen on; 127.0.0.1 without one. Any other lets other machines in.
    pub bind: Option<IpAddr>,
    /// The names that the server answers for beside this machine's own.
    pub hosts: Vec<String>,
    /// The port; zero picks a free one.
    pub port: u16,
    /// Where the data live. In memory without a file.
    pub data: Option<PathBuf>,
    /// Another DynamoDB endpoint to use instead of the embedded one.
    pub dynamodb: Option<String>,
    /// The keys that second factors are sealed with. Without them the server has one of its own: with `data` in a file beside it.
    pub keys: Option<Keys>,
    /// Whether the history is written. It follows the stream of the resources' table.
    pub history: HistorySource,
    /// Who and what the store starts with. What it has already becomes what this says.
    pub directory: Directory,
    /// Whether the directory is entered only where there are no people yet, as one with public secrets must be.
    pub only_into_empty: bool,
    /// How often the data were put back to an earlier state.
    pub epoch: Epoch,
    /// Where `now` comes from.
    pub clock: Clock,
    /// The request header that is taken for the source address, where there is one. For tests alone: a client that sends it
    /// chooses its own source.
    pub source_header: Option<&'static str>,
}

/// Where the stream is read that the history follows.
#[derive(Clone, Debug, Default)]
pub enum HistorySource {
    /// Nowhere: no history is written.
    #[default]
    Off,
    /// In the store that the server uses.
    Store,
    /// In the store at this endpoint, past whatever is between the server and it.
    Endpoint(String),
}

/// Why the local server does not start: one line for its user.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl StartError {
    fn new(doing: &str, error: impl fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

fn unentered(error: impl fmt::Display) -> StartError {
    StartError(error.to_string())
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    store: Store,
    entered: bool,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts the server, creates the tables where they are missing and fills in the directory.
    ///
    /// # Errors
    /// [`StartError`], in one line.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        // The port first: where it is taken, the user is told before anything else is done.
        let bind = options.bind.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let listener = TcpListener::bind((bind, options.port))
            .await
            .map_err(|error| StartError::new(&format!("port {} cannot be used", options.port), error))?;
        let address = listener
            .local_addr()
            .map_err(|error| StartError::new("the address is unknown", error))?;
        let endpoint = if let Some(endpoint) = options.dynamodb {
            endpoint
        } else {
            let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
            let (address, task) = embedded::start(any_port, options.data.as_deref(), stopped.clone()).await?;
            tasks.push(task);
            format!("http://{address}")
        };
        let store = Store::new(local_client(&endpoint), table_names()).in_epoch(options.epoch);
        tables::create(&store).await?;
        let keys = match options.keys {
            Some(keys) => keys,
            None => Keys::own(&store, options.data.as_deref()).await?,
        };
        let entered = !options.only_into_empty || !has_people(&store).await.map_err(unentered)?;
        if entered {
            enter(&store, keys.sealing(), &options.directory, options.clock.now())
                .await
                .map_err(unentered)?;
        }
        let app = App {
            store: store.clone(),
            clock: options.clock,
            passwords: Passwords::default(),
            sealing_keys: Some(keys.sealing().clone()),
            // A client would never send a `Secure` cookie back over plain HTTP.
            secure_cookies: false,
        };
        let bus = stream::bus();
        let history_endpoint = match options.history {
            HistorySource::Off => None,
            HistorySource::Store => Some(endpoint.clone()),
            HistorySource::Endpoint(past) => Some(past),
        };
        if let Some(endpoint) = history_endpoint {
            let store = Store::new(local_client(&endpoint), table_names());
            let table = store.table_name(Table::Resources).to_owned();
            let history = RecordHistory::new(store, app.clock.clone(), HISTORY_KEPT);
            let streams = Streams::new(endpoint, &table);
            tasks.push(stream::poll(streams, history, bus.clone(), stopped.clone()));
        }
        let gateway = gateway::Gateway {
            app,
            hosts: hosts::Hosts::new(bind, options.hosts),
            source_header: options.source_header,
            bus,
            endpoint,
            keys,
        };
        tasks.push(gateway::serve(listener, gateway, stopped));
        Ok(Self {
            address,
            store,
            entered,
            stop,
            tasks,
        })
    }

    /// Where the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the directory was entered; not where it is for an empty store and there were people.
    #[must_use]
    pub const fn has_entered_directory(&self) -> bool {
        self.entered
    }

    /// The store behind it.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Stops taking requests, lets the running ones finish and closes the data.
    pub async fn stop(self) {
        // Where every task has ended by itself, the message has no receiver.
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// The embedded DynamoDB by itself, in memory, with the tables and a directory in it.
#[derive(Debug)]
pub struct EmbeddedStore {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Starts the store.
    ///
    /// # Errors
    /// [`StartError`], in one line.
    pub async fn start(
        listen: SocketAddr,
        keys: &Keys,
        directory: &Directory,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let (address, task) = embedded::start(listen, None, stopped).await?;
        // Every address of this machine is none to connect to.
        let ip = if address.ip().is_unspecified() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            address.ip()
        };
        let endpoint = format!("http://{}", SocketAddr::new(ip, address.port()));
        let store = Store::new(local_client(&endpoint), table_names());
        tables::create(&store).await?;
        enter(&store, keys.sealing(), directory, clock.now())
            .await
            .map_err(unentered)?;
        Ok(Self { address, stop, task })
    }

    /// Where the store listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the running requests finish.
    pub async fn stop(self) {
        // Where the task has ended by itself, the message has no receiver.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// The names of the local tables.
#[must_use]
pub fn table_names() -> Tables {
    Tables {
        resources: "holdfast-resources".to_owned(),
        identity: "holdfast-identity".to_owned(),
        history: "holdfast-history".to_owned(),
    }
}

/// A client for an endpoint on this machine or network, with the functions' own retries.
#[must_use]
pub fn local_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    store::client(&local_sdk(), Some(endpoint), Timeouts::PATIENT)
}

/// What clients of AWS are made of that reach nothing but this machine or network.
#[must_use]
pub fn local_sdk() -> aws_config::SdkConfig {
    // Local stores ask for a signature and accept any.
    let credentials = Credentials::new("local", "local", None, None, "local");
    aws_config::SdkConfig::builder()
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_demo_directory_is_in_order() {
        super::demo_directory().unwrap();
    }
}
