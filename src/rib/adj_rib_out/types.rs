//! Parameters and results of the Adj-RIB-Out.

use crate::bgp::negotiated::Refresh;
use crate::bgp::{Family, Nlri, Sender};
use crate::rib::pack::Refusal;
use crate::rib::peer_set::PeerSet;

/// The configuration of a neighbor, with or without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOptions {
    /// Families of its `family` block. Routes of other families are rejected.
    pub families: Vec<Family>,
    /// Whether sent routes are kept, to be sent again after a reconnect (`adj-rib-out`). Otherwise a route is removed
    /// once it was encoded for the session.
    pub keep: bool,
}

/// The negotiated parameters of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The parameters that encoding depends on. Peers with equal ones share an update group.
    pub sender: Sender,
    /// Negotiated families, in the order of their End-of-RIB markers.
    pub families: Vec<Family>,
    /// How routes can be requested again. With [`Refresh::Enhanced`], the reply is enclosed in BoRR and EoRR.
    pub refresh: Refresh,
    /// Whether the automatic End-of-RIB markers are suppressed.
    pub manual_eor: bool,
    /// Whether the peer offers graceful restart: no BoRR is sent before the End-of-RIB of its family.
    pub peer_restarts: bool,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of peers that accepted it, whether or not it changes anything for them.
    pub accepted: usize,
    /// Number of peers that do not have that family in their configuration, or are not configured at all.
    pub refused: usize,
}

/// The limits of one [`fill`](super::AdjRibOut::fill). One message is returned whatever its size, unless `messages` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages; `usize::MAX` for no limit.
    pub messages: usize,
}

/// The amount returned by one [`fill`](super::AdjRibOut::fill).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages.
    pub messages: usize,
}

/// A point in the order of changes, from [`mark`](super::AdjRibOut::mark).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(super) u64);

/// A route that cannot be sent on a session. It is neither sent nor truncated; an older version that the peer may
/// hold is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// The route.
    pub nlri: Nlri,
    /// The peers that it was meant for.
    pub peers: PeerSet,
    /// The reason.
    pub refusal: Refusal,
}

/// Counters for status and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Routes in the table: one for each prefix and path, independent of the number of peers.
    pub routes: usize,
    /// Routes waiting to be encoded, counted once for each group.
    pub pending: usize,
    /// Bytes of encoded messages kept for peers that have not read them yet.
    pub log_bytes: usize,
    /// Update groups.
    pub groups: usize,
    /// How often a peer lagged so far behind that it left the shared log.
    pub lagged: u64,
    /// How often a table walk was started: session up, refresh, flush.
    pub walks: u64,
}

/// Limits on memory use and on the work of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of bytes that a peer may lag behind the log of its group before it gets a queue of its own, in
    /// which changes are merged. The more peers of a group have one, the lower the limit, down to a sixteenth.
    pub lag: usize,
    /// Maximum number of routes encoded in one step.
    pub turn: usize,
    /// Maximum number of slots visited in one step of a table walk.
    pub scan: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lag: 16 << 20,
            turn: 16_384,
            scan: 16_384,
        }
    }
}
