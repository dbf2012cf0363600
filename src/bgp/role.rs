//! Route leak prevention with roles (RFC 9234 section 5): how Only to Customer (OTC) is handled in each direction.
//!
//! | our role | the peer is | OTC received | none received | sent without OTC | sent with OTC |
//! |---|---|---|---|---|---|
//! | provider | customer | a leak | - | added | sent |
//! | rs | client of a route server | a leak | - | added | sent |
//! | peer | peer | a leak, unless its AS is the peer's | added | added | not sent |
//! | customer | provider | - | added | - | not sent |
//! | rs-client | route server | - | added | - | not sent |
//!
//! The procedures apply only to IPv4 and IPv6 unicast routes.

use super::asn::Asn;
use super::capability::BgpRole;
use super::family::Family;

/// How to handle a route that the peer should not have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaks {
    /// Events report the route, marked as a leak.
    Report,
    /// The route is treated as withdrawn.
    Withdraw,
}

/// Our role on a session with an external peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalRole {
    /// Our role on the session.
    pub role: BgpRole,
    /// The AS of the peer; 0 in codecs that only send routes.
    pub peer_as: Asn,
    /// How leaks are handled.
    pub leaks: Leaks,
}

impl LocalRole {
    /// Our `role` on the session with the peer in `peer_as`. With `strict`, leaks are treated as withdrawn.
    pub const fn new(role: BgpRole, peer_as: Asn, strict: bool) -> Self {
        let leaks = if strict {
            Leaks::Withdraw
        } else {
            Leaks::Report
        };
        Self {
            role,
            peer_as,
            leaks,
        }
    }

    /// The part that affects sent routes: equal for all peers on whose sessions we have the same role.
    #[must_use]
    pub const fn on_egress(self) -> Self {
        Self {
            peer_as: Asn(0),
            leaks: Leaks::Report,
            ..self
        }
    }

    /// Returns `true` if the procedures apply to routes of `family`. RFC 9234 5: "The described procedures in this
    /// document are applicable only for the address families AFI 1 (IPv4) and AFI 2 (IPv6) with SAFI 1 (unicast) in
    /// both cases".
    pub fn covers(family: Family) -> bool {
        family == Family::IPV4_UNICAST || family == Family::IPV6_UNICAST
    }

    /// Returns `true` if OTC is added to routes without it when they are sent: to a customer, a peer, or a client of
    /// our route server.
    pub const fn adds_on_egress(self) -> bool {
        matches!(self.role, BgpRole::PROVIDER | BgpRole::RS | BgpRole::PEER)
    }

    /// Returns `true` if routes with OTC must not be sent: to a provider, a peer, or a route server.
    pub const fn keeps_back(self) -> bool {
        matches!(
            self.role,
            BgpRole::CUSTOMER | BgpRole::RS_CLIENT | BgpRole::PEER
        )
    }
}
