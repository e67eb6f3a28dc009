use aws_sdk_dynamodb::types::{AttributeValue, Select};
use futures_util::future::{try_join, try_join_all};

use super::activity_session::sessions_of;
use super::device::devices_of;
use super::item::s;
use super::key::ListingShards;
use super::{
    ActivitySessionRow, DeviceRow, Lockable, RowKey, StatusClass, Store, StoreError, Table, classify,
};
use crate::id::Company;

const OPERATION: &str = "Query";

/// Which part of a list that is read on from a place is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many entries at most.
    pub limit: usize,
    /// The place in the order after which the page begins.
    pub after: Option<String>,
}

/// One page of such a list.
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
        let part = Part {
            after: page.after.as_deref(),
            descending: false,
            // One more than is wanted tells whether there is a next page.
            wanted: page.limit.saturating_add(1),
        };
        let shards = self.shards(&devices_of(company), part).await?;
        let mut places = in_order(&shards, part);
        let more = places.len() > page.limit;
        places.truncate(page.limit);
        let next = if more {
            places.last().map(|place| place.order.clone())
        } else {
            None
        };
        Ok(Page {
            entries: self.listed(places).await?,
            next,
        })
    }

    /// The `take` newest of a company's sessions of one class, after the `skip` newest, and how many there are in
    /// all. What is listed may lag as for [`Store::devices`].
    ///
    /// A shard that was read to its end is counted by that. The others are counted while the rows are read: two rounds
    /// as well.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn activity_sessions(
        &self,
        company: &Company,
        class: StatusClass,
        skip: usize,
        take: usize,
    ) -> Result<(Vec<ActivitySessionRow>, u64), StoreError> {
        let list = sessions_of(company, class);
        let part = Part {
            after: None,
            descending: true,
            wanted: skip.saturating_add(take),
        };
        let shards = self.shards(&list, part).await?;
        let places = in_order(&shards, part)
            .into_iter()
            .skip(skip)
            .take(take)
            .collect();
        try_join(self.listed(places), self.count(shards)).await
    }

    /// The rows at these places, in order. One that was removed since the index was read is simply not listed.
    async fn listed<R: Lockable>(&self, places: Vec<Place>) -> Result<Vec<R>, StoreError> {
        let keys: Vec<RowKey> = places
            .into_iter()
            .map(|place| RowKey::stored(Table::Resources, place.pk))
            .collect();
        let mut rows = self.read(&keys).await?;
        let found = keys.iter().filter_map(|key| rows.take(key));
        found
            .map(|item| R::parse(item).map_err(StoreError::from))
            .collect()
    }

    async fn shards(&self, list: &ListingShards, part: Part<'_>) -> Result<Vec<Shard>, StoreError> {
        try_join_all(list.all().map(|shard| self.shard(shard, part))).await
    }

    async fn shard(&self, shard: String, part: Part<'_>) -> Result<Shard, StoreError> {
        let mut places = Vec::new();
        let mut start = None;
        loop {
            let left = part.wanted.saturating_sub(places.len());
            let mut query = self
                .client()
                .query()
                .table_name(self.table_name(Table::Resources))
                .index_name("listing")
                .key_condition_expression(match part.after {
                    None => "listing_shard = :shard",
                    Some(_) => "listing_shard = :shard AND listing_order > :after",
                })
                .expression_attribute_values(":shard", s(shard.as_str()))
                .scan_index_forward(!part.descending)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take());
            if let Some(after) = part.after {
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
            if start.is_none() || places.len() >= part.wanted {
                return Ok(Shard {
                    is_whole: start.is_none() && part.after.is_none(),
                    hash_key: shard,
                    places,
                });
            }
        }
    }

    async fn count(&self, shards: Vec<Shard>) -> Result<u64, StoreError> {
        let counts = shards.into_iter().map(async |shard| {
            if shard.is_whole {
                Ok(u64::try_from(shard.places.len()).unwrap_or(u64::MAX))
            } else {
                self.count_shard(shard.hash_key).await
            }
        });
        Ok(try_join_all(counts).await?.into_iter().sum())
    }

    async fn count_shard(&self, shard: String) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut start = None;
        loop {
            let answer = self
                .client()
                .query()
                .table_name(self.table_name(Table::Resources))
                .index_name("listing")
                .key_condition_expression("listing_shard = :shard")
                .expression_attribute_values(":shard", s(shard.as_str()))
                .select(Select::Count)
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| classify(OPERATION, &error))?;
            count += u64::try_from(answer.count).unwrap_or(0);
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }
}

/// How far each shard is read.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    after: Option<&'a str>,
    descending: bool,
    wanted: usize,
}

/// What was read of a shard.
#[derive(Clone, Debug)]
struct Shard {
    /// Its hash key in the index.
    hash_key: String,
    places: Vec<Place>,
    /// Whether it was read from its beginning to its end.
    is_whole: bool,
}

/// The places of all shards together, as far as they are wanted.
fn in_order(shards: &[Shard], part: Part<'_>) -> Vec<Place> {
    let mut places: Vec<Place> = shards.iter().flat_map(|shard| &shard.places).cloned().collect();
    places.sort();
    if part.descending {
        places.reverse();
    }
    places.truncate(part.wanted);
    places
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    order: String,
    pk: String,
}
