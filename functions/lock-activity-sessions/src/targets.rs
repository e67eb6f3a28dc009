//! Which rows a request is about: the sessions that it lists, and what their users and resources make of them.

use std::collections::BTreeSet;

use holdfast::dialect::netwrix::Refusal;
use holdfast::failure::Failure;
use holdfast::id::{ActivitySessionId, Company, Login, ResourceId};
use holdfast::identity::Caller;
use holdfast::lock::State;
use holdfast::store::{
    AccessRow, ActivitySessionRow, LockTarget, Lockable, PlannedRow, RowKey, Rows, Store, UserRow,
};

use crate::live_session_request::LiveSessionRequest;

/// One lock of the request.
#[derive(Clone, Debug)]
pub(crate) struct GuardedRow {
    /// The row that it guards.
    row: PlannedRow,
    /// `activity`, `resource` or `user`.
    pub(crate) scope: &'static str,
    /// What answers call it.
    pub(crate) id: String,
}

impl AsRef<PlannedRow> for GuardedRow {
    fn as_ref(&self) -> &PlannedRow {
        &self.row
    }
}

/// The sessions that a request lists, each once.
#[derive(Debug)]
pub(crate) struct Sessions(Vec<ActivitySessionRow>);

impl Sessions {
    /// Takes the sessions out of what was read.
    ///
    /// # Errors
    /// [`Refusal::UnknownSessions`] with those that the caller's company does not have.
    pub(crate) fn take(rows: &mut Rows, ids: &[ActivitySessionId], caller: &Caller) -> Result<Self, Refusal> {
        let (mut sessions, mut unknown) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let session = rows.parse::<ActivitySessionRow>(&RowKey::activity_session(*id))?;
            match session.filter(|session| session.company == *caller.company()) {
                Some(session) => sessions.push(session),
                None => unknown.push(*id),
            }
        }
        if unknown.is_empty() {
            Ok(Self(sessions))
        } else {
            Err(Refusal::UnknownSessions(unknown))
        }
    }

    /// One that has ended, where there is one.
    pub(crate) fn ended(&self) -> Option<ActivitySessionId> {
        self.0
            .iter()
            .find(|session| session.status.has_ended())
            .map(|session| session.id)
    }

    /// Whether one of them is this user's.
    pub(crate) fn are_of(&self, login: &Login) -> bool {
        self.0.iter().any(|session| session.user == *login)
    }

    /// Every lock of the request once, with its state. Sessions of one user on one resource share locks.
    pub(crate) async fn guarded(
        &self,
        store: &Store,
        wanted: &LiveSessionRequest,
        caller: &Caller,
    ) -> Result<Vec<(GuardedRow, State)>, Failure> {
        let company = caller.company();
        let users: BTreeSet<&Login> = self
            .0
            .iter()
            .filter(|_| wanted.scopes.user)
            .map(|s| &s.user)
            .collect();
        let pairs: BTreeSet<(ResourceId, &Login)> = self
            .0
            .iter()
            .filter(|_| wanted.scopes.resource)
            .map(|s| (s.resource, &s.user))
            .collect();
        let keys: Vec<RowKey> = users
            .iter()
            .map(|login| RowKey::user(login))
            .chain(
                pairs
                    .iter()
                    .map(|(resource, login)| RowKey::access(*resource, login)),
            )
            .collect();
        let mut rows = store.read(&keys).await?;

        let mut guarded = Vec::new();
        if wanted.scopes.activity {
            guarded.extend(self.0.iter().map(|session| activity(company, session)));
        }
        for (resource, login) in pairs {
            let row = rows
                .take(&RowKey::access(resource, login))
                .map(|row| AccessRow::parse_for(company, row))
                .transpose()?;
            guarded.push(access(company, resource, login, row.as_ref()));
        }
        for login in users {
            let row = rows.parse::<UserRow>(&RowKey::user(login))?;
            // An account that was removed has nothing to lock and nothing to release.
            if let Some(row) = row.filter(|row| row.company == *company) {
                guarded.push(user(company, login, &row));
            }
        }
        Ok(guarded)
    }
}

fn activity(company: &Company, session: &ActivitySessionRow) -> (GuardedRow, State) {
    let target = LockTarget::activity_session(company, session.id);
    guarded("activity", session.id.to_string(), target, Some(session))
}

fn access(
    company: &Company,
    resource: ResourceId,
    login: &Login,
    row: Option<&AccessRow>,
) -> (GuardedRow, State) {
    let target = LockTarget::access(company, resource, login);
    guarded("resource", format!("{resource}/{login}"), target, row)
}

fn user(company: &Company, login: &Login, row: &UserRow) -> (GuardedRow, State) {
    guarded(
        "user",
        login.as_str().to_owned(),
        LockTarget::user(company, login),
        Some(row),
    )
}

/// An absent row is a free one.
fn guarded<R: Lockable>(
    scope: &'static str,
    id: String,
    target: LockTarget,
    row: Option<&R>,
) -> (GuardedRow, State) {
    let record = row.map(|row| row.record().clone());
    let state = record
        .as_ref()
        .map(|record| record.state.clone())
        .unwrap_or_default();
    let planned = PlannedRow { target, record };
    (
        GuardedRow {
            row: planned,
            scope,
            id,
        },
        state,
    )
}
