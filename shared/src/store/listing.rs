use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::device::devices_of;
use super::item::s;
use super::key::ListingShards;
use super::{DeviceRow, Lockable, RowKey, Store, StoreError, Table, classify};
use crate::id::Company;

/// `BatchGetItem` takes at most this many keys.
const KEYS_PER_READ: usize = 100;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many entries at most.
    pub limit: usize,
    /// The place in the order after which the page begins.
    pub after: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The entries, in order.
    pub entries: Vec<R>,
    /// Where the next page begins, where there is one.
    pub next: Option<String>,
}

impl Store {
    /// A page of a company's devices, by name. Which devices there are may lag by the index's delay; what is
    /// shown of each is read from the table itself.
    ///
    /// Every shard of the index is asked at once, then the rows are read: two rounds.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn devices(
        &self,
        company: &Company,
        page: &PageRequest,
    ) -> Result<Page<DeviceRow>, StoreError> {
        let (keys, next) = self.listed(&devices_of(company), page).await?;
        let chunks = try_join_all(keys.chunks(KEYS_PER_READ).map(|chunk| self.read(chunk))).await?;
        let mut entries = Vec::with_capacity(keys.len());
        for (chunk, mut rows) in keys.chunks(KEYS_PER_READ).zip(chunks) {
            for key in chunk {
                // A device that was removed since the index was read is simply not listed.
                if let Some(item) = rows.take(key) {
                    entries.push(DeviceRow::parse(item)?);
                }
            }
        }
        Ok(Page { entries, next })
    }

    async fn listed(
        &self,
        list: &ListingShards,
        page: &PageRequest,
    ) -> Result<(Vec<RowKey>, Option<String>), StoreError> {
        // One more than is wanted tells whether there is a next page.
        let wanted = page.limit.saturating_add(1);
        let shards = try_join_all(
            list.all()
                .map(|shard| self.shard(shard, page.after.as_deref(), wanted)),
        )
        .await?;
        let mut places: Vec<Place> = shards.into_iter().flatten().collect();
        places.sort();
        let more = places.len() > page.limit;
        places.truncate(page.limit);
        let next = if more {
            places.last().map(|place| place.order.clone())
        } else {
            None
        };
        let keys = places
            .into_iter()
            .map(|place| RowKey::stored(Table::Resources, place.pk))
            .collect();
        Ok((keys, next))
    }

    async fn shard(
        &self,
        shard: String,
        after: Option<&str>,
        wanted: usize,
    ) -> Result<Vec<Place>, StoreError> {
        const OPERATION: &str = "Query";
        let mut places = Vec::new();
        let mut start = None;
        loop {
            let left = wanted.saturating_sub(places.len());
            let mut query = self
                .client()
                .query()
                .table_name(self.table_name(Table::Resources))
                .index_name("listing")
                .key_condition_expression(match after {
                    None => "listing_shard = :shard",
                    Some(_) => "listing_shard = :shard AND listing_order > :after",
                })
                .expression_attribute_values(":shard", s(shard.clone()))
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take());
            if let Some(after) = after {
                query = query.expression_attribute_values(":after", s(after));
            }
            let answer = query.send().await.map_err(|error| classify(OPERATION, &error))?;
            for item in answer.items.unwrap_or_default() {
                if let (Some(AttributeValue::S(order)), Some(AttributeValue::S(pk))) =
                    (item.get("listing_order"), item.get("pk"))
                {
                    places.push(Place {
                        order: order.clone(),
                        pk: pk.clone(),
                    });
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() || places.len() >= wanted {
                return Ok(places);
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    order: String,
    pk: String,
}
