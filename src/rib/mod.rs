//! What we said and what we heard: routing tables, pure and without clock.
//!
//! One Adj-RIB-Out is shared by all peers: an entry holds the set of peers it goes to, so announcing to a hundred peers is
//! one entry. Peers whose sessions encode alike form an update group and share the encoded bytes.

pub mod adj_rib_out;
pub mod intern;
pub mod memo;
pub mod peer_set;
pub mod route;

pub use adj_rib_out::{Budget, Counters, Filled, Mark, Outcome, PeerOptions, Session};
pub use intern::Interner;
pub use memo::{Memo, MemoLimits};
pub use peer_set::{PeerId, PeerSet};
pub use route::{Action, Change};
