//! How many messages each neighbor exchanged in the last minutes: the small graphs of the status page.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::speaker::PeerKey;

/// How often messages are counted.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
/// How many intervals are kept: five minutes.
const KEPT: usize = 30;

/// Messages in the last intervals, the newest last.
#[derive(Default)]
pub(crate) struct Rates {
    by_peer: RefCell<HashMap<PeerKey, Counts>>,
}

#[derive(Default)]
struct Counts {
    /// All messages so far.
    total: u64,
    recent: VecDeque<u64>,
    /// In which round it was last seen.
    round: u64,
}

impl Rates {
    /// The messages of a neighbor in the last intervals, the newest last.
    pub(crate) fn of(&self, peer: PeerKey) -> Vec<u64> {
        let by_peer = self.by_peer.borrow();
        let counts = by_peer.get(&peer);
        counts.map_or_else(Vec::new, |counts| counts.recent.iter().copied().collect())
    }

    /// Counts the messages of a neighbor in an interval, from its total.
    pub(crate) fn note(&self, peer: PeerKey, total: u64, round: u64) {
        let mut by_peer = self.by_peer.borrow_mut();
        let counts = by_peer.entry(peer).or_insert_with(|| Counts {
            total,
            ..Counts::default()
        });
        if counts.recent.len() == KEPT {
            counts.recent.pop_front();
        }
        counts.recent.push_back(total.saturating_sub(counts.total));
        (counts.total, counts.round) = (total, round);
    }

    /// Forgets neighbors that were not seen in that round.
    pub(crate) fn forget(&self, round: u64) {
        self.by_peer
            .borrow_mut()
            .retain(|_, counts| counts.round == round);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.by_peer.take();
    }
}
