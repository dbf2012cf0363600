//! Logs messages and routes, with one target for each of ExaBGP's switches: `log.packets`, `log.message`, `log.timers`,
//! `log.routes`, `log.parser`, `log.rib` and `log.statistics`.
//!
//! All but the last are off by default, which costs one comparison per message. Each writes a line per message or route.

use tracing::{Level, enabled, info};

use crate::bgp::message::update::{Content, Direction as Field};
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::fsm::CloseReason;
use crate::json::hex;
use crate::rib::{Action, Change};
use crate::speaker::{Counters, PeerStatus};

// The targets of the switches.
const PACKETS: &str = "oxabgp::packets";
const MESSAGE: &str = "oxabgp::message";
const TIMERS: &str = "oxabgp::timers";
const ROUTES: &str = "oxabgp::routes";
const PARSER: &str = "oxabgp::parser";
const RIB: &str = "oxabgp::rib";
const STATISTICS: &str = "oxabgp::statistics";

/// Returns `true` if sent UPDATEs are logged.
pub(crate) fn shows_sent() -> bool {
    enabled!(target: MESSAGE, Level::INFO) || enabled!(target: PACKETS, Level::INFO)
}

/// Returns `true` if the content of received UPDATEs is logged.
pub(crate) fn shows_content() -> bool {
    enabled!(target: ROUTES, Level::INFO) || enabled!(target: PARSER, Level::INFO)
}

/// Logs a message that was sent or received.
pub(crate) fn message(neighbor: &str, direction: Direction, message: &RawMessage) {
    let (direction, kind) = (direction.name(), message.kind.name());
    if message.kind == MessageType::KEEPALIVE {
        info!(target: TIMERS, neighbor, "{direction} keepalive");
    }
    let bytes = message.bytes.len();
    info!(target: MESSAGE, neighbor, bytes, "{direction} {kind}");
    if enabled!(target: PACKETS, Level::INFO) {
        info!(target: PACKETS, neighbor, "{direction} {kind} {}", hex(&message.bytes));
    }
}

/// Logs the content of a received UPDATE.
pub(crate) fn content(neighbor: &str, content: &Content<'_>) {
    if enabled!(target: PARSER, Level::INFO) {
        let attributes = &content.attributes;
        info!(target: PARSER, neighbor, "attributes{}", attributes.text());
    }
    if enabled!(target: ROUTES, Level::INFO) {
        for field in &content.fields {
            let what = match field.direction {
                Field::Announce => "announced",
                Field::Withdraw => "withdrawn",
            };
            for nlri in field.routes.flatten() {
                info!(target: ROUTES, neighbor, family = %nlri.family, "{what} {nlri}");
            }
        }
    }
}

/// Returns `true` if changes of routes to send are logged.
pub(crate) fn shows_changes() -> bool {
    enabled!(target: RIB, Level::INFO)
}

/// Logs a change of a route to send.
pub(crate) fn change(change: &Change) {
    if shows_changes() {
        let what = match change.action {
            Action::Announce(_) => "announce",
            Action::Withdraw(_) => "withdraw",
        };
        info!(target: RIB, family = %change.nlri.family, neighbors = change.peers.len(), "{what} {}", change.nlri);
    }
}

/// Logs the counters of a session that has ended.
pub(crate) fn statistics(neighbor: &str, status: Option<&PeerStatus>, reason: &CloseReason) {
    let count =
        |side: fn(&PeerStatus) -> &Counters, kind| status.map_or(0, |status| side(status).of(kind));
    let sent = |kind| count(|status| &status.sent, kind);
    let received = |kind| count(|status| &status.received, kind);
    info!(
        target: STATISTICS,
        neighbor,
        updates_sent = sent(MessageType::UPDATE),
        updates_received = received(MessageType::UPDATE),
        keepalives_sent = sent(MessageType::KEEPALIVE),
        keepalives_received = received(MessageType::KEEPALIVE),
        %reason,
        "statistics of the session",
    );
}
