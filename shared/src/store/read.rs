use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;

use super::item::s;
use super::tombstone::is_tombstone;
use super::{Item, Row, RowKey, Store, Table, classify};
use crate::failure::{Corrupt, Failure};

/// `BatchGetItem` takes at most this many keys.
const KEYS_PER_BATCH: usize = 100;
/// How often keys that the store left unprocessed are asked for again.
const ROUNDS: u32 = 4;

/// Rows read together.
#[derive(Debug, Default)]
pub struct Rows(HashMap<RowKey, Item>);

impl Rows {
    /// Takes a row out; `None` where there is none.
    pub fn take(&mut self, key: &RowKey) -> Option<Item> {
        self.0.remove(key)
    }

    /// Reads a row and leaves it, for others who need it; `None` where there is none.
    ///
    /// # Errors
    /// [`Failure::Corrupt`] where it cannot be understood.
    pub fn parse_copy<R: Row>(&self, key: &RowKey) -> Result<Option<R>, Failure> {
        Ok(self.0.get(key).cloned().map(R::parse).transpose()?)
    }

    /// Takes a row out and reads it; `None` where there is none.
    ///
    /// # Errors
    /// [`Failure::Corrupt`] where it cannot be understood.
    pub fn parse<R: Row>(&mut self, key: &RowKey) -> Result<Option<R>, Failure> {
        Ok(self.take(key).map(R::parse).transpose()?)
    }
}

impl Store {
    /// Reads one row; `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::read`], and [`Failure::Corrupt`] where the row cannot be understood.
    pub async fn read_one<R: Row>(&self, key: &RowKey) -> Result<Option<R>, Failure> {
        self.read(std::slice::from_ref(key)).await?.parse(key)
    }

    /// Reads rows of both tables with strong consistency: in one `BatchGetItem`, or in several at once where there
    /// are more than 100 keys. A row that is not there is absent from the answer, and so is a tombstone; a key given
    /// twice is read once.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] where the store still leaves keys unprocessed after being asked again.
    pub async fn read(&self, keys: &[RowKey]) -> Result<Rows, Failure> {
        let mut rows = self.read_with_tombstones(keys).await?;
        rows.retain(|_, item| !is_tombstone(item));
        Ok(Rows(rows))
    }

    /// The same with the tombstones.
    pub(super) async fn read_with_tombstones(
        &self,
        keys: &[RowKey],
    ) -> Result<HashMap<RowKey, Item>, Failure> {
        let mut distinct: Vec<&RowKey> = Vec::with_capacity(keys.len());
        let mut seen = HashSet::with_capacity(keys.len());
        // The same key twice in one BatchGetItem is refused by the store.
        distinct.extend(keys.iter().filter(|key| seen.insert(*key)));
        let batches = try_join_all(
            distinct
                .chunks(KEYS_PER_BATCH)
                .map(|batch| self.read_batch(batch)),
        )
        .await?;
        Ok(batches.into_iter().flatten().collect())
    }

    async fn read_batch(&self, keys: &[&RowKey]) -> Result<HashMap<RowKey, Item>, Failure> {
        const OPERATION: &str = "BatchGetItem";
        let mut pending = self.requests(keys)?;
        let mut rows = HashMap::with_capacity(keys.len());
        for round in 0..ROUNDS {
            if pending.is_empty() {
                return Ok(rows);
            }
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(25 << round)).await;
            }
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(std::mem::take(&mut pending)))
                .send()
                .await
                .map_err(|error| classify(OPERATION, &error))?;
            for (name, items) in answer.responses.unwrap_or_default() {
                let table = self
                    .table_named(&name)
                    .ok_or_else(|| Failure::Defect(format!("{OPERATION}: an unknown table")))?;
                for item in items {
                    rows.insert(key_of(table, &item)?, item);
                }
            }
            pending = answer.unprocessed_keys.unwrap_or_default();
        }
        if pending.is_empty() {
            Ok(rows)
        } else {
            Err(Failure::Unavailable(format!(
                "{OPERATION}: keys left unprocessed"
            )))
        }
    }

    fn requests(&self, keys: &[&RowKey]) -> Result<HashMap<String, KeysAndAttributes>, Failure> {
        let mut by_table: HashMap<&str, Vec<Item>> = HashMap::with_capacity(2);
        for key in keys {
            by_table
                .entry(self.table_name(key.table()))
                .or_default()
                .push(HashMap::from([("pk".to_owned(), s(key.pk()))]));
        }
        by_table
            .into_iter()
            .map(|(name, keys)| {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(true)
                    .build()
                    .map_err(|_| Failure::Defect("BatchGetItem: no keys".to_owned()))?;
                Ok((name.to_owned(), request))
            })
            .collect()
    }
}

pub(super) fn key_of(table: Table, item: &Item) -> Result<RowKey, Failure> {
    item.get("pk")
        .and_then(|pk| pk.as_s().ok())
        .map(|pk| RowKey::stored(table, pk.clone()))
        .ok_or(Failure::Corrupt(Corrupt { attribute: "pk" }))
}
