//! The way to a store that is some milliseconds away, as DynamoDB is.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep_until};

use crate::Failure;

/// The most that is taken off a connection at once.
const CHUNK: usize = 64 * 1024;

/// Listens before the store at `store`, and keeps back all that the store says for `delay`: each round trip takes so much
/// longer, and any number of them wait at the same time.
pub async fn delayed(store: SocketAddr, delay: Duration) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A connection that breaks is told to its client by being closed.
                let _ = connect(client, store, delay).await;
            });
        }
    });
    Ok(address)
}

async fn connect(client: TcpStream, store: SocketAddr, delay: Duration) -> Result<(), Failure> {
    let store = TcpStream::connect(store).await?;
    client.set_nodelay(true)?;
    store.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_store, to_store) = store.into_split();
    tokio::try_join!(
        pass(from_client, to_store, Duration::ZERO),
        pass(from_store, to_client, delay)
    )?;
    Ok(())
}

/// Passes on what comes, each chunk `delay` after it came: a chunk does not wait for the one before it to be passed on.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) -> Result<(), Failure> {
    let (sender, mut chunks) = unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0
                || sender
                    .send((Instant::now() + delay, buffer[..length].to_vec()))
                    .is_err()
            {
                return Ok::<_, Failure>(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            sleep_until(due).await;
            to.write_all(&chunk).await?;
        }
        to.shutdown().await?;
        Ok::<_, Failure>(())
    };
    tokio::try_join!(read, write)?;
    Ok(())
}
