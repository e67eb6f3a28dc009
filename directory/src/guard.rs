//! What is not to be done without being forced: an account lock whose owner is gone, and a company in which nobody is left
//! who may lock users.

use std::collections::{BTreeMap, HashMap, HashSet};

use holdfast::id::{Company, Login};
use holdfast::identity::{Rights, policy};
use holdfast::lock::Timestamp;

use crate::entry::UserEntry;
use crate::live::{Live, LiveUser};
use crate::plan::{Step, UserTransition, Write};

/// One line for each reason.
pub(crate) fn of(steps: &[Step], live: &Live, now: Timestamp) -> Vec<String> {
    let mut lines = owners(steps, live, now);
    lines.extend(last_who_may_lock(steps, live));
    lines
}

fn users(steps: &[Step]) -> impl Iterator<Item = &UserTransition> {
    steps.iter().filter_map(|step| match &step.write {
        Write::User(user) => Some(user.as_ref()),
        _ => None,
    })
}

/// Those who own a live lock on an account, and will be removed or disabled.
fn owners(steps: &[Step], live: &Live, now: Timestamp) -> Vec<String> {
    let mut held: HashMap<&str, Vec<&Login>> = HashMap::new();
    for user in live.users.values() {
        if let Some(lock) = user.row.lock_at(now) {
            held.entry(lock.owner.as_str())
                .or_default()
                .push(&user.row.entry.login);
        }
    }
    let mut lines = Vec::new();
    for user in users(steps) {
        let Some(before) = user.before.as_ref().filter(|before| is_active(before)) else {
            continue;
        };
        let is_out = user.after.is_none() || user.is_disabled_after();
        let login = &before.row.entry.login;
        for locked in held.get(login.as_str()).into_iter().flatten().filter(|_| is_out) {
            lines.push(format!(
                "user/{login} owns the lock on user/{locked}, which only a break or `holdfast rescue unlock` could end then"
            ));
        }
    }
    lines
}

/// The companies in which somebody may lock users now, and nobody will.
fn last_who_may_lock(steps: &[Step], live: &Live) -> Vec<String> {
    let touched: HashSet<&Login> = users(steps)
        .filter_map(|user| Some(&user.before.as_ref()?.row.entry.login))
        .collect();
    let licences = Licences::new(steps, live);
    let mut before: BTreeMap<&Company, Vec<&Login>> = BTreeMap::new();
    let mut after: HashSet<&Company> = HashSet::new();
    for user in live.users.values().filter(|user| is_active(user)) {
        let entry = &user.row.entry;
        if may_lock_users(entry, licences.before(&entry.company)) {
            before.entry(&entry.company).or_default().push(&entry.login);
        }
        if !touched.contains(&entry.login) && may_lock_users(entry, licences.after(&entry.company)) {
            after.insert(&entry.company);
        }
    }
    for user in users(steps) {
        if let Some(entry) = &user.after
            && !user.is_disabled_after()
            && may_lock_users(entry, licences.after(&entry.company))
        {
            after.insert(&entry.company);
        }
    }
    before
        .into_iter()
        .filter(|(company, _)| !after.contains(company))
        .map(|(company, logins)| {
            let names: Vec<String> = logins.iter().map(|login| format!("user/{login}")).collect();
            format!(
                "nobody would be left in company {company} who may lock and unlock users: now {} may",
                names.join(", ")
            )
        })
        .collect()
}

fn is_active(user: &LiveUser) -> bool {
    !user.row.is_removed && !user.is_disabled()
}

fn may_lock_users(user: &UserEntry, licences: &[String]) -> bool {
    let rights = Rights::new(
        user.roles.clone(),
        user.groups.clone(),
        user.privileges.clone(),
        user.editable_groups.clone(),
        licences.to_vec(),
    );
    policy::lock_users(&rights).is_ok()
}

/// What each company has bought, before the steps and after them.
struct Licences<'a> {
    live: &'a Live,
    changed: HashMap<&'a Company, &'a [String]>,
}

impl<'a> Licences<'a> {
    fn new(steps: &'a [Step], live: &'a Live) -> Self {
        let changed = steps.iter().filter_map(|step| match &step.write {
            Write::Company(company) => {
                let licences = company.after.as_ref().map(|after| after.licences.as_slice());
                Some((&step.subject.company, licences.unwrap_or_default()))
            }
            _ => None,
        });
        Self {
            live,
            changed: changed.collect(),
        }
    }

    fn before(&self, company: &Company) -> &'a [String] {
        let live = self.live.companies.get(company).filter(|row| !row.is_removed);
        live.map(|row| row.entry.licences.as_slice()).unwrap_or_default()
    }

    fn after(&self, company: &Company) -> &'a [String] {
        (self.changed.get(company).copied()).unwrap_or_else(|| self.before(company))
    }
}
