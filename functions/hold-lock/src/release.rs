//! `DELETE /locks/{kind}/{id}?fence=`

use holdfast::audit::Action;
use holdfast::dialect::holdfast::{self as dialect, LockView, Refusal};
use holdfast::identity::policy;
use holdfast::lock::{self, Fence, Lock, Outcome};
use holdfast::runtime::{self, App};
use holdfast::store::TargetRow;
use holdfast::telemetry::Tally;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use serde::Serialize;

/// What became of the caller's tenure.
#[derive(Serialize)]
struct Released {
    changed: bool,
    /// The row's latest fence.
    fence: u64,
}

pub(crate) async fn release(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let (principal, target, mut rows) = runtime::lock_caller(app, request, Action::Unlock, now).await?;
    let target = target.as_ref().ok_or(Refusal::NotFound)?;
    policy::hold(&principal.rights, target.kind())?;
    let tenure = tenure(request)?;
    let found = rows
        .target(&principal.company, target)?
        .ok_or(Refusal::NotFound)?;
    let wanted = lock::Request::Release {
        owner: principal.owner(),
        tenure,
    };
    let name = found.name.clone();
    let allowed = |row: &TargetRow| crate::allowed(&principal, row, &wanted);
    let outcome = runtime::carry_out(app, request, &principal, found, &wanted, allowed, now).await?;
    let owner = principal.owner();
    let view = |lock: &Lock, fence| LockView::new(target, name.as_deref(), lock, fence, &owner);
    let tally = Tally::from(&outcome);
    let released = match outcome {
        Outcome::Released { fence } => Released {
            changed: true,
            fence: fence.get(),
        },
        Outcome::WasFree { fence } | Outcome::TenureOver { fence, .. } => Released {
            changed: false,
            fence: fence.get(),
        },
        outcome => return Err(Refusal::of_outcome(outcome, view)),
    };
    let mut response = dialect::respond(StatusCode::OK, &released);
    response.extensions_mut().insert(tally);
    Ok(response)
}

fn tenure(request: &Request) -> Result<Option<Fence>, Refusal> {
    runtime::query_parameter(request, "fence")
        .map(|text| text.parse().map(Fence::new))
        .transpose()
        .map_err(|_| Refusal::invalid("fence", "The fence must be a whole number that a lock has shown."))
}
