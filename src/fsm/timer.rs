//! Timers as a table of deadlines: nothing runs, the owner asks which deadline is next and which have passed.

use std::time::{Duration, Instant};

/// The timers of a peer and of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// How long a dial may take; while waiting: when to dial again (RFC 4271 section 8.1.3).
    ConnectRetry,
    /// When to start again after a session ended.
    IdleHold,
    /// How long the peer may stay silent; before its OPEN: ExaBGP's open-wait.
    Hold,
    /// When to send the next KEEPALIVE.
    Keepalive,
    /// How long the peer may refuse to take what we send (RFC 9687).
    SendHold,
}

impl Timer {
    const COUNT: usize = 5;
    /// In the order in which those that expire together are served: what ends a session comes before what prolongs it.
    const ALL: [Self; Self::COUNT] = [
        Self::Hold,
        Self::SendHold,
        Self::ConnectRetry,
        Self::IdleHold,
        Self::Keepalive,
    ];
}

/// Deadlines by timer.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimerTable([Option<Instant>; Timer::COUNT]);

impl TimerTable {
    /// Starts `timer`, or starts it again.
    pub(crate) const fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Stops `timer`.
    pub(crate) const fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    /// Stops all.
    pub(crate) const fn clear(&mut self) {
        self.0 = [None; Timer::COUNT];
    }

    /// Takes one timer that has expired.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| self.0[*timer as usize].is_some_and(|at| at <= now))?;
        self.stop(timer);
        Some(timer)
    }

    /// Whether `timer` runs.
    pub(crate) const fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    /// How long `timer` still runs; `None` if it is stopped.
    pub(crate) fn left(&self, timer: Timer, now: Instant) -> Option<Duration> {
        self.0[timer as usize].map(|at| at.saturating_duration_since(now))
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_is_taken_once_and_the_gravest_first() {
        let now = Instant::now();
        let mut table = TimerTable::default();
        table.set(Timer::Keepalive, now);
        table.set(Timer::Hold, now);
        table.set(Timer::SendHold, now + Duration::from_secs(1));
        assert_eq!(table.next(), Some(now));
        assert_eq!(table.expired(now), Some(Timer::Hold));
        assert_eq!(table.expired(now), Some(Timer::Keepalive));
        assert_eq!(table.expired(now), None);
        assert!(table.is_set(Timer::SendHold) && !table.is_set(Timer::Hold));
        table.clear();
        assert_eq!(table.next(), None);
    }
}
