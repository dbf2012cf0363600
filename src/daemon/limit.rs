//! `prefix-limit`: how many routes a peer may have in its Adj-RIB-In.
//!
//! Without one a peer may fill our memory: about a hundred bytes a route, and what its attributes take. One that tells more
//! gets Cease, Maximum Number of Prefixes Reached (RFC 4486), and no session for a minute. Counted are the routes of all
//! families on the session that is up; those kept from the one before it were within the limit, too, so that a table never
//! has more than twice as many, and what one UPDATE holds.

use std::rc::Rc;
use std::time::Duration;

use tracing::warn;

use crate::bgp::fsm::Cease;
use crate::bgp::{Negotiated, Notification};

use super::core::Core;
use super::neighbor::Neighbor;

/// How long a peer that told too much stays without a session.
const PENALTY: Duration = Duration::from_secs(60);

/// Checks the table after an UPDATE.
///
/// # Errors
/// The NOTIFICATION that ends the session.
pub(crate) fn check(
    core: &Rc<Core>,
    neighbor: &Neighbor,
    session: &Negotiated,
) -> Result<(), Notification> {
    let Some(limit) = neighbor.config.borrow().prefix_limit else {
        return Ok(());
    };
    let routes = {
        let rib = neighbor.rib_in.borrow();
        rib.len() - rib.stale()
    };
    if routes <= limit as usize {
        return Ok(());
    }
    warn!(neighbor = %neighbor.name, routes, limit, "the peer has told more routes than `prefix-limit` allows: no session for a minute");
    let listed = core.neighbor(neighbor.id);
    let key = listed.and_then(|listed| listed.key.get());
    if let Some((server, key)) = core.server.borrow().clone().zip(key) {
        // The session ends with the NOTIFICATION below first; a neighbour with too many commands waiting is being reset.
        let _ = server.stop_peer(key, Cease::ProcessProblem);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(PENALTY).await;
            // It may have been removed in the meantime.
            let _ = server.start_peer(key);
        });
    }
    let notification = Notification::cease(Notification::MAXIMUM_PREFIXES);
    // RFC 8538 3: over anything else both sides would keep the routes, ours those that are too many.
    Err(if session.graceful_notification() {
        notification.into_hard_reset()
    } else {
        notification
    })
}
