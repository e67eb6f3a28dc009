//! The lists that clients read, page by page.

use futures_util::future::try_join;

use super::index::{Part, Place, in_order};
use super::rows::{devices_of, sessions_of};
use super::schema::{LISTING, LOCKS};
use super::{ActivitySessionRow, DeviceRow, LockShards, Lockable, RowKey, StatusClass, Store, TargetRow};
use crate::failure::Failure;
use crate::id::{Company, Kind};
use crate::lock::{Owner, Timestamp};

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
    pub async fn devices(&self, company: &Company, page: &PageRequest) -> Result<Page<DeviceRow>, Failure> {
        let part = Part {
            after: page.after.as_deref(),
            prefix: None,
            descending: false,
            wanted: page.limit.saturating_add(1),
        };
        let shards = self.shards(&LISTING, devices_of(company).all(), part).await?;
        let (places, next) = first_page(in_order(&shards, part), page.limit);
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
    ) -> Result<(Vec<ActivitySessionRow>, u64), Failure> {
        let part = Part {
            after: None,
            prefix: None,
            descending: true,
            wanted: skip.saturating_add(take),
        };
        let shards = self
            .shards(&LISTING, sessions_of(company, class).all(), part)
            .await?;
        let places = in_order(&shards, part)
            .into_iter()
            .skip(skip)
            .take(take)
            .collect();
        try_join(self.listed(places), self.count(&LISTING, shards)).await
    }

    /// A page of a company's locks of one kind, by owner, then by the moment of their acquisition: all of them, or those of
    /// `owner`, which are one query.
    ///
    /// Which locks there are may lag by the index's delay. What is shown of each is read from the table itself, and a row
    /// whose lock is another by now, or has run out, is left out: a page may be short while another follows.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn locks(
        &self,
        company: &Company,
        kind: Kind,
        owner: Option<&Owner>,
        page: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<TargetRow>, Failure> {
        let shards = LockShards::new(company, kind);
        let prefix = owner.map(LockShards::order_of);
        let part = Part {
            after: page.after.as_deref(),
            prefix: prefix.as_deref(),
            descending: false,
            wanted: page.limit.saturating_add(1),
        };
        let hash_keys: Vec<String> = match owner {
            Some(owner) => vec![shards.of(owner)],
            None => shards.all().collect(),
        };
        let found = self.shards(&LOCKS, hash_keys.into_iter(), part).await?;
        let (places, next) = first_page(in_order(&found, part), page.limit);
        let keys: Vec<RowKey> = places.iter().map(Place::key).collect();
        let mut rows = self.read(&keys).await?;
        let mut entries = Vec::with_capacity(places.len());
        for (place, key) in places.iter().zip(&keys) {
            let Some(item) = rows.take(key) else { continue };
            let Some(row) = TargetRow::listed(item, company)? else {
                continue;
            };
            let lock = row.record().state.live(now);
            if lock.is_some_and(|lock| LockShards::order(lock, key) == place.order) {
                entries.push(row);
            }
        }
        Ok(Page { entries, next })
    }
}

/// The first `limit` of the places, and where the next page begins. One more than is wanted tells whether there is one.
fn first_page(mut places: Vec<Place>, limit: usize) -> (Vec<Place>, Option<String>) {
    let more = places.len() > limit;
    places.truncate(limit);
    let next = places.last().filter(|_| more).map(|place| place.order.clone());
    (places, next)
}
