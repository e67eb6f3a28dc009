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
use holdfast::identity::{Caller, authenticate, slide};
use holdfast::lock::Timestamp;
use holdfast::runtime::{self, App, Function, Method, Route};
use holdfast::secret::Token;
use holdfast::store::{DeviceRow, Lockable, PageRequest, RowKey, Rows, SessionKind};
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};

const LIST: &str = "/rest/{versionId}/inventory/deviceMgmt/devices";
const READ: &str = "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}";

/// How many devices a page has unless the caller says.
const DEFAULT_LIMIT: usize = 100;
/// How many devices a page may have.
const MAX_LIMIT: usize = 1_000;

/// What this Lambda serves.
pub const FUNCTION: Function = Function {
    name: "devices",
    routes: &[
        Route::new(Method::Get, LIST, Dialect::Sdm),
        Route::new(Method::Get, READ, Dialect::Sdm),
    ],
    // The four shards of the list and, beside them, the session's slide.
    connections: 5,
    handle: |app, request| Box::pin(handle(app, request)),
};

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let answered = match runtime::route_path(&request) {
        LIST => list(app, &request).await,
        _ => read(app, &request).await,
    };
    answered.unwrap_or_else(|refusal| sdm::refusal(request.headers(), &refusal))
}

async fn list(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    sdm::version(runtime::path_parameter(request, "versionId"))?;
    let token = sdm::session_token(request.headers())?;
    let (caller, _) = caller(app, &token, None, now).await?;
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
    let (caller, mut rows) = caller(app, &token, key.as_ref(), now).await?;
    // A read has no second round that the slide could run beside; it costs one more, once a minute.
    slide(&app.store, &caller, now).await;
    let device = key.and_then(|key| rows.take(&key)).ok_or(Refusal::NotFound)?;
    let device = view::device(&DeviceRow::parse(device)?, caller.login(), now);
    Ok(sdm::document(
        request.headers(),
        StatusCode::OK,
        "device",
        &device,
    ))
}

/// Who calls, read together with the row that they ask for.
async fn caller(
    app: &App,
    token: &Token,
    wanted: Option<&RowKey>,
    now: Timestamp,
) -> Result<(Caller, Rows), Refusal> {
    let mut keys = RowKey::of_caller(token).to_vec();
    keys.extend(wanted.cloned());
    let mut rows = app.store.read(&keys).await?;
    let caller = authenticate(&mut rows, token, &[SessionKind::Sdm], now)?.ok_or(Refusal::Unauthorized)?;
    Ok((caller, rows))
}

fn page_request(request: &Request) -> Result<PageRequest, Refusal> {
    let limit = match runtime::query_parameter(request, "limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| Refusal::Invalid(format!("limit must be 1 to {MAX_LIMIT}")))?,
    };
    let after = match runtime::query_parameter(request, "nextToken") {
        None => None,
        Some(text) => Some(
            place(text)
                .ok_or_else(|| Refusal::Invalid("nextToken is none that a list has given".to_owned()))?,
        ),
    };
    Ok(PageRequest { limit, after })
}

/// The place in the order that a `nextToken` stands for; DynamoDB's range keys hold 1,024 bytes.
fn place(token: &str) -> Option<String> {
    let place = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    (1..=1_024).contains(&place.len()).then_some(place)
}
