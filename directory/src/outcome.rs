//! What a row that was read back says of a write whose condition failed.

use holdfast::failure::Corrupt;
use holdfast::lock::Revision;
use holdfast::store::{RowKey, StoredRow};

use crate::entry::{CompanyEntry, DeviceEntry, UserEntry, fields_of_resource};
use crate::field::Fields;
use crate::live::{self, LiveEntry, LiveUser};
use crate::plan::{Transition, UserTransition, Write};
use crate::write::StoredSecrets;

/// The rows as they are now.
pub(crate) type Found = std::collections::HashMap<RowKey, StoredRow>;

/// How an entry is now, in the light of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// As the step wants it: its own write was made and the answer lost, or someone else has done the same.
    Done,
    /// As the plan saw it, but for its lock: the step goes on from there.
    AsPlanned(Box<Write>),
    /// Otherwise.
    Moved,
}

/// The rows that tell.
pub(crate) fn keys(write: &Write) -> Vec<RowKey> {
    match write {
        Write::Company(step) => id(step, |entry| RowKey::company(&entry.id)),
        Write::Device(step) => id(step, |entry| RowKey::device(&entry.company, &entry.id)),
        Write::Resource(step) => id(step, |entry| RowKey::resource(entry.id)),
        Write::User(step) => {
            let before = step.before.as_ref().map(|before| &before.row.entry);
            let login = before.or(step.after.as_ref()).map(|entry| &entry.login);
            login
                .into_iter()
                .flat_map(|login| [RowKey::user(login), RowKey::credential(login)])
                .collect()
        }
        Write::ActivitySession(session) => vec![RowKey::activity_session(session.id)],
    }
}

fn id<T>(step: &Transition<T>, key: impl Fn(&T) -> RowKey) -> Vec<RowKey> {
    let before = step.before.as_ref().map(|before| &before.entry);
    before.or(step.after.as_ref()).map(key).into_iter().collect()
}

/// Judges what was read back of the rows of [`keys`]. `stored` are the secrets that the step writes.
pub(crate) fn judge(write: &Write, found: &Found, stored: &StoredSecrets) -> Result<Outcome, Corrupt> {
    let row = keys(write).first().and_then(|key| found.get(key));
    Ok(match write {
        Write::Company(step) => {
            let now = row.map(|row| {
                let (_, id) = row.key().pk().split_once('/').unwrap_or_default();
                live::company(row, id)
            });
            entry(step, now.transpose()?, CompanyEntry::fields, Write::Company)
        }
        Write::Device(step) => {
            let now = row.map(live::device).transpose()?;
            entry(step, now, DeviceEntry::fields, Write::Device)
        }
        Write::Resource(step) => {
            let now = row.map(live::resource).transpose()?;
            entry(step, now, fields_of_resource, Write::Resource)
        }
        Write::User(step) => {
            let credential = keys(write).get(1).and_then(|key| found.get(key));
            user(step, live::person(row, credential)?, stored)
        }
        // Opened by the first send of the same write, or by somebody else under the same random id.
        Write::ActivitySession(session) => match row.map(live::session).transpose()? {
            Some(fields) if fields == session.fields() => Outcome::Done,
            _ => Outcome::Moved,
        },
    })
}

fn entry<T: Clone>(
    step: &Transition<T>,
    now: Option<LiveEntry<T>>,
    fields: impl Fn(&T) -> Fields,
    write: impl Fn(Transition<T>) -> Write,
) -> Outcome {
    let present = now.as_ref().filter(|row| !row.is_removed);
    match (&step.after, present) {
        (None, None) => return Outcome::Done,
        (Some(after), Some(now)) if fields(after) == fields(&now.entry) => return Outcome::Done,
        _ => {}
    }
    if step.after.is_some() && is_as_seen(step.before.as_ref(), now.as_ref(), &fields) {
        return Outcome::AsPlanned(Box::new(write(Transition {
            before: now,
            after: step.after.clone(),
        })));
    }
    // Also where only a lock came and went: whether something may be removed follows from its lock, too.
    Outcome::Moved
}

/// Whether an entry says what it said when it was planned on, whatever became of its lock.
fn is_as_seen<T>(
    before: Option<&LiveEntry<T>>,
    now: Option<&LiveEntry<T>>,
    fields: impl Fn(&T) -> Fields,
) -> bool {
    match (before, now) {
        (None, None) => true,
        (Some(before), Some(now)) if before.is_removed => now.is_removed,
        (Some(before), Some(now)) => !now.is_removed && fields(&before.entry) == fields(&now.entry),
        _ => false,
    }
}

fn user(step: &UserTransition, now: Option<LiveUser>, stored: &StoredSecrets) -> Outcome {
    let present = now.as_ref().filter(|now| !now.row.is_removed);
    match (&step.after, present) {
        (None, None) => return Outcome::Done,
        (Some(after), Some(now)) if is_made(step, after, now, stored) => return Outcome::Done,
        _ => {}
    }
    let seen_rev = step.before.as_ref().and_then(|before| before.credential_rev);
    let now_rev: Option<Revision> = now.as_ref().and_then(|now| now.credential_rev);
    let was_disabled = step.before.as_ref().is_some_and(LiveUser::is_disabled);
    let is_disabled = now.as_ref().is_some_and(LiveUser::is_disabled);
    let before = step.before.as_ref().map(|before| &before.row);
    let is_as_planned = seen_rev == now_rev
        && was_disabled == is_disabled
        && is_as_seen(before, now.as_ref().map(|now| &now.row), UserEntry::fields);
    if step.after.is_some() && is_as_planned {
        return Outcome::AsPlanned(Box::new(Write::User(Box::new(UserTransition {
            before: now,
            ..step.clone()
        }))));
    }
    Outcome::Moved
}

/// Whether the user is as the step makes them.
fn is_made(step: &UserTransition, after: &UserEntry, now: &LiveUser, stored: &StoredSecrets) -> bool {
    let Some(credential) = &now.credential else {
        return false;
    };
    let secrets = &step.secrets;
    after.fields() == now.row.entry.fields()
        && step.is_disabled_after() == now.is_disabled()
        && (stored.password.as_ref()).is_none_or(|hash| hash.reveal() == credential.password_hash.reveal())
        && secrets.totp.as_ref().is_none_or(|secret| {
            credential
                .totp
                .as_ref()
                .is_some_and(|known| stored.has_second_factor(secret, known, &after.login))
        })
        && secrets.api_key.as_ref().is_none_or(|hash| {
            credential
                .api_key
                .as_ref()
                .is_some_and(|known| known.matches(hash))
        })
}
