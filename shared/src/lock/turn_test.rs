//! The turns against a store that loses answers, resends, duplicates, and makes writes after their sender gave up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// How often one write is sent before its request is answered 503, as the SDK does.
const SENDS: u32 = 2;
const OWNERS: usize = 2;

/// What a write asks of the row: the change or touch, and the revision that it must find.
#[derive(Clone)]
struct Message {
    op: usize,
    rev: Revision,
    turn: Turn,
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
    step: usize,
    now: i64,
    cases: Cases,
}

impl World {
    fn start(&mut self, choice: u16) {
        let owner = Owner::new(format!("user-{}", usize::from(choice) % OWNERS));
        let request = match choice / 8 % 8 {
            0..=2 => Request::Release { owner: owner.clone() },
            kind => Request::Acquire {
                owner: owner.clone(),
                lease: match kind {
                    3 | 4 => LeaseChange::Keep,
                    5 => LeaseChange::Infinite,
                    _ => LeaseChange::For(Lease::from_seconds(1).unwrap()),
                },
                text: Text::default(),
            },
        };
        let me = Writer {
            actor: owner.clone(),
            request: RequestId::new(self.ops.len().to_string()),
        };
        self.ops.push(Op {
            owner,
            request,
            me,
            now: Timestamp::from_unix_ms(self.now),
            began: self.step,
            phase: Phase::Reading,
        });
    }

    fn answer(&mut self, op: usize, outcome: Option<Outcome>) -> Result<(), String> {
        if let Some(outcome) = &outcome {
            self.is_true(op, outcome)?;
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
            Outcome::AlreadyHeld { .. } | Outcome::WasFree { .. } | Outcome::HeldBy { .. } => effects == 0,
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
        match &mut self.ops[op].phase {
            Phase::Answered { .. } => Ok(()),
            Phase::Reading => {
                let seen = self.row.clone();
                let turn = Turn::first(&seen, &self.ops[op].request, self.ops[op].now);
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
        let allowed = message.rev == self.row.rev
            && match &message.turn {
                Turn::Write(Change::Acquire { .. }, _) => !live_for_others,
                Turn::Write(Change::Renew { lock, .. }, _) => is_owner(&lock.owner),
                Turn::Write(Change::Release { owner, .. }, _) => is_owner(owner),
                _ => true,
            };
        if !allowed {
            return Ok(false);
        }
        if let Turn::Write(change, _) = &message.turn {
            self.is_still_wanted(message.op)?;
            if self.effects.contains(&message.op) {
                return Err(format!("{} takes effect twice", message.op));
            }
            self.effects.push(message.op);
            let (fence, lock) = match change.clone() {
                Change::Acquire { fence, lock } => {
                    self.row.lock_request = Some(me.request.clone());
                    if fence != self.row.state.fence().next() {
                        return Err(format!(
                            "the fence goes from {} to {fence}",
                            self.row.state.fence()
                        ));
                    }
                    (fence, Some(lock))
                }
                Change::Renew { fence, lock } => (fence, Some(lock)),
                Change::Release { fence, .. } => (fence, None),
            };
            self.row.state = State::new(fence, lock);
            self.row.by = Some(me);
        }
        if matches!(message.turn, Turn::Touch(_)) {
            self.cases.count("a touch");
        }
        self.row.rev = self.row.rev.next();
        Ok(true)
    }

    /// An answered request changes nothing once a later one of the same owner has been acknowledged.
    fn is_still_wanted(&mut self, op: usize) -> Result<(), String> {
        let Phase::Answered { at: given_up, .. } = self.ops[op].phase else {
            return Ok(());
        };
        self.cases.count("a late write");
        let fenced_off = self.ops.iter().any(|later| {
            later.owner == self.ops[op].owner
                && later.began > given_up
                && matches!(&later.phase, Phase::Answered { outcome: Some(outcome), .. }
                    if !matches!(outcome, Outcome::HeldBy { .. }))
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
    ] {
        assert!(
            all.0.get(case).is_some_and(|count| *count > 10),
            "{case}: {all:?}"
        );
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
    };
    let by = |actor: &Owner, request: &str| Writer {
        actor: actor.clone(),
        request: RequestId::new(request),
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
        Turn::first(&seen, &acquire(&alice), now).after(loss, &acquire(&alice), &by(&alice, "this"), now)
    };
    assert_eq!(after(by(&alice, "unlock"), 7), Turn::Unsure(Unsure::OwnRelease));
    // Someone else's lock came and went, or the row was only touched: nothing of alice's is undone.
    assert!(matches!(
        after(by(&Owner::new("bob"), "unlock"), 7),
        Turn::Write(..)
    ));
    assert!(matches!(after(by(&alice, "lock"), 6), Turn::Write(..)));
}
