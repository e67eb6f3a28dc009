//! The state machine against a reference model that keeps only what the protocol promises.

use proptest::prelude::*;

use holdfast::lock::*;

/// What a reader of the documentation would write down: who holds until when, the highest fence, and the latest break.
#[derive(Default)]
struct Model {
    holder: Option<(String, Option<i64>)>,
    fence: u64,
    /// How often the tables were put back.
    epoch: u16,
    broken: Option<Broken>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Broken {
    owner: String,
    fence: u64,
    by: String,
    until: i64,
}

impl Model {
    fn holder_at(&self, now: i64) -> Option<&str> {
        self.holder
            .as_ref()
            .filter(|(_, until)| until.is_none_or(|until| now < until))
            .map(|(owner, _)| owner.as_str())
    }

    fn is_held_off(&self, name: &str, now: i64) -> bool {
        self.broken
            .as_ref()
            .is_some_and(|broken| broken.owner == name && now < broken.until)
    }

    fn hand_over(&mut self) {
        self.fence = (self.fence + 1).max(u64::from(self.epoch) * 1_099_511_627_776 + 1);
    }

    fn acquire(&mut self, name: &str, lease: LeaseChange, tenure: Option<u64>, now: i64) -> &'static str {
        let mine = self.holder_at(now) == Some(name);
        let stale = self.holder.is_some();
        if mine {
            if tenure.is_some_and(|tenure| tenure != self.fence) {
                return "other_tenure";
            }
        } else if self.is_held_off(name, now) {
            return "held_off";
        } else if self.holder_at(now).is_some() {
            return "held_by_other";
        } else if tenure.is_some() {
            return "other_tenure";
        }
        let until = match lease {
            LeaseChange::Keep if mine => self.holder.as_ref().and_then(|(_, until)| *until),
            LeaseChange::Keep | LeaseChange::Infinite => None,
            LeaseChange::For(lease) => Some(now + i64::from(lease.seconds()) * 1_000),
        };
        self.holder = Some((name.to_owned(), until));
        if mine {
            return "kept";
        }
        self.hand_over();
        self.broken = self.broken.take().filter(|broken| now < broken.until);
        if stale { "expired_takeover" } else { "acquired" }
    }

    fn release(&mut self, name: &str, tenure: Option<u64>, now: i64) -> &'static str {
        match tenure {
            Some(tenure) if tenure > self.fence => "other_tenure",
            Some(tenure) if tenure < self.fence => "tenure_over",
            _ => match self.holder_at(now) {
                None => "was_free",
                Some(holder) if holder != name => "held_by_other",
                Some(_) => {
                    self.holder = None;
                    "released"
                }
            },
        }
    }

    fn break_lock(&mut self, name: &str, how: How, now: i64) -> &'static str {
        let made = |broken: &Broken| broken.by == name && broken.fence == how.fence;
        match self.holder_at(now).map(str::to_owned) {
            _ if how.fence > self.fence => "other_tenure",
            Some(_) if how.fence < self.fence && self.broken.as_ref().is_some_and(made) => "tenure_over",
            Some(_) if how.fence < self.fence => "other_tenure",
            Some(holder) if holder == name => "your_own_lock",
            Some(_) if how.takes && self.is_held_off(name, now) => "held_off",
            Some(holder) => {
                self.broken = Some(Broken {
                    owner: holder,
                    fence: self.fence,
                    by: name.to_owned(),
                    until: now + i64::from(how.hold_off) * 1_000,
                });
                self.hand_over();
                self.holder = how.takes.then(|| (name.to_owned(), None));
                "broken"
            }
            None => {
                if how.fence == self.fence {
                    self.holder = None;
                }
                "tenure_over"
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Step {
    wait_ms: i64,
    owner: u8,
    /// The tenure that is named, counted back from the one after the latest: 0 never was, 1 is the latest.
    back: Option<u64>,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Acquire(LeaseChange, Option<String>),
    Release,
    Break { takes: bool, hold_off: u32 },
}

#[derive(Clone, Copy)]
struct How {
    fence: u64,
    takes: bool,
    hold_off: u32,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lease = prop_oneof![
        Just(LeaseChange::Keep),
        Just(LeaseChange::Infinite),
        (1_u64..4).prop_map(|s| LeaseChange::For(Lease::from_seconds(s).unwrap())),
    ];
    let action = prop_oneof![
        4 => (lease, proptest::option::of("[ab]")).prop_map(|(l, t)| Action::Acquire(l, t)),
        1 => Just(Action::Release),
        2 => (any::<bool>(), 0_u32..4).prop_map(|(takes, hold_off)| Action::Break { takes, hold_off }),
    ];
    // Waits around whole seconds land on, just before and just after the end of a lease or a hold-off.
    let wait = prop_oneof![
        3 => Just(0_i64),
        1 => Just(1),
        1 => Just(999),
        1 => Just(1_000),
        1 => Just(1_001),
        1 => 0_i64..5_000
    ];
    let back = prop_oneof![6 => Just(None), 1 => (0_u64..4).prop_map(Some)];
    let step = (wait, 0_u8..3, back, action).prop_map(|(wait_ms, owner, back, action)| Step {
        wait_ms,
        owner,
        back,
        action,
    });
    proptest::collection::vec(step, 1..60)
}

/// The request of a step, for a row whose latest fence is `latest`.
fn request(step: &Step, latest: u64) -> Request {
    let owner = Owner::new(format!("user-{}", step.owner));
    let tenure = step.back.map(|back| (latest + 1).saturating_sub(back));
    match &step.action {
        Action::Acquire(lease, title) => Request::Acquire {
            owner,
            lease: *lease,
            text: Text {
                title: title.clone(),
                message: None,
            },
            tenure: tenure.map(Fence::new),
        },
        Action::Release => Request::Release {
            owner,
            tenure: tenure.map(Fence::new),
        },
        Action::Break { takes, hold_off } => Request::Break {
            by: owner,
            fence: Fence::new(tenure.unwrap_or(latest)),
            reason: Reason::try_from("a ticket").unwrap(),
            then: if *takes { Aftermath::Take } else { Aftermath::Free },
            hold_off: HoldOff::from_seconds(u64::from(*hold_off)).unwrap(),
        },
    }
}

fn apply(state: &mut State, change: Change) {
    let last_break = state.last_break().cloned();
    *state = match change {
        Change::Acquire {
            fence,
            lock,
            keeps_break,
        } => State::new(fence, Some(lock)).with_last_break(last_break.filter(|_| keeps_break)),
        Change::Renew { fence, lock } => State::new(fence, Some(lock)).with_last_break(last_break),
        Change::Release { fence, .. } | Change::Clear { fence } => {
            State::new(fence, None).with_last_break(last_break)
        }
        Change::Break { broken, fence, lock } => State::new(fence, lock).with_last_break(Some(broken)),
    };
}

/// The outcome's name; a renewal and a repeat differ in what the request wants, which the model does not keep.
fn told(outcome: &Outcome) -> &'static str {
    match outcome.label().as_str() {
        "renewed" | "already_held" => "kept",
        label => label,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn agrees_with_the_model(steps in steps(), epoch in 0..3_u16, raised_at in 0..20_usize) {
        let mut model = Model::default();
        let mut state = State::default();
        let mut now = 1_000_000;
        for (number, step) in steps.into_iter().enumerate() {
            if number == raised_at {
                model.epoch = epoch;
            }
            now += step.wait_ms;
            let at = Timestamp::from_unix_ms(now);
            let name = format!("user-{}", step.owner);
            let holder = model.holder_at(now).map(str::to_owned);
            let request = request(&step, model.fence);
            let named = match &request {
                Request::Acquire { tenure, .. } | Request::Release { tenure, .. } => tenure.map(Fence::get),
                Request::Break { fence, .. } => Some(fence.get()),
            };
            let fence_before = model.fence;
            let expected = match step.action {
                Action::Acquire(lease, _) => model.acquire(&name, lease, named, now),
                Action::Release => model.release(&name, named, now),
                Action::Break { takes, hold_off } => {
                    model.break_lock(&name, How { fence: named.unwrap_or_default(), takes, hold_off }, now)
                }
            };

            let (change, outcome) = match decide(&state, &request, at, Epoch::new(model.epoch).unwrap()) {
                Decision::Answer(outcome) => (None, outcome),
                Decision::Write(change, outcome) => (Some(change), outcome),
            };
            prop_assert_eq!(told(&outcome), expected, "{:?} on {:?}", &request, &state);
            prop_assert!(change.is_none() || !outcome.is_refusal(), "a refusal that writes");
            prop_assert!(change.is_some() || !outcome.is_change(), "a change without a write");
            // Nothing but a break, or a takeover of what is over, ends someone else's tenure.
            if let (Some(change), Some(holder)) = (&change, &holder) {
                let breaks = matches!(change, Change::Break { broken, .. }
                    if broken.owner.as_str() == holder && broken.by.as_str() == name && holder != &name
                        && Some(broken.fence.get()) == named && broken.at == at);
                prop_assert!(holder == &name || breaks, "{:?} against the lock of {}", change, holder);
            }
            if let Some(change) = change {
                apply(&mut state, change);
            }

            prop_assert_eq!(state.fence().get(), model.fence);
            prop_assert!(state.live(at).map(|lock| lock.owner.as_str()) == model.holder_at(now));
            prop_assert_eq!(state.live(at).and_then(|lock| lock.until).map(Timestamp::unix_ms),
                model.holder.as_ref().filter(|_| model.holder_at(now).is_some()).and_then(|(_, until)| *until));
            prop_assert_eq!(state.has_run_out(at), model.holder.is_some() && model.holder_at(now).is_none());
            let broken = state.last_break().map(|broken| Broken {
                owner: broken.owner.as_str().to_owned(),
                fence: broken.fence.get(),
                by: broken.by.as_str().to_owned(),
                until: broken.until.unix_ms(),
            });
            prop_assert_eq!(&broken, &model.broken);
            prop_assert!(outcome.lock().is_none_or(|lock| Some(lock) == state.live(at)), "{:?}", outcome);
            // A fence for each tenure: who holds changes with it, and with it alone.
            let changed_hands = model.holder_at(now).is_some() && holder.as_deref() != model.holder_at(now);
            let grows = changed_hands || expected == "broken";
            prop_assert_eq!(model.fence > fence_before, grows, "{}", expected);
        }
    }

    #[test]
    fn a_request_that_was_carried_out_has_nothing_left_to_change(steps in steps()) {
        let mut state = State::default();
        let mut now = 0;
        for step in steps {
            now += step.wait_ms;
            let at = Timestamp::from_unix_ms(now);
            let mut request = request(&step, state.fence().get());
            if let Request::Acquire { lease, .. } = &mut request {
                *lease = LeaseChange::Keep;
            }
            if let Decision::Write(change, _) = decide(&state, &request, at, Epoch::default()) {
                apply(&mut state, change);
            }
            // The same request again, at the same moment, has nothing left to write.
            prop_assert!(matches!(decide(&state, &request, at, Epoch::default()), Decision::Answer(_)));
        }
    }
}

fn break_of(fence: u64, by: &str, then: Aftermath) -> Request {
    Request::Break {
        by: Owner::new(by),
        fence: Fence::new(fence),
        reason: Reason::try_from("alice has left").unwrap(),
        then,
        hold_off: HoldOff::default(),
    }
}

fn acquire(owner: &str, tenure: Option<u64>) -> Request {
    Request::Acquire {
        owner: Owner::new(owner),
        lease: LeaseChange::Keep,
        text: Text::default(),
        tenure: tenure.map(Fence::new),
    }
}

fn release(owner: &str, tenure: Option<u64>) -> Request {
    Request::Release {
        owner: Owner::new(owner),
        tenure: tenure.map(Fence::new),
    }
}

/// A row, and what is asked of it one after the other.
#[derive(Default)]
struct Row(State);

impl Row {
    fn ask(&mut self, request: &Request, now: i64) -> Outcome {
        match decide(&self.0, request, Timestamp::from_unix_ms(now), Epoch::default()) {
            Decision::Answer(outcome) => outcome,
            Decision::Write(change, outcome) => {
                apply(&mut self.0, change);
                outcome
            }
        }
    }

    fn told(&mut self, request: &Request, now: i64) -> (&'static str, u64) {
        (self.ask(request, now).label().as_str(), self.0.fence().get())
    }
}

/// The contract's table of breaks, row after row.
#[test]
fn a_break_ends_the_tenure_that_it_names_and_no_other() {
    let mut row = Row::default();
    let free = Aftermath::Free;
    assert_eq!(
        row.told(&break_of(0, "olga", free), 0),
        ("tenure_over", 0),
        "no tenure yet"
    );
    assert_eq!(
        row.told(&break_of(1, "olga", free), 0),
        ("other_tenure", 0),
        "it never was"
    );
    assert_eq!(row.told(&acquire("alice", None), 0), ("acquired", 1));
    assert_eq!(row.told(&break_of(1, "alice", free), 0), ("your_own_lock", 1));
    assert_eq!(row.told(&break_of(2, "olga", free), 0), ("other_tenure", 1));
    assert_eq!(row.told(&break_of(1, "olga", free), 0), ("broken", 2));
    assert_eq!(
        row.told(&break_of(1, "olga", free), 0),
        ("tenure_over", 2),
        "a retry"
    );
    assert_eq!(
        row.told(&break_of(1, "paul", free), 0),
        ("tenure_over", 2),
        "nobody holds it"
    );
    assert_eq!(row.told(&acquire("bob", None), 0), ("acquired", 3));
    let retry = row.ask(&break_of(1, "olga", free), 0);
    assert!(
        matches!(&retry, Outcome::TenureOver { lock: Some(lock), .. } if lock.owner.as_str() == "bob"),
        "{retry:?}"
    );
    assert_eq!(
        row.told(&break_of(1, "paul", free), 0),
        ("other_tenure", 3),
        "a successor's"
    );
    assert_eq!(
        row.told(&break_of(2, "olga", free), 0),
        ("other_tenure", 3),
        "not her break"
    );
    assert_eq!(row.told(&break_of(3, "olga", Aftermath::Take), 0), ("broken", 4));
    assert_eq!(
        row.told(&break_of(3, "olga", Aftermath::Take), 0),
        ("tenure_over", 4),
        "a retry"
    );
    assert_eq!(
        row.told(&release("olga", Some(4)), 0),
        ("released", 4),
        "hers, with its fence"
    );
}

#[test]
fn the_old_owner_alone_is_held_off_until_the_hold_off_ends() {
    let mut row = Row::default();
    row.ask(&acquire("alice", None), 0);
    row.ask(&break_of(1, "olga", Aftermath::Free), 1_000);
    for (tenure, now) in [(None, 1_000), (Some(1), 1_000), (None, 60_999)] {
        let Outcome::HeldOff {
            broken,
            fence,
            lock: None,
        } = row.ask(&acquire("alice", tenure), now)
        else {
            panic!("not held off");
        };
        assert_eq!(
            (broken.by.as_str(), broken.reason.as_str()),
            ("olga", "alice has left")
        );
        assert_eq!((broken.fence.get(), fence.get()), (1, 2));
    }
    assert_eq!(
        row.told(&release("alice", None), 1_000),
        ("was_free", 2),
        "as a free lock"
    );
    assert_eq!(row.told(&acquire("bob", None), 2_000), ("acquired", 3));
    let refused = row.ask(&acquire("alice", None), 3_000);
    assert!(
        matches!(refused, Outcome::HeldOff { lock: Some(_), .. }),
        "{refused:?}"
    );
    assert_eq!(
        row.told(&break_of(3, "alice", Aftermath::Take), 3_000),
        ("held_off", 3)
    );
    row.ask(&release("bob", None), 4_000);
    assert!(row.0.last_break().is_some(), "bob's lock came and went");
    assert_eq!(
        row.told(&acquire("alice", Some(1)), 61_000),
        ("other_tenure", 3),
        "with the fence, never"
    );
    assert_eq!(
        row.told(&acquire("alice", None), 61_000),
        ("acquired", 4),
        "to the millisecond"
    );
    assert_eq!(
        row.0.last_break(),
        None,
        "the first acquisition after the hold-off"
    );
}

#[test]
fn a_lease_that_ran_out_under_the_fence_named_is_cleared_and_not_broken() {
    let mut row = Row::default();
    let leased = Request::Acquire {
        owner: Owner::new("alice"),
        lease: LeaseChange::For(Lease::from_seconds(1).unwrap()),
        text: Text::default(),
        tenure: None,
    };
    row.ask(&leased, 0);
    assert_eq!(
        row.told(&break_of(0, "olga", Aftermath::Free), 1_000),
        ("tenure_over", 1)
    );
    assert!(!row.0.is_released(), "an earlier fence clears nothing");
    assert_eq!(
        row.told(&break_of(1, "olga", Aftermath::Take), 1_000),
        ("tenure_over", 1)
    );
    assert!(row.0.is_released() && row.0.last_break().is_none());
    assert_eq!(
        row.told(&acquire("alice", None), 1_000),
        ("acquired", 2),
        "nobody is held off"
    );
}

/// `PUT` and `DELETE` with a fence.
#[test]
fn a_tenure_that_is_named_is_renewed_or_released_and_no_other() {
    let mut row = Row::default();
    assert_eq!(
        row.told(&acquire("alice", Some(0)), 0),
        ("other_tenure", 0),
        "nothing to renew"
    );
    assert_eq!(
        row.told(&release("alice", Some(1)), 0),
        ("other_tenure", 0),
        "it never was"
    );
    row.ask(&acquire("alice", None), 0);
    assert_eq!(row.told(&acquire("alice", Some(1)), 0), ("already_held", 1));
    assert_eq!(row.told(&acquire("bob", Some(1)), 0), ("held_by_other", 1));
    row.ask(&release("alice", None), 0);
    assert_eq!(
        row.told(&acquire("alice", Some(1)), 0),
        ("other_tenure", 1),
        "released"
    );
    assert_eq!(row.told(&release("alice", Some(1)), 0), ("was_free", 1));
    row.ask(&acquire("alice", None), 0);
    assert_eq!(row.told(&acquire("alice", Some(1)), 0), ("other_tenure", 2));
    assert_eq!(
        row.told(&release("alice", Some(1)), 0),
        ("tenure_over", 2),
        "her own later tenure stays"
    );
    assert_eq!(
        row.told(&release("bob", Some(1)), 0),
        ("tenure_over", 2),
        "no matter who holds it now"
    );
    assert_eq!(row.told(&release("bob", Some(2)), 0), ("held_by_other", 2));
    assert_eq!(row.told(&release("alice", Some(3)), 0), ("other_tenure", 2));
    assert_eq!(row.told(&release("alice", Some(2)), 0), ("released", 2));
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
        tenure: None,
    };
    let mut state = State::default();
    if let Decision::Write(change, _) = decide(&state, &request, start, Epoch::default()) {
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
