//! Fences over the whole run, without the lock protocol: nothing here knows when a lock is free.

use super::history::OutcomeKind;
use super::linearize::Turn;
use super::{Check, Violation, outcomes, told_fence};

/// Whether every fence is at least as large as any that was told before its request was sent, and that of an acquisition or a
/// break larger.
pub(super) fn check(target: &str, turns: &[Turn<'_>]) -> Vec<Violation> {
    // An answer to a release names the tenure that is over.
    let told: Vec<(&Turn<'_>, u64)> = turns
        .iter()
        .filter(|turn| !outcomes(turn.part).contains(&OutcomeKind::Released))
        .filter_map(|turn| told_fence(turn.part).map(|fence| (turn, fence)))
        .collect();
    let mut ends: Vec<(u64, u64, u64)> = told
        .iter()
        .filter_map(|(turn, fence)| Some((turn.operation.ended_us?, *fence, turn.operation.id)))
        .collect();
    ends.sort_unstable();
    let mut by_start = told;
    by_start.sort_by_key(|(turn, _)| turn.operation.sent_us);
    let mut violations = Vec::new();
    let (mut largest, mut of) = (0, None);
    let mut ended = ends.into_iter().peekable();
    for (turn, fence) in by_start {
        while let Some((_, earlier, id)) = ended.next_if(|(at, ..)| *at < turn.operation.sent_us) {
            if earlier > largest {
                (largest, of) = (earlier, Some(id));
            }
        }
        let kinds = outcomes(turn.part);
        let is_new = !kinds.is_empty()
            && kinds
                .iter()
                .all(|kind| [OutcomeKind::Acquired, OutcomeKind::Broken].contains(kind));
        if fence < largest || (is_new && fence == largest && of.is_some()) {
            violations.push(Violation {
                check: Check::Fences,
                target: target.to_owned(),
                what: format!("fence {fence} was told after fence {largest}"),
                operations: of.into_iter().chain([turn.operation.id]).collect(),
            });
        }
    }
    violations.extend(twice(target, turns));
    violations
}

/// Tenures that two acquisitions were told to have begun.
fn twice(target: &str, turns: &[Turn<'_>]) -> Vec<Violation> {
    let mut begun: Vec<(u64, u64)> = turns
        .iter()
        .filter(|turn| outcomes(turn.part) == [OutcomeKind::Acquired])
        .filter_map(|turn| Some((told_fence(turn.part)?, turn.operation.id)))
        .collect();
    begun.sort_unstable();
    begun
        .windows(2)
        .filter_map(|pair| match pair {
            [(fence, one), (same, other)] if fence == same => Some(Violation {
                check: Check::Fences,
                target: target.to_owned(),
                what: format!("two acquisitions were told fence {fence}"),
                operations: vec![*one, *other],
            }),
            _ => None,
        })
        .collect()
}
