//! Signing in and out, in each product's own way. A dialect has a module; the work is in `holdfast::identity`.

mod aktion;
mod netwrix;
mod password;
mod sdm;

use holdfast::audit::Notes;
use holdfast::dialect::Dialect;
use holdfast::id::Login;
use holdfast::identity::Denial;
use holdfast::runtime::{Function, Route};
use lambda_http::http::Method;

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "sign-in",
    routes: &[
        Route {
            method: Method::POST,
            path: "/signinBody",
            dialect: Dialect::Netwrix,
            handler: |app, request| Box::pin(netwrix::first_step(app, request)),
        },
        Route {
            method: Method::POST,
            path: "/signin2fa",
            dialect: Dialect::Netwrix,
            handler: |app, request| Box::pin(netwrix::second_step(app, request)),
        },
        Route {
            method: Method::GET,
            path: "/api/v1/UserToken",
            dialect: Dialect::Netwrix,
            handler: |app, request| Box::pin(netwrix::renewal(app, request)),
        },
        Route {
            method: Method::POST,
            path: "/login",
            dialect: Dialect::Aktion,
            handler: |app, request| Box::pin(aktion::login(app, request)),
        },
        Route {
            method: Method::POST,
            path: "/rest/{versionId}/admin/login",
            dialect: Dialect::Sdm,
            handler: |app, request| Box::pin(sdm::login(app, request)),
        },
        Route {
            method: Method::POST,
            path: "/rest/{versionId}/admin/logout",
            dialect: Dialect::Sdm,
            handler: |app, request| Box::pin(sdm::logout(app, request)),
        },
    ],
    fallback: None,
    connections: 1,
    unseals: true,
    reads_history: false,
};

/// Notes why a sign-in was denied. A login that nobody has is not noted: it may be a password.
fn note(notes: &Notes, denial: &Denial, login: &Login) {
    notes.outcome(denial.why);
    if let Some(company) = &denial.company {
        notes.actor(company, login);
    }
}
