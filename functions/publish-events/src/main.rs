//! The Lambda `publish-events`.

use holdfast::runtime;
use lambda_http::Error;
use publish_events::PublishEvents;

// One request at a time: a second thread would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::run_stream::<PublishEvents>().await
}
