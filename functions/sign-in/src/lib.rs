//! Signing in and out, in each product's own way. A dialect has a module; the work is in `holdfast::identity`.

mod aktion;
mod netwrix;
mod sdm;

use holdfast::dialect::Dialect;
use holdfast::runtime::{self, App, Function, Method, Route};
use lambda_http::{Body, Request, Response};

const NETWRIX_FIRST_STEP: &str = "/signinBody";
const NETWRIX_SECOND_STEP: &str = "/signin2fa";
const NETWRIX_RENEWAL: &str = "/api/v1/UserToken";
const AKTION_LOGIN: &str = "/login";
const SDM_LOGIN: &str = "/rest/{versionId}/admin/login";
const SDM_LOGOUT: &str = "/rest/{versionId}/admin/logout";

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "sign-in",
    routes: &[
        Route::new(Method::Post, NETWRIX_FIRST_STEP, Dialect::Netwrix),
        Route::new(Method::Post, NETWRIX_SECOND_STEP, Dialect::Netwrix),
        Route::new(Method::Get, NETWRIX_RENEWAL, Dialect::Netwrix),
        Route::new(Method::Post, AKTION_LOGIN, Dialect::Aktion),
        Route::new(Method::Post, SDM_LOGIN, Dialect::Sdm),
        Route::new(Method::Post, SDM_LOGOUT, Dialect::Sdm),
    ],
    connections: 1,
    handle: |app, request| Box::pin(handle(app, request)),
};

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match runtime::route_path(&request) {
        NETWRIX_FIRST_STEP => netwrix::first_step(app, &request).await,
        NETWRIX_SECOND_STEP => netwrix::second_step(app, &request).await,
        NETWRIX_RENEWAL => netwrix::renewal(app, &request).await,
        AKTION_LOGIN => aktion::login(app, &request).await,
        SDM_LOGOUT => sdm::logout(app, &request).await,
        _ => sdm::login(app, &request).await,
    }
}
