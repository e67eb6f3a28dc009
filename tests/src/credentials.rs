use std::collections::HashMap;

use holdfast::Clock;
use holdfast_directory::Directory;
use serde_json::{Value, json};

use crate::Answer;

/// The demo's people, who sign in wherever Holdfast answers over HTTP, for the placeholders of `events/README.md`.
#[derive(Debug)]
pub struct Credentials {
    url: String,
    http: reqwest::Client,
    people: Value,
    directory: Directory,
    known: HashMap<String, String>,
    secrets: Vec<String>,
}

impl Credentials {
    /// Signs the demo's people in at `url`, which ends without a slash.
    pub fn new(url: &str) -> Self {
        let demo = include_str!("../../local/demo-directory.json");
        Self::of(url, serde_json::from_str(demo).expect("the demo in JSON"))
    }

    /// The same with the people of `directory`. Everyone has a password there, and not its hash.
    pub fn of(url: &str, directory: Value) -> Self {
        Self {
            url: url.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            directory: Directory::parse(&directory.to_string()).expect("a directory"),
            people: directory,
            known: HashMap::new(),
            secrets: Vec::new(),
        }
    }

    /// The event with a value in place of each placeholder.
    ///
    /// # Panics
    /// Where a placeholder is unknown, or someone cannot sign in.
    pub async fn fill(&mut self, event: &str) -> String {
        let mut filled = String::new();
        let mut rest = event;
        while let Some((before, after)) = rest.split_once("{{") {
            let (placeholder, after) = after.split_once("}}").expect("the placeholder's end");
            filled.push_str(before);
            filled.push_str(&self.value(placeholder).await);
            rest = after;
        }
        filled + rest
    }

    /// The value of one placeholder, without its braces. A session is opened once; a code and an Aktion token, which
    /// do not live long enough to be kept, are new each time.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub async fn value(&mut self, placeholder: &str) -> String {
        if let Some(known) = self.known.get(placeholder) {
            return known.clone();
        }
        let (kind, who) = placeholder.split_once(':').expect("a kind and a name");
        let value = match kind {
            "activity-session" => return self.activity_session(who),
            "totp" => return self.code(who).expect("a second factor"),
            "aktion-token" => self.aktion_token(who).await,
            "sdm-session" => self.sdm_session(who).await,
            "netwrix-first-factor" => self.first_factor(who).await,
            "netwrix-token" => self.netwrix_token(who).await,
            kind => panic!("no placeholder {kind}"),
        };
        if kind != "aktion-token" {
            self.known.insert(placeholder.to_owned(), value.clone());
        }
        self.secrets.push(value.clone());
        value
    }

    /// Lets everyone sign in again, but for the full Netwrix tokens: a code is good for one sign-in.
    pub fn forget_sessions(&mut self) {
        self.known
            .retain(|placeholder, _| placeholder.starts_with("netwrix-token:"));
    }

    /// Every token and session id that there has been.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    async fn post(&self, path: &str, bearer: Option<&str>, body: String) -> Answer {
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("Content-Type", "application/json");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let answer = Answer::to(request.body(body)).await;
        assert_eq!(answer.status, 200, "{path}: {answer}");
        answer
    }

    async fn sdm_session(&self, login: &str) -> String {
        let body = json!({"userName": login, "password": self.user(login)["password"]});
        let answer = self.post("/rest/v1.3/admin/login", None, body.to_string()).await;
        text(&answer.json()["sessionId"])
    }

    async fn first_factor(&self, login: &str) -> String {
        let body = json!({"Login": login, "Password": self.user(login)["password"]});
        text(&self.post("/signinBody", None, body.to_string()).await.json())
    }

    async fn netwrix_token(&self, login: &str) -> String {
        let first = self.first_factor(login).await;
        let code = self.code(login).unwrap_or_else(|| "NA".to_owned());
        text(&self.post("/signin2fa", Some(&first), code).await.json())
    }

    async fn aktion_token(&self, login: &str) -> String {
        let body = json!({"Result": null, "UserLogin": login, "ApiKey": self.user(login)["api_key"]});
        text(&self.post("/login", None, body.to_string()).await.json()["Token"])
    }

    fn code(&self, login: &str) -> Option<String> {
        let secret = self.directory.totp_secret(login)?;
        Some(secret.code_at(Clock::System.now()))
    }

    fn activity_session(&self, number: &str) -> String {
        let number: usize = number.parse().expect("a number");
        text(&self.people["activity_sessions"][number - 1]["id"])
    }

    fn user(&self, login: &str) -> &Value {
        let mut users = self.people["users"].as_array().expect("users").iter();
        users.find(|user| user["login"] == login).expect("a user")
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
