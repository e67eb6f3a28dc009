use std::collections::HashMap;

use crate::failure::{Corrupt, Failure};
use crate::lock::{Revision, Timestamp};
use crate::store::tombstone::REMOVED_AT;
use crate::store::{Attributes, Item, Row, RowKey, Store};

/// A row as an operator sees it: what the service reads as absent as well.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    key: RowKey,
    item: Item,
}

/// Which secrets a user has, without the secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretsHeld {
    /// A second factor.
    pub totp: bool,
    /// An API key.
    pub api_key: bool,
}

impl StoredRow {
    pub(super) const fn new(key: RowKey, item: Item) -> Self {
        Self { key, item }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &RowKey {
        &self.key
    }

    /// Its attributes.
    #[must_use]
    pub const fn item(&self) -> &Item {
        &self.item
    }

    /// The revision that a write of an operator must find.
    ///
    /// # Errors
    /// [`Corrupt`] where it has none.
    pub fn revision(&self) -> Result<Revision, Corrupt> {
        let attribute = self.key.revision_attribute();
        let number = self.item.get(attribute).and_then(|value| value.as_n().ok());
        let number = number.and_then(|digits| digits.parse().ok());
        number.map(Revision::new).ok_or(Corrupt { attribute })
    }

    /// When its person or thing was removed, where it is a tombstone.
    ///
    /// # Errors
    /// [`Corrupt`] where that cannot be understood.
    pub fn removed_at(&self) -> Result<Option<Timestamp>, Corrupt> {
        Attributes::new(self.item.clone()).optional_timestamp(REMOVED_AT)
    }

    /// Reads it, tombstone or not.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood.
    pub fn parse<R: Row>(&self) -> Result<R, Corrupt> {
        R::parse(self.item.clone())
    }

    /// Which secrets the row of a credential has.
    #[must_use]
    pub fn secrets(&self) -> SecretsHeld {
        SecretsHeld {
            totp: self.item.contains_key("totp_secret"),
            api_key: self.item.contains_key("api_key_hash"),
        }
    }
}

impl Store {
    /// Reads rows as [`Store::read`] does, tombstones too.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn stored(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, StoredRow>, Failure> {
        let rows = self.read_with_tombstones(keys).await?;
        let rows = rows
            .into_iter()
            .map(|(key, item)| (key.clone(), StoredRow::new(key, item)));
        Ok(rows.collect())
    }
}
