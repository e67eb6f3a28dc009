use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, DB01, World, people, session_id};

/// One target of each kind in company 1. None is, or belongs to, an administrator.
pub fn targets() -> [(&'static str, String); 4] {
    [
        ("access", format!("access/{DB01}:mona")),
        ("activity-session", format!("activity-session/{}", session_id(1))),
        ("device", "device/ID5".to_owned()),
        ("user", "user/mona".to_owned()),
    ]
}

/// The usual people and things, among whom admin may break locks.
pub fn people_with_an_operator() -> Value {
    let mut people = people(&[]);
    let users = people["users"].as_array_mut().expect("users");
    let admin = users.iter_mut().find(|user| user["login"] == "admin");
    admin.expect("admin")["privileges"]
        .as_array_mut()
        .expect("privileges")
        .push(json!("Locks.Break"));
    people
}

/// Holdfast's own API with one bearer token.
#[derive(Clone, Debug)]
pub struct Locks<'a> {
    world: &'a World,
    token: String,
}

impl<'a> Locks<'a> {
    /// The API to whoever has `token`: a person's, or that of an API key.
    pub fn with(world: &'a World, token: impl Into<String>) -> Self {
        Self {
            world,
            token: token.into(),
        }
    }

    /// Sends a request to `/locks` and what follows.
    pub async fn send(&self, method: Method, rest: &str, body: Option<Value>) -> Answer {
        let mut request = self
            .world
            .http
            .request(method, self.world.url(&format!("/locks{rest}")))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        self.world.send(request).await
    }

    /// Lists locks; `query` begins with its question mark, or is empty.
    pub async fn list(&self, query: &str) -> Answer {
        self.send(Method::GET, query, None).await
    }

    /// Reads a target.
    pub async fn read(&self, target: &str) -> Answer {
        self.send(Method::GET, &format!("/{target}"), None).await
    }

    /// Asks whether fences are current.
    pub async fn check(&self, held: Value) -> Answer {
        self.send(Method::POST, "/check", Some(json!({"held": held})))
            .await
    }

    /// Takes or renews a lock.
    pub async fn hold(&self, target: &str, body: Value) -> Answer {
        self.send(Method::PUT, &format!("/{target}"), Some(body)).await
    }

    /// Releases a lock.
    pub async fn release(&self, target: &str) -> Answer {
        self.send(Method::DELETE, &format!("/{target}"), None).await
    }

    /// Breaks a lock.
    pub async fn break_lock(&self, target: &str, body: Value) -> Answer {
        self.send(Method::POST, &format!("/{target}/break"), Some(body))
            .await
    }
}
