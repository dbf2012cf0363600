//! What the daemon measures of itself: how long its turns take, how late it sends KEEPALIVEs, what operators command.

use std::cell::Cell;

use super::histogram::Histogram;
use super::turns::Turns;

/// Commands that were carried out, and those that were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandCounts {
    pub(crate) done: u64,
    pub(crate) refused: u64,
}

impl CommandCounts {
    /// Both with those of `other` added.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            refused: self.refused + other.refused,
        }
    }
}

/// What is measured.
pub(crate) struct Stats {
    /// How long the turns of tasks took: until one has ended, no other task runs.
    pub(crate) turns: Turns,
    /// How late KEEPALIVEs were sent.
    pub(crate) keepalive_late: Histogram,
    /// Commands of operators.
    pub(crate) operators: Cell<CommandCounts>,
    /// HTTP requests that were answered.
    pub(crate) http_requests: Cell<u64>,
    /// Reloads of the configuration that were applied, and those that were refused.
    pub(crate) reloads: Cell<CommandCounts>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            turns: Turns::new(&[
                0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
            ]),
            keepalive_late: Histogram::new(&[0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0]),
            operators: Cell::default(),
            http_requests: Cell::default(),
            reloads: Cell::default(),
        }
    }
}
