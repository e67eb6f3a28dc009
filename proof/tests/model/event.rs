//! The records of a row's changes replay to the row.

use proptest::prelude::*;

use holdfast::lock::*;

const OWNERS: [&str; 3] = ["alice", "bob", "carol"];

/// The row after a change, as the store writes it.
fn write(record: &Record, change: &Change, writer: Writer, epoch: Epoch) -> Record {
    let old = record.state.last_break().cloned();
    let state = match change.clone() {
        Change::Acquire {
            fence,
            lock,
            keeps_break,
        } => State::new(fence, Some(lock)).with_last_break(old.filter(|_| keeps_break)),
        Change::Renew { fence, lock } => State::new(fence, Some(lock)).with_last_break(old),
        Change::Release { fence, .. } | Change::Clear { fence } => {
            State::new(fence, None).with_last_break(old)
        }
        Change::Break { broken, fence, lock } => State::new(fence, lock).with_last_break(Some(broken)),
    };
    Record {
        rev: record.rev.next(),
        change: epoch.next(record.change),
        state,
        by: Some(writer),
        lock_request: record.lock_request.clone(),
    }
}

fn image(record: &Record) -> Image {
    Image {
        record: record.clone(),
        ..Image::default()
    }
}

fn writer(name: &str, now: Timestamp) -> Writer {
    Writer {
        actor: Owner::new(name),
        at: now,
        origin: Origin::unknown(RequestId::new("r")),
    }
}

fn request() -> impl Strategy<Value = (usize, Request)> {
    (0..OWNERS.len(), 0..6_u8, 0..4_u64, 0..3_u64).prop_map(|(who, kind, fence, seconds)| {
        let owner = Owner::new(*OWNERS.get(who).unwrap());
        let lease = Lease::from_seconds(seconds).map_or(LeaseChange::Keep, LeaseChange::For);
        let request = match kind {
            0 => Request::Release { owner, tenure: None },
            1 => Request::Break {
                by: owner,
                // Replaced by the latest fence where it is zero.
                fence: Fence::new(fence),
                reason: Reason::try_from("a ticket").unwrap(),
                then: if seconds == 0 {
                    Aftermath::Take
                } else {
                    Aftermath::Free
                },
                hold_off: HoldOff::from_seconds(seconds).unwrap(),
            },
            _ => Request::Acquire {
                owner,
                lease,
                text: Text::default(),
                tenure: None,
            },
        };
        (who, request)
    })
}

/// The action that an outcome with a write has to have.
fn expected(label: Label) -> Action {
    match label {
        Label::Acquired => Action::Acquired,
        Label::ExpiredTakeover => Action::TakenOver,
        Label::Renewed => Action::Renewed,
        // A lease that ran out is taken off the row.
        Label::Released | Label::TenureOver => Action::Released,
        Label::Broken => Action::Broken,
        other => panic!("{other:?} writes nothing"),
    }
}

proptest! {
    #[test]
    fn the_records_replay_to_the_row(
        steps in prop::collection::vec((request(), 0..1_500_i64), 1..60),
        raised_at in 0..60_usize,
    ) {
        let mut record = Record::default();
        let mut now = 0;
        let (mut owner, mut fence, mut change) = (None, Fence::default(), 0);
        for (number, ((who, request), wait)) in steps.into_iter().enumerate() {
            let epoch = Epoch::new(u16::from(number >= raised_at)).unwrap();
            now += wait;
            let now = Timestamp::from_unix_ms(now);
            let request = match request {
                Request::Break { by, reason, then, hold_off, fence } if fence.get() == 0 => {
                    Request::Break { by, reason, then, hold_off, fence: record.state.fence() }
                }
                request => request,
            };
            let Decision::Write(written, outcome) = decide(&record.state, &request, now, epoch) else {
                // A touch raises the revision alone.
                let touched = Record { rev: record.rev.next(), ..record.clone() };
                let before = (record.change > 0).then(|| image(&record));
                prop_assert_eq!(event(before.as_ref(), &image(&touched)), Err(NoEvent::Touch));
                record = touched;
                continue;
            };
            let name = OWNERS.get(who).unwrap();
            let after = write(&record, &written, writer(name, now), epoch);
            let before = (record.change > 0).then(|| image(&record));
            let event = event(before.as_ref(), &image(&after)).unwrap();
            prop_assert_eq!(event.action, expected(outcome.label()));
            prop_assert_eq!(event.by.actor.as_str(), *name);
            // In order and without a gap, each goes on from where the one before ended.
            match change_before(event.change) {
                Some(before) => prop_assert_eq!(before, change),
                None => prop_assert!(event.change == epoch.first() && event.change > change),
            }
            prop_assert_eq!(&event.owner_before, &owner);
            prop_assert_eq!(event.fence_before, fence);
            prop_assert_eq!(event.reason.is_some(), event.action == Action::Broken);
            (owner, fence, change) = (event.owner_after, event.fence_after, event.change);
            record = after;
            let recorded = record.state.recorded();
            prop_assert_eq!(&owner, &recorded.map(|lock| lock.owner.clone()));
            prop_assert_eq!(fence, record.state.fence());
            prop_assert_eq!(event.until, recorded.and_then(|lock| lock.until));
        }
    }
}

#[test]
fn what_happens_to_a_row_besides_its_lock() {
    let at = Timestamp::from_unix_ms(7);
    let made = Record {
        change: 1,
        by: Some(writer("operator", at)),
        ..Record::default()
    };
    let action = |before: Option<&Image>, after: &Image| event(before, after).map(|event| event.action);
    let first = image(&made);
    assert_eq!(action(None, &first), Ok(Action::Created));
    let second = Record {
        change: 2,
        ..made.clone()
    };
    assert_eq!(action(Some(&first), &image(&second)), Ok(Action::Changed));
    let ended = Image {
        has_ended: true,
        ..image(&second)
    };
    assert_eq!(action(Some(&first), &ended), Ok(Action::Ended));
    let removed = Image {
        is_removed: true,
        ..image(&second)
    };
    assert_eq!(action(Some(&first), &removed), Ok(Action::Removed));
    let unsigned = Record { by: None, ..second };
    assert_eq!(action(Some(&first), &image(&unsigned)), Err(NoEvent::Unsigned));
}
