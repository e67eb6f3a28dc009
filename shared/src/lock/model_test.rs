//! The state machine against a reference model that keeps only what the protocol promises.

use proptest::prelude::*;

use super::*;

/// What a reader of the documentation would write down: who holds until when, and the highest fence.
#[derive(Default)]
struct Model {
    holder: Option<(String, Option<i64>)>,
    fence: u64,
}

impl Model {
    fn holder_at(&self, now: i64) -> Option<&str> {
        self.holder
            .as_ref()
            .filter(|(_, until)| until.is_none_or(|until| now < until))
            .map(|(owner, _)| owner.as_str())
    }
}

#[derive(Clone, Debug)]
struct Step {
    wait_ms: i64,
    owner: u8,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Acquire(LeaseChange, Option<String>),
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lease = prop_oneof![
        Just(LeaseChange::Keep),
        Just(LeaseChange::Infinite),
        (1_u64..4).prop_map(|s| LeaseChange::For(Lease::from_seconds(s).unwrap())),
    ];
    let action = prop_oneof![
        3 => (lease, proptest::option::of("[ab]")).prop_map(|(l, t)| Action::Acquire(l, t)),
        1 => Just(Action::Release),
    ];
    // Waits around whole seconds land on, just before and just after the end of a lease.
    let wait = prop_oneof![
        Just(0_i64),
        Just(1),
        Just(999),
        Just(1_000),
        Just(1_001),
        0_i64..5_000
    ];
    let step = (wait, 0_u8..3, action).prop_map(|(wait_ms, owner, action)| Step {
        wait_ms,
        owner,
        action,
    });
    proptest::collection::vec(step, 1..60)
}

fn apply(state: &mut State, change: Change) {
    *state = match change {
        Change::Acquire { fence, lock } | Change::Renew { fence, lock } => State::new(fence, Some(lock)),
        Change::Release { fence, .. } => State::new(fence, None),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_the_model(steps in steps()) {
        let mut model = Model::default();
        let mut state = State::default();
        let mut now = 1_000_000;
        for Step { wait_ms, owner, action } in steps {
            now += wait_ms;
            let at = Timestamp::from_unix_ms(now);
            let name = format!("user-{owner}");
            let holder = model.holder_at(now).map(str::to_owned);
            prop_assert_eq!(state.live(at).map(|l| l.owner.as_str()), holder.as_deref());

            let request = match &action {
                Action::Acquire(lease, title) => Request::Acquire {
                    owner: Owner::new(name.clone()),
                    lease: *lease,
                    text: Text { title: title.clone(), message: None },
                },
                Action::Release => Request::Release { owner: Owner::new(name.clone()) },
            };
            let decision = decide(&state, &request, at);
            let (change, outcome) = match decision {
                Decision::Answer(outcome) => (None, outcome),
                Decision::Write(change, outcome) => (Some(change), outcome),
            };

            match (&action, holder.as_deref()) {
                (_, Some(other)) if other != name => {
                    prop_assert!(change.is_none(), "a write against someone else's lock");
                    let Outcome::HeldBy { lock } = &outcome else { panic!("expected HeldBy, got {outcome:?}") };
                    prop_assert_eq!(lock.owner.as_str(), other);
                }
                (Action::Acquire(lease, _), mine) => {
                    let until = match lease {
                        LeaseChange::Keep => mine.and_then(|_| model.holder.as_ref().and_then(|(_, u)| *u)),
                        LeaseChange::Infinite => None,
                        LeaseChange::For(lease) => Some(now + i64::from(lease.seconds()) * 1_000),
                    };
                    if mine.is_none() {
                        model.fence += 1;
                    }
                    let stale = mine.is_none() && model.holder.is_some();
                    model.holder = Some((name.clone(), until));
                    let (fence, lock) = match &outcome {
                        Outcome::Acquired { fence, lock, expired_takeover } => {
                            prop_assert!(mine.is_none());
                            prop_assert_eq!(*expired_takeover, stale);
                            prop_assert_eq!(lock.since, at);
                            (fence, lock)
                        }
                        Outcome::Renewed { fence, lock } | Outcome::AlreadyHeld { fence, lock } => {
                            prop_assert!(mine.is_some());
                            (fence, lock)
                        }
                        other => panic!("an acquisition ended as {other:?}"),
                    };
                    prop_assert_eq!(fence.get(), model.fence);
                    prop_assert_eq!(lock.owner.as_str(), name.as_str());
                    prop_assert_eq!(lock.until.map(Timestamp::unix_ms), until);
                    prop_assert_eq!(change.is_none(), matches!(outcome, Outcome::AlreadyHeld { .. }));
                }
                (Action::Release, mine) => {
                    prop_assert_eq!(matches!(outcome, Outcome::Released { .. }), mine.is_some());
                    prop_assert_eq!(matches!(outcome, Outcome::WasFree { .. }), mine.is_none());
                    prop_assert_eq!(change.is_some(), mine.is_some());
                    if mine.is_some() {
                        model.holder = None;
                    }
                }
            }

            let before = state.fence();
            if let Some(change) = change {
                apply(&mut state, change);
            }
            prop_assert!(state.fence() >= before, "the fence went back");
        }
    }

    #[test]
    fn an_answer_without_a_write_repeats_itself(steps in steps()) {
        let mut state = State::default();
        let mut now = 0;
        for Step { wait_ms, owner, action } in steps {
            now += wait_ms;
            let at = Timestamp::from_unix_ms(now);
            let owner = Owner::new(format!("user-{owner}"));
            let request = match action {
                Action::Acquire(..) => Request::Acquire { owner, lease: LeaseChange::Keep, text: Text::default() },
                Action::Release => Request::Release { owner },
            };
            if let Decision::Write(change, _) = decide(&state, &request, at) {
                apply(&mut state, change);
            }
            // The same request again, at the same moment, has nothing left to write.
            prop_assert!(matches!(decide(&state, &request, at), Decision::Answer(_)));
        }
    }
}

#[test]
fn a_lease_is_free_from_its_end_on_to_the_millisecond() {
    let owner = Owner::new("alice");
    let lease = LeaseChange::For(Lease::from_seconds(1).unwrap());
    let start = Timestamp::from_unix_ms(0);
    let request = Request::Acquire {
        owner,
        lease,
        text: Text::default(),
    };
    let mut state = State::default();
    if let Decision::Write(change, _) = decide(&state, &request, start) {
        apply(&mut state, change);
    }
    assert!(state.live(Timestamp::from_unix_ms(999)).is_some());
    assert!(state.live(Timestamp::from_unix_ms(1_000)).is_none());
    assert!(state.has_run_out(Timestamp::from_unix_ms(1_000)));
}

#[test]
fn a_lease_lasts_from_one_second_to_one_day() {
    assert!(Lease::from_seconds(0).is_err());
    assert!(Lease::from_seconds(1).is_ok());
    assert!(Lease::from_seconds(86_400).is_ok());
    assert!(Lease::from_seconds(86_401).is_err());
    assert!(Lease::from_seconds(u64::MAX).is_err());
}
