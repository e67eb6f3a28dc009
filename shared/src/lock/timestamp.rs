use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment in UTC, in whole milliseconds since 1970.
///
/// It is always passed in: nothing that decides reads a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Reads a time as of RFC 3339, to the millisecond; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .map(Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, as stored in the tables.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded up: the unit of DynamoDB's time to live.
    #[must_use]
    pub const fn unix_seconds_rounded_up(self) -> i64 {
        self.0.div_euclid(1_000) + (self.0.rem_euclid(1_000) != 0) as i64
    }

    /// The moment this much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment this much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The first moment of this moment's day in UTC.
    #[must_use]
    pub const fn day_start(self) -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        Self(self.0.div_euclid(DAY_MS) * DAY_MS)
    }

    /// The day in UTC, as `2026-11-22`.
    #[must_use]
    pub fn day(self) -> String {
        self.day_start().to_string().chars().take(10).collect()
    }

    /// How long it is from `earlier` to this moment; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many digits of a second as are needed: `2026-11-22T10:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            // Years past 9999 have no RFC 3339 form.
            None => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339_in_utc() {
        assert_eq!(
            Timestamp::from_unix_ms(1_795_341_600_000).to_string(),
            "2026-11-22T10:00:00Z"
        );
        assert_eq!(
            Timestamp::from_unix_ms(1_795_341_600_120).to_string(),
            "2026-11-22T10:00:00.12Z"
        );
    }

    #[test]
    fn seconds_for_the_time_to_live_never_lie_before_the_moment() {
        assert_eq!(Timestamp::from_unix_ms(1_000).unix_seconds_rounded_up(), 1);
        assert_eq!(Timestamp::from_unix_ms(1_001).unix_seconds_rounded_up(), 2);
    }
}
