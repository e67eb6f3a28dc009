//! Signing in and out, in each product's own way. A dialect has a module; the work is in `holdfast::identity`.

mod sdm;

use holdfast::dialect::Dialect;
use holdfast::runtime::{self, App, Function, Method, Route};
use lambda_http::{Body, Request, Response};

const SDM_LOGIN: &str = "/rest/{versionId}/admin/login";
const SDM_LOGOUT: &str = "/rest/{versionId}/admin/logout";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "sign-in",
    routes: &[
        Route::new(Method::Post, SDM_LOGIN, Dialect::Sdm),
        Route::new(Method::Post, SDM_LOGOUT, Dialect::Sdm),
    ],
    connections: 1,
    handle: |app, request| Box::pin(handle(app, request)),
};

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match runtime::route_path(&request) {
        SDM_LOGOUT => sdm::logout(app, &request).await,
        _ => sdm::login(app, &request).await,
    }
}
