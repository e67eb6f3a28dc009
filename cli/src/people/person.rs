use std::collections::BTreeMap;

use holdfast::id::{Company, Login};
use holdfast::identity::Standing;
use holdfast::lock::{Revision, Timestamp};
use holdfast::secret::KeyId;
use holdfast::store::{
    AttemptsRow, CompanyRow, OperatorResult, RowKey, RowWrite, SecretsHeld, StoredRow, Table, UserRow,
};
use serde_json::{Map, Value, json};

use crate::exit::{Exit, Failure};
use crate::tables::{Tables, now, of_store};
use crate::text::human;

/// How often a change is decided again that others are faster than.
const TRIES: u32 = 10;

/// A user with the row of the credential.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) user: UserRow,
    /// The revision of the user's row.
    pub(crate) rev: Revision,
    /// The secrets, and the revision of their row. Without them nobody signs in.
    pub(crate) secrets: Option<(SecretsHeld, Revision)>,
    /// The key that the second factor is sealed under.
    pub(crate) sealed_under: Option<KeyId>,
    /// The revision of the tombstone in the credential's place.
    pub(crate) gone_secrets: Option<Revision>,
}

impl Person {
    /// Puts the two rows together; `None` for a user who was removed.
    fn of(user: &StoredRow, credential: Option<&StoredRow>) -> Result<Option<Self>, Failure> {
        let corrupt =
            |error: holdfast::failure::Corrupt| Failure::failed(format!("{}: {error}", user.key().pk()));
        if user.removed_at().map_err(corrupt)?.is_some() {
            return Ok(None);
        }
        let (mut secrets, mut gone_secrets) = (None, None);
        if let Some(row) = credential {
            let rev = row.revision().map_err(corrupt)?;
            match row.removed_at().map_err(corrupt)? {
                Some(_) => gone_secrets = Some(rev),
                None => secrets = Some((row.secrets(), rev)),
            }
        }
        // One that cannot be understood is replaced like any other.
        let sealed = credential.and_then(|row| row.second_factor().ok()?);
        Ok(Some(Self {
            user: user.parse().map_err(corrupt)?,
            rev: user.revision().map_err(corrupt)?,
            secrets,
            sealed_under: sealed.map(|sealed| sealed.key()),
            gone_secrets,
        }))
    }

    /// Whether they can sign in as far as their own rows say.
    pub(crate) const fn can_sign_in(&self) -> bool {
        !self.user.disabled && !self.user.system && self.secrets.is_some()
    }

    /// What their second factor is.
    pub(crate) const fn second_factor(&self) -> &'static str {
        match (&self.secrets, self.user.mfa_required) {
            (Some((SecretsHeld { totp: true, .. }, _)), _) => "yes",
            // The second step takes no code of them, so they cannot complete it.
            (_, true) => "missing",
            (_, false) => "waived",
        }
    }

    /// Their state in a word.
    pub(crate) const fn state(&self) -> &'static str {
        if self.user.system {
            "system"
        } else if self.user.disabled {
            "disabled"
        } else if self.secrets.is_none() {
            "no password"
        } else {
            "active"
        }
    }

    /// The whole of it as JSON, with the API's names.
    pub(crate) fn json(&self, standing: Option<&Standing>, now: Timestamp) -> Value {
        let user = &self.user;
        let mut json = json!({
            "login": user.login.as_str(),
            "name": user.name,
            "company": user.company.as_str(),
            "state": self.state(),
            "roles": user.roles,
            "groups": user.groups,
            "privileges": user.privileges,
            "recordGroup": user.record_group,
            "editableGroups": user.editable_groups,
            "ipFilter": user.ip_filter,
            "ratePolicy": user.rate_policy,
            "sources": user.sources,
            "secondFactor": self.second_factor(),
            "apiKey": self.secrets.is_some_and(|(secrets, _)| secrets.api_key),
            "changedAt": user.changed_at.to_string(),
        });
        let more = json.as_object_mut();
        if let (Some(more), Some(lock)) = (more, user.lock.state.live(now)) {
            let mut shown = Map::new();
            shown.insert("owner".to_owned(), lock.owner.as_str().into());
            shown.insert("since".to_owned(), lock.since.to_string().into());
            if let Some(until) = lock.until {
                shown.insert("until".to_owned(), until.to_string().into());
            }
            shown.insert("fence".to_owned(), user.lock.state.fence().get().into());
            more.insert("lock".to_owned(), Value::Object(shown));
        }
        if let (Some(standing), Some(more)) = (standing, json.as_object_mut()) {
            more.extend(standing_json(standing));
        }
        json
    }
}

/// What is remembered of the attempts to sign in, as JSON.
pub(super) fn standing_json(standing: &Standing) -> Map<String, Value> {
    let mut json = Map::new();
    if let Some(at) = standing.last_sign_in {
        json.insert("lastSignIn".to_owned(), at.to_string().into());
    }
    if !standing.closed_sources.is_empty() {
        let closed = standing.closed_sources.iter();
        let closed = closed.map(|closed| json!({"source": closed.source, "until": closed.until.to_string()}));
        json.insert("closedSources".to_owned(), closed.collect());
    }
    if let Some(until) = standing.closed_to_strangers_until {
        json.insert("closedToStrangersUntil".to_owned(), until.to_string().into());
    }
    json
}

/// Who is closed out from where, for people; empty where nobody is.
pub(super) fn closed_text(standing: &Standing, now: Timestamp) -> String {
    let sources = standing.closed_sources.iter();
    let mut parts: Vec<String> = sources
        .map(|closed| format!("{} until {}", closed.source, human(closed.until, now)))
        .collect();
    if let Some(until) = standing.closed_to_strangers_until {
        parts.push(format!("everywhere new until {}", human(until, now)));
    }
    parts.join(", ")
}

/// Reads a login from the command line.
pub(super) fn parse_login(text: &str) -> Result<Login, String> {
    Login::try_from(text).map_err(|error| error.to_string())
}

/// The person with this login.
pub(crate) async fn find(tables: &Tables, login: &Login) -> Result<Person, Failure> {
    let keys = [RowKey::user(login), RowKey::credential(login)];
    let rows = tables.store.stored(&keys).await.map_err(of_store)?;
    let [user, credential] = keys.map(|key| rows.get(&key));
    let person = user
        .map(|user| Person::of(user, credential))
        .transpose()?
        .flatten();
    person.ok_or_else(|| Failure::new(Exit::NotFound, format!("nobody has the login {login}")))
}

/// Everybody of a company, or of all; by company and login.
pub(super) async fn all(tables: &Tables, company: Option<&Company>) -> Result<Vec<Person>, Failure> {
    let scan = |table, prefix| tables.store.scan_all(table, prefix);
    let (users, credentials) = tokio::try_join!(
        scan(Table::Resources, "user/"),
        scan(Table::Identity, "credential/")
    )
    .map_err(of_store)?;
    let credentials: BTreeMap<&str, &StoredRow> = credentials
        .iter()
        .filter_map(|row| Some((row.key().pk().strip_prefix("credential/")?, row)))
        .collect();
    let mut people = Vec::with_capacity(users.len());
    for user in &users {
        let login = user.key().pk().strip_prefix("user/").unwrap_or_default();
        people.extend(Person::of(user, credentials.get(login).copied())?);
    }
    people.retain(|person| company.is_none_or(|company| person.user.company == *company));
    people.sort_by(|a, b| (&a.user.company, &a.user.login).cmp(&(&b.user.company, &b.user.login)));
    Ok(people)
}

/// What is remembered of the attempts to sign in, by login.
pub(super) async fn standings(tables: &Tables) -> Result<BTreeMap<Login, Standing>, Failure> {
    let now = now();
    let mut standings: BTreeMap<Login, Standing> = BTreeMap::new();
    for row in attempts(tables).await? {
        standings
            .entry(row.1.login().clone())
            .or_default()
            .add(&row.1, now);
    }
    Ok(standings)
}

/// Every row of attempts, with its key.
pub(super) async fn attempts(tables: &Tables) -> Result<Vec<(RowKey, AttemptsRow)>, Failure> {
    let rows = tables
        .store
        .scan_all(Table::Identity, AttemptsRow::PREFIX)
        .await
        .map_err(of_store)?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        let read = AttemptsRow::parse(&row);
        let read = read.map_err(|error| Failure::failed(format!("{}: {error}", row.key().pk())))?;
        attempts.extend(read.map(|read| (row.key().clone(), read)));
    }
    Ok(attempts)
}

/// What each company has bought.
pub(super) async fn licences(tables: &Tables) -> Result<BTreeMap<Company, Vec<String>>, Failure> {
    let rows = tables
        .store
        .scan_all(Table::Resources, "company/")
        .await
        .map_err(of_store)?;
    let mut licences = BTreeMap::new();
    for row in rows {
        let id = row.key().pk().strip_prefix("company/").unwrap_or_default();
        let (Ok(company), Ok(bought)) = (Company::try_from(id), row.parse::<CompanyRow>()) else {
            return Err(Failure::failed(format!(
                "the row {} cannot be understood",
                row.key().pk()
            )));
        };
        if matches!(row.removed_at(), Ok(None)) {
            licences.insert(company, bought.licences);
        }
    }
    Ok(licences)
}

/// Makes the writes that `decide` finds right for the person as they are, again where others are faster.
pub(super) async fn change(
    tables: &Tables,
    login: &Login,
    decide: impl Fn(&Person) -> Result<Vec<RowWrite>, Failure>,
) -> Result<Person, Failure> {
    for _ in 0..TRIES {
        let person = find(tables, login).await?;
        let writes = decide(&person)?;
        if writes.is_empty() {
            return Ok(person);
        }
        let written = tables
            .store
            .write_as_operator(&writes, &tables.writer(now()))
            .await;
        if written.map_err(of_store)? == OperatorResult::Made {
            return Ok(person);
        }
    }
    Err(Failure::new(
        Exit::TryAgain,
        format!("{login} was changed by others each time: try again"),
    ))
}
