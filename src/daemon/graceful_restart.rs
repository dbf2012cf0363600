//! The routes of a peer that is away: graceful restart as the receiving speaker (RFC 4724, 8538, 9494), and refreshes with
//! marks (RFC 7313).
//!
//! [`Retention`] decides, this does it to the Adj-RIB-In of a neighbour and waits for what comes with time. Helpers hear
//! nothing of it: to a script a session that is down has no routes, and all of them are told again when it is up; ExaBGP,
//! which keeps nothing, taught them so. What is kept is in `show adj-rib in`. A neighbour of a range is gone with its
//! session, and so are its routes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::info;

use crate::bgp::fsm::CloseReason;
use crate::bgp::fsm::retention::{Fate, Retention, long_lived};
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::negotiated::Refresh;
use crate::bgp::{AttributeSet, Family, Negotiated};
use crate::rib::Sweep;

use super::core::Core;
use super::neighbor::Neighbor;

/// What is kept of one neighbour.
#[derive(Debug, Default)]
pub(crate) struct StaleRoutes {
    retention: RefCell<Retention>,
    /// Whether a task waits for what is due.
    watched: Cell<bool>,
    changed: Rc<Notify>,
    /// What is being dropped, and how many routes were.
    sweeps: RefCell<Vec<(Sweep, usize)>>,
}

/// How many slots are looked at in one go.
const STEP: u32 = 16_384;

/// An established session has ended.
pub(crate) fn lost(
    core: &Rc<Core>,
    neighbor: &Rc<Neighbor>,
    session: &Negotiated,
    reason: &CloseReason,
) {
    if !neighbor.config.borrow().adj_rib_in {
        return clear(neighbor);
    }
    let fates = {
        let mut retention = neighbor.stale_routes.retention.borrow_mut();
        let fates = retention.lost(Instant::now(), session, reason);
        if retention.is_empty() {
            neighbor.rib_in.borrow_mut().clear();
            return;
        }
        fates
    };
    carry_out(core, neighbor, &fates);
    info!(
        neighbor = %neighbor.name,
        routes = neighbor.rib_in.borrow().stale(),
        "the peer's routes are kept for its restart"
    );
}

/// A session is up.
pub(crate) fn up(core: &Rc<Core>, neighbor: &Rc<Neighbor>, session: &Negotiated) {
    let fates = {
        let mut retention = neighbor.stale_routes.retention.borrow_mut();
        let time = neighbor.config.borrow().stale_path_time;
        retention.set_stale_path_time(Duration::from_secs(time.into()));
        let fates = retention.up(Instant::now(), session);
        if retention.is_empty() || !neighbor.config.borrow().adj_rib_in {
            retention.clear();
            neighbor.rib_in.borrow_mut().clear();
        }
        fates
    };
    carry_out(core, neighbor, &fates);
}

/// The peer has sent an End-of-RIB.
pub(crate) fn end_of_rib(core: &Rc<Core>, neighbor: &Rc<Neighbor>, family: Family) {
    let fate = neighbor
        .stale_routes
        .retention
        .borrow_mut()
        .end_of_rib(family);
    carry_out(core, neighbor, fate.as_slice());
}

/// The peer has sent one of the marks around its answer to a refresh.
pub(crate) fn refresh(core: &Rc<Core>, neighbor: &Rc<Neighbor>, mark: RouteRefresh) {
    let kept = neighbor.config.borrow().adj_rib_in;
    let negotiated = neighbor.negotiated().is_some_and(|session| {
        session.refresh == Refresh::Enhanced && session.families.contains(&mark.family)
    });
    if !kept || !negotiated {
        return;
    }
    let fate = {
        let mut retention = neighbor.stale_routes.retention.borrow_mut();
        match mark.subtype {
            RouteRefresh::BEGIN => retention.refresh_begins(Instant::now(), mark.family),
            RouteRefresh::END => retention.refresh_ends(mark.family),
            _ => None,
        }
    };
    carry_out(core, neighbor, fate.as_slice());
}

/// Forgets all that the peer told.
pub(crate) fn clear(neighbor: &Neighbor) {
    neighbor.stale_routes.retention.borrow_mut().clear();
    neighbor.stale_routes.changed.notify_one();
    neighbor.rib_in.borrow_mut().clear();
}

fn carry_out(core: &Rc<Core>, neighbor: &Rc<Neighbor>, fates: &[Fate]) {
    for fate in fates {
        let mut rib = neighbor.rib_in.borrow_mut();
        match *fate {
            Fate::Keep(family) => rib.mark_stale(family),
            Fate::LongLived(family) => {
                let mut known = Restamped::default();
                rib.restamp_stale(family, &mut |old| known.restamp(core, old));
                info!(neighbor = %neighbor.name, %family, routes = rib.stale(), "stale routes are long-lived from now on");
            }
            Fate::DropStale(family) => {
                let sweep = rib.drop_stale(family);
                drop(rib);
                begin(neighbor, sweep);
            }
            Fate::Drop(family) => {
                rib.mark_stale(family);
                let sweep = rib.drop_stale(family);
                drop(rib);
                begin(neighbor, sweep);
            }
        }
    }
    watch(core, neighbor);
}

/// Drops routes: the first at once, the rest in the background.
fn begin(neighbor: &Rc<Neighbor>, sweep: Sweep) {
    let mut sweeps = neighbor.stale_routes.sweeps.borrow_mut();
    let idle = sweeps.is_empty();
    // One that is under way begins again, for what has become stale since.
    sweeps.retain(|(other, _)| other.family != sweep.family);
    sweeps.push((sweep, 0));
    drop(sweeps);
    if !step(neighbor) || !idle {
        return;
    }
    let neighbor = Rc::downgrade(neighbor);
    tokio::task::spawn_local(async move {
        loop {
            tokio::task::yield_now().await;
            if !neighbor.upgrade().is_some_and(|neighbor| step(&neighbor)) {
                return;
            }
        }
    });
}

/// Goes on dropping; whether there is more to do.
fn step(neighbor: &Neighbor) -> bool {
    let mut sweeps = neighbor.stale_routes.sweeps.borrow_mut();
    let Some((sweep, routes)) = sweeps.first_mut() else {
        return false;
    };
    let mut rib = neighbor.rib_in.borrow_mut();
    let before = rib.len();
    let done = rib.sweep(sweep, STEP);
    *routes += before - rib.len();
    if done {
        if *routes > 0 {
            info!(neighbor = %neighbor.name, family = %sweep.family, routes, "stale routes are dropped");
        }
        sweeps.remove(0);
    }
    !sweeps.is_empty()
}

/// Sees to it that what is due is done.
fn watch(core: &Rc<Core>, neighbor: &Rc<Neighbor>) {
    let kept = &neighbor.stale_routes;
    kept.changed.notify_one();
    if kept.retention.borrow().is_empty() || kept.watched.replace(true) {
        return;
    }
    let changed = Rc::clone(&kept.changed);
    let (core, neighbor) = (Rc::downgrade(core), Rc::downgrade(neighbor));
    tokio::task::spawn_local(async move {
        loop {
            let Some(due) = neighbor.upgrade().map(|neighbor| {
                let due = neighbor.stale_routes.retention.borrow().timeout();
                neighbor.stale_routes.watched.set(due.is_some());
                due
            }) else {
                return;
            };
            let Some(due) = due else { return };
            tokio::select! {
                () = changed.notified() => continue,
                () = tokio::time::sleep_until(due.into()) => {}
            }
            let Some((core, neighbor)) = core.upgrade().zip(neighbor.upgrade()) else {
                return;
            };
            let fates = neighbor
                .stale_routes
                .retention
                .borrow_mut()
                .expire(Instant::now());
            carry_out(&core, &neighbor, &fates);
        }
    });
}

/// Attributes that were restamped, by the address of the old ones, which live as long as this.
#[derive(Default)]
struct Restamped(HashMap<*const AttributeSet, (Rc<AttributeSet>, Option<Rc<AttributeSet>>)>);

impl Restamped {
    fn restamp(&mut self, core: &Core, old: &Rc<AttributeSet>) -> Option<Rc<AttributeSet>> {
        let known = self.0.entry(Rc::as_ptr(old)).or_insert_with(|| {
            let new = long_lived(old).map(|set| core.intern(Rc::new(set)));
            (Rc::clone(old), new)
        });
        known.1.clone()
    }
}
