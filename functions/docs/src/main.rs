//! The Lambda `docs`.

use holdfast::runtime;
use lambda_http::Error;

// One request at a time: a second thread would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::run(&docs::FUNCTION).await
}
