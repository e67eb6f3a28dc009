//! The stream of the resources' table: each write with the row before it and after it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Attributes, HistoryRecord, Item, Row, RowKey, TargetRow, record};
use crate::failure::Corrupt;
use crate::lock::{Image, NoEvent, event};
use crate::store::SessionStatus;

/// One write to the table, as Lambda hands it over.
#[derive(Debug)]
pub struct StreamRecord {
    raw: Box<RawValue>,
    sequence: String,
    before: Option<Item>,
    after: Option<Item>,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Outer {
    dynamodb: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inner {
    sequence_number: String,
    #[serde(default)]
    old_image: Option<Value>,
    #[serde(default)]
    new_image: Option<Value>,
}

/// Why a stream's record cannot be understood.
const MALFORMED: Corrupt = Corrupt {
    attribute: "the stream's record",
};

impl StreamRecord {
    /// The records of a batch, in order.
    ///
    /// # Errors
    /// [`Corrupt`] for an event that is not a batch of the stream. A single image that is malformed is found when its record
    /// is asked for.
    pub fn batch(event: &RawValue) -> Result<Vec<Self>, Corrupt> {
        let batch: Batch = serde_json::from_str(event.get()).map_err(|_| MALFORMED)?;
        batch
            .records
            .into_iter()
            .map(|raw| {
                let outer: Outer = serde_json::from_str(raw.get()).map_err(|_| MALFORMED)?;
                let inner = outer.dynamodb;
                Ok(Self {
                    sequence: inner.sequence_number,
                    before: inner.old_image.as_ref().and_then(item),
                    after: inner.new_image.as_ref().and_then(item),
                    raw,
                })
            })
            .collect()
    }

    /// The sequence number, from which on a batch that failed is sent again.
    #[must_use]
    pub fn sequence(&self) -> &str {
        &self.sequence
    }

    /// The record as it came.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.raw.get()
    }

    /// What the write changed; `None` for a touch, and for a row that no lock guards.
    ///
    /// # Errors
    /// [`Corrupt`] where that cannot be told.
    pub fn history(&self) -> Result<Option<HistoryRecord>, Corrupt> {
        let after = self.after.as_ref().ok_or(MALFORMED)?;
        let pk = after
            .get("pk")
            .and_then(|pk| pk.as_s().ok())
            .ok_or(Corrupt { attribute: "pk" })?;
        if !RowKey::guards_lock(pk) {
            return Ok(None);
        }
        let row = TargetRow::parse(after.clone())?;
        let before = self.before.as_ref().map(image).transpose()?;
        match event(before.as_ref(), &image(after)?) {
            Ok(event) => Ok(Some(HistoryRecord {
                company: row.company().clone(),
                target: row.target(),
                event,
            })),
            Err(NoEvent::Touch) => Ok(None),
            Err(NoEvent::Unsigned) => Err(Corrupt { attribute: "by" }),
        }
    }
}

fn image(item: &Item) -> Result<Image, Corrupt> {
    let mut row = Attributes::new(item.clone());
    let status = row.optional_number("session_status")?.map(SessionStatus::new);
    Ok(Image {
        has_ended: status.is_some_and(SessionStatus::has_ended),
        is_removed: row.optional_timestamp("removed_at")?.is_some(),
        record: record(&mut row)?,
    })
}

/// A row in DynamoDB's JSON; `None` for anything else.
fn item(image: &Value) -> Option<Item> {
    image
        .as_object()?
        .iter()
        .map(|(name, value)| Some((name.clone(), attribute(value)?)))
        .collect()
}

/// An attribute in DynamoDB's JSON, of the types that rows have.
fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "S" => AttributeValue::S(value.as_str()?.to_owned()),
        "N" => AttributeValue::N(value.as_str()?.to_owned()),
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "M" => AttributeValue::M(item(value)?),
        "L" => AttributeValue::L(
            value
                .as_array()?
                .iter()
                .map(attribute)
                .collect::<Option<Vec<_>>>()?,
        ),
        _ => return None,
    })
}
