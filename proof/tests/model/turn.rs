//! The turns against a store that loses answers, resends, duplicates, and makes writes after their sender gave up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use holdfast::lock::*;

/// How often one write is sent before its request is answered 503, as the SDK does.
const SENDS: u32 = 2;
const OWNERS: usize = 2;

/// What a write asks of the row: the change or touch, and the revision that it must find.
#[derive(Clone)]
struct Message {
    op: usize,
    rev: Revision,
    turn: Turn,
    /// Whether the revision is left out of the condition.
    insists: bool,
}

#[expect(clippy::large_enum_variant, reason = "a handful of them in a test")]
enum Phase {
    Reading,
    /// The write is sent or about to be; whether an earlier send ended ambiguously; how often it was sent.
    Writing {
        seen: Record,
        turn: Turn,
        ambiguous: bool,
        sends: u32,
        waiting: bool,
    },
    /// Answered at this step, with an outcome or with 503.
    Answered {
        at: usize,
        outcome: Option<Outcome>,
    },
}

struct Op {
    owner: Owner,
    request: Request,
    me: Writer,
    now: Timestamp,
    began: usize,
    losses: u32,
    phase: Phase,
}

/// What a schedule has shown, so that no property holds for want of a case.
#[derive(Debug, Default)]
struct Cases(BTreeMap<&'static str, usize>);

impl Cases {
    fn count(&mut self, case: &'static str) {
        *self.0.entry(case).or_default() += 1;
    }
}

#[derive(Default)]
struct World {
    row: Record,
    ops: Vec<Op>,
    network: Vec<Message>,
    /// Which operations changed the row, by number.
    effects: Vec<usize>,
    /// The tenures that were broken.
    broken: Vec<Fence>,
    /// Whose lock the latest break ended, and until when that owner is held off.
    held_off: Option<(Owner, Timestamp)>,
    step: usize,
    now: i64,
    cases: Cases,
}

fn name(user: usize) -> Owner {
    Owner::new(format!("user-{user}"))
}

/// The tenure that a request names.
fn named(request: &Request) -> Fence {
    match request {
        Request::Acquire { tenure, .. } | Request::Release { tenure, .. } => tenure.unwrap_or_default(),
        Request::Break { fence, .. } => *fence,
    }
}

impl World {
    fn start(&mut self, choice: u16) {
        let kind = choice / 8 % 12;
        let mut user = usize::from(choice) % OWNERS;
        // Mostly someone else's lock: nobody breaks an own one.
        let now = Timestamp::from_unix_ms(self.now);
        if kind >= 9
            && !(choice / 256).is_multiple_of(8)
            && self
                .row
                .state
                .live(now)
                .is_some_and(|lock| lock.owner == name(user))
        {
            user = (user + 1) % OWNERS;
        }
        let owner = name(user);
        let latest = self.row.state.fence().get();
        let request = match kind {
            0..=2 => Request::Release {
                owner: owner.clone(),
                tenure: None,
            },
            8 => Request::Release {
                owner: owner.clone(),
                tenure: Some(Fence::new(latest)),
            },
            kind @ 9..=11 => Request::Break {
                by: owner.clone(),
                // The latest tenure, now and then the one before.
                fence: Fence::new(latest.saturating_sub(u64::from((choice / 256).is_multiple_of(4)))),
                reason: Reason::try_from("a ticket").unwrap(),
                then: if kind == 9 {
                    Aftermath::Take
                } else {
                    Aftermath::Free
                },
                hold_off: HoldOff::from_seconds(u64::from(choice / 1_024 % 3)).unwrap(),
            },
            kind => Request::Acquire {
                owner: owner.clone(),
                lease: match kind {
                    3 | 4 => LeaseChange::Keep,
                    5 => LeaseChange::Infinite,
                    _ => LeaseChange::For(Lease::from_seconds(1).unwrap()),
                },
                text: Text::default(),
                tenure: (kind == 4).then_some(self.row.state.fence()),
            },
        };
        let me = Writer {
            actor: owner.clone(),
            at: now,
            origin: Origin::unknown(RequestId::new(self.ops.len().to_string())),
        };
        self.ops.push(Op {
            owner,
            request,
            me,
            now,
            began: self.step,
            losses: 0,
            phase: Phase::Reading,
        });
    }

    fn answer(&mut self, op: usize, outcome: Option<Outcome>) -> Result<(), String> {
        if let Some(outcome) = &outcome {
            self.is_true(op, outcome)?;
            let has_effect = self.effects.contains(&op);
            match outcome {
                Outcome::HeldOff { .. } => self.cases.count("held off"),
                Outcome::OtherTenure { .. } => self.cases.count("another tenure"),
                Outcome::TenureOver { lock: Some(_), .. } if has_effect => {
                    self.cases.count("a break that was made and passed over");
                }
                _ => {}
            }
        } else {
            self.cases.count("answered 503");
        }
        self.ops[op].phase = Phase::Answered {
            at: self.step,
            outcome,
        };
        Ok(())
    }

    fn is_true(&self, op: usize, outcome: &Outcome) -> Result<(), String> {
        let effects = self.effects.iter().filter(|effect| **effect == op).count();
        let expected = match outcome {
            Outcome::Acquired { .. } | Outcome::Renewed { .. } => effects == 1,
            Outcome::Released { fence } => !self.row.state.is_tenure(&self.ops[op].owner, *fence),
            Outcome::Broken { broken, .. } => {
                let named = named(&self.ops[op].request);
                effects == 1
                    && self.broken.contains(&named)
                    && !self.row.state.is_tenure(&broken.owner, named)
            }
            // At the request's own moment: a lease may run out, and is over before it is taken off the row.
            Outcome::TenureOver { .. } => {
                named(&self.ops[op].request) < self.row.state.fence()
                    || self.row.state.live(self.ops[op].now).is_none()
            }
            Outcome::AlreadyHeld { .. } | Outcome::WasFree { .. } => effects == 0,
            refusal => refusal.is_refusal() && effects == 0,
        };
        expected
            .then_some(())
            .ok_or_else(|| format!("{op} is answered {outcome:?} after {effects} effects"))
    }

    fn follow(&mut self, op: usize, seen: Record, turn: Turn) -> Result<(), String> {
        match turn {
            Turn::Answer(outcome) => self.answer(op, Some(outcome)),
            Turn::Unsure(why) => {
                self.cases.count(match why {
                    Unsure::OwnEffect => "unsure of an effect",
                    Unsure::OwnRelease => "unsure of an order",
                });
                self.answer(op, None)
            }
            turn => {
                self.ops[op].phase = Phase::Writing {
                    seen,
                    turn,
                    ambiguous: false,
                    sends: 0,
                    waiting: false,
                };
                Ok(())
            }
        }
    }

    /// Moves an operation on: it reads, sends, or stops waiting for an answer.
    fn advance(&mut self, op: usize) -> Result<(), String> {
        // Every second break insists from the start. That is more than the protocol does, and else the case is rare.
        let losses = self.ops[op].losses + u32::from(op % 2 == 1);
        match &mut self.ops[op].phase {
            Phase::Answered { .. } => Ok(()),
            Phase::Reading => {
                let seen = self.row.clone();
                let turn = Turn::first(&seen, &self.ops[op].request, self.ops[op].now, Epoch::default());
                self.follow(op, seen, turn)
            }
            Phase::Writing {
                waiting,
                ambiguous,
                sends,
                ..
            } if *waiting => {
                *ambiguous = true;
                *waiting = false;
                if *sends == SENDS {
                    self.answer(op, None)
                } else {
                    Ok(())
                }
            }
            Phase::Writing {
                seen,
                turn,
                sends,
                waiting,
                ..
            } => {
                *waiting = true;
                *sends += 1;
                self.network.push(Message {
                    op,
                    rev: seen.rev,
                    turn: turn.clone(),
                    insists: turn.insists(losses),
                });
                Ok(())
            }
        }
    }

    /// The store makes the write or refuses it.
    fn made(&mut self, message: &Message) -> Result<bool, String> {
        let op = &self.ops[message.op];
        let live_for_others = self.row.state.live(op.now).is_some();
        let (is_owner, me) = (
            |owner: &Owner| self.row.state.is_tenure(owner, self.row.state.fence()),
            op.me.clone(),
        );
        let allowed = (message.insists || message.rev == self.row.rev)
            && match &message.turn {
                Turn::Write(Change::Acquire { .. }, _) => !live_for_others,
                Turn::Write(Change::Renew { lock, .. }, _) => is_owner(&lock.owner),
                Turn::Write(Change::Release { owner, .. }, _) => is_owner(owner),
                Turn::Write(Change::Break { broken, .. }, _) => {
                    self.row.state.is_tenure(&broken.owner, broken.fence)
                }
                Turn::Write(Change::Clear { fence }, _) => {
                    *fence == self.row.state.fence() && self.row.state.has_run_out(op.now)
                }
                Turn::Touch(_) | Turn::Answer(_) | Turn::Unsure(_) => true,
            };
        if !allowed {
            return Ok(false);
        }
        if let Turn::Write(change, _) = &message.turn {
            self.is_still_wanted(message)?;
            if message.insists && message.rev != self.row.rev {
                self.cases.count("a break past a renewal");
            }
            if self.effects.contains(&message.op) {
                return Err(format!("{} takes effect twice", message.op));
            }
            self.effects.push(message.op);
            self.is_fair(message.op, change)?;
            let kept = self.row.state.last_break().cloned();
            let (fence, lock, last_break) = match change.clone() {
                Change::Acquire {
                    fence,
                    lock,
                    keeps_break,
                } => (fence, Some(lock), kept.filter(|_| keeps_break)),
                Change::Renew { fence, lock } => (fence, Some(lock), kept),
                Change::Release { fence, .. } | Change::Clear { fence } => (fence, None, kept),
                Change::Break { broken, fence, lock } => (fence, lock, Some(broken)),
            };
            let begins = match change {
                Change::Acquire { .. } | Change::Break { lock: Some(_), .. } => true,
                Change::Renew { .. }
                | Change::Release { .. }
                | Change::Break { .. }
                | Change::Clear { .. } => false,
            };
            if begins {
                self.row.lock_request = Some(me.origin.request.clone());
            }
            self.row.state = State::new(fence, lock).with_last_break(last_break);
            self.row.by = Some(me);
        }
        if matches!(message.turn, Turn::Touch(_)) {
            self.cases.count("a touch");
        }
        self.row.rev = self.row.rev.next();
        Ok(true)
    }

    /// No tenure is broken twice, only the one that was named, the fence grows by one with each acquisition and each
    /// break, and no old owner takes the lock during the hold-off.
    fn is_fair(&mut self, op: usize, change: &Change) -> Result<(), String> {
        let Op {
            owner, request, now, ..
        } = &self.ops[op];
        let latest = self.row.state.fence();
        let (grows, fence) = match change {
            Change::Acquire { fence, lock, .. } => {
                if let Some((old, until)) = &self.held_off
                    && *old == lock.owner
                    && now < until
                {
                    return Err(format!("{op} undoes a break"));
                }
                (true, *fence)
            }
            Change::Break { broken, fence, .. } => {
                let named = named(request);
                if named != latest || broken.owner == *owner || self.broken.contains(&named) {
                    return Err(format!("{op} breaks {latest} of {} for {named}", broken.owner));
                }
                self.broken.push(named);
                self.held_off = Some((broken.owner.clone(), broken.until));
                self.cases.count("a break");
                (true, *fence)
            }
            Change::Renew { fence, .. } | Change::Release { fence, .. } => (false, *fence),
            Change::Clear { fence } => {
                self.cases.count("a clearance");
                (false, *fence)
            }
        };
        let expected = if grows {
            latest.next(Epoch::default())
        } else {
            latest
        };
        (fence == expected)
            .then_some(())
            .ok_or_else(|| format!("{op}: the fence goes from {latest} to {fence}"))
    }

    /// An answered request changes nothing once a later one of the same owner has been acknowledged. A break that
    /// insists is fenced off by the end of its tenure alone: not by an answer that says that this tenure goes on.
    fn is_still_wanted(&mut self, message: &Message) -> Result<(), String> {
        let op = message.op;
        let insists_on = message.insists.then(|| named(&self.ops[op].request));
        let goes_on = |outcome: &Outcome| matches!(outcome, Outcome::TenureOver { fence, lock: Some(_) } if Some(*fence) == insists_on);
        let Phase::Answered { at: given_up, .. } = self.ops[op].phase else {
            return Ok(());
        };
        self.cases.count("a late write");
        let fenced_off = self.ops.iter().any(|later| {
            later.owner == self.ops[op].owner
                && later.began > given_up
                && matches!(&later.phase, Phase::Answered { outcome: Some(outcome), .. }
                    if !outcome.is_refusal() && !goes_on(outcome))
        });
        (!fenced_off)
            .then_some(())
            .ok_or_else(|| format!("{op} changes the row after a later request was acknowledged"))
    }

    fn deliver(&mut self, at: usize, answer_is_lost: bool, stays: bool) -> Result<(), String> {
        let message = if stays {
            self.network[at].clone()
        } else {
            self.network.swap_remove(at)
        };
        let made = self.made(&message)?;
        let op = message.op;
        let Phase::Writing {
            seen,
            turn,
            ambiguous,
            waiting: true,
            ..
        } = &self.ops[op].phase
        else {
            return Ok(());
        };
        // An answer to an earlier turn's write is nothing that the sender waits for.
        if answer_is_lost || message.rev != seen.rev {
            return Ok(());
        }
        let (seen, turn, ambiguous) = (seen.clone(), turn.clone(), *ambiguous);
        if !made {
            self.ops[op].losses += 1;
        }
        if made {
            return match turn {
                Turn::Write(_, outcome) | Turn::Touch(outcome) => self.answer(op, Some(outcome)),
                Turn::Answer(_) | Turn::Unsure(_) => Err("nothing was to be written".to_owned()),
            };
        }
        if ambiguous {
            self.cases.count("failed after an ambiguous attempt");
        }
        let found = self.row.clone();
        let next = turn.after(
            Loss {
                seen: &seen,
                found: &found,
                ambiguous,
            },
            &self.ops[op].request,
            &self.ops[op].me,
            self.ops[op].now,
            Epoch::default(),
        );
        self.follow(op, found, next)
    }

    /// What was told stays true when the last late write has come.
    fn every_answer_is_still_true(&self) -> Result<(), String> {
        for (op, state) in self.ops.iter().enumerate() {
            if let Phase::Answered {
                outcome: Some(outcome),
                ..
            } = &state.phase
            {
                self.is_true(op, outcome)?;
            }
        }
        Ok(())
    }
}

fn run(schedule: &[u16]) -> Result<Cases, String> {
    let mut world = World::default();
    for &choice in schedule {
        world.step += 1;
        let pick = usize::from(choice / 16);
        match choice % 16 {
            0 | 1 if world.ops.len() < 5 => world.start(choice / 16),
            2..=8 if !world.ops.is_empty() => {
                let op = pick % world.ops.len();
                world.advance(op)?;
            }
            kind @ 9..=14 if !world.network.is_empty() => {
                let at = pick % world.network.len();
                world.deliver(at, kind == 13, kind == 14)?;
            }
            15 => world.now += 500,
            _ => {}
        }
    }
    while !world.network.is_empty() {
        world.step += 1;
        world.deliver(0, true, false)?;
    }
    world.every_answer_is_still_true()?;
    Ok(world.cases)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    #[test]
    fn no_request_takes_effect_twice_and_no_answer_is_undone(schedule in proptest::collection::vec(any::<u16>(), 1..80)) {
        if let Err(violation) = run(&schedule) {
            prop_assert!(false, "{violation}");
        }
    }
}

/// The properties above are not true for want of a case.
#[test]
fn the_schedules_reach_every_case() {
    let mut random = 1_u64;
    let mut all = Cases::default();
    for _ in 0..8_000 {
        let schedule: Vec<u16> = std::iter::repeat_with(|| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u16::try_from(random >> 48).unwrap()
        })
        .take(80)
        .collect();
        for (case, count) in run(&schedule).unwrap().0 {
            *all.0.entry(case).or_default() += count;
        }
    }
    for case in [
        "a late write",
        "a touch",
        "answered 503",
        "failed after an ambiguous attempt",
        "unsure of an effect",
        "unsure of an order",
        "a break",
        "a clearance",
        "held off",
        "another tenure",
        "a break that was made and passed over",
        "a break past a renewal",
    ] {
        assert!(all.0.get(case).is_some_and(|count| *count > 4), "{case}: {all:?}");
    }
}

/// A lock and an unlock of one owner at the same time: the client alone knows which of them it meant to come last.
#[test]
fn a_lock_that_meets_its_owners_own_unlock_is_not_taken_again() {
    let (alice, now) = (Owner::new("alice"), Timestamp::from_unix_ms(0));
    let acquire = |owner: &Owner| Request::Acquire {
        owner: owner.clone(),
        lease: LeaseChange::Keep,
        text: Text::default(),
        tenure: None,
    };
    let by = |actor: &Owner, request: &str| Writer {
        actor: actor.clone(),
        at: Timestamp::from_unix_ms(0),
        origin: Origin::unknown(RequestId::new(request)),
    };
    let seen = Record {
        rev: Revision::new(5),
        by: Some(by(&alice, "lock")),
        ..Record::default()
    };
    let after = |writer: Writer, rev: u64| {
        let found = Record {
            rev: Revision::new(rev),
            by: Some(writer),
            ..Record::default()
        };
        let loss = Loss {
            seen: &seen,
            found: &found,
            ambiguous: false,
        };
        let first = Turn::first(&seen, &acquire(&alice), now, Epoch::default());
        first.after(loss, &acquire(&alice), &by(&alice, "this"), now, Epoch::default())
    };
    assert_eq!(after(by(&alice, "unlock"), 7), Turn::Unsure(Unsure::OwnRelease));
    // Someone else's lock came and went, or the row was only touched: nothing of alice's is undone.
    assert!(matches!(
        after(by(&Owner::new("bob"), "unlock"), 7),
        Turn::Write(..)
    ));
    assert!(matches!(after(by(&alice, "lock"), 6), Turn::Write(..)));
}

/// A break's first write was made and its answer lost: this invocation's own break is *broken*, and an earlier one of the
/// same caller's is *over*. Neither is refused and neither is made again, no matter who holds the lock now.
#[test]
fn a_break_is_known_by_its_invocation_and_by_its_tenure() {
    let (alice, olga, now) = (
        Owner::new("alice"),
        Owner::new("olga"),
        Timestamp::from_unix_ms(0),
    );
    let request = Request::Break {
        by: olga.clone(),
        fence: Fence::new(1),
        reason: Reason::try_from("a ticket").unwrap(),
        then: Aftermath::Free,
        hold_off: HoldOff::default(),
    };
    let lock = |owner: &Owner| Lock {
        owner: owner.clone(),
        since: now,
        until: None,
        title: None,
        message: None,
    };
    let by = |actor: &Owner, request: &str| Writer {
        actor: actor.clone(),
        at: Timestamp::from_unix_ms(0),
        origin: Origin::unknown(RequestId::new(request)),
    };
    let seen = Record {
        rev: Revision::new(5),
        change: 0,
        state: State::new(Fence::new(1), Some(lock(&alice))),
        by: Some(by(&alice, "lock")),
        lock_request: None,
    };
    let first = Turn::first(&seen, &request, now, Epoch::default());
    let Turn::Write(Change::Break { broken, .. }, outcome) = &first else {
        panic!("{first:?}");
    };
    let me = by(&olga, "this");
    let after = |writer: Writer, rev: u64, state: State| {
        let found = Record {
            rev: Revision::new(rev),
            change: 0,
            state,
            by: Some(writer),
            lock_request: None,
        };
        let loss = Loss {
            seen: &seen,
            found: &found,
            ambiguous: true,
        };
        first.clone().after(loss, &request, &me, now, Epoch::default())
    };
    let free = State::new(Fence::new(2), None).with_last_break(Some(broken.clone()));
    let bobs =
        |last_break| State::new(Fence::new(3), Some(lock(&Owner::new("bob")))).with_last_break(last_break);
    let over = |fence: u64, lock: Option<Lock>| {
        Turn::Answer(Outcome::TenureOver {
            fence: Fence::new(fence),
            lock,
        })
    };
    assert_eq!(after(me.clone(), 6, free.clone()), Turn::Answer(outcome.clone()));
    assert_eq!(after(by(&olga, "another"), 6, free), over(2, None));
    let bobs_lock = Some(lock(&Owner::new("bob")));
    let bob = || by(&Owner::new("bob"), "lock");
    assert_eq!(
        after(bob(), 7, bobs(Some(broken.clone()))),
        over(3, bobs_lock.clone())
    );
    // The hold-off is over and nothing tells any longer: no refusal, for the break may have been made.
    assert_eq!(after(bob(), 7, bobs(None)), over(3, bobs_lock));
    // The owner renewed: broken all the same, on the newer revision.
    let renewed = State::new(Fence::new(1), Some(lock(&alice)));
    assert!(matches!(
        after(by(&alice, "renewal"), 6, renewed),
        Turn::Write(Change::Break { .. }, _)
    ));
}

/// A release meets a break of the tenure that it was to end. It says that it released the lock only where it may have.
#[test]
fn a_release_that_came_after_a_break_released_nothing() {
    let (alice, olga, now) = (
        Owner::new("alice"),
        Owner::new("olga"),
        Timestamp::from_unix_ms(0),
    );
    let by = |actor: &Owner, request: &str| Writer {
        actor: actor.clone(),
        at: now,
        origin: Origin::unknown(RequestId::new(request)),
    };
    let release = Request::Release {
        owner: alice.clone(),
        tenure: None,
    };
    let held = Lock {
        owner: alice.clone(),
        since: now,
        until: None,
        title: None,
        message: None,
    };
    let seen = Record {
        rev: Revision::new(5),
        state: State::new(Fence::new(1), Some(held)),
        by: Some(by(&alice, "lock")),
        ..Record::default()
    };
    let broken = Break {
        owner: alice.clone(),
        fence: Fence::new(1),
        by: olga.clone(),
        at: now,
        reason: Reason::try_from("a ticket").unwrap(),
        until: now,
    };
    let after_fence = |fence: u64, rev: u64, last_break: Option<Break>, ambiguous: bool| {
        let found = Record {
            rev: Revision::new(rev),
            state: State::new(Fence::new(fence), None).with_last_break(last_break),
            by: Some(by(&olga, "break")),
            ..Record::default()
        };
        let loss = Loss {
            seen: &seen,
            found: &found,
            ambiguous,
        };
        let epoch = Epoch::new(1).unwrap();
        let first = Turn::first(&seen, &release, now, epoch);
        first.after(loss, &release, &by(&alice, "this"), now, epoch)
    };
    let after = |rev, last_break, ambiguous| after_fence(2, rev, last_break, ambiguous);
    let was_free = Turn::Answer(Outcome::WasFree { fence: Fence::new(2) });
    let released = Turn::Answer(Outcome::Released { fence: Fence::new(1) });
    assert_eq!(after(6, None, false), was_free);
    assert_eq!(after(6, None, true), was_free);
    assert_eq!(after(7, Some(broken.clone()), true), was_free);
    assert_eq!(after(7, None, true), released);
    // A tenure later a break may have been there, and be forgotten: by an acquisition, or for the next break.
    let next_break = Break {
        fence: Fence::new(2),
        ..broken.clone()
    };
    let unsure = Turn::Unsure(Unsure::OwnEffect);
    assert_eq!(after_fence(3, 8, None, true), unsure);
    assert_eq!(after_fence(3, 8, Some(next_break), true), unsure);
    // The first fence of the epoch may be the next one, or the one after a break that an earlier epoch's function made.
    let first = Epoch::new(1).unwrap().first();
    assert_eq!(after_fence(first, 8, None, true), unsure);
    assert_eq!(
        after_fence(first, 7, Some(broken.clone()), true),
        Turn::Answer(Outcome::WasFree {
            fence: Fence::new(first)
        })
    );
    assert_eq!(
        after_fence(3, 8, Some(broken), true),
        Turn::Answer(Outcome::WasFree { fence: Fence::new(3) })
    );
    // An attempt that was refused was not made.
    assert_eq!(
        after_fence(3, 8, None, false),
        Turn::Answer(Outcome::WasFree { fence: Fence::new(3) })
    );
}
