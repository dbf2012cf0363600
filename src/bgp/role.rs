//! Route leak prevention by roles (RFC 9234 section 5): what becomes of Only to Customer on each side of a session.
//!
//! | our role | the peer is | OTC received | none received | sent without OTC | sent with OTC |
//! |---|---|---|---|---|---|
//! | provider | customer | a leak | - | added | sent |
//! | rs | client of a route server | a leak | - | added | sent |
//! | peer | peer | a leak, unless its AS is the peer's | added | added | kept back |
//! | customer | provider | - | added | - | kept back |
//! | rs-client | route server | - | added | - | kept back |
//!
//! Only IPv4 and IPv6 unicast routes take part.

use super::asn::Asn;
use super::attribute::Attribute;
use super::attribute::otc::{Otc, OtcForm};
use super::capability::BgpRole;
use super::error::{Severity, UpdateError};
use super::family::Family;

/// What is done about a route that the peer should not have sent.
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
    /// What we are to the peer.
    pub role: BgpRole,
    /// The AS of the peer; 0 where routes are only sent.
    pub peer_as: Asn,
    /// What is done about leaks.
    pub leaks: Leaks,
}

impl LocalRole {
    /// Our `role` towards the peer in `peer_as`; with `strict`, leaks are treated as withdrawn.
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

    /// The part that matters for routes that we send: equal for all peers to which we have the same role.
    #[must_use]
    pub const fn on_egress(self) -> Self {
        Self {
            peer_as: Asn(0),
            leaks: Leaks::Report,
            ..self
        }
    }

    /// Whether routes of `family` take part. RFC 9234 5: "The described procedures in this document are applicable only for the
    /// address families AFI 1 (IPv4) and AFI 2 (IPv6) with SAFI 1 (unicast) in both cases".
    pub fn covers(family: Family) -> bool {
        family == Family::IPV4_UNICAST || family == Family::IPV6_UNICAST
    }

    /// Whether a route without OTC gets it when we send it: to a customer, a peer, or a client of our route server.
    pub const fn adds_on_egress(self) -> bool {
        matches!(self.role, BgpRole::PROVIDER | BgpRole::RS | BgpRole::PEER)
    }

    /// Whether a route with OTC must not be sent: to a provider, a peer, or a route server.
    pub const fn keeps_back(self) -> bool {
        matches!(
            self.role,
            BgpRole::CUSTOMER | BgpRole::RS_CLIENT | BgpRole::PEER
        )
    }

    /// Applies the ingress procedure to the attributes of received routes: adds OTC, or marks a leak.
    ///
    /// # Errors
    /// For a leak, where leaks are treated as withdrawn.
    pub fn receive(self, list: &mut Vec<Attribute>) -> Result<(), UpdateError> {
        let found = list.iter_mut().find_map(|attribute| match attribute {
            Attribute::Otc(otc) => Some(otc),
            _ => None,
        });
        let Some(otc) = found else {
            if self.keeps_back() {
                list.push(Attribute::Otc(Otc {
                    asn: self.peer_as,
                    form: OtcForm::Named,
                }));
            }
            return Ok(());
        };
        let leaked = match self.role {
            BgpRole::PROVIDER | BgpRole::RS => true,
            BgpRole::PEER => otc.asn != self.peer_as,
            _ => false,
        };
        otc.form = if leaked {
            OtcForm::Leak
        } else {
            OtcForm::Named
        };
        if leaked && self.leaks == Leaks::Withdraw {
            return Err(UpdateError::attribute(
                Severity::TreatAsWithdraw,
                35,
                "a route leak: the peer must not send us a route with this Only to Customer",
            ));
        }
        Ok(())
    }
}
