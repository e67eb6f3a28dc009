use std::time::{Duration, Instant};

/// How a lost race or a conflict is tried again: within two seconds of the first, after waits of random length that grow.
///
/// The waits are drawn from zero up ("full jitter"), so that parties at odds do not meet again. The time begins with the first
/// loss: a first write that was slow leaves the next one its turn. A read and a write of three seconds each, two seconds and one more
/// write stay below a function's timeout of 15.
#[derive(Debug)]
pub struct Retries {
    left: u32,
    round: u32,
    first_loss: Option<Instant>,
}

impl Retries {
    /// How often a request that loses races is decided and written.
    pub const TRIES: u32 = 10;
    /// For how long after its first loss a write is tried again.
    pub const WITHIN: Duration = Duration::from_secs(2);
    /// The longest wait between two tries.
    const LONGEST_WAIT_MS: u64 = 250;

    /// The tries of a request that may lose races; the first one is under way.
    #[must_use]
    pub fn of_races() -> Self {
        Self::new(Self::TRIES)
    }

    /// The tries of a plan that may conflict with other transactions. Each conflict is over in milliseconds, so only
    /// the time counts.
    #[must_use]
    pub fn of_conflicts() -> Self {
        Self::new(u32::MAX)
    }

    fn new(tries: u32) -> Self {
        Self {
            left: tries,
            round: 0,
            first_loss: None,
        }
    }

    /// Waits for the next try; false where there is none.
    pub async fn again(&mut self) -> bool {
        let elapsed = self.first_loss.get_or_insert_with(Instant::now).elapsed();
        let Some(wait) = self.next_wait(elapsed) else {
            return false;
        };
        tokio::time::sleep(wait).await;
        true
    }

    /// How long to wait for the next try when so much time has passed since the first loss; `None` where there is none.
    fn next_wait(&mut self, elapsed: Duration) -> Option<Duration> {
        self.left = self.left.saturating_sub(1);
        let longest_ms = (10_u64 << self.round.min(5)).min(Self::LONGEST_WAIT_MS);
        self.round = self.round.saturating_add(1);
        // Without randomness the longest wait is as good as any.
        let wait_ms = getrandom::u64().map_or(longest_ms, |random| random % (longest_ms + 1));
        let wait = Duration::from_millis(wait_ms);
        (self.left > 0 && elapsed + wait <= Self::WITHIN).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    /// The waits by themselves, whatever the machine does in between: how many, and how long they take.
    fn waits(mut retries: Retries, begin: Duration) -> (u32, Duration) {
        let (mut count, mut elapsed) = (0, begin);
        while let Some(wait) = retries.next_wait(elapsed) {
            count += 1;
            // No wait at all still takes a moment.
            elapsed += wait.max(MOMENT);
        }
        (count, elapsed)
    }

    #[test]
    fn ten_tries_within_two_seconds() {
        let (count, elapsed) = waits(Retries::of_races(), Duration::ZERO);
        assert_eq!(count + 1, Retries::TRIES);
        assert!(elapsed <= Retries::WITHIN, "{elapsed:?}");
    }

    /// Everything before the first loss may have been slow.
    #[tokio::test]
    async fn the_time_begins_with_the_first_loss() {
        let mut retries = Retries::of_races();
        assert!(retries.first_loss.is_none());
        assert!(retries.again().await);
        let first = retries.first_loss;
        assert!(first.is_some());
        assert!(retries.again().await);
        assert_eq!(retries.first_loss, first);
    }

    #[test]
    fn conflicts_are_tried_again_until_the_time_is_over() {
        let (count, elapsed) = waits(Retries::of_conflicts(), Duration::ZERO);
        assert!(count >= Retries::TRIES, "{count}");
        let longest = Duration::from_millis(Retries::LONGEST_WAIT_MS);
        assert!(elapsed + longest > Retries::WITHIN, "{elapsed:?}");
        assert_eq!(waits(Retries::of_conflicts(), Retries::WITHIN + MOMENT).0, 0);
    }
}
