//! What the API refuses, as exit code and one line: the cause, and what to do.

use holdfast::lock::Timestamp;
use serde_json::Value;

use super::Reply;
use crate::exit::{Exit, Failure};
use crate::text::human_text;

impl Reply {
    /// The body of an answer that went well.
    ///
    /// # Errors
    /// What a refusal of the call about `subject` means.
    pub(crate) fn into_body(self, subject: &str, now: Timestamp) -> Result<Value, Failure> {
        match self.status {
            200..=299 => Ok(self.body),
            _ => Err(self.failure(subject, now)),
        }
    }

    /// Whether it is a problem of this type: `held-by-another`.
    pub(crate) fn is_problem(&self, name: &str) -> bool {
        self.problem() == Some(name)
    }

    /// A text of the body, empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn problem(&self) -> Option<&str> {
        self.body.get("type")?.as_str()?.strip_prefix("/problems/")
    }

    fn failure(&self, subject: &str, now: Timestamp) -> Failure {
        let detail = || match self.text("detail") {
            "" => format!("the server answered {}", self.status),
            detail => detail.trim_end_matches('.').to_owned(),
        };
        let (exit, message) = match (self.problem().unwrap_or_default(), self.status) {
            ("second-factor-too-old", _) => (
                Exit::NotSignedIn,
                "the second factor is older than five minutes: run `holdfast login`".to_owned(),
            ),
            ("second-factor-required", _) => (
                Exit::Failed,
                "you have signed in without a second factor, which this needs: ask an operator for one"
                    .to_owned(),
            ),
            ("interactive-sign-in-required", _) => (
                Exit::NotSignedIn,
                "an API key does not open this: run `holdfast login` as a person".to_owned(),
            ),
            ("held-by-another", _) => (
                Exit::Held,
                format!(
                    "{subject} {}: ask its owner, or `holdfast break {subject}`",
                    held(self.body.get("lock"), now)
                ),
            ),
            ("held-off", _) => (Exit::Held, format!("{subject}: {}", self.held_off(now))),
            ("other-tenure", _) => match self.body.get("lock").filter(|lock| !lock.is_null()) {
                Some(lock) => (
                    Exit::Held,
                    format!(
                        "that fence is not the one that holds: {subject} {}; see `holdfast show {subject}`",
                        held(Some(lock), now)
                    ),
                ),
                None => (
                    Exit::Failed,
                    format!("that fence does not hold: {subject} is free; see `holdfast show {subject}`"),
                ),
            },
            ("your-own-lock", _) => (
                Exit::Failed,
                format!("the lock is yours: run `holdfast unlock {subject}`"),
            ),
            ("not-found", _) => (Exit::NotFound, format!("there is no {subject}")),
            (_, 400) => (
                Exit::Usage,
                format!("{subject}: {}", self.faults().unwrap_or_else(detail)),
            ),
            (_, 401) => (
                Exit::NotSignedIn,
                "not signed in: run `holdfast login`".to_owned(),
            ),
            (_, 403) => (Exit::Failed, format!("refused: {}", detail())),
            (_, 404) => (
                Exit::Failed,
                "the server does not know this call: check the address".to_owned(),
            ),
            (_, 429 | 502..=504) => (
                Exit::TryAgain,
                "the service is busy or unavailable: try again in a moment".to_owned(),
            ),
            _ => (Exit::Failed, format!("{subject}: {}", detail())),
        };
        Failure::new(exit, message)
    }

    fn held_off(&self, now: Timestamp) -> String {
        let part = |name: &str| {
            self.body
                .get("lastBreak")
                .and_then(|broken| broken.get(name))
                .and_then(Value::as_str)
                .unwrap_or("?")
        };
        format!(
            "{} broke your lock ({}): you can take it again {}",
            part("by"),
            part("reason"),
            human_text(part("until"), now)
        )
    }

    fn faults(&self) -> Option<String> {
        let faults = self.body.get("errors")?.as_object()?.iter();
        let faults: Vec<String> = faults
            .flat_map(|(name, rules)| {
                rules
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(move |rule| (name, rule))
            })
            .filter_map(|(name, rule)| {
                let rule = rule.as_str()?.trim_end_matches('.');
                Some(if name == "$" {
                    rule.to_owned()
                } else {
                    format!("{name}: {rule}")
                })
            })
            .collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }
}

/// `is held by alice (taken 3 min ago, ends in 5 min)`
fn held(lock: Option<&Value>, now: Timestamp) -> String {
    let part = |name: &str| lock.and_then(|lock| lock.get(name)).and_then(Value::as_str);
    let until = part("until").map_or_else(String::new, |until| format!(", ends {}", human_text(until, now)));
    format!(
        "is held by {} (taken {}{until})",
        part("owner").unwrap_or("someone else"),
        part("since").map_or_else(String::new, |since| human_text(since, now)),
    )
}
