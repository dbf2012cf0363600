//! A configuration file as a value: parsed, checked as a whole, and either complete or a list of diagnostics.
//!
//! A [`NeighborConfig`] that exists is valid. What a session's OPEN or TCP connection depends on is one struct,
//! [`SessionConfig`], so that a reload compares it with one `==`.
//!
//! | room | what |
//! |---|---|
//! | [`mod@env`] | the settings of the environment: variables and `exabgp.env` |
//! | [`diagnostic`] | mistakes, each with its line |
//! | `load`, `tree` | a file's text → statements with their places → [`Config`] |
//! | `schema` and a file for each section | what may stand where |
//! | `check` | a neighbour as written → a neighbour that is valid |
//! | [`show`] | a configuration written back, as a file and as JSON |
//! | [`diff`](mod@diff) | what a reload would do |
//! | `dialect` | words of ExaBGP 3.4 and 4.2 |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bgp::{Afi, Asn, Codec, Family, Sender, Zone, Zoned};
use crate::grammar::{Operational, RouteText};

mod announce;
mod capability;
mod check;
pub mod diagnostic;
mod dialect;
pub mod diff;
pub mod env;
mod family;
mod load;
mod migrate;
mod misplaced;
mod neighbor;
mod peer_address;
mod process;
mod schema;
pub mod show;
mod subscription;
mod tcp_ao;
mod tree;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use diff::{ConfigChange, diff};
pub use env::Env;
pub use migrate::migrate;
pub use schema::{Row, reference};
pub use show::Secrets;

/// What a configuration file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The version of ExaBGP whose events it expects.
    pub api_version: ApiVersion,
    /// Most bytes of events that may wait for it; `None`: a default.
    pub queue_size: Option<usize>,
    /// What happens when more would have to wait.
    pub queue_full: QueueFull,
}

/// The version of ExaBGP whose events a helper expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ApiVersion {
    /// 4.2.
    V4,
    /// 5.0.
    #[default]
    V5,
    /// 6.0.
    V6,
}

impl ApiVersion {
    /// The number in configurations.
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V5 => 5,
            Self::V6 => 6,
        }
    }

    /// The version of that number.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "4" => Self::V4,
            "5" => Self::V5,
            "6" => Self::V6,
            _ => return None,
        })
    }
}

/// What happens when a helper does not read its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QueueFull {
    /// The sessions that feed it wait: nothing is lost.
    #[default]
    Pause,
    /// Events are dropped; it is told how many.
    Drop,
    /// It is ended, and started again if it may be.
    Kill,
}

impl QueueFull {
    /// The word of configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Drop => "drop",
            Self::Kill => "kill",
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighborConfig {
    /// What the session depends on.
    pub session: SessionConfig,
    /// Free text.
    pub description: String,
    /// No automatic End-of-RIB.
    pub manual_eor: bool,
    /// After a restart of ours, wait this many seconds for a helper to send the End-of-RIB markers.
    pub eor_deferral: Option<u16>,
    /// Parsed and shown; ExaBGP 5.0 gives it no effect.
    pub auto_flush: bool,
    /// Keep what is received.
    pub adj_rib_in: bool,
    /// Keep what was sent, to send it again.
    pub adj_rib_out: bool,
    /// Most UPDATE messages a second.
    pub rate_limit: Option<u32>,
    /// Most routes that the peer may have in its Adj-RIB-In.
    pub prefix_limit: Option<PrefixLimit>,
    /// How many seconds a peer that is back after a graceful restart has to send its routes again; those that it has not sent
    /// by then are dropped, even without End-of-RIB.
    pub stale_path_time: u16,
    /// Which helpers get which events: one for each `api` block.
    pub subscriptions: Vec<Subscription>,
    /// Operational messages to send.
    pub operational: Vec<Operational>,
    /// The MD5 key as the file has it, and how that is to be read; for showing the neighbour.
    pub md5: Option<(String, Base64)>,
    /// Routes of `static`, `announce`, `flow` and `l2vpn`, in the file's order.
    pub routes: Vec<RouteText>,
}

/// The limit of a peer's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimit {
    /// Most routes, of all families together.
    pub routes: u32,
    /// More routes are logged and leave the session alone.
    pub warning_only: bool,
}

impl std::fmt::Display for PrefixLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.warning_only {
            " warning-only"
        } else {
            ""
        };
        write!(f, "{}{more}", self.routes)
    }
}

/// The default of `stale-path-time`, in seconds: FRR's.
pub const STALE_PATH_TIME: u16 = 360;

impl NeighborConfig {
    /// The name by which commands select the neighbour and logs tell it from others.
    pub fn name(&self) -> String {
        fn or_auto(value: Option<impl ToString>) -> String {
            value.map_or_else(|| "auto".to_owned(), |value| value.to_string())
        }
        let session = &self.session;
        let families: Vec<String> = session
            .families
            .iter()
            .map(|family| format!("{}-{}", family.afi, family.safi))
            .collect();
        format!(
            "neighbor {} local-ip {} local-as {} peer-as {} router-id {} family-allowed {}",
            self.peer(),
            or_auto(session.local_address.map(|ours| Zoned(ours, session.zone))),
            or_auto(session.local_as),
            or_auto(session.peer_as),
            or_auto(session.router_id),
            if session.capabilities.multi_session {
                families.join("/")
            } else {
                "in-open".to_owned()
            }
        )
    }

    /// The peer's address, or the range of addresses: `192.0.2.1`, `192.0.2.0/29`.
    pub fn peer(&self) -> String {
        let (address, bits) = (self.session.peer_address, self.session.peer_prefix);
        if self.is_range() {
            format!("{address}/{bits}")
        } else {
            Zoned(address, self.session.zone).to_string()
        }
    }

    /// Whether it stands for more than one peer.
    pub const fn is_range(&self) -> bool {
        let width = if self.session.peer_address.is_ipv4() {
            32
        } else {
            128
        };
        self.session.peer_prefix < width
    }

    /// Whether the helper `process` may send commands for this neighbour.
    pub fn allows(&self, process: &str) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.processes.iter().any(|name| name == process))
    }

    /// What the helper `process` is told, by all `api` blocks together; `None` when none names it.
    pub fn subscription_of(&self, process: &str) -> Option<Subscription> {
        self.subscriptions
            .iter()
            .filter(|subscription| subscription.processes.iter().any(|name| name == process))
            .cloned()
            .reduce(|all, one| Subscription {
                neighbor_changes: all.neighbor_changes | one.neighbor_changes,
                negotiated: all.negotiated | one.negotiated,
                fsm: all.fsm | one.fsm,
                signal: all.signal | one.signal,
                send: all.send.union(one.send),
                receive: all.receive.union(one.receive),
                ..all
            })
    }
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
    /// The interface that the link-local ones of both addresses belong to.
    pub zone: Option<Zone>,
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
    /// TCP MD5 key (RFC 2385), at most 80 bytes, base64 already decoded where the file says so.
    pub md5_password: Option<Vec<u8>>,
    /// Source address of outgoing connections, and where `listen` binds, if not `local_address`.
    pub md5_ip: Option<IpAddr>,
    /// TCP authentication option (RFC 5925).
    pub tcp_ao: Option<TcpAo>,
    /// Pack several NLRI per UPDATE.
    pub group_updates: bool,
    /// Families, sorted.
    pub families: Vec<Family>,
    /// What the OPEN offers besides families.
    pub capabilities: CapabilityConfig,
    /// What of that nobody has written down.
    pub unwritten: Unwritten,
}

impl SessionConfig {
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

    /// Whether a session of this configuration has to be reset to become one of `new`: if what both sides exchanged in their
    /// OPENs, or their TCP connection, would be another. How sessions are opened (`passive`, `listen`, `connect`) and how
    /// routes are packed (`group-updates`) matters from the next session on.
    pub fn needs_reset(&self, new: &Self) -> bool {
        let old = Self {
            passive: new.passive,
            listen: new.listen,
            connect: new.connect,
            group_updates: new.group_updates,
            capabilities: CapabilityConfig {
                link_local_prefer: new.capabilities.link_local_prefer,
                ..self.capabilities.clone()
            },
            ..self.clone()
        };
        old != *new
    }
}

/// What a configuration offers by default only, and a session can do without. A default that is written out makes no other
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
    /// In base64 if it looks like that.
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

impl Messages {
    /// What either of both asks for.
    const fn union(self, other: Self) -> Self {
        Self {
            parsed: self.parsed | other.parsed,
            packets: self.packets | other.packets,
            consolidate: self.consolidate | other.consolidate,
            open: self.open | other.open,
            update: self.update | other.update,
            notification: self.notification | other.notification,
            keepalive: self.keepalive | other.keepalive,
            refresh: self.refresh | other.refresh,
            operational: self.operational | other.operational,
        }
    }
}
