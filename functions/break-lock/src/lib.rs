//! `POST /locks/{kind}/{id}/break`: someone else's lock is ended, with a reason that its owner is told.
//!
//! Holdfast's own dialect; the order of checks is the contract's ("Break" in `docs/api.md`).

use holdfast::audit::Action;
use holdfast::dialect::holdfast::{self as dialect, LockView, Refusal};
use holdfast::dialect::{Dialect, Fields};
use holdfast::failure::Failure;
use holdfast::identity::policy;
use holdfast::lock::{self, Aftermath, Fence, HoldOff, Lock, Outcome, Reason};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::TargetRow;
use holdfast::telemetry::Tally;
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::Value;

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "break-lock",
    routes: &[Route {
        method: Method::POST,
        path: "/locks/{kind}/{id}/break",
        dialect: Dialect::Holdfast,
        handler: |app, request| Box::pin(async { dialect::answer(request, break_lock(app, request).await) }),
    }],
    fallback: None,
    // One wave after the other.
    connections: 1,
    unseals: false,
    reads_history: false,
};

/// What is asked.
struct Wanted {
    fence: Fence,
    reason: Reason,
    then: Aftermath,
    hold_off: HoldOff,
}

/// What became of the lock.
#[derive(Serialize)]
struct BreakAnswer {
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<LockView>,
    fence: u64,
    lock: Option<LockView>,
}

async fn break_lock(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    dialect::media(request.headers(), body, false)?;
    let (principal, target, mut rows) = runtime::lock_caller(app, request, Action::Break, now).await?;
    policy::recent_second_factor(principal.sign_in, now)?;
    policy::break_locks(&principal.rights)?;
    let target = target.as_ref().ok_or(Refusal::NotFound)?;
    let wanted = parse(body)?;
    if wanted.then == Aftermath::Take {
        policy::hold(&principal.rights, target.kind())?;
    }
    let found = rows
        .target(&principal.company, target)?
        .ok_or(Refusal::NotFound)?;
    let tenure = wanted.fence;
    let wanted = lock::Request::Break {
        by: principal.owner(),
        fence: wanted.fence,
        reason: wanted.reason,
        then: wanted.then,
        hold_off: wanted.hold_off,
    };
    let name = found.name.clone();
    let allowed = |row: &TargetRow| Ok(policy::break_row(&principal, row)?);
    let outcome = runtime::carry_out(app, request, &principal, found, &wanted, allowed, now).await?;
    let owner = principal.owner();
    let view = |lock: &Lock, fence| LockView::new(target, name.as_deref(), lock, fence, &owner);
    answer(outcome, tenure, view)
}

fn parse(body: &[u8]) -> Result<Wanted, Refusal> {
    let members = dialect::members(body)?;
    let mut fields = Fields::new(&members, dialect::words);
    let fence = fields.parsed("fence", |value| {
        let value = value.ok_or_else(|| "The fence is required.".to_owned())?;
        dialect::fence(value).map(Some)
    });
    let reason = fields.parsed("reason", |value| reason(value).map(Some));
    let then = fields.parsed("then", then);
    let hold_off = fields.parsed("holdOffSeconds", |value| value.map(hold_off).transpose());
    let (fence, reason, then, hold_off) = fields.finish((fence, reason, then, hold_off))?;
    // Without a fault both are there.
    let (fence, reason) = fence
        .zip(reason)
        .ok_or_else(|| Failure::Defect("a break without its fence or reason".to_owned()))?;
    Ok(Wanted {
        fence,
        reason,
        then,
        hold_off: hold_off.unwrap_or_default(),
    })
}

fn reason(value: Option<&Value>) -> Result<Reason, String> {
    let rule = || {
        format!(
            "The reason is required and has 1 to {} characters.",
            Reason::MAX_CHARACTERS
        )
    };
    let text = value.and_then(Value::as_str).ok_or_else(rule)?;
    Reason::try_from(text).map_err(|_| rule())
}

fn then(value: Option<&Value>) -> Result<Aftermath, String> {
    match value.map(Value::as_str) {
        None | Some(Some("free")) => Ok(Aftermath::Free),
        Some(Some("take")) => Ok(Aftermath::Take),
        Some(_) => Err("The then must be free or take.".to_owned()),
    }
}

fn hold_off(value: &Value) -> Result<HoldOff, String> {
    value
        .as_u64()
        .and_then(|seconds| HoldOff::from_seconds(seconds).ok())
        .ok_or_else(|| format!("The holdOffSeconds must be 0 to {}.", HoldOff::MAX_SECONDS))
}

fn answer(
    outcome: Outcome,
    tenure: Fence,
    view: impl Fn(&Lock, Fence) -> LockView,
) -> Result<Response<Body>, Refusal> {
    let tally = Tally::from(&outcome);
    let answer = match outcome {
        Outcome::Broken { broken, fence, lock } => BreakAnswer {
            changed: true,
            broken: Some(view(&broken, tenure)),
            fence: fence.get(),
            lock: lock.map(|lock| view(&lock, fence)),
        },
        Outcome::TenureOver { fence, lock } => BreakAnswer {
            changed: false,
            broken: None,
            fence: fence.get(),
            lock: lock.map(|lock| view(&lock, fence)),
        },
        outcome => return Err(Refusal::of_outcome(outcome, view)),
    };
    let mut response = dialect::respond(StatusCode::OK, &answer);
    response.extensions_mut().insert(tally);
    Ok(response)
}
