//! What the log reports of a neighbor's attempts to have a session.
//!
//! The first attempt is reported step by step. As long as attempts fail, their steps are DEBUG, and an outcome that was
//! reported before is counted: the log shows it again when the count is 8, 16, 32, …, so that a neighbor that refuses us for
//! days takes a dozen lines. A session that lasted begins the account again.

use std::time::Duration;

/// Different outcomes that are remembered.
const OUTCOMES: usize = 8;
/// The first count at which a repetition is reported.
const FIRST_REPORT: u32 = 8;

/// What was reported of a neighbor since its last good session.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Outcomes and how often each occurred, the newest last.
    outcomes: Vec<(String, u32)>,
    failed: u32,
}

impl Attempts {
    /// Returns `true` if the steps of the attempt in progress are repetitions.
    pub(crate) const fn is_repetition(&self) -> bool {
        self.failed > 0
    }

    /// Returns `true` if a session that comes up now is worth a line: it is not one of many that do not last.
    pub(crate) const fn reports_session(&self) -> bool {
        self.failed < 3 || Self::reports(self.failed + 1)
    }

    /// Counts an attempt that failed, or a session that was too short. Returns how often that has happened if it is to be
    /// reported.
    pub(crate) fn failed(&mut self, outcome: &str) -> Option<u32> {
        self.failed = self.failed.saturating_add(1);
        let known = self.outcomes.iter().position(|(known, _)| known == outcome);
        let (outcome, count) = match known {
            Some(at) => self.outcomes.remove(at),
            None => (outcome.to_owned(), 0),
        };
        let count = count.saturating_add(1);
        if self.outcomes.len() == OUTCOMES {
            self.outcomes.remove(0);
        }
        self.outcomes.push((outcome, count));
        (count == 1 || Self::reports(count)).then_some(count)
    }

    /// A session has lasted.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    const fn reports(count: u32) -> bool {
        count >= FIRST_REPORT && count.is_power_of_two()
    }
}

/// A wait as a log line shows it: `now`, or seconds.
pub(crate) fn wait(next: Option<Duration>) -> String {
    match next {
        None => "none".to_owned(),
        Some(wait) if wait.is_zero() => "now".to_owned(),
        Some(wait) => format!("{:.1} s", wait.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_counted() {
        let mut attempts = Attempts::default();
        assert!(!attempts.is_repetition());
        let reported: Vec<u32> = (0..1000)
            .filter_map(|_| attempts.failed("refused"))
            .collect();
        assert_eq!(reported, [1, 8, 16, 32, 64, 128, 256, 512]);
        assert!(attempts.is_repetition());
        // Two that take turns are not news either.
        assert_eq!(attempts.failed("reset"), Some(1));
        assert_eq!(attempts.failed("refused"), None);
        assert_eq!(attempts.failed("reset"), None);
        attempts.reset();
        assert_eq!(attempts.failed("refused"), Some(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut attempts = Attempts::default();
        for number in 0..100 {
            attempts.failed(&number.to_string());
        }
        assert_eq!(attempts.outcomes.len(), OUTCOMES);
    }
}
