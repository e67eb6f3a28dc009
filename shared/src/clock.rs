//! Where `now` comes from: read once per request at the edge and passed in from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lock::Timestamp;

/// A source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The host's clock. Lambda's hosts are synchronised.
    #[default]
    System,
    /// A clock that a test moves, for tests and rehearsals.
    Manual(ManualClock),
}

impl Clock {
    /// The time now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the host's clock is read"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_epoch = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or(Duration::ZERO);
                Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(manual) => Timestamp::from_unix_ms(manual.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock moved by hand; its clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.unix_ms())))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}
