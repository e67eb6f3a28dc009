//! The rows of a step: what is written for each kind of entry, and what a row that was read back says of it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::failure::{Corrupt, Failure};
use holdfast::id::{Login, ResourceId};
use holdfast::lock::{Revision, Writer};
use holdfast::secret::{PasswordHash, Sealed, SealingKeys, TotpSecret};
use holdfast::store::{
    Item, NewActivitySession, NewCredential, NewDevice, NewSecret, NewUser, ResourceRow, RowKey, RowWrite,
    Store, StoredRow,
};

use crate::entry::{CompanyEntry, DeviceEntry, SessionEntry, UserEntry};
use crate::live::LiveEntry;
use crate::plan::{Transition, UserTransition};

/// What of a device's row a file says; the rest is the inventory's.
const OF_DEVICE: [&str; 5] = [
    "device_name",
    "ip",
    "description",
    "listing_shard",
    "listing_order",
];

/// Either the writes of a step, or the resource that a wanted name leads to.
pub(crate) type Writes = Result<Vec<RowWrite>, NameTaken>;

/// The name of a resource leads to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameTaken(pub(crate) ResourceId);

/// The secrets of a step as they are stored: hashed and sealed once, however often it is tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredSecrets {
    /// The hash of the password, where the step gives one.
    pub(crate) password: Option<PasswordHash>,
    /// The sealed second factor, and what opens another seal of the same, where the step gives one.
    pub(crate) totp: Option<(Sealed, SealingKeys)>,
}

impl StoredSecrets {
    fn totp(&self) -> Option<&Sealed> {
        self.totp.as_ref().map(|(sealed, _)| sealed)
    }

    /// Whether `known` is the second factor of the step, under whichever seal.
    pub(crate) fn has_second_factor(&self, wanted: &TotpSecret, known: &Sealed, login: &Login) -> bool {
        self.totp.as_ref().is_some_and(|(_, keys)| {
            let opened = keys.unseal(known, login);
            opened.is_ok_and(|opened| opened.reveal() == wanted.reveal())
        })
    }
}

/// The revision of a tombstone.
fn gone<T>(before: Option<&LiveEntry<T>>) -> Option<Revision> {
    before.filter(|row| row.is_removed).map(|row| row.rev)
}

/// The row to change, where there is one that is not a tombstone.
fn seen<T>(before: Option<&LiveEntry<T>>) -> Option<Revision> {
    before.filter(|row| !row.is_removed).map(|row| row.rev)
}

pub(crate) fn of_company(step: &Transition<CompanyEntry>) -> Vec<RowWrite> {
    let before = step.before.as_ref();
    match (&step.after, seen(before)) {
        (Some(company), None) => vec![RowWrite::enter_company(
            &company.id,
            &company.name,
            &company.licences,
            gone(before),
        )],
        (Some(company), Some(rev)) => {
            let licences = company.licences.iter().cloned().map(AttributeValue::S);
            let set = HashMap::from([
                ("company_name".to_owned(), AttributeValue::S(company.name.clone())),
                ("licences".to_owned(), AttributeValue::L(licences.collect())),
            ]);
            vec![RowWrite::change(RowKey::company(&company.id), rev, set, &[])]
        }
        (None, Some(rev)) => (before.iter())
            .map(|row| RowWrite::remove(RowKey::company(&row.entry.id), rev))
            .collect(),
        (None, None) => Vec::new(),
    }
}

pub(crate) fn of_device(step: &Transition<DeviceEntry>, by: &Writer) -> Vec<RowWrite> {
    let before = step.before.as_ref();
    match (&step.after, seen(before)) {
        (Some(device), None) => vec![RowWrite::enter_device(&new_device(device), gone(before), by)],
        (Some(device), Some(rev)) => {
            let mut set = new_device(device).to_item(by.at);
            set.retain(|name, _| OF_DEVICE.contains(&name.as_str()));
            let key = RowKey::device(&device.company, &device.id);
            vec![RowWrite::change(key, rev, set, &[])]
        }
        (None, Some(rev)) => (before.iter())
            .map(|row| RowWrite::remove(RowKey::device(&row.entry.company, &row.entry.id), rev))
            .collect(),
        (None, None) => Vec::new(),
    }
}

const fn new_device(device: &DeviceEntry) -> NewDevice<'_> {
    NewDevice {
        company: &device.company,
        id: &device.id,
        name: device.name.as_str(),
        ip: device.ip.as_str(),
        description: device.description.as_str(),
    }
}

pub(crate) fn of_session(session: &SessionEntry, by: &Writer) -> Vec<RowWrite> {
    let session = NewActivitySession {
        company: &session.resource.company,
        id: session.id,
        user: &session.user.login,
        user_name: &session.user.name,
        resource: session.resource.id,
        resource_name: &session.resource.name,
        activity: &session.activity,
        note: None,
    };
    vec![RowWrite::enter_activity_session(&session, by)]
}

/// The user's row and that of the credential, which change together: no session of an old password outlives it. Of a new user
/// without a password nobody has one.
pub(crate) fn of_user(step: &UserTransition, stored: &StoredSecrets, by: &Writer) -> Vec<RowWrite> {
    let row = step.before.as_ref().map(|before| &before.row);
    let credential_rev = step.before.as_ref().and_then(|before| before.credential_rev);
    match (&step.after, seen(row)) {
        (Some(user), None) => {
            let mut write =
                RowWrite::enter_user(&new_user(user, &user.rate_policy.to_string()), gone(row), by);
            if step.is_disabled_after() {
                write = write.disabled();
            }
            vec![write, new_credential(step, user, stored, credential_rev)]
        }
        (Some(user), Some(rev)) => changed_user(step, user, stored, rev, by),
        (None, Some(rev)) => {
            let mut writes = Vec::new();
            if let Some(before) = &step.before {
                let login = &before.row.entry.login;
                writes.push(RowWrite::remove(RowKey::user(login), rev));
                if let (Some(_), Some(rev)) = (&before.credential, credential_rev) {
                    writes.push(RowWrite::remove(RowKey::credential(login), rev));
                }
            }
            writes
        }
        (None, None) => Vec::new(),
    }
}

fn changed_user(
    step: &UserTransition,
    user: &UserEntry,
    stored: &StoredSecrets,
    rev: Revision,
    by: &Writer,
) -> Vec<RowWrite> {
    let before = step.before.as_ref();
    let mut set = new_user(user, &user.rate_policy.to_string()).to_item(by.at);
    let mut unset = Vec::new();
    let is_disabled = step.is_disabled_after();
    let was_disabled = before.is_some_and(crate::live::LiveUser::is_disabled);
    if is_disabled {
        set.insert("disabled".to_owned(), AttributeValue::Bool(true));
    } else if was_disabled {
        unset.push("disabled");
    }
    let mut row = RowWrite::change(RowKey::user(&user.login), rev, set, &unset);
    if is_disabled && !was_disabled {
        row = row.revoking();
    }
    let known = before.filter(|before| before.credential.is_some());
    let Some(credential_rev) = known.and_then(|before| before.credential_rev) else {
        let gone = before.and_then(|before| before.credential_rev);
        return vec![row.revoking(), new_credential(step, user, stored, gone)];
    };
    let mut secrets = Vec::new();
    if let Some(hash) = &stored.password {
        secrets.push(NewSecret::Password(hash));
    }
    if let Some(sealed) = stored.totp() {
        secrets.push(NewSecret::Totp(Some(sealed)));
    }
    if let Some(hash) = &step.secrets.api_key {
        secrets.push(NewSecret::ApiKey(Some(hash)));
    }
    if secrets.is_empty() {
        return vec![row];
    }
    let [credential, _] = RowWrite::change_secrets(&user.login, &secrets, credential_rev, rev);
    vec![row.revoking(), credential]
}

fn new_credential(
    step: &UserTransition,
    user: &UserEntry,
    stored: &StoredSecrets,
    gone: Option<Revision>,
) -> RowWrite {
    let nobody = PasswordHash::of_nobody();
    let credential = NewCredential {
        company: &user.company,
        login: &user.login,
        password_hash: stored.password.as_ref().unwrap_or(&nobody),
        totp_secret: stored.totp(),
        api_key_hash: step.secrets.api_key.as_ref(),
    };
    RowWrite::enter_credential(&credential, gone)
}

fn new_user<'a>(user: &'a UserEntry, rate_policy: &'a str) -> NewUser<'a> {
    NewUser {
        company: &user.company,
        login: &user.login,
        name: &user.name,
        roles: &user.roles,
        groups: &user.groups,
        privileges: &user.privileges,
        record_group: &user.record_group,
        editable_groups: &user.editable_groups,
        ip_filter: &user.ip_filter,
        rate_policy,
        sources: &user.sources,
        system: user.system,
        mfa_required: user.mfa_required,
    }
}

/// A resource's row and that of its name, which leads to it. The rows of names are read now: in a plan they would only say
/// what the resources say.
pub(crate) async fn of_resource(store: &Store, step: &Transition<ResourceRow>) -> Result<Writes, Failure> {
    let before = step.before.as_ref();
    let names: Vec<RowKey> = (before.map(|row| &row.entry).into_iter())
        .chain(&step.after)
        .map(name_key)
        .collect();
    let rows = store.stored(&names).await?;
    let old = before.filter(|row| !row.is_removed).map(|row| &row.entry);
    let mut writes = Vec::new();
    // The name that it lets go of.
    if let Some(old) = old
        && step.after.as_ref().is_none_or(|after| after.name != old.name)
        && let Some(name) = rows.get(&name_key(old))
        && leads_to(name)? == Some(old.id)
    {
        writes.push(RowWrite::remove(name.key().clone(), name.revision()?));
    }
    match (&step.after, old, seen(before)) {
        (Some(resource), Some(old), Some(rev)) => {
            let text = AttributeValue::S(resource.name.clone());
            let set: Item = HashMap::from([("resource_name".to_owned(), text)]);
            writes.push(RowWrite::change(RowKey::resource(resource.id), rev, set, &[]));
            if resource.name == old.name {
                return Ok(Ok(writes));
            }
        }
        (None, Some(old), Some(rev)) => writes.push(RowWrite::remove(RowKey::resource(old.id), rev)),
        _ => {}
    }
    let Some(resource) = &step.after else {
        return Ok(Ok(writes));
    };
    let name = rows.get(&name_key(resource));
    let holder = name.map(leads_to).transpose()?.flatten();
    if let Some(holder) = holder.filter(|holder| *holder != resource.id) {
        return Ok(Err(NameTaken(holder)));
    }
    let name_gone = name.map(StoredRow::revision).transpose()?;
    let [row, name] = RowWrite::enter_resource(resource, [gone(before), name_gone]);
    if seen(before).is_none() {
        writes.push(row);
    }
    // A name that leads here already needs no write.
    if holder.is_none() {
        writes.push(name);
    }
    Ok(Ok(writes))
}

fn name_key(resource: &ResourceRow) -> RowKey {
    RowKey::resource_name(&resource.company, &resource.name)
}

/// Which resource a name leads to; none where it has let go of it.
fn leads_to(name: &StoredRow) -> Result<Option<ResourceId>, Corrupt> {
    if name.removed_at()?.is_some() {
        return Ok(None);
    }
    ResourceRow::id_of_name(name.item().clone()).map(Some)
}
