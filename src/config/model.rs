//! The model of a valid configuration: processes, neighbors, and the events that each process receives.

use std::time::Duration;

use super::announce_limit::AnnounceLimit;
use super::check::CheckConfig;
use super::confinement::Confinement;
use super::guard::GuardConfig;
use super::metrics::MetricsConfig;
use super::monitor::{BmpConfig, MrtConfig};
use super::session::{Base64, SessionConfig};
use super::state::{StateConfig, Unclaimed};
use crate::grammar::{Operational, RouteList};

/// The contents of a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Helper processes, in the file's order.
    pub processes: Vec<ProcessConfig>,
    /// Neighbors, in the file's order.
    pub neighbors: Vec<NeighborConfig>,
    /// Metrics and the status page, if they are served.
    pub metrics: Option<MetricsConfig>,
    /// Archives.
    pub mrt: MrtConfig,
    /// Monitoring stations, in the file's order.
    pub bmp: Vec<BmpConfig>,
    /// Health checks, in the file's order.
    pub checks: Vec<CheckConfig>,
    /// The journal of routes, if one is kept.
    pub state: Option<StateConfig>,
}

/// A helper process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// Its name, unique in the file.
    pub name: String,
    /// Program (an absolute path, already looked up) and arguments.
    pub run: Vec<String>,
    /// The encoding of the events that it receives.
    pub encoder: Encoder,
    /// Restart it when it exits.
    pub respawn: bool,
    /// The version of ExaBGP whose events it expects.
    pub api_version: ApiVersion,
    /// The most bytes of events to queue for it; `None`: a default.
    pub queue_size: Option<usize>,
    /// What happens when the queue is full.
    pub queue_full: QueueFull,
    /// How long after its death its routes are withdrawn that it has not announced again; `None`: they stay.
    pub withdraw_after: Option<Duration>,
    /// What becomes of its routes of the journal that it does not announce again; `None`: what the journal's section says.
    pub unclaimed: Option<Unclaimed>,
    /// What it may announce; `None`: everything.
    pub guard: Option<GuardConfig>,
    /// Its user and its limits.
    pub confinement: Confinement,
}

impl ProcessConfig {
    /// Returns `true` if a helper of this configuration has to be started again to become one of `new`.
    pub fn starts_differently(&self, new: &Self) -> bool {
        self.run != new.run || self.encoder != new.encoder || self.confinement != new.confinement
    }

    /// Returns `true` if it is recorded which routes are the helper's, so that they can be counted and withdrawn. With a journal
    /// that is so for all helpers.
    pub fn records_routes(&self) -> bool {
        self.withdraw_after.is_some() || self.max_routes().is_some()
    }

    /// Returns `true` if it is recorded which routes are those of operators, so that they can be counted.
    pub fn records_operators(&self) -> bool {
        let guard = self.guard.as_ref().filter(|guard| guard.operators);
        guard.is_some_and(|guard| guard.max_routes.is_some())
    }

    fn max_routes(&self) -> Option<u32> {
        self.guard.as_ref()?.max_routes
    }
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
    /// The sessions that it receives events of are paused: nothing is lost.
    #[default]
    Pause,
    /// Events are dropped; the helper is sent their number.
    Drop,
    /// The helper is killed, and restarted if `respawn` is set.
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
    /// After we restart, wait this many seconds for a helper to send the End-of-RIB markers.
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
    /// Most routes that are announced to it.
    pub announce_limit: Option<Box<AnnounceLimit>>,
    /// Of a range: most neighbors at a time; `None`: [`DYNAMIC_LIMIT`].
    pub dynamic_limit: Option<u32>,
    /// How many seconds a peer has after a graceful restart to send its routes again; those that it has not sent
    /// by then are dropped, even without End-of-RIB.
    pub stale_path_time: u16,
    /// Which helpers get which events: one for each `api` block.
    pub subscriptions: Vec<Subscription>,
    /// Operational messages to send.
    pub operational: Vec<Operational>,
    /// The MD5 key as written in the file, and its encoding; needed to show the neighbor.
    pub md5: Option<(String, Base64)>,
    /// Routes of `static`, `announce`, `flow` and `l2vpn`, in the file's order.
    pub routes: RouteList,
}

/// The limit of a peer's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimit {
    /// Most routes, of all families together.
    pub routes: u32,
    /// Only log an excess; do not reset the session.
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

/// The default of `dynamic-limit`: what a range of any length may cost unless its owner knows better.
pub const DYNAMIC_LIMIT: u32 = 1000;

/// The default of `stale-path-time`, in seconds: FRR's.
pub const STALE_PATH_TIME: u16 = 360;

impl NeighborConfig {
    /// The name that identifies the neighbor in commands and logs.
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
            or_auto(session.shown_local()),
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
            self.session.shown_peer().to_string()
        }
    }

    /// Returns `true` if it stands for more than one peer.
    pub const fn is_range(&self) -> bool {
        let width = if self.session.peer_address.is_ipv4() {
            32
        } else {
            128
        };
        self.session.peer_prefix < width
    }

    /// Returns `true` if the helper `process` may send commands for this neighbor.
    pub fn allows(&self, process: &str) -> bool {
        self.subscriptions
            .iter()
            .any(|subscription| subscription.processes.iter().any(|name| name == process))
    }

    /// The events that the helper `process` receives, all `api` blocks merged; `None` if none names it.
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
    /// The union of both.
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

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Those that we send.
    Send,
    /// Those that the peer sends.
    Receive,
}

impl Direction {
    /// The part of a subscription that selects them.
    pub(crate) const fn of(self, subscription: &mut Subscription) -> &mut Messages {
        match self {
            Self::Send => &mut subscription.send,
            Self::Receive => &mut subscription.receive,
        }
    }
}
