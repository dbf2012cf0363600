//! What we said and what we heard: routing tables, pure and without clock.
//!
//! One Adj-RIB-Out is shared by all peers: an entry holds the set of peers it goes to, so announcing to a hundred peers is
//! one entry. Peers whose sessions encode alike form an update group and share the encoded bytes.
//!
//! | file | what |
//! |---|---|
//! | [`adj_rib_out`] | the desired state, sessions, the pull of messages |
//! | `entries`, `table`, `slab` | a route and who is told what; routes of all families by key; places that never move |
//! | `comparison` | whether two attribute sets are the same for a peer |
//! | `backlog` | what changed and is not encoded: records in lanes |
//! | `group`, [`pack`] | what was encoded and not sent: logs and cursors; routes into UPDATEs |
//! | [`peer_set`], `sets` | sets of peers, and the few in use, interned |
//! | [`intern`], [`memo`] | equal attributes are one; what bytes meant |
//! | [`adj_rib_in`] | what a peer told us |

pub mod adj_rib_in;
pub mod adj_rib_out;
mod backlog;
mod comparison;
mod entries;
mod group;
pub mod intern;
pub mod memo;
pub mod pack;
pub mod peer_set;
pub mod route;
mod sets;
mod slab;
mod table;

pub use adj_rib_in::{AdjRibIn, ReceivedRoute, Sweep};
pub use adj_rib_out::{
    AdjRibOut, Budget, Counters, Filled, Limits, Mark, Outcome, PeerOptions, Route, RouteFilter,
    Session, Unsendable,
};
pub use intern::Interner;
pub use memo::{Memo, MemoLimits};
pub use pack::Refusal;
pub use peer_set::{PeerId, PeerSet};
pub use route::{Action, Change};
