//! `eor-deferral`: End-of-RIB after a start of ours waits for the helpers.
//!
//! A peer that kept our routes drops at End-of-RIB what it did not hear again (RFC 4724 section 4.2), and helpers may take a
//! while to say what they announce: an End-of-RIB that comes before them withdraws their routes from the peer. So it is held
//! back, in sessions whose OPEN says that we have restarted, until a helper says `announce eor` or the time is over. By
//! default it comes right after the routes of the configuration, as from ExaBGP, and `manual-eor` leaves it to helpers for
//! ever.

use std::cell::RefMut;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tracing::info;

use crate::bgp::Negotiated;
use crate::bgp::capability::{Capability, GracefulRestart};

use super::core::Core;
use super::neighbor::Neighbor;

/// A session is up; whether its End-of-RIB markers are to wait.
pub(crate) fn up(core: &Rc<Core>, neighbor: &Rc<Neighbor>, session: &Negotiated) -> bool {
    let config = neighbor.config.borrow();
    let Some(time) = config.eor_deferral.filter(|_| !config.manual_eor) else {
        return false;
    };
    let now = Instant::now();
    if says_restarted(session) {
        let until = now + Duration::from_secs(time.into());
        neighbor.eor_deferred_until.set(Some(until));
        tokio::task::spawn_local(end(Rc::clone(core), Rc::clone(neighbor), until));
    }
    // One more session within the time waits for its rest.
    let until = neighbor.eor_deferred_until.get();
    let waits = until.is_some_and(|until| now < until);
    if waits {
        if let Some(up) = &mut *neighbor.session() {
            up.eor_deferred.clone_from(&session.families);
        }
        info!(neighbor = %neighbor.name, seconds = time, "End-of-RIB waits for a helper to announce it");
    }
    waits
}

/// Sends what was held back when the time is over.
async fn end(core: Rc<Core>, neighbor: Rc<Neighbor>, until: Instant) {
    let (core, neighbor) = (Rc::downgrade(&core), Rc::downgrade(&neighbor));
    tokio::time::sleep_until(until.into()).await;
    let Some((core, neighbor)) = core.upgrade().zip(neighbor.upgrade()) else {
        return;
    };
    if neighbor.eor_deferred_until.get() != Some(until) {
        return;
    }
    let peers = std::iter::once(neighbor.id).collect();
    let session = neighbor.session();
    let waiting = RefMut::filter_map(session, Option::as_mut)
        .map(|mut session| std::mem::take(&mut session.eor_deferred))
        .unwrap_or_default();
    for family in waiting {
        info!(neighbor = %neighbor.name, %family, "no helper announced End-of-RIB in time");
        core.routes.end_of_rib(&peers, family);
    }
    core.wake_neighbors();
}

/// Whether our OPEN had the Restart State bit.
fn says_restarted(session: &Negotiated) -> bool {
    session.local.capabilities.iter().any(|one| {
        matches!(one, Capability::GracefulRestart(ours) if ours.flags & GracefulRestart::RESTARTED != 0)
    })
}
