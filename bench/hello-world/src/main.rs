//! A bare `lambda_http` function, as its documentation begins one: no store, no configuration, one line of answer.

use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};

async fn hello(_: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(Body::from("Hello, world")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(hello)).await
}
