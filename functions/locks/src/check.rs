//! `POST /locks/check`: what a system asks before it acts on a lock.

use holdfast::dialect::Fields;
use holdfast::dialect::holdfast::{self as dialect, Refusal};
use holdfast::id::Company;
use holdfast::identity::{Principal, policy};
use holdfast::lock::{Fence, Timestamp};
use holdfast::runtime::{self, App};
use holdfast::store::{Lockable, RowKey, Rows, TargetRow};
use holdfast::target::Target;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::Value;

/// How many fences a request may name. With the caller's own rows they are two batches.
const MAX_HELD: usize = 100;

/// A tenure that somebody believes in. A target that no kind can have is never current.
struct Held {
    target: Option<Target>,
    fence: Fence,
}

/// Whether each of them is the live tenure now, in the order of the request.
#[derive(Serialize)]
struct Current {
    current: Vec<bool>,
}

pub(crate) async fn check(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    dialect::media(request.headers(), body, false)?;
    let held = parse(body);
    let targets = || held.iter().flatten().filter_map(|held| held.target.as_ref());
    // A lock on a pair is on the pair's own row, so its halves need not be read.
    let also = |company: &Company| {
        let mut keys: Vec<RowKey> = targets()
            .map(|target| RowKey::of_target(company, target))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let (principal, mut rows) = runtime::principal(app, request, also, now).await?;
    let held = held?;
    let mut current = Vec::with_capacity(held.len());
    let mut known = Vec::with_capacity(held.len());
    for one in &held {
        let Some(target) = &one.target else {
            current.push(false);
            continue;
        };
        if let Some((_, fence)) = known.iter().find(|(known, _)| *known == target) {
            current.push(*fence == Some(one.fence));
            continue;
        }
        let fence = live_fence(&mut rows, &principal, target, now)?;
        current.push(fence == Some(one.fence));
        known.push((target, fence));
    }
    Ok(dialect::respond(StatusCode::OK, &Current { current }))
}

/// The fence of the lock that holds on a target, where the caller may see it.
fn live_fence(
    rows: &mut Rows,
    principal: &Principal,
    target: &Target,
    now: Timestamp,
) -> Result<Option<Fence>, Refusal> {
    let row = rows.parse::<TargetRow>(&RowKey::of_target(&principal.company, target))?;
    let Some(row) = row.filter(|row| row.is_within(&principal.company)) else {
        return Ok(None);
    };
    let state = &row.record().state;
    let Some(lock) = state.live(now) else {
        return Ok(None);
    };
    let is_own = lock.owner == principal.owner();
    let may_see = policy::see(&principal.rights, target.kind(), is_own).is_ok();
    Ok(may_see.then(|| state.fence()))
}

fn parse(body: &[u8]) -> Result<Vec<Held>, Refusal> {
    let members = dialect::members(body)?;
    let mut fields = Fields::new(&members, dialect::words);
    let held = fields.parsed("held", list);
    Ok(fields.finish(held)?)
}

fn list(value: Option<&Value>) -> Result<Vec<Held>, String> {
    let rule = || format!("The held must be a list of 1 to {MAX_HELD} objects with kind, id and fence.");
    let list = value.and_then(Value::as_array).ok_or_else(rule)?;
    if list.is_empty() || list.len() > MAX_HELD {
        return Err(rule());
    }
    list.iter()
        .map(|one| {
            let text = |name: &str| one.get(name).and_then(Value::as_str);
            let (kind, id) = text("kind").zip(text("id")).ok_or_else(rule)?;
            Ok(Held {
                target: Target::parse(kind, id),
                fence: dialect::fence(one.get("fence").ok_or_else(rule)?)?,
            })
        })
        .collect()
}
