//! Judges what a helper announces by the `guard` of its process, before any table is touched.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::bgp::NlriRef;
use crate::bgp::nlri::NlriId;
pub(crate) use crate::config::guard_rules::{Rejection, judge, judge_raw};
use crate::rib::{Action, Change, PeerSet};

/// The rules, as metrics have them.
pub(crate) const RULES: [&str; 9] = [
    "action",
    "announce-limit",
    "attribute",
    "community",
    "destination",
    "family",
    "max-rate",
    "max-routes",
    "prefix",
];

fn reject(rule: &'static str, message: String) -> Result<(), Rejection> {
    Err(Rejection { rule, message })
}

/// `max-routes` is exceeded.
pub(crate) fn too_many(most: u32) -> Rejection {
    Rejection {
        rule: "max-routes",
        message: format!("no more than {most} routes are allowed"),
    }
}

/// What is remembered of a helper.
#[derive(Default)]
pub(crate) struct GuardState {
    /// Announcements that may still be made, and when they were counted.
    tokens: RefCell<Option<(f64, Instant)>>,
    /// `max-routes` is nearly reached.
    near: Cell<bool>,
    /// Refused commands by rule.
    rejections: RefCell<BTreeMap<&'static str, u64>>,
}

impl GuardState {
    /// Counts a refused command.
    pub(crate) fn refuse(&self, rule: &'static str) {
        *self.rejections.borrow_mut().entry(rule).or_default() += 1;
    }

    /// Refused commands by rule.
    pub(crate) fn rejections(&self) -> Vec<(&'static str, u64)> {
        let rejections = self.rejections.borrow();
        rejections
            .iter()
            .map(|(rule, count)| (*rule, *count))
            .collect()
    }

    /// The announcements that `max-rate` still allows, and how long ago that was counted; `None` before the first one.
    pub(crate) fn tokens(&self, now: Instant) -> Option<(f64, Duration)> {
        let (left, at) = (*self.tokens.borrow())?;
        Some((left, now.saturating_duration_since(at)))
    }

    /// Continues with what `max-rate` allowed in another process.
    pub(crate) fn resume_tokens(&self, (left, age): (f64, Duration), now: Instant) {
        if left.is_finite() {
            let at = now.checked_sub(age).unwrap_or(now);
            self.tokens.replace(Some((left, at)));
        }
    }

    /// Continues to count refused commands.
    pub(crate) fn resume_rejections(&self, rule: &str, count: u64) {
        if let Some(rule) = RULES.iter().find(|known| **known == rule) {
            *self.rejections.borrow_mut().entry(rule).or_default() += count;
        }
    }

    /// Notes whether `max-routes` is nearly reached. Returns `true` if it is, and was not before.
    pub(crate) fn is_news(&self, near: bool) -> bool {
        !self.near.replace(near) && near
    }

    /// The announcements that a rate allows now. It never allows more than those of two seconds at once.
    fn left(&self, rate: f64, now: Instant) -> f64 {
        let most = 2.0 * rate;
        let (left, at) = self.tokens.borrow().unwrap_or((most, now));
        let earned = now.saturating_duration_since(at).as_secs_f64() * rate;
        (left + earned).min(most)
    }

    /// Judges the number of announcements of a command or a set, and takes nothing off the rate. More than the rate ever allows
    /// are admitted when nothing was announced before.
    pub(crate) fn admit(&self, rate: u32, count: usize, now: Instant) -> Result<(), Rejection> {
        let (rate, count) = (f64::from(rate), number(count));
        let (left, needed) = (self.left(rate, now), count.min(2.0 * rate));
        if left >= needed {
            return Ok(());
        }
        let seconds = ((needed - left) / rate).ceil();
        let text = format!(
            "more than {rate} announcements a second: {count} at once are possible in {seconds} s"
        );
        reject("max-rate", text)
    }

    /// Takes announcements that were admitted off the rate: if they are more than it ever allows, what comes later waits.
    pub(crate) fn spend(&self, rate: u32, count: usize, now: Instant) {
        let left = self.left(f64::from(rate), now);
        self.tokens.replace(Some((left - number(count), now)));
    }
}

/// A number of announcements, bounded so that a rate stays finite.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The routes that some changes are about: whether an owner has them now, and the peers that it announces them to after the
/// changes.
#[derive(Default)]
pub(crate) struct Held(HashMap<NlriId, (bool, PeerSet)>);

impl Held {
    /// Adds changes, which come after those that were added before. `holds` returns the peers that the owner announces a route to
    /// now.
    pub(crate) fn add(&mut self, changes: &[Change], holds: impl Fn(NlriRef<'_>) -> PeerSet) {
        for change in changes {
            let nlri = change.nlri.as_ref();
            let (_, peers) = self.0.entry(nlri.id()).or_insert_with(|| {
                let held = holds(nlri);
                (!held.is_empty(), held)
            });
            match &change.action {
                Action::Announce(_) => peers.union(&change.peers),
                Action::Withdraw(_) => peers.subtract(&change.peers),
            }
        }
    }

    /// How many routes the owner has after the changes, which has `before` now.
    pub(crate) fn after(&self, before: usize) -> usize {
        let routes = || {
            self.0
                .values()
                .map(|(was, peers)| (*was, !peers.is_empty()))
        };
        let gained = routes().filter(|(was, is)| !was && *is).count();
        let lost = routes().filter(|(was, is)| *was && !is).count();
        (before + gained).saturating_sub(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_may_be_larger_than_the_rate_ever_allows_and_later_ones_wait_for_it() {
        let (state, begin) = (GuardState::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let no = |text: &str| {
            Err(Rejection {
                rule: "max-rate",
                message: format!("more than 50 announcements a second: {text}"),
            })
        };
        let spend = |count, now| {
            let admitted = state.admit(50, count, now);
            admitted.inspect(|()| state.spend(50, count, now))
        };
        assert_eq!(spend(1, at(0)), Ok(()));
        assert_eq!(spend(250, at(0)), no("250 at once are possible in 1 s"));
        assert_eq!(spend(250, at(1)), Ok(()));
        // 150 are missing.
        assert_eq!(spend(1, at(1)), no("1 at once are possible in 4 s"));
        assert_eq!(spend(100, at(4)), no("100 at once are possible in 2 s"));
        assert_eq!(spend(50, at(5)), Ok(()));
        assert_eq!(spend(usize::MAX, at(7)), Ok(()));
        assert!(
            state
                .tokens(at(7))
                .is_some_and(|(left, _)| left.is_finite())
        );
    }
}
