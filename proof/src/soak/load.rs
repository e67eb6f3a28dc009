//! The clients: each owner in several loops at once, over every way there is.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::dialects::{self, Call, Credentials};
use super::wire::{NoAnswer, Way};
use super::world;
use crate::check::history::{Ask, AskedLease, Operation, OutcomeKind, Shown, Told};
use crate::dice::Dice;

/// How many loops of one owner there are: parallel requests of one owner are a case of their own.
pub const LOOPS: usize = 3;
/// How long a round lasts at most: a code opens breaks for five minutes.
const LONGEST_ROUND: Duration = Duration::from_mins(4);
/// After how long a new Aktion token is got.
const TOKEN_AGE: Duration = Duration::from_secs(15);

/// A clock that starts at the system's time and never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    began: Instant,
    began_us: u64,
}

impl Stopwatch {
    /// A clock that starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "in microseconds, which `Clock` does not count"
    )]
    pub fn start() -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("a time after 1970");
        Self {
            began: Instant::now(),
            began_us: u64::try_from(now.as_micros()).expect("a time of this era"),
        }
    }

    /// Microseconds since 1970.
    pub fn now_us(&self) -> u64 {
        self.began_us + u64::try_from(self.began.elapsed().as_micros()).expect("a time of this era")
    }
}

/// What the clients of a round share.
#[derive(Debug)]
pub struct Load {
    clock: Stopwatch,
    ways: Vec<Way>,
    /// What the latest answers told of each target: its fence, and whose lock it is.
    known: Mutex<HashMap<String, (u64, Option<String>)>>,
    operations: Mutex<Vec<Operation>>,
    /// How many operations there are to be.
    wanted: u64,
    count: AtomicU64,
}

impl Load {
    /// A load of so many operations.
    pub fn new(ways: Vec<Way>, wanted: u64) -> Self {
        Self {
            clock: Stopwatch::start(),
            ways,
            known: Mutex::default(),
            operations: Mutex::default(),
            wanted,
            count: AtomicU64::new(0),
        }
    }

    /// What has been recorded.
    pub fn take_operations(&self) -> Vec<Operation> {
        std::mem::take(&mut *self.operations.lock().expect("a lock"))
    }

    /// Signs everybody in and lets all loops run until the operations have been made.
    ///
    /// # Errors
    /// Where somebody cannot sign in.
    pub async fn run(self: &Arc<Self>, seed: u64, begin: impl FnOnce()) -> Result<(), String> {
        let mut credentials = Vec::new();
        for number in 0..world::OWNERS {
            credentials.push(world::sign_in(&self.ways[0], &world::owner(number)).await?);
        }
        begin();
        let mut loops = Vec::new();
        for (number, who) in credentials.into_iter().enumerate() {
            for at in 0..LOOPS {
                let dice = Dice::of(seed, (number * LOOPS + at) as u64);
                let client = Client {
                    load: Arc::clone(self),
                    who: who.clone(),
                    dice,
                    token_from: Instant::now(),
                };
                loops.push(tokio::spawn(client.run()));
            }
        }
        for client in loops {
            client.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn knows(&self, target: &str) -> (u64, Option<String>) {
        self.known
            .lock()
            .expect("a lock")
            .get(target)
            .cloned()
            .unwrap_or_default()
    }

    /// Notes what an answer tells of its targets, for requests to come.
    fn learn(&self, operation: &Operation) {
        let mut known = self.known.lock().expect("a lock");
        for part in &operation.parts {
            let (fence, lock) = match &part.told {
                // Refused, and by whose lock is not said.
                Told::Ended(ending)
                    if ending.outcomes.contains(&OutcomeKind::HeldBy) && ending.lock == Shown::Untold =>
                {
                    continue;
                }
                Told::Ended(ending) => (ending.fence, &ending.lock),
                Told::Row(row) => (row.fence, &row.lock),
                _ => continue,
            };
            let entry = known.entry(part.target.clone()).or_default();
            if let Some(fence) = fence {
                entry.0 = entry.0.max(fence);
            }
            match (lock, &part.ask) {
                (Shown::Present(lock), Ask::Lock { .. }) if lock.owner.is_none() => {
                    entry.1 = Some(operation.owner.clone());
                }
                (Shown::Present(lock), _) => entry.1.clone_from(&lock.owner),
                (Shown::Absent, _) | (Shown::Untold, Ask::Unlock { .. }) => entry.1 = None,
                (Shown::Untold, Ask::Lock { .. }) => entry.1 = Some(operation.owner.clone()),
                _ => {}
            }
        }
    }
}

/// One loop.
struct Client {
    load: Arc<Load>,
    who: Credentials,
    dice: Dice,
    token_from: Instant,
}

impl Client {
    async fn run(mut self) {
        loop {
            let number = self.load.count.fetch_add(1, Ordering::Relaxed);
            if number >= self.load.wanted || self.load.clock.began.elapsed() > LONGEST_ROUND {
                return;
            }
            let way = self.load.ways[self.dice.index(self.load.ways.len())].clone();
            if self.token_from.elapsed() > TOKEN_AGE {
                // Signing in goes over the first way, which has the function for it.
                if let Ok(token) = world::aktion_token(&self.load.ways[0], &self.who.login).await
                    && !token.is_empty()
                {
                    self.who.aktion = token;
                    self.token_from = Instant::now();
                }
            }
            let call = self.choose();
            self.perform(number, &way, &call).await;
        }
    }

    async fn perform(&mut self, id: u64, way: &Way, call: &Call) {
        let mut sent_us = self.load.clock.now_us();
        let mut answer = way.send(&call.wire).await;
        while answer.as_ref().err() == Some(&NoAnswer::NotSent) {
            // Nobody listens: the server is starting again.
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent_us = self.load.clock.now_us();
            answer = way.send(&call.wire).await;
        }
        let now_us = self.load.clock.now_us();
        let (status, ended_us, invocation, parts) = match answer {
            Ok(answer) => {
                let parts = call.read(&answer);
                (answer.status, Some(now_us), answer.invocation, parts)
            }
            Err(NoAnswer::Ended(invocation)) => (0, Some(now_us), invocation, call.unanswered()),
            Err(_) => (0, None, None, call.unanswered()),
        };
        let operation = Operation {
            id,
            owner: self.who.login.clone(),
            way: format!("{} via {}", call.reader.as_str(), way.as_str()),
            sent_us,
            ended_us,
            status,
            invocation,
            parts,
        };
        self.load.learn(&operation);
        self.load.operations.lock().expect("a lock").push(operation);
    }

    /// What to ask next: mostly what changes something.
    fn choose(&mut self) -> Call {
        let kind = self.dice.below(12);
        let number = self.dice.index(world::USERS);
        let target = match kind {
            0..=2 => return self.batch(),
            3..=6 => world::device(self.dice.index(world::DEVICES)),
            7 | 8 => world::account(number),
            9 | 10 => world::access(number),
            _ => world::session(number),
        };
        let (fence, holder) = self.load.knows(&target);
        let ask = match holder {
            Some(owner) if owner == self.who.login => self.of_ones_own(fence),
            Some(_) => self.of_anothers(fence),
            None => self.of_a_free_one(fence),
        };
        self.in_some_dialect(&target, ask)
    }

    fn of_ones_own(&mut self, fence: u64) -> Ask {
        match self.dice.below(20) {
            0..=8 => Ask::Unlock { fence: None },
            9 => Ask::Unlock { fence: Some(fence) },
            10 | 11 => dialects::plain_lock(),
            12..=14 => self.renewal(None),
            15 => self.renewal(Some(fence)),
            16 | 17 => Ask::Check { fence },
            _ => Ask::Read,
        }
    }

    fn of_anothers(&mut self, fence: u64) -> Ask {
        match self.dice.below(20) {
            0..=3 => dialects::plain_lock(),
            4 => Ask::Unlock { fence: None },
            5 => Ask::Unlock {
                fence: Some(fence.saturating_sub(self.dice.below(2))),
            },
            6..=8 => Ask::Break {
                fence: fence.saturating_sub(u64::from(self.dice.one_in(8))),
                take: self.dice.one_in(2),
                hold_off: self.dice.below(3),
                reason: format!("ticket {}", self.dice.below(1_000)),
            },
            9 => Ask::Check { fence },
            10..=12 => self.lease(),
            _ => Ask::Read,
        }
    }

    fn of_a_free_one(&mut self, fence: u64) -> Ask {
        match self.dice.below(20) {
            0..=9 => dialects::plain_lock(),
            10..=13 => self.lease(),
            14 => Ask::Unlock { fence: None },
            15 => self.renewal(Some(fence)),
            16 => Ask::Check { fence },
            _ => Ask::Read,
        }
    }

    fn lease(&mut self) -> Ask {
        Ask::Lock {
            lease: AskedLease::Seconds(1 + self.dice.below(2)),
            title: None,
            fence: None,
        }
    }

    fn renewal(&mut self, fence: Option<u64>) -> Ask {
        let lease = match self.dice.below(3) {
            0 => AskedLease::Endless,
            1 => AskedLease::Seconds(1 + self.dice.below(3)),
            _ => AskedLease::Keep,
        };
        let title = self
            .dice
            .one_in(2)
            .then(|| format!("title {}", self.dice.below(1_000)));
        Ask::Lock { lease, title, fence }
    }

    /// A vendor's dialect where it can say this of this target, and Holdfast's own where it cannot and now and then.
    fn in_some_dialect(&mut self, target: &str, ask: Ask) -> Call {
        let in_xml = self.dice.one_in(2);
        let is_own = self.dice.one_in(3);
        let is_device = target.starts_with("device/");
        let is_user = target.starts_with("user/");
        match ask {
            Ask::Lock {
                title: None,
                fence: None,
                ..
            }
            | Ask::Unlock { fence: None }
                if is_device && !is_own =>
            {
                dialects::sdm_action(&self.who, target, ask, in_xml)
            }
            Ask::Read if is_device && !is_own => dialects::sdm_device(&self.who, target),
            Ask::Lock {
                lease: AskedLease::Keep,
                title: None,
                fence: None,
            } if is_user && !is_own => dialects::aktion_lock(&self.who, target, true, in_xml),
            Ask::Unlock { fence: None } if is_user && !is_own => {
                dialects::aktion_lock(&self.who, target, false, in_xml)
            }
            Ask::Read if is_user && !is_own => dialects::aktion_user(&self.who, target),
            ask => dialects::own(&self.who, target, ask),
        }
    }

    /// Many locks in one request: mostly those that nobody else is known to hold, because one in the way refuses them all.
    fn batch(&mut self) -> Call {
        const TRIES: usize = 12;
        let mut tries = 0;
        loop {
            tries += 1;
            let first = self.dice.index(world::USERS);
            let mut users = vec![first];
            if self.dice.one_in(2) {
                users.push((first + 1) % world::USERS);
            }
            let mut scopes = [self.dice.one_in(2), self.dice.one_in(2), self.dice.one_in(2)];
            if scopes == [false; 3] {
                scopes = [true, true, false];
            }
            let mut targets = Vec::new();
            for user in &users {
                let of_user = [world::session(*user), world::access(*user), world::account(*user)];
                targets.extend(
                    of_user
                        .into_iter()
                        .zip(scopes)
                        .filter_map(|(target, is_in)| is_in.then_some(target)),
                );
            }
            let holders: Vec<Option<String>> =
                targets.iter().map(|target| self.load.knows(target).1).collect();
            let is_in_the_way =
                |holder: &Option<String>| holder.as_ref().is_some_and(|owner| *owner != self.who.login);
            if tries < TRIES && holders.iter().any(is_in_the_way) {
                continue;
            }
            // Some of them are held: mostly they are given back.
            let locks = if holders.iter().all(Option::is_none) {
                !self.dice.one_in(8)
            } else {
                self.dice.one_in(3)
            };
            let sessions: Vec<String> = users.iter().map(|user| world::session_id(*user)).collect();
            let title = self
                .dice
                .one_in(4)
                .then(|| format!("batch {}", self.dice.below(1_000)));
            let title = title.filter(|_| locks);
            return dialects::netwrix_lock(&self.who, &sessions, scopes, locks, title, targets);
        }
    }
}

/// How many operations of each kind there are, and how many of them ended unknown.
pub fn count(operations: &[Operation]) -> BTreeMap<String, (u64, u64)> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for operation in operations {
        let entry = counts.entry(operation.way.clone()).or_default();
        entry.0 += 1;
        let is_unknown = operation.parts.iter().all(|part| part.told == Told::Unknown);
        entry.1 += u64::from(is_unknown);
    }
    counts
}
