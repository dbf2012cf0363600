//! The routes of a peer whose session is down: graceful restart as the receiving speaker (RFC 4724, RFC 8538, RFC 9494), and
//! enhanced route refresh (RFC 7313).
//!
//! `Retention` decides; this module applies its decisions to the Adj-RIB-In of a neighbor and waits for timeouts. Helpers
//! receive no events of it: for them, a session that is down has no routes, and all routes are reported again once it is
//! established, as with ExaBGP, which retains nothing. `show adj-rib in` shows what is retained. A dynamic neighbor is removed
//! with its session, and so are its routes.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tracing::info;

use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::negotiated::Refresh;
use crate::bgp::{AttributeSet, Family, Negotiated};
use crate::fsm::CloseReason;
use crate::fsm::retention::{Fate, long_lived};
use crate::rib::Discarded;

use super::core::Core;
use super::neighbor::Neighbor;
use super::stale_routes::{STEP, SweepKind, Swept};

/// Retains routes when an established session has ended.
pub(crate) fn lost(
    core: &Rc<Core>,
    neighbor: &Rc<Neighbor>,
    session: &Negotiated,
    reason: &CloseReason,
) {
    let received = &neighbor.received;
    // A neighbor that is removed with its session has nobody to retain routes for.
    if !neighbor.config.borrow().adj_rib_in || neighbor.retired.get() {
        if let Some(routes) = received.clear() {
            free(core, routes);
        }
        return;
    }
    let fates = match received.lost(session, reason) {
        Ok(fates) => fates,
        Err(routes) => return free(core, routes),
    };
    apply(core, neighbor, &fates);
    info!(
        neighbor = %neighbor.name(),
        routes = received.stale(),
        "the peer's routes are kept for its restart"
    );
}

/// Drops what the peer does not preserve when a session is established.
pub(crate) fn up(core: &Rc<Core>, neighbor: &Rc<Neighbor>, session: &Negotiated) {
    let time = {
        let config = neighbor.config.borrow();
        let time = Duration::from_secs(config.stale_path_time.into());
        config.adj_rib_in.then_some(time)
    };
    let (fates, discarded) = neighbor.received.up(session, time);
    if let Some(routes) = discarded {
        free(core, routes);
    }
    apply(core, neighbor, &fates);
}

/// Drops stale routes when the peer has sent End-of-RIB.
pub(crate) fn end_of_rib(core: &Rc<Core>, neighbor: &Rc<Neighbor>, family: Family) {
    let fate = neighbor.received.end_of_rib(family);
    apply(core, neighbor, fate.as_slice());
}

/// Marks or drops stale routes when the peer begins or ends its answer to a route refresh.
pub(crate) fn refresh(core: &Rc<Core>, neighbor: &Rc<Neighbor>, mark: RouteRefresh) {
    let kept = neighbor.config.borrow().adj_rib_in;
    let negotiated = neighbor.negotiated().is_some_and(|session| {
        session.refresh == Refresh::Enhanced && session.families.contains(&mark.family)
    });
    if kept && negotiated {
        let fate = neighbor.received.refresh(mark);
        apply(core, neighbor, fate.as_slice());
    }
}

fn apply(core: &Rc<Core>, neighbor: &Rc<Neighbor>, fates: &[Fate]) {
    let received = &neighbor.received;
    for fate in fates {
        match *fate {
            Fate::Keep(family) => received.mark_stale(family),
            Fate::LongLived(family) => sweep(core, neighbor, (family, SweepKind::Restamp)),
            Fate::DropStale(family) => sweep(core, neighbor, (family, SweepKind::Drop)),
            Fate::Drop(family) => {
                received.mark_stale(family);
                sweep(core, neighbor, (family, SweepKind::Drop));
            }
        }
    }
    watch(core, neighbor);
}

/// Frees routes in the background.
pub(crate) fn free(core: &Rc<Core>, mut routes: Discarded) {
    if routes.step(STEP) {
        let weak = Rc::downgrade(core);
        let note = |core: &Rc<Core>| core.stats.turns.note("freeing received routes");
        core.spawn(async move {
            while routes.step(STEP) {
                tokio::task::yield_now().await;
                weak.upgrade().inspect(note);
            }
        });
    }
}

/// Drops stale routes or replaces their attributes, in the background if there are many.
fn sweep(core: &Rc<Core>, neighbor: &Rc<Neighbor>, what: (Family, SweepKind)) {
    let mut known = Restamped::default();
    let mut restamp = |old: &Rc<AttributeSet>| known.restamp(core, old);
    if neighbor
        .received
        .sweep(&neighbor.name(), what, &mut restamp)
        == Swept::Done
    {
        return;
    }
    let (weak, neighbor) = (Rc::downgrade(core), Rc::downgrade(neighbor));
    core.spawn(async move {
        loop {
            tokio::task::yield_now().await;
            let Some((core, neighbor)) = weak.upgrade().zip(neighbor.upgrade()) else {
                return;
            };
            core.stats.turns.note("stale routes");
            // Each step has a memo of its own, since the sets between two steps are not bounded.
            let mut known = Restamped::default();
            let mut restamp = |old: &Rc<AttributeSet>| known.restamp(&core, old);
            if !neighbor.received.sweep_step(&neighbor.name(), &mut restamp) {
                return;
            }
        }
    });
}

/// Continues to wait for timeouts of routes that another process has retained.
pub(crate) fn resume(core: &Rc<Core>, neighbor: &Rc<Neighbor>) {
    watch(core, neighbor);
}

/// Starts a task that applies timeouts, unless one runs already or nothing is retained.
fn watch(core: &Rc<Core>, neighbor: &Rc<Neighbor>) {
    let received = &neighbor.received;
    received.notify();
    if received.is_empty() || received.watched.replace(true) {
        return;
    }
    let changed = received.changed();
    let (core, neighbor) = (Rc::downgrade(core), Rc::downgrade(neighbor));
    tokio::task::spawn_local(async move {
        loop {
            let Some(due) = neighbor.upgrade().map(|neighbor| {
                let due = neighbor.received.timeout();
                neighbor.received.watched.set(due.is_some());
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
            let fates = neighbor.received.expire();
            apply(&core, &neighbor, &fates);
        }
    });
}

/// Replaced attributes by the address of the old ones, which live as long as this.
#[derive(Default)]
struct Restamped(HashMap<*const AttributeSet, (Rc<AttributeSet>, Option<Rc<AttributeSet>>)>);

impl Restamped {
    fn restamp(&mut self, core: &Core, old: &Rc<AttributeSet>) -> Option<Rc<AttributeSet>> {
        let known = self.0.entry(Rc::as_ptr(old)).or_insert_with(|| {
            let new = long_lived(old).map(|set| core.routes.intern(Rc::new(set)));
            (Rc::clone(old), new)
        });
        known.1.clone()
    }
}
