//! `prefix-limit`: how many routes a peer may have in its Adj-RIB-In.
//!
//! Without a limit a peer may exhaust the memory: a route needs about a hundred bytes plus its attributes. A peer that sends
//! more routes receives Cease, Maximum Number of Prefixes Reached (RFC 4486), and the session stays down for a minute; with
//! `warning-only` it is only logged. The routes of all families of the current session count. Stale routes of the session
//! before were within the limit, too, so the table has at most twice as many routes plus those of one UPDATE.

use std::rc::Rc;
use std::time::Duration;

use tracing::{info, warn};

use crate::bgp::message::update::Content;
use crate::bgp::{Family, Negotiated, Notification};
use crate::fsm::Cease;

use super::clock;
use super::core::Core;
use super::neighbor::Neighbor;

/// How long the session stays down after the limit was exceeded.
const PENALTY: Duration = Duration::from_secs(60);

/// Checks the size of the table after an UPDATE.
///
/// # Errors
/// The NOTIFICATION that closes the session.
pub(crate) fn check(
    core: &Rc<Core>,
    neighbor: &Neighbor,
    session: &Negotiated,
    content: &Content<'_>,
) -> Result<(), Notification> {
    let Some(limit) = neighbor.config.borrow().prefix_limit else {
        return Ok(());
    };
    let rib = neighbor.received.rib();
    let routes = rib.map_or(0, |rib| rib.len() - rib.stale());
    let over = routes > limit.routes as usize;
    let before = match &mut *neighbor.session() {
        Some(session) => std::mem::replace(&mut session.over_limit, over),
        None => return Ok(()),
    };
    let (name, most) = (&neighbor.name(), limit.routes);
    match (before, over, limit.warning_only) {
        (true, false, _) => {
            info!(neighbor = %name, routes, limit = most, "the peer is within `prefix-limit` again");
            Ok(())
        }
        (_, false, _) | (true, true, true) => Ok(()),
        (false, true, true) => {
            warn!(neighbor = %name, routes, limit = most, "the peer has sent more routes than `prefix-limit` allows; with `warning-only` the session stays");
            Ok(())
        }
        (_, true, false) => {
            warn!(neighbor = %name, routes, limit = most, "the peer has sent more routes than `prefix-limit` allows: no session for a minute");
            pause(core, neighbor);
            let family = content.announced().last().map(|field| field.routes.family);
            Err(refusal(
                session,
                family.unwrap_or(Family::IPV4_UNICAST),
                most,
            ))
        }
    }
}

/// Keeps the session down for a while.
fn pause(core: &Rc<Core>, neighbor: &Neighbor) {
    let listed = core.neighbors.get(neighbor.id);
    let key = listed.and_then(|listed| listed.key.get());
    if let Some((server, key)) = core.server().zip(key) {
        // The NOTIFICATION closes the session first. An error means that the session is being reset already.
        let _ = server.stop_peer(key, Cease::ProcessProblem);
        pause_for(core, neighbor, PENALTY);
    }
}

/// Starts a neighbor that is kept down after a while.
pub(crate) fn pause_for(core: &Rc<Core>, neighbor: &Neighbor, wait: Duration) {
    neighbor.paused_until.set(Some(clock::now() + wait));
    let (core, id) = (Rc::clone(core), neighbor.id);
    let Some(listed) = core.neighbors.get(id) else {
        return;
    };
    tokio::task::spawn_local(async move {
        tokio::time::sleep(wait).await;
        listed.neighbor.paused_until.set(None);
        if let Some((server, key)) = core.server().zip(listed.key.get()) {
            // The neighbor may have been removed in the meantime.
            let _ = server.start_peer(key);
        }
    });
}

/// Cease, Maximum Number of Prefixes Reached. RFC 4486 section 4: the data holds AFI, SAFI and the upper bound. The limit is
/// for all families, so the family whose routes exceeded it is named.
fn refusal(session: &Negotiated, family: Family, limit: u32) -> Notification {
    let mut data = family.afi.0.to_be_bytes().to_vec();
    data.push(family.safi.0);
    data.extend(limit.to_be_bytes());
    let notification = Notification::new(Notification::CEASE, Notification::MAXIMUM_PREFIXES, data);
    // RFC 8538 3: after a NOTIFICATION that is not a Hard Reset both sides would retain their routes, including the excess.
    if session.graceful_notification() {
        notification.into_hard_reset()
    } else {
        notification
    }
}
