//! A check on its way from one process of this program to the next.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Check, Checks, Removed, Sent, run};
use crate::bgp::Nlri;
use crate::daemon::core::Core;
use crate::health::{Seen, Side};
use crate::rib::PeerSet;

/// What is known of a check besides its configuration.
#[derive(Clone, Debug)]
pub(crate) struct CheckParts {
    /// What its results have shown.
    pub(crate) seen: Seen,
    /// What its routes are to be.
    pub(crate) side: Option<Side>,
    /// How long ago its state has changed.
    pub(crate) changed: Option<Duration>,
    /// How soon the command of a service that went down is run.
    pub(crate) drains: Option<Duration>,
    /// Good results, changes, and changes that were held back.
    pub(crate) counts: (u64, u64, u64),
    /// The routes that are announced, and whether each is that of a service that is up.
    pub(crate) routes: Vec<(Nlri, bool)>,
    /// The neighbors that they are announced to.
    pub(crate) peers: PeerSet,
}

impl Checks {
    /// Those that were removed and drain: names, commands, and how soon each command is run.
    pub(crate) fn draining(&self) -> Vec<(String, String, Duration)> {
        let removed = self.removed.borrow();
        // Commands that run are handed over as such.
        let waiting = removed.iter().filter(|one| !one.runs.get());
        let parts = waiting.map(|one| {
            let left = one.due.saturating_duration_since(Instant::now());
            (one.name.to_string(), one.command.clone(), left)
        });
        parts.collect()
    }
}

/// Continues with a check that another process has removed.
pub(crate) fn drain(core: &Rc<Core>, (name, command, left): (String, String, Duration)) {
    let removed = Removed {
        name: name.into(),
        command,
        due: Instant::now() + left,
        runs: Cell::new(false),
    };
    run::drain_removed(core, removed);
}

impl Check {
    /// What another process needs to continue with it.
    pub(crate) fn parts(&self) -> CheckParts {
        let (config, sent, counts) = (self.config(), self.sent.borrow(), &self.counts);
        let routes = sent.routes.iter().map(|(nlri, attributes)| {
            let mut up = config.routes.iter();
            let is_up = up.any(|(other, same)| other == nlri && same == attributes);
            (nlri.clone(), is_up)
        });
        CheckParts {
            seen: self.watch.borrow().seen(),
            side: self.side.get(),
            changed: counts.since.get().map(|since| since.elapsed()),
            drains: self
                .drains
                .get()
                .map(|at| at.saturating_duration_since(Instant::now())),
            counts: (counts.good.get(), counts.changes.get(), counts.held.get()),
            routes: routes.collect(),
            peers: sent.peers.clone(),
        }
    }

    /// Continues with it, before it begins. Its routes are in the tables already.
    pub(crate) fn resume(self: &Rc<Self>, core: &Rc<Core>, parts: CheckParts) {
        let (config, counts) = (self.config(), &self.counts);
        // The command of a service that came up was running: nobody waits for its end now.
        let side = parts.seen.side.filter(|side| *side == Side::Up);
        self.side.set(side.or(parts.side));
        let now = Instant::now();
        let since = |age| now.checked_sub(age).unwrap_or(now);
        self.watch.borrow_mut().resume(parts.seen);
        counts.since.set(parts.changed.map(since));
        counts.good.set(parts.counts.0);
        counts.changes.set(parts.counts.1);
        counts.held.set(parts.counts.2);
        let down = config.down_routes();
        let routes = parts.routes.into_iter().filter_map(|(nlri, is_up)| {
            let known = match is_up {
                true => &config.routes,
                false => &down,
            };
            known.iter().find(|(other, _)| *other == nlri).cloned()
        });
        self.sent.replace(Sent {
            routes: routes.collect(),
            peers: parts.peers,
            epoch: core.neighbors.epoch(),
        });
        if let Some(left) = parts.drains {
            run::drain_for(core, self, left);
        }
    }
}
