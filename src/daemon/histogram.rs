//! Durations counted by size.

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
    pub(super) fn new(bounds: &'static [f64]) -> Self {
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

    /// What another process needs to go on counting.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let nanoseconds =
            |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let counts = self.counts.iter().map(Cell::get);
        let durations = [self.sum(), self.longest()].map(nanoseconds);
        counts.chain(durations).collect()
    }

    /// Adds what another process has counted, unless it had other buckets.
    pub(crate) fn resume(&self, numbers: &[u64]) {
        let Some((counts, &[sum, longest])) = numbers.split_last_chunk() else {
            return;
        };
        if counts.len() != self.counts.len() {
            return;
        }
        for (count, before) in self.counts.iter().zip(counts) {
            count.set(count.get().saturating_add(*before));
        }
        let [sum, longest] = [sum, longest].map(Duration::from_nanos);
        self.sum.set(self.sum.get().saturating_add(sum));
        self.longest.set(self.longest.get().max(longest));
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

    /// How many durations there were.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(Cell::get).sum()
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
        let next = Histogram::new(&[0.001, 1.0]);
        next.observe(Duration::from_millis(1));
        next.resume(&histogram.numbers());
        assert_eq!(next.numbers(), [3, 2, 1, 6_003_000_000, 5_000_000_000]);
        let other = Histogram::new(&[1.0]);
        other.resume(&histogram.numbers());
        other.resume(&[7]);
        assert_eq!(other.numbers(), [0; 4]);
    }
}
