//! Is there an order of the requests on one target in which every answer is true?
//!
//! The search is Wing and Gong's in Lowe's form: it goes through the history once, and keeps every pair of a state that the
//! target may be in and the set of requests that are under way and have not taken their turn. A pair is visited once. Requests whose
//! end is unknown stay under way until something fences them off; the possible states are carried over every moment, so
//! that a history of any length is one search.

use std::collections::{HashMap, HashSet};

use super::history::{Operation, Part, Told};
use super::specification::{Rules, Step, TargetState, Window};

/// What the clock of a client and that of a function on one machine may differ by, rounding included.
const CLOCKS_DIFFER_MS: i64 = 2;
/// How long after its sending a request without an end may still be decided.
const LONGEST_MS: i64 = 30_000;
/// How many pairs there may be at once before the search gives up.
const MOST_PAIRS: usize = 400_000;
/// How many requests may be under way at once.
const MOST_UNDER_WAY: usize = 128;

/// Why no order was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOrder {
    /// There is none: the request that no order explains, and the states that the target may have been in before it.
    Wrong {
        /// Its number.
        operation: u64,
        /// What those states were, in words.
        states: Vec<String>,
    },
    /// The search gave up at this request.
    TooLarge {
        /// Its number.
        operation: u64,
    },
}

/// One request on the target.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The operation that it is a part of.
    pub operation: &'a Operation,
    /// What it asks of this target.
    pub part: &'a Part,
}

/// How much was searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Pairs of a state and a set that were visited.
    pub pairs: usize,
    /// The most that there were at once.
    pub widest: usize,
}

/// A state, by its number, and the requests that are under way and have not taken their turn, by their places.
type Pair = (u32, u128);

struct Search<'a> {
    rules: Rules,
    turns: Vec<Turn<'a>>,
    windows: Vec<Window>,
    /// The requests that are under way, by their places.
    places: Vec<Option<usize>>,
    states: Vec<TargetState>,
    numbers: HashMap<u64, Vec<u32>>,
    /// The steps of a request in a state.
    steps: HashMap<(u32, usize), Vec<(u32, Step)>>,
    effort: Effort,
}

/// Searches for an order.
///
/// `known_ms` are the moments, with their owners, at which the target is known to have been changed; `None` where no record
/// of them was kept.
///
/// # Errors
/// [`NoOrder`]
pub fn linearize(
    turns: Vec<Turn<'_>>,
    known_ms: Option<&[(String, i64)]>,
    initial: TargetState,
    rules: Rules,
) -> Result<Effort, NoOrder> {
    let turns: Vec<Turn<'_>> = turns
        .into_iter()
        .filter(|turn| turn.part.told != Told::Refused)
        .collect();
    let windows = turns.iter().map(|turn| window(turn, known_ms)).collect();
    let mut search = Search {
        rules,
        windows,
        places: Vec::new(),
        states: Vec::new(),
        numbers: HashMap::new(),
        steps: HashMap::new(),
        effort: Effort::default(),
        turns,
    };
    let first = search.number(initial);
    search.run(first)
}

fn window(turn: &Turn<'_>, known_ms: Option<&[(String, i64)]>) -> Window {
    let ms = |us: u64| i64::try_from(us / 1_000).expect("a time of this era");
    let from_ms = ms(turn.operation.sent_us) - CLOCKS_DIFFER_MS;
    let to_ms = turn.operation.ended_us.map_or(from_ms + LONGEST_MS, ms) + CLOCKS_DIFFER_MS;
    let moments = known_ms.map(|known| {
        let first = known.partition_point(|(_, at)| *at < from_ms);
        known
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|(_, at)| *at <= to_ms)
            .filter(|(owner, _)| *owner == turn.operation.owner)
            .map(|(_, at)| *at)
            .collect()
    });
    Window {
        from_ms,
        to_ms,
        moments,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    // At one moment, what is sent counts as sent before what ends: the two may overlap.
    Sent,
    Ended,
}

impl Search<'_> {
    fn run(&mut self, first: u32) -> Result<Effort, NoOrder> {
        let mut events: Vec<(u64, Event, usize)> = Vec::with_capacity(self.turns.len() * 2);
        for (at, turn) in self.turns.iter().enumerate() {
            events.push((turn.operation.sent_us, Event::Sent, at));
            // What is unknown never has to take its turn.
            if let (Some(ended), false) = (turn.operation.ended_us, turn.part.told == Told::Unknown) {
                events.push((ended, Event::Ended, at));
            }
        }
        events.sort_unstable();
        let mut pairs: HashSet<Pair> = HashSet::from([(first, 0)]);
        for (_, event, turn) in events {
            match event {
                Event::Sent => {
                    let place = self.place(turn, &pairs)?;
                    pairs = pairs
                        .into_iter()
                        .map(|(state, under_way)| (state, under_way | 1 << place))
                        .collect();
                }
                Event::Ended => {
                    let place = self.places.iter().position(|other| *other == Some(turn));
                    let place = place.expect("what ends was sent");
                    let next = self.close(&pairs, place, turn)?;
                    if next.is_empty() {
                        return Err(self.wrong(turn, &pairs));
                    }
                    pairs = next;
                    self.places[place] = None;
                }
            }
        }
        Ok(self.effort)
    }

    /// A place for a request that is sent. Places of requests that cannot take their turn any more are free again.
    fn place(&mut self, turn: usize, pairs: &HashSet<Pair>) -> Result<usize, NoOrder> {
        let in_use = pairs.iter().fold(0, |all, (_, under_way)| all | under_way);
        for (at, place) in self.places.iter_mut().enumerate() {
            if in_use & (1 << at) == 0 && place.is_some_and(|old| self.turns[old].part.told == Told::Unknown)
            {
                *place = None;
            }
        }
        let at = match self.places.iter().position(Option::is_none) {
            Some(free) => free,
            None if self.places.len() < MOST_UNDER_WAY => {
                self.places.push(None);
                self.places.len() - 1
            }
            None => {
                return Err(NoOrder::TooLarge {
                    operation: self.turns[turn].operation.id,
                });
            }
        };
        self.places[at] = Some(turn);
        Ok(at)
    }

    /// Every pair in which the request that ends has taken its turn.
    fn close(&mut self, pairs: &HashSet<Pair>, ends: usize, turn: usize) -> Result<HashSet<Pair>, NoOrder> {
        let bit = 1 << ends;
        let mut done = HashSet::new();
        let mut seen: HashSet<Pair> = HashSet::new();
        let mut open: Vec<Pair> = Vec::new();
        for (state, under_way) in pairs {
            let pair = self.settled((*state, *under_way));
            if pair.1 & bit == 0 {
                done.insert(pair);
            } else if seen.insert(pair) {
                open.push(pair);
            }
        }
        while let Some((state, under_way)) = open.pop() {
            self.effort.pairs += 1;
            if seen.len() + done.len() > MOST_PAIRS {
                return Err(NoOrder::TooLarge {
                    operation: self.turns[turn].operation.id,
                });
            }
            let mut left = under_way;
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                let Some(next) = self.places[place] else { continue };
                for (after, fences_off) in self.steps_of(state, next) {
                    let mut rest = under_way & !(1 << place);
                    if fences_off {
                        rest = self.without_what_is_fenced_off(rest, next);
                    }
                    let pair = self.settled((after, rest));
                    if pair.1 & bit == 0 {
                        done.insert(pair);
                    } else if seen.insert(pair) {
                        open.push(pair);
                    }
                }
            }
        }
        self.effort.widest = self.effort.widest.max(done.len() + seen.len());
        Ok(done)
    }

    /// The pair after everything has taken its turn that is true as things are and leaves them so: to let it wait is never better.
    fn settled(&mut self, (state, mut under_way): Pair) -> Pair {
        let mut left = under_way;
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            let Some(turn) = self.places[place] else { continue };
            let known = self.known_steps(state, turn);
            if known.iter().any(|(_, step)| !step.changes && !step.fences_off) {
                under_way &= !(1 << place);
            }
        }
        (state, under_way)
    }

    fn steps_of(&mut self, state: u32, turn: usize) -> Vec<(u32, bool)> {
        self.known_steps(state, turn)
            .iter()
            .map(|(after, step)| (*after, step.fences_off))
            .collect()
    }

    fn known_steps(&mut self, state: u32, turn: usize) -> &[(u32, Step)] {
        if !self.steps.contains_key(&(state, turn)) {
            let of = self.turns[turn];
            let steps = self.states[state as usize].steps(
                &of.operation.owner,
                of.part,
                &self.windows[turn],
                self.rules,
            );
            let numbered = steps
                .into_iter()
                .map(|step| (self.number(step.after.clone()), step))
                .collect();
            self.steps.insert((state, turn), numbered);
        }
        &self.steps[&(state, turn)]
    }

    /// A write after an unanswered request was over makes the condition of everything fail that the request had sent: it read
    /// the row before. Where the end of a request is not known, nothing is fenced off.
    ///
    /// A break is left out: once it has lost a race it goes by its tenure alone.
    fn without_what_is_fenced_off(&self, under_way: u128, by: usize) -> u128 {
        let sent_us = self.turns[by].operation.sent_us;
        // Only an answer fences off.
        if self.turns[by].part.told == Told::Unknown {
            return under_way;
        }
        let mut rest = under_way;
        for (at, place) in self.places.iter().enumerate() {
            let Some(turn) = place.map(|turn| self.turns[turn]) else {
                continue;
            };
            let is_break = matches!(turn.part.ask, super::history::Ask::Break { .. });
            let is_over = turn.operation.ended_us.is_some_and(|ended| ended < sent_us);
            if turn.part.told == Told::Unknown && is_over && !is_break {
                rest &= !(1 << at);
            }
        }
        rest
    }

    fn number(&mut self, state: TargetState) -> u32 {
        let numbers = self.numbers.entry(state.fingerprint()).or_default();
        if let Some(known) = numbers
            .iter()
            .find(|number| self.states[**number as usize] == state)
        {
            return *known;
        }
        let number = u32::try_from(self.states.len()).expect("four billion states");
        numbers.push(number);
        self.states.push(state);
        number
    }

    fn wrong(&self, turn: usize, pairs: &HashSet<Pair>) -> NoOrder {
        let mut states: Vec<String> = pairs
            .iter()
            .map(|(state, _)| words(&self.states[*state as usize]))
            .collect();
        states.sort_unstable();
        states.dedup();
        states.truncate(8);
        NoOrder::Wrong {
            operation: self.turns[turn].operation.id,
            states,
        }
    }
}

fn words(state: &TargetState) -> String {
    let fence = state.lock.fence();
    let lock = match state.lock.recorded() {
        None => "free".to_owned(),
        Some(lock) => {
            let until = lock
                .until
                .map_or_else(|| "without end".to_owned(), |until| format!("until {until}"));
            format!("{} since {} {until}", lock.owner, lock.since)
        }
    };
    match state.lock.last_break() {
        None => format!("fence {fence}, {lock}"),
        Some(broken) => format!(
            "fence {fence}, {lock}; tenure {} of {} broken by {} at {}",
            broken.fence, broken.owner, broken.by, broken.at
        ),
    }
}
