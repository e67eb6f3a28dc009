//! What the tables have of a directory.

use std::collections::{BTreeMap, HashMap};

use holdfast::failure::{Corrupt, Failure};
use holdfast::id::{ActivitySessionId, Company, DeviceId, Login, ResourceId};
use holdfast::lock::{Lock, Revision, Timestamp};
use holdfast::secret::{ApiKeyHash, PasswordHash, Sealed, UnsealError};
use holdfast::store::{
    ActivitySessionRow, CompanyRow, DeviceRow, Lockable, ResourceRow, RowKey, Store, StoredRow, Table,
    UserRow,
};
use thiserror::Error;

use crate::entry::{CompanyEntry, DeviceEntry, Secrets, UserEntry, fields_of_session};
use crate::field::Fields;
use crate::file::Directory;

/// How many rows are asked for by their keys at once.
const KEYS_AT_ONCE: usize = 2_000;

/// Why the tables cannot be read: one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnreadableTables {
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A row that no directory, and no function, has written.
    #[error("the row {key} cannot be understood: its attribute {attribute} is missing or malformed")]
    Corrupt {
        /// Its key.
        key: String,
        /// What is wrong with it.
        attribute: &'static str,
    },
    /// A second factor that cannot be compared with the file's.
    #[error("the second factor of user/{login} does not open: {why}")]
    Sealed {
        /// Whose.
        login: Login,
        /// Why.
        why: UnsealError,
    },
}

/// The people and things in the tables, as they were when they were read.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub(crate) companies: BTreeMap<Company, LiveEntry<CompanyEntry>>,
    pub(crate) users: BTreeMap<Login, LiveUser>,
    pub(crate) devices: BTreeMap<(Company, DeviceId), LiveEntry<DeviceEntry>>,
    pub(crate) resources: BTreeMap<ResourceId, LiveEntry<ResourceRow>>,
    /// Only those that the file opens.
    pub(crate) activity_sessions: HashMap<ActivitySessionId, Fields>,
}

/// An entry and its row.
#[derive(Clone, Debug)]
pub(crate) struct LiveEntry<T> {
    pub(crate) entry: T,
    pub(crate) rev: Revision,
    pub(crate) is_removed: bool,
    /// The lock that its row records.
    pub(crate) lock: Option<Lock>,
}

/// A user, and what they authenticate with.
#[derive(Clone, Debug)]
pub(crate) struct LiveUser {
    pub(crate) row: LiveEntry<UserEntry>,
    pub(crate) credential: Option<LiveCredential>,
    /// The revision of the credential's row, which may be a tombstone.
    pub(crate) credential_rev: Option<Revision>,
}

/// The secrets of a user.
#[derive(Clone, Debug)]
pub(crate) struct LiveCredential {
    pub(crate) password_hash: PasswordHash,
    pub(crate) totp: Option<Sealed>,
    pub(crate) api_key: Option<ApiKeyHash>,
}

impl<T> LiveEntry<T> {
    /// The entry of a row; `lock` is what the row records of its lock.
    fn of(row: &StoredRow, entry: T, lock: Option<&Lock>) -> Result<Self, Corrupt> {
        Ok(Self {
            entry,
            rev: row.revision()?,
            is_removed: row.removed_at()?.is_some(),
            lock: lock.cloned(),
        })
    }

    /// The lock that holds at `now`.
    pub(crate) fn lock_at(&self, now: Timestamp) -> Option<&Lock> {
        self.lock
            .as_ref()
            .filter(|lock| !self.is_removed && lock.until.is_none_or(|until| now < until))
    }
}

impl LiveUser {
    pub(crate) fn is_disabled(&self) -> bool {
        self.row.entry.disabled == Some(true)
    }
}

impl Live {
    /// Reads the people and things in the tables, and those activity sessions that `directory` opens.
    ///
    /// # Errors
    /// [`UnreadableTables`]
    pub async fn read(store: &Store, directory: &Directory) -> Result<Self, UnreadableTables> {
        let kinds = ["company/", "user/", "device/", "resource/"];
        let (rows, credentials) = futures_util::future::try_join(
            store.scan_kinds(Table::Resources, &kinds),
            store.scan_kinds(Table::Identity, &["credential/"]),
        )
        .await?;
        let mut live = Self::default();
        let mut credentials: HashMap<String, StoredRow> = credentials
            .into_iter()
            .map(|row| (row.key().pk().to_owned(), row))
            .collect();
        for row in &rows {
            live.take(row, &mut credentials)?;
        }
        live.read_activity_sessions(store, directory).await?;
        Ok(live)
    }

    fn take(
        &mut self,
        row: &StoredRow,
        credentials: &mut HashMap<String, StoredRow>,
    ) -> Result<(), UnreadableTables> {
        let corrupt = of_row(row);
        let (kind, id) = row.key().pk().split_once('/').unwrap_or_default();
        match kind {
            "company" => {
                let company = company(row, id).map_err(corrupt)?;
                self.companies.insert(company.entry.id.clone(), company);
            }
            "device" => {
                let device = device(row).map_err(corrupt)?;
                let key = (device.entry.company.clone(), device.entry.id.clone());
                self.devices.insert(key, device);
            }
            "resource" => {
                let resource = resource(row).map_err(corrupt)?;
                self.resources.insert(resource.entry.id, resource);
            }
            "user" => {
                let credential = credentials.remove(&format!("credential/{id}"));
                if let Some(user) = person(Some(row), credential.as_ref()).map_err(corrupt)? {
                    self.users.insert(user.row.entry.login.clone(), user);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn read_activity_sessions(
        &mut self,
        store: &Store,
        directory: &Directory,
    ) -> Result<(), UnreadableTables> {
        for sessions in directory.activity_sessions.chunks(KEYS_AT_ONCE) {
            let keys: Vec<RowKey> = sessions
                .iter()
                .map(|session| RowKey::activity_session(session.id))
                .collect();
            for row in store.stored(&keys).await?.values() {
                let session: ActivitySessionRow = row.parse().map_err(of_row(row))?;
                self.activity_sessions
                    .insert(session.id, fields_of_session(&session));
            }
        }
        Ok(())
    }
}

fn of_row(row: &StoredRow) -> impl Fn(Corrupt) -> UnreadableTables {
    let key = row.key().pk().to_owned();
    move |Corrupt { attribute }| UnreadableTables::Corrupt {
        key: key.clone(),
        attribute,
    }
}

pub(crate) fn company(row: &StoredRow, id: &str) -> Result<LiveEntry<CompanyEntry>, Corrupt> {
    let entry = CompanyEntry {
        id: Company::try_from(id).map_err(|_| Corrupt { attribute: "pk" })?,
        name: text(row, "company_name").unwrap_or_default(),
        licences: row.parse::<CompanyRow>()?.licences,
    };
    LiveEntry::of(row, entry, None)
}

pub(crate) fn device(row: &StoredRow) -> Result<LiveEntry<DeviceEntry>, Corrupt> {
    let device: DeviceRow = row.parse()?;
    let entry = DeviceEntry {
        company: device.company.clone(),
        id: device.id.clone(),
        name: device.name.clone(),
        ip: device.ip.clone(),
        description: device.description.clone(),
    };
    LiveEntry::of(row, entry, device.record().state.recorded())
}

pub(crate) fn resource(row: &StoredRow) -> Result<LiveEntry<ResourceRow>, Corrupt> {
    LiveEntry::of(row, row.parse()?, None)
}

pub(crate) fn session(row: &StoredRow) -> Result<Fields, Corrupt> {
    Ok(fields_of_session(&row.parse()?))
}

/// A user's two rows; `None` where there is no user.
pub(crate) fn person(
    row: Option<&StoredRow>,
    secrets: Option<&StoredRow>,
) -> Result<Option<LiveUser>, Corrupt> {
    let Some(row) = row else { return Ok(None) };
    Ok(Some(LiveUser {
        row: user(row)?,
        credential: secrets.map(credential).transpose()?.flatten(),
        credential_rev: secrets.map(StoredRow::revision).transpose()?,
    }))
}

fn user(row: &StoredRow) -> Result<LiveEntry<UserEntry>, Corrupt> {
    let user: UserRow = row.parse()?;
    let lock = user.record().state.recorded().cloned();
    let rate_policy = user.rate_policy.parse();
    let entry = UserEntry {
        company: user.company,
        login: user.login,
        name: user.name,
        roles: user.roles,
        groups: user.groups,
        privileges: user.privileges,
        record_group: user.record_group,
        editable_groups: user.editable_groups,
        ip_filter: user.ip_filter,
        rate_policy: rate_policy.map_err(|_| Corrupt {
            attribute: "rate_policy",
        })?,
        sources: user.sources,
        system: user.system,
        mfa_required: user.mfa_required,
        disabled: Some(user.disabled),
        secrets: Secrets::default(),
    };
    LiveEntry::of(row, entry, lock.as_ref())
}

/// The secrets; none of a tombstone.
fn credential(row: &StoredRow) -> Result<Option<LiveCredential>, Corrupt> {
    if row.removed_at()?.is_some() {
        return Ok(None);
    }
    let malformed = |attribute| move |_| Corrupt { attribute };
    let hash = text(row, "password_hash").unwrap_or_default();
    Ok(Some(LiveCredential {
        password_hash: PasswordHash::parse(&hash).map_err(malformed("password_hash"))?,
        totp: row.second_factor()?,
        api_key: text(row, "api_key_hash")
            .map(|hash| ApiKeyHash::parse(&hash))
            .transpose()
            .map_err(malformed("api_key_hash"))?,
    }))
}

fn text(row: &StoredRow, attribute: &str) -> Option<String> {
    row.item().get(attribute)?.as_s().ok().cloned()
}
