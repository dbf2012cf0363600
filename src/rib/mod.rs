//! Routing tables of sent and received routes, without I/O and clock.
//!
//! One Adj-RIB-Out is shared by all peers: an entry holds the set of peers that it is announced to, so announcing to
//! a hundred peers takes one entry. Peers whose sessions have the same encoding form an update group and share the
//! encoded bytes.
//!
//! | file | contents |
//! |---|---|
//! | [`adj_rib_out`] | the desired state, sessions, pulling messages |
//! | `entries`, `table`, `slot`, `slab` | what is announced to which peers; routes of all families by key; one of them; numbered slots that never move |
//! | `comparison` | whether two attribute sets have the same encoding for a peer |
//! | `run` | prefixes that get the same change, applied together |
//! | `pending` | changes that are not encoded yet: records in queues |
//! | `group`, [`pack`], `bucket` | encoded messages that are not sent yet: logs and cursors; packing routes into UPDATEs, those with equal attributes together |
//! | [`peer_set`], `peer_set_interner` | sets of peers; interned sets |
//! | [`leases`] | routes that end by themselves |
//! | `tally` | how many routes are announced to each set |
//! | [`intern`], [`parse_cache`] | interned attribute sets; a cache of parsed bytes |
//! | [`adj_rib_in`], `received` | the routes received from a peer; what is stored about one of them |

pub mod adj_rib_in;
pub mod adj_rib_out;
mod bucket;
mod comparison;
mod entries;
mod group;
pub mod intern;
pub mod leases;
mod messages;
pub mod pack;
pub mod parse_cache;
pub mod peer_set;
mod peer_set_interner;
mod pending;
mod received;
pub mod route;
mod run;
mod slab;
mod slot;
mod table;
mod tally;

pub use adj_rib_in::{AdjRibIn, Discarded, ReceivedRoute, Sweep};
pub use adj_rib_out::{
    AdjRibOut, Budget, Counters, Filled, Limits, Mark, Outcome, PeerOptions, Route, RouteFilter,
    Session, Unsendable,
};
pub use intern::Interner;
pub use leases::{Ended, Leased, Leases, Lifetime, Terms};
pub use messages::Chunk;
pub use pack::Refusal;
pub use parse_cache::{ParseCache, ParseCacheLimits};
pub use peer_set::{PeerId, PeerSet};
pub use route::{Action, Change};
pub use run::Run;
