//! The wall clock of events.
//!
//! Printing a time costs more than the rest of an event's head, so it is printed again only when it has changed enough: the
//! kernel's coarse clock, which costs a few nanoseconds to read, says when its tick (4 ms or less) has passed.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

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
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64());
            self.seconds.set(now);
        }
        self.seconds.get()
    }
}
