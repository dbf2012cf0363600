//! The Adj-RIB-In of a neighbor, with the state of graceful restart as the receiving speaker.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::info;

use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Content;
use crate::bgp::{AttributeSet, Family, Negotiated};
use crate::fsm::CloseReason;
use crate::fsm::retention::{Fate, Retention};
use crate::rib::{AdjRibIn, Sweep};

/// How many slots one step of a sweep visits.
const STEP: u32 = 16_384;

/// What a peer announced, and which of it is stale.
#[derive(Default)]
pub(crate) struct StaleRoutes {
    state: RefCell<State>,
    /// Set while a task waits for the next timeout.
    pub(crate) watched: Cell<bool>,
    /// Notified when the next timeout may have changed.
    pub(crate) changed: Rc<Notify>,
}

#[derive(Default)]
struct State {
    rib: AdjRibIn,
    retention: Retention,
    /// Routes that are being dropped, with how many were dropped so far.
    sweeps: Vec<(Sweep, usize)>,
}

/// What is left to do after [`StaleRoutes::sweep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// Nothing, or a task that runs already continues.
    Done,
    /// A task has to continue.
    Begun,
}

impl StaleRoutes {
    fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// The table, to read.
    pub(crate) fn rib(&self) -> Ref<'_, AdjRibIn> {
        Ref::map(self.state.borrow(), |state| &state.rib)
    }

    /// Applies a received UPDATE.
    pub(crate) fn update(&self, content: &Content<'_>) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let rib = &mut self.state().rib;
        rib.set_time(u32::try_from(seconds).unwrap_or(u32::MAX));
        rib.update(content);
    }

    /// Drops all routes.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.retention.clear();
        state.rib.clear();
        self.changed.notify_one();
    }

    /// Notes that an established session has ended. Returns `None` if nothing is retained.
    pub(crate) fn lost(&self, session: &Negotiated, reason: &CloseReason) -> Option<Vec<Fate>> {
        let mut state = self.state();
        let fates = state.retention.lost(Instant::now(), session, reason);
        if state.retention.is_empty() {
            state.rib.clear();
            return None;
        }
        Some(fates)
    }

    /// Notes that a session is established. `stale_path_time` is `None` if the neighbor has no Adj-RIB-In any more.
    pub(crate) fn up(&self, session: &Negotiated, stale_path_time: Option<Duration>) -> Vec<Fate> {
        let mut state = self.state();
        if let Some(time) = stale_path_time {
            state.retention.set_stale_path_time(time);
        }
        let fates = state.retention.up(Instant::now(), session);
        if state.retention.is_empty() || stale_path_time.is_none() {
            state.retention.clear();
            state.rib.clear();
        }
        fates
    }

    /// Notes a received End-of-RIB.
    pub(crate) fn end_of_rib(&self, family: Family) -> Option<Fate> {
        self.state().retention.end_of_rib(family)
    }

    /// Notes the beginning or the end of the peer's answer to an enhanced route refresh.
    pub(crate) fn refresh(&self, mark: RouteRefresh) -> Option<Fate> {
        let retention = &mut self.state().retention;
        match mark.subtype {
            RouteRefresh::BEGIN => retention.refresh_begins(Instant::now(), mark.family),
            RouteRefresh::END => retention.refresh_ends(mark.family),
            _ => None,
        }
    }

    /// What has timed out.
    pub(crate) fn expire(&self) -> Vec<Fate> {
        self.state().retention.expire(Instant::now())
    }

    /// Returns `true` if nothing is retained.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.borrow().retention.is_empty()
    }

    /// When the next timeout is.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.state.borrow().retention.timeout()
    }

    /// Marks the routes of a family stale.
    pub(crate) fn mark_stale(&self, family: Family) {
        self.state().rib.mark_stale(family);
    }

    /// Replaces the attributes of the stale routes of a family. Returns how many routes are stale.
    pub(crate) fn restamp(
        &self,
        family: Family,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) -> usize {
        let mut state = self.state();
        state.rib.restamp_stale(family, restamp);
        state.rib.stale()
    }

    /// Drops the stale routes of a family: the first of them at once, the rest with [`sweep_step`](Self::sweep_step).
    pub(crate) fn sweep(&self, neighbor: &str, family: Family) -> Swept {
        let idle = {
            let state = &mut *self.state();
            let sweep = state.rib.drop_stale(family);
            let idle = state.sweeps.is_empty();
            // A sweep of the same family starts again, for the routes that have become stale since.
            state
                .sweeps
                .retain(|(other, _)| other.family != sweep.family);
            state.sweeps.push((sweep, 0));
            idle
        };
        if self.sweep_step(neighbor) && idle {
            Swept::Begun
        } else {
            Swept::Done
        }
    }

    /// Continues to drop routes. Returns `true` if there are more.
    pub(crate) fn sweep_step(&self, neighbor: &str) -> bool {
        let state = &mut *self.state();
        let Some((sweep, routes)) = state.sweeps.first_mut() else {
            return false;
        };
        let before = state.rib.len();
        let done = state.rib.sweep(sweep, STEP);
        *routes += before - state.rib.len();
        if done {
            if *routes > 0 {
                info!(neighbor, family = %sweep.family, routes, "stale routes are dropped");
            }
            state.sweeps.remove(0);
        }
        !state.sweeps.is_empty()
    }
}
