//! What it takes to make the tables say what a file says. Pure: the same file and the same tables give the same plan.

use std::collections::HashSet;
use std::fmt;

use holdfast::lock::Timestamp;
use holdfast::store::ResourceRow;
use serde::Serialize;

use crate::entry::{
    CompanyEntry, DeviceEntry, Secret, Secrets, SessionEntry, Subject, UserEntry, fields_of_resource,
    subject_of_resource,
};
use crate::field::{FieldChange, Fields, Value};
use crate::file::Directory;
use crate::live::{Live, LiveEntry, LiveUser};
use crate::proven::Proven;
use crate::{guard, warning};

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// It is not in the tables, and will be.
    Create,
    /// It was removed, and comes back: with a larger fence, and none of its old secrets.
    Return,
    /// It will say something else.
    Change,
    /// It will read as absent everywhere. Its row stays.
    Remove,
}

impl Deed {
    /// The sign that a plan shows it with.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Create | Self::Return => "+",
            Self::Change => "~",
            Self::Remove => "-",
        }
    }
}

/// One entry that is to change.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which entry.
    pub subject: Subject,
    /// What becomes of it.
    pub deed: Deed,
    /// Field by field.
    pub changes: Vec<FieldChange>,
    pub(crate) write: Write,
}

/// What a step writes: the entry as the plan found it, and as it is to be.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Company(Transition<CompanyEntry>),
    Resource(Transition<ResourceRow>),
    User(Box<UserTransition>),
    Device(Transition<DeviceEntry>),
    ActivitySession(Box<SessionEntry>),
}

/// From what the tables have to what they will have; `None` where the entry is not there.
#[derive(Clone, Debug)]
pub(crate) struct Transition<T> {
    pub(crate) before: Option<LiveEntry<T>>,
    pub(crate) after: Option<T>,
}

/// The same of a user, with the secrets that are written.
#[derive(Clone, Debug)]
pub(crate) struct UserTransition {
    pub(crate) before: Option<LiveUser>,
    pub(crate) after: Option<UserEntry>,
    pub(crate) secrets: Secrets,
}

/// An entry of the tables that stays as it is although the file says otherwise, or says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which entry.
    pub subject: Subject,
    /// How it differs, and what can be done.
    pub what: String,
}

/// What is to be done, and what there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) unchanged: usize,
    pub(crate) differing: Vec<Difference>,
    pub(crate) warnings: Vec<String>,
    pub(crate) guards: Vec<String>,
}

/// How many entries a plan creates, changes, removes and leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New, or back after they were removed.
    pub created: usize,
    /// Changed.
    pub changed: usize,
    /// Removed.
    pub removed: usize,
    /// As the file says already.
    pub unchanged: usize,
    /// Other than the file says, and left so.
    pub differing: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            created,
            changed,
            removed,
            unchanged,
            differing,
        } = self;
        write!(
            f,
            "{created} to create, {changed} to change, {removed} to remove; {unchanged} unchanged"
        )?;
        if *differing > 0 {
            write!(f, ", {differing} left as they are")?;
        }
        Ok(())
    }
}

impl UserTransition {
    /// Whether the user will be kept out.
    pub(crate) fn is_disabled_after(&self) -> bool {
        let was_disabled = self.before.as_ref().is_some_and(|before| {
            // Someone who comes back is not disabled any more.
            !before.row.is_removed && before.is_disabled()
        });
        let said = self.after.as_ref().and_then(|after| after.disabled);
        said.unwrap_or(was_disabled)
    }
}

impl Plan {
    /// The plan for a file and what the tables have. Without `prune` nothing is removed.
    ///
    /// `proven` are the people whose password or second factor in the file is the one in the tables.
    #[must_use]
    pub fn new(directory: &Directory, live: &Live, proven: &Proven, prune: bool, now: Timestamp) -> Self {
        let mut plan = Self::default();
        if prune {
            plan.remove_the_rest(directory, live);
        } else {
            plan.tell_of_the_rest(directory, live);
        }
        for company in &directory.companies {
            let before = live.companies.get(&company.id);
            plan.enter(
                (company.subject(), before, company),
                CompanyEntry::fields,
                Write::Company,
            );
        }
        for resource in &directory.resources {
            let subject = subject_of_resource(resource);
            let before = live.resources.get(&resource.id);
            let is_of_another =
                plan.is_of_another_company(&subject, before, |live| live.company == resource.company);
            if !is_of_another && !plan.is_name_taken(resource, directory, live, prune) {
                plan.enter((subject, before, resource), fields_of_resource, Write::Resource);
            }
        }
        for user in &directory.users {
            let before = live.users.get(&user.login);
            let row = before.map(|live| &live.row);
            if !plan.is_of_another_company(&user.subject(), row, |live| live.company == user.company) {
                plan.enter_user(user, before, proven);
            }
        }
        for device in &directory.devices {
            let before = live.devices.get(&(device.company.clone(), device.id.clone()));
            plan.enter(
                (device.subject(), before, device),
                DeviceEntry::fields,
                Write::Device,
            );
        }
        for session in &directory.activity_sessions {
            plan.open(session, live.activity_sessions.get(&session.id));
        }
        plan.warnings = warning::of(directory, live);
        plan.guards = guard::of(&plan.steps, live, now);
        plan
    }

    /// The steps: what is removed comes first, because a name may go on to another entry.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What stays other than the file says.
    #[must_use]
    pub fn differing(&self) -> &[Difference] {
        &self.differing
    }

    /// Who would be unable to sign in, one line each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why it is not to be carried out without being forced, one line each.
    #[must_use]
    pub fn guards(&self) -> &[String] {
        &self.guards
    }

    /// How many entries.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |deeds: &[Deed]| {
            self.steps
                .iter()
                .filter(|step| deeds.contains(&step.deed))
                .count()
        };
        Counts {
            created: count(&[Deed::Create, Deed::Return]),
            changed: count(&[Deed::Change]),
            removed: count(&[Deed::Remove]),
            unchanged: self.unchanged,
            differing: self.differing.len(),
        }
    }

    fn enter<T: Clone>(
        &mut self,
        (subject, before, after): (Subject, Option<&LiveEntry<T>>, &T),
        fields: impl Fn(&T) -> Fields,
        write: impl Fn(Transition<T>) -> Write,
    ) {
        let deed = deed(before);
        let known = before
            .filter(|live| !live.is_removed)
            .map(|live| fields(&live.entry));
        let changes = FieldChange::between(known.as_ref(), &fields(after));
        if deed == Deed::Change && changes.is_empty() {
            self.unchanged += 1;
            return;
        }
        let write = write(Transition {
            before: before.cloned(),
            after: Some(after.clone()),
        });
        self.steps.push(Step {
            subject,
            deed,
            changes,
            write,
        });
    }

    fn enter_user(&mut self, user: &UserEntry, before: Option<&LiveUser>, proven: &Proven) {
        let row = before.map(|live| &live.row);
        let deed = deed(row);
        // Someone who comes back has none of the secrets that they had.
        let known = before.filter(|_| deed == Deed::Change);
        let secrets = changed_secrets(user, known, proven);
        let fields = known.map(|live| live.row.entry.fields());
        let mut changes = FieldChange::between(fields.as_ref(), &user.fields());
        let was_disabled = known.is_some_and(LiveUser::is_disabled);
        let is_disabled = user.disabled.unwrap_or(was_disabled);
        if was_disabled != is_disabled {
            changes.push(FieldChange {
                field: "disabled",
                from: known.map(|_| Value::Truth(was_disabled)),
                to: Some(Value::Truth(is_disabled)),
            });
        }
        let credential = known.and_then(|live| live.credential.as_ref());
        if secrets.password.is_some() {
            changes.push(FieldChange::secret("password", credential.is_some()));
        }
        if secrets.totp.is_some() {
            let is_known = credential.is_some_and(|known| known.totp.is_some());
            changes.push(FieldChange::secret("totp_secret", is_known));
        }
        if secrets.api_key.is_some() {
            let is_known = credential.is_some_and(|known| known.api_key.is_some());
            changes.push(FieldChange::secret("api_key", is_known));
        }
        if was_disabled && user.disabled.is_none() {
            self.differing.push(Difference {
                subject: user.subject(),
                what: "is disabled, and the file does not say whether it should be".to_owned(),
            });
        }
        // An earlier run may have ended between the user and the credential.
        let lacks_credential = known.is_some() && credential.is_none();
        if lacks_credential && secrets.password.is_none() {
            changes.push(FieldChange::secret("password", false));
        }
        if deed == Deed::Change && changes.is_empty() {
            self.unchanged += 1;
            return;
        }
        self.steps.push(Step {
            subject: user.subject(),
            deed,
            changes,
            write: Write::User(Box::new(UserTransition {
                before: before.cloned(),
                after: Some(user.clone()),
                secrets,
            })),
        });
    }

    fn open(&mut self, session: &SessionEntry, before: Option<&Fields>) {
        let Some(before) = before else {
            self.steps.push(Step {
                subject: session.subject(),
                deed: Deed::Create,
                changes: FieldChange::between(None, &session.fields()),
                write: Write::ActivitySession(Box::new(session.clone())),
            });
            return;
        };
        if FieldChange::between(Some(before), &session.fields()).is_empty() {
            self.unchanged += 1;
        } else {
            self.differing.push(Difference {
                subject: session.subject(),
                what: "is other than the file says; a file opens activity sessions and does not change them"
                    .to_owned(),
            });
        }
    }

    /// Sessions and fences belong to a login, whatever its company: an entry does not change its company.
    fn is_of_another_company<T>(
        &mut self,
        subject: &Subject,
        before: Option<&LiveEntry<T>>,
        is_same: impl Fn(&T) -> bool,
    ) -> bool {
        let differs = before.is_some_and(|live| !is_same(&live.entry));
        if differs {
            self.differing.push(Difference {
                subject: subject.clone(),
                what: "belongs to another company in the tables, which a file cannot change: use another id"
                    .to_owned(),
            });
        }
        differs
    }

    /// A name leads to one resource: it goes on to another only once the first has let go of it.
    fn is_name_taken(
        &mut self,
        resource: &ResourceRow,
        directory: &Directory,
        live: &Live,
        prune: bool,
    ) -> bool {
        let holder = live.resources.values().find(|row| {
            let entry = &row.entry;
            !row.is_removed
                && entry.id != resource.id
                && entry.company == resource.company
                && entry.name == resource.name
        });
        let Some(holder) = holder else { return false };
        let is_in_file = directory
            .resources
            .iter()
            .any(|other| other.id == holder.entry.id);
        let is_taken = !prune && !is_in_file;
        if is_taken {
            self.differing.push(Difference {
                subject: subject_of_resource(resource),
                what: format!(
                    "is left out: its name belongs to resource/{}, which is not in the file; --prune removes that",
                    holder.entry.id
                ),
            });
        }
        is_taken
    }

    fn remove_the_rest(&mut self, directory: &Directory, live: &Live) {
        let rest = Rest::new(directory, live);
        for row in rest.devices {
            let write = removal(row, Write::Device);
            self.remove(row.entry.subject(), &row.entry.fields(), write);
        }
        for user in rest.users {
            let write = Write::User(Box::new(UserTransition {
                before: Some(user.clone()),
                after: None,
                secrets: Secrets::default(),
            }));
            self.remove(user.row.entry.subject(), &user.row.entry.fields(), write);
        }
        for row in rest.resources {
            let write = removal(row, Write::Resource);
            self.remove(
                subject_of_resource(&row.entry),
                &fields_of_resource(&row.entry),
                write,
            );
        }
        for row in rest.companies {
            let write = removal(row, Write::Company);
            self.remove(row.entry.subject(), &row.entry.fields(), write);
        }
    }

    fn remove(&mut self, subject: Subject, fields: &Fields, write: Write) {
        let changes = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(field, value)| FieldChange {
                field,
                from: Some(value.clone()),
                to: None,
            })
            .collect();
        self.steps.push(Step {
            subject,
            deed: Deed::Remove,
            changes,
            write,
        });
    }

    fn tell_of_the_rest(&mut self, directory: &Directory, live: &Live) {
        let rest = Rest::new(directory, live);
        let subjects = (rest.companies.iter().map(|row| row.entry.subject()))
            .chain(rest.resources.iter().map(|row| subject_of_resource(&row.entry)))
            .chain(rest.users.iter().map(|user| user.row.entry.subject()))
            .chain(rest.devices.iter().map(|row| row.entry.subject()));
        self.differing.extend(subjects.map(|subject| Difference {
            subject,
            what: "is not in the file; --prune removes it".to_owned(),
        }));
    }
}

/// What the tables have and the file has not.
struct Rest<'a> {
    companies: Vec<&'a LiveEntry<CompanyEntry>>,
    resources: Vec<&'a LiveEntry<ResourceRow>>,
    users: Vec<&'a LiveUser>,
    devices: Vec<&'a LiveEntry<DeviceEntry>>,
}

impl<'a> Rest<'a> {
    fn new(directory: &Directory, live: &'a Live) -> Self {
        let companies: HashSet<_> = directory.companies.iter().map(|company| &company.id).collect();
        let resources: HashSet<_> = directory.resources.iter().map(|resource| resource.id).collect();
        let users: HashSet<_> = directory.users.iter().map(|user| &user.login).collect();
        let devices: HashSet<_> = (directory.devices.iter())
            .map(|device| (&device.company, &device.id))
            .collect();
        Self {
            companies: (live.companies.values())
                .filter(|row| !row.is_removed && !companies.contains(&row.entry.id))
                .collect(),
            resources: (live.resources.values())
                .filter(|row| !row.is_removed && !resources.contains(&row.entry.id))
                .collect(),
            users: (live.users.values())
                .filter(|user| !user.row.is_removed && !users.contains(&user.row.entry.login))
                .collect(),
            devices: (live.devices.values())
                .filter(|row| !row.is_removed && !devices.contains(&(&row.entry.company, &row.entry.id)))
                .collect(),
        }
    }
}

const fn deed<T>(before: Option<&LiveEntry<T>>) -> Deed {
    match before {
        None => Deed::Create,
        Some(live) if live.is_removed => Deed::Return,
        Some(_) => Deed::Change,
    }
}

fn removal<T: Clone>(row: &LiveEntry<T>, write: impl Fn(Transition<T>) -> Write) -> Write {
    write(Transition {
        before: Some(row.clone()),
        after: None,
    })
}

/// The secrets of the file that are not the user's already.
fn changed_secrets(user: &UserEntry, known: Option<&LiveUser>, proven: &Proven) -> Secrets {
    let wanted = &user.secrets;
    let Some(known) = known.and_then(|live| live.credential.as_ref()) else {
        return wanted.clone();
    };
    let password = wanted.password.clone().filter(|secret| match secret {
        Secret::Password { .. } => !proven.passwords.contains(&user.login),
        Secret::Hash(hash) => hash.reveal() != known.password_hash.reveal(),
    });
    let totp = (wanted.totp.clone()).filter(|_| !proven.second_factors.contains(&user.login));
    let api_key = (wanted.api_key.clone())
        .filter(|hash| known.api_key.as_ref().is_none_or(|known| !known.matches(hash)));
    Secrets {
        password,
        totp,
        api_key,
    }
}

#[cfg(test)]
mod tests {
    use holdfast::id::Login;
    use holdfast::lock::{Lock, Owner, Revision};
    use holdfast::secret::{PasswordHash, SealingKeys};

    use super::*;
    use crate::live::LiveCredential;
    use crate::proven::second_factors;

    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
    const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

    fn keys() -> SealingKeys {
        SealingKeys::parse(&"k".repeat(43)).unwrap()
    }

    fn file(text: &str) -> Directory {
        Directory::parse(text).unwrap()
    }

    fn row<T>(entry: T) -> LiveEntry<T> {
        LiveEntry {
            entry,
            rev: Revision::new(1),
            is_removed: false,
            lock: None,
        }
    }

    /// Tables in which a file was entered.
    fn live(text: &str) -> Live {
        let directory = file(text);
        let mut live = Live::default();
        for company in directory.companies {
            live.companies.insert(company.id.clone(), row(company));
        }
        for mut user in directory.users {
            let secrets = std::mem::take(&mut user.secrets);
            user.disabled = Some(user.disabled == Some(true));
            let credential = LiveCredential {
                password_hash: match secrets.password {
                    Some(Secret::Hash(hash)) => hash,
                    _ => PasswordHash::of_nobody(),
                },
                totp: (secrets.totp).map(|secret| keys().seal(&secret, &user.login).unwrap()),
                api_key: secrets.api_key,
            };
            let user = LiveUser {
                row: row(user),
                credential: Some(credential),
                credential_rev: Some(Revision::new(1)),
            };
            live.users.insert(user.row.entry.login.clone(), user);
        }
        for device in directory.devices {
            let key = (device.company.clone(), device.id.clone());
            live.devices.insert(key, row(device));
        }
        for resource in directory.resources {
            live.resources.insert(resource.id, row(resource));
        }
        for session in directory.activity_sessions {
            live.activity_sessions.insert(session.id, session.fields());
        }
        live
    }

    fn plan(text: &str, live: &Live, prune: bool) -> Plan {
        let directory = file(text);
        let proven = Proven {
            second_factors: second_factors(&directory, live, Some(&keys())).unwrap(),
            ..Proven::default()
        };
        Plan::new(&directory, live, &proven, prune, NOW)
    }

    /// A line for each change, with its sign.
    fn shown(plan: &Plan) -> Vec<String> {
        let steps = plan.steps().iter().flat_map(|step| {
            let what = |change: &FieldChange| {
                let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
                format!("{}: {} → {}", change.field, text(&change.from), text(&change.to))
            };
            let changes: Vec<String> = step.changes.iter().map(what).collect();
            [format!(
                "{} {} {}",
                step.deed.sign(),
                step.subject,
                changes.join("; ")
            )]
        });
        let left = plan
            .differing()
            .iter()
            .map(|left| format!("! {} {}", left.subject, left.what));
        steps.chain(left).map(|line| line.trim_end().to_owned()).collect()
    }

    const DIRECTORY: &str = r#"{
        "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}],
        "users": [
            {"company": "1", "login": "ada", "password_hash": "HASH", "mfa": "not-required",
             "privileges": ["Users.View", "Users.Edit", "Users.Blocked.Edit"]},
            {"company": "1", "login": "bob", "password_hash": "HASH", "totp_secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}],
        "devices": [{"company": "1", "id": "ID5", "name": "sbc-boston"}],
        "resources": [{"company": "1", "id": "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01", "name": "db01"}],
        "activity_sessions": [{"company": "1", "id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "user": "bob", "resource": "db01", "activity": "RDP"}]
    }"#;

    fn directory() -> String {
        DIRECTORY.replace("HASH", HASH)
    }

    #[test]
    fn what_the_tables_say_already_is_no_change_and_neither_is_what_they_export() {
        let live = live(&directory());
        let again = plan(&directory(), &live, true);
        assert_eq!(shown(&again), Vec::<String>::new());
        assert_eq!(again.counts().unchanged, 6);
        let exported = live.to_file().to_string();
        assert!(
            !exported.contains("argon2") && !exported.contains("GEZD"),
            "{exported}"
        );
        let again = plan(&exported, &live, true);
        assert_eq!(shown(&again), Vec::<String>::new());
        assert_eq!(again.counts().unchanged, 5);
        assert_eq!(again.warnings(), [] as [&str; 0]);
    }

    #[test]
    fn an_empty_table_gets_everything_and_no_secret_is_shown() {
        let plan = plan(&directory(), &Live::default(), true);
        assert_eq!(
            shown(&plan),
            [
                "+ company/1 name: - → Acme; licences: - → Users",
                "+ resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01 name: - → db01",
                "+ user/ada name: - → ada; mfa: - → not-required; privileges: - → Users.View, Users.Edit, Users.Blocked.Edit; rate_policy: - → 100/20; password: - → (sensitive)",
                "+ user/bob name: - → bob; mfa: - → required; rate_policy: - → 100/20; password: - → (sensitive); totp_secret: - → (sensitive)",
                "+ device/ID5 name: - → sbc-boston",
                "+ activity-session/6f9619ff-8b86-4011-b42d-00cf4fc964ff user: - → bob; resource: - → 6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01; activity: - → RDP",
            ]
        );
        assert_eq!(format!("{plan:?}").matches("argon2").count(), 0);
    }

    #[test]
    fn changes_are_told_field_by_field() {
        let live = live(&directory());
        let changed = directory()
            .replace("sbc-boston", "sbc-austin")
            .replace(r#""name": "db01""#, r#""name": "db02""#)
            .replace(r#""resource": "db01""#, r#""resource": "db02""#)
            .replace(r#""activity": "RDP""#, r#""activity": "SSH""#)
            .replace(
                r#""mfa": "not-required""#,
                r#""mfa": "not-required", "disabled": true, "api_key": "YWRtaW4tZGVtby1hcGktaw==""#,
            )
            .replace("c29tZXNhbHQ", "b3RoZXJzYWx0");
        assert_eq!(
            shown(&plan(&changed, &live, false)),
            [
                "~ resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01 name: db01 → db02",
                "~ user/ada disabled: false → true; password: (sensitive) → (sensitive); api_key: - → (sensitive)",
                "~ user/bob password: (sensitive) → (sensitive)",
                "~ device/ID5 name: sbc-boston → sbc-austin",
                "! activity-session/6f9619ff-8b86-4011-b42d-00cf4fc964ff is other than the file says; a file opens activity sessions and does not change them",
            ]
        );
    }

    #[test]
    fn only_prune_removes_and_what_was_removed_comes_back_without_its_secrets() {
        let mut live = live(&directory());
        let smaller = r#"{"companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}]}"#;
        assert_eq!(
            shown(&plan(smaller, &live, false)),
            [
                "! resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01 is not in the file; --prune removes it",
                "! user/ada is not in the file; --prune removes it",
                "! user/bob is not in the file; --prune removes it",
                "! device/ID5 is not in the file; --prune removes it",
            ]
        );
        let pruned = plan(smaller, &live, true);
        assert_eq!(
            (pruned.counts().removed, pruned.counts().unchanged),
            (4, 1),
            "{:?}",
            shown(&pruned)
        );
        assert_eq!(
            pruned.guards(),
            ["nobody would be left in company 1 who may lock and unlock users: now user/ada may"]
        );

        let ada = live.users.get_mut(&Login::try_from("ada").unwrap()).unwrap();
        ada.row.is_removed = true;
        ada.credential = None;
        let silent = directory().replacen(&format!(r#""password_hash": "{HASH}", "#), "", 1);
        let back = plan(&silent, &live, true);
        let step = back.steps().first().unwrap();
        assert_eq!(
            (step.deed, step.subject.to_string()),
            (Deed::Return, "user/ada".to_owned())
        );
        assert!(!step.changes.iter().any(|change| change.field == "password"));
        assert_eq!(
            back.warnings(),
            [
                "user/ada: it has no password: give password or password_hash, or use `holdfast people set-password`"
            ]
        );
    }

    #[test]
    fn who_owns_a_lock_on_an_account_is_guarded_while_it_is_live() {
        let mut live = live(&directory());
        let bob = live.users.get_mut(&Login::try_from("bob").unwrap()).unwrap();
        bob.row.lock = Some(Lock {
            owner: Owner::new("ada"),
            since: NOW,
            until: Some(Timestamp::from_unix_ms(2_000)),
            title: None,
            message: None,
        });
        let text = directory().replacen(r#""login": "ada","#, r#""login": "ada", "disabled": true,"#, 1);
        let guarded = plan(&text, &live, false);
        assert_eq!(
            guarded.guards(),
            [
                "user/ada owns the lock on user/bob, which only a break or `holdfast rescue unlock` could end then",
                "nobody would be left in company 1 who may lock and unlock users: now user/ada may"
            ]
        );
        let later = Plan::new(
            &file(&text),
            &live,
            &Proven::default(),
            false,
            Timestamp::from_unix_ms(2_000),
        );
        assert_eq!(later.guards().len(), 1, "{:?}", later.guards());
        // Somebody else gets the rights in the same plan.
        let heir = text.replacen(
            r#""login": "bob","#,
            r#""login": "bob", "privileges": ["Users.Edit", "Users.Blocked.Edit"],"#,
            1,
        );
        assert_eq!(plan(&heir, &live, false).guards().len(), 1);
    }

    #[test]
    fn without_its_licence_nobody_of_a_company_may_lock_users() {
        let live = live(&directory());
        let text = directory().replace(r#""licences": ["Users"]"#, r#""licences": []"#);
        assert_eq!(
            plan(&text, &live, false).guards(),
            ["nobody would be left in company 1 who may lock and unlock users: now user/ada may"]
        );
    }

    #[test]
    fn a_disabled_user_stays_so_until_the_file_says_otherwise() {
        let live =
            live(&directory().replacen(r#""login": "bob","#, r#""login": "bob", "disabled": true,"#, 1));
        assert_eq!(
            shown(&plan(&directory(), &live, false)),
            ["! user/bob is disabled, and the file does not say whether it should be"]
        );
        let enabled = directory().replacen(r#""login": "bob","#, r#""login": "bob", "disabled": false,"#, 1);
        assert_eq!(
            shown(&plan(&enabled, &live, false)),
            ["~ user/bob disabled: true → false"]
        );
    }

    #[test]
    fn an_entry_stays_in_its_company_and_a_name_with_its_resource() {
        let live = live(&directory());
        let other = r#"{
            "companies": [{"id": "1", "name": "Acme", "licences": ["Users"]}, {"id": "2"}],
            "users": [{"company": "2", "login": "bob", "password": "x", "mfa": "not-required"}],
            "resources": [{"company": "1", "id": "6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d02", "name": "db01"}]
        }"#;
        let shown = shown(&plan(other, &live, false));
        for line in [
            "! user/bob belongs to another company in the tables, which a file cannot change: use another id",
            "! resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d02 is left out: its name belongs to resource/6a0c1b52-3f0e-4d5a-9a37-1c8f5b2f7d01, which is not in the file; --prune removes that",
        ] {
            assert!(shown.iter().any(|shown| shown == line), "{shown:?}");
        }
    }

    #[test]
    fn people_who_could_not_sign_in_are_named() {
        let text = r#"{"companies": [{"id": "1"}], "users": [
            {"company": "1", "login": "a", "password": ""},
            {"company": "1", "login": "b", "mfa": "not-required"},
            {"company": "1", "login": "c", "password": "x", "mfa": "not-required"},
            {"company": "1", "login": "d", "password": "", "disabled": true}]}"#;
        assert_eq!(
            plan(text, &Live::default(), false).warnings(),
            [
                "user/a: its password is empty, and an empty password opens nothing",
                "user/a: a second factor is required and there is none: give totp_secret, or \"mfa\": \"not-required\"",
                "user/b: it has no password: give password or password_hash, or use `holdfast people set-password`",
            ]
        );
    }
}
