//! The steps of the model: what may happen next, and what comes of it.

use holdfast::lock::{Epoch, Fence, Lock, Outcome, Owner, Timestamp};

use super::Model;
use super::configuration::{CLIENTS, REQUESTS, ROWS, RowKind, Verb};
use super::exchange::{Answer, Attempt, Exchange, Next, Parcel};
use super::judge::Judge;
use super::property::{Rule, Witness};
use super::protocol::{ClientToken, Kind};
use super::world::{Client, Just, Phase, World};

/// How often one write is sent before its request is answered 503.
const SENDS: u8 = 2;

/// In the place of an earlier attempt: the client reads who holds the lock that it lost.
const HOLDER: u32 = u32::MAX;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client makes the request at this place of its menu.
    Ask(u8, u8),
    /// A client reads and decides.
    Read(u8),
    /// A client sends its write, and this becomes of it.
    Send(u8, Fate),
    /// A client gives up, or ends, after it has sent something.
    GiveUp(u8),
    /// A write arrives after its sender gave it up.
    Arrive(u8),
    /// Time passes.
    Tick,
    /// The rows are backed up.
    Backup,
    /// With the API closed, the rows are put back to the backup, the epoch is raised, and all sessions are ended.
    Restore,
}

/// What becomes of a write that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made or refused, and the sender learns which.
    Answered,
    /// It is made or refused, and the answer is lost.
    AnswerLost,
    /// It is under way still when its sender stops to wait.
    Delayed,
    /// It is answered, and a second copy is under way.
    Doubled,
}

/// What the store said.
enum Delivery {
    Made,
    /// A transaction of this client token was made before; nothing is done.
    Repeated,
    /// The actor's check failed.
    ActorRefused,
    Failed,
}

impl Model {
    pub(super) fn first_world(&self) -> World {
        let mut rows = [0; ROWS];
        for (place, kind) in self.configuration.rows.iter().enumerate() {
            rows[place] = self.table.insert(*kind, super::store::entered(*kind));
        }
        World {
            rows,
            clock: 0,
            clients: [Client::default(); CLIENTS],
            network: [0; super::world::LATE],
            faults_left: self.configuration.faults,
            tokens: 0,
            effects: 0,
            fenced_off: 0,
            acknowledged: 0,
            held_off: [None; ROWS],
            backup: None,
            epoch: 0,
            largest: [(0, 0); ROWS],
            broken: 0,
            just: Just::default(),
        }
    }

    pub(super) fn possible(&self, world: &World, actions: &mut Vec<Action>) {
        // Nothing is to be learned after the first broken rule.
        if world.broken != 0 {
            return;
        }
        for (number, specification) in (0_u8..).zip(self.configuration.clients) {
            let client = &world.clients[usize::from(number)];
            match client.phase {
                Phase::Idle if client.asked < specification.requests => {
                    let menu = (0_u8..).zip(specification.menu);
                    actions.extend(menu.map(|(place, _)| Action::Ask(number, place)));
                }
                Phase::Idle => {}
                Phase::Reading { .. } => actions.push(Action::Read(number)),
                Phase::Writing { sends, .. } => {
                    actions.push(Action::Send(number, Fate::Answered));
                    if world.faults_left > 0 {
                        actions.push(Action::Send(number, Fate::AnswerLost));
                        if world.network.contains(&0) {
                            actions.push(Action::Send(number, Fate::Delayed));
                            actions.push(Action::Send(number, Fate::Doubled));
                        }
                    }
                    if sends > 0 {
                        actions.push(Action::GiveUp(number));
                    }
                }
            }
        }
        for (place, _) in world.late() {
            actions.push(Action::Arrive(u8::try_from(place).expect("a place")));
        }
        if usize::from(world.clock) + 1 < self.configuration.moments.len() {
            actions.push(Action::Tick);
        }
        if self.configuration.restores && world.epoch == 0 {
            actions.push(if world.backup.is_none() {
                Action::Backup
            } else {
                Action::Restore
            });
        }
    }

    pub(super) fn follow(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        world.just = Just::default();
        match action {
            Action::Ask(client, place) => self.ask(&mut world, client, place)?,
            Action::Read(client) => self.read(&mut world, client),
            Action::Send(client, fate) => self.send(&mut world, client, fate),
            Action::GiveUp(client) => self.answer(&mut world, client, None),
            Action::Arrive(place) => self.arrive(&mut world, place),
            Action::Tick => {
                world.clock += 1;
                let now = self.now(&world);
                for held in &mut world.held_off {
                    *held = held.filter(|(_, until)| now < Timestamp::from_unix_ms(*until));
                }
            }
            Action::Backup => world.backup = Some(world.rows),
            Action::Restore => self.restore(&mut world),
        }
        self.forget(&mut world);
        Some(world)
    }

    pub(super) fn now(&self, world: &World) -> Timestamp {
        Timestamp::from_unix_ms(self.configuration.moments[usize::from(world.clock)])
    }

    /// What was under way ends with the tables that it was sent to. What the restore takes back is nobody's any more.
    fn restore(&self, world: &mut World) {
        for number in 0..CLIENTS {
            if world.clients[number].phase != Phase::Idle {
                self.answer(world, u8::try_from(number).expect("a client"), None);
            }
        }
        world.rows = world.backup.take().unwrap_or(world.rows);
        world.epoch += 1;
        world.network = [0; super::world::LATE];
        world.effects = 0;
        world.acknowledged = 0;
        world.held_off = [None; ROWS];
    }

    fn ask(&self, world: &mut World, client: u8, place: u8) -> Option<()> {
        let specification = &self.configuration.clients[usize::from(client)];
        let asked = &specification.menu[usize::from(place)];
        let latest = |row: usize| {
            let row = self.table.row(world.rows[row]);
            row.record
                .as_ref()
                .map_or(Fence::default(), |record| record.state.fence())
        };
        let is_account = |row: &usize| matches!(self.configuration.rows[*row], RowKind::User(_));
        let breaks = matches!(
            asked.verb,
            Verb::Break(_) | Verb::BreakEarlier(_) | Verb::BreakAndTake(_)
        );
        let own = self
            .configuration
            .rows
            .iter()
            .position(|kind| *kind == RowKind::User(specification.login));
        let actor = own.filter(|_| breaks || asked.rows.iter().any(is_account));
        if let Some(account) = actor {
            // Who is locked out cannot sign in.
            let now = self.now(world);
            let row = self.table.row(world.rows[account]);
            row.record
                .as_ref()
                .filter(|record| record.state.live(now).is_none())?;
        }
        let number = world.clients[usize::from(client)].asked;
        let op = client * REQUESTS + number;
        let ask = self.exchange.ask(
            (op, specification.login),
            (asked.verb, asked.rows),
            latest(asked.rows[0]),
            (
                self.now(world).unix_ms(),
                Epoch::new(world.epoch).expect("an epoch"),
            ),
            actor.map(|account| (account, latest(account))),
        );
        // What the same owner's answered requests have under way.
        let mut before = 0;
        for (_, parcel) in world.late() {
            let op = self.exchange.parcels.get(parcel).op;
            let sender = usize::from(op / REQUESTS);
            let is_answered = world.clients[sender].asked > op % REQUESTS;
            if is_answered && self.configuration.clients[sender].login == specification.login {
                before |= 1 << op;
            }
        }
        let state = &mut world.clients[usize::from(client)];
        state.before = before;
        state.phase = Phase::Reading { ask, earlier: 0 };
        if !self.configuration.reads_late {
            self.read(world, client);
        }
        Some(())
    }

    fn read(&self, world: &mut World, client: u8) {
        let Phase::Reading { ask, earlier } = world.clients[usize::from(client)].phase else {
            return;
        };
        if earlier == HOLDER {
            return self.name_holder(world, client, ask);
        }
        let next = self.exchange.read(self.with(), ask, world.rows, earlier);
        self.go_on(world, client, ask, next);
    }

    /// Answers a lost acquisition with the holder that is on the row by now.
    fn name_holder(&self, world: &mut World, client: u8, ask: u32) {
        let asked = self.exchange.asks.get(ask);
        let row = self.table.row(world.rows[asked.rows[0]]);
        let state = row
            .record
            .as_ref()
            .map(|record| record.state.clone())
            .unwrap_or_default();
        let nobody = Lock {
            owner: Owner::new(""),
            since: asked.now,
            until: None,
            title: None,
            message: None,
        };
        let answer = Answer::Outcome(Outcome::HeldBy {
            fence: state.fence(),
            lock: state.live(asked.now).cloned().unwrap_or(nobody),
        });
        self.answer(world, client, Some((ask, &answer)));
    }

    fn go_on(&self, world: &mut World, client: u8, ask: u32, next: Next) {
        match next {
            Next::Attempt(attempt) => {
                world.clients[usize::from(client)].phase = Phase::Writing { attempt, sends: 0 };
            }
            Next::Answer(answer) => {
                let answer = self.exchange.answers.get(answer);
                self.answer(world, client, Some((ask, &answer)));
            }
        }
    }

    fn send(&self, world: &mut World, client: u8, fate: Fate) {
        let Phase::Writing { attempt, sends } = world.clients[usize::from(client)].phase else {
            return;
        };
        let made = self.exchange.attempts.get(attempt);
        if fate != Fate::Answered {
            world.faults_left -= 1;
        }
        match fate {
            Fate::AnswerLost => {
                self.deliver(world, made.parcel, None);
            }
            Fate::Delayed => {
                world.delay(made.parcel);
            }
            Fate::Answered | Fate::Doubled => {
                let delivery = self.deliver(world, made.parcel, Some(attempt));
                if fate == Fate::Doubled {
                    world.delay(made.parcel);
                }
                match delivery {
                    // What a plan says was so when it was made, and others may have changed it since.
                    Delivery::Repeated if Exchange::is_plan(&made) => {
                        self.answer(world, client, Some((made.ask, &Answer::Repeated)));
                    }
                    Delivery::Made | Delivery::Repeated => {
                        let outcome = self.exchange.outcome(attempt);
                        self.answer(world, client, Some((made.ask, &outcome)));
                    }
                    Delivery::ActorRefused => {
                        world.just.0 |= Witness::ActorRefused.bit();
                        self.answer(world, client, Some((made.ask, &Answer::LockedOut)));
                    }
                    Delivery::Failed if Exchange::is_plan(&made) => {
                        world.clients[usize::from(client)].phase = Phase::Reading {
                            ask: made.ask,
                            earlier: attempt + 1,
                        };
                        if !self.configuration.reads_late {
                            self.read(world, client);
                        }
                    }
                    Delivery::Failed if self.protocol.reads_holder_again && self.is_acquisition(&made) => {
                        world.clients[usize::from(client)].phase = Phase::Reading {
                            ask: made.ask,
                            earlier: HOLDER,
                        };
                    }
                    Delivery::Failed => {
                        // The client token of a transaction makes its second send harmless: no attempt is watched.
                        let is_watched = self.exchange.parcels.get(made.parcel).check.is_none();
                        let ambiguous = sends > 0 && is_watched;
                        let next = self.exchange.lose(self.with(), attempt, world.rows, ambiguous);
                        let op = self.exchange.parcels.get(made.parcel).op;
                        if world.effects & (1 << op) != 0 && matches!(next, Next::Answer(_)) {
                            world.just.0 |= Witness::Recognised.bit();
                        }
                        self.go_on(world, client, made.ask, next);
                    }
                }
                return;
            }
        }
        if sends + 1 == SENDS {
            self.answer(world, client, None);
        } else {
            world.clients[usize::from(client)].phase = Phase::Writing {
                attempt,
                sends: sends + 1,
            };
        }
    }

    fn is_acquisition(&self, attempt: &Attempt) -> bool {
        let parcel = self.exchange.parcels.get(attempt.parcel);
        self.table.write(parcel.writes[0].1).kind == Kind::Acquire
    }

    fn arrive(&self, world: &mut World, place: u8) {
        let parcel = world.network[usize::from(place)].saturating_sub(1);
        world.network[usize::from(place)] = 0;
        let op = self.exchange.parcels.get(parcel).op;
        let bit = 1_u16 << op;
        let (had_effect, was_fenced_off) = (world.effects & bit != 0, world.fenced_off & bit != 0);
        if matches!(self.deliver(world, parcel, None), Delivery::Failed) {
            if had_effect {
                world.just.0 |= Witness::CopyRefused.bit();
            }
            if was_fenced_off {
                world.just.0 |= Witness::FencedOff.bit();
            }
        }
    }

    /// The store makes a write or a transaction, or refuses it. `attempt` is what its sender waits for.
    fn deliver(&self, world: &mut World, parcel: u32, attempt: Option<u32>) -> Delivery {
        let parcel = self.exchange.parcels.get(parcel);
        let token = parcel.token.map(|place| 1_u128 << place);
        if token.is_some_and(|token| world.tokens & token != 0) {
            world.just.0 |= Witness::Replay.bit();
            return Delivery::Repeated;
        }
        let made: Vec<Option<u32>> = parcel
            .writes
            .iter()
            .map(|(row, write)| {
                self.table
                    .make(self.configuration.rows[*row], world.rows[*row], *write)
            })
            .collect();
        let actor_refuses = parcel.check.is_some_and(|(row, check)| {
            self.table
                .make(self.configuration.rows[row], world.rows[row], check)
                .is_none()
        });
        let is_possible = made.iter().all(Option::is_some) && !actor_refuses;
        let judge = Judge::new(self, &parcel);
        if is_possible || (!self.protocol.is_whole && !actor_refuses) {
            let before = world.rows;
            for ((row, _), after) in parcel.writes.iter().zip(&made) {
                if let Some(after) = after {
                    world.rows[*row] = *after;
                }
            }
            let is_past_others =
                |attempt| self.exchange.attempts.get(attempt).seen[0] != before[parcel.writes[0].0];
            if parcel.insists && attempt.is_some_and(is_past_others) {
                world.just.0 |= Witness::Insisted.bit();
            }
            judge.made(world, before, &made);
        }
        if is_possible {
            world.tokens |= token.unwrap_or(0);
            return Delivery::Made;
        }
        if let Some(attempt) = attempt {
            judge.failed(world, &self.exchange.attempts.get(attempt), actor_refuses);
        }
        if actor_refuses {
            Delivery::ActorRefused
        } else {
            Delivery::Failed
        }
    }

    /// A request is answered; `None` is a client that gave up, or a 503 after the last send.
    fn answer(&self, world: &mut World, client: u8, answer: Option<(u32, &Answer)>) {
        let state = &mut world.clients[usize::from(client)];
        let before = state.before;
        state.phase = Phase::Idle;
        state.before = 0;
        state.asked += 1;
        let Some((ask, answer)) = answer else {
            return;
        };
        let asked = self.exchange.asks.get(ask);
        super::answers::judge(self, world, &asked, answer);
        let promises = match answer {
            Answer::Outcome(outcome) => !outcome.is_refusal(),
            Answer::Settled | Answer::Repeated => true,
            Answer::Conflict(_) | Answer::Unsure(_) | Answer::Corrupt | Answer::LockedOut | Answer::Gone => {
                false
            }
        };
        if !promises {
            return;
        }
        for (_, late) in world.clone().late() {
            let parcel = self.exchange.parcels.get(late);
            let shares = parcel.writes.iter().any(|(row, _)| asked.rows.contains(row));
            if before & (1 << parcel.op) != 0 && shares && !self.goes_on(&parcel, answer) {
                world.fenced_off |= 1 << parcel.op;
            }
        }
    }

    /// A break that insists is fenced off by the end of its tenure alone, not by an answer that says that this tenure goes on.
    fn goes_on(&self, parcel: &Parcel, answer: &Answer) -> bool {
        let asked = self.exchange.asks.get(parcel.ask);
        let holdfast::lock::Request::Break { fence: named, .. } = &asked.request else {
            return false;
        };
        parcel.insists
            && matches!(answer, Answer::Outcome(Outcome::TenureOver { fence, lock: Some(_) }) if fence == named)
    }

    /// Forgets what can matter no more, so that equal states are one.
    fn forget(&self, world: &mut World) {
        world.network.sort_unstable();
        let (mut late, mut tokens) = (0_u16, 0_u128);
        for (_, parcel) in world.late() {
            let parcel = self.exchange.parcels.get(parcel);
            late |= 1 << parcel.op;
            tokens |= parcel.token.map_or(0, |place| 1 << place);
        }
        let mut active = 0_u16;
        for (number, client) in world.clients.iter().enumerate() {
            if client.phase != Phase::Idle {
                active |= 1 << (number * usize::from(REQUESTS) + usize::from(client.asked));
            }
            if let Phase::Writing { attempt, .. } = client.phase {
                let parcel = self
                    .exchange
                    .parcels
                    .get(self.exchange.attempts.get(attempt).parcel);
                tokens |= parcel.token.map_or(0, |place| 1 << place);
            }
        }
        // The product's tokens never come again; those of a broken protocol may.
        if self.protocol.token == ClientToken::PerPlan {
            world.tokens &= tokens;
        }
        world.effects &= late | active;
        world.fenced_off &= late;
        for client in &mut world.clients {
            client.before &= late;
        }
    }

    pub(super) fn breaks(world: &mut World, rule: Rule) {
        world.broken |= rule.bit();
    }
}
