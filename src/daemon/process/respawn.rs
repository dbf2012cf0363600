//! When a helper that has ended is started again.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::Instant;

/// The longest wait before a helper is started again that does not read its events, and how long it has to run before that is
/// forgotten.
const LONGEST: Duration = Duration::from_secs(64);

/// How the runs of a helper have ended.
#[derive(Default)]
pub(crate) struct Endings {
    /// Its deaths: in which aligned window of 64 seconds, and how many.
    pub(super) deaths: Cell<(u64, u32)>,
    /// How often in a row it was killed because it did not read its events.
    kills: Cell<u32>,
    /// It was killed for that, and has not been started again.
    is_killed: Cell<bool>,
    killing: Notify,
    /// Its own process has ended, and what it has left in the background goes on.
    pub(crate) has_exited: Cell<bool>,
    /// When it was started.
    begun: Cell<Option<Instant>>,
    /// When it is started again.
    pub(super) due: Cell<Option<Instant>>,
}

impl Endings {
    /// Notes that it runs.
    pub(super) fn begin(&self) {
        self.is_killed.set(false);
        self.begun.set(Some(Instant::now()));
    }

    /// Notes that it is killed because it does not read its events.
    pub(super) fn kill(&self) {
        let has_run = self.begun.get().map(|begun| begun.elapsed());
        let kills = match has_run.is_some_and(|time| time < LONGEST) {
            true => self.kills.get().saturating_add(1),
            false => 1,
        };
        self.kills.set(kills);
        self.is_killed.set(true);
        self.killing.notify_one();
    }

    /// Waits until it is killed because it does not read its events.
    pub(super) async fn until_killed(&self) {
        while !self.is_killed.get() {
            self.killing.notified().await;
        }
    }

    /// If it was killed because it did not read its events: how often in a row, and how long to wait before it is started
    /// again. That is no death of its own.
    pub(super) fn killed(&self) -> Option<(u32, Duration)> {
        let kills = self.kills.get();
        self.is_killed.get().then(|| (kills, wait(kills)))
    }

    /// Counts a death. Returns `true` after more than `MOST` restarts in one aligned window of 64 seconds.
    pub(super) fn died_too_often(&self) -> bool {
        const MOST: u32 = 5;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let (window, deaths) = self.deaths.get();
        let deaths = if window == now & !63 { deaths + 1 } else { 1 };
        self.deaths.set((now & !63, deaths));
        deaths > MOST
    }

    /// How often in a row it was killed because it did not read its events, and how soon it is started again.
    pub(crate) fn waits(&self) -> (u32, Option<Duration>) {
        let now = Instant::now();
        let due = self.due.get();
        let left = due.map(|due| due.saturating_duration_since(now));
        (self.kills.get(), left)
    }

    /// Continues with a helper that another process has killed so often, and starts it so soon.
    pub(crate) fn resume(&self, (kills, left): (u32, Option<Duration>)) {
        let now = Instant::now();
        self.kills.set(kills);
        self.due.set(left.map(|left| now + left));
    }
}

/// How long a helper waits that was killed so often in a row: not at all, then 1 s, 2 s, 4 s and so on.
fn wait(kills: u32) -> Duration {
    match kills.checked_sub(2) {
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(LONGEST),
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_of_a_helper_that_does_not_read_grows_until_it_has_run_for_a_while() {
        let endings = Endings::default();
        let kill_after = async |seconds| {
            endings.begin();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            endings.kill();
            endings.killed().map(|(_, wait)| wait.as_secs())
        };
        let mut waits = Vec::new();
        for _ in 0..10 {
            waits.extend(kill_after(3).await);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(kill_after(64).await, Some(0));
        assert_eq!(kill_after(63).await, Some(1));
        endings.begin();
        assert_eq!(endings.killed(), None);
    }

    #[test]
    fn only_deaths_of_its_own_are_counted() {
        let endings = Endings::default();
        for _ in 0..100 {
            endings.begin();
            endings.kill();
        }
        assert_eq!(endings.deaths.get(), (0, 0));
    }
}
