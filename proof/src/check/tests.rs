use std::time::Instant;

use super::history::*;
use super::*;

const START_MS: i64 = 1_795_341_600_000;
const DEVICE: &str = "device/D1";

fn us(ms: u64) -> u64 {
    u64::try_from(START_MS).unwrap() * 1_000 + ms * 1_000
}

/// An operation of `owner` from one millisecond to another.
fn operation(owner: &str, (sent, ended): (u64, u64), ask: Ask, told: Told) -> Operation {
    Operation {
        id: sent,
        owner: owner.to_owned(),
        way: "test".to_owned(),
        sent_us: us(sent),
        ended_us: Some(us(ended)),
        status: if told == Told::Unknown { 503 } else { 200 },
        invocation: None,
        parts: vec![Part {
            target: DEVICE.to_owned(),
            ask,
            told,
        }],
    }
}

fn lock() -> Ask {
    Ask::Lock {
        lease: AskedLease::Keep,
        title: None,
        fence: None,
    }
}

fn lease(seconds: u64) -> Ask {
    Ask::Lock {
        lease: AskedLease::Seconds(seconds),
        title: None,
        fence: None,
    }
}

fn unlock() -> Ask {
    Ask::Unlock { fence: None }
}

fn break_of(fence: u64) -> Ask {
    Ask::Break {
        fence,
        take: false,
        hold_off: 60,
        reason: "ticket".to_owned(),
    }
}

fn told(outcome: OutcomeKind, fence: u64) -> Told {
    Told::Ended(Ending {
        outcomes: vec![outcome],
        fence: Some(fence),
        ..Ending::default()
    })
}

fn held_by(owner: &str) -> Told {
    Told::Ended(Ending {
        outcomes: vec![OutcomeKind::HeldBy],
        lock: Shown::Present(ShownLock {
            owner: Some(owner.to_owned()),
            ..ShownLock::default()
        }),
        ..Ending::default()
    })
}

fn shows(fence: u64, owner: Option<&str>) -> Told {
    Told::Row(Row {
        fence: Some(fence),
        lock: owner.map_or(Shown::Absent, |owner| {
            Shown::Present(ShownLock {
                owner: Some(owner.to_owned()),
                ..ShownLock::default()
            })
        }),
        last_break: Shown::Untold,
    })
}

fn history(operations: Vec<Operation>) -> History {
    History {
        loses_answers: true,
        operations,
        ..History::default()
    }
}

fn found(history: &History) -> Vec<Check> {
    check(history)
        .violations
        .iter()
        .map(|violation| violation.check)
        .collect()
}

fn is_right(operations: Vec<Operation>) {
    let verdict = check(&history(operations));
    assert_eq!(verdict.violations, [], "{verdict}");
}

fn is_wrong(operations: Vec<Operation>) {
    assert_eq!(found(&history(operations)), [Check::Linearizable]);
}

use OutcomeKind::{Acquired, AlreadyHeld, Broken, HeldOff, Released, Renewed, WasFree};

#[test]
fn one_after_the_other_is_right() {
    is_right(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("bob", (10, 15), lock(), held_by("alice")),
        operation("alice", (20, 25), lock(), told(AlreadyHeld, 1)),
        operation("alice", (30, 35), unlock(), told(Released, 1)),
        operation("alice", (40, 45), unlock(), told(WasFree, 1)),
        operation("bob", (50, 55), lock(), told(Acquired, 2)),
        operation("mona", (60, 65), Ask::Read, shows(2, Some("bob"))),
        operation("mona", (70, 75), Ask::Check { fence: 1 }, Told::Current(false)),
    ]);
}

#[test]
fn two_owners_at_once_are_wrong() {
    is_wrong(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("bob", (10, 15), lock(), told(Acquired, 2)),
    ]);
}

#[test]
fn the_order_of_overlapping_requests_is_free_and_that_of_others_is_not() {
    let refused_first = |bob| {
        vec![
            operation("alice", (10, 30), lock(), told(Acquired, 1)),
            operation("bob", bob, Ask::Read, shows(0, None)),
        ]
    };
    is_right(refused_first((5, 20)));
    is_right(refused_first((20, 40)));
    assert_eq!(
        found(&history(refused_first((31, 40)))),
        [Check::Linearizable, Check::Fences]
    );
}

#[test]
fn an_acknowledged_lock_that_is_lost_is_wrong() {
    is_wrong(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("mona", (10, 15), Ask::Read, shows(1, None)),
    ]);
}

#[test]
fn a_lock_that_someone_else_released_is_wrong() {
    is_wrong(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("bob", (10, 15), unlock(), told(Released, 1)),
    ]);
}

#[test]
fn a_retried_success_that_is_reported_as_a_conflict_is_wrong() {
    // Nobody else asks for the lock, so nobody else has it.
    is_wrong(vec![operation("alice", (0, 5), lock(), held_by("bob"))]);
}

#[test]
fn a_request_without_an_answer_may_have_taken_effect_or_not() {
    for read in [shows(1, Some("alice")), shows(0, None)] {
        is_right(vec![
            operation("alice", (0, 5), lock(), Told::Unknown),
            operation("mona", (10, 15), Ask::Read, read),
        ]);
    }
    // It may do so later than its answer, and once only.
    is_right(vec![
        operation("alice", (0, 5), lock(), Told::Unknown),
        operation("mona", (10, 15), Ask::Read, shows(0, None)),
        operation("mona", (20, 25), Ask::Read, shows(1, Some("alice"))),
        operation("alice", (30, 35), unlock(), told(Released, 1)),
    ]);
    is_wrong(vec![
        operation("alice", (0, 5), lock(), Told::Unknown),
        operation("mona", (10, 15), Ask::Read, shows(1, Some("alice"))),
        operation("alice", (20, 25), unlock(), told(Released, 1)),
        operation("mona", (30, 35), Ask::Read, shows(2, Some("alice"))),
    ]);
}

#[test]
fn what_an_answer_has_fenced_off_never_takes_effect() {
    is_wrong(vec![
        operation("alice", (0, 5), lock(), Told::Unknown),
        operation("alice", (10, 15), unlock(), told(WasFree, 0)),
        operation("mona", (20, 25), Ask::Read, shows(1, Some("alice"))),
    ]);
    // A request that was still under way when the answer's was sent may come after it.
    is_right(vec![
        operation("alice", (0, 12), lock(), Told::Unknown),
        operation("alice", (10, 15), unlock(), told(WasFree, 0)),
        operation("mona", (20, 25), Ask::Read, shows(1, Some("alice"))),
    ]);
}

#[test]
fn a_lease_ends_to_the_millisecond_as_far_as_clocks_tell() {
    let taken = |at| {
        vec![
            operation("alice", (0, 1), lease(1), told(Acquired, 1)),
            operation("bob", at, lock(), told(Acquired, 2)),
        ]
    };
    is_right(taken((1_000, 1_001)));
    is_wrong(taken((990, 992)));
    // An owner whose lease has run out begins a new tenure.
    is_right(vec![
        operation("alice", (0, 1), lease(1), told(Acquired, 1)),
        operation("alice", (500, 501), lease(1), told(Renewed, 1)),
        operation("alice", (1_600, 1_601), lease(1), told(Acquired, 2)),
    ]);
    is_wrong(vec![
        operation("alice", (0, 1), lease(1), told(Acquired, 1)),
        operation("alice", (1_600, 1_601), lease(1), told(Renewed, 1)),
    ]);
}

#[test]
fn a_hold_off_holds() {
    let held_off = Told::Ended(Ending {
        outcomes: vec![HeldOff],
        ..Ending::default()
    });
    let after = |at, told| {
        vec![
            operation("alice", (0, 5), lock(), super::tests::told(Acquired, 1)),
            operation("olga", (10, 10), break_of(1), super::tests::told(Broken, 2)),
            operation("alice", at, lock(), told),
        ]
    };
    is_right(after((20, 25), held_off.clone()));
    is_right(after((60_020, 60_025), told(Acquired, 3)));
    is_wrong(after((20, 25), told(Acquired, 3)));
    is_wrong(after((60_020, 60_025), held_off));
}

#[test]
fn a_release_that_meets_a_break_does_not_say_that_it_ended_the_tenure() {
    is_wrong(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("olga", (10, 15), break_of(1), told(Broken, 2)),
        operation("alice", (20, 25), unlock(), told(Released, 1)),
    ]);
    // Also where the row does not tell of that break any more: then nothing is claimed.
    is_wrong(vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("olga", (10, 15), break_of(1), told(Broken, 2)),
        operation("bob", (16, 17), lock(), told(Acquired, 3)),
        operation("olga", (18, 19), break_of(3), told(Broken, 4)),
        operation("alice", (12, 25), unlock(), told(Released, 1)),
    ]);
    // After one's own release it may, where answers are lost, and only there.
    let twice = vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("alice", (10, 15), unlock(), told(Released, 1)),
        operation("alice", (20, 25), unlock(), told(Released, 1)),
    ];
    is_right(twice.clone());
    let strict = History {
        loses_answers: false,
        ..history(twice)
    };
    assert_eq!(found(&strict), [Check::Linearizable]);
}

#[test]
fn fences_never_go_back() {
    let unlocked = |fence| {
        Told::Ended(Ending {
            outcomes: vec![WasFree],
            fence: Some(fence),
            ..Ending::default()
        })
    };
    let operations = vec![
        operation("alice", (0, 5), unlock(), unlocked(7)),
        operation("alice", (10, 15), unlock(), unlocked(6)),
    ];
    assert!(found(&history(operations)).contains(&Check::Fences));
    let operations = vec![
        operation("alice", (0, 5), lock(), told(Acquired, 1)),
        operation("bob", (2, 8), lock(), told(Acquired, 1)),
    ];
    assert!(found(&history(operations)).contains(&Check::Fences));
}

fn record(
    change: u64,
    action: &str,
    owners: (Option<&str>, Option<&str>),
    fences: (u64, u64),
) -> ChangeRecord {
    ChangeRecord {
        change,
        at_ms: START_MS + i64::try_from(change).unwrap() * 10,
        action: action.to_owned(),
        actor: "alice".to_owned(),
        owner_before: owners.0.map(str::to_owned),
        owner_after: owners.1.map(str::to_owned),
        fence_before: fences.0,
        fence_after: fences.1,
        until_ms: None,
        dialect: "holdfast".to_owned(),
        request_id: format!("request-{change}"),
    }
}

/// Alice takes the lock and gives it back; the device was made by a change of its own.
fn recorded() -> History {
    let records = vec![
        record(1, "created", (None, None), (0, 0)),
        record(2, "acquired", (None, Some("alice")), (0, 1)),
        record(3, "released", (Some("alice"), None), (1, 1)),
    ];
    History {
        targets: vec![TargetEnd {
            target: DEVICE.to_owned(),
            row: Some(EndRow {
                rev: 3,
                change: 3,
                fence: 1,
                ..EndRow::default()
            }),
            records: Some(records),
        }],
        ..history(vec![
            operation("alice", (18, 25), lock(), told(Acquired, 1)),
            operation("alice", (28, 35), unlock(), told(Released, 1)),
        ])
    }
}

#[test]
fn a_whole_history_is_right() {
    let verdict = check(&recorded());
    assert_eq!(verdict.violations, [], "{verdict}");
}

#[test]
fn a_record_that_is_missing_or_wrong_is_found() {
    let broken = |change: fn(&mut TargetEnd)| {
        let mut history = recorded();
        change(&mut history.targets[0]);
        found(&history)
    };
    let records =
        |end: &mut TargetEnd, change: fn(&mut Vec<ChangeRecord>)| change(end.records.as_mut().unwrap());
    assert!(broken(|end| drop(end.records.as_mut().unwrap().remove(0))).contains(&Check::History));
    let missing = broken(|end| drop(end.records.as_mut().unwrap().remove(1)));
    assert!(
        missing.contains(&Check::History) && missing.contains(&Check::Effects),
        "{missing:?}"
    );
    assert!(broken(|end| end.row.as_mut().unwrap().change = 4).contains(&Check::History));
    assert!(broken(|end| end.row.as_mut().unwrap().fence = 2).contains(&Check::History));
    assert!(broken(|end| end.row.as_mut().unwrap().owner = Some("bob".to_owned())).contains(&Check::History));
    let mut history = recorded();
    records(&mut history.targets[0], |records| {
        records[2].owner_before = Some("bob".to_owned());
    });
    assert!(found(&history).contains(&Check::History));
    let mut history = recorded();
    records(&mut history.targets[0], |records| {
        records[2].request_id = "request-2".to_owned();
    });
    assert_eq!(found(&history), [Check::Effects]);
}

#[test]
fn a_change_that_nobody_was_told_of_is_no_request_s() {
    let mut history = recorded();
    let end = &mut history.targets[0];
    end.records
        .as_mut()
        .unwrap()
        .push(record(4, "acquired", (None, Some("alice")), (1, 2)));
    *end.row.as_mut().unwrap() = EndRow {
        rev: 4,
        change: 4,
        fence: 2,
        owner: Some("alice".to_owned()),
        since_ms: Some(START_MS + 40),
        ..EndRow::default()
    };
    assert_eq!(found(&history), [Check::Linearizable]);
}

/// One request of alice for two locks.
fn batch(told: &Told, changed: &[&str]) -> History {
    let targets = ["access/r:t1", "user/t1"];
    let mut operation = operation("alice", (5, 25), lock(), told.clone());
    operation.parts = targets
        .iter()
        .map(|target| Part {
            target: (*target).to_owned(),
            ask: lock(),
            told: told.clone(),
        })
        .collect();
    let end = |target: &&str| {
        let is_changed = changed.contains(target);
        TargetEnd {
            target: (*target).to_owned(),
            row: is_changed.then(|| EndRow {
                rev: 1,
                change: 1,
                fence: 1,
                owner: Some("alice".to_owned()),
                since_ms: Some(START_MS + 10),
                ..EndRow::default()
            }),
            records: Some(if is_changed {
                let mut record = record(1, "acquired", (None, Some("alice")), (0, 1));
                record.dialect = "netwrix".to_owned();
                vec![record]
            } else {
                Vec::new()
            }),
        }
    };
    History {
        targets: targets.iter().map(end).collect(),
        ..history(vec![operation])
    }
}

#[test]
fn half_a_request_is_wrong() {
    let locked = Told::Ended(Ending {
        outcomes: vec![Acquired, Renewed, AlreadyHeld],
        ..Ending::default()
    });
    for told in [Told::Unknown, locked] {
        assert_eq!(found(&batch(&told, &["access/r:t1", "user/t1"])), []);
        assert!(found(&batch(&told, &["user/t1"])).contains(&Check::AllOrNothing));
    }
    assert_eq!(found(&batch(&Told::Unknown, &[])), []);
}

#[test]
fn an_answer_that_tells_of_a_defect_is_found() {
    let mut answer = operation("alice", (0, 5), lock(), Told::Unknown);
    answer.status = 500;
    assert_eq!(found(&history(vec![answer])), [Check::Answers]);
}

/// A history of clients that overlap, which some order explains: each request takes its turn at a moment of its own.
fn crowded(clients: u64, operations: u64) -> Vec<Operation> {
    let mut dice = crate::dice::Dice::new(7);
    let (mut owner, mut fence) = (None::<u64>, 0);
    let mut all = Vec::new();
    for turn in 0..operations {
        let at = turn * 10 + 1_000;
        let client = dice.below(clients);
        let span = (
            at - dice.below(10 * clients / 2),
            at + dice.below(10 * clients / 2),
        );
        let name = format!("client-{client}");
        let (ask, told) = match (dice.below(3), owner) {
            (0, None) => {
                owner = Some(client);
                fence += 1;
                (lock(), told(Acquired, fence))
            }
            (0, Some(holder)) if holder == client => (lock(), told(AlreadyHeld, fence)),
            (1, Some(holder)) if holder == client => {
                owner = None;
                (unlock(), told(Released, fence))
            }
            (1, None) => (unlock(), told(WasFree, fence)),
            (2, holder) => {
                let holder = holder.map(|holder| format!("client-{holder}"));
                (Ask::Read, shows(fence, holder.as_deref()))
            }
            (choice, Some(holder)) => (
                if choice == 0 { lock() } else { unlock() },
                held_by(&format!("client-{holder}")),
            ),
            (_, None) => (Ask::Read, shows(fence, None)),
        };
        let mut operation = operation(&name, span, ask, told);
        operation.id = turn;
        all.push(operation);
    }
    all
}

#[test]
fn three_hundred_operations_of_eight_clients_take_milliseconds() {
    let begun = Instant::now();
    let right = crowded(8, 300);
    is_right(right.clone());
    for wrong in [40, 150, 290] {
        let mut operations = right.clone();
        // A fence that nobody ever had.
        let Some(operation) = operations[wrong..]
            .iter_mut()
            .find(|operation| matches!(operation.parts[0].told, Told::Row(_)))
        else {
            panic!("a read");
        };
        operation.parts[0].told = shows(10_000, None);
        assert!(found(&history(operations)).contains(&Check::Linearizable));
    }
    // A wide margin: a debug build on a busy machine takes some hundred.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn what_is_written_is_read_again() {
    let history = recorded();
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
}
