//! A state of the model, in small numbers.

use std::hash::{Hash, Hasher};

use super::configuration::{CLIENTS, ROWS};

/// How many writes are under way after their senders gave them up.
pub const LATE: usize = 3;

/// One state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The rows as they are, each by its number.
    pub(super) rows: [u32; ROWS],
    /// What the clock shows, by its place among the moments.
    pub(super) clock: u8,
    pub(super) clients: [Client; CLIENTS],
    /// What is still under way, one more than each number, in order; zero for none.
    pub(super) network: [u32; LATE],
    pub(super) faults_left: u8,
    /// The client tokens of transactions that were made and may be sent again.
    pub(super) tokens: u128,
    /// The requests that changed a row, among those that still could.
    pub(super) effects: u16,
    /// The answered requests with writes under way that a later answer fenced off.
    pub(super) fenced_off: u16,
    /// The rows whose tenure was acknowledged to its owner.
    pub(super) acknowledged: u8,
    /// Of each row, who is held off and until when.
    pub(super) held_off: [Option<(u8, i64)>; ROWS],
    /// The rows as a backup has them.
    pub(super) backup: Option<[u32; ROWS]>,
    /// How often the rows were put back to the backup. It is the epoch.
    pub(super) epoch: u16,
    /// The largest fence of each row, and the largest number of a change, that were ever given out.
    pub(super) largest: [(u64, u64); ROWS],
    /// The rules that a step broke.
    pub(super) broken: u32,
    pub(super) just: Just,
}

/// A client and its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// How many requests it has made.
    pub(super) asked: u8,
    pub(super) phase: Phase,
    /// The requests of the same owner that were answered before this one began.
    pub(super) before: u16,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// None is under way.
    #[default]
    Idle,
    /// It has its moment and reads next.
    Reading {
        ask: u32,
        /// The attempt of a plan that lost its race, one more than its number; zero for none.
        earlier: u32,
    },
    /// Its write is sent next.
    Writing {
        attempt: u32,
        /// How often it was sent.
        sends: u8,
    },
}

/// What the latest step showed. It belongs to the step and not to the state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Just(pub(super) u32);

impl PartialEq for Just {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Just {}

impl Hash for Just {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl World {
    /// What is under way.
    pub(super) fn late(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let places = self.network.iter().enumerate();
        places.filter_map(|(place, parcel)| parcel.checked_sub(1).map(|parcel| (place, parcel)))
    }

    /// Puts a write under way; false where there is no place.
    pub(super) fn delay(&mut self, parcel: u32) -> bool {
        match self.network.iter_mut().find(|place| **place == 0) {
            Some(place) => {
                *place = parcel + 1;
                true
            }
            None => false,
        }
    }
}
