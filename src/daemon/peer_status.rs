//! What `show neighbor` shows of one neighbor.

use super::clock;
use super::connection::Connection;
use super::core::Core;
use super::neighbors::Listed;
use super::session;
use crate::api::control::{Counts, MessageCounts, NeighborStatus};
use crate::bgp::message::MessageType;
use crate::speaker::Counters;

/// Reports the status of one neighbor.
pub(crate) fn status(core: &Core, listed: &Listed, out: &mut dyn FnMut(&NeighborStatus<'_>)) {
    let neighbor = &listed.neighbor;
    let config = neighbor.config.borrow();
    let connection = neighbor.connection();
    let connection = connection.as_ref();
    let negotiated = connection.and_then(|connection| connection.negotiated.as_deref());
    let sent = connection.and_then(Connection::sent_open);
    let local = sent.unwrap_or_else(|| session::open(&config.session));
    let peer = core.status(neighbor.id);
    // The speaker keeps the counters of the last connection.
    let counters = peer.as_ref().filter(|_| connection.is_some());
    let messages = counters.map_or_else(MessageCounts::default, |status| MessageCounts {
        sent: counts(&status.sent),
        received: counts(&status.received),
    });
    out(&NeighborStatus {
        peer: neighbor.id,
        name: &neighbor.name(),
        peer_address: config.session.peer_address,
        zone: config.session.zone,
        spelling: config.session.spelling.clone(),
        retry: peer.as_ref().and_then(|peer| peer.retry_at).map(|at| {
            // Rounded up to whole seconds.
            let left = at.saturating_duration_since(clock::now());
            left.as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX)
        }),
        failures: peer.as_ref().map_or(0, |peer| peer.failures),
        local_address: neighbor.local_address(),
        local_as: negotiated
            .map(|session| session.local_as)
            .or(config.session.local_as),
        peer_as: negotiated
            .map(|session| session.peer_as)
            .or(config.session.peer_as),
        router_id: session::router_id(&config.session),
        hold_time: config.session.hold_time,
        state: neighbor.phase.get().name(),
        up: neighbor.is_established(),
        seconds: neighbor.age().as_secs(),
        families: &config.session.families,
        add_path: &config.session.capabilities.add_path_families,
        local: &local,
        negotiated,
        messages,
        history: &neighbor.history.shown(),
    });
}

fn counts(counters: &Counters) -> Counts {
    Counts {
        open: counters.of(MessageType::OPEN),
        notification: counters.of(MessageType::NOTIFICATION),
        keepalive: counters.of(MessageType::KEEPALIVE),
        update: counters.of(MessageType::UPDATE),
        refresh: counters.of(MessageType::ROUTE_REFRESH),
    }
}
