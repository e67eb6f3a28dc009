use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, DB01, TOTP_SECRET, World, api_key, people, session_id};

/// One target of each kind in company 1. None is, or belongs to, an administrator.
pub fn targets() -> [(&'static str, String); 4] {
    [
        ("access", format!("access/{DB01}:mona")),
        ("activity-session", format!("activity-session/{}", session_id(1))),
        ("device", "device/ID5".to_owned()),
        ("user", "user/mona".to_owned()),
    ]
}

/// The usual people and things; admin may break locks.
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

/// A caller of Holdfast's own API.
#[derive(Clone, Debug)]
pub struct Locks<'a> {
    world: &'a World,
    /// The bearer token.
    pub token: String,
}

impl World {
    /// `login` with a session whose second factor was accepted now.
    pub async fn locks(&self, login: &str) -> Locks<'_> {
        self.locks_with(self.bearer_of(login, Some(self.now())).await)
    }

    /// Whoever has this bearer token.
    pub const fn locks_with(&self, token: String) -> Locks<'_> {
        Locks { world: self, token }
    }
}

impl<'a> Locks<'a> {
    /// Who has this bearer token.
    pub fn with(world: &'a World, token: impl Into<String>) -> Self {
        Self {
            world,
            token: token.into(),
        }
    }

    /// A request with this caller's token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.world
            .http
            .request(method, self.world.url(path))
            .bearer_auth(&self.token)
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self
            .request(method, path)
            .header("Content-Type", "application/json")
            .body(body.to_string());
        self.world.send(request).await
    }

    /// A page of the list; the query string begins with its question mark.
    pub async fn list(&self, query: &str) -> Answer {
        let path = format!("/locks{query}");
        self.world.send(self.request(Method::GET, &path)).await
    }

    /// Every lock of a list, page by page.
    ///
    /// # Panics
    /// Where a page is refused.
    pub async fn all(&self, filters: &str) -> Vec<Value> {
        let (mut locks, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.list(&format!("?{filters}{cursor}")).await;
            assert_eq!(page.status, 200, "{page}");
            let page = page.json();
            locks.extend(page["locks"].as_array().expect("locks").iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return locks,
            }
        }
    }

    /// Reads a target, `{kind}/{id}`.
    pub async fn read(&self, target: &str) -> Answer {
        let path = format!("/locks/{target}");
        self.world.send(self.request(Method::GET, &path)).await
    }

    /// Whether these tenures are live.
    pub async fn check(&self, held: &Value) -> Answer {
        self.send(Method::POST, "/locks/check", &json!({"held": held}))
            .await
    }

    /// Holds a lock.
    pub async fn hold(&self, target: &str, body: Value) -> Answer {
        self.send(Method::PUT, &format!("/locks/{target}"), &body).await
    }

    /// Releases a lock; the target may end in a query string.
    pub async fn release(&self, target: &str) -> Answer {
        let path = format!("/locks/{target}");
        self.world.send(self.request(Method::DELETE, &path)).await
    }

    /// Breaks a lock.
    pub async fn break_lock(&self, target: &str, body: Value) -> Answer {
        self.send(Method::POST, &format!("/locks/{target}/break"), &body)
            .await
    }
}

/// The usual people and those who see and break: `olga` breaks and no more, `oscar` may do everything, `sally` breaks
/// within the record group `sales`, `audrey` audits, `robot` may do everything and has an API key, `bret` is one of
/// Bob's peers, and `zack` may do everything in the other company, which has a licence here.
pub fn operators() -> Value {
    let mut directory = people(&[]);
    let hash = directory["users"][0]["password_hash"].clone();
    let everything = json!({"groups": ["provisioners"], "roles": ["Admin"], "editable_groups": ["*"],
        "privileges": ["Users.View", "Users.Edit", "Users.Blocked.Edit", "Locks.Break"]});
    let breaks = json!({"privileges": ["Locks.Break"]});
    let code = json!({"mfa": "required", "totp_secret": TOTP_SECRET});
    let more = [
        ("olga", vec![&breaks, &code]),
        ("oscar", vec![&everything, &code]),
        ("robot", vec![&everything]),
        ("zack", vec![&everything, &code]),
        ("sally", vec![&breaks, &code]),
        ("audrey", vec![]),
        ("bret", vec![]),
    ]
    .map(|(login, fields)| {
        let mut user = json!({"company": "1", "login": login, "name": format!("Name of {login}"),
            "password_hash": hash, "mfa": "not-required", "record_group": "staff", "editable_groups": ["*"]});
        let object = user.as_object_mut().expect("an object");
        for fields in fields {
            object.extend(fields.as_object().expect("an object").clone());
        }
        let special = match login {
            "zack" => json!({"company": "2"}),
            "sally" => json!({"editable_groups": ["sales"]}),
            "audrey" => json!({"roles": ["Auditor"]}),
            "robot" => json!({"api_key": api_key("robot")}),
            "bret" => json!({"groups": ["provisioners"], "api_key": api_key("bret")}),
            _ => json!({}),
        };
        object.extend(special.as_object().expect("an object").clone());
        user
    });
    let users = directory["users"].as_array_mut().expect("users");
    users.extend(more);
    directory["companies"][1]["licences"] = json!(["Users"]);
    directory
}

/// The status and the type of a problem: `409 /problems/held-off`.
pub fn problem(answer: &Answer) -> String {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer}"
    );
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{answer}");
    let kind = problem["type"].as_str().expect("a type");
    format!("{} {kind}", answer.status)
}
