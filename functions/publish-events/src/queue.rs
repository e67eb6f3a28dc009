//! Events on their way to the bus, in the order of the stream.

use std::collections::HashSet;

use holdfast::id::Company;
use holdfast::store::StreamRecord;
use holdfast::target::Target;

use crate::bus::{Entry, MAX_BYTES, MAX_ENTRIES, NotTaken};

/// An event that has not been taken yet.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    /// Where in the stream it lies.
    pub(crate) record: &'a StreamRecord,
    /// Whose events are to arrive in order.
    pub(crate) target: (Company, Target),
    /// What the bus is given.
    pub(crate) entry: Entry,
}

/// The events that have not been taken yet, the earliest first.
#[derive(Debug)]
pub(crate) struct Queue<'a> {
    waiting: Vec<Waiting<'a>>,
}

impl<'a> Queue<'a> {
    pub(crate) const fn new(waiting: Vec<Waiting<'a>>) -> Self {
        Self { waiting }
    }

    /// The record of the earliest event that waits.
    pub(crate) fn first(&self) -> Option<&'a StreamRecord> {
        self.waiting.first().map(|waiting| waiting.record)
    }

    /// The places of the next call's events: as many as a call takes, and of each target its earliest alone. The bus takes or
    /// refuses each entry of a call by itself, so that of two the later one could arrive without the earlier.
    fn places(&self) -> Vec<usize> {
        let (mut places, mut targets, mut bytes) = (Vec::new(), HashSet::new(), 0);
        for (place, waiting) in self.waiting.iter().enumerate() {
            if !targets.insert(&waiting.target) {
                continue;
            }
            bytes += waiting.entry.bytes();
            let is_full = places.len() == MAX_ENTRIES || bytes > MAX_BYTES;
            if is_full && !places.is_empty() {
                break;
            }
            places.push(place);
        }
        places
    }

    /// What the next call is given.
    pub(crate) fn call(&self) -> Vec<&Entry> {
        self.places()
            .into_iter()
            .filter_map(|place| self.waiting.get(place))
            .map(|waiting| &waiting.entry)
            .collect()
    }

    /// Takes what the bus has taken of [`Self::call`] off the queue: the first refusal, where there is one.
    pub(crate) fn settle(&mut self, taken: Vec<Result<(), NotTaken>>) -> Option<NotTaken> {
        let mut refusal = None;
        let mut gone = HashSet::new();
        for (place, taken) in self.places().into_iter().zip(taken) {
            match taken {
                Ok(()) => {
                    gone.insert(place);
                }
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        let mut place = 0;
        self.waiting.retain(|_| {
            place += 1;
            !gone.contains(&(place - 1))
        });
        refusal
    }
}
