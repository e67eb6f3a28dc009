//! What one target may do, one request after the other: the real [`decide`], and what a client may be told of it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use holdfast::lock::{
    Aftermath, Break, Change, Decision, Epoch, Fence, HoldOff, Lease, LeaseChange, Lock, Outcome, Owner,
    Reason, Request, State, Text, Timestamp, decide,
};

use super::history::{
    Ask, AskedLease, Ending, OutcomeKind, Part, Row, Shown, ShownBreak, ShownEnd, ShownLock, Told,
};

/// How many ended tenures a target remembers: a request is over long before so many have followed.
const REMEMBERED: usize = 12;

/// A target between two requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// Its lock.
    pub lock: State,
    /// The latest tenures that are over.
    pub ended: Vec<(Owner, Fence)>,
}

/// How sharply answers are held against the specification.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether the store's answers may be lost on their way to the service. A release whose answer was lost says that it ended
    /// its tenure, if the tenure is over and the row tells that no break ended it. Its lease may have run out before.
    pub loses_answers: bool,
}

/// When a request may have been decided.
#[derive(Clone, Debug)]
pub struct Window {
    /// The first millisecond.
    pub from_ms: i64,
    /// The last.
    pub to_ms: i64,
    /// The moments in it at which something is known to have been changed for this owner. Where nothing is known of any
    /// moment, `None`.
    pub moments: Option<Vec<i64>>,
}

/// One way in which a request may have taken its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The target after it.
    pub after: TargetState,
    /// Whether it changed the target.
    pub changes: bool,
    /// Whether it wrote to the row, so that nothing that was sent before it is written any more.
    pub fences_off: bool,
}

impl TargetState {
    /// A number for what it holds, equal where the states are.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lock.fence().get().hash(&mut hasher);
        if let Some(lock) = self.lock.recorded() {
            (&lock.owner, lock.since, lock.until, &lock.title, &lock.message).hash(&mut hasher);
        }
        if let Some(broken) = self.lock.last_break() {
            (broken.fence.get(), &broken.by, broken.at).hash(&mut hasher);
        }
        self.ended.len().hash(&mut hasher);
        hasher.finish()
    }

    /// Every way in which this request of `owner` can take its turn now, so that what it was told is true.
    pub fn steps(&self, owner: &str, part: &Part, window: &Window, rules: Rules) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut add = |step: Step| {
            if !steps.contains(&step) {
                steps.push(step);
            }
        };
        let Some(request) = request(owner, &part.ask) else {
            if self
                .moments(window)
                .iter()
                .any(|now| self.shows(&part.ask, &part.told, *now))
            {
                add(self.stays(false));
            }
            return steps;
        };
        for now in self.moments(window) {
            match decide(&self.lock, &request, now, Epoch::default()) {
                Decision::Answer(outcome) => {
                    if tells(&part.told, &outcome) {
                        add(self.stays(!outcome.is_refusal() && part.told != Told::NotInTheWay));
                    }
                }
                Decision::Write(change, outcome) => {
                    let is_known = !stores_its_time(&change, &request)
                        || window
                            .moments
                            .as_ref()
                            .is_none_or(|known| known.contains(&now.unix_ms()));
                    if part.told == Told::NotInTheWay {
                        add(self.stays(false));
                    } else if is_known && (part.told == Told::Unknown || tells(&part.told, &outcome)) {
                        add(self.changed(&change, now));
                    }
                }
            }
        }
        if rules.loses_answers
            && let (Ask::Unlock { .. }, Told::Ended(ending)) = (&part.ask, &part.told)
            && ending.outcomes.contains(&OutcomeKind::Released)
            && self.ended.iter().any(|(by, fence)| {
                let is_told_of = self.lock.last_break().is_some_and(|last| last.fence == *fence);
                // With a larger fence the row may have forgotten a break, and the answer would be 503.
                let is_known = self.lock.fence() <= fence.next(Epoch::default());
                by.as_str() == owner
                    && is_known
                    && !is_told_of
                    && ending.fence.is_none_or(|told| told == fence.get())
            })
        {
            add(self.stays(true));
        }
        steps
    }

    /// The moments that make a difference: the ends of the window, those around the end of the lease and of the hold-off,
    /// and those of known changes.
    fn moments(&self, window: &Window) -> Vec<Timestamp> {
        let mut moments = BTreeSet::from([window.from_ms, window.to_ms]);
        let lease = self.lock.recorded().and_then(|lock| lock.until);
        let hold_off = self.lock.last_break().map(|broken| broken.until);
        for border in lease.into_iter().chain(hold_off) {
            moments.extend([border.unix_ms() - 1, border.unix_ms()]);
        }
        moments.extend(window.moments.iter().flatten());
        moments
            .range(window.from_ms..=window.to_ms)
            .map(|at| Timestamp::from_unix_ms(*at))
            .collect()
    }

    fn stays(&self, fences_off: bool) -> Step {
        Step {
            after: self.clone(),
            changes: false,
            fences_off,
        }
    }

    fn changed(&self, change: &Change, now: Timestamp) -> Step {
        let last_break = self.lock.last_break().cloned();
        let (lock, ends) = match change {
            Change::Acquire {
                fence,
                lock,
                keeps_break,
            } => (
                State::new(*fence, Some(lock.clone())).with_last_break(last_break.filter(|_| *keeps_break)),
                self.lock.run_out(now),
            ),
            Change::Renew { fence, lock } => (
                State::new(*fence, Some(lock.clone())).with_last_break(last_break),
                None,
            ),
            Change::Release { fence, .. } | Change::Clear { fence } => (
                State::new(*fence, None).with_last_break(last_break),
                self.lock.recorded(),
            ),
            Change::Break { broken, fence, lock } => (
                State::new(*fence, lock.clone()).with_last_break(Some(broken.clone())),
                self.lock.recorded(),
            ),
        };
        let mut ended = self.ended.clone();
        if let Some(tenure) = ends {
            ended.push((tenure.owner.clone(), self.lock.fence()));
        }
        let surplus = ended.len().saturating_sub(REMEMBERED);
        ended.drain(..surplus);
        Step {
            after: Self { lock, ended },
            changes: true,
            // A break goes by its tenure alone once it has lost a race, and so may a late one.
            fences_off: true,
        }
    }

    /// Whether an answer to a question is true at this moment.
    fn shows(&self, ask: &Ask, told: &Told, now: Timestamp) -> bool {
        let live = self.lock.live(now);
        match (ask, told) {
            (Ask::Check { fence }, Told::Current(current)) => {
                *current == (live.is_some() && self.lock.fence().get() == *fence)
            }
            (_, Told::Row(row)) => self.is_row(row, live),
            _ => false,
        }
    }

    fn is_row(&self, row: &Row, live: Option<&Lock>) -> bool {
        row.fence.is_none_or(|fence| fence == self.lock.fence().get())
            && is_lock(&row.lock, live)
            && is_break(&row.last_break, self.lock.last_break())
    }
}

/// Whether the moment at which a change was decided is to be seen on the row.
fn stores_its_time(change: &Change, request: &Request) -> bool {
    match change {
        Change::Acquire { .. } | Change::Break { .. } => true,
        Change::Renew { .. } => matches!(
            request,
            Request::Acquire {
                lease: LeaseChange::For(_),
                ..
            }
        ),
        Change::Release { .. } | Change::Clear { .. } => false,
    }
}

/// The request that the service decides; `None` for a question.
fn request(owner: &str, ask: &Ask) -> Option<Request> {
    let owner = Owner::new(owner);
    Some(match ask {
        Ask::Lock { lease, title, fence } => Request::Acquire {
            owner,
            lease: match lease {
                AskedLease::Keep => LeaseChange::Keep,
                AskedLease::Endless => LeaseChange::Infinite,
                AskedLease::Seconds(seconds) => {
                    LeaseChange::For(Lease::from_seconds(*seconds).expect("a lease that can be asked for"))
                }
            },
            text: Text {
                title: title.clone(),
                message: None,
            },
            tenure: fence.map(Fence::new),
        },
        Ask::Unlock { fence } => Request::Release {
            owner,
            tenure: fence.map(Fence::new),
        },
        Ask::Break {
            fence,
            take,
            hold_off,
            reason,
        } => Request::Break {
            by: owner,
            fence: Fence::new(*fence),
            reason: Reason::try_from(reason.as_str()).expect("a reason that can be given"),
            then: if *take { Aftermath::Take } else { Aftermath::Free },
            hold_off: HoldOff::from_seconds(*hold_off).expect("a hold-off that can be asked for"),
        },
        Ask::Read | Ask::Check { .. } => return None,
    })
}

/// Whether `outcome` is what the client was told.
fn tells(told: &Told, outcome: &Outcome) -> bool {
    match told {
        Told::NotInTheWay => !outcome.is_refusal(),
        Told::Ended(ending) => ends_so(ending, outcome),
        _ => false,
    }
}

fn ends_so(ending: &Ending, outcome: &Outcome) -> bool {
    let (kind, fence) = kind_and_fence(outcome);
    let broken = match outcome {
        Outcome::Broken { broken, .. } => Some(broken),
        _ => None,
    };
    let holds_off = match outcome {
        Outcome::HeldOff { broken, .. } => Some(broken),
        _ => None,
    };
    ending.outcomes.contains(&kind)
        && ending.fence.is_none_or(|told| told == fence.get())
        && is_lock(&ending.lock, outcome.lock())
        && is_lock(&ending.broken, broken)
        && is_break(&ending.last_break, holds_off)
}

fn kind_and_fence(outcome: &Outcome) -> (OutcomeKind, Fence) {
    match outcome {
        Outcome::Acquired { fence, .. } => (OutcomeKind::Acquired, *fence),
        Outcome::Renewed { fence, .. } => (OutcomeKind::Renewed, *fence),
        Outcome::AlreadyHeld { fence, .. } => (OutcomeKind::AlreadyHeld, *fence),
        Outcome::Released { fence } => (OutcomeKind::Released, *fence),
        Outcome::WasFree { fence } => (OutcomeKind::WasFree, *fence),
        Outcome::Broken { fence, .. } => (OutcomeKind::Broken, *fence),
        Outcome::TenureOver { fence, .. } => (OutcomeKind::TenureOver, *fence),
        Outcome::HeldBy { fence, .. } => (OutcomeKind::HeldBy, *fence),
        Outcome::HeldOff { fence, .. } => (OutcomeKind::HeldOff, *fence),
        Outcome::OtherTenure { fence, .. } => (OutcomeKind::OtherTenure, *fence),
        Outcome::YourOwn { fence, .. } => (OutcomeKind::YourOwn, *fence),
    }
}

fn is_lock(shown: &Shown<ShownLock>, lock: Option<&Lock>) -> bool {
    match (shown, lock) {
        (Shown::Untold, _) | (Shown::Absent, None) => true,
        (Shown::Present(shown), Some(lock)) => {
            let until = lock.until.map(Timestamp::unix_ms);
            shown
                .owner
                .as_ref()
                .is_none_or(|owner| owner == lock.owner.as_str())
                && shown.since_ms.is_none_or(|since| since == lock.since.unix_ms())
                && match shown.until {
                    ShownEnd::Untold => true,
                    ShownEnd::Never => until.is_none(),
                    ShownEnd::Sometime => until.is_some(),
                    ShownEnd::At(at) => until == Some(at),
                }
                && shown
                    .texts
                    .as_ref()
                    .is_none_or(|(title, message)| *title == lock.title && *message == lock.message)
        }
        _ => false,
    }
}

fn is_break(shown: &Shown<ShownBreak>, broken: Option<&Break>) -> bool {
    match (shown, broken) {
        (Shown::Untold, _) | (Shown::Absent, None) => true,
        (Shown::Present(shown), Some(broken)) => {
            shown
                .owner
                .as_ref()
                .is_none_or(|owner| owner == broken.owner.as_str())
                && shown.fence.is_none_or(|fence| fence == broken.fence.get())
                && shown.by.as_ref().is_none_or(|by| by == broken.by.as_str())
                && shown.at_ms.is_none_or(|at| at == broken.at.unix_ms())
                && shown
                    .reason
                    .as_ref()
                    .is_none_or(|reason| reason == broken.reason.as_str())
        }
        _ => false,
    }
}
