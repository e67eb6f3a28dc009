//! `POST /rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action`: a device is locked or unlocked.
//!
//! Session Delivery Manager dialect; the order of checks is the contract's ("Device lock" in `docs/api.md`).

use std::convert::Infallible;

use holdfast::audit;
use holdfast::dialect::Dialect;
use holdfast::dialect::sdm::{self, Action, Refusal};
use holdfast::failure::Failure;
use holdfast::id::DeviceId;
use holdfast::identity::{identify, policy, slide};
use holdfast::lock::{self, Outcome, Timestamp};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{DeviceRow, LockCall, LockResult, LockTarget, SessionKind};
use holdfast::target::Target;
use holdfast::telemetry::Tally;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "lock-device",
    routes: &[Route {
        method: Method::POST,
        path: "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action",
        dialect: Dialect::Sdm,
        handler: |app, request| Box::pin(async { sdm::answer(request, act(app, request).await) }),
    }],
    fallback: None,
    // The write and, beside it, the session's slide.
    connections: 2,
    unseals: false,
    reads_history: false,
};

async fn act(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let (headers, body) = (request.headers(), runtime::body(request));
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let media = sdm::media(headers, body)?;

    // Both are read before the caller is known, so that one read serves all; what is wrong with them is told
    // only to a caller who may act.
    let action = sdm::action(headers, media, body);
    let device_id = DeviceId::try_from(runtime::path_parameter(request, "deviceId").unwrap_or_default());
    let notes = runtime::audit(request);
    notes.action(match &action {
        Ok(Action::Lock(_)) => audit::Action::Lock,
        Ok(Action::Unlock) => audit::Action::Unlock,
        Err(_) => audit::Action::ChangeLock,
    });
    if let Ok(id) = &device_id {
        notes.target(&Target::Device(id.clone()));
    }
    let token = sdm::session_token(headers)?;
    let target = device_id.map(|id| LockTarget::device(token.company(), &id));

    let also = target.as_ref().map(LockTarget::key).ok();
    let also = also.map(std::slice::from_ref).unwrap_or_default();
    let (caller, mut rows) = identify(&app.store, &token, &[SessionKind::Sdm], also, now).await?;
    notes.actor(caller.company(), caller.login());
    policy::lock_devices(&caller.user().groups)?;
    let action = action?;
    let target = target.map_err(|invalid| Refusal::Invalid(invalid.to_string()))?;
    let device = rows.parse::<DeviceRow>(target.key())?.ok_or(Refusal::NotFound)?;

    let owner = caller.login().to_owner();
    let change = match action {
        Action::Lock(lease) => lock::Request::Acquire {
            owner,
            lease,
            text: lock::Text::default(),
            tenure: None,
        },
        Action::Unlock => lock::Request::Release { owner, tenure: None },
    };
    let call = LockCall {
        request: &change,
        now,
        origin: &runtime::origin(request, Dialect::Sdm),
        // A request that is under way when its caller is locked out counts as made before.
        actor: None,
    };
    // A device belongs to its company by its key: no newer state of the row can take the permission back.
    let always = |_: &DeviceRow| Ok::<(), Infallible>(());
    let (applied, ()) = tokio::join!(
        app.store.apply_lock(&target, device, call, always),
        slide(&app.store, &caller, now),
    );
    match applied? {
        // Under faults a write takes seconds: what is left of a lease is told as of the answer.
        LockResult::Done(outcome) => answer(outcome, app.clock.now()),
        LockResult::Gone => Err(Refusal::NotFound),
        LockResult::ActorLocked => Err(Refusal::Unauthorized),
        LockResult::Refused(never) => match never {},
    }
}

fn answer(outcome: Outcome, now: Timestamp) -> Result<Response<Body>, Refusal> {
    let tally = Tally::from(&outcome);
    let mut response = match outcome {
        Outcome::Acquired { fence, lock, .. }
        | Outcome::Renewed { fence, lock }
        | Outcome::AlreadyHeld { fence, lock } => sdm::locked(fence, &lock, now),
        Outcome::Released { fence } | Outcome::WasFree { fence } => sdm::unlocked(fence),
        Outcome::HeldBy { lock, .. } => return Err(Refusal::Locked(lock)),
        Outcome::HeldOff { broken, lock, .. } => return Err(Refusal::HeldOff(Box::new(broken), lock)),
        // This dialect names no tenure and breaks nothing.
        Outcome::Broken { .. }
        | Outcome::TenureOver { .. }
        | Outcome::OtherTenure { .. }
        | Outcome::YourOwn { .. } => {
            return Err(Failure::Defect("an outcome of a request that was not made".to_owned()).into());
        }
    };
    response.extensions_mut().insert(tally);
    Ok(response)
}
