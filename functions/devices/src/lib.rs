//! The device inventory: `GET /rest/{versionId}/inventory/deviceMgmt/devices` and `…/devices/{deviceId}`.
//!
//! Each device says who holds it, since when and until when.

mod view;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast::dialect::Dialect;
use holdfast::dialect::Node;
use holdfast::dialect::sdm::{self, Refusal};
use holdfast::id::DeviceId;
use holdfast::identity::{identify, slide};
use holdfast::runtime::{self, App, Function, Route};
use holdfast::store::{DeviceRow, PageRequest, RowKey, SessionKind};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "devices",
    routes: &[
        Route {
            method: Method::GET,
            path: "/rest/{versionId}/inventory/deviceMgmt/devices",
            dialect: Dialect::Sdm,
            handler: |app, request| Box::pin(async { sdm::answer(request, list(app, request).await) }),
        },
        Route {
            method: Method::GET,
            path: "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}",
            dialect: Dialect::Sdm,
            handler: |app, request| Box::pin(async { sdm::answer(request, read(app, request).await) }),
        },
    ],
    fallback: None,
    // The four shards of the list and, beside them, the session's slide.
    connections: 5,
    unseals: false,
    reads_history: false,
};

async fn list(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let token = sdm::session_token(request.headers())?;
    let (caller, _) = identify(&app.store, &token, &[SessionKind::Sdm], &[], now).await?;
    let page = page_request(request)?;
    let (page, ()) = tokio::join!(
        app.store.devices(caller.company(), &page),
        slide(&app.store, &caller, now),
    );
    let page = page?;
    let entries = page
        .entries
        .iter()
        .map(|device| view::device(device, caller.login(), now))
        .collect();
    let mut members = vec![("devices", Node::List("device", entries))];
    members.extend(
        page.next
            .map(|next| ("nextToken", Node::text(URL_SAFE_NO_PAD.encode(next)))),
    );
    Ok(sdm::document(
        request.headers(),
        StatusCode::OK,
        "deviceList",
        &Node::Members(members),
    ))
}

async fn read(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let token = sdm::session_token(request.headers())?;
    // No device can have an id that breaks the rule: it is not found like any other that there is not.
    let device_id = DeviceId::try_from(runtime::path_parameter(request, "deviceId").unwrap_or_default());
    let key = device_id.ok().map(|id| RowKey::device(token.company(), &id));
    let also = key.as_slice();
    let (caller, mut rows) = identify(&app.store, &token, &[SessionKind::Sdm], also, now).await?;
    // A read has no second round that the slide could run beside; it costs one more, once a minute.
    slide(&app.store, &caller, now).await;
    let device = match key {
        Some(key) => rows.parse::<DeviceRow>(&key)?,
        None => None,
    };
    let device = view::device(&device.ok_or(Refusal::NotFound)?, caller.login(), now);
    Ok(sdm::document(
        request.headers(),
        StatusCode::OK,
        "device",
        &device,
    ))
}

fn page_request(request: &Request) -> Result<PageRequest, Refusal> {
    let limit = runtime::limit(request).map_err(Refusal::Invalid)?;
    let after = match runtime::query_parameter(request, "nextToken") {
        None => None,
        Some(text) => Some(
            place(text)
                .ok_or_else(|| Refusal::Invalid("nextToken is none that a list has given".to_owned()))?,
        ),
    };
    Ok(PageRequest { limit, after })
}

/// The place in the order that a `nextToken` names; DynamoDB's range keys hold 1,024 bytes.
fn place(token: &str) -> Option<String> {
    let place = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    (1..=1_024).contains(&place.len()).then_some(place)
}
