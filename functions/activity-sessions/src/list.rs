//! `GET /api/v1/ActivitySession?status=active|pending|historical&skip=0&take=10`

use std::collections::{BTreeSet, HashMap};

use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::id::Login;
use holdfast::identity::{BEARER_KINDS, identify, policy};
use holdfast::runtime::{self, App};
use holdfast::store::{RowKey, StatusClass, UserRow};
use lambda_http::{Body, Request, Response};
use serde::Serialize;

use crate::view::{self, SessionView};

/// How many sessions a page has unless the caller says.
const DEFAULT_TAKE: usize = 10;
/// How many a page may have.
const MAX_TAKE: usize = 100;
/// How far a list can be read: every session before the page has to be passed over.
const MAX_SKIP: usize = 10_000;

/// A page of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionPage<'a> {
    data: Vec<SessionView<'a>>,
    /// Of all pages together.
    records_total: u64,
}

pub(crate) async fn list(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let token = netwrix::bearer_token(request.headers())?;
    let (caller, _) = identify(&app.store, &token, &BEARER_KINDS, &[], now).await?;
    policy::admin(&caller)?;
    let (class, skip, take) = part(request)?;

    let (sessions, total) = app
        .store
        .activity_sessions(caller.company(), class, skip, take)
        .await?;
    let logins: BTreeSet<&Login> = sessions.iter().map(|session| &session.user).collect();
    let keys: Vec<RowKey> = logins.into_iter().map(RowKey::user).collect();
    let mut rows = app.store.read(&keys).await?;
    let mut users = HashMap::with_capacity(keys.len());
    for key in &keys {
        let user = rows.parse::<UserRow>(key)?;
        // Another company's account locks nothing here.
        let user = user.filter(|user| user.company == *caller.company());
        users.extend(user.map(|user| (user.login.clone(), user)));
    }
    let data = sessions
        .iter()
        .map(|session| view::session(session, users.get(&session.user), now))
        .collect();
    Ok(netwrix::ok(&SessionPage {
        data,
        records_total: total,
    }))
}

fn part(request: &Request) -> Result<(StatusClass, usize, usize), Refusal> {
    let mut errors = Vec::new();
    let class = match runtime::query_parameter(request, "status") {
        None => Some(StatusClass::Active),
        Some(text) => StatusClass::parse(text),
    };
    if class.is_none() {
        errors.push((
            "status",
            "The status must be active, pending or historical.".to_owned(),
        ));
    }
    let mut number = |name: &'static str, default: usize, min: usize, max: usize| {
        let number = match runtime::query_parameter(request, name) {
            None => Some(default),
            Some(text) => text.parse().ok().filter(|number| (min..=max).contains(number)),
        };
        if number.is_none() {
            errors.push((name, format!("The {name} must be {min} to {max}.")));
        }
        number
    };
    match (
        class,
        number("skip", 0, 0, MAX_SKIP),
        number("take", DEFAULT_TAKE, 1, MAX_TAKE),
    ) {
        (Some(class), Some(skip), Some(take)) => Ok((class, skip, take)),
        _ => Err(Refusal::Invalid(errors)),
    }
}
