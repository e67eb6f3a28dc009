use holdfast::id::Kind;
use holdfast::identity::{Rights, Standing, policy};
use serde_json::{Value, json};

use super::Person;
use super::person::standing_json;

/// What a person may do, by the very rules of the API.
#[derive(Clone, Debug)]
pub(super) struct Review {
    /// The kinds that they may lock.
    pub(super) locks: Vec<&'static str>,
    /// Whether they may break somebody else's lock. It takes a second factor, too.
    pub(super) breaks: bool,
    /// Whether they see every lock and the history.
    pub(super) reads_history: bool,
}

impl Review {
    /// The review of a person of a company with these licences. Who cannot sign in may do nothing.
    pub(super) fn of(person: &Person, licences: Vec<String>) -> Self {
        let can = person.can_sign_in();
        let rights = Rights::of(&person.user, licences);
        let kinds = std::iter::successors(Some(Kind::FIRST), |kind| kind.next());
        Self {
            locks: kinds
                .filter(|kind| can && policy::hold(&rights, *kind).is_ok())
                .map(Kind::as_str)
                .collect(),
            breaks: can && policy::break_locks(&rights).is_ok(),
            reads_history: can && policy::sees_all(&rights),
        }
    }

    /// The review as JSON.
    pub(super) fn json(&self, person: &Person, standing: Option<&Standing>) -> Value {
        let mut json = json!({
            "login": person.user.login.as_str(),
            "company": person.user.company.as_str(),
            "state": person.state(),
            "locks": self.locks,
            "breaks": self.breaks,
            "readsHistory": self.reads_history,
            "secondFactor": person.second_factor(),
            "apiKey": person.secrets.is_some_and(|(secrets, _)| secrets.api_key),
        });
        if let (Some(standing), Some(json)) = (standing, json.as_object_mut()) {
            json.extend(standing_json(standing));
        }
        json
    }
}
