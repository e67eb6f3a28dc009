//! DynamoDB inside the process, reached over HTTP like the real one.

use std::net::SocketAddr;
use std::path::Path;

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::StartError;
use crate::data_file::{DataFile, unusable};

/// Starts the store in memory or in `data`; the answer is its address.
pub(crate) async fn start(
    listen: SocketAddr,
    data: Option<&Path>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(SocketAddr, JoinHandle<()>), StartError> {
    let file = data.map(DataFile::take).transpose()?;
    let database = match &file {
        None => Database::memory(),
        Some(file) => Database::new(file.path()),
    }
    .map_err(unusable)?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| StartError::new(&format!("the embedded store cannot listen on {listen}"), error))?;
    let address = listener
        .local_addr()
        .map_err(|error| StartError::new("the embedded store's address is unknown", error))?;
    let task = tokio::spawn(async move {
        // Until the database has been closed.
        let _file = file;
        let shutdown = async move {
            // A sender that is gone means stop as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        if let Err(error) = serve_with_shutdown(listener, database, shutdown).await {
            tracing::error!(error, "the embedded store ended");
        }
    });
    Ok((address, task))
}
