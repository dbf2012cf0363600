//! Route refresh requests (RFC 2918), and a warning if no routes follow.
//!
//! Without enhanced route refresh (RFC 7313) a request is not answered explicitly, and some peers ignore it although they
//! advertise the capability. A peer without routes of the family looks the same, so it is only logged.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tracing::warn;

use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::negotiated::Refresh;
use crate::bgp::{Family, Negotiated};

use super::neighbor::Neighbor;

/// How long to wait for the first route.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// The number of the next request.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// Returns `true` if the session allows requests for routes of a family.
///
/// RFC 2918 section 4: "A BGP speaker may send a ROUTE-REFRESH message to its peer only if it has received the Route Refresh
/// Capability from its peer."
pub(crate) fn is_negotiated(negotiated: &Negotiated, family: Family) -> bool {
    negotiated.refresh != Refresh::Absent && negotiated.families.contains(&family)
}

/// Requests the peer's routes of a family. Nothing is sent without a session, or if it was not negotiated.
pub(crate) fn request(neighbor: &Rc<Neighbor>, family: Family) {
    let Some(negotiated) = neighbor.negotiated().filter(|_| neighbor.is_established()) else {
        warn!(neighbor = %neighbor.name(), %family, "no route refresh is sent: there is no session");
        return;
    };
    if !is_negotiated(&negotiated, family) {
        warn!(neighbor = %neighbor.name(), %family, "no route refresh is sent: it was not negotiated, or the family was not");
        return;
    }
    let mut message = Vec::new();
    RouteRefresh {
        family,
        subtype: RouteRefresh::REQUEST,
    }
    .encode(&mut message);
    neighbor.send(message);
    let number = NUMBER.with(|number| number.replace(number.get() + 1));
    if let Some(session) = &mut *neighbor.session() {
        session.await_routes(family, number);
    }
    let neighbor = Rc::downgrade(neighbor);
    tokio::task::spawn_local(async move {
        tokio::time::sleep(PATIENCE).await;
        let Some(neighbor) = neighbor.upgrade() else {
            return;
        };
        let waits = match &mut *neighbor.session() {
            Some(session) => session.give_up_routes(family, number),
            None => false,
        };
        if waits {
            warn!(
                neighbor = %neighbor.name(),
                %family,
                seconds = PATIENCE.as_secs(),
                "no routes followed the route refresh: the peer has no routes of this family, or ignores the request \
                 (FRR 8.4 does unless `graceful-restart` is configured, too; OpenBGPD 7.7 always does)"
            );
        }
    });
}

/// Notes that the peer has sent routes of a family.
pub(crate) fn answered(neighbor: &Neighbor, family: Family) {
    if let Some(session) = &mut *neighbor.session() {
        session.answered(family);
    }
}
