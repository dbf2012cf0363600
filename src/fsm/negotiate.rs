//! Our OPEN, and whether the peer's suits us (RFC 4271 section 6.2).
//!
//! What the two allow together is [`Negotiated::new`]; what is here needs the configuration.

use std::net::Ipv4Addr;

use super::config::Config;
use crate::bgp::asn::Asn;
use crate::bgp::capability::{Asn4, Capability, GracefulRestart};
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::{Open, is_extended};
use crate::bgp::negotiated::{Negotiated, Terms, peer_as};

/// Which of the configured capabilities an OPEN offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All.
    #[default]
    Full,
    /// Those of [`Config::reduced`].
    Reduced,
}

/// What is known of the peer's taste in OPENs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    extent: Extent,
    /// Whether the reduced OPEN was refused, too.
    exhausted: bool,
}

impl Form {
    /// What the next OPEN offers.
    pub(crate) const fn extent(self) -> Extent {
        self.extent
    }

    /// The peer has answered an OPEN, in the `extended` form or not, with a NOTIFICATION. Returns `true` if the next one is
    /// to be tried without the capabilities that are only defaults, which is done once: if that is refused, too, they were
    /// not what the peer minds.
    pub(crate) fn refused(
        &mut self,
        received: &Notification,
        extended: bool,
        config: &Config,
    ) -> bool {
        if !refuses_form(received) {
            return false;
        }
        if self.extent == Extent::Reduced {
            *self = Self {
                extent: Extent::Full,
                exhausted: true,
            };
            return false;
        }
        if !extended || self.exhausted || config.reduced.is_none() {
            return false;
        }
        let local_as = config.local_as.unwrap_or_default();
        let reduced = local_open(config, local_as, false, Extent::Reduced);
        // It must bring the OPEN into the classic form.
        let helps = reduced.is_ok_and(|(_, bytes)| !is_extended(&bytes));
        if helps {
            self.extent = Extent::Reduced;
        }
        helps
    }
}

/// Returns `true` if this may be the answer of a peer that does not understand the extended form of RFC 9072: what is
/// malformed to it (2/0), an unsupported optional parameter (2/4), or an error in the header (GoBGP 3 sends 1/2).
const fn refuses_form(received: &Notification) -> bool {
    matches!((received.code, received.subcode), (1, _) | (2, 0 | 4))
}

/// The OPEN that a neighbor gets from us as `local_as`, and its bytes.
///
/// # Errors
/// The Cease to send instead when the configuration does not fit into an OPEN.
pub(crate) fn local_open(
    config: &Config,
    local_as: Asn,
    restarted: bool,
    extent: Extent,
) -> Result<(Open, Vec<u8>), Notification> {
    let mut capabilities = match (extent, &config.reduced) {
        (Extent::Reduced, Some(reduced)) => reduced.clone(),
        _ => config.capabilities.clone(),
    };
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

/// Checks the AS numbers of the peer's OPEN without regard to the configuration.
///
/// # Errors
/// NOTIFICATION 2/2.
pub(crate) fn check_as(remote: &Open) -> Result<(), Notification> {
    let refuse = |text: &str| Err(Notification::with_text(2, 2, text));
    // RFC 7607 2: "If a BGP speaker receives zero as the peer AS in an OPEN message, it MUST abort the connection and send a
    // NOTIFICATION with Error Code 'OPEN Message Error' and subcode 'Bad Peer AS'"
    if remote.asn == 0 || remote.four_octet_as() == Some(Asn(0)) {
        return refuse("ASN 0 in OPEN");
    }
    // RFC 6793 9: AS_TRANS is reserved for the field; it is not assigned as a four-octet number.
    if remote.four_octet_as() == Some(Asn::TRANS) {
        return refuse("AS_TRANS in the four-octet AS capability");
    }
    Ok(())
}

/// Checks the peer's OPEN against the configuration and against ours.
///
/// # Errors
/// The NOTIFICATION to refuse it with.
pub(crate) fn agree(
    config: &Config,
    local: Open,
    remote: Open,
) -> Result<Negotiated, Notification> {
    let refuse = |subcode, text: &str| Err(Notification::with_text(2, subcode, text));
    let peer_as = peer_as(&local, &remote);
    check_as(&remote)?;
    // Without the capability of our own we are an OLD speaker (RFC 6793), to which a four-octet neighbor is AS_TRANS.
    let old = local.four_octet_as().is_none() && Asn::from(remote.asn) == Asn::TRANS;
    let is = |expected: Asn| expected == peer_as || (old && expected == Asn::TRANS);
    if let Some(expected) = config.peer_as.filter(|expected| !is(*expected)) {
        let text = format!("ASN in OPEN ({peer_as}) did not match ASN expected ({expected})");
        return refuse(2, &text);
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
    Negotiated::new(local, remote, terms)
}
