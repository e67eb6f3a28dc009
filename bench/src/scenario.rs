//! What the functions are called with: the events of `events/` over a store with the demo's people and devices.

use std::net::SocketAddr;
use std::path::Path;

use holdfast::Clock;
use holdfast::runtime::{self, App, Function};
use holdfast::secret::Passwords;
use holdfast::store::Store;
use holdfast_directory::Directory;
use holdfast_local::{EmbeddedStore, local_client, table_names};
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
];

/// A store with people in it, who can be signed in.
pub struct Scenario {
    store: EmbeddedStore,
    app: App,
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
        let directory = Directory::parse(&demo.to_string())?;
        let store =
            EmbeddedStore::start(SocketAddr::from(([127, 0, 0, 1], 0)), &directory, &Clock::System).await?;
        let endpoint = format!("http://{}", store.address());
        let app = app(&endpoint);
        Ok(Self { store, app, demo })
    }

    /// Where the store is, without TLS.
    pub const fn address(&self) -> SocketAddr {
        self.store.address()
    }

    /// The events of a function, with credentials that have just been issued. Some live for 20 seconds.
    pub async fn events(&self, function: &str) -> Result<Vec<String>, Failure> {
        let (_, names) = EVENTS
            .iter()
            .find(|(name, _)| *name == function)
            .ok_or_else(|| format!("no events are chosen for {function}"))?;
        let mut events = Vec::new();
        let mut known: Vec<(String, String)> = Vec::new();
        for name in *names {
            let path = root().join("events").join(format!("{name}.json"));
            let event = self.fill(&path, &mut known).await?;
            events.push(if function == "lock-device" {
                in_json(&event)?
            } else {
                event
            });
        }
        Ok(events)
    }

    /// Replaces the placeholders that `events/README.md` describes.
    async fn fill(&self, path: &Path, known: &mut Vec<(String, String)>) -> Result<String, Failure> {
        let text = std::fs::read_to_string(path)?;
        let mut filled = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let (placeholder, after) = after.split_once("}}").ok_or("a placeholder without an end")?;
            filled.push_str(before);
            if let Some((_, value)) = known.iter().find(|(name, _)| name == placeholder) {
                filled.push_str(value);
            } else {
                let value = self.value(placeholder).await?;
                filled.push_str(&value);
                known.push((placeholder.to_owned(), value));
            }
            rest = after;
        }
        Ok(filled + rest)
    }

    async fn value(&self, placeholder: &str) -> Result<String, Failure> {
        let (kind, who) = placeholder.split_once(':').ok_or("a placeholder has two parts")?;
        match kind {
            "sdm-session" => sdm_session(&self.app, who, &format!("{who}-demo")).await,
            "netwrix-token" => self.netwrix_token(who).await,
            "aktion-token" => self.aktion_token(who).await,
            "activity-session" => {
                let number: usize = who.parse()?;
                let id = self.demo["activity_sessions"][number - 1]["id"].as_str();
                Ok(id.ok_or("no such activity session")?.to_owned())
            }
            _ => Err(format!("no placeholder {kind}").into()),
        }
    }

    async fn netwrix_token(&self, login: &str) -> Result<String, Failure> {
        let body = json!({"Login": login, "Password": format!("{login}-demo")});
        let first = call(&self.app, "POST /signinBody", None, body.to_string()).await?;
        let token = first.as_str().ok_or("no first-factor token")?.to_owned();
        let second = call(&self.app, "POST /signin2fa", Some(&token), "NA".to_owned()).await?;
        Ok(second.as_str().ok_or("no token")?.to_owned())
    }

    async fn aktion_token(&self, login: &str) -> Result<String, Failure> {
        let users = self.demo["users"]
            .as_array()
            .ok_or("the directory has no users")?;
        let user = users
            .iter()
            .find(|user| user["login"] == login)
            .ok_or("no such user")?;
        let body = json!({"Result": null, "UserLogin": login, "ApiKey": user["api_key"]});
        let answer = call(&self.app, "POST /login", None, body.to_string()).await?;
        Ok(answer["Token"].as_str().ok_or("no token")?.to_owned())
    }
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
        secure_cookies: true,
    }
}

/// Signs in to the handlers of `app` as a Session Delivery Manager client does: the session id.
pub async fn sdm_session(app: &App, login: &str, password: &str) -> Result<String, Failure> {
    let body = json!({"userName": login, "password": password});
    let answer = call(app, "POST /rest/{versionId}/admin/login", None, body.to_string()).await?;
    Ok(answer["sessionId"].as_str().ok_or("no sessionId")?.to_owned())
}

/// Calls `sign-in` in this process.
async fn call(app: &App, route: &str, bearer: Option<&str>, body: String) -> Result<Value, Failure> {
    let (method, path) = route.split_once(' ').ok_or("a route has two parts")?;
    let path = path.replace("{versionId}", "v1.3");
    let mut headers = json!({"content-type": "application/json", "host": "localhost"});
    if let Some(bearer) = bearer {
        headers["authorization"] = json!(format!("Bearer {bearer}"));
    }
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "", "headers": headers,
        "pathParameters": {"versionId": "v1.3"},
        "requestContext": {"routeKey": route, "stage": "$default", "http": {
            "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}},
        "body": body, "isBase64Encoded": false,
    });
    invoke(app, function("sign-in")?, &event).await
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
