use std::fmt;
use std::str::FromStr;

/// How often the tables were put back to an earlier state, as its operator counts it: 0 to 8,191.
///
/// A restored table has old numbers, while systems outside remember newer ones. Each epoch begins above all numbers that the
/// epochs before it can have given out, so that a number never comes twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u16);

/// How many bits count within an epoch. Together with the epoch's 13 they are the 53 that every JSON parser keeps exact.
const BITS: u32 = 40;

impl Epoch {
    /// The last one. After it there is no place below 2^53.
    pub const MAX: u16 = 8_191;

    /// The epoch with this number; `None` above [`Epoch::MAX`].
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= Self::MAX {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number, as `FENCE_EPOCH` has it.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first number that this epoch gives out.
    #[must_use]
    pub const fn first(self) -> u64 {
        // `u64::from` is not const.
        ((self.0 as u64) << BITS) + 1
    }

    /// The number that follows `number` in this epoch: one more, and never below the epoch's first.
    #[must_use]
    pub const fn next(self, number: u64) -> u64 {
        let first = self.first();
        if number < first {
            first
        } else {
            // 2^64 changes of one row cannot happen; staying at the top keeps the promise never to go back.
            number.saturating_add(1)
        }
    }

    /// Whether `number` is of an earlier epoch, so that the next one jumps.
    #[must_use]
    pub const fn is_after(self, number: u64) -> bool {
        number < self.first() - 1
    }

    /// The epoch after this one; `None` after the last.
    #[must_use]
    pub const fn following(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }

    /// The epoch that gave out `number`; `None` for a number beyond the last.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        let epoch = number.saturating_sub(1) >> BITS;
        u16::try_from(epoch).ok().and_then(Self::new)
    }
}

/// The change that a row's change `number` follows: the one with the number before. `None` for the first of an epoch, which
/// follows whatever the restored row had.
#[must_use]
pub fn change_before(number: u64) -> Option<u64> {
    let begins = Epoch::of(number).is_some_and(|epoch| epoch.first() == number);
    if begins { None } else { number.checked_sub(1) }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Epoch {
    type Err = InvalidEpoch;

    fn from_str(text: &str) -> Result<Self, InvalidEpoch> {
        text.parse().ok().and_then(Self::new).ok_or(InvalidEpoch)
    }
}

/// Not an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEpoch;

impl fmt::Display for InvalidEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an epoch is a number from 0 to {}", Epoch::MAX)
    }
}

impl std::error::Error for InvalidEpoch {}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u16) -> Epoch {
        Epoch::new(number).unwrap()
    }

    #[test]
    fn an_epoch_is_a_number_from_0_to_8191() {
        assert_eq!("0".parse(), Ok(Epoch::default()));
        assert_eq!("8191".parse(), Ok(epoch(8_191)));
        for bad in ["", "-1", "8192", "65536", "1.5", "two", " 1"] {
            assert_eq!(bad.parse::<Epoch>(), Err(InvalidEpoch), "{bad:?}");
        }
        assert_eq!(epoch(8_190).following(), Some(epoch(8_191)));
        assert_eq!(epoch(8_191).following(), None);
    }

    #[test]
    fn without_an_epoch_numbers_grow_by_one() {
        for number in [0, 1, 41, 1 << 40, u64::MAX - 1] {
            assert_eq!(Epoch::default().next(number), number + 1);
            assert!(!Epoch::default().is_after(number));
        }
        assert_eq!(Epoch::default().next(u64::MAX), u64::MAX);
    }

    #[test]
    fn an_epoch_begins_above_all_numbers_of_the_one_before() {
        let one = 1_u64 << 40;
        assert_eq!(epoch(1).first(), one + 1);
        for earlier in [0, 1, 41, one - 1] {
            assert_eq!(epoch(1).next(earlier), one + 1);
            assert!(epoch(1).is_after(earlier));
        }
        // The last number of epoch 0: its next is both one more and the first of epoch 1.
        assert_eq!((epoch(1).next(one), epoch(1).is_after(one)), (one + 1, false));
        assert_eq!(epoch(1).next(one + 1), one + 2);
        // A function that does not know of the new epoch yet takes nothing back.
        assert_eq!(epoch(1).next(5 * one + 3), 5 * one + 4);
    }

    #[test]
    fn the_last_epoch_ends_where_json_numbers_cease_to_be_exact() {
        let last = (1_u64 << 53) - 1;
        assert_eq!(Epoch::of(last), Some(epoch(Epoch::MAX)));
        assert_eq!(Epoch::of(last + 2), None);
    }

    #[test]
    fn a_number_tells_its_epoch() {
        let one = 1_u64 << 40;
        for (number, of) in [
            (0, 0),
            (1, 0),
            (one, 0),
            (one + 1, 1),
            (2 * one, 1),
            (2 * one + 1, 2),
        ] {
            assert_eq!(Epoch::of(number), Some(epoch(of)), "{number}");
        }
    }

    #[test]
    fn only_the_first_change_of_an_epoch_follows_no_number() {
        let one = 1_u64 << 40;
        assert_eq!(change_before(1), None);
        assert_eq!(change_before(2), Some(1));
        assert_eq!(change_before(one), Some(one - 1));
        assert_eq!(change_before(one + 1), None);
        assert_eq!(change_before(one + 2), Some(one + 1));
        assert_eq!(change_before(one + 7), Some(one + 6));
    }
}
