//! The log of what goes over sessions, one target for each of ExaBGP's switches: `log.packets`, `log.message`, `log.timers`,
//! `log.routes`, `log.parser`, `log.rib` and `log.statistics`.
//!
//! All but the last are off unless a setting says otherwise, and cost a comparison then: whoever asks for them asks for a line
//! for each message or route.

use tracing::{Level, enabled, info};

use crate::bgp::fsm::CloseReason;
use crate::bgp::message::update::{Content, Direction as Field};
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::json::hex;
use crate::rib::{Action, Change};
use crate::speaker::{Counters, PeerStatus};

/// Switch by switch: the target that it opens.
const PACKETS: &str = "oxabgp::packets";
const MESSAGE: &str = "oxabgp::message";
const TIMERS: &str = "oxabgp::timers";
const ROUTES: &str = "oxabgp::routes";
const PARSER: &str = "oxabgp::parser";
const RIB: &str = "oxabgp::rib";
const STATISTICS: &str = "oxabgp::statistics";

/// Whether somebody wants to see the UPDATEs that we send.
pub(crate) fn shows_sent() -> bool {
    enabled!(target: MESSAGE, Level::INFO) || enabled!(target: PACKETS, Level::INFO)
}

/// Whether somebody wants to see what received UPDATEs say.
pub(crate) fn shows_content() -> bool {
    enabled!(target: ROUTES, Level::INFO) || enabled!(target: PARSER, Level::INFO)
}

/// A message came or went.
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

/// An UPDATE was decoded.
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

/// A route to send changes.
pub(crate) fn change(change: &Change) {
    if enabled!(target: RIB, Level::INFO) {
        let what = match change.action {
            Action::Announce(_) => "announce",
            Action::Withdraw(_) => "withdraw",
        };
        info!(target: RIB, family = %change.nlri.family, neighbors = change.peers.len(), "{what} {}", change.nlri);
    }
}

/// A session has ended.
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
