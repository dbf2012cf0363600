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
//!
//! ```
//! use std::rc::Rc;
//!
//! use oxabgp::bgp::negotiated::Refresh;
//! use oxabgp::bgp::{Asn, Codec, Family, Sender};
//! use oxabgp::grammar::{Place, Verb, route};
//! use oxabgp::rib::{Action, AdjRibOut, Budget, Change, PeerId, PeerOptions, Session};
//! use oxabgp::text::{Cursor, tokenize};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let peer = PeerId(0);
//! let families = vec![Family::IPV4_UNICAST];
//! let mut rib = AdjRibOut::new();
//! rib.add_peer(peer, PeerOptions { families: families.clone(), keep: true });
//!
//! let text = "198.51.100.0/24 next-hop 192.0.2.1";
//! let tokens = tokenize(text);
//! let parsed = route::route(&mut Cursor::new(&tokens, text.len()), Verb::Announce, Place::Route)
//!     .map_err(|error| error.to_string())?;
//! for nlri in parsed.nlri {
//!     let outcome = rib.apply(&Change {
//!         nlri,
//!         action: Action::Announce(Rc::clone(&parsed.attributes)),
//!         peers: [peer].into_iter().collect(),
//!     });
//!     assert_eq!(outcome.accepted, 1);
//! }
//!
//! rib.up(peer, Session {
//!     sender: Sender {
//!         codec: Codec::default(),
//!         local_as: Asn(65001),
//!         local_address: "192.0.2.1".parse()?,
//!         router_id: "192.0.2.1".parse()?,
//!         group_updates: true,
//!     },
//!     families,
//!     refresh: Refresh::Normal,
//!     manual_eor: false,
//!     peer_restarts: false,
//! });
//! let mut sent = Vec::new();
//! let budget = Budget { bytes: 64 * 1024, messages: usize::MAX };
//! let filled = rib.fill(peer, budget, &mut |bytes| sent.extend_from_slice(&bytes));
//! assert_eq!(filled.messages, 2, "an UPDATE and End-of-RIB");
//! assert!(sent.windows(4).any(|bytes| bytes == [24, 198, 51, 100]));
//! # Ok(())
//! # }
//! ```

mod apply;
mod census;
mod encode;
mod fit;
mod handover;
mod live;
mod resync;
mod run;
mod session;
mod show;
mod sizes;
mod state;
mod sweep;
mod sweeps;
mod types;
mod walk;

pub use handover::{Exported, Unsent, UnsentWalk};
pub use show::{Route, RouteFilter};
pub use state::AdjRibOut;
pub use types::{
    Budget, Counters, Filled, Limits, Mark, Outcome, PeerOptions, Session, Unsendable,
};
