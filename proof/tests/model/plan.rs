//! The plan for many locks against a reference model that knows only owners.

use proptest::prelude::*;

use holdfast::lock::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

/// A row of the model: who holds it, whether that has run out, how often it changed hands, and whose lock was broken.
fn states() -> impl Strategy<Value = Vec<(usize, State)>> {
    let holder = proptest::option::of((0_u8..3, proptest::option::of(0_i64..2_000)));
    let broken = proptest::option::weighted(0.2, (0_u8..3, 0_i64..2_000));
    proptest::collection::vec((holder, 0_u64..5, broken), 1..20).prop_map(|rows| {
        type Row = (Option<(u8, Option<i64>)>, u64, Option<(u8, i64)>);
        let state = |(holder, fence, broken): Row| {
            let lock = holder.map(|(owner, until)| Lock {
                owner: Owner::new(format!("user-{owner}")),
                since: Timestamp::from_unix_ms(0),
                until: until.map(Timestamp::from_unix_ms),
                title: None,
                message: None,
            });
            let broken = broken.map(|(owner, until)| Break {
                owner: Owner::new(format!("user-{owner}")),
                fence: Fence::new(0),
                by: Owner::new("operator"),
                at: Timestamp::from_unix_ms(0),
                reason: Reason::try_from("a ticket").unwrap(),
                until: Timestamp::from_unix_ms(until),
            });
            State::new(Fence::new(fence), lock).with_last_break(broken)
        };
        rows.into_iter().map(state).enumerate().collect()
    })
}

fn holder(state: &State) -> Option<&str> {
    state.live(NOW).map(|lock| lock.owner.as_str())
}

/// Whether the model refuses `me` this row: someone else holds it, or it may not be taken yet.
fn refuses(state: &State, me: &str, acquire: bool) -> bool {
    let held_off = state
        .last_break()
        .is_some_and(|broken| broken.owner.as_str() == me && NOW < broken.until);
    match holder(state) {
        Some(holder) => holder != me,
        None => acquire && held_off,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn all_or_none_and_never_against_an_owner(rows in states(), acquire in any::<bool>(), epoch in 0..3_u16) {
        let epoch = Epoch::new(epoch).unwrap();
        let me = "user-0";
        let request = if acquire {
            Request::Acquire { owner: Owner::new(me), lease: LeaseChange::Keep, text: Text::default(), tenure: None }
        } else {
            Request::Release { owner: Owner::new(me), tenure: None }
        };
        let others: Vec<usize> =
            rows.iter().filter(|(_, state)| refuses(state, me, acquire)).map(|(n, _)| *n).collect();
        let wanted = acquire.then_some(me);
        match plan(&rows, &request, NOW, epoch) {
            Plan::Conflict(conflicts) => {
                let named: Vec<usize> = conflicts.iter().map(|(n, _)| *n).collect();
                prop_assert!(!others.is_empty());
                prop_assert_eq!(named, others, "the conflicting locks, all of them and no others");
                for (n, refusal) in conflicts {
                    prop_assert!(refusal.is_refusal());
                    prop_assert_eq!(refusal.lock().map(|lock| lock.owner.as_str()), holder(&rows[n].1));
                }
            }
            Plan::Settled(steps) => {
                prop_assert_eq!(steps.len(), rows.len(), "every row is touched");
                prop_assert!(others.is_empty());
                prop_assert!(rows.iter().all(|(_, state)| holder(state) == wanted));
            }
            Plan::Write(steps) => {
                prop_assert!(others.is_empty());
                prop_assert_eq!(steps.len(), rows.len(), "every row is written or watched");
                let mut changed = 0;
                for (step, (n, state)) in steps.iter().zip(&rows) {
                    match step {
                        Step::Stay(at) => {
                            prop_assert_eq!(at, n);
                            prop_assert_eq!(holder(state), wanted);
                        }
                        Step::Change(at, change) => {
                            changed += 1;
                            prop_assert_eq!(at, n);
                            prop_assert_ne!(holder(state), wanted);
                            match change {
                                Change::Acquire { fence, lock, keeps_break } => {
                                    prop_assert!(acquire);
                                    let broken = state.last_break();
                                    prop_assert_eq!(*keeps_break, broken.is_some_and(|b| NOW < b.until));
                                    prop_assert_eq!(lock.owner.as_str(), me);
                                    prop_assert_eq!(*fence, state.fence().next(epoch));
                                }
                                Change::Release { owner, .. } => {
                                    prop_assert!(!acquire);
                                    prop_assert_eq!(owner.as_str(), me);
                                }
                                Change::Renew { .. } | Change::Break { .. } | Change::Clear { .. } => {
                                    prop_assert!(false, "nothing of the kind was asked: {change:?}");
                                }
                            }
                        }
                    }
                }
                prop_assert!(changed > 0, "a plan without a change writes nothing");
            }
        }
    }
}
