//! `GET /history`: what happened to a target, what an actor did, or what happened in a time, the newest first.
//!
//! Holdfast's own dialect; the order of checks is the contract's ("History" in `docs/api.md`).

mod selector;

use holdfast::audit::Action;
use holdfast::dialect::holdfast::{self as dialect, Refusal};
use holdfast::dialect::{ChangeView, Dialect, ListName};
use holdfast::id::Company;
use holdfast::identity::policy;
use holdfast::runtime::{self, App, Function, Route};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use serde::Serialize;

use selector::{Place, Selector};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "history",
    routes: &[Route {
        method: Method::GET,
        path: "/history",
        dialect: Dialect::Holdfast,
        handler: |app, request| Box::pin(async { dialect::answer(request, history(app, request).await) }),
    }],
    fallback: None,
    // The eight shards of a day.
    connections: 8,
    unseals: false,
    reads_history: true,
};

/// A page of records. It may be short, or empty, while a cursor follows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordPage {
    records: Vec<ChangeView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn history(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let notes = runtime::audit(request);
    notes.action(Action::ReadHistory);
    let none = |_: &Company| Vec::new();
    let (principal, _) = runtime::principal(app, request, none, now).await?;
    let query = |name| runtime::query_parameter(request, name);
    let names = ["kind", "id", "actor", "from", "to"].map(query);
    let selector = Selector::parse(names, now);
    match &selector {
        Ok(Selector::Target(target)) => {
            notes.target(target);
        }
        Ok(Selector::Actor(actor)) => {
            notes.history_of(actor.as_str());
        }
        _ => {}
    }
    policy::read_history(&principal)?;
    let selector = selector?;
    let mut list = vec![Some(principal.company.as_str())];
    list.extend(names);
    let list = ListName(&list);
    let limit = runtime::limit(request).map_err(|rule| Refusal::invalid("limit", format!("The {rule}.")))?;
    let place = match query("cursor") {
        None => Place::default(),
        Some(text) => list
            .place(text)
            .and_then(|place| Place::parse(&place))
            .ok_or_else(|| {
                Refusal::invalid("cursor", "The cursor must be one that this very list has given.")
            })?,
    };
    let range = selector.range(&place);
    let page = app
        .store
        .history(&principal.company, &range, place.before.as_deref(), limit)
        .await?;
    let next = selector.next(&place, page.next);
    let page = RecordPage {
        records: page
            .records
            .iter()
            .map(|record| ChangeView::new(&record.target, &record.event))
            .collect(),
        next_cursor: next.map(|next| list.cursor(&next.to_string())),
    };
    Ok(dialect::respond(StatusCode::OK, &page))
}
