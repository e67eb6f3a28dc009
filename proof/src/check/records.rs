//! The history table against the row, and against what clients were told.

use std::collections::{BTreeMap, HashMap};

use holdfast::lock::change_before;

use super::history::{
    Ask, ChangeRecord, Operation, OutcomeKind, Part, Row, Shown, ShownEnd, ShownLock, TargetEnd, Told,
};
use super::linearize::Turn;
use super::specification::Rules;
use super::{Check, Violation, outcomes, told_fence};

/// Whether there is one record for each change, without a gap, and whether they lead to the row.
pub(super) fn check(end: &TargetEnd) -> Vec<Violation> {
    let Some(records) = &end.records else {
        return Vec::new();
    };
    let violation = |what: String| Violation {
        check: Check::History,
        target: end.target.clone(),
        what,
        operations: Vec::new(),
    };
    let mut violations = Vec::new();
    let changes = end.row.as_ref().map_or(0, |row| row.change);
    let numbers: Vec<u64> = records.iter().map(|record| record.change).collect();
    let gaps = gaps(&numbers);
    if !gaps.is_empty() || numbers.last().copied().unwrap_or(0) != changes {
        violations.push(violation(format!(
            "the row is at change {changes}; the records have {} numbers ({})",
            numbers.len(),
            gaps.join(", ")
        )));
    }
    for pair in records.windows(2) {
        if let [earlier, later] = pair
            && (&earlier.owner_after, earlier.fence_after) != (&later.owner_before, later.fence_before)
        {
            violations.push(violation(format!(
                "change {} leads to {:?} with fence {}, and change {} begins at {:?} with fence {}",
                earlier.change,
                earlier.owner_after,
                earlier.fence_after,
                later.change,
                later.owner_before,
                later.fence_before
            )));
        }
    }
    if let (Some(last), Some(row)) = (records.last(), &end.row)
        && (&last.owner_after, last.fence_after, last.until_ms) != (&row.owner, row.fence, row.until_ms)
    {
        violations.push(violation(format!(
            "the last record leads to {:?} with fence {}, and the row has {:?} with fence {}",
            last.owner_after, last.fence_after, row.owner, row.fence
        )));
    }
    violations
}

/// The first numbers that do not follow the one before them: by one, or as the first of a later epoch.
fn gaps(numbers: &[u64]) -> Vec<String> {
    let before = [0].into_iter().chain(numbers.iter().copied());
    numbers
        .iter()
        .zip(before)
        .filter(|(number, before)| {
            change_before(**number).map_or(*before >= **number, |expected| expected != *before)
        })
        .take(5)
        .map(|(number, before)| format!("{number} after {before}"))
        .collect()
}

/// Whether every change that was told is recorded once, and no request is recorded twice.
pub(super) fn effects(end: &TargetEnd, turns: &[Turn<'_>], rules: Rules) -> Vec<Violation> {
    let Some(records) = &end.records else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    let mut made: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut tenures: HashMap<(u64, &str), Vec<&ChangeRecord>> = HashMap::new();
    for record in records {
        made.entry(&record.request_id).or_default().push(record.change);
        tenures
            .entry((record.fence_after, &record.actor))
            .or_default()
            .push(record);
    }
    for (request, changes) in made {
        if changes.len() > 1 {
            violations.push(Violation {
                check: Check::Effects,
                target: end.target.clone(),
                what: format!("request {request} took effect more than once: changes {changes:?}"),
                operations: Vec::new(),
            });
        }
    }
    let mut told: BTreeMap<(u64, &str, &'static str), Vec<u64>> = BTreeMap::new();
    for turn in turns {
        let Some(fence) = told_fence(turn.part) else {
            continue;
        };
        let what = match outcomes(turn.part) {
            [OutcomeKind::Acquired] => "acquired",
            [OutcomeKind::Released] => "released",
            [OutcomeKind::Broken] => "broken",
            [OutcomeKind::Renewed] => "renewed",
            _ => continue,
        };
        let key = (fence, turn.operation.owner.as_str(), what);
        told.entry(key).or_default().push(turn.operation.id);
    }
    for ((fence, owner, what), operations) in told {
        let found = tenures
            .get(&(fence, owner))
            .into_iter()
            .flatten()
            .filter(|record| record.action == what || (what == "acquired" && record.action == "taken-over"))
            .count();
        let is_kept = match what {
            // A renewal whose answer was lost is recorded and was not told.
            "renewed" => found >= operations.len(),
            // Where the answer to a release is lost, the row may not tell any more what ended the tenure. Whether it did is a
            // question of order.
            "released" if rules.loses_answers => true,
            _ => (found, operations.len()) == (1, 1),
        };
        if !is_kept {
            violations.push(Violation {
                check: Check::Effects,
                target: end.target.clone(),
                what: format!(
                    "tenure {fence} was told to be {what} by {owner} {} times and is recorded {found} times",
                    operations.len()
                ),
                operations,
            });
        }
    }
    violations
}

/// The moments at which the target was changed, each with who changed it, in the order of time.
pub(super) fn known_moments(end: &TargetEnd) -> Option<Vec<(String, i64)>> {
    let mut moments: Vec<(String, i64)> = end
        .records
        .as_ref()?
        .iter()
        .map(|record| (record.actor.clone(), record.at_ms))
        .collect();
    moments.sort_unstable_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
    moments.dedup();
    Some(moments)
}

/// The row in the end as one more request, which is sent when every other one is over.
pub(super) fn last_read(end: &TargetEnd, turns: &[Turn<'_>]) -> Option<Operation> {
    let row = end.row.clone().unwrap_or_default();
    let last_us = turns
        .iter()
        .map(|turn| turn.operation.ended_us.unwrap_or(turn.operation.sent_us))
        .max()?;
    let sent_us = last_us + 1_000;
    let now_ms = i64::try_from(sent_us / 1_000).ok()?;
    let lock = match &row.owner {
        None => Shown::Absent,
        // It has run out, or does about now: only its fence is held against the order.
        Some(_) if row.until_ms.is_some_and(|until| until <= now_ms + 5) => Shown::Untold,
        Some(owner) => Shown::Present(ShownLock {
            owner: Some(owner.clone()),
            since_ms: row.since_ms,
            until: row.until_ms.map_or(ShownEnd::Never, ShownEnd::At),
            texts: None,
        }),
    };
    Some(Operation {
        id: u64::MAX,
        owner: String::new(),
        way: "the row in the end".to_owned(),
        sent_us,
        ended_us: Some(sent_us),
        status: 200,
        invocation: None,
        parts: vec![Part {
            target: end.target.clone(),
            ask: Ask::Read,
            told: Told::Row(Row {
                fence: Some(row.fence),
                lock,
                last_break: Shown::Untold,
            }),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_to_an_epochs_first_change_is_the_only_one_without_a_gap() {
        let first = (1 << 40) + 1;
        for whole in [&[][..], &[1, 2, 3], &[1, 2, first, first + 1], &[first]] {
            assert_eq!(gaps(whole), Vec::<String>::new(), "{whole:?}");
        }
        for broken in [
            &[2][..],
            &[1, 3],
            &[1, 2, 2],
            &[1, first + 1],
            &[1, first, first],
            &[1, first, 2],
        ] {
            assert_eq!(gaps(broken).len(), 1, "{broken:?}");
        }
    }
}
