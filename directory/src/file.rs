//! The directory file as it is read: a bad file is refused whole, with every fault and its place.

use std::collections::HashSet;
use std::fmt;

use holdfast::id::{ActivitySessionId, Company, DeviceId, Login, ResourceId};
use holdfast::identity::{IpFilter, Sources};
use holdfast::secret::{ApiKey, Password, PasswordHash, TotpSecret};
use holdfast::store::ResourceRow;

use crate::entry::{CompanyEntry, DeviceEntry, Secret, Secrets, SessionEntry, UserEntry};
use crate::members;
use crate::reader::{Entry, Faults};

/// People and things.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub(crate) companies: Vec<CompanyEntry>,
    pub(crate) users: Vec<UserEntry>,
    pub(crate) devices: Vec<DeviceEntry>,
    pub(crate) resources: Vec<ResourceRow>,
    pub(crate) activity_sessions: Vec<SessionEntry>,
}

/// Everything that is wrong with a directory file, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDirectory(Vec<String>);

impl fmt::Display for InvalidDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the directory file is unusable:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for InvalidDirectory {}

impl Directory {
    /// Whether anyone in it has a second factor, so that keys are needed to plan and apply it.
    #[must_use]
    pub fn has_second_factors(&self) -> bool {
        self.users.iter().any(|user| user.secrets.totp.is_some())
    }

    /// The TOTP secret of a user, where the user has one.
    #[must_use]
    pub fn totp_secret(&self, login: &str) -> Option<&TotpSecret> {
        self.users
            .iter()
            .find(|user| user.login.as_str() == login)
            .and_then(|user| user.secrets.totp.as_ref())
    }

    /// Reads a directory file.
    ///
    /// # Errors
    /// [`InvalidDirectory`] with every fault at once.
    pub fn parse(text: &str) -> Result<Self, InvalidDirectory> {
        let value = serde_json::from_str(text)
            .map_err(|error| InvalidDirectory(vec![format!("it is not JSON: {error}")]))?;
        let faults = Faults::default();
        let directory = Self::read(&Entry::root(&value, &faults));
        match faults.into_list() {
            faults if faults.is_empty() => Ok(directory),
            faults => Err(InvalidDirectory(faults)),
        }
    }

    fn read(root: &Entry<'_>) -> Self {
        root.only(members::OF_FILE);
        let _ = root.text("$schema");
        let mut seen = HashSet::new();
        let companies: Vec<CompanyEntry> = root.entries("companies", |entry| {
            entry.only(members::OF_COMPANY);
            let id: Company = entry.id("id")?;
            entry.unique(&mut seen, "id", id.as_str().to_owned());
            Some(CompanyEntry {
                id,
                name: entry.text_or("name", ""),
                licences: entry.texts("licences"),
            })
        });
        let known: HashSet<Company> = companies.iter().map(|company| company.id.clone()).collect();

        let mut seen = HashSet::new();
        let users: Vec<UserEntry> = root.entries("users", |entry| user(entry, &known, &mut seen));

        let mut seen = HashSet::new();
        let devices = root.entries("devices", |entry| {
            entry.only(members::OF_DEVICE);
            let company = entry.company(&known);
            let id: Option<DeviceId> = entry.id("id");
            let (company, id) = (company?, id?);
            entry.unique(&mut seen, "id", format!("{company}/{id}"));
            Some(DeviceEntry {
                name: entry.text_or("name", id.as_str()),
                ip: entry.text_or("ip", ""),
                description: entry.text_or("description", ""),
                company,
                id,
            })
        });
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        let resources: Vec<ResourceRow> = root.entries("resources", |entry| {
            entry.only(members::OF_RESOURCE);
            let company = entry.company(&known);
            let id: Option<ResourceId> = entry.id("id");
            let name = entry.required("name");
            let (company, id, name) = (company?, id?, name?);
            entry.unique(&mut ids, "id", id.to_string());
            entry.unique(&mut names, "name", format!("{company}/{name}"));
            Some(ResourceRow { company, id, name })
        });

        let mut seen = HashSet::new();
        let activity_sessions = root.entries("activity_sessions", |entry| {
            session(entry, &known, &users, &resources, &mut seen)
        });
        Self {
            companies,
            users,
            devices,
            resources,
            activity_sessions,
        }
    }
}

fn session(
    entry: &Entry<'_>,
    known: &HashSet<Company>,
    users: &[UserEntry],
    resources: &[ResourceRow],
    seen: &mut HashSet<String>,
) -> Option<SessionEntry> {
    entry.only(members::OF_ACTIVITY_SESSION);
    let company = entry.company(known);
    let id: Option<ActivitySessionId> = entry.id("id");
    if let Some(id) = id {
        entry.unique(seen, "id", id.to_string());
    }
    let (user, resource) = (entry.required("user"), entry.required("resource"));
    let activity = entry.required("activity");
    let company = company?;
    let user = user.and_then(|login| {
        let found = users
            .iter()
            .find(|user| user.company == company && user.login.as_str() == login);
        found
            .cloned()
            .or_else(|| entry.fault("user", "is none of the company's users in this file"))
    });
    let resource = resource.and_then(|name| {
        let found = resources
            .iter()
            .find(|resource| resource.company == company && resource.name == name);
        found
            .cloned()
            .or_else(|| entry.fault("resource", "is none of the company's resources in this file"))
    });
    Some(SessionEntry {
        id: id?,
        user: user?,
        resource: resource?,
        activity: activity?,
    })
}

fn user(entry: &Entry<'_>, known: &HashSet<Company>, seen: &mut HashSet<String>) -> Option<UserEntry> {
    entry.only(members::OF_USER);
    let company = entry.company(known);
    let login: Option<Login> = entry.id("login");
    if let Some(login) = &login {
        if login.is_reserved() {
            let _: Option<()> = entry.fault("login", "is reserved, as 'me', 'system' and 'operator' are");
        }
        // Logins are unique across companies: a sign-in names no company.
        entry.unique(seen, "login", login.as_str().to_owned());
    }
    let password = secret(entry);
    let totp = entry.parsed("totp_secret", "is not base32 of 16 bytes or more", |text| {
        TotpSecret::parse(text).ok()
    });
    let api_key = entry.parsed("api_key", "is not base64 of 16 bytes", |text| {
        ApiKey::parse(text).map(|key| key.hash())
    });
    let rate_policy = entry.parsed(
        "rate_policy",
        "must be <requests>/20, with at least one request",
        |text| text.parse().ok(),
    );
    let ip_filter = entry
        .parsed(
            "ip_filter",
            "must be a list of addresses, CIDR blocks and a-b ranges",
            |text| text.parse::<IpFilter>().ok().map(|_| text.to_owned()),
        )
        .unwrap_or_default();
    let sources = entry.texts("sources");
    if Sources::parse(&sources).is_err() {
        let _: Option<()> = entry.fault("sources", "must be a list of addresses and CIDR blocks");
    }
    let mfa_required = entry
        .parsed("mfa", "must be required or not-required", |text| match text {
            "required" => Some(true),
            "not-required" => Some(false),
            _ => None,
        })
        .unwrap_or(true);
    let (company, login) = (company?, login?);
    Some(UserEntry {
        name: entry.text_or("name", login.as_str()),
        roles: entry.texts("roles"),
        groups: entry.texts("groups"),
        privileges: entry.texts("privileges"),
        record_group: entry.text_or("record_group", ""),
        editable_groups: entry.texts("editable_groups"),
        ip_filter,
        rate_policy: rate_policy.unwrap_or_default(),
        sources,
        system: entry.truth("system"),
        mfa_required,
        disabled: entry.optional_truth("disabled"),
        secrets: Secrets {
            password,
            totp,
            api_key,
        },
        company,
        login,
    })
}

fn secret(entry: &Entry<'_>) -> Option<Secret> {
    match (entry.text("password"), entry.text("password_hash")) {
        (Some(password), None) => Some(Secret::Password {
            is_empty: password.is_empty(),
            password: Password::new(password),
        }),
        (None, Some(hash)) => match PasswordHash::parse(&hash) {
            Ok(hash) => Some(Secret::Hash(hash)),
            Err(_) => entry.fault("password_hash", "is not an argon2id hash in PHC form"),
        },
        (Some(_), Some(_)) => entry.fault(
            "password_hash",
            "is given beside a password; one of them is enough",
        ),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        Directory::parse(text).unwrap_err().0
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let text = r#"{
            "companies": [{"id": "1"}, {"id": "a b"}, {"id": "1"}],
            "users": [
                {"company": "1", "login": "alice", "password": "x", "groups": "administrators"},
                {"company": "2", "login": "alice", "password": "x", "password_hash": "y"},
                {"company": "1", "login": "", "passwrod": "x"},
                {"company": "1", "login": "carol", "password": "x", "totp_secret": "0", "api_key": "k", "mfa": "maybe",
                 "ip_filter": "here", "rate_policy": "9/9", "sources": ["192.0.2.1", "here"], "system": 1},
                7
            ],
            "devices": [{"company": "1", "id": "a/b"}, {"id": "ID5"}],
            "resources": [{"company": "1", "id": "7", "name": "db01"}, {"company": "1", "id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff"}],
            "activity_sessions": [{"company": "1", "id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "user": "bob", "resource": "db02"}],
            "extra": 1
        }"#;
        assert_eq!(
            faults(text),
            [
                "extra: there is no such member here",
                "companies[1].id: a company id is 1 to 32 letters, digits, '_' or '-'",
                "companies[2].id: appears more than once",
                "users[0].groups: must be a list of texts",
                "users[1].company: is none of the companies in this file",
                "users[1].login: appears more than once",
                "users[1].password_hash: is given beside a password; one of them is enough",
                "users[2].passwrod: there is no such member here",
                "users[2].login: a login is 1 to 100 characters, none of them a control character",
                "users[3].totp_secret: is not base32 of 16 bytes or more",
                "users[3].api_key: is not base64 of 16 bytes",
                "users[3].rate_policy: must be <requests>/20, with at least one request",
                "users[3].ip_filter: must be a list of addresses, CIDR blocks and a-b ranges",
                "users[3].sources: must be a list of addresses and CIDR blocks",
                "users[3].mfa: must be required or not-required",
                "users[3].system: must be true or false",
                "users[4]: must be an object",
                "devices[0].id: a device id is 1 to 128 printable ASCII characters other than '/', '?' and '#'",
                "devices[1].company: is missing",
                "resources[0].id: a resource id is a UUID",
                "resources[1].name: is missing",
                "activity_sessions[0].activity: is missing",
                "activity_sessions[0].user: is none of the company's users in this file",
                "activity_sessions[0].resource: is none of the company's resources in this file",
            ]
        );
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        assert!(faults("{").first().unwrap().starts_with("it is not JSON"));
        assert_eq!(faults("[]"), ["the file: must be an object"]);
    }

    #[test]
    fn nobody_is_called_what_the_api_calls_someone_else() {
        let file = |login: &str| {
            format!(
                r#"{{"companies": [{{"id": "1"}}], "users": [{{"company": "1", "login": "{login}", "password": "x"}}]}}"#
            )
        };
        for login in ["me", "system", "operator"] {
            assert_eq!(
                faults(&file(login)),
                ["users[0].login: is reserved, as 'me', 'system' and 'operator' are"]
            );
        }
        for login in ["Me", "operators", "systemd"] {
            assert_eq!(Directory::parse(&file(login)).unwrap().users.len(), 1);
        }
    }

    #[test]
    fn an_empty_directory_is_one() {
        assert!(Directory::parse("{}").unwrap().users.is_empty());
    }
}
