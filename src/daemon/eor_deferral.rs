//! `eor-deferral`: after a restart of the daemon, End-of-RIB is deferred until helpers have announced their routes.
//!
//! At End-of-RIB, a peer that retained the daemon's routes drops those that were not announced again (RFC 4724 section 4.2).
//! Helpers may take a while to announce theirs, so an early End-of-RIB would make the peer drop them. In sessions whose OPEN
//! has the Restart State bit it is therefore deferred until a helper sends `announce eor` or the configured time is over. By
//! default it follows the routes of the configuration, as in ExaBGP; with `manual-eor` only helpers send it.

use std::cell::RefMut;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tracing::info;

use crate::bgp::capability::{Capability, GracefulRestart};
use crate::bgp::{Family, Negotiated};

use super::clock;
use super::core::Core;
use super::neighbor::Neighbor;

/// Notes that a session is established. Returns `true` if its End-of-RIB markers are deferred.
pub(crate) fn up(core: &Rc<Core>, neighbor: &Rc<Neighbor>, session: &Negotiated) -> bool {
    let config = neighbor.config.borrow();
    if core.journal.is_restoring() && !config.manual_eor {
        if let Some(up) = &mut *neighbor.session() {
            up.defer_eor(session.families.clone());
        }
        info!(neighbor = %neighbor.name(), "End-of-RIB waits for the routes of the journal");
    }
    let Some(time) = config.eor_deferral.filter(|_| !config.manual_eor) else {
        return core.journal.is_restoring() && !config.manual_eor;
    };
    let now = clock::now();
    if has_restart_state(session) {
        let until = now + Duration::from_secs(time.into());
        neighbor.eor_deferred_until.set(Some(until));
        tokio::task::spawn_local(end(Rc::clone(core), Rc::clone(neighbor), until));
    }
    // Another session within that time waits for the rest of it.
    let until = neighbor.eor_deferred_until.get();
    let waits = until.is_some_and(|until| now < until);
    if waits {
        if let Some(up) = &mut *neighbor.session() {
            up.defer_eor(session.families.clone());
        }
        info!(neighbor = %neighbor.name(), seconds = time, "End-of-RIB waits for a helper to announce it");
    }
    waits || core.journal.is_restoring()
}

/// Continues to defer the markers of a session that another process has established.
pub(crate) fn resume(core: &Rc<Core>, neighbor: &Rc<Neighbor>, left: Duration) {
    let until = clock::now() + left;
    neighbor.eor_deferred_until.set(Some(until));
    tokio::task::spawn_local(end(Rc::clone(core), Rc::clone(neighbor), until));
}

/// Sends the markers that waited for the routes of the journal only.
pub(crate) fn restored(core: &Core) {
    for listed in core.neighbors.all() {
        let neighbor = &listed.neighbor;
        let until = neighbor.eor_deferred_until.get();
        if until.is_none_or(|until| until <= clock::now()) {
            release(core, neighbor);
        }
    }
}

/// Sends the deferred markers of a session. Returns their families.
fn release(core: &Core, neighbor: &Neighbor) -> Vec<Family> {
    let peers = std::iter::once(neighbor.id).collect();
    let session = neighbor.session();
    let waiting = RefMut::filter_map(session, Option::as_mut)
        .map(|mut session| session.take_deferred())
        .unwrap_or_default();
    for family in &waiting {
        core.routes.end_of_rib(&peers, *family);
    }
    waiting
}

/// Sends the deferred markers when the time is over.
async fn end(core: Rc<Core>, neighbor: Rc<Neighbor>, until: Instant) {
    let (core, neighbor) = (Rc::downgrade(&core), Rc::downgrade(&neighbor));
    tokio::time::sleep_until(until.into()).await;
    let Some((core, neighbor)) = core.upgrade().zip(neighbor.upgrade()) else {
        return;
    };
    if neighbor.eor_deferred_until.get() != Some(until) || core.journal.is_restoring() {
        return;
    }
    for family in release(&core, &neighbor) {
        info!(neighbor = %neighbor.name(), %family, "no helper announced End-of-RIB in time");
    }
    core.wake_neighbors();
}

/// Returns `true` if the local OPEN had the Restart State bit.
fn has_restart_state(session: &Negotiated) -> bool {
    session.local.capabilities.iter().any(|one| {
        matches!(one, Capability::GracefulRestart(ours) if ours.flags & GracefulRestart::RESTARTED != 0)
    })
}
