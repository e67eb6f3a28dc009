//! The lists that clients read, page by page.

use futures_util::future::try_join;

use super::index::{Part, in_order};
use super::rows::{devices_of, sessions_of};
use super::schema::LISTING;
use super::{ActivitySessionRow, DeviceRow, StatusClass, Store};
use crate::failure::Failure;
use crate::id::Company;

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
            descending: false,
            // One more than is wanted tells whether there is a next page.
            wanted: page.limit.saturating_add(1),
        };
        let shards = self.shards(&LISTING, devices_of(company).all(), part).await?;
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
    ) -> Result<(Vec<ActivitySessionRow>, u64), Failure> {
        let part = Part {
            after: None,
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
}
