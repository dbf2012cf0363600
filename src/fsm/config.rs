//! The configuration of a peer: numbers, capabilities, times. A plain value; the owner makes it from its own configuration.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::bgp::Family;
use crate::bgp::asn::Asn;
use crate::bgp::capability::{Capability, Offer};

/// The facts of one neighbor that the state machine needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our AS; `None` mirrors the peer's (`local-as auto`): our OPEN is sent after the peer's was read.
    pub local_as: Option<Asn>,
    /// The peer's AS; `None` accepts any.
    pub peer_as: Option<Asn>,
    /// Our BGP identifier, not 0.0.0.0.
    pub router_id: Ipv4Addr,
    /// The hold time that we propose, in seconds: 0 or at least 3.
    pub hold_time: u16,
    /// Never dial.
    pub passive: bool,
    /// What our OPEN offers, in order; see [`Offer`]. The number in the four-octet AS
    /// capability is replaced by the AS in use, the Restart State bit of graceful restart by what is true at the time.
    pub capabilities: Vec<Capability>,
    /// What is offered instead, once, if the peer refuses an OPEN in the extended form of RFC 9072: `capabilities` without
    /// those that are offered by default only.
    pub reduced: Option<Vec<Capability>>,
    /// Whether AIGP is accepted from and sent to this peer although it is external.
    pub aigp: bool,
    /// Refuse a peer that does not send its role (RFC 9234 section 4.2, strict mode).
    pub strict_role: bool,
    /// Stop for good when a session or an attempt ends and this many connections were made; `None`: never.
    pub attempts: Option<u32>,
    /// Times.
    pub timers: Timers,
    /// Where the jitter of the back-off starts; different for each peer.
    pub seed: u64,
}

impl Config {
    /// A peer of any AS that is dialed, with a hold time of 90 seconds. It is offered `families` and four-octet AS numbers.
    pub fn new(local_as: Asn, router_id: Ipv4Addr, families: Vec<Family>) -> Self {
        let offer = Offer {
            families,
            asn4: Some(local_as),
            ..Offer::default()
        };
        Self {
            local_as: Some(local_as),
            peer_as: None,
            router_id,
            hold_time: 90,
            passive: false,
            capabilities: offer.capabilities(),
            reduced: None,
            aigp: false,
            strict_role: false,
            attempts: None,
            timers: Timers::default(),
            seed: local_as.0.into(),
        }
    }
}

/// The times of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// How long a dial may take: the RFC's ConnectRetryTime.
    pub connect_retry: Duration,
    /// From TCP up to the peer's OPEN accepted: ExaBGP's `bgp.openwait`, the RFC's large hold time of OpenSent.
    pub open_wait: Duration,
    /// First wait after a failure; ExaBGP's schedule starts at 0.
    pub back_off_min: Duration,
    /// Longest wait between attempts.
    pub back_off_max: Duration,
    /// How long the peer may take nothing of what we send (RFC 9687); `None`: the larger of 8 minutes and twice the hold
    /// time.
    pub send_hold: Option<Duration>,
}

impl Default for Timers {
    /// ExaBGP's values, and the RFC's where ExaBGP has none.
    fn default() -> Self {
        Self {
            connect_retry: Duration::from_secs(120),
            open_wait: Duration::from_secs(60),
            back_off_min: Duration::ZERO,
            back_off_max: Duration::from_secs(60),
            send_hold: None,
        }
    }
}

impl Timers {
    /// The send hold time on a session with this hold time in seconds.
    pub(crate) fn send_hold(&self, hold_time: u16) -> Duration {
        // RFC 9687 3: "the greater of: 8 minutes or 2 times the negotiated HoldTime".
        self.send_hold
            .unwrap_or_else(|| Duration::from_secs((2 * u64::from(hold_time)).max(480)))
    }
}
