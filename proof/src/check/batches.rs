//! A request for many locks takes effect on all of them, or on none. Each target is put in order by itself; this looks across.

use std::collections::BTreeMap;

use super::history::{Ask, ChangeRecord, History, Operation, Part};
use super::{Check, Violation};

/// What a function's clock and a client's may differ by.
const CLOCKS_DIFFER_MS: i64 = 2;
/// How long after it was decided a change may be made.
const LONGEST_MS: i64 = 30_000;

/// Whether every recorded request for many locks left all of its targets as it wanted them.
pub(super) fn check(history: &History) -> Vec<Violation> {
    let records: BTreeMap<&str, &[ChangeRecord]> = history
        .targets
        .iter()
        .filter_map(|end| Some((end.target.as_str(), end.records.as_deref()?)))
        .collect();
    let mut made: BTreeMap<&str, Vec<(&str, &ChangeRecord)>> = BTreeMap::new();
    for (target, records) in &records {
        for record in *records {
            made.entry(&record.request_id)
                .or_default()
                .push((*target, record));
        }
    }
    let mut batches: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        // Some of them are for one lock.
        let may_be_many = operation.parts.len() > 1 || operation.way.starts_with("netwrix");
        if may_be_many && operation.parts.iter().all(|part| is_change(&part.ask)) {
            batches.entry(&operation.owner).or_default().push(operation);
        }
    }
    for operations in batches.values_mut() {
        operations.sort_by_key(|operation| operation.sent_us);
    }
    let mut violations = Vec::new();
    for (request, changes) in made {
        let Some((target, first)) = changes.first() else {
            continue;
        };
        // Only this dialect asks for many locks at once.
        if first.dialect != "netwrix" {
            continue;
        }
        let candidates: Vec<&Operation> = batches
            .get(first.actor.as_str())
            .into_iter()
            .flatten()
            .copied()
            .filter(|operation| may_be(operation, request, first.at_ms, &changes))
            .collect();
        let is_whole = candidates
            .iter()
            .any(|operation| is_whole(operation, first, &changes, &records));
        if !is_whole {
            violations.push(Violation {
                check: Check::AllOrNothing,
                target: (*target).to_owned(),
                what: format!(
                    "request {request} of {} changed {} and no more of its targets",
                    first.actor,
                    changes
                        .iter()
                        .map(|(target, _)| *target)
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
                operations: candidates.iter().map(|operation| operation.id).collect(),
            });
        }
    }
    violations
}

fn is_change(ask: &Ask) -> bool {
    matches!(ask, Ask::Lock { .. } | Ask::Unlock { .. })
}

/// Whether these may be the changes of this operation.
fn may_be(operation: &Operation, request: &str, at_ms: i64, changes: &[(&str, &ChangeRecord)]) -> bool {
    let from = ms(operation.sent_us) - CLOCKS_DIFFER_MS;
    let to = operation.ended_us.map_or(from + LONGEST_MS, ms) + CLOCKS_DIFFER_MS;
    operation
        .invocation
        .as_deref()
        .is_none_or(|known| known == request)
        && (from..=to).contains(&at_ms)
        && changes
            .iter()
            .all(|(target, _)| operation.parts.iter().any(|part| part.target == *target))
}

fn ms(us: u64) -> i64 {
    i64::try_from(us / 1_000).expect("a time of this era")
}

/// Whether every target that the request did not change was as it wanted it at some moment at which it may have been made.
fn is_whole(
    operation: &Operation,
    first: &ChangeRecord,
    changes: &[(&str, &ChangeRecord)],
    records: &BTreeMap<&str, &[ChangeRecord]>,
) -> bool {
    operation
        .parts
        .iter()
        .filter(|part| changes.iter().all(|(target, _)| *target != part.target))
        .all(|part| {
            let records = records.get(part.target.as_str()).copied().unwrap_or_default();
            was_as_wanted(part, first, records)
        })
}

fn was_as_wanted(part: &Part, first: &ChangeRecord, records: &[ChangeRecord]) -> bool {
    let latest = first.at_ms + LONGEST_MS;
    // Before its first record a target is free.
    let is_fresh = records
        .first()
        .is_none_or(|next| next.at_ms >= first.at_ms - LONGEST_MS);
    let as_wanted = |record: &ChangeRecord| match part.ask {
        Ask::Unlock { .. } => {
            record.owner_after.is_none() || record.until_ms.is_some_and(|until| until <= latest)
        }
        _ => record.owner_after.as_deref() == Some(first.actor.as_str()),
    };
    let is_at_hand = |(at, record): (usize, &ChangeRecord)| {
        record.at_ms <= latest
            && records
                .get(at + 1)
                .is_none_or(|next| next.at_ms >= first.at_ms - LONGEST_MS)
            && as_wanted(record)
    };
    (is_fresh && matches!(part.ask, Ask::Unlock { .. })) || records.iter().enumerate().any(is_at_hand)
}
