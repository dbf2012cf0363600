//! The clock of the timers.

use std::time::Instant;

/// The time of the runtime's timers, which tests may let pass faster.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
