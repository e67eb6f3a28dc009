//! The Lambda `record-history`.

use holdfast::runtime;
use lambda_http::Error;
use record_history::RecordHistory;

// One request at a time: a second thread would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::run_stream::<RecordHistory>().await
}
