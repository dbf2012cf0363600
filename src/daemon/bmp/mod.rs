//! Monitoring stations (RFC 7854): what peers send and what they are sent, reported over TCP.
//!
//! | module | purpose |
//! |---|---|
//! | `peer` | per-peer headers, Peer Up, Peer Down |
//! | `link` | the queue of one connection to a station |
//! | `station` | a configured station with its connections: what happens now goes to all of them |
//! | `dump` | the tables of the daemon for a new connection, in steps; statistics |
//! | `serve` | connects, listens, writes, and begins again |

pub(super) mod dump;
pub(super) mod link;
pub(super) mod peer;
pub(super) mod serve;
pub(super) mod station;
