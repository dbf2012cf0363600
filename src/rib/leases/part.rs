//! The peers of an announced route, by how long it stays.

use std::time::Duration;

use smallvec::SmallVec;

use crate::rib::PeerSet;

/// Peers for which the route stays equally long.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) peers: PeerSet,
    pub(super) length: Option<Duration>,
    /// The lease of some of them that becomes that of all.
    pub(super) lease: Option<u32>,
}

/// All parts of the peers.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) SmallVec<[Part; 1]>);

impl Parts {
    /// Adds peers, all that the lease `reused` has. Returns `false` if that lease is not needed.
    pub(super) fn add(
        &mut self,
        length: Option<Duration>,
        peers: &PeerSet,
        reused: Option<u32>,
    ) -> bool {
        match self.0.iter_mut().find(|part| part.length == length) {
            Some(part) => {
                part.peers.union(peers);
                if part.lease.is_some() {
                    return false;
                }
                part.lease = reused;
            }
            None => self.0.push(Part {
                peers: peers.clone(),
                length,
                lease: reused,
            }),
        }
        reused.is_some()
    }
}
