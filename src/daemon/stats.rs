//! What the daemon measures of itself: how long its turns take, how late it sends KEEPALIVEs, what operators command.

use std::cell::Cell;
use std::time::Duration;

/// Durations by size.
pub(crate) struct Histogram {
    /// Upper bounds of the buckets, in seconds, ascending; a last bucket has none.
    bounds: &'static [f64],
    /// How many durations were in each bucket, and above all of them.
    counts: Vec<Cell<u64>>,
    sum: Cell<Duration>,
    longest: Cell<Duration>,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![Cell::new(0); bounds.len() + 1],
            sum: Cell::default(),
            longest: Cell::default(),
        }
    }

    /// Counts a duration.
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let fits = |bound: &f64| seconds <= *bound;
        let bucket = self.bounds.iter().position(fits);
        let count = &self.counts[bucket.unwrap_or(self.bounds.len())];
        count.set(count.get() + 1);
        self.sum.set(self.sum.get().saturating_add(duration));
        self.longest.set(self.longest.get().max(duration));
    }

    /// The buckets: upper bound, and how many durations were at most that.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied();
        let bounds = bounds.chain(std::iter::once(f64::INFINITY));
        bounds.zip(&self.counts).scan(0, |total, (bound, count)| {
            *total += count.get();
            Some((bound, *total))
        })
    }

    /// The sum of all durations.
    pub(crate) const fn sum(&self) -> Duration {
        self.sum.get()
    }

    /// The longest duration.
    pub(crate) const fn longest(&self) -> Duration {
        self.longest.get()
    }
}

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
    pub(crate) turns: Histogram,
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
            turns: Histogram::new(&[
                0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
            ]),
            keepalive_late: Histogram::new(&[0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0]),
            operators: Cell::default(),
            http_requests: Cell::default(),
            reloads: Cell::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_by_size() {
        let histogram = Histogram::new(&[0.001, 1.0]);
        for millis in [0, 1, 2, 999, 5_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let buckets: Vec<(f64, u64)> = histogram.buckets().collect();
        assert_eq!(buckets, [(0.001, 2), (1.0, 4), (f64::INFINITY, 5)]);
        assert_eq!(histogram.sum(), Duration::from_millis(6_002));
        assert_eq!(histogram.longest(), Duration::from_secs(5));
    }
}
