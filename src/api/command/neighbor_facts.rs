//! The facts about a neighbor that every form of `show neighbor` shows.

use crate::api::control::NeighborStatus;
use crate::bgp::Family;
use crate::bgp::capability::Capability;
use crate::bgp::iana::capability as codes;

/// Name, whether we advertise it, whether the peer does.
pub(super) fn capabilities(status: &NeighborStatus<'_>) -> [(&'static str, bool, Option<bool>); 7] {
    const CODES: [(&str, &[u8]); 7] = [
        ("asn4", &[codes::FOUR_OCTET_AS]),
        (
            "route-refresh",
            &[codes::ROUTE_REFRESH, codes::ENHANCED_ROUTE_REFRESH],
        ),
        (
            "multi-session",
            &[codes::MULTISESSION, codes::PRESTANDARD_MULTISESSION],
        ),
        ("operational", &[codes::PRESTANDARD_OPERATIONAL]),
        ("add-path", &[codes::ADD_PATH]),
        ("extended-message", &[codes::EXTENDED_MESSAGE]),
        ("graceful-restart", &[codes::GRACEFUL_RESTART]),
    ];
    let has =
        |list: &[Capability], codes: &[u8]| list.iter().any(|one| codes.contains(&one.code()));
    // As in ExaBGP, these two are off, not unknown, once there is a connection.
    let connected = matches!(status.state, "CONNECT" | "OPENSENT");
    let early = |name: &str| matches!(name, "multi-session" | "operational").then_some(false);
    CODES.map(|(name, codes)| {
        let ours = has(&status.local.capabilities, codes);
        // And these two are on only if both sides have them.
        let shared = matches!(name, "asn4" | "operational");
        let theirs = match status.negotiated {
            Some(session) => Some(has(&session.remote.capabilities, codes) && (ours || !shared)),
            None => early(name).filter(|_| connected),
        };
        (name, ours, theirs)
    })
}

/// What is known of a family of the configuration.
pub(super) struct FamilyStatus {
    pub(super) family: Family,
    /// Whether both sides have it.
    pub(super) common: Option<bool>,
    /// Whether we may send, and receive, several paths.
    pub(super) send: Option<bool>,
    pub(super) receive: Option<bool>,
}

impl FamilyStatus {
    pub(super) const fn paths(&self) -> &'static str {
        match (self.send, self.receive) {
            (Some(true), Some(true)) => "send/receive",
            (Some(true), _) => "send",
            (_, Some(true)) => "receive",
            _ => "disabled",
        }
    }
}

pub(super) fn families(status: &NeighborStatus<'_>) -> impl Iterator<Item = FamilyStatus> {
    status.families.iter().map(|family| {
        // Unknown before both OPENs are exchanged, unless we do not advertise it at all.
        let unknown = if status.add_path.contains(family) {
            None
        } else {
            Some(false)
        };
        let paths = |set: crate::bgp::FamilySet| Some(set.contains(*family));
        FamilyStatus {
            family: *family,
            common: status
                .negotiated
                .map(|session| session.families.contains(family)),
            send: status
                .negotiated
                .map_or(unknown, |session| paths(session.codec.add_path_send)),
            receive: status
                .negotiated
                .map_or(unknown, |session| paths(session.codec.add_path_receive)),
        }
    })
}

/// Name, sent, received.
pub(super) const fn messages(status: &NeighborStatus<'_>) -> [(&'static str, u64, u64); 6] {
    let (sent, received) = (&status.messages.sent, &status.messages.received);
    [
        ("open", sent.open, received.open),
        ("notification", sent.notification, received.notification),
        ("keepalive", sent.keepalive, received.keepalive),
        ("update", sent.update, received.update),
        ("refresh", sent.refresh, received.refresh),
        ("total", sent.total(), received.total()),
    ]
}
