//! The Adj-RIB-In of a neighbor, with the state of graceful restart as the receiving speaker.

use std::cell::{Cell, OnceCell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::info;

use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Content;
use crate::bgp::{AttributeSet, Family, Negotiated};
use crate::fsm::CloseReason;
use crate::fsm::retention::{Fate, KeptFamily, Retention};
use crate::rib::{AdjRibIn, Discarded, Sweep};

use super::clock;

/// How many slots one step visits that drops routes.
pub(super) const STEP: u32 = 8_192;
/// How many slots one step visits that replaces attributes: each may have a set of its own, to be decoded and interned.
const RESTAMP_STEP: u32 = 1_024;

/// What a peer announced, and which of it is stale.
#[derive(Default)]
pub(crate) struct StaleRoutes {
    /// Made when there is something to keep.
    state: RefCell<Option<Box<State>>>,
    /// How long a peer has to send its routes again, for a state that is made.
    stale_path_time: Cell<Option<Duration>>,
    /// Set while a task waits for the next timeout.
    pub(crate) watched: Cell<bool>,
    /// Notified when the next timeout may have changed; made when a task waits for it.
    changed: OnceCell<Rc<Notify>>,
}

#[derive(Default)]
struct State {
    rib: AdjRibIn,
    retention: Retention,
    sweeps: Vec<Work>,
}

/// Work on stale routes that is in progress.
struct Work {
    sweep: Sweep,
    kind: SweepKind,
    /// How many routes were dropped so far.
    dropped: usize,
}

/// What is done with stale routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SweepKind {
    /// They are dropped.
    Drop,
    /// Their attributes are replaced.
    Restamp,
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
        RefMut::map(self.state.borrow_mut(), |state| {
            let state = state.get_or_insert_with(|| {
                let mut state = Box::<State>::default();
                if let Some(time) = self.stale_path_time.get() {
                    state.retention.set_stale_path_time(time);
                }
                state
            });
            &mut **state
        })
    }

    /// The state, if there is one already.
    fn existing(&self) -> Option<RefMut<'_, State>> {
        RefMut::filter_map(self.state.borrow_mut(), Option::as_deref_mut).ok()
    }

    /// The table, to read; `None` if there has been none so far.
    pub(crate) fn rib(&self) -> Option<Ref<'_, AdjRibIn>> {
        let state = Ref::filter_map(self.state.borrow(), Option::as_deref).ok()?;
        Some(Ref::map(state, |state| &state.rib))
    }

    /// The number of routes in the table that are stale.
    pub(crate) fn stale(&self) -> usize {
        self.rib().map_or(0, |rib| rib.stale())
    }

    /// Tells the task that waits for the next timeout, if there is one, that it may have changed.
    pub(crate) fn notify(&self) {
        if let Some(changed) = self.changed.get() {
            changed.notify_one();
        }
    }

    /// What such a task waits for.
    pub(crate) fn changed(&self) -> Rc<Notify> {
        Rc::clone(self.changed.get_or_init(Rc::default))
    }

    /// Applies a received UPDATE.
    pub(crate) fn update(&self, content: &Content<'_>) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let rib = &mut self.state().rib;
        rib.set_time(u32::try_from(seconds).unwrap_or(u32::MAX));
        rib.update(content);
    }

    /// Removes all routes. Returns what is left to free.
    pub(crate) fn clear(&self) -> Option<Discarded> {
        let mut state = self.existing()?;
        state.retention.clear();
        self.notify();
        Some(state.rib.discard())
    }

    /// Notes that an established session has ended.
    ///
    /// # Errors
    /// The routes, which are left to free, if nothing is retained.
    pub(crate) fn lost(
        &self,
        session: &Negotiated,
        reason: &CloseReason,
    ) -> Result<Vec<Fate>, Discarded> {
        let mut state = self.state();
        let fates = state.retention.lost(clock::now(), session, reason);
        if state.retention.is_empty() {
            return Err(state.rib.discard());
        }
        Ok(fates)
    }

    /// Notes that a session is established. `stale_path_time` is `None` if the neighbor has no Adj-RIB-In any more. Returns
    /// routes that are left to free, too.
    pub(crate) fn up(
        &self,
        session: &Negotiated,
        stale_path_time: Option<Duration>,
    ) -> (Vec<Fate>, Option<Discarded>) {
        if stale_path_time.is_some() {
            self.stale_path_time.set(stale_path_time);
        }
        // What such a peer marks depends on whether it has sent End-of-RIB.
        let counts = stale_path_time.is_some() && session.peer_restart().is_some();
        let state = match counts {
            true => Some(self.state()),
            false => self.existing(),
        };
        let Some(mut state) = state else {
            return (Vec::new(), None);
        };
        if let Some(time) = stale_path_time {
            state.retention.set_stale_path_time(time);
        }
        let fates = state.retention.up(clock::now(), session);
        if state.retention.is_empty() || stale_path_time.is_none() {
            state.retention.clear();
            return (fates, Some(state.rib.discard()));
        }
        (fates, None)
    }

    /// Notes a received End-of-RIB.
    pub(crate) fn end_of_rib(&self, family: Family) -> Option<Fate> {
        self.existing()?.retention.end_of_rib(family)
    }

    /// Notes the beginning or the end of the peer's answer to an enhanced route refresh.
    pub(crate) fn refresh(&self, mark: RouteRefresh) -> Option<Fate> {
        let retention = &mut self.existing()?.retention;
        match mark.subtype {
            RouteRefresh::BEGIN => retention.refresh_begins(clock::now(), mark.family),
            RouteRefresh::END => retention.refresh_ends(mark.family),
            _ => None,
        }
    }

    /// What has timed out.
    pub(crate) fn expire(&self) -> Vec<Fate> {
        let state = self.existing();
        state.map_or_else(Vec::new, |mut state| state.retention.expire(clock::now()))
    }

    /// Returns `true` while work on stale routes is in progress.
    pub(crate) fn is_sweeping(&self) -> bool {
        let state = self.state.borrow();
        state.as_ref().is_some_and(|state| !state.sweeps.is_empty())
    }

    /// What is retained, as data.
    pub(crate) fn retained(&self) -> Vec<KeptFamily> {
        let state = self.state.borrow();
        let export = |state: &State| state.retention.export(clock::now());
        state.as_deref().map_or_else(Vec::new, export)
    }

    /// The families whose End-of-RIB the peer has yet to send.
    pub(crate) fn awaited(&self) -> Vec<Family> {
        let state = self.state.borrow();
        let awaited = state.as_ref().map(|state| state.retention.awaited());
        awaited.map_or_else(Vec::new, <[Family]>::to_vec)
    }

    /// Continues with a session on which the peer has yet to send these End-of-RIB markers.
    pub(crate) fn wait_for(&self, families: &[Family]) {
        self.state().retention.wait_for(families);
    }

    /// Sets how long routes are kept, before there is a table.
    pub(crate) fn keep_for(&self, stale_path_time: Duration) {
        self.stale_path_time.set(Some(stale_path_time));
    }

    /// Continues with what another process has retained, and with its routes, which `fill` adds.
    pub(crate) fn resume(&self, kept: &[KeptFamily], fill: impl FnOnce(&mut AdjRibIn)) {
        let state = &mut *self.state();
        state.retention.import(clock::now(), kept);
        fill(&mut state.rib);
    }

    /// Returns `true` if nothing is retained.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state.borrow();
        state
            .as_ref()
            .is_none_or(|state| state.retention.is_empty())
    }

    /// When the next timeout is.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.state.borrow().as_ref()?.retention.timeout()
    }

    /// Marks the routes of a family stale.
    pub(crate) fn mark_stale(&self, family: Family) {
        if let Some(mut state) = self.existing() {
            state.rib.mark_stale(family);
        }
    }

    /// Works on the stale routes of a family: on the first of them at once, on the rest with
    /// [`sweep_step`](Self::sweep_step).
    pub(crate) fn sweep(
        &self,
        neighbor: &str,
        (family, kind): (Family, SweepKind),
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) -> Swept {
        let idle = {
            let Some(mut state) = self.existing() else {
                return Swept::Done;
            };
            let state = &mut *state;
            let sweep = state.rib.drop_stale(family);
            let idle = state.sweeps.is_empty();
            // The same work on that family starts again, for the routes that have become stale since. Those that are
            // dropped need no other attributes.
            state.sweeps.retain(|other| {
                other.sweep.family != family
                    || (kind, other.kind) == (SweepKind::Restamp, SweepKind::Drop)
            });
            state.sweeps.push(Work {
                sweep,
                kind,
                dropped: 0,
            });
            idle
        };
        if self.sweep_step(neighbor, restamp) && idle {
            Swept::Begun
        } else {
            Swept::Done
        }
    }

    /// Continues the work on stale routes. Returns `true` if there is more.
    pub(crate) fn sweep_step(
        &self,
        neighbor: &str,
        restamp: &mut impl FnMut(&Rc<AttributeSet>) -> Option<Rc<AttributeSet>>,
    ) -> bool {
        let Some(mut state) = self.existing() else {
            return false;
        };
        let state = &mut *state;
        let Some(work) = state.sweeps.first_mut() else {
            return false;
        };
        let before = state.rib.len();
        let done = match work.kind {
            SweepKind::Drop => state.rib.sweep(&mut work.sweep, STEP),
            SweepKind::Restamp => state.rib.restamp(&mut work.sweep, RESTAMP_STEP, restamp),
        };
        work.dropped += before - state.rib.len();
        if done {
            let (family, dropped) = (work.sweep.family, work.dropped);
            match work.kind {
                SweepKind::Drop if dropped == 0 => {}
                SweepKind::Drop => {
                    info!(neighbor, %family, routes = dropped, "stale routes are dropped");
                }
                SweepKind::Restamp => {
                    let routes = state.rib.stale();
                    info!(neighbor, %family, routes, "stale routes are long-lived from now on");
                }
            }
            state.sweeps.remove(0);
        }
        !state.sweeps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::NlriRef;

    const FAMILY: Family = Family::IPV4_UNICAST;

    /// Stale routes with attributes of their own each.
    fn stale(routes: u32) -> StaleRoutes {
        let received = StaleRoutes::default();
        for number in 0..routes {
            let [_, a, b, c] = number.to_be_bytes();
            let nlri = NlriRef {
                family: FAMILY,
                path_id: None,
                bytes: &[24, a, b, c],
                withdrawn: false,
            };
            let set = Rc::new(AttributeSet::new(Vec::new()));
            received.state().rib.announce(nlri, &set, None);
        }
        received.mark_stale(FAMILY);
        received
    }

    #[test]
    fn no_step_visits_more_routes_than_its_limit() {
        const ROUTES: u32 = 20_000;
        let received = stale(ROUTES);
        let mut visited = 0;
        let mut count = |_: &Rc<AttributeSet>| {
            visited += 1;
            Some(Rc::new(AttributeSet::new(Vec::new())))
        };
        let begun = received.sweep("peer", (FAMILY, SweepKind::Restamp), &mut count);
        assert_eq!(begun, Swept::Begun);
        while received.sweep_step("peer", &mut count) {}
        assert_eq!(visited, ROUTES);

        let mut visited = 0;
        let mut count = |_: &Rc<AttributeSet>| {
            visited += 1;
            None
        };
        received.sweep("peer", (FAMILY, SweepKind::Restamp), &mut count);
        assert_eq!(visited, RESTAMP_STEP, "one step");
        // The rest is dropped, and needs no other attributes any more.
        let mut never = |_: &Rc<AttributeSet>| unreachable!("the routes are to be dropped");
        received.sweep("peer", (FAMILY, SweepKind::Drop), &mut never);
        let len = || received.rib().expect("a table").len();
        let mut left = len();
        while received.sweep_step("peer", &mut never) {
            assert!(left - len() <= STEP as usize);
            left = len();
        }
        assert_eq!(len(), 0);
    }

    #[test]
    fn a_table_is_freed_in_steps() {
        let received = stale(50_000);
        let weak: Vec<_> = {
            let state = received.state();
            let routes = state.rib.routes(None);
            routes
                .map(|route| Rc::downgrade(route.attributes))
                .collect()
        };
        let mut discarded = received.clear().expect("a table");
        assert!(received.rib().is_some_and(|rib| rib.is_empty()), "at once");
        let alive = || weak.iter().filter(|one| one.strong_count() > 0).count();
        let mut before = alive();
        assert_eq!(before, 50_000);
        while discarded.step(STEP) {
            let now = alive();
            assert!(before - now <= STEP as usize, "{before} {now}");
            before = now;
        }
        assert_eq!(alive(), 0);
    }
}
