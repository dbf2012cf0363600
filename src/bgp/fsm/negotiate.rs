//! Our OPEN, and whether the peer's suits us (RFC 4271 section 6.2).
//!
//! What the two allow together is [`Negotiated::new`]; what is here needs the configuration.

use std::net::Ipv4Addr;

use super::config::Config;
use crate::bgp::asn::Asn;
use crate::bgp::capability::{Asn4, Capability, GracefulRestart};
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::negotiated::{Negotiated, Terms};

/// The OPEN that a neighbour gets from us as `local_as`, and its bytes.
///
/// # Errors
/// The Cease to send instead when the configuration cannot be said in an OPEN.
pub(crate) fn local_open(
    config: &Config,
    local_as: Asn,
    restarted: bool,
) -> Result<(Open, Vec<u8>), Notification> {
    let mut capabilities = config.capabilities.clone();
    let mut asn4 = false;
    for capability in &mut capabilities {
        match capability {
            Capability::Asn4(own) => {
                asn4 = true;
                *own = Asn4(local_as);
            }
            Capability::GracefulRestart(own) if restarted => {
                own.flags |= GracefulRestart::RESTARTED;
            }
            Capability::GracefulRestart(own) => own.flags &= !GracefulRestart::RESTARTED,
            _ => {}
        }
    }
    if !asn4 && u16::try_from(local_as.0).is_err() {
        let text = "A four-octet local ASN requires ASN4 advertisement";
        return Err(Notification::with_text(6, 0, text));
    }
    let open = Open {
        version: 4,
        asn: local_as.to_u16(),
        hold_time: config.hold_time,
        router_id: config.router_id,
        capabilities,
    };
    let bytes = open
        .encode()
        .map_err(|error| Notification::with_text(6, 0, &error.to_string()))?;
    Ok((open, bytes))
}

/// Checks the peer's OPEN against the configuration and against ours.
///
/// # Errors
/// The NOTIFICATION to refuse it with.
pub(crate) fn agree(
    config: &Config,
    local: &Open,
    remote: &Open,
) -> Result<Negotiated, Notification> {
    let refuse = |subcode, text: &str| Err(Notification::with_text(2, subcode, text));
    let peer_as = remote.speaker_as();
    if let Some(expected) = config.peer_as.filter(|expected| *expected != peer_as) {
        let text = format!("ASN in OPEN ({peer_as}) did not match ASN expected ({expected})");
        return refuse(2, &text);
    }
    // RFC 7607 2: "If a BGP speaker receives zero as the peer AS in an OPEN message, it MUST abort the connection and send a
    // NOTIFICATION with Error Code 'OPEN Message Error' and subcode 'Bad Peer AS'"
    if peer_as == Asn(0) {
        return refuse(2, "ASN 0 in OPEN");
    }
    if remote.router_id == Ipv4Addr::UNSPECIFIED {
        return refuse(3, "0.0.0.0 is an invalid router_id");
    }
    // RFC 6286 2.2: "if the BGP Identifier of the peer is the same as the local one, and the message is from an internal
    // peer"
    if remote.router_id == local.router_id && peer_as == local.speaker_as() {
        let text = format!(
            "BGP Identifier collision, same router-id ({}) on both sides of this IBGP session",
            remote.router_id
        );
        return refuse(3, &text);
    }
    // RFC 4271 6.2: "An implementation MUST reject Hold Time values of one or two seconds."
    if matches!(remote.hold_time, 1 | 2) {
        return refuse(6, &format!("Hold Time is invalid ({})", remote.hold_time));
    }
    let terms = Terms {
        aigp: config.aigp,
        strict_role: config.strict_role,
    };
    Negotiated::new(local.clone(), remote.clone(), terms)
}
