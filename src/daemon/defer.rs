//! `eor-deferral`: End-of-RIB after a start of ours waits for the helpers.
//!
//! A peer that kept our routes drops at End-of-RIB what it did not hear again (RFC 4724 section 4.2), and helpers may take a
//! while to say what they announce: an End-of-RIB that comes before them withdraws their routes from the peer. So it is held
//! back, in sessions whose OPEN says that we have restarted, until a helper says `announce eor` or the time is over. By
//! default it comes right after the routes of the configuration, as from ExaBGP, and `manual-eor` leaves it to helpers for
//! ever.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tracing::info;

use crate::bgp::capability::{Capability, GracefulRestart};
use crate::bgp::{Family, Negotiated};

use super::core::Core;
use super::neighbor::Neighbor;

/// The markers that one neighbour waits for.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    families: RefCell<Vec<Family>>,
    until: Cell<Option<Instant>>,
}

impl Deferred {
    /// A helper has sent the marker of a family.
    pub(crate) fn told(&self, family: Family) {
        self.families.borrow_mut().retain(|other| *other != family);
    }

    /// The session has ended.
    pub(crate) fn clear(&self) {
        self.families.borrow_mut().clear();
    }
}

/// A session is up; whether its End-of-RIB markers are to wait.
pub(crate) fn up(core: &Rc<Core>, neighbor: &Rc<Neighbor>, session: &Negotiated) -> bool {
    let config = neighbor.config.borrow();
    let Some(time) = config.eor_deferral.filter(|_| !config.manual_eor) else {
        return false;
    };
    let now = Instant::now();
    let deferred = &neighbor.deferred;
    if says_restarted(session) {
        let until = now + Duration::from_secs(time.into());
        deferred.until.set(Some(until));
        tokio::task::spawn_local(end(Rc::clone(core), Rc::clone(neighbor), until));
    }
    // One more session within the time waits for its rest.
    let waits = deferred.until.get().is_some_and(|until| now < until);
    if waits {
        deferred.families.borrow_mut().clone_from(&session.families);
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
    if neighbor.deferred.until.get() != Some(until) {
        return;
    }
    let peers = std::iter::once(neighbor.id).collect();
    for family in neighbor.deferred.families.take() {
        info!(neighbor = %neighbor.name, %family, "no helper announced End-of-RIB in time");
        core.rib.borrow_mut().eor(&peers, family);
    }
    core.wake_neighbors();
}

/// Whether our OPEN had the Restart State bit.
fn says_restarted(session: &Negotiated) -> bool {
    session.local.capabilities.iter().any(|one| {
        matches!(one, Capability::GracefulRestart(ours) if ours.flags & GracefulRestart::RESTARTED != 0)
    })
}
