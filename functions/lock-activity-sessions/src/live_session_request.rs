//! `LiveSessionRequest`, read property by property so that every fault is named.

use std::collections::HashSet;

use holdfast::dialect::{Faults, Fields, netwrix};
use holdfast::id::ActivitySessionId;
use serde::Serialize;
use serde_json::Value;

/// How many sessions a request may name. More are never read: the caller is not known before that.
const MAX_SESSIONS: usize = 100;
/// The longest title, in characters.
const MAX_TITLE: usize = 256;
/// The longest message, in characters.
const MAX_MESSAGE: usize = 4_096;

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
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Faults> {
        let members = netwrix::members(body)?;
        let mut fields = Fields::new(&members, netwrix::words);
        let request = Self {
            id: fields.parsed("id", request_id),
            sessions: fields.parsed("activitySessionIds", sessions),
            lock_title: fields.optional_text("lockTitle", MAX_TITLE).map(str::to_owned),
            lock_message: fields
                .optional_text("lockMessage", MAX_MESSAGE)
                .map(str::to_owned),
            locked: fields.truth("locked"),
            scopes: Scopes {
                activity: fields.truth("lockActivity"),
                resource: fields.truth("lockResource"),
                user: fields.truth("lockUser"),
            },
        };
        if fields.are_faultless() && request.scopes.are_none() {
            let rule = "At least one of lockActivity, lockResource and lockUser must be true.";
            let () = fields.fault("lockActivity", rule);
        }
        fields.finish(request)
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
    pub(crate) fn echo(&self) -> Echo<'_> {
        Echo {
            id: &self.id,
            activity_session_ids: self.sessions.iter().map(ToString::to_string).collect(),
            lock_message: self.lock_message.as_deref(),
            lock_title: self.lock_title.as_deref(),
            locked: self.locked,
            lock_activity: self.scopes.activity,
            lock_resource: self.scopes.resource,
            lock_user: self.scopes.user,
        }
    }
}

/// `LiveSessionRequest` as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the product's own properties")]
pub(crate) struct Echo<'a> {
    id: &'a str,
    activity_session_ids: Vec<String>,
    lock_message: Option<&'a str>,
    lock_title: Option<&'a str>,
    locked: bool,
    lock_activity: bool,
    lock_resource: bool,
    lock_user: bool,
}

/// Absent, null or nil: the service makes one.
fn request_id(id: Option<&Value>) -> Result<String, String> {
    const NIL: &str = "00000000-0000-0000-0000-000000000000";
    let rule = || "The id must be a UUID.".to_owned();
    let id = match id {
        None => NIL.to_owned(),
        Some(id) => ActivitySessionId::try_from(id.as_str().ok_or_else(rule)?)
            .map_err(|_| rule())?
            .to_string(),
    };
    if id == NIL {
        Ok(ActivitySessionId::random().to_string())
    } else {
        Ok(id)
    }
}

fn sessions(list: Option<&Value>) -> Result<Vec<ActivitySessionId>, String> {
    let rule = || "The activitySessionIds must be a list of UUIDs.".to_owned();
    let list = match list {
        None => &[],
        Some(list) => list.as_array().ok_or_else(rule)?.as_slice(),
    };
    if list.is_empty() {
        return Err("At least one activity session is required.".to_owned());
    }
    let ids: Vec<_> = list
        .iter()
        .map(|id| ActivitySessionId::try_from(id.as_str()?).ok())
        .collect::<Option<_>>()
        .ok_or_else(rule)?;
    if ids.iter().collect::<HashSet<_>>().len() > MAX_SESSIONS {
        return Err(format!(
            "The activitySessionIds may name {MAX_SESSIONS} sessions at most."
        ));
    }
    Ok(ids)
}
