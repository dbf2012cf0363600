//! The wall clock: time stamps of events, and a start that is delayed to a full minute.
//!
//! Printing a time takes longer than the rest of an event's head, so it is printed again only after a tick (4 ms or less) of
//! the kernel's coarse clock, which can be read in a few nanoseconds.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

pub(crate) use crate::speaker::clock::now;

/// Seconds since 1970, exact to a tick of the kernel.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    tick: Cell<(i64, i64)>,
    seconds: Cell<f64>,
}

impl Clock {
    /// The time of this tick.
    pub(crate) fn seconds(&self) -> f64 {
        let tick = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)
            .map_or((0, 0), |now| (now.tv_sec(), now.tv_nsec()));
        if self.tick.replace(tick) != tick || tick == (0, 0) {
            self.seconds.set(unix(SystemTime::now()));
        }
        self.seconds.get()
    }
}

/// The time since the machine was started, including the time in which it slept.
#[cfg(not(test))]
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// The same on the clock of the timers.
#[cfg(test)]
pub(crate) fn since_boot() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    now().saturating_duration_since(*START)
}

/// Seconds since 1970.
pub(crate) fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// The time until the next multiple of so many minutes: ExaBGP's `tcp.delay`. Zero for 0 minutes.
pub(crate) fn until_full_minutes(minutes: u32) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    until(now, minutes)
}

fn until(now: Duration, minutes: u32) -> Duration {
    let period = u64::from(minutes) * 60;
    if period == 0 {
        return Duration::ZERO;
    }
    let next = (now.as_secs() / period + 1) * period;
    Duration::from_secs(next) - now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_the_next_full_multiple_of_minutes() {
        let at = |seconds: u64, minutes| until(Duration::from_secs(seconds), minutes).as_secs();
        assert_eq!(at(1_000_000_003, 0), 0);
        assert_eq!(at(1_000_000_003, 1), 17);
        assert_eq!(at(600, 5), 300);
        assert_eq!(at(601, 5), 299);
        assert_eq!(at(899, 5), 1);
    }
}
