//! A configuration file as a value: parsed, checked as a whole, and either complete or a list of diagnostics.
//!
//! A [`NeighborConfig`] that exists is valid. What a session's OPEN or TCP connection depends on is one struct,
//! [`SessionConfig`], so that a reload compares it with one `==`.

use std::net::{IpAddr, Ipv4Addr};

use crate::bgp::{Afi, Asn, Family};
use crate::grammar::RouteText;

/// What a configuration file says.
#[derive(Debug, Default)]
pub struct Config {
    /// Helper processes, in the file's order.
    pub processes: Vec<ProcessConfig>,
    /// Neighbours, in the file's order.
    pub neighbors: Vec<NeighborConfig>,
}

/// A helper process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// Its name, unique in the file.
    pub name: String,
    /// Program (an absolute path, already looked up) and arguments.
    pub run: Vec<String>,
    /// The form of the events it gets.
    pub encoder: Encoder,
    /// Whether it is started again when it ends.
    pub respawn: bool,
}

/// The form of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoder {
    /// One JSON object a line.
    Json,
    /// Plain text.
    Text,
}

/// One `neighbor` block.
#[derive(Debug)]
pub struct NeighborConfig {
    /// What the session depends on.
    pub session: SessionConfig,
    /// Free text.
    pub description: String,
    /// No automatic End-of-RIB.
    pub manual_eor: bool,
    /// Parsed and shown; ExaBGP 5.0 gives it no effect.
    pub auto_flush: bool,
    /// Keep what is received.
    pub adj_rib_in: bool,
    /// Keep what was sent, to send it again.
    pub adj_rib_out: bool,
    /// Most UPDATE messages a second.
    pub rate_limit: Option<u32>,
    /// Which helpers get which events: one for each `api` block.
    pub subscriptions: Vec<Subscription>,
    /// Routes of `static`, `announce`, `flow` and `l2vpn`, in the file's order.
    pub routes: Vec<RouteText>,
}

/// All that the OPEN or the TCP connection depends on: a difference resets the session on reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The peer's address, or the first of a range.
    pub peer_address: IpAddr,
    /// Length of the range's prefix in bits; that of a host for a single peer.
    pub peer_prefix: u8,
    /// Our address; `None`: whichever the kernel chooses.
    pub local_address: Option<IpAddr>,
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
    /// TCP MD5 key (RFC 2385), at most 80 bytes, base64 already decoded where the file says so.
    pub md5_password: Option<Vec<u8>>,
    /// Source address of outgoing connections, if not `local_address`.
    pub md5_ip: Option<IpAddr>,
    /// Pack several NLRI per UPDATE.
    pub group_updates: bool,
    /// Families, sorted.
    pub families: Vec<Family>,
    /// What the OPEN offers besides families.
    pub capabilities: CapabilityConfig,
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
    /// ADD-PATH: may we receive, may we send.
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
    /// BGP role (RFC 9234), if one is configured.
    pub role: Option<u8>,
}

/// The `add-path` keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddPath {
    /// Offer to receive.
    pub receive: bool,
    /// Offer to send.
    pub send: bool,
}

/// One `api` block: which helpers get which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Name of the block; generated for a block without one.
    pub name: String,
    /// Helpers by name, `processes-match` already resolved.
    pub processes: Vec<String>,
    /// `state` events: connected, up, down.
    pub neighbor_changes: bool,
    /// `negotiated` events.
    pub negotiated: bool,
    /// `fsm` events.
    pub fsm: bool,
    /// `signal` events.
    pub signal: bool,
    /// What we send.
    pub send: Messages,
    /// What the peer sends.
    pub receive: Messages,
}

/// A `send` or `receive` block: forms, and types of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Decoded.
    pub parsed: bool,
    /// Raw.
    pub packets: bool,
    /// Decoded and raw in one event.
    pub consolidate: bool,
    /// OPEN.
    pub open: bool,
    /// UPDATE.
    pub update: bool,
    /// NOTIFICATION.
    pub notification: bool,
    /// KEEPALIVE.
    pub keepalive: bool,
    /// ROUTE-REFRESH.
    pub refresh: bool,
    /// OPERATIONAL.
    pub operational: bool,
}
