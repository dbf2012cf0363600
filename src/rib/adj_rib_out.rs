//! The Adj-RIB-Out: what every peer is to hear from us, and what it has not heard yet.
//!
//! ```text
//! apply ─► table (one slot a route, all peers) ─► pending records ─► shared lane of an update group ─► log ─► cursors
//!                                                      └─► private lane of a peer that joins, refreshes or lags
//! ```
//!
//! The caller tells what is configured (`add_peer`), what changes (`apply`) and
//! which sessions are up; it pulls encoded messages whenever a socket has room (`fill`) and asks after
//! each batch of calls whom to wake (`take_wakeups`). No clock, no socket, no task.
//!
//! The calls that are about to land (the bodies are being written):
//!
//! ```text
//! AdjRibOut::new()
//! add_peer(&mut self, PeerId, PeerOptions)               a configured neighbour; again: new options, routes stay
//! remove_peer(&mut self, PeerId)                         forgets all; the id may be used again at once
//! apply(&mut self, &Change) -> Outcome
//! copy_routes(&mut self, from: PeerId, to: PeerId)       a dynamic peer starts with the routes of its template
//! up(&mut self, PeerId, Session)                         walk the table, then End-of-RIB of each family, then follow
//! down(&mut self, PeerId)                                routes stay
//! fill(&mut self, PeerId, Budget, &mut impl FnMut(Bytes)) -> Filled      whole messages, one or many in each Bytes
//! has_work(&self, PeerId) -> bool                        call fill again although it handed out nothing (long walks)
//! take_wakeups(&mut self, &mut impl FnMut(PeerId))       after a batch of any calls, fill included
//! refresh(&mut self, PeerId, Family)                     ROUTE-REFRESH received; BoRR/EoRR if Session::refresh is Enhanced
//! flush(&mut self, &PeerSet)                             send all again, every negotiated family
//! clear(&mut self, &PeerSet)                             withdraw and forget all
//! eor(&mut self, &PeerSet, Family)                       after all that was applied before
//! mark(&mut self, &PeerSet) -> Mark
//! is_reached(&self, Mark, PeerId) -> bool                fill handed out all that was applied before; true for a peer that is down
//! routes(&self, RouteFilter) -> impl Iterator<Item = Route<'_>>          Route { nlri, attributes, peers }
//! counters(&self) -> Counters
//! take_unsendable(&mut self, &mut impl FnMut(Unsendable))
//! ```

use crate::bgp::negotiated::Refresh;
use crate::bgp::{Family, Sender};

/// What is configured for a neighbour, session or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOptions {
    /// Families of its `family` block: a route of another family is refused.
    pub families: Vec<Family>,
    /// Keep what was sent, to send it again after a reconnect (`adj-rib-out`). Without it a route is forgotten once it was
    /// encoded for the session, but never before.
    pub keep: bool,
}

/// What a session that came up negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The facts that encoding depends on: peers with equal ones share an update group.
    pub sender: Sender,
    /// Negotiated families; the order is that of the End-of-RIB markers.
    pub families: Vec<Family>,
    /// How routes are asked for again; with [`Refresh::Enhanced`], BoRR and EoRR stand around the answer.
    pub refresh: Refresh,
    /// Send no End-of-RIB by itself.
    pub manual_eor: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Peers that took it, whether or not it was news for them.
    pub accepted: usize,
    /// Peers without that family in their configuration, or not configured at all.
    pub refused: usize,
}

/// How much one `fill` may hand out. One message is handed out whatever its size, unless `messages` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages; `usize::MAX` for no limit.
    pub messages: usize,
}

/// What one `fill` handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bytes.
    pub bytes: usize,
    /// BGP messages.
    pub messages: usize,
}

/// A point in the order of changes, from `mark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(super) u64);

/// Numbers for status and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Routes in the table: one for each prefix and path, however many peers.
    pub routes: usize,
    /// Routes that wait to be encoded, counted once for each group.
    pub pending: usize,
    /// Bytes of encoded messages kept for peers that did not take them yet.
    pub log_bytes: usize,
    /// Update groups.
    pub groups: usize,
    /// How often a peer fell so far behind that it left the shared log.
    pub lagged: u64,
    /// How often a table walk began: session up, refresh, flush.
    pub walks: u64,
}
