//! `LiveSessionRequest`, read property by property so that every fault is named.

use std::collections::HashSet;

use holdfast::dialect::{Format, Members, Node};
use holdfast::id::ActivitySessionId;
use serde_json::Value;

/// How many sessions a request may name. More are never read: whoever calls is not known before that.
const MAX_SESSIONS: usize = 100;
/// The longest title, in characters.
const MAX_TITLE: usize = 256;
/// The longest message, in characters.
const MAX_MESSAGE: usize = 4_096;

/// What is wrong, by property.
pub(crate) type Errors = Vec<(&'static str, String)>;

/// What to lock or unlock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveSessionRequest {
    /// What the client calls this request. It is echoed, and a key to nothing.
    id: String,
    sessions: Vec<ActivitySessionId>,
    pub(crate) lock_title: Option<String>,
    pub(crate) lock_message: Option<String>,
    pub(crate) locked: bool,
    pub(crate) scopes: Scopes,
}

/// What is to be locked of each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scopes {
    /// `lockActivity`: the session itself.
    pub(crate) activity: bool,
    /// `lockResource`: its user's access to its resource.
    pub(crate) resource: bool,
    /// `lockUser`: its user's account.
    pub(crate) user: bool,
}

impl Scopes {
    const fn are_none(self) -> bool {
        !(self.activity || self.resource || self.user)
    }
}

impl LiveSessionRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Errors> {
        let members = Members::read_in_any_case(body, Format::Json, "")
            .map_err(|malformed| vec![("$", malformed.sentence())])?;
        let mut reader = Reader {
            members: &members,
            errors: Vec::new(),
        };
        let request = Self {
            id: reader.request_id(),
            sessions: reader.sessions(),
            lock_title: reader.text("lockTitle", MAX_TITLE),
            lock_message: reader.text("lockMessage", MAX_MESSAGE),
            locked: reader.truth("locked"),
            scopes: Scopes {
                activity: reader.truth("lockActivity"),
                resource: reader.truth("lockResource"),
                user: reader.truth("lockUser"),
            },
        };
        let mut errors = reader.errors;
        if errors.is_empty() && request.scopes.are_none() {
            let rule = "At least one of lockActivity, lockResource and lockUser must be true.";
            errors.push(("lockActivity", rule.to_owned()));
        }
        if errors.is_empty() {
            Ok(request)
        } else {
            Err(errors)
        }
    }

    /// The sessions, each once, in the order of the request.
    pub(crate) fn distinct_sessions(&self) -> Vec<ActivitySessionId> {
        let mut seen = HashSet::with_capacity(self.sessions.len());
        self.sessions
            .iter()
            .copied()
            .filter(|id| seen.insert(*id))
            .collect()
    }

    /// The request with all its eight properties, as the answer echoes it.
    pub(crate) fn echo(&self) -> Node {
        let sessions = self
            .sessions
            .iter()
            .map(|id| Node::text(id.to_string()))
            .collect();
        Node::Members(vec![
            ("id", Node::text(&self.id)),
            ("activitySessionIds", Node::List("id", sessions)),
            ("lockMessage", Node::optional(self.lock_message.as_deref())),
            ("lockTitle", Node::optional(self.lock_title.as_deref())),
            ("locked", Node::Bool(self.locked)),
            ("lockActivity", Node::Bool(self.scopes.activity)),
            ("lockResource", Node::Bool(self.scopes.resource)),
            ("lockUser", Node::Bool(self.scopes.user)),
        ])
    }
}

struct Reader<'a> {
    members: &'a Members,
    errors: Errors,
}

impl Reader<'_> {
    fn wrong<T: Default>(&mut self, property: &'static str, rule: impl Into<String>) -> T {
        self.errors.push((property, rule.into()));
        T::default()
    }

    /// Absent, null or nil: the service makes one.
    fn request_id(&mut self) -> String {
        const NIL: &str = "00000000-0000-0000-0000-000000000000";
        let made = || ActivitySessionId::random().to_string();
        match self.members.get("id") {
            None | Some(Value::Null) => made(),
            Some(Value::String(text)) => {
                match ActivitySessionId::try_from(text.as_str()).map(|id| id.to_string()) {
                    Ok(id) if id == NIL => made(),
                    Ok(id) => id,
                    Err(_) => self.wrong("id", "The id must be a UUID."),
                }
            }
            Some(_) => self.wrong("id", "The id must be a UUID."),
        }
    }

    fn sessions(&mut self) -> Vec<ActivitySessionId> {
        const PROPERTY: &str = "activitySessionIds";
        let list = match self.members.get(PROPERTY) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(list)) => list.as_slice(),
            Some(_) => return self.wrong(PROPERTY, "The activitySessionIds must be a list of UUIDs."),
        };
        if list.is_empty() {
            return self.wrong(PROPERTY, "At least one activity session is required.");
        }
        let ids: Option<Vec<_>> = list
            .iter()
            .map(|id| ActivitySessionId::try_from(id.as_str()?).ok())
            .collect();
        let Some(ids) = ids else {
            return self.wrong(PROPERTY, "The activitySessionIds must be a list of UUIDs.");
        };
        if ids.iter().collect::<HashSet<_>>().len() > MAX_SESSIONS {
            let rule = format!("The activitySessionIds may name {MAX_SESSIONS} sessions at most.");
            return self.wrong(PROPERTY, rule);
        }
        ids
    }

    fn text(&mut self, property: &'static str, max: usize) -> Option<String> {
        match self.members.get(property) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.chars().count() <= max => Some(text.clone()),
            Some(Value::String(_)) => self.wrong(
                property,
                format!("The {property} may have {max} characters at most."),
            ),
            Some(_) => self.wrong(property, format!("The {property} must be a string.")),
        }
    }

    fn truth(&mut self, property: &'static str) -> bool {
        match self.members.get(property) {
            None => false,
            Some(Value::Bool(truth)) => *truth,
            Some(_) => self.wrong(property, format!("The {property} must be true or false.")),
        }
    }
}
