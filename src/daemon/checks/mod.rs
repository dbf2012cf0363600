//! Health checks of the configuration: each is a task that carries out its check and announces its routes.
//!
//! The routes of a check have an owner of their own, `check NAME`, and take the way of those of helpers: guards that are for
//! operators, limits of neighbors, the journal. `announce` makes the routes what the state of a check wants, `run` is the task,
//! `configure` begins and ends checks, `orphans` goes on with the commands of another process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::api::control::CheckStatus;
use crate::bgp::{AttributeSet, Nlri};
use crate::config::CheckConfig;
use crate::daemon::routes::Routes;
use crate::health::{Cause, Failure, Finding, Hold, Others, Side, State, Verdict, Watch, others};
use crate::journal::CHECK;
use crate::rib::PeerSet;

pub(crate) mod announce;
pub(crate) mod configure;
pub(crate) mod handover;
pub(crate) mod orphans;
pub(crate) mod run;

/// The most checks that are carried out at the same time.
const MOST: usize = 64;

/// The health checks of the daemon.
pub(crate) struct Checks {
    list: RefCell<Vec<Rc<Check>>>,
    /// Those that were removed, and whose command has not ended.
    removed: RefCell<Vec<Rc<Removed>>>,
    /// Notified when one of them has ended.
    left: Notify,
    /// Those that may be carried out now.
    slots: Semaphore,
    started: Instant,
}

/// One check.
pub(crate) struct Check {
    pub(crate) name: Rc<str>,
    /// The owner of its routes.
    owner: Rc<str>,
    config: RefCell<Rc<CheckConfig>>,
    watch: RefCell<Watch>,
    /// What its routes are to be; `None` until its state is known.
    side: Cell<Option<Side>>,
    /// How often that has changed.
    round: Cell<u64>,
    sent: RefCell<Sent>,
    /// Why its routes were refused, until they are not.
    refused: RefCell<Option<String>>,
    /// Held while a command of a change is run.
    hooks: Mutex<()>,
    task: RefCell<Option<AbortHandle>>,
    /// When the command of a service that went down is run.
    drains: Cell<Option<Instant>>,
    /// The command of a service that came up was begun, and its routes are not announced yet.
    rises: Cell<bool>,
    /// Notified when the configuration is replaced.
    changed: Notify,
    counts: Counts,
}

/// A check that was removed while its service was up: the command of a service that went down is run once its routes have
/// drained.
pub(crate) struct Removed {
    pub(crate) name: Rc<str>,
    pub(crate) command: String,
    /// When it is run.
    pub(crate) due: Instant,
    /// Whether it is being run.
    pub(crate) runs: Cell<bool>,
}

/// What was announced.
#[derive(Default)]
struct Sent {
    routes: Vec<(Nlri, Rc<AttributeSet>)>,
    peers: PeerSet,
    /// Of which neighbors there were.
    epoch: u64,
}

/// What is counted of a check.
#[derive(Default)]
struct Counts {
    good: Cell<u64>,
    bad: RefCell<BTreeMap<Cause, u64>>,
    changes: Cell<u64>,
    held: Cell<u64>,
    /// When the state has changed, and how long the last check took.
    since: Cell<Option<Instant>>,
    took: Cell<Duration>,
    /// Why the last check failed.
    reason: RefCell<Option<Failure>>,
}

impl Checks {
    /// Those of a daemon that has been running for some time.
    pub(crate) fn since(age: Duration) -> Self {
        let now = Instant::now();
        Self {
            list: RefCell::default(),
            removed: RefCell::default(),
            left: Notify::new(),
            slots: Semaphore::new(MOST),
            started: now.checked_sub(age).unwrap_or(now),
        }
    }

    /// All checks, in the order of the configuration.
    pub(crate) fn all(&self) -> Vec<Rc<Check>> {
        self.list.borrow().clone()
    }

    /// The check of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Rc<Check>> {
        let list = self.list.borrow();
        list.iter().find(|check| *check.name == *name).cloned()
    }

    /// Returns `true` if an owner is a check of the configuration.
    pub(crate) fn has_owner(&self, owner: &str) -> bool {
        let list = self.list.borrow();
        list.iter().any(|check| *check.owner == *owner)
    }

    /// The time since the start, for what has no clock.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the other checks of a group report, if it has `fail-static`.
    fn others(&self, check: &Check, since: Duration) -> Others {
        let config = check.config();
        let Some(group) = config.group.as_ref().filter(|group| group.fail_static) else {
            return Others::None;
        };
        let list = self.list.borrow();
        let members = list.iter().filter(|other| {
            let config = other.config();
            let same = config
                .group
                .as_ref()
                .is_some_and(|one| one.name == group.name);
            same && *other.name != *check.name
        });
        let reports = members.map(|other| other.watch.borrow().last());
        let patience = config.pace.interval + config.pace.timeout;
        others(reports, (since, self.now()), patience)
    }

    /// Calls `out` with what is shown of each check.
    pub(crate) fn show(&self, routes: &Routes, out: &mut dyn FnMut(&CheckStatus<'_>)) {
        for check in self.all() {
            let announced = check.announced(routes);
            check.show((self.now(), announced), out);
        }
    }
}

/// Returns `true` for the owner of routes of a check.
pub(crate) fn is_owner(owner: &str) -> bool {
    owner.starts_with(CHECK)
}

/// A number that nobody else knows: checks are spread by it.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Check {
    fn new(config: CheckConfig) -> Self {
        Self {
            name: config.name.as_str().into(),
            owner: format!("{CHECK}{}", config.name).into(),
            watch: RefCell::new(Watch::new(config.pace)),
            config: RefCell::new(Rc::new(config)),
            side: Cell::new(None),
            round: Cell::new(0),
            sent: RefCell::default(),
            refused: RefCell::default(),
            hooks: Mutex::new(()),
            task: RefCell::default(),
            drains: Cell::new(None),
            rises: Cell::new(false),
            changed: Notify::new(),
            counts: Counts::default(),
        }
    }

    fn config(&self) -> Rc<CheckConfig> {
        Rc::clone(&self.config.borrow())
    }

    /// Replaces the configuration. The state stays.
    fn configure(&self, config: CheckConfig) {
        self.watch.borrow_mut().set_pace(config.pace);
        self.config.replace(Rc::new(config));
        self.changed.notify_one();
    }

    /// When the command of a service that went down is to be run if the check ends now, with `drain` for routes that are
    /// withdrawn now; `None` if that of a service that came up was not run since.
    fn owed(&self, drain: Duration) -> Option<Instant> {
        let is_up = self.side.get() == Some(Side::Up) || self.rises.get();
        let due = is_up.then(|| Instant::now() + drain);
        due.or_else(|| self.drains.get())
    }

    /// Sets what its routes are to be.
    fn turn(&self, side: Option<Side>) {
        self.drains.set(None);
        self.rises.set(false);
        self.side.set(side);
        self.round.set(self.round.get() + 1);
    }

    /// Notes a result. Returns what it changes.
    fn note(&self, checks: &Checks, finding: Finding, failure: Option<Failure>) -> Verdict {
        let counts = &self.counts;
        match &failure {
            Some(failure) => *counts.bad.borrow_mut().entry(failure.cause).or_default() += 1,
            None if finding == Finding::Good => counts.good.set(counts.good.get() + 1),
            None => {}
        }
        counts.reason.replace(failure);
        let now = checks.now();
        // `others` looks at all checks, this one included.
        let mut watch = self.watch.borrow().clone();
        let verdict = watch.found(now, finding, |since| checks.others(self, since));
        self.watch.replace(watch);
        if verdict.state.is_some() {
            counts.since.set(Some(Instant::now()));
        }
        if verdict.side.is_some() {
            counts.changes.set(counts.changes.get() + 1);
        }
        if verdict.held.is_some_and(|held| held != Hold::Waiting) {
            counts.held.set(counts.held.get() + 1);
        }
        verdict
    }

    fn state(&self) -> State {
        self.watch.borrow().state()
    }

    /// The number of its routes that are announced as it wants them to be: commands may have withdrawn or replaced them.
    fn announced(&self, routes: &Routes) -> usize {
        let sent = self.sent.borrow();
        let held = sent.routes.iter().filter(|(nlri, attributes)| {
            let attributes = routes.intern(Rc::clone(attributes));
            let mut holders = routes.holders(nlri.as_ref(), Some(&attributes));
            holders.intersect(&sent.peers);
            !holders.is_empty()
        });
        held.count()
    }

    fn show(&self, (now, routes): (Duration, usize), out: &mut dyn FnMut(&CheckStatus<'_>)) {
        let (config, watch, counts) = (self.config(), self.watch.borrow(), &self.counts);
        let reason = counts.reason.borrow();
        let refused = self.refused.borrow();
        let failures: Vec<(&str, u64)> = counts
            .bad
            .borrow()
            .iter()
            .map(|(cause, count)| (cause.name(), *count))
            .collect();
        let state = watch.state().to_string();
        out(&CheckStatus {
            name: &self.name,
            kind: config.kind(),
            target: &config.shown_target(),
            state: &state,
            side: self.side.get().map(|side| match side {
                Side::Up => "up",
                Side::Down => "down",
            }),
            held: watch.held().map(|held| match held {
                Hold::Flap => "flap-hold",
                Hold::Static => "fail-static",
                Hold::Waiting => "group",
            }),
            group: config.group.as_ref().map(|group| group.name.as_str()),
            since: counts.since.get().map(|since| since.elapsed()),
            last: watch.last().map(|(at, _)| now.saturating_sub(at)),
            took: counts.took.get(),
            reason: reason.as_ref().map(|failure| failure.reason.as_str()),
            refused: refused.as_deref(),
            routes,
            good: counts.good.get(),
            failures: &failures,
            changes: counts.changes.get(),
            holds: counts.held.get(),
        });
    }
}
