//! `rate-limit`: how many UPDATEs per second are sent to a neighbor.

use std::time::{Duration, Instant};

/// Counts messages in windows of one second. Unlike in ExaBGP, only UPDATEs count, never the state machine's turns.
#[derive(Debug)]
pub(crate) struct RateLimit {
    limit: Option<u32>,
    window: Option<Instant>,
    spent: usize,
}

const WINDOW: Duration = Duration::from_secs(1);

impl RateLimit {
    /// At most `limit` messages per second; `None` for no limit.
    pub(crate) const fn new(limit: Option<u32>) -> Self {
        Self {
            limit,
            window: None,
            spent: 0,
        }
    }

    /// How many messages may be sent now.
    pub(crate) fn allowance(&mut self, now: Instant) -> usize {
        let Some(limit) = self.limit else {
            return usize::MAX;
        };
        if self
            .window
            .is_none_or(|start| now.duration_since(start) >= WINDOW)
        {
            self.window = Some(now);
            self.spent = 0;
        }
        (limit as usize).saturating_sub(self.spent)
    }

    /// Counts sent messages.
    pub(crate) const fn spend(&mut self, messages: usize) {
        self.spent = self.spent.saturating_add(messages);
    }

    /// How long to wait until more may be sent; `None` if more may be sent now.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let limit = self.limit?;
        let start = self.window?;
        (self.spent >= limit as usize).then(|| WINDOW.saturating_sub(now.duration_since(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_within_each_second() {
        let start = Instant::now();
        let mut rate_limit = RateLimit::new(Some(3));
        assert_eq!(rate_limit.allowance(start), 3);
        rate_limit.spend(3);
        assert_eq!(rate_limit.allowance(start + Duration::from_millis(400)), 0);
        assert_eq!(
            rate_limit.wait(start + Duration::from_millis(400)),
            Some(Duration::from_millis(600))
        );
        assert_eq!(rate_limit.allowance(start + Duration::from_secs(1)), 3);
        assert_eq!(rate_limit.wait(start + Duration::from_secs(1)), None);
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let mut rate_limit = RateLimit::new(None);
        rate_limit.spend(1_000_000);
        assert_eq!(rate_limit.allowance(Instant::now()), usize::MAX);
        assert_eq!(rate_limit.wait(Instant::now()), None);
    }
}
