//! `GET /locks/{kind}/{id}`

use holdfast::dialect::holdfast::{self as dialect, BreakView, LockView, Refusal};
use holdfast::id::Company;
use holdfast::identity::policy;
use holdfast::runtime::{self, App};
use holdfast::store::{Lockable, RowKey};
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use serde::Serialize;

/// A target with its lock and the latest break of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetView {
    kind: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    fence: u64,
    lock: Option<LockView>,
    last_break: Option<BreakView>,
}

pub(crate) async fn read(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let target = runtime::lock_target(request);
    let also = |company: &Company| {
        let keys = target
            .as_ref()
            .map(|target| RowKey::all_of_target(company, target));
        keys.unwrap_or_default()
    };
    let (principal, mut rows) = runtime::principal(app, request, also, now).await?;
    let target = target.as_ref().ok_or(Refusal::NotFound)?;
    let found = rows.target(&principal.company, target)?;
    let owner = principal.owner();
    let is_own = found.as_ref().is_some_and(|found| {
        let state = &found.row.record().state;
        let is_owner = state.live(now).is_some_and(|lock| lock.owner == owner);
        is_owner || state.last_break().is_some_and(|broken| broken.owner == owner)
    });
    // Whether the target exists is a part of what may not be seen.
    policy::see(&principal.rights, target.kind(), is_own)?;
    let found = found.ok_or(Refusal::NotFound)?;
    let state = &found.row.record().state;
    let view = TargetView {
        kind: target.kind().as_str(),
        id: target.id(),
        fence: state.fence().get(),
        lock: state
            .live(now)
            .map(|lock| LockView::new(target, found.name.as_deref(), lock, state.fence(), &owner)),
        last_break: state.last_break().map(|broken| {
            let in_full = policy::sees_all(&principal.rights) || broken.owner == owner;
            BreakView::new(broken, in_full)
        }),
        name: found.name,
    };
    Ok(dialect::respond(StatusCode::OK, &view))
}
