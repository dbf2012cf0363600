//! How long to wait before the next attempt.

use std::time::Duration;

use super::config::Timers;
use crate::bgp::message::notification::Notification;

/// A session that lasted less counts as a failed attempt, however long the present delay is.
const GOOD_SESSION: Duration = Duration::from_secs(30);

/// The schedule is at its end after no more failures.
const LONGEST_AFTER: u32 = 32;

/// The waits between attempts: 0, 1, 2, 3, 4, 5, 7, 9, 11, 14, … seconds, at most the maximum, plus up to a tenth of jitter
/// so that peers which failed together do not come back together.
///
/// A session that comes up does not restart the schedule: one that the peer ends at once would be dialled again at once, for
/// ever. It has to last ([`BackOff::is_good`]).
#[derive(Clone, Debug)]
pub(crate) struct BackOff {
    next: Duration,
    /// The wait before the present attempt.
    last: Duration,
    /// The least that the next wait may be.
    at_least: Duration,
    /// Attempts since the last good session.
    failures: u32,
    random: u64,
}

impl BackOff {
    pub(crate) const fn new(seed: u64, timers: &Timers) -> Self {
        Self {
            next: timers.back_off_min,
            last: Duration::ZERO,
            at_least: Duration::ZERO,
            failures: 0,
            // The generator below must not start at 0.
            random: seed | 1,
        }
    }

    /// Starts over.
    pub(crate) const fn reset(&mut self, timers: &Timers) {
        self.next = timers.back_off_min;
        self.last = Duration::ZERO;
        self.at_least = Duration::ZERO;
        self.failures = 0;
    }

    /// Continues after so many failures.
    pub(crate) fn resume(&mut self, failures: u32, timers: &Timers) {
        // After a few of them every wait is the longest.
        for _ in 0..failures.min(LONGEST_AFTER) {
            self.wait(timers);
        }
        self.failures = failures;
    }

    /// Returns `true` if a session that lasted so long is a success.
    pub(crate) fn is_good(&self, lasted: Duration) -> bool {
        lasted >= self.last.max(GOOD_SESSION)
    }

    /// Takes note of an attempt, or of a session, that was no success.
    pub(crate) const fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Attempts that failed, and sessions that were too short, since the last good session.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Lets the next wait be at least this long, as far as the maximum allows it.
    pub(crate) const fn at_least(&mut self, wait: Duration) {
        self.at_least = wait;
    }

    /// The wait after one more failure.
    pub(crate) fn wait(&mut self, timers: &Timers) -> Duration {
        let at_least = std::mem::take(&mut self.at_least);
        let wait = self.next.max(at_least).min(timers.back_off_max);
        self.last = wait;
        // ExaBGP: min(int(1 + previous * 1.2), 60), in whole seconds.
        let longer = (wait.as_secs().saturating_mul(6) / 5).saturating_add(1);
        self.next = Duration::from_secs(longer).min(timers.back_off_max);
        // xorshift64: enough to spread peers, and the same in every run of a test.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = u32::try_from(self.random % 1000).unwrap_or(0);
        wait.saturating_add(wait.saturating_mul(part) / 10_000)
    }
}

/// How long to wait at least after this NOTIFICATION of the peer's.
///
/// A peer that was shut down or that removed us will refuse us for a while; one that was reset comes back soon.
pub(crate) fn patience(received: &Notification) -> Duration {
    // RFC 8538 3.1: a hard reset carries the code and subcode of what it stands for.
    let enclosed = received.enclosed();
    let received = enclosed.as_ref().unwrap_or(received);
    match (received.code, received.subcode) {
        (Notification::CEASE, Notification::SHUTDOWN | Notification::DE_CONFIGURED) => {
            Duration::from_secs(30)
        }
        (Notification::CEASE, Notification::RESET) => Duration::from_secs(5),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_exabgps_with_at_most_a_tenth_of_jitter() {
        let timers = Timers::default();
        let mut back_off = BackOff::new(7, &timers);
        for seconds in [
            0, 1, 2, 3, 4, 5, 7, 9, 11, 14, 17, 21, 26, 32, 39, 47, 57, 60, 60,
        ] {
            let wait = back_off.wait(&timers).as_millis();
            assert!(
                (seconds * 1000..=seconds * 1100).contains(&wait),
                "{seconds} {wait}"
            );
        }
        back_off.reset(&timers);
        assert_eq!(back_off.wait(&timers), Duration::ZERO);
    }

    #[test]
    fn peers_that_failed_together_do_not_try_again_together() {
        let timers = Timers::default();
        let longest = |seed| {
            let mut back_off = BackOff::new(seed, &timers);
            let waits = (0..40).map(|_| back_off.wait(&timers));
            waits.skip(20).collect::<Vec<_>>()
        };
        let mut all = [longest(1), longest(2)].concat();
        all.sort();
        all.dedup();
        // 60 to 66 seconds, most of them different, from one end to the other.
        assert!(all.len() > 30, "{all:?}");
        let [first, .., last] = &all[..] else {
            unreachable!()
        };
        assert!(*last - *first > Duration::from_secs(3), "{all:?}");
    }

    #[test]
    fn a_session_is_good_after_the_present_delay_and_thirty_seconds() {
        let timers = Timers::default();
        let seconds = Duration::from_secs;
        let mut back_off = BackOff::new(7, &timers);
        assert!(back_off.is_good(seconds(30)) && !back_off.is_good(seconds(29)));
        back_off.at_least(seconds(40));
        assert!(back_off.wait(&timers) >= seconds(40));
        assert!(back_off.is_good(seconds(40)) && !back_off.is_good(seconds(39)));
        assert!(
            back_off.wait(&timers) >= seconds(49),
            "the schedule goes on from there"
        );
        back_off.at_least(seconds(400));
        assert!(back_off.wait(&timers) <= seconds(66), "the maximum holds");
    }
}
