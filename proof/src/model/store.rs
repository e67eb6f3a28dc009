//! The table: rows as the store hands them over, and writes as DynamoDB takes them. What is computed once is known.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use dashmap::DashMap;
use holdfast::id::{Company, DeviceId, Login, ResourceId};
use holdfast::lock::{Record, Timestamp};
use holdfast::store::{AccessRow, DeviceRow, Item, LockTarget, Lockable, NewDevice, NewUser, UserRow};

use super::configuration::RowKind;
use super::interner::Interner;
use super::protocol::{Draft, Kind};
use crate::condition::{Condition, UpdateExpression};

/// A row, or its absence.
pub(super) struct Stored {
    item: Option<Item>,
    /// What it records; an absent row records nothing. `None` where it cannot be read.
    pub(super) record: Option<Record>,
}

/// A write with its expressions parsed.
pub(super) struct Prepared {
    pub(super) kind: Kind,
    draft: Draft,
    condition: Condition,
    update: UpdateExpression,
}

#[derive(Default)]
pub(super) struct Table {
    rows: Interner<Stored>,
    writes: Interner<Prepared>,
    made: DashMap<(u32, u32), Option<u32>>,
}

impl Table {
    pub(super) fn row(&self, id: u32) -> Arc<Stored> {
        self.rows.get(id)
    }

    pub(super) fn write(&self, id: u32) -> Arc<Prepared> {
        self.writes.get(id)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn writes(&self) -> usize {
        self.writes.len()
    }

    /// The number of this row. `None` is an absent one.
    pub(super) fn insert(&self, kind: RowKind, item: Option<Item>) -> u32 {
        let key = format!("{kind:?} {}", item.as_ref().map_or_else(String::new, canonical));
        self.rows.id(key, || {
            let record = match (&item, kind) {
                (None, _) => Some(Record::default()),
                (Some(item), RowKind::Device) => record::<DeviceRow>(item),
                (Some(item), RowKind::Pair) => record::<AccessRow>(item),
                (Some(item), RowKind::User(_)) => record::<UserRow>(item),
            };
            Stored { item, record }
        })
    }

    /// The number of this write.
    pub(super) fn prepare(&self, draft: Draft) -> u32 {
        let mut key = format!("{:?} {} | {} |", draft.kind, draft.condition, draft.expression);
        key.push_str(&canonical(&draft.bindings.values));
        self.writes.id(key, || Prepared {
            kind: draft.kind,
            condition: Condition::parse(&draft.condition).expect("a condition"),
            update: UpdateExpression::parse(&draft.expression).expect("an update"),
            draft,
        })
    }

    /// The row after this write; `None` where its condition fails.
    pub(super) fn make(&self, kind: RowKind, row: u32, write: u32) -> Option<u32> {
        if let Some(known) = self.made.get(&(row, write)) {
            return *known;
        }
        let (before, prepared) = (self.row(row), self.write(write));
        let bindings = &prepared.draft.bindings;
        let holds = prepared.condition.holds(before.item.as_ref(), bindings);
        let after = holds.expect("a condition that can be evaluated").then(|| {
            if prepared.kind == Kind::Check {
                return row;
            }
            let key = target(kind).key().pk().to_owned();
            let made = || Item::from([("pk".to_owned(), AttributeValue::S(key))]);
            let item = before.item.clone().unwrap_or_else(made);
            let after = prepared.update.apply(&item, bindings);
            self.insert(kind, Some(after.expect("an update that can be made")))
        });
        self.made.insert((row, write), after);
        after
    }
}

fn record<R: Lockable>(item: &Item) -> Option<Record> {
    R::parse(item.clone()).ok().map(|row: R| row.record().clone())
}

/// The attributes in order: a map has none of its own.
fn canonical(item: &Item) -> String {
    let mut names: Vec<&String> = item.keys().collect();
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        let _ = match &item[name] {
            AttributeValue::M(map) => write!(text, "{name}={{{}}}", canonical(map)),
            value => write!(text, "{name}={value:?};"),
        };
    }
    text
}

/// The one company of the models.
pub(super) fn company() -> Company {
    Company::try_from("1").expect("a company")
}

pub(super) fn login(name: &str) -> Login {
    Login::try_from(name).expect("a login")
}

/// Where the row is.
pub(super) fn target(kind: RowKind) -> LockTarget {
    match kind {
        RowKind::Device => LockTarget::device(&company(), &device()),
        RowKind::Pair => {
            let resource = ResourceId::try_from("2a6f0c1e-8f0b-4c37-9a53-6d7f2f9f4d11").expect("an id");
            LockTarget::access(&company(), resource, &login("zoe"))
        }
        RowKind::User(name) => LockTarget::user(&company(), &login(name)),
    }
}

fn device() -> DeviceId {
    DeviceId::try_from("router-1").expect("an id")
}

/// The row at the start, as an operator enters it.
pub(super) fn entered(kind: RowKind) -> Option<Item> {
    let now = Timestamp::from_unix_ms(0);
    match kind {
        RowKind::Pair => None,
        RowKind::Device => {
            let device = NewDevice {
                company: &company(),
                id: &device(),
                name: "router",
                ip: "10.0.0.1",
                description: "",
            };
            Some(device.to_item(now))
        }
        RowKind::User(name) => {
            let user = NewUser {
                company: &company(),
                login: &login(name),
                name,
                roles: &[],
                groups: &[],
                privileges: &[],
                record_group: "",
                editable_groups: &[],
                ip_filter: "",
                rate_policy: "",
                sources: &[],
                system: false,
                mfa_required: false,
            };
            Some(user.to_item(now))
        }
    }
}
