//! The Adj-RIB-Out: the routes that each peer should have, and those that have not been sent yet.
//!
//! ```text
//! apply ─► table (one slot a route, all peers) ─► pending records ─► shared queue of an update group ─► log ─► cursors
//!                                                      └─► private queue of a peer that joins, refreshes or lags
//! ```
//!
//! The caller reports which neighbors are configured ([`add_peer`](AdjRibOut::add_peer)), which routes change
//! ([`apply`](AdjRibOut::apply)) and which sessions are up ([`up`](AdjRibOut::up)). It pulls encoded messages
//! whenever a socket has room ([`fill`](AdjRibOut::fill)), and after each batch of calls it asks which peers to wake
//! ([`take_wakeups`](AdjRibOut::take_wakeups)). There is no clock, socket or task in here.
//!
//! There is one desired state, and the last change wins: changes to a route are merged until it is encoded.
//! Announcing an equal route again sends nothing. A withdrawal is always sent; if an announcement follows before the
//! withdrawal is encoded, both are sent in that order. A change of labels alone is sent. Sessions without ADD-PATH
//! receive the path with the lowest identifier, and a withdrawal when the last path is withdrawn.

mod apply;
mod encode;
mod fit;
mod live;
mod run;
mod session;
mod show;
mod sizes;
mod state;
mod sweep;
mod sweeps;
mod types;

pub use show::{Route, RouteFilter};
pub use state::AdjRibOut;
pub use types::{
    Budget, Counters, Filled, Limits, Mark, Outcome, PeerOptions, Session, Unsendable,
};
