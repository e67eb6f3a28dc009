use std::collections::HashMap;

use crate::failure::{Corrupt, Failure};
use crate::lock::{Revision, Timestamp};
use crate::secret::Sealed;
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

/// The numbers of a row that an epoch was part of; zero for those that it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The largest fence.
    pub fence: u64,
    /// The number of the latest change.
    pub change: u64,
    /// How often sessions were revoked.
    pub revocations: u64,
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

    /// The numbers of the row that an epoch was part of: fences, changes, revocations, and a session's copies of them.
    ///
    /// # Errors
    /// [`Corrupt`] where one of them cannot be understood.
    pub fn counted(&self) -> Result<Counted, Corrupt> {
        let mut row = Attributes::new(self.item.clone());
        let mut fence = 0;
        for name in ["fence", "broken_fence", "user_fence"] {
            fence = fence.max(row.optional_number(name)?.unwrap_or(0));
        }
        Ok(Counted {
            fence,
            change: row.optional_number("change")?.unwrap_or(0),
            revocations: row
                .optional_number("revocations")?
                .or(row.optional_number("user_revocations")?)
                .unwrap_or(0),
        })
    }

    /// Which secrets the row of a credential has.
    #[must_use]
    pub fn secrets(&self) -> SecretsHeld {
        SecretsHeld {
            totp: self.item.contains_key("totp_secret"),
            api_key: self.item.contains_key("api_key_hash"),
        }
    }

    /// The second factor of a credential's row, where it has one.
    ///
    /// # Errors
    /// [`Corrupt`] where it is not sealed.
    pub fn second_factor(&self) -> Result<Option<Sealed>, Corrupt> {
        const TOTP_SECRET: &str = "totp_secret";
        let sealed = Attributes::new(self.item.clone()).optional_text(TOTP_SECRET)?;
        let sealed = sealed.as_deref().map(Sealed::parse).transpose();
        sealed.map_err(|_| Corrupt {
            attribute: TOTP_SECRET,
        })
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
