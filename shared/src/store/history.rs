//! The history: one record for each change of a lockable row, put once and never changed.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::item::{ms, n, s};
use super::key::shard;
use super::schema::{ACTORS, DAYS};
use super::{Attributes, GlobalIndex, Item, Row, Store, Table, classify, made};
use crate::failure::{Corrupt, Failure};
use crate::id::Company;
use crate::lock::{Action, Event, Fence, Origin, Owner, RequestId, Timestamp, Writer, change_before};
use crate::target::Target;

const OPERATION: &str = "Query";
/// A day's records lie in this many shards of their index: one day is one hash key, and a hot one throttles the table.
const DAY_SHARDS: u8 = 8;

/// A recorded change of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    /// The company of the target.
    pub company: Company,
    /// What was changed.
    pub target: Target,
    /// What happened.
    pub event: Event,
}

/// Which records are wanted.
#[derive(Clone, Debug)]
pub enum HistoryRange<'a> {
    /// Those of one target.
    Target(&'a Target),
    /// Those of what one actor did.
    Actor(&'a Owner),
    /// Those of one day: from its first moment, or a later one, to before its last, or an earlier one.
    Day(Timestamp, Timestamp),
}

/// A page of records, the newest first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The records.
    pub records: Vec<HistoryRecord>,
    /// The place before which the next page begins, where there is one.
    pub next: Option<String>,
}

impl HistoryRecord {
    fn pk(company: &Company, target: &Target) -> String {
        format!("{company}/{target}")
    }

    /// The place in the order of an index: by time, then by row and change.
    fn order(&self) -> String {
        let pk = Self::pk(&self.company, &self.target);
        format!(
            "{:013}/{pk}/{:020}",
            self.event.by.at.unix_ms(),
            self.event.change
        )
    }

    /// The row as it is stored.
    fn to_item(&self, kept: Duration) -> Item {
        let pk = Self::pk(&self.company, &self.target);
        let event = &self.event;
        let at = event.by.at;
        let optional = [
            (
                "owner_before",
                event.owner_before.as_ref().map(|owner| s(owner.as_str())),
            ),
            (
                "owner_after",
                event.owner_after.as_ref().map(|owner| s(owner.as_str())),
            ),
            ("until", event.until.map(ms)),
            ("reason", event.reason.as_deref().map(s)),
        ];
        let mut row: Item = HashMap::from(
            [
                ("sk", s(format!("{:020}", event.change))),
                ("actor_shard", s(actor_shard(&self.company, &event.by.actor))),
                (
                    "day_shard",
                    s(day_shard(&self.company, at, shard(&pk, DAY_SHARDS))),
                ),
                ("happened_order", s(self.order())),
                ("company", s(self.company.as_str())),
                ("kind", s(self.target.kind().as_str())),
                ("target_id", s(self.target.id())),
                ("change", n(event.change)),
                ("action", s(event.action.as_str())),
                ("actor", s(event.by.actor.as_str())),
                ("at", ms(at)),
                ("fence_before", n(event.fence_before.get())),
                ("fence_after", n(event.fence_after.get())),
                ("request", s(event.by.origin.request.as_str())),
                ("source", s(event.by.origin.source.as_str())),
                ("dialect", s(event.by.origin.dialect.as_ref())),
                ("purge_at_seconds", n(at.plus(kept).unix_seconds_rounded_up())),
                ("pk", s(pk)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for (name, value) in optional {
            row.extend(value.map(|value| (name.to_owned(), value)));
        }
        row
    }
}

fn actor_shard(company: &Company, actor: &Owner) -> String {
    format!("{company}/{actor}")
}

fn day_shard(company: &Company, at: Timestamp, shard: u8) -> String {
    format!("{company}/{}/{shard}", at.day())
}

impl Row for HistoryRecord {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        let (kind, id) = (row.text("kind")?, row.text("target_id")?);
        let action = row.text("action")?;
        Ok(Self {
            company: row.id("company")?,
            target: Target::parse(&kind, &id).ok_or(Corrupt {
                attribute: "target_id",
            })?,
            event: Event {
                change: row.number("change")?,
                action: Action::parse(&action).ok_or(Corrupt { attribute: "action" })?,
                by: Writer {
                    actor: Owner::new(row.text("actor")?),
                    at: row.timestamp("at")?,
                    origin: Origin {
                        request: RequestId::new(row.text("request")?),
                        source: row.text("source")?,
                        dialect: row.text("dialect")?.into(),
                    },
                },
                owner_before: row.optional_text("owner_before")?.map(Owner::new),
                owner_after: row.optional_text("owner_after")?.map(Owner::new),
                fence_before: Fence::new(row.number("fence_before")?),
                fence_after: Fence::new(row.number("fence_after")?),
                until: row.optional_timestamp("until")?,
                reason: row.optional_text("reason")?,
            },
        })
    }
}

impl Store {
    /// Puts the record of a change, which is kept for `kept`. A record that is there already stays as it is.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn record_change(&self, change: &HistoryRecord, kept: Duration) -> Result<(), Failure> {
        self.put_history(change.to_item(kept)).await
    }

    /// Puts a row of the history where there is none under its key: the stream hands a write over more than once.
    async fn put_history(&self, row: Item) -> Result<(), Failure> {
        let sent = self
            .client()
            .put_item()
            .table_name(self.table_name(Table::History))
            .set_item(Some(row))
            .condition_expression(super::expressions::CHANGE_ABSENT)
            .send()
            .await;
        made("PutItem", sent).map(drop)
    }

    /// Whether the change before this one has its record. The first of an epoch follows what the restored row had, which is
    /// no gap.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn has_change_before(&self, change: &HistoryRecord) -> Result<bool, Failure> {
        let Some(before) = change_before(change.event.change) else {
            return Ok(true);
        };
        let answer = self
            .client()
            .get_item()
            .table_name(self.table_name(Table::History))
            .key("pk", s(HistoryRecord::pk(&change.company, &change.target)))
            .key("sk", s(format!("{before:020}")))
            .projection_expression("sk")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("GetItem", &error))?;
        Ok(answer.item.is_some())
    }

    /// Puts a stream's record that cannot be understood, as it came, for someone to look at.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn keep_raw(
        &self,
        id: &str,
        record: &str,
        now: Timestamp,
        kept: Duration,
    ) -> Result<(), Failure> {
        let row = HashMap::from(
            [
                ("pk", s(format!("raw/{id}"))),
                ("sk", s("raw")),
                ("record", s(record)),
                ("at", ms(now)),
                ("purge_at_seconds", n(now.plus(kept).unix_seconds_rounded_up())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        self.put_history(row).await
    }

    /// A page of a company's records, the newest first, before the place `before`.
    ///
    /// A day is read from all its shards at once; a target and an actor are one query.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub async fn history(
        &self,
        company: &Company,
        range: &HistoryRange<'_>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, Failure> {
        // One more than is wanted tells whether there is a next page, and one may be the last of the page before.
        let wanted = limit.saturating_add(2);
        let mut changes = match range {
            HistoryRange::Target(target) => {
                let part = Part::of_target(company, target, before);
                self.changes(part, wanted).await?
            }
            HistoryRange::Actor(actor) => {
                let part = Part::of_index(&ACTORS, actor_shard(company, actor), ("", before));
                self.changes(part, wanted).await?
            }
            HistoryRange::Day(from, to) => {
                let from_order = format!("{:013}", from.unix_ms());
                let to_order = format!("{:013}", to.unix_ms());
                let before = before.unwrap_or(&to_order);
                let shards = (0..DAY_SHARDS).map(|shard| {
                    let hash = day_shard(company, *from, shard);
                    self.changes(Part::of_index(&DAYS, hash, (&from_order, Some(before))), wanted)
                });
                let mut found: Vec<_> = try_join_all(shards).await?.into_iter().flatten().collect();
                found.retain(|record| record.order().as_str() < before);
                found
            }
        };
        if !matches!(range, HistoryRange::Target(_)) {
            changes.sort_by_key(|change| std::cmp::Reverse(change.order()));
        }
        let more = changes.len() > limit;
        changes.truncate(limit);
        let next = changes.last().filter(|_| more).map(|change| match range {
            HistoryRange::Target(_) => format!("{:020}", change.event.change),
            _ => change.order(),
        });
        Ok(HistoryPage {
            records: changes,
            next,
        })
    }

    async fn changes(&self, part: Part, wanted: usize) -> Result<Vec<HistoryRecord>, Failure> {
        let mut changes = Vec::new();
        let mut start = None;
        loop {
            let left = wanted.saturating_sub(changes.len());
            let answer = self
                .client()
                .query()
                .table_name(self.table_name(Table::History))
                .set_index_name(part.index.map(|index| index.name.to_owned()))
                .key_condition_expression(part.condition.as_str())
                .set_expression_attribute_values(Some(part.values.clone()))
                .scan_index_forward(false)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| classify(OPERATION, &error))?;
            for item in answer.items.unwrap_or_default() {
                changes.push(HistoryRecord::parse(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() || changes.len() >= wanted {
                return Ok(changes);
            }
        }
    }
}

/// One query of a page.
struct Part {
    index: Option<&'static GlobalIndex>,
    condition: String,
    values: HashMap<String, AttributeValue>,
}

impl Part {
    fn of_target(company: &Company, target: &Target, before: Option<&str>) -> Self {
        let mut part = Self {
            index: None,
            condition: "pk = :pk".to_owned(),
            values: HashMap::from([(":pk".to_owned(), s(HistoryRecord::pk(company, target)))]),
        };
        if let Some(before) = before {
            part.condition.push_str(" AND sk < :before");
            part.values.insert(":before".to_owned(), s(before));
        }
        part
    }

    /// What comes in an index at or after `from` and before `before`.
    fn of_index(index: &'static GlobalIndex, hash: String, (from, before): (&str, Option<&str>)) -> Self {
        let GlobalIndex {
            hash: hash_key,
            range,
            ..
        } = index;
        let mut values = HashMap::from([(":hash".to_owned(), s(hash))]);
        let condition = match (before, from) {
            (None, _) => format!("{hash_key} = :hash"),
            (Some(_), "") => format!("{hash_key} = :hash AND {range} < :before"),
            // DynamoDB takes one condition on a range key, and BETWEEN includes its ends. No record has a bare time as its
            // place, for every place goes on behind its time; a place is the last one of the page before, and is left out.
            (Some(_), _) => format!("{hash_key} = :hash AND {range} BETWEEN :from AND :before"),
        };
        if let Some(before) = before {
            values.insert(":before".to_owned(), s(before));
            if !from.is_empty() {
                values.insert(":from".to_owned(), s(from));
            }
        }
        Self {
            index: Some(index),
            condition,
            values,
        }
    }
}
