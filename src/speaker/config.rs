//! What a session is configured with.
//!
//! Fields are public and each has a sensible value after [`PeerConfig::new`]: options are set by assignment, which keeps
//! them in one place with their units. Rejected: a builder, which repeats every field as a method.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::bgp::capability::Offer;
use crate::bgp::{Asn, Capability, Family, Zone, Zoned};

/// TCP port of BGP (RFC 4271 section 8).
pub const BGP_PORT: u16 = 179;

/// One neighbor, as the speaker needs to know it. A time of `Duration::MAX` never comes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerConfig {
    /// Its name in logs; unique in a server.
    pub name: String,
    /// Its address.
    pub remote_address: IpAddr,
    /// TCP port that we connect to.
    pub port: u16,
    /// Our address: outgoing connections come from it, incoming ones must go to it. `None`: any.
    pub local_address: Option<IpAddr>,
    /// Where outgoing connections come from, if not from `local_address`.
    pub source_address: Option<IpAddr>,
    /// Our AS; `None`: the peer's, learnt from its OPEN, which we then wait for before we send ours.
    pub local_as: Option<Asn>,
    /// The peer's AS; `None`: any.
    pub peer_as: Option<Asn>,
    /// Our BGP identifier; `None`: the server's.
    pub router_id: Option<Ipv4Addr>,
    /// Never connect, wait for the peer.
    pub passive: bool,
    /// Families that the default [`Plugin::capabilities`](super::Plugin::capabilities) offers.
    pub families: Vec<Family>,
    /// Whether AIGP is exchanged although the peer is external (RFC 7311 section 3.1).
    pub aigp: bool,
    /// Refuse a peer that does not send its role (RFC 9234 section 4.2, strict mode).
    pub strict_role: bool,
    /// Hold time that we propose: 0 (no hold timer) or 3 to 65,535 seconds.
    pub hold_time: u16,
    /// How long we wait after a failed or ended session before the next; `None`: back-off from 0 to 60 seconds.
    pub idle_hold_time: Option<Duration>,
    /// How long an unanswered connection attempt lasts before the next.
    pub connect_retry_time: Duration,
    /// How long we wait for the peer's OPEN on an established connection.
    pub open_wait: Duration,
    /// How long the peer may take nothing while we have something to send (RFC 9687); `None`: the greater of 8 minutes and
    /// twice the hold time.
    pub send_hold_time: Option<Duration>,
    /// Connection attempts after which we give up; `None`: never.
    pub connect_attempts: Option<u32>,
    /// TTL or hop limit of what we send; `None`: 255 with `min_ttl`, else the system's default.
    pub ttl: Option<u8>,
    /// Smallest TTL or hop limit that we accept: 255 for a neighbor on the same link (GTSM, RFC 5082).
    pub min_ttl: Option<u8>,
    /// TCP MD5 key (RFC 2385): at most 80 bytes.
    pub md5_key: Option<Vec<u8>>,
    /// Key of the TCP authentication option (RFC 5925), instead of MD5.
    pub tcp_ao: Option<TcpAoKey>,
    /// Further keys, with other numbers, that a running session changes to once the peer asks for one of them (RNextKeyID,
    /// RFC 5925 section 7.5.2).
    pub tcp_ao_next: Vec<TcpAoKey>,
    /// Interface, which may be a VRF, that outgoing connections are bound to (`SO_BINDTODEVICE`). Connections that the peer
    /// makes to a listener of another interface are not this neighbor's; see
    /// [`Server::listen_in`](super::Server::listen_in).
    pub interface: Option<String>,
    /// The interface that the link-local ones of the addresses belong to; `None`: `interface`.
    pub zone: Option<Zone>,
}

impl PeerConfig {
    /// A neighbor at `remote_address`, port 179, that may have any AS; IPv4 unicast, hold time 90 s.
    pub fn new(remote_address: IpAddr, local_as: Asn) -> Self {
        Self {
            name: remote_address.to_string(),
            remote_address,
            port: BGP_PORT,
            local_address: None,
            source_address: None,
            local_as: Some(local_as),
            peer_as: None,
            router_id: None,
            passive: false,
            families: vec![Family::IPV4_UNICAST],
            aigp: false,
            strict_role: false,
            hold_time: 90,
            idle_hold_time: None,
            connect_retry_time: Duration::from_secs(120),
            open_wait: Duration::from_secs(60),
            send_hold_time: None,
            connect_attempts: None,
            ttl: None,
            min_ttl: None,
            md5_key: None,
            tcp_ao: None,
            tcp_ao_next: Vec::new(),
            interface: None,
            zone: None,
        }
    }

    /// The same for an address that may have a zone: `fe80::1%eth0`.
    ///
    /// ```
    /// use oxabgp::bgp::{Asn, Zone};
    /// use oxabgp::speaker::PeerConfig;
    ///
    /// let peer = PeerConfig::zoned("fe80::1%eth0".parse().expect("an address"), Asn(65001));
    /// assert_eq!(peer.zone, Zone::new("eth0"));
    /// ```
    pub fn zoned(remote: Zoned, local_as: Asn) -> Self {
        Self {
            name: remote.to_string(),
            zone: remote.1,
            ..Self::new(remote.0, local_as)
        }
    }

    /// What an OPEN for this peer offers by default: its families, four-octet AS numbers, extended messages.
    pub fn capabilities(&self) -> Vec<Capability> {
        Offer {
            families: self.families.clone(),
            // The state machine puts the AS in use there.
            asn4: Some(self.local_as.unwrap_or(Asn::TRANS)),
            extended_message: true,
            ..Offer::default()
        }
        .capabilities()
    }

    /// Checks for values with which no session can ever come up. `router_id` is the server's.
    ///
    /// # Errors
    /// The name of the field, and what is wrong with it.
    pub fn check(&self, router_id: Ipv4Addr) -> Result<(), (&'static str, &'static str)> {
        let refuse = |field, reason| Err((field, reason));
        let remote = self.remote_address;
        // RFC 4271 4.2: "The Hold Time MUST be either zero or at least three seconds."
        if matches!(self.hold_time, 1 | 2) {
            return refuse("hold_time", "must be 0 or at least 3 seconds");
        }
        // RFC 6286 2.1: a "4-octet, unsigned, non-zero integer".
        if self.router_id.unwrap_or(router_id).is_unspecified() {
            return refuse("router_id", "must not be 0.0.0.0");
        }
        // RFC 7607 2: AS 0 must not be sent or accepted in an OPEN.
        if self.local_as == Some(Asn(0)) {
            return refuse("local_as", "must not be 0");
        }
        if self.peer_as == Some(Asn(0)) {
            return refuse("peer_as", "must not be 0");
        }
        if remote.is_unspecified() || remote.is_multicast() || remote == Ipv4Addr::BROADCAST {
            return refuse("remote_address", "must be a unicast address");
        }
        if let Some(local) = self.local_address {
            if local.is_unspecified() || local.is_multicast() || local == Ipv4Addr::BROADCAST {
                return refuse("local_address", "must be a unicast address");
            }
            if local.is_ipv4() != remote.is_ipv4() {
                return refuse("local_address", "must be of the remote address's family");
            }
            // Another speaker on the same host can be reached at another port only.
            if local == remote && self.port == BGP_PORT && !self.passive {
                return refuse("remote_address", "is our own address");
            }
        }
        if self.port == 0 && !self.passive {
            return refuse("port", "must not be 0");
        }
        // The limit of Linux: TCP_MD5SIG_MAXKEYLEN and TCP_AO_MAXKEYLEN.
        let length = |key: &[u8]| (1..=80).contains(&key.len());
        if self.md5_key.as_ref().is_some_and(|key| !length(key)) {
            return refuse("md5_key", "must have 1 to 80 octets");
        }
        let keys: Vec<&TcpAoKey> = self.tcp_ao_keys().collect();
        if keys.iter().any(|ao| !length(&ao.key)) {
            return refuse("tcp_ao", "must have a key of 1 to 80 octets");
        }
        // RFC 5925 2.2: "An endpoint MUST NOT use TCP-AO for the same connection in which TCP MD5 is used."
        if self.md5_key.is_some() && !keys.is_empty() {
            return refuse("tcp_ao", "must not be combined with `md5_key`");
        }
        let mut numbers: Vec<u8> = keys.iter().map(|ao| ao.key_id).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() != keys.len() {
            return refuse("tcp_ao_next", "must have other numbers than the other keys");
        }
        if self.tcp_ao.is_none() && !keys.is_empty() {
            return refuse("tcp_ao_next", "needs a first key");
        }
        Ok(())
    }

    /// All keys of the TCP authentication option, the first one first.
    pub(crate) fn tcp_ao_keys(&self) -> impl Iterator<Item = &TcpAoKey> {
        self.tcp_ao.iter().chain(&self.tcp_ao_next)
    }

    /// TTL or hop limit of what we send, if not the system's default.
    pub(crate) fn outgoing_ttl(&self) -> Option<u8> {
        // RFC 5082 3: "the TTL of all packets MUST be set to 255".
        self.ttl.or_else(|| self.min_ttl.map(|_| 255))
    }
}

impl fmt::Debug for PeerConfig {
    /// All but the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConfig")
            .field("name", &self.name)
            .field("remote_address", &self.remote_address)
            .field("port", &self.port)
            .field("local_address", &self.local_address)
            .field("source_address", &self.source_address)
            .field("local_as", &self.local_as)
            .field("peer_as", &self.peer_as)
            .field("router_id", &self.router_id)
            .field("passive", &self.passive)
            .field("families", &self.families)
            .field("aigp", &self.aigp)
            .field("strict_role", &self.strict_role)
            .field("hold_time", &self.hold_time)
            .field("idle_hold_time", &self.idle_hold_time)
            .field("connect_retry_time", &self.connect_retry_time)
            .field("open_wait", &self.open_wait)
            .field("send_hold_time", &self.send_hold_time)
            .field("connect_attempts", &self.connect_attempts)
            .field("ttl", &self.ttl)
            .field("min_ttl", &self.min_ttl)
            .field("md5", &self.md5_key.is_some())
            .field("tcp_ao", &self.tcp_ao)
            .field("tcp_ao_next", &self.tcp_ao_next)
            .field("interface", &self.interface)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

/// A key of the TCP authentication option (RFC 5925).
#[derive(Clone, PartialEq, Eq)]
pub struct TcpAoKey {
    /// KeyID of what we send and of what we expect.
    pub key_id: u8,
    /// How segments are signed.
    pub algorithm: TcpAoAlgorithm,
    /// The master key, at most 80 bytes.
    pub key: Vec<u8>,
}

impl fmt::Debug for TcpAoKey {
    /// All but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpAoKey")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// How the TCP authentication option signs segments (RFC 5926, and SHA-256 as Linux has it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpAoAlgorithm {
    /// HMAC-SHA-1-96.
    HmacSha1,
    /// AES-128-CMAC-96.
    Aes128Cmac,
    /// HMAC-SHA-256.
    HmacSha256,
}

impl TcpAoAlgorithm {
    /// The name in Linux's crypto API.
    pub(crate) const fn kernel_name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac(sha1)",
            Self::Aes128Cmac => "cmac(aes128)",
            Self::HmacSha256 => "hmac(sha256)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtsm_sends_255_unless_told_otherwise() {
        let mut peer = PeerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Asn(65000));
        assert_eq!(peer.outgoing_ttl(), None);
        peer.min_ttl = Some(254);
        assert_eq!(peer.outgoing_ttl(), Some(255));
        peer.ttl = Some(3);
        assert_eq!(peer.outgoing_ttl(), Some(3));
    }

    #[test]
    fn a_debug_print_has_all_but_the_keys() {
        let mut peer = PeerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Asn(65000));
        peer.md5_key = Some(b"secret".to_vec());
        peer.tcp_ao = Some(TcpAoKey {
            key_id: 7,
            algorithm: TcpAoAlgorithm::HmacSha1,
            key: b"secret".to_vec(),
        });
        let text = format!("{peer:?}");
        for part in ["md5: true", "key_id: 7", "families: [", "open_wait: 60s"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // A key may be printed as text or as numbers.
        assert!(
            !text.contains("secret") && !text.contains("115, 101"),
            "{text}"
        );
    }
}
