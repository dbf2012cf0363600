//! What the session of a neighbor depends on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use crate::bgp::spelling::Shown;
use crate::bgp::{Afi, Asn, Codec, Family, Sender, Spelling, Zone};

/// Everything that the OPEN or the TCP connection depends on: a difference resets the session on reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The peer's address, or the first of a range.
    pub peer_address: IpAddr,
    /// Length of the range's prefix in bits; that of a host for a single peer.
    pub peer_prefix: u8,
    /// Our address; `None`: whichever the kernel chooses.
    pub local_address: Option<IpAddr>,
    /// The interface of the link-local addresses among both.
    pub zone: Option<Zone>,
    /// How the configuration writes both addresses.
    pub spelling: Spelling,
    /// Our link-local address, for IPv6 next hops that carry both.
    pub local_link_local: Option<Ipv6Addr>,
    /// Our BGP identifier; `None` only for a range without one (each clone uses its remote address).
    pub router_id: Option<Ipv4Addr>,
    /// Our AS; `None`: mirror the peer's.
    pub local_as: Option<Asn>,
    /// The peer's AS; `None`: any.
    pub peer_as: Option<Asn>,
    /// Hostname capability.
    pub host_name: Option<String>,
    /// Domain of the hostname capability.
    pub domain_name: Option<String>,
    /// Proposed hold time in seconds: 0 or 3 to 65535.
    pub hold_time: u16,
    /// Never connect out.
    pub passive: bool,
    /// Extra listening port; 0: none.
    pub listen: u16,
    /// Remote port; `None`: the environment's, else 179.
    pub connect: Option<u16>,
    /// Interface that outgoing connections are bound to.
    pub source_interface: Option<String>,
    /// TTL or hop limit of what we send.
    pub outgoing_ttl: Option<u8>,
    /// Smallest TTL or hop limit that we accept (GTSM, RFC 5082).
    pub incoming_ttl: Option<u8>,
    /// TCP MD5 key (RFC 2385), at most 80 bytes, already decoded if it is written in base64.
    pub md5_password: Option<Vec<u8>>,
    /// Source address of outgoing connections, and where `listen` binds, if not `local_address`.
    pub md5_ip: Option<IpAddr>,
    /// TCP authentication option (RFC 5925).
    pub tcp_ao: Option<Box<TcpAo>>,
    /// Pack several NLRI per UPDATE.
    pub group_updates: bool,
    /// Families, sorted.
    pub families: Vec<Family>,
    /// What the OPEN offers besides families; neighbors that offer the same may share it.
    pub capabilities: Rc<CapabilityConfig>,
    /// Which of these are defaults that the file does not set.
    pub unwritten: Unwritten,
}

impl SessionConfig {
    /// The peer's address as events and tables show it.
    pub fn shown_peer(&self) -> Shown<'_> {
        self.spelling.peer(self.peer_address, self.zone)
    }

    /// Our address as events and tables show it, if it is configured.
    pub fn shown_local(&self) -> Option<Shown<'_>> {
        let address = self.local_address?;
        Some(self.spelling.local(address, self.zone))
    }

    /// What the next hops of routes depend on, as far as it is known before there is a session: all that is offered counts as
    /// negotiated.
    pub(crate) fn prospective_sender(&self) -> Sender {
        let offered = |hop: Afi| {
            let pairs = self.capabilities.nexthop.iter().flatten();
            pairs
                .filter(|(_, afi)| *afi == hop)
                .map(|(family, _)| *family)
                .collect()
        };
        let unknown = match self.peer_address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Sender {
            codec: Codec {
                extended_nexthop: offered(Afi::IPV6),
                ipv4_nexthop: offered(Afi::IPV4),
                ..Codec::default()
            },
            local_as: self.local_as.unwrap_or_default(),
            local_address: self.local_address.unwrap_or(unknown),
            router_id: self.router_id.unwrap_or(Ipv4Addr::UNSPECIFIED),
            group_updates: self.group_updates,
        }
    }

    /// Returns `true` if both differ in the notation of addresses, if at all.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let spelling = other.spelling.clone();
        Self {
            spelling,
            ..self.clone()
        } == *other
    }

    /// Returns `true` if a session of this configuration has to be reset to become one of `new`: if what both sides
    /// exchanged in their OPENs, or their TCP connection, would be another. How sessions are opened (`passive`, `listen`,
    /// `connect`) and how routes are packed (`group-updates`) matters from the next session on; how addresses are written, to
    /// no session.
    pub fn needs_reset(&self, new: &Self) -> bool {
        let old = Self {
            spelling: new.spelling.clone(),
            passive: new.passive,
            listen: new.listen,
            connect: new.connect,
            group_updates: new.group_updates,
            capabilities: Rc::new(CapabilityConfig {
                link_local_prefer: new.capabilities.link_local_prefer,
                ..(*self.capabilities).clone()
            }),
            ..self.clone()
        };
        old != *new
    }
}

/// What a configuration offers only by default, and a session can do without. A default that is written out makes no different
/// session, so all values are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwritten {
    /// There is no `family` section.
    pub families: bool,
    /// There is no `extended-message`.
    pub extended_message: bool,
}

impl PartialEq for Unwritten {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Unwritten {}

/// How an MD5 key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Base64 {
    /// As it is.
    #[default]
    No,
    /// In base64.
    Yes,
    /// In base64 if it looks like it.
    Auto,
}

/// The key of the TCP authentication option (RFC 5925).
#[derive(Clone, PartialEq, Eq)]
pub struct TcpAo {
    /// KeyID of what we send, and RNextKeyID that we ask for.
    pub key_id: u8,
    /// How segments are signed.
    pub algorithm: TcpAoAlgorithm,
    /// The master key, at most 80 bytes.
    pub password: Vec<u8>,
    /// The keys to roll over to when the peer asks for one of them; these have no further ones.
    pub next: Vec<Self>,
}

impl std::fmt::Debug for TcpAo {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpAo")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// How segments are signed (RFC 5926, and SHA-256 as Linux has it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpAoAlgorithm {
    /// HMAC-SHA-1-96.
    HmacSha1,
    /// AES-128-CMAC-96.
    Aes128Cmac,
    /// HMAC-SHA-256.
    HmacSha256,
}

impl TcpAoAlgorithm {
    /// The word of configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha-1-96",
            Self::Aes128Cmac => "aes-128-cmac-96",
            Self::HmacSha256 => "hmac-sha-256",
        }
    }
}

/// The `capability` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityConfig {
    /// Four-octet AS numbers.
    pub asn4: bool,
    /// Route refresh, plain and enhanced.
    pub route_refresh: bool,
    /// Graceful restart with this restart time in seconds.
    pub graceful_restart: Option<u16>,
    /// Graceful restart also over a NOTIFICATION (RFC 8538).
    pub graceful_restart_notification: bool,
    /// Long-lived graceful restart (RFC 9494) with this stale time in seconds, 24 bits.
    pub long_lived_graceful_restart: Option<u32>,
    /// ADD-PATH: the directions that are offered.
    pub add_path: AddPath,
    /// Families that ADD-PATH is offered for.
    pub add_path_families: Vec<Family>,
    /// Extended next hop: pairs offered; `None`: capability off.
    pub nexthop: Option<Vec<(Family, Afi)>>,
    /// Extended messages.
    pub extended_message: bool,
    /// Software version.
    pub software_version: bool,
    /// Multi-session.
    pub multi_session: bool,
    /// Operational messages.
    pub operational: bool,
    /// Accept and send AIGP on external sessions.
    pub aigp: bool,
    /// Link-local addresses alone as IPv6 next hops (draft-ietf-idr-linklocal-capability).
    pub link_local_nexthop: bool,
    /// Of a next hop with both, prefer the link-local address: known, but without effect, as in ExaBGP.
    pub link_local_prefer: bool,
    /// The most paths for a prefix that we want, for each family that names a limit (PATHS-LIMIT).
    pub paths_limit: Vec<(Family, u16)>,
    /// BGP role (RFC 9234), if one is configured.
    pub role: Option<u8>,
    /// Refuse a peer that announces no role, and treat the routes that it leaks as withdrawn.
    pub role_strict: bool,
}

/// The `add-path` keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddPath {
    /// Offer to receive.
    pub receive: bool,
    /// Offer to send.
    pub send: bool,
}
