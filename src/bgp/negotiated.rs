//! The parameters of a session, as negotiated by both OPENs (RFC 5492, 6793, 7911, 8654, 8950).
//!
//! [`Codec`] is the small `Copy` part that decoding and encoding a message needs; [`Sender`] adds what the encoding
//! of a route for this peer depends on; [`Negotiated`] keeps both OPENs for events and `show`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::asn::Asn;
use super::capability::add_path::{self, AddPathMode};
use super::capability::{AddPath, BgpRole, Capability, GracefulRestart};
use super::family::{Afi, Family, FamilySet};
use super::iana::{capability, notification as codes};
use super::message::notification::Notification;
use super::message::open::Open;
use super::role::LocalRole;

/// The parameters that attribute and NLRI codecs need.
///
/// The default is for messages of which nothing else is known: four-octet AS numbers, every family, no ADD-PATH, an
/// unknown peer. A session's own is [`Negotiated::codec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Codec {
    /// Four-octet AS numbers in AS_PATH and AGGREGATOR (RFC 6793).
    pub asn4: bool,
    /// Messages up to 65,535 bytes instead of 4,096 (RFC 8654).
    pub extended_message: bool,
    /// The families that both sides offered.
    pub families: FamilySet,
    /// Families whose received NLRI carry a path identifier (RFC 7911).
    pub add_path_receive: FamilySet,
    /// Families whose sent NLRI carry a path identifier.
    pub add_path_send: FamilySet,
    /// IPv4 families that may have an IPv6 next hop (RFC 8950).
    pub extended_nexthop: FamilySet,
    /// IPv6 families that may have an IPv4 next hop. RFC 8950 section 4 has the capability for such pairs, too, but proposes
    /// none: they are configured, as ExaBGP's `nexthop { ipv6 unicast ipv4; }`.
    pub ipv4_nexthop: FamilySet,
    /// Our link-local address, if it is sent along with global IPv6 next hops (RFC 2545 section 3).
    pub link_local: Option<Ipv6Addr>,
    /// Whether AIGP is accepted from and sent to this peer even if it is external (RFC 7311 section 3.1).
    pub aigp: bool,
    /// Whether the peer is in our AS.
    pub ibgp: bool,
    /// Whether the peer is in another AS, so that attributes and AS_PATH segments that are only valid within an AS or
    /// a confederation are not accepted. Also `false` where the peer is unknown, as in recorded messages.
    pub external: bool,
    /// Our role on a session with an external peer (RFC 9234), if one is configured.
    pub role: Option<LocalRole>,
    /// Whether messages to decode are our own, so that their routes are shown as announced whatever is wrong with them.
    pub sent: bool,
}

impl Default for Codec {
    fn default() -> Self {
        Self {
            asn4: true,
            extended_message: false,
            families: FamilySet::EMPTY,
            add_path_receive: FamilySet::EMPTY,
            add_path_send: FamilySet::EMPTY,
            extended_nexthop: FamilySet::EMPTY,
            ipv4_nexthop: FamilySet::EMPTY,
            link_local: None,
            aigp: false,
            ibgp: false,
            external: false,
            role: None,
            sent: false,
        }
    }
}

impl Codec {
    /// Computes what two OPENs negotiate, without checking whether the session is acceptable.
    pub fn offered(local: &Open, remote: &Open) -> Self {
        let both = |code: u8| has(local, code) && has(remote, code);
        let offered = families(local);
        let (add_path_receive, add_path_send) = common_add_path(local, remote);
        let nexthops = common_nexthops(local, remote);
        let with = |hop: Afi| {
            let pairs = nexthops.iter().filter(|(_, afi)| *afi == hop);
            pairs.map(|(family, _)| *family).collect()
        };
        Self {
            sent: false,
            asn4: both(65),
            extended_message: both(6),
            families: families(remote)
                .into_iter()
                .filter(|family| offered.contains(family))
                .collect(),
            add_path_receive,
            add_path_send,
            extended_nexthop: with(Afi::IPV6),
            ipv4_nexthop: with(Afi::IPV4),
            link_local: None,
            aigp: false,
            ibgp: local.speaker_as() == peer_as(local, remote),
            external: false,
            role: None,
        }
    }

    /// Largest message, header included, in bytes.
    pub const fn message_size(&self) -> usize {
        if self.extended_message { 65_535 } else { 4_096 }
    }

    /// Returns the codec for decoding messages that we sent ourselves on a session with this codec.
    #[must_use]
    pub const fn of_sent(self) -> Self {
        Self {
            add_path_receive: self.add_path_send,
            // Rules about what a peer may send do not apply to our own messages.
            external: false,
            role: None,
            sent: true,
            ..self
        }
    }
}

/// The parameters that the encoding of a route for a peer depends on. Peers with equal values get equal bytes, so
/// this is the main part of the key of an update group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The negotiated parameters.
    pub codec: Codec,
    /// Our AS on this session.
    pub local_as: Asn,
    /// Our address on this session, for `next-hop self`.
    pub local_address: IpAddr,
    /// Our BGP identifier, which `next-hop self` uses for an IPv4 route on an IPv6 session.
    pub router_id: Ipv4Addr,
    /// Whether several NLRI are packed into one UPDATE; `group-updates` in the configuration.
    pub group_updates: bool,
}

/// How routes can be requested again (RFC 2918, 7313).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Not supported.
    #[default]
    Absent,
    /// ROUTE-REFRESH.
    Normal,
    /// ROUTE-REFRESH with BoRR and EoRR.
    Enhanced,
}

impl Refresh {
    /// The name used in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Normal => "normal",
            Self::Enhanced => "enhanced",
        }
    }
}

/// The result of negotiating two OPENs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The OPEN we sent.
    pub local: Open,
    /// The OPEN we received.
    pub remote: Open,
    /// The AS number that we announced.
    pub local_as: Asn,
    /// The AS of the peer, four octets.
    pub peer_as: Asn,
    /// The smaller of both hold times, in seconds; 0 disables the hold and keepalive timers.
    pub hold_time: u16,
    /// Families offered by both sides, in the order of the peer's OPEN.
    pub families: Vec<Family>,
    /// (family, AFI of the next hop) pairs offered by both sides (RFC 8950).
    pub nexthops: Vec<(Family, Afi)>,
    /// How routes can be requested again.
    pub refresh: Refresh,
    /// Whether both sides offered OPERATIONAL messages.
    pub operational: bool,
    /// Whether both sides offered multi-session.
    pub multisession: bool,
    /// The part that codecs need.
    pub codec: Codec,
}

/// Configuration that affects the negotiation, besides the two OPENs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether AIGP is accepted from and sent to this peer even if it is external.
    pub aigp: bool,
    /// Whether a peer that does not announce its role is refused, and routes that it leaks are treated as withdrawn
    /// (RFC 9234).
    pub strict_role: bool,
}

impl Negotiated {
    /// Negotiates the OPEN that we sent with the one that we received.
    ///
    /// # Errors
    /// Returns the NOTIFICATION to refuse the peer with: 2/8 and 2/9 for multi-session, 2/11 for roles.
    pub fn new(local: Open, remote: Open, terms: Terms) -> Result<Self, Notification> {
        let (mut local, mut remote) = (local, remote);
        // They stay as long as the session.
        local.capabilities.shrink_to_fit();
        remote.capabilities.shrink_to_fit();
        let local_as = local.speaker_as();
        let peer_as = peer_as(&local, &remote);
        let ibgp = local_as == peer_as;
        if !ibgp {
            check_roles(&local, &remote, terms.strict_role)?;
        }
        let offered = families(&local);
        let mut common = Vec::new();
        for family in families(&remote) {
            if offered.contains(&family) && !common.contains(&family) {
                common.push(family);
            }
        }
        let both = |code: u8| has(&local, code) && has(&remote, code);
        common.shrink_to_fit();
        let nexthops = common_nexthops(&local, &remote);
        Ok(Self {
            local_as,
            peer_as,
            hold_time: local.hold_time.min(remote.hold_time),
            refresh: if both(70) {
                Refresh::Enhanced
            } else if both(2) {
                Refresh::Normal
            } else {
                Refresh::Absent
            },
            operational: both(185),
            multisession: check_multisession(&local, &remote)?,
            codec: Codec {
                aigp: terms.aigp,
                external: !ibgp,
                role: local_role(&local)
                    .filter(|_| !ibgp)
                    .map(|role| LocalRole::new(role, peer_as, terms.strict_role)),
                ..Codec::offered(&local, &remote)
            },
            families: common,
            nexthops,
            local,
            remote,
        })
    }

    /// Returns `true` if both sides keep routes when the session is lost (RFC 4724 section 4).
    pub fn graceful_restart(&self) -> bool {
        has(&self.local, capability::GRACEFUL_RESTART)
            && has(&self.remote, capability::GRACEFUL_RESTART)
    }

    /// Returns `true` if both sides keep routes after a NOTIFICATION that is not a hard reset (RFC 8538 section 2).
    pub fn graceful_notification(&self) -> bool {
        [&self.local, &self.remote].into_iter().all(|open| {
            restart(open).is_some_and(|gr| gr.flags & GracefulRestart::NOTIFICATION != 0)
        })
    }

    /// Returns `true` if both sides offered link-local next hops (draft-ietf-idr-linklocal-capability).
    pub fn link_local_nexthop(&self) -> bool {
        has(&self.local, capability::LINK_LOCAL_NEXT_HOP)
            && has(&self.remote, capability::LINK_LOCAL_NEXT_HOP)
    }

    /// The graceful restart capability of the peer.
    pub fn peer_restart(&self) -> Option<&GracefulRestart> {
        restart(&self.remote)
    }
}

/// The AS of the peer that sent `remote` to the sender of `local`.
///
/// A speaker that does not offer the four-octet AS capability does not use the one in the peer's OPEN either, unless
/// the peer's AS has no two-octet form.
pub(crate) fn peer_as(local: &Open, remote: &Open) -> Asn {
    let field = Asn::from(remote.asn);
    if local.four_octet_as().is_some() || field == Asn::TRANS {
        remote.speaker_as()
    } else {
        field
    }
}

/// Returns `true` if `open` has a capability of this code.
fn has(open: &Open, code: u8) -> bool {
    open.capabilities.iter().any(|one| one.code() == code)
}

/// The families that `open` offers, in order.
fn families(open: &Open) -> Vec<Family> {
    let list: Vec<Family> = open
        .capabilities
        .iter()
        .filter_map(|one| match one {
            Capability::Multiprotocol(multiprotocol) => Some(multiprotocol.0),
            _ => None,
        })
        .collect();
    // RFC 4760 8: a speaker without the capability supports IPv4 unicast only, as in RFC 4271.
    if list.is_empty() {
        vec![Family::IPV4_UNICAST]
    } else {
        list
    }
}

/// The last graceful restart capability: RFC 4724 section 3 ignores earlier ones.
fn restart(open: &Open) -> Option<&GracefulRestart> {
    open.capabilities.iter().rev().find_map(|one| match one {
        Capability::GracefulRestart(gr) => Some(gr),
        _ => None,
    })
}

fn common_nexthops(local: &Open, remote: &Open) -> Vec<(Family, Afi)> {
    let pairs = |open: &Open| -> Vec<(Family, Afi)> {
        let all = open.capabilities.iter().filter_map(|one| match one {
            Capability::ExtendedNexthop(pairs) => Some(pairs.0.as_slice()),
            _ => None,
        });
        all.flatten().copied().collect()
    };
    let ours = pairs(local);
    let mut common = Vec::new();
    for pair in pairs(remote) {
        if ours.contains(&pair) && !common.contains(&pair) {
            common.push(pair);
        }
    }
    common
}

/// The families with path identifiers that we receive, and those that we send.
fn common_add_path(local: &Open, remote: &Open) -> (FamilySet, FamilySet) {
    let modes = |open: &Open| -> Vec<(Family, AddPathMode)> {
        let all: Vec<&AddPath> = open
            .capabilities
            .iter()
            .filter_map(|one| match one {
                Capability::AddPath(families) => Some(families),
                _ => None,
            })
            .collect();
        add_path::merged(&all)
    };
    let (mut receive, mut send) = (FamilySet::EMPTY, FamilySet::EMPTY);
    let theirs = modes(remote);
    for (family, ours) in modes(local) {
        let Some((_, theirs)) = theirs.iter().find(|(other, _)| *other == family) else {
            continue;
        };
        if ours.receives() && theirs.sends() {
            receive.insert(family);
        }
        if ours.sends() && theirs.receives() {
            send.insert(family);
        }
    }
    (receive, send)
}

/// The role that `open` announces.
fn local_role(open: &Open) -> Option<BgpRole> {
    open.capabilities.iter().find_map(|one| match one {
        Capability::BgpRole(role) => Some(*role),
        _ => None,
    })
}

/// Checks the roles of both sides (RFC 9234 section 4.2).
fn check_roles(local: &Open, remote: &Open, strict: bool) -> Result<(), Notification> {
    let roles = |open: &Open| -> Vec<BgpRole> {
        open.capabilities
            .iter()
            .filter_map(|one| match one {
                Capability::BgpRole(role) => Some(*role),
                _ => None,
            })
            .collect()
    };
    let Some(ours) = local_role(local) else {
        return Ok(());
    };
    let theirs = roles(remote);
    let wrong = |text: String| {
        Err(Notification::with_text(
            codes::OPEN_MESSAGE,
            codes::open::ROLE_MISMATCH,
            &text,
        ))
    };
    match theirs.as_slice() {
        [] if strict => wrong(format!("our role is {ours}, the peer announces none")),
        // "if the BGP speaker receives multiple but identical BGP Role Capabilities, then the speaker considers them to be a
        // single BGP Role Capability"; different ones are a mismatch.
        theirs => match theirs.iter().find(|theirs| !ours.agrees(**theirs)) {
            Some(theirs) => wrong(format!("our role is {ours}, the peer announces {theirs}")),
            None => Ok(()),
        },
    }
}

/// Returns `true` if both sides offered multi-session, after checking its further requirements
/// (draft-ietf-idr-bgp-multisession-07 section 7).
fn check_multisession(local: &Open, remote: &Open) -> Result<bool, Notification> {
    let session = |open: &Open, code: u8| -> Option<Vec<u8>> {
        let mut id = open.capabilities.iter().find_map(|one| match one {
            Capability::Multisession(id) if code == capability::MULTISESSION => Some(id.0.clone()),
            Capability::CiscoMultisession(id) if code == capability::PRESTANDARD_MULTISESSION => {
                Some(id.0.clone())
            }
            _ => None,
        })?;
        // "Empty Session Id list and Session Id containing 1 […] as the only value are considered equal"
        if id.is_empty() {
            id.push(capability::MULTIPROTOCOL);
        }
        id.sort_unstable();
        id.dedup();
        Some(id)
    };
    let refuse =
        |subcode, text: &str| Err(Notification::with_text(codes::OPEN_MESSAGE, subcode, text));
    for code in [
        capability::MULTISESSION,
        capability::PRESTANDARD_MULTISESSION,
    ] {
        let (Some(ours), Some(theirs)) = (session(local, code), session(remote, code)) else {
            continue;
        };
        if ours != theirs {
            return refuse(
                codes::open::GROUPING_CONFLICT,
                "multisession, our peer did not reply with the same sessionid",
            );
        }
        let sorted = |open: &Open| {
            let mut list = families(open);
            list.sort();
            list.dedup();
            list
        };
        if ours.contains(&capability::MULTIPROTOCOL) && sorted(local) != sorted(remote) {
            return refuse(
                codes::open::GROUPING_CONFLICT,
                "when checking session id, capability multiprotocol did not match",
            );
        }
        return Ok(true);
    }
    if has(local, capability::MULTISESSION) || has(local, capability::PRESTANDARD_MULTISESSION) {
        return refuse(
            codes::open::GROUPING_REQUIRED,
            "multisession is mandatory with this peer",
        );
    }
    Ok(false)
}
