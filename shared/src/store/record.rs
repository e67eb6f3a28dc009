use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{ms, s};
use super::{Attributes, Item};
use crate::failure::Corrupt;
use crate::lock::{
    Break, Fence, Lock, Origin, Owner, Reason, Record, RequestId, Revision, State, Timestamp, Writer,
};

/// A row type.
pub trait Row: Sized {
    /// Reads the row as the store hands it over.
    ///
    /// # Errors
    /// [`Corrupt`] where it cannot be understood.
    fn parse(item: Item) -> Result<Self, Corrupt>;
}

/// A row type that a lock can guard.
pub trait Lockable: Row {
    /// What it records of its lock.
    fn record(&self) -> &Record;
}

/// Takes what every lockable row records out of a row.
pub(super) fn record(row: &mut Attributes) -> Result<Record, Corrupt> {
    let fence = Fence::new(row.number("fence")?);
    let recorded = match row.optional_text("lock_owner")? {
        None => None,
        Some(owner) => Some(Lock {
            owner: Owner::new(owner),
            since: row.timestamp("lock_since")?,
            until: row.optional_timestamp("lock_until")?,
            title: row.optional_text("lock_title")?,
            message: row.optional_text("lock_message")?,
        }),
    };
    Ok(Record {
        rev: Revision::new(row.number("rev")?),
        change: row.optional_number("change")?.unwrap_or(0),
        state: State::new(fence, recorded).with_last_break(last_break(row)?),
        by: row.optional_map("by")?.map(writer).transpose()?,
        lock_request: row.optional_text("lock_request")?.map(RequestId::new),
    })
}

/// What the latest break left on the row.
fn last_break(row: &mut Attributes) -> Result<Option<Break>, Corrupt> {
    let Some(owner) = row.optional_text("broken_owner")? else {
        return Ok(None);
    };
    Ok(Some(Break {
        owner: Owner::new(owner),
        fence: Fence::new(row.number("broken_fence")?),
        by: Owner::new(row.text("broken_by")?),
        at: row.timestamp("broken_at")?,
        reason: row.id::<Reason>("broken_reason")?,
        until: row.timestamp("broken_until")?,
    }))
}

/// The map `by` of a row that an operator enters.
pub(super) fn by_operator(now: Timestamp) -> AttributeValue {
    by(&Writer {
        actor: Owner::new("operator"),
        at: now,
        origin: Origin {
            request: RequestId::new("directory"),
            source: "unknown".to_owned(),
            dialect: "operator".into(),
        },
    })
}

/// The map `by`: who changed a row, when and from where.
pub(super) fn by(writer: &Writer) -> AttributeValue {
    AttributeValue::M(HashMap::from([
        ("actor".to_owned(), s(writer.actor.as_str())),
        ("at_ms".to_owned(), ms(writer.at)),
        ("request".to_owned(), s(writer.origin.request.as_str())),
        ("source".to_owned(), s(writer.origin.source.as_str())),
        ("dialect".to_owned(), s(writer.origin.dialect.as_ref())),
    ]))
}

fn writer(by: Item) -> Result<Writer, Corrupt> {
    let mut by = Attributes::new(by);
    Ok(Writer {
        actor: Owner::new(by.text("actor")?),
        at: by.timestamp("at_ms")?,
        origin: Origin {
            request: RequestId::new(by.text("request")?),
            source: by.text("source")?,
            dialect: by.text("dialect")?.into(),
        },
    })
}
