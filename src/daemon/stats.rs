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

impl Stats {
    /// What another process needs to go on counting: names, and the numbers of each.
    pub(super) fn numbers(&self) -> [(&'static str, Vec<u64>); 5] {
        let results = |counts: &Cell<CommandCounts>| vec![counts.get().done, counts.get().refused];
        [
            ("operators", results(&self.operators)),
            ("reloads", results(&self.reloads)),
            ("http-requests", vec![self.http_requests.get()]),
            ("turns", self.turns.durations.numbers()),
            ("keepalive-late", self.keepalive_late.numbers()),
        ]
    }

    /// Adds what another process has counted under a name. One that is not known is left out.
    pub(super) fn resume(&self, name: &str, numbers: &[u64]) {
        match (name, numbers) {
            ("operators", &[done, refused]) => add(&self.operators, (done, refused)),
            ("reloads", &[done, refused]) => add(&self.reloads, (done, refused)),
            ("http-requests", &[count]) => self.http_requests.update(|now| now + count),
            ("turns", numbers) => self.turns.durations.resume(numbers),
            ("keepalive-late", numbers) => self.keepalive_late.resume(numbers),
            _ => {}
        }
    }
}

fn add(counts: &Cell<CommandCounts>, (done, refused): (u64, u64)) {
    counts.set(counts.get().plus(CommandCounts { done, refused }));
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
