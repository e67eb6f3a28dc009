use std::collections::HashMap;

use crate::failure::Corrupt;
use crate::id::{Company, DeviceId, Kind};
use crate::lock::{Record, Timestamp};
use crate::store::index::ListingShards;
use crate::store::item::{n, s};
use crate::store::record::by_operator;
use crate::store::{Attributes, Item, Lockable, Row, RowKey, record};

/// A network device, as it is inventoried and as it is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// The company that it belongs to.
    pub company: Company,
    /// Its id within the company.
    pub id: DeviceId,
    /// Its name, by which lists are ordered.
    pub name: String,
    /// Its address.
    pub ip: String,
    /// What it is for.
    pub description: String,
    /// The id of the network function that it belongs to.
    pub network_function_id: String,
    /// The name of the network function that it belongs to.
    pub network_function_name: String,
    /// What software it runs.
    pub software_info: String,
    /// Whether the manager reaches it.
    pub connectivity_status: String,
    /// Its lock.
    pub lock: Record,
}

impl Row for DeviceRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            company: row.id("company")?,
            id: row.id("device_id")?,
            name: row.text("device_name")?,
            ip: row.text("ip")?,
            description: row.text("description")?,
            network_function_id: row.text("network_function_id")?,
            network_function_name: row.text("network_function_name")?,
            software_info: row.text("software_info")?,
            connectivity_status: row.text("connectivity_status")?,
            lock: record(&mut row)?,
        })
    }
}

impl Lockable for DeviceRow {
    fn record(&self) -> &Record {
        &self.lock
    }
}

/// A device that is entered for the first time: free, with fence zero.
#[derive(Clone, Debug)]
pub struct NewDevice<'a> {
    /// The company that it belongs to.
    pub company: &'a Company,
    /// Its id within the company.
    pub id: &'a DeviceId,
    /// Its name.
    pub name: &'a str,
    /// Its address.
    pub ip: &'a str,
    /// What it is for.
    pub description: &'a str,
}

impl NewDevice<'_> {
    /// The row, complete with its place in the list.
    #[must_use]
    pub fn to_item(&self, now: Timestamp) -> Item {
        let key = RowKey::device(self.company, self.id);
        HashMap::from(
            [
                ("listing_shard", s(devices_of(self.company).of(&key))),
                // Two devices may have one name; the id keeps the order total.
                ("listing_order", s(format!("{}\u{1}{}", self.name, self.id))),
                ("pk", s(key.pk())),
                ("company", s(self.company.as_str())),
                ("device_id", s(self.id.as_str())),
                ("device_name", s(self.name)),
                ("ip", s(self.ip)),
                ("description", s(self.description)),
                ("network_function_id", s("")),
                ("network_function_name", s("")),
                ("software_info", s("")),
                ("connectivity_status", s("Unknown")),
                ("fence", n(0)),
                ("rev", n(1)),
                ("change", n(1)),
                ("by", by_operator(now)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}

/// The list of a company's devices.
pub(in crate::store) fn devices_of(company: &Company) -> ListingShards {
    ListingShards::new(Kind::Device, company, "all")
}
