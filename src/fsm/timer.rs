//! Timers as a table of deadlines: nothing runs, the owner asks which deadline is next and which have passed.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// More than any timer runs, and no more than every clock can express: 30 years, as in tokio.
const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The time `wait` after `now`. One that no clock can express, such as `Duration::MAX`, never comes.
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}

/// A kind of timers.
pub(crate) trait TimerKind: Copy + 'static {
    /// All of them, in the order in which those that expire together are served.
    const ALL: &'static [Self];

    /// Its place in a table.
    fn index(self) -> usize;
}

/// The timers of a peer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerTimer {
    /// How long a dial may take; while waiting: when to dial again (RFC 4271 section 8.1.3).
    ConnectRetry,
    /// When to start again after a session ended.
    IdleHold,
}

/// The timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// How long the peer may stay silent; before its OPEN: ExaBGP's open-wait.
    Hold,
    /// How long the peer may refuse to take what we send (RFC 9687).
    SendHold,
    /// When to send the next KEEPALIVE.
    Keepalive,
}

impl PeerTimer {
    pub(crate) const COUNT: usize = 2;
}

impl TimerKind for PeerTimer {
    const ALL: &'static [Self] = &[Self::ConnectRetry, Self::IdleHold];

    fn index(self) -> usize {
        self as usize
    }
}

impl Timer {
    pub(crate) const COUNT: usize = 3;
}

impl TimerKind for Timer {
    /// What ends a session comes before what prolongs it.
    const ALL: &'static [Self] = &[Self::Hold, Self::SendHold, Self::Keepalive];

    fn index(self) -> usize {
        self as usize
    }
}

/// Deadlines by timer.
#[derive(Clone, Debug)]
pub(crate) struct TimerTable<T, const COUNT: usize>([Option<Instant>; COUNT], PhantomData<T>);

impl<T, const COUNT: usize> Default for TimerTable<T, COUNT> {
    fn default() -> Self {
        Self([None; COUNT], PhantomData)
    }
}

impl<T: TimerKind, const COUNT: usize> TimerTable<T, COUNT> {
    /// Starts `timer`, or starts it again.
    pub(crate) fn set(&mut self, timer: T, at: Instant) {
        self.0[timer.index()] = Some(at);
    }

    /// Stops `timer`.
    pub(crate) fn stop(&mut self, timer: T) {
        self.0[timer.index()] = None;
    }

    /// Stops all.
    pub(crate) const fn clear(&mut self) {
        self.0 = [None; COUNT];
    }

    /// Takes one timer that has expired.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<T> {
        let timer = *T::ALL
            .iter()
            .find(|timer| self.0[timer.index()].is_some_and(|at| at <= now))?;
        self.stop(timer);
        Some(timer)
    }

    /// Whether `timer` runs.
    pub(crate) fn is_set(&self, timer: T) -> bool {
        self.0[timer.index()].is_some()
    }

    /// How long `timer` still runs; `None` if it is stopped.
    pub(crate) fn left(&self, timer: T, now: Instant) -> Option<Duration> {
        self.0[timer.index()].map(|at| at.saturating_duration_since(now))
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
        let mut table = TimerTable::<Timer, { Timer::COUNT }>::default();
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
