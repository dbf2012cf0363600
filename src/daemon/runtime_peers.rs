//! Which neighbors were created by commands (`peer create`), beside those of the configuration file.
//!
//! They are added and removed between two requests, not inside a command: the speaker must not be changed from one of its
//! own callbacks. A reload leaves them alone.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeSet;

use crate::config::NeighborConfig;
use crate::rib::{PeerId, PeerSet};

/// Neighbors that commands created, and those that wait to be added or removed.
#[derive(Default)]
pub(crate) struct RuntimePeers(RefCell<State>);

#[derive(Default)]
struct State {
    names: BTreeSet<String>,
    added: Vec<NeighborConfig>,
    removed: Vec<PeerId>,
}

impl RuntimePeers {
    fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Returns `true` if a command created the neighbor of that name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.borrow().names.contains(name)
    }

    /// The name of one of them.
    pub(crate) fn any(&self) -> Option<String> {
        self.0.borrow().names.first().cloned()
    }

    /// Notes a neighbor to be added.
    pub(crate) fn add(&self, name: String, config: NeighborConfig) {
        let mut state = self.state();
        state.names.insert(name);
        state.added.push(config);
    }

    /// Notes neighbors to be removed.
    pub(crate) fn remove(&self, peers: &PeerSet) {
        self.state().removed.extend(peers.iter());
    }

    /// Forgets a neighbor that was removed or could not be added.
    pub(crate) fn forget(&self, name: &str) {
        self.state().names.remove(name);
    }

    /// Takes the neighbors to be added and those to be removed.
    pub(crate) fn take(&self) -> (Vec<NeighborConfig>, Vec<PeerId>) {
        let mut state = self.state();
        (
            std::mem::take(&mut state.added),
            std::mem::take(&mut state.removed),
        )
    }
}
