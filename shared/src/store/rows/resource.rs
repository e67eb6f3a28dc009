use std::collections::HashMap;

use crate::failure::Corrupt;
use crate::id::{Company, ResourceId};
use crate::lock::Record;
use crate::store::item::{n, s};
use crate::store::{Attributes, Item, Lockable, Row, RowKey, record};

/// A resource that activity sessions are opened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow {
    /// The company that it belongs to.
    pub company: Company,
    /// Its id.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
}

impl Row for ResourceRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            id: row.id("resource_id")?,
            name: row.text("resource_name")?,
        })
    }
}

impl ResourceRow {
    /// The id that a `resource-name/…` row leads to.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood.
    pub fn id_of_name(item: Item) -> Result<ResourceId, Corrupt> {
        Attributes::new(item).id("resource_id")
    }

    /// The keys of its two rows: itself, and its name.
    #[must_use]
    pub fn keys(&self) -> [RowKey; 2] {
        [
            RowKey::resource(self.id),
            RowKey::resource_name(&self.company, &self.name),
        ]
    }

    /// The two rows of a resource that is entered for the first time: itself, and its name.
    #[must_use]
    pub fn to_items(&self) -> [Item; 2] {
        self.keys().map(|key| {
            HashMap::from(
                [
                    ("pk", s(key.pk())),
                    ("company", s(self.company.as_str())),
                    ("resource_id", s(self.id.to_string())),
                    ("resource_name", s(self.name.as_str())),
                    ("rev", n(1)),
                ]
                .map(|(name, value)| (name.to_owned(), value)),
            )
        })
    }
}

/// A user's access to a resource. The row is there only once the pair has been locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    /// The company that the pair belongs to.
    pub company: Company,
    /// The lock on the pair.
    pub lock: Record,
}

impl AccessRow {
    /// Reads the row of a pair that `company` asks for.
    ///
    /// The key does not name the company, and no pair is of two: a row of another one is neither theirs to see or to
    /// write nor the absent row that is a free pair.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood, or belongs to another company.
    pub fn parse_for(company: &Company, item: Item) -> Result<Self, Corrupt> {
        let row = Self::parse(item)?;
        if row.company == *company {
            Ok(row)
        } else {
            Err(Corrupt { attribute: "company" })
        }
    }
}

impl Row for AccessRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            lock: record(&mut row)?,
        })
    }
}

impl Lockable for AccessRow {
    fn record(&self) -> &Record {
        &self.lock
    }
}
