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

    /// Takes the announcements of a command off the rate.
    pub(crate) fn spend(&self, rate: u32, count: usize, now: Instant) -> Result<(), Rejection> {
        let (rate, wanted) = (f64::from(rate), count_as_f64(count));
        let mut tokens = self.tokens.borrow_mut();
        let (left, at) = tokens.unwrap_or((2.0 * rate, now));
        let earned = now.saturating_duration_since(at).as_secs_f64() * rate;
        let left = (left + earned).min(2.0 * rate);
        if left < wanted {
            *tokens = Some((left, now));
            return reject(
                "max-rate",
                format!("more than {rate} announcements a second"),
            );
        }
        *tokens = Some((left - wanted, now));
        Ok(())
    }
}

fn count_as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
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
