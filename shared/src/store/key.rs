use sha2::{Digest, Sha256};

use crate::id::{ActivitySessionId, Company, DeviceId, Kind, Login, ResourceId, Source};
use crate::secret::{ApiToken, Token};

/// One of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// What locks guard.
    Resources,
    /// Who may lock.
    Identity,
    /// What happened.
    History,
}

/// The key of one row. The kind comes first, so that a function's policy can be limited to its kinds by
/// `dynamodb:LeadingKeys`, and free-form text comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    table: Table,
    pk: String,
}

impl RowKey {
    /// `user/<login>`.
    #[must_use]
    pub fn user(login: &Login) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("user/{login}"),
        }
    }

    /// `device/<company>/<id>`.
    #[must_use]
    pub fn device(company: &Company, id: &DeviceId) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("device/{company}/{id}"),
        }
    }

    /// `activity-session/<uuid>`.
    #[must_use]
    pub fn activity_session(id: ActivitySessionId) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("activity-session/{id}"),
        }
    }

    /// `resource/<uuid>`.
    #[must_use]
    pub fn resource(id: ResourceId) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("resource/{id}"),
        }
    }

    /// `resource-name/<company>/<name>`: leads from a resource's name to its id.
    #[must_use]
    pub fn resource_name(company: &Company, name: &str) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("resource-name/{company}/{name}"),
        }
    }

    /// `access/<resource uuid>/<login>`.
    #[must_use]
    pub fn access(resource: ResourceId, login: &Login) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("access/{resource}/{login}"),
        }
    }

    /// `company/<id>`.
    #[must_use]
    pub fn company(company: &Company) -> Self {
        Self {
            table: Table::Resources,
            pk: format!("company/{company}"),
        }
    }

    /// `credential/<login>`.
    #[must_use]
    pub fn credential(login: &Login) -> Self {
        Self {
            table: Table::Identity,
            pk: format!("credential/{login}"),
        }
    }

    /// `attempts/<source>/<login>`: the attempts to sign in as a user from one source.
    #[must_use]
    pub fn attempts(source: Source, login: &Login) -> Self {
        Self {
            table: Table::Identity,
            pk: format!("attempts/{source}/{login}"),
        }
    }

    /// `attempts/strangers/<login>`: those from all sources that are not known, together.
    #[must_use]
    pub fn strangers(login: &Login) -> Self {
        Self {
            table: Table::Identity,
            pk: format!("attempts/strangers/{login}"),
        }
    }

    /// `session/<sha-256 of the whole token, in hex>`.
    #[must_use]
    pub fn session(token_sha256: &[u8; 32]) -> Self {
        Self {
            table: Table::Identity,
            pk: format!("session/{}", hex::encode(token_sha256)),
        }
    }

    /// The session of a bearer token or cookie. The table holds the token's hash and never the token.
    #[must_use]
    pub fn session_of(token: &Token) -> Self {
        Self::session(&token.sha256())
    }

    /// The two rows that say who calls with a bearer token or cookie: its session, and the user that it names.
    #[must_use]
    pub fn of_caller(token: &Token) -> [Self; 2] {
        [Self::session_of(token), Self::user(token.login())]
    }

    /// The session of an Aktion token.
    #[must_use]
    pub fn api_session_of(token: &ApiToken) -> Self {
        Self::session(&token.sha256())
    }

    /// The key of a row that the store handed over.
    pub(super) const fn stored(table: Table, pk: String) -> Self {
        Self { table, pk }
    }

    /// Whether the row is a user's.
    #[must_use]
    pub fn is_user(&self) -> bool {
        self.table == Table::Resources && self.pk.starts_with("user/")
    }

    /// The attribute that grows with every write of the row or, of a credential, with every change of the secrets.
    pub(super) fn revision_attribute(&self) -> &'static str {
        match self.table {
            Table::Identity => "secrets_rev",
            Table::Resources | Table::History => "rev",
        }
    }

    /// Whether the row under this key is one that a lock guards.
    pub(super) fn guards_lock(pk: &str) -> bool {
        pk.split_once('/')
            .is_some_and(|(kind, _)| Kind::parse(kind).is_some())
    }

    /// The table that the row is in.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// The partition key.
    #[must_use]
    pub fn pk(&self) -> &str {
        &self.pk
    }

    /// One of `count` shards, always the same for this row: a single hot index key would throttle the table.
    pub(super) fn shard(&self, count: u8) -> u8 {
        shard(&self.pk, count)
    }
}

/// One of `count` shards, always the same for this text.
pub(super) fn shard(text: &str, count: u8) -> u8 {
    let [first, ..]: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    first % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_session_does_not_show_its_token() {
        let company = Company::try_from("1").unwrap();
        let token = Token::issue(&company, &Login::try_from("zoë/x.y").unwrap()).unwrap();
        let again = Token::parse(token.reveal()).unwrap();
        assert_eq!(RowKey::session_of(&again), RowKey::session_of(&token));
        assert!(!RowKey::session_of(&token).pk().contains(token.reveal()));
    }
}
