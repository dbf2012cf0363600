//! One lease.

use std::rc::Rc;
use std::time::Duration;

use super::removals::Removals;
use super::types::Leased;
use crate::bgp::{AttributeSet, Nlri};
use crate::rib::PeerSet;

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) nlri: Nlri,
    pub(super) attributes: Option<Rc<AttributeSet>>,
    pub(super) peers: PeerSet,
    pub(super) owner: Rc<str>,
    pub(super) selector: Option<Rc<str>>,
    pub(super) run: u64,
    pub(super) indexed: bool,
    pub(super) length: Option<Duration>,
    pub(super) deadline: Option<Duration>,
    /// Its deadline in the heap.
    pub(super) queued: Option<Duration>,
    /// The last removal or copy that its peers take into account.
    pub(super) settled: u64,
}

impl Lease {
    /// Calls `visit` with the lease as if all removals and copies of peers were carried out.
    pub(super) fn show(&self, removals: &Removals, visit: &mut dyn FnMut(Leased<'_>)) {
        let settled = removals.applied(self.settled, &self.peers);
        let peers = settled.as_ref().unwrap_or(&self.peers);
        if peers.is_empty() {
            return;
        }
        visit(Leased {
            nlri: &self.nlri,
            attributes: self.attributes.as_ref(),
            peers,
            owner: &self.owner,
            run: self.run,
            selector: self
                .selector
                .as_ref()
                .filter(|_| self.peers.is_subset(peers)),
            length: self.length,
            deadline: self.deadline,
        });
    }
}
