//! Which records are wanted, and where in their order a page begins.

use std::fmt;
use std::time::Duration;

use holdfast::dialect::holdfast::Refusal;
use holdfast::id::Login;
use holdfast::lock::{Owner, Timestamp};
use holdfast::store::HistoryRange;
use holdfast::target::Target;

/// The longest time that a list covers.
const LONGEST: Duration = Duration::from_hours(31 * 24);
const DAY: Duration = Duration::from_hours(24);

/// What the records are selected by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    Target(Target),
    Actor(Owner),
    /// From the first moment to before the second.
    Time(Timestamp, Timestamp),
}

/// Where a page begins: which day, counted back from the newest, and the place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    days_back: u32,
    pub(crate) before: Option<String>,
}

impl Place {
    /// Reads what a cursor names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (days_back, before) = text.split_once(' ')?;
        Some(Self {
            days_back: days_back.parse().ok()?,
            before: (!before.is_empty()).then(|| before.to_owned()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.days_back,
            self.before.as_deref().unwrap_or_default()
        )
    }
}

impl Selector {
    /// Reads `kind` with `id`, `actor`, or `from` with `to`, which is now where it is absent.
    pub(crate) fn parse(
        [kind, id, actor, from, to]: [Option<&str>; 5],
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        match (kind, id, actor, from, to) {
            (Some(kind), Some(id), None, None, None) => Target::parse(kind, id)
                .map(Self::Target)
                .ok_or_else(|| Refusal::invalid("id", "The id must be one that the kind can have.")),
            (None, None, Some(actor), None, None) => {
                // Operators act under their own names, which no login has.
                let actor_is_known = actor.starts_with("operator/") || Login::try_from(actor).is_ok();
                if actor_is_known {
                    Ok(Self::Actor(Owner::new(actor)))
                } else {
                    Err(Refusal::invalid("actor", "The actor must be a login."))
                }
            }
            (None, None, None, Some(from), to) => Self::time(from, to, now),
            _ => Err(Refusal::invalid(
                "$",
                "Select by kind and id, by actor, or by from and to: one of the three.",
            )),
        }
    }

    fn time(from: &str, to: Option<&str>, now: Timestamp) -> Result<Self, Refusal> {
        let moment = |name: &'static str, text: &str| {
            Timestamp::parse(text).ok_or_else(|| {
                Refusal::invalid(name, format!("The {name} must be a time as of RFC 3339, in UTC."))
            })
        };
        let from = moment("from", from)?;
        // A record of this very moment counts.
        let to = to.map_or_else(
            || Ok(now.plus(Duration::from_millis(1))),
            |text| moment("to", text),
        )?;
        if to <= from || to.since(from) > LONGEST {
            return Err(Refusal::invalid(
                "to",
                "The to must be after the from, and 31 days after it at most.",
            ));
        }
        Ok(Self::Time(from, to))
    }

    /// The day that a page of a time holds.
    fn day(from: Timestamp, to: Timestamp, days_back: u32) -> (Timestamp, Timestamp) {
        let newest = to.minus(Duration::from_millis(1)).day_start();
        let start = newest.minus(DAY * days_back);
        (start.max(from), start.plus(DAY).min(to))
    }

    /// What the page at `place` is read from.
    pub(crate) fn range(&self, place: &Place) -> HistoryRange<'_> {
        match self {
            Self::Target(target) => HistoryRange::Target(target),
            Self::Actor(actor) => HistoryRange::Actor(actor),
            Self::Time(from, to) => {
                let (from, to) = Self::day(*from, *to, place.days_back);
                HistoryRange::Day(from, to)
            }
        }
    }

    /// Where the page after the one at `place` begins, where there is one. A time is walked from its newest day back.
    pub(crate) fn next(&self, place: &Place, next: Option<String>) -> Option<Place> {
        if next.is_some() {
            return Some(Place {
                before: next,
                ..place.clone()
            });
        }
        let Self::Time(from, to) = self else { return None };
        let (start, _) = Self::day(*from, *to, place.days_back);
        (start > *from).then(|| Place {
            days_back: place.days_back.saturating_add(1),
            before: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_time_is_walked_from_its_newest_day_back() {
        let (from, to) = (at("2026-11-20T10:00:00Z"), at("2026-11-22T00:00:00Z"));
        let time = Selector::Time(from, to);
        let first = Place::default();
        assert!(matches!(time.range(&first), HistoryRange::Day(a, b)
            if a == at("2026-11-21T00:00:00Z") && b == to));
        let second = time.next(&first, None).unwrap();
        assert!(matches!(time.range(&second), HistoryRange::Day(a, b)
            if a == from && b == at("2026-11-21T00:00:00Z")));
        assert_eq!(time.next(&second, None), None);
        let within = time.next(&second, Some("x y".to_owned())).unwrap();
        assert_eq!(Place::parse(&within.to_string()), Some(within));
    }

    #[test]
    fn one_selector_and_no_other() {
        let now = at("2026-11-22T10:00:00Z");
        let parse = |names| Selector::parse(names, now);
        assert!(parse([Some("device"), Some("ID5"), None, None, None]).is_ok());
        assert!(parse([None, None, Some("alice"), None, None]).is_ok());
        assert!(parse([None, None, None, Some("2026-11-22T00:00:00Z"), None]).is_ok());
        for bad in [
            [None; 5],
            [Some("device"), None, None, None, None],
            [Some("devices"), Some("ID5"), None, None, None],
            [Some("device"), Some("ID5"), Some("alice"), None, None],
            [None, None, Some(""), None, None],
            [None, None, None, None, Some("2026-11-22T00:00:00Z")],
            [None, None, None, Some("yesterday"), None],
            [None, None, None, Some("2026-10-01T00:00:00Z"), None],
            [None, None, None, Some("2026-11-23T00:00:00Z"), None],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
