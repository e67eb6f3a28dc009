use std::collections::BTreeMap;
use std::path::PathBuf;

use regex_lite::{Captures, Regex};
use serde_json::{Value, json};

use crate::Credentials;

/// What must have happened before an event: another one, sent through the API, and what must have happened before that.
const BEFORE: [(&str, &str); 16] = [
    ("break-lock--break", "hold-lock--hold-without-end"),
    ("break-lock--other-tenure", "hold-lock--hold-without-end"),
    ("hold-lock--held-off", "break-lock--break"),
    ("hold-lock--hold-by-another-user", "hold-lock--hold"),
    ("hold-lock--hold-other-tenure", "hold-lock--hold"),
    ("hold-lock--release", "hold-lock--hold"),
    ("hold-lock--release-by-another-user", "hold-lock--hold"),
    ("lock-activity-sessions--unlock", "lock-activity-sessions--lock"),
    ("lock-device--lock-by-another-user", "lock-device--lock"),
    ("lock-device--unlock", "lock-device--lock"),
    ("lock-device--unlock-by-another-user", "lock-device--lock"),
    ("lock-user--unlock-xml", "lock-user--lock"),
    ("locks--check", "hold-lock--hold"),
    ("locks--list-own", "hold-lock--hold"),
    ("locks--read", "hold-lock--hold"),
    ("sign-in--netwrix-first-step-locked-account", "lock-user--lock"),
];

/// A page and a whole document, which tests of their own compare.
const LONG: usize = 20_000;

const UUID: &str = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}";

/// What changes from run to run, and what a snapshot has in its place.
const REDACTED: [(&str, &str); 5] = [
    (r"'sha256-[^']+'", "'sha256-<hash>'"),
    (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
        "<time>",
    ),
    (r"/Date\(\d+\)/", "/Date(<time>)/"),
    (r"\bSecond-\d+", "Second-<seconds left>"),
    (r"[\w.~-]{40,}", "<token>"),
];

/// A file of `events/`.
#[derive(Clone, Debug)]
pub struct Event {
    name: String,
    text: String,
}

impl Event {
    /// Reads one event; `None` where there is none of that name.
    pub fn read(name: &str) -> Option<Self> {
        let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).ok()?;
        Some(Self {
            name: name.to_owned(),
            text,
        })
    }

    /// The events of a function, in the order of their names.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    pub fn of(function: &str) -> Vec<Self> {
        let mut names: Vec<String> = std::fs::read_dir(folder())
            .expect("the folder of the events")
            .filter_map(|entry| {
                Some(
                    entry
                        .ok()?
                        .file_name()
                        .to_str()?
                        .strip_suffix(".json")?
                        .to_owned(),
                )
            })
            .filter(|name| name.split_once("--").is_some_and(|(first, _)| first == function))
            .collect();
        names.sort();
        names.iter().filter_map(|name| Self::read(name)).collect()
    }

    /// `<function>--<what happens>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The event with its placeholders.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The event that must have happened before.
    pub fn before(&self) -> Option<Self> {
        let (_, before) = BEFORE.iter().find(|(name, _)| *name == self.name)?;
        Self::read(before)
    }

    /// Lets happen at `url` what must happen before, and answers the event without placeholders.
    ///
    /// # Panics
    /// Where something before is refused, or somebody cannot sign in.
    pub async fn prepare(&self, url: &str, credentials: &mut Credentials) -> String {
        let mut before: Vec<Self> = std::iter::successors(self.before(), Self::before).collect();
        while let Some(event) = before.pop() {
            send(url, &credentials.fill(&event.text).await).await;
        }
        credentials.fill(&self.text).await
    }

    /// What is compared of a function's answer: nothing in it changes from run to run. The error is the answer of a
    /// function that failed.
    ///
    /// # Panics
    /// Where a body that says it is JSON is not.
    pub fn snapshot(&self, answer: &Value) -> Result<String, String> {
        if answer.get("batchItemFailures").is_some() {
            return Ok(pretty(&answer.to_string()));
        }
        let Some(status) = answer.get("statusCode") else {
            return Err(format!("the function failed: {answer}\n"));
        };
        let headers = headers(answer);
        let media = headers.get("content-type").map_or("", String::as_str);
        let mut parts = vec![
            ("status", status.to_string()),
            ("headers", json!(headers).to_string()),
        ];
        for name in ["cookies", "isBase64Encoded"] {
            let value = &answer[name];
            if ![json!(null), json!(false), json!([])].contains(value) {
                parts.push((name, value.to_string()));
            }
        }
        parts.push(match answer["body"].as_str() {
            Some(body) if body.len() > LONG => ("body", json!("<long body>").to_string()),
            Some(body) if media.contains("json") && !body.is_empty() => ("body", body.to_owned()),
            _ => ("body", answer["body"].to_string()),
        });
        let members: Vec<String> = parts
            .iter()
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        Ok(self.redacted(&pretty(&format!("{{{}}}", members.join(",")))))
    }

    fn redacted(&self, text: &str) -> String {
        // The uuids of the directory are the same every time, and so are those in an event.
        let demo = include_str!("../../local/demo-directory.json");
        let text = expression(UUID).replace_all(text, |found: &Captures<'_>| match &found[0] {
            uuid if demo.contains(uuid) || self.text.contains(uuid) => uuid.to_owned(),
            _ => "<uuid>".to_owned(),
        });
        REDACTED
            .iter()
            .fold(text.into_owned(), |text, (pattern, instead)| {
                expression(pattern).replace_all(&text, *instead).into_owned()
            })
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("an expression")
}

/// The members stay in the order that they have.
fn pretty(json: &str) -> String {
    let mut pretty = Vec::new();
    let mut from = serde_json::Deserializer::from_str(json);
    serde_transcode::transcode(&mut from, &mut serde_json::Serializer::pretty(&mut pretty)).expect("JSON");
    String::from_utf8(pretty).expect("UTF-8") + "\n"
}

/// The headers of an answer of Lambda, by their names in lower case.
fn headers(answer: &Value) -> BTreeMap<String, String> {
    let members = |name: &str| answer[name].as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let many = members("multiValueHeaders").into_iter().map(|(name, values)| {
        let values: Vec<String> = values.as_array().into_iter().flatten().map(text).collect();
        (name.to_lowercase(), values.join(", "))
    });
    let single = members("headers")
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), text(&value)));
    many.chain(single).collect()
}

/// Sends what API Gateway made an event of.
async fn send(url: &str, event: &str) {
    let event: Value = serde_json::from_str(event).expect("an event in JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&event["rawPath"]);
    let method = text(&event["requestContext"]["http"]["method"]);
    let mut request = reqwest::Client::builder()
        // Whatever proxy this machine has, it does not lead to the machine itself.
        .no_proxy()
        .build()
        .expect("a client")
        .request(
            method.parse().expect("a method"),
            format!("{url}{path}?{}", text(&event["rawQueryString"])),
        );
    for name in ["accept", "authorization", "content-type", "timeout"] {
        if let Some(value) = event["headers"][name].as_str() {
            request = request.header(name, value);
        }
    }
    let cookies: Vec<String> = event["cookies"]
        .as_array()
        .into_iter()
        .flatten()
        .map(text)
        .collect();
    if !cookies.is_empty() {
        request = request.header("cookie", cookies.join("; "));
    }
    if let Some(body) = event["body"].as_str() {
        request = request.body(body.to_owned());
    }
    let answer = request.send().await.expect("an answer");
    assert!(
        answer.status().is_success(),
        "{method} {path}: {}",
        answer.status()
    );
}
