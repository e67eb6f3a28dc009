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
    /// The rows before and after the write, as they came; whether they can be understood is found when their history is asked
    /// for.
    before: Option<Value>,
    after: Option<Value>,
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
                    before: inner.old_image,
                    after: inner.new_image,
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
        let read = |image: &Value| item(image).ok_or(MALFORMED);
        let after = self.after.as_ref().map(read).ok_or(MALFORMED)??;
        let pk = after
            .get("pk")
            .and_then(|pk| pk.as_s().ok())
            .ok_or(Corrupt { attribute: "pk" })?;
        if !RowKey::guards_lock(pk) {
            return Ok(None);
        }
        let row = TargetRow::parse(after.clone())?;
        // A row that was there and cannot be understood is not a row that was not there.
        let before = self.before.as_ref().map(read).transpose()?;
        let before = before.as_ref().map(image).transpose()?;
        match event(before.as_ref(), &image(&after)?) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    /// A write to a pair's row, from `before`.
    fn write(before: &Value) -> Result<Option<HistoryRecord>, Corrupt> {
        let text = |text: &str| json!({"S": text});
        let number = |number: &str| json!({"N": number});
        let after = json!({
            "pk": text("access/6f9619ff-8b86-4011-b42d-00cf4fc964ff/alice"), "company": text("1"),
            "fence": number("0"), "rev": number("2"), "change": number("2"),
            "by": {"M": {"actor": text("admin"), "at_ms": number("7"), "request": text("r"),
                         "source": text("unknown"), "dialect": text("netwrix")}},
        });
        let record = json!({"dynamodb": {"SequenceNumber": "1", "OldImage": before, "NewImage": after}});
        let batch = to_raw_value(&json!({"Records": [record]})).unwrap();
        StreamRecord::batch(&batch).unwrap().first().unwrap().history()
    }

    #[test]
    fn a_row_before_that_cannot_be_understood_is_not_an_absent_one() {
        assert!(write(&Value::Null).unwrap().is_some());
        assert_eq!(write(&json!({"pk": {"B": "AAAA"}})), Err(MALFORMED));
    }
}
