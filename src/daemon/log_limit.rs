//! How many lines the log gets about what a helper or operator does wrong: one that goes mad must neither fill the disk nor
//! hide all else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use super::clock;

/// The most lines about one of them in a second.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// The lines of the current second by the name of the helper, or that of operators.
#[derive(Default)]
pub(crate) struct LogLimit {
    lines: RefCell<BTreeMap<Rc<str>, Lines>>,
    /// Notified when the first line of a second is left out.
    exceeded: Notify,
}

struct Lines {
    since: Instant,
    logged: u32,
    left_out: u64,
}

impl LogLimit {
    /// Returns `true` if another line may be logged now. If not, it is counted for [`report`](Self::report).
    pub(crate) fn admits(&self, name: &str) -> bool {
        let mut all = self.lines.borrow_mut();
        let now = clock::now();
        let fresh = || Lines {
            since: now,
            logged: 0,
            left_out: 0,
        };
        if !all.contains_key(name) {
            all.insert(name.into(), fresh());
        }
        let Some(lines) = all.get_mut(name) else {
            return true;
        };
        // Otherwise the number is logged first.
        if lines.left_out == 0 && now.saturating_duration_since(lines.since) >= SECOND {
            *lines = fresh();
        }
        if lines.logged < MOST {
            lines.logged += 1;
            return true;
        }
        lines.left_out += 1;
        if lines.left_out == 1 {
            self.exceeded.notify_one();
        }
        false
    }

    /// Logs how many lines were left out, about a second after the first one, as long as the daemon runs.
    pub(crate) async fn report(&self) {
        loop {
            self.exceeded.notified().await;
            tokio::time::sleep(SECOND).await;
            self.lines.borrow_mut().retain(|name, lines| {
                if lines.left_out > 0 {
                    let lines = lines.left_out;
                    warn!(process = %name, lines, "and more such lines, which the log does not get");
                }
                lines.left_out == 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_second_has_so_many_lines() {
        let limit = LogLimit::default();
        let trial = async {
            let count = |name| (0..100).filter(|_| limit.admits(name)).count();
            assert_eq!((count("mad"), count("mad"), count("other")), (20, 0, 20));
            tokio::time::sleep(Duration::from_millis(900)).await;
            assert_eq!(count("mad"), 0);
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!((count("mad"), count("mad"), count("third")), (20, 0, 20));
            // The next report comes, too.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            assert_eq!(count("third"), 20);
        };
        tokio::select! {
            () = limit.report() => {}
            () = trial => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_lines_now_and_then_are_all_logged() {
        let limit = LogLimit::default();
        for _ in 0..10 {
            assert!((0..20).all(|_| limit.admits("helper")));
            tokio::time::sleep(SECOND).await;
        }
    }
}
