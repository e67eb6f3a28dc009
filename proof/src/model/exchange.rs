//! What a client does between two steps: it reads, decides, writes and follows a lost race, all by the product's own
//! functions ([`Protocol`]). What was decided once is looked up.

use std::sync::Arc;

use dashmap::DashMap;
use holdfast::lock::{
    Aftermath, Epoch, Fence, HoldOff, Lease, LeaseChange, Loss, Origin, Outcome, Owner, Plan, Reason, Record,
    Request, RequestId, Revision, Step, Text, Timestamp, Turn, Unsure, Writer, released_by,
};
use holdfast::store::{AccountVersion, ActorCheck, Update, expressions};

use super::configuration::{REQUESTS, ROWS, RowKind, Verb};
use super::interner::Interner;
use super::protocol::{ClientToken, Draft, Kind, Protocol};
use super::store::{Table, login, target};
use crate::condition::Bindings;

/// A request with its moment.
pub(super) struct Asked {
    /// Its number among all requests of the model.
    pub(super) op: u8,
    pub(super) request: Request,
    pub(super) rows: &'static [usize],
    pub(super) me: Writer,
    pub(super) now: Timestamp,
    /// The epoch of the functions that serve it.
    pub(super) epoch: Epoch,
    /// The row of the actor's account, where the write checks it, and the fence that the session has of it.
    pub(super) actor: Option<(usize, Fence)>,
}

/// A write that a client makes, and what it was decided on.
pub(super) struct Attempt {
    pub(super) ask: u32,
    /// The rows as they were read, in the order of the request.
    pub(super) seen: Vec<u32>,
    /// `None` for a plan.
    turn: Option<Turn>,
    pub(super) parcel: u32,
    pub(super) losses: u8,
    /// What the request is answered where it is made.
    outcome: Answer,
}

/// What is sent: a write, or a transaction.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) ask: u32,
    pub(super) op: u8,
    /// Each row with its write.
    pub(super) writes: Vec<(usize, u32)>,
    /// The actor's row with its check.
    pub(super) check: Option<(usize, u32)>,
    /// The place of its client token.
    pub(super) token: Option<u32>,
    /// Whether it is a break that goes by its tenure alone.
    pub(super) insists: bool,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Outcome(Outcome),
    /// All locks of a plan are as the request wants them.
    Settled,
    /// They were, when the plan was made.
    Repeated,
    /// A lock of a plan refuses.
    Conflict(Vec<Outcome>),
    /// 503.
    Unsure(Unsure),
    /// A row cannot be read.
    Corrupt,
    /// The actor's account is locked.
    LockedOut,
    Gone,
}

/// What follows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Answer(u32),
    Attempt(u32),
}

/// A key of what was decided: request, rows, and what came before.
type Decided = (u32, [u32; ROWS], u32);

#[derive(Default)]
pub(super) struct Exchange {
    pub(super) asks: Interner<Asked>,
    pub(super) attempts: Interner<Attempt>,
    pub(super) parcels: Interner<Parcel>,
    pub(super) answers: Interner<Answer>,
    read: DashMap<Decided, Next>,
    lost: DashMap<(u32, [u32; ROWS], bool), Next>,
}

impl Exchange {
    /// The number of this request, made at this moment.
    pub(super) fn ask(
        &self,
        (op, by): (u8, &str),
        (verb, rows): (Verb, &'static [usize]),
        fence: Fence,
        (now, epoch): (i64, Epoch),
        actor: Option<(usize, Fence)>,
    ) -> u32 {
        let key = format!("{op} {verb:?} {rows:?} {fence} {now} {epoch} {actor:?}");
        self.asks.id(key, || {
            let owner = Owner::new(by);
            let now = Timestamp::from_unix_ms(now);
            Asked {
                op,
                request: request(owner.clone(), verb, fence),
                rows,
                me: Writer {
                    actor: owner,
                    at: now,
                    origin: Origin::unknown(RequestId::new(format!("request-{op}"))),
                },
                now,
                epoch,
                actor,
            }
        })
    }

    /// What a client does with the rows that it read. `earlier` is the attempt of a plan that lost its race, one more than
    /// its number.
    pub(super) fn read(&self, with: With<'_>, ask: u32, rows: [u32; ROWS], earlier: u32) -> Next {
        let asked = self.asks.get(ask);
        let mut key = (ask, only(&rows, &asked), earlier);
        if let Some((row, _)) = asked.actor {
            key.1[row] = rows[row];
        }
        if let Some(known) = self.read.get(&key) {
            return *known;
        }
        let next = if !is_signed_in(with.table, &asked, rows) {
            self.answer(Answer::LockedOut)
        } else if asked.rows.len() == 1 {
            self.read_one(with, ask, &asked, rows)
        } else {
            let earlier = earlier.checked_sub(1).map(|earlier| self.attempts.get(earlier));
            self.read_many(with, ask, &asked, rows, earlier)
        };
        self.read.insert(key, next);
        next
    }

    fn read_one(&self, with: With<'_>, ask: u32, asked: &Asked, rows: [u32; ROWS]) -> Next {
        let Some(record) = with.table.row(rows[asked.rows[0]]).record.clone() else {
            return self.answer(Answer::Corrupt);
        };
        let decision = (with.protocol.decide)(&record.state, &asked.request, asked.now, asked.epoch);
        self.follow(with, ask, rows, (with.protocol.first)(decision), 0)
    }

    fn read_many(
        &self,
        with: With<'_>,
        ask: u32,
        asked: &Asked,
        rows: [u32; ROWS],
        earlier: Option<Arc<Attempt>>,
    ) -> Next {
        let mut records: Vec<Record> = Vec::new();
        for row in asked.rows {
            match &with.table.row(rows[*row]).record {
                Some(record) => records.push(record.clone()),
                None => return self.answer(Answer::Corrupt),
            }
        }
        let states: Vec<_> = records
            .iter()
            .map(|record| record.state.clone())
            .enumerate()
            .collect();
        let steps = match (with.protocol.plan)(&states, &asked.request, asked.now, asked.epoch) {
            Plan::Conflict(refusals) => {
                let refusals = refusals.into_iter().map(|(_, refusal)| refusal).collect();
                return self.answer(Answer::Conflict(refusals));
            }
            Plan::Settled(steps) | Plan::Write(steps) => steps,
        };
        let takes_what_was_released = |step: &Step<usize>| match (step, &earlier) {
            (Step::Change(place, change), Some(earlier)) => {
                let seen = with.table.row(earlier.seen[*place]);
                let seen = seen.record.as_ref();
                Kind::of(change) == Kind::Acquire
                    && seen.is_some_and(|seen| released_by(&asked.me, seen, &records[*place]))
            }
            _ => false,
        };
        if steps.iter().any(takes_what_was_released) {
            return self.answer(Answer::Unsure(Unsure::OwnRelease));
        }
        let writes = steps.iter().map(|step| {
            let (place, update, kind) = match step {
                Step::Change(place, change) => {
                    let row = target(with.rows[asked.rows[*place]]);
                    let seen = expected(&records[*place]);
                    let update = Update::change(change, seen, &row, &asked.me, asked.now, asked.epoch);
                    (*place, update, Kind::of(change))
                }
                Step::Stay(place) => {
                    let row = target(with.rows[asked.rows[*place]]);
                    (
                        *place,
                        Update::touch(expected(&records[*place]).map(|record| record.rev), &row),
                        Kind::Touch,
                    )
                }
            };
            (asked.rows[place], with.table.prepare(with.draft(kind, &update)))
        });
        let losses = earlier.map_or(0, |earlier| earlier.losses + 1);
        let parcel = self.parcel(with, ask, asked, (writes.collect(), losses, false));
        let attempt = Attempt {
            ask,
            seen: asked.rows.iter().map(|row| rows[*row]).collect(),
            turn: None,
            parcel,
            losses,
            outcome: Answer::Settled,
        };
        self.attempt(attempt)
    }

    /// What a client does after its write failed on these rows.
    pub(super) fn lose(&self, with: With<'_>, attempt: u32, rows: [u32; ROWS], ambiguous: bool) -> Next {
        let before = self.attempts.get(attempt);
        let asked = self.asks.get(before.ask);
        let key = (attempt, only(&rows, &asked), ambiguous);
        if let Some(known) = self.lost.get(&key) {
            return *known;
        }
        let row = asked.rows[0];
        let (seen, found) = (with.table.row(before.seen[0]), with.table.row(rows[row]));
        let next = match (&before.turn, &seen.record, &found.record) {
            // There is no row: it was there, and is gone.
            (_, _, Some(found)) if *found == Record::default() => self.answer(Answer::Gone),
            (Some(turn), Some(seen), Some(found)) => {
                let loss = Loss {
                    seen,
                    found,
                    ambiguous,
                };
                let decide =
                    |state: &_| (with.protocol.decide)(state, &asked.request, asked.now, asked.epoch);
                let turn = (with.protocol.after)(turn.clone(), loss, &asked.me, &decide);
                self.follow(with, before.ask, rows, turn, before.losses + 1)
            }
            _ => self.answer(Answer::Corrupt),
        };
        self.lost.insert(key, next);
        next
    }

    fn follow(&self, with: With<'_>, ask: u32, rows: [u32; ROWS], turn: Turn, losses: u8) -> Next {
        let asked = self.asks.get(ask);
        let row = asked.rows[0];
        let place = target(with.rows[row]);
        let stored = with.table.row(rows[row]);
        let seen = stored.record.as_ref().and_then(expected);
        let (kind, mut update, outcome) = match &turn {
            Turn::Answer(outcome) => return self.answer(Answer::Outcome(outcome.clone())),
            Turn::Unsure(why) => return self.answer(Answer::Unsure(*why)),
            Turn::Touch(outcome) => (
                Kind::Touch,
                Update::touch(seen.map(|record| record.rev), &place),
                outcome.clone(),
            ),
            Turn::Write(change, outcome) => (
                Kind::of(change),
                Update::change(change, seen, &place, &asked.me, asked.now, asked.epoch),
                outcome.clone(),
            ),
        };
        let insists = (with.protocol.insists)(&turn, u32::from(losses));
        if insists {
            update.at_any_revision();
        }
        let write = with.table.prepare(with.draft(kind, &update));
        let parcel = self.parcel(with, ask, &asked, (vec![(row, write)], losses, insists));
        self.attempt(Attempt {
            ask,
            seen: vec![rows[row]],
            turn: Some(turn),
            parcel,
            losses,
            outcome: Answer::Outcome(outcome),
        })
    }

    fn parcel(
        &self,
        with: With<'_>,
        ask: u32,
        asked: &Asked,
        (writes, losses, insists): (Vec<(usize, u32)>, u8, bool),
    ) -> u32 {
        // A touch of one row is an update by itself: it changes nothing that an actor could be locked out of.
        let is_touch = asked.rows.len() == 1 && with.table.write(writes[0].1).kind == Kind::Touch;
        let actor = asked.actor.filter(|_| !is_touch);
        let check = actor.filter(|_| with.protocol.checks_actor).map(|(row, fence)| {
            let actor = ActorCheck::new(
                login(asked.me.actor.as_str()),
                AccountVersion {
                    fence,
                    revocations: 0,
                },
            );
            let mut bindings = Bindings::default();
            for (name, value) in actor.values(asked.now) {
                bindings.values.insert(name.to_owned(), value);
            }
            let mut draft = Draft {
                kind: Kind::Check,
                condition: expressions::USER_STILL_UNLOCKED.to_owned(),
                expression: String::new(),
                bindings,
            };
            (with.protocol.draft)(&mut draft);
            (row, with.table.prepare(draft))
        });
        let is_transaction = actor.is_some() || asked.rows.len() > 1;
        // A request loses no more races than there are other requests.
        let token = match with.protocol.token {
            ClientToken::PerPlan => Some(u32::from(asked.op) * 8 + u32::from(losses.min(7))),
            ClientToken::PerClient => Some(u32::from(asked.op / REQUESTS) * 32),
            ClientToken::Absent => None,
        };
        let parcel = Parcel {
            ask,
            op: asked.op,
            writes,
            check,
            token: token.filter(|_| is_transaction),
            insists,
        };
        self.parcels.id(format!("{parcel:?}"), || parcel)
    }

    fn attempt(&self, attempt: Attempt) -> Next {
        let key = format!(
            "{} {:?} {} {} {:?}",
            attempt.ask, attempt.seen, attempt.parcel, attempt.losses, attempt.outcome
        );
        Next::Attempt(self.attempts.id(key, || attempt))
    }

    fn answer(&self, answer: Answer) -> Next {
        Next::Answer(self.answers.id(format!("{answer:?}"), || answer))
    }

    /// What the attempt's request is answered where its write is made.
    pub(super) fn outcome(&self, attempt: u32) -> Answer {
        self.attempts.get(attempt).outcome.clone()
    }

    /// Whether the attempt is one of a plan.
    pub(super) fn is_plan(attempt: &Attempt) -> bool {
        attempt.turn.is_none()
    }
}

/// What an exchange needs to know of its model.
#[derive(Clone, Copy)]
pub(super) struct With<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) table: &'a Table,
    pub(super) rows: &'static [RowKind],
}

impl With<'_> {
    fn draft(&self, kind: Kind, update: &Update) -> Draft {
        let mut draft = Draft {
            kind,
            condition: update.condition().to_owned(),
            expression: update.expression(),
            bindings: Bindings {
                names: update.names().cloned().unwrap_or_default(),
                values: update.values().clone(),
            },
        };
        (self.protocol.draft)(&mut draft);
        draft
    }
}

/// The rows that matter for a request; the others as zero.
fn only(rows: &[u32; ROWS], asked: &Asked) -> [u32; ROWS] {
    let mut only = [0; ROWS];
    for row in asked.rows {
        only[*row] = rows[*row];
    }
    only
}

/// Whether the actor's session is one still: a lock on the account ends it, by the fence that it has of the account.
fn is_signed_in(table: &Table, asked: &Asked, rows: [u32; ROWS]) -> bool {
    asked.actor.is_none_or(|(row, known)| {
        let account = table.row(rows[row]);
        let state = account.record.as_ref().map(|record| &record.state);
        state.is_some_and(|state| state.fence() == known && state.live(asked.now).is_none())
    })
}

/// The row that a write must find; `None` for one that is not there yet. As in `store/locking.rs`.
fn expected(record: &Record) -> Option<&Record> {
    (record.rev != Revision::default()).then_some(record)
}

fn request(owner: Owner, verb: Verb, latest: Fence) -> Request {
    let acquire = |owner, lease, tenure| Request::Acquire {
        owner,
        lease,
        text: Text::default(),
        tenure,
    };
    let lease = |seconds| LeaseChange::For(Lease::from_seconds(seconds).expect("a lease"));
    let break_lock = |by, fence, then, seconds| Request::Break {
        by,
        fence,
        reason: Reason::try_from("a ticket").expect("a reason"),
        then,
        hold_off: HoldOff::from_seconds(seconds).expect("a hold-off"),
    };
    match verb {
        Verb::Lock => acquire(owner, LeaseChange::Keep, None),
        Verb::LockFor(seconds) => acquire(owner, lease(seconds), None),
        Verb::Renew(seconds) => acquire(owner, lease(seconds), Some(latest)),
        Verb::Unlock => Request::Release { owner, tenure: None },
        Verb::UnlockTenure => Request::Release {
            owner,
            tenure: Some(latest),
        },
        Verb::Break(seconds) => break_lock(owner, latest, Aftermath::Free, seconds),
        Verb::BreakEarlier(seconds) => {
            let earlier = Fence::new(latest.get().saturating_sub(1));
            break_lock(owner, earlier, Aftermath::Free, seconds)
        }
        Verb::BreakAndTake(seconds) => break_lock(owner, latest, Aftermath::Take, seconds),
    }
}
