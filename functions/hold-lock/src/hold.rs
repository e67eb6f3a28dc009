//! `PUT /locks/{kind}/{id}`

use holdfast::audit::Action;
use holdfast::dialect::Fields;
use holdfast::dialect::holdfast::{self as dialect, LockView, Refusal};
use holdfast::identity::policy;
use holdfast::lock::{self, Fence, Lease, LeaseChange, Lock, Outcome, Text};
use holdfast::runtime::{self, App};
use holdfast::store::TargetRow;
use holdfast::telemetry::Tally;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::Value;

/// The longest title, in characters.
const MAX_TITLE: usize = 256;
/// The longest message, in characters.
const MAX_MESSAGE: usize = 4_096;

/// What is asked of the lock.
struct Wanted {
    lease: LeaseChange,
    text: Text,
    tenure: Option<Fence>,
}

/// A lock that the caller holds now.
#[derive(Serialize)]
struct Held {
    lock: LockView,
    changed: bool,
}

pub(crate) async fn hold(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    dialect::media(request.headers(), body, true)?;
    let (principal, target, mut rows) = runtime::lock_caller(app, request, Action::Lock, now).await?;
    // An unknown kind has no right to check: it is not there.
    let target = target.as_ref().ok_or(Refusal::NotFound)?;
    policy::hold(&principal.rights, target.kind())?;
    let wanted = parse(body)?;
    let found = rows
        .target(&principal.company, target)?
        .ok_or(Refusal::NotFound)?;
    let wanted = lock::Request::Acquire {
        owner: principal.owner(),
        lease: wanted.lease,
        text: wanted.text,
        tenure: wanted.tenure,
    };
    let name = found.name.clone();
    let allowed = |row: &TargetRow| crate::allowed(&principal, row, &wanted);
    let outcome = runtime::carry_out(app, request, &principal, found, &wanted, allowed, now).await?;
    let owner = principal.owner();
    let view = |lock: &Lock, fence| LockView::new(target, name.as_deref(), lock, fence, &owner);
    let tally = Tally::from(&outcome);
    let changed = outcome.is_change();
    let status = match &outcome {
        Outcome::Acquired { .. } => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let mut response = match outcome {
        Outcome::Acquired { fence, lock, .. }
        | Outcome::Renewed { fence, lock }
        | Outcome::AlreadyHeld { fence, lock } => {
            let lock = view(&lock, fence);
            dialect::respond(status, &Held { lock, changed })
        }
        outcome => return Err(Refusal::of_outcome(outcome, view)),
    };
    response.extensions_mut().insert(tally);
    Ok(response)
}

fn parse(body: &[u8]) -> Result<Wanted, Refusal> {
    let members = dialect::members(body)?;
    let mut fields = Fields::new(&members, dialect::words);
    let wanted = Wanted {
        // Null ends a lease; absent, it stays.
        lease: match members.get("seconds") {
            None => LeaseChange::Keep,
            Some(Value::Null) => LeaseChange::Infinite,
            Some(_) => fields
                .parsed("seconds", |value| lease(value).map(Some))
                .map_or(LeaseChange::Keep, LeaseChange::For),
        },
        text: Text {
            title: fields.optional_text("title", MAX_TITLE).map(str::to_owned),
            message: fields.optional_text("message", MAX_MESSAGE).map(str::to_owned),
        },
        tenure: fields.parsed("fence", |value| value.map(dialect::fence).transpose()),
    };
    Ok(fields.finish(wanted)?)
}

fn lease(value: Option<&Value>) -> Result<Lease, String> {
    value
        .and_then(Value::as_u64)
        .and_then(|seconds| Lease::from_seconds(seconds).ok())
        .ok_or_else(|| format!("The seconds must be 1 to {}, or null.", Lease::MAX_SECONDS))
}
