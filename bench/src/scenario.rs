//! What the functions are called with: the events of `events/` over a store with the demo's people and devices.

use std::net::SocketAddr;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::StreamSpecification;
use holdfast::Clock;
use holdfast::id::{Company, Login, RequestId};
use holdfast::runtime::{self, App, Function};
use holdfast::secret::{Passwords, Token};
use holdfast::store::{AccountVersion, RowKey, SessionKind, SessionRow, Store, Table};
use holdfast_local::{local_client, table_names};
use holdfast_tests::{Credentials, World};
use lambda_http::Context;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::{Failure, root};

/// Which events a function is called with, over and over in this order. The first of them is also its first call.
const EVENTS: &[(&str, &[&str])] = &[
    (
        "lock-activity-sessions",
        &["lock-activity-sessions--lock", "lock-activity-sessions--unlock"],
    ),
    ("lock-device", &["lock-device--lock", "lock-device--unlock"]),
    ("lock-user", &["lock-user--lock", "lock-user--unlock-xml"]),
    ("sign-in", &["sign-in--sdm-login"]),
    ("devices", &["devices--list"]),
    ("users", &["users--read"]),
    ("activity-sessions", &["activity-sessions--list"]),
    ("locks", &["locks--list-by-key"]),
    ("hold-lock", &["hold-lock--hold", "hold-lock--release"]),
    ("break-lock", &["break-lock--nothing-to-break"]),
    ("history", &["history--by-target"]),
    ("docs", &["docs--page"]),
];

/// Who signs in with a code, which is good for one sign-in, while a run signs in for every start.
const WITH_CODE: &[&str] = &["olga", "arthur"];

/// A store with people in it, who can be signed in.
pub struct Scenario {
    world: World,
    demo: Value,
}

impl Scenario {
    /// Starts a store with the demo's directory.
    pub async fn start() -> Result<Self, Failure> {
        let mut demo: Value = serde_json::from_str(include_str!("../../local/demo-directory.json"))?;
        for user in demo["users"].as_array_mut().ok_or("the directory has no users")? {
            if user["login"] == "admin" {
                // The second factor is not what is measured, and a run makes more calls than a token serves.
                user["mfa"] = json!("not-required");
                user.as_object_mut()
                    .ok_or("a user is an object")?
                    .remove("totp_secret");
                user["rate_policy"] = json!("1000000/20");
            }
        }
        let world = World::live(demo.clone()).await;
        switch_stream_off(world.store.client()).await?;
        Ok(Self { world, demo })
    }

    /// Where the store is, without TLS.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.world.endpoint().trim_start_matches("http://").parse()?)
    }

    /// The events of a function, with credentials that have just been issued. Some live for 20 seconds.
    pub async fn events(&self, function: &str) -> Result<Vec<String>, Failure> {
        let (_, names) = EVENTS
            .iter()
            .find(|(name, _)| *name == function)
            .ok_or_else(|| format!("no events are chosen for {function}"))?;
        let mut events = Vec::new();
        let mut credentials = Credentials::of(&self.world.url(""), self.demo.clone());
        for name in *names {
            let path = root().join("events").join(format!("{name}.json"));
            let mut event = std::fs::read_to_string(path)?;
            for login in WITH_CODE {
                let placeholder = format!("{{{{netwrix-token:{login}}}}}");
                if event.contains(&placeholder) {
                    event = event.replace(&placeholder, &self.token(login).await?);
                }
            }
            let event = credentials.fill(&event).await;
            events.push(if function == "lock-device" {
                in_json(&event)?
            } else {
                event
            });
        }
        Ok(events)
    }

    /// The token of a session whose code was accepted just now, as a break asks for one.
    async fn token(&self, login: &str) -> Result<String, Failure> {
        let now = Clock::System.now();
        let (company, login) = (Company::try_from("1")?, Login::try_from(login)?);
        let token = Token::issue(&company, &login)?;
        let session = SessionRow {
            second_factor_at: Some(now),
            ..SessionRow::begin(
                SessionKind::Netwrix,
                company,
                login,
                AccountVersion::default(),
                now,
            )
        };
        let store = &self.world.store;
        store
            .client()
            .put_item()
            .table_name(store.table_name(Table::Identity))
            .set_item(Some(
                session.to_item(&RowKey::session_of(&token), &RequestId::new("bench")),
            ))
            .send()
            .await?;
        Ok(token.reveal().to_owned())
    }
}

/// Switches the stream of the resources' table off. The embedded store counts the whole stream at each write, which DynamoDB does
/// not: an entry of 20,000 took six times as long as one of 2,000, and a lock after 20,000 others nine times as long as the first.
pub async fn switch_stream_off(client: &Client) -> Result<(), Failure> {
    let off = StreamSpecification::builder().stream_enabled(false).build()?;
    client
        .update_table()
        .table_name(table_names().resources)
        .stream_specification(off)
        .send()
        .await?;
    Ok(())
}

/// The same action with its body in JSON, which the peers understand too.
fn in_json(event: &str) -> Result<String, Failure> {
    let mut event: Value = serde_json::from_str(event)?;
    let body = event["body"].as_str().unwrap_or_default();
    let action = if body.contains("Unlock") { "Unlock" } else { "Lock" };
    event["body"] = json!(json!({"type": action}).to_string());
    event["headers"]["content-type"] = json!("application/json");
    event["headers"]["content-length"] = json!(event["body"].as_str().map_or(0, str::len).to_string());
    Ok(event.to_string())
}

/// The functions in this process, over the store at `endpoint`.
pub fn app(endpoint: &str) -> App {
    App {
        store: Store::new(local_client(endpoint), table_names()),
        clock: Clock::System,
        passwords: Passwords::default(),
        sealing_keys: None,
        secure_cookies: true,
    }
}

/// Signs in to the handlers of `app` as a Session Delivery Manager client does: the session id.
pub async fn sdm_session(app: &App, login: &str, password: &str) -> Result<String, Failure> {
    let (route, path) = ("POST /rest/{versionId}/admin/login", "/rest/v1.3/admin/login");
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "pathParameters": {"versionId": "v1.3"},
        "requestContext": {"routeKey": route, "stage": "$default", "http": {
            "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}},
        "body": json!({"userName": login, "password": password}).to_string(), "isBase64Encoded": false,
    });
    let answer = invoke(app, function("sign-in")?, &event).await?;
    Ok(answer["sessionId"].as_str().ok_or("no sessionId")?.to_owned())
}

/// Hands an event to a function in this process: the body of its answer, which must be a success.
pub async fn invoke(app: &App, function: &'static Function, event: &Value) -> Result<Value, Failure> {
    let mut context = Context::default();
    context.request_id = uuid::Uuid::new_v4().to_string();
    let answer = runtime::answer(function, app, &to_raw_value(event)?, context).await;
    let answer = serde_json::to_value(answer)?;
    if answer["statusCode"].as_u64().is_none_or(|status| status >= 300) {
        return Err(format!("{}: {answer}", event["routeKey"]).into());
    }
    let body = answer["body"].as_str().unwrap_or_default();
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A function by its name.
pub fn function(name: &str) -> Result<&'static Function, Failure> {
    let known = holdfast_local::FUNCTIONS
        .iter()
        .find(|function| function.name == name);
    known
        .copied()
        .ok_or_else(|| format!("there is no function {name}").into())
}
