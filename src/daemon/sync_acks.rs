//! Answers that wait for the wire: `sync` of the helper protocol.
//!
//! An answer that waits holds back those after it, so that a speaker gets all in order. The commands that are read in one
//! turn share one wait: one mark in the RIB for thousands of lines. It is over when what was said before the mark is with
//! the socket of every neighbour that was meant; one without a session is not waited for.

use std::collections::VecDeque;

use crate::rib::adj_rib_out::Mark;
use crate::rib::{PeerId, PeerSet};

/// Answers that are held back, in order.
#[derive(Debug, Default)]
pub(crate) struct PendingAcks {
    list: VecDeque<PendingAck>,
    bytes: usize,
}

/// One wait, and the answers from its own to the next wait's.
#[derive(Debug)]
struct PendingAck {
    /// The point in the RIB that is waited for; `None`: still being collected.
    mark: Option<Mark>,
    /// Who did not get there.
    peers: PeerSet,
    text: Vec<u8>,
}

impl PendingAcks {
    /// Whether nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What it costs, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// PendingAcks an answer back until what was said so far is with `peers`.
    pub(crate) fn wait(&mut self, peers: &PeerSet, text: &[u8]) {
        match self.list.back_mut() {
            Some(hold) if hold.mark.is_none() => hold.peers.union(peers),
            _ => {
                self.bytes += size_of::<PendingAck>();
                self.list.push_back(PendingAck {
                    mark: None,
                    peers: peers.clone(),
                    text: Vec::new(),
                });
            }
        }
        self.follow(text);
    }

    /// PendingAcks an answer back behind the last one; whether there is one.
    pub(crate) fn follow(&mut self, text: &[u8]) -> bool {
        let Some(hold) = self.list.back_mut() else {
            return false;
        };
        hold.text.extend_from_slice(text);
        self.bytes += text.len();
        true
    }

    /// Ends the collecting: from now on the last wait is for what `mark` marks. Whether there was one to end.
    pub(crate) fn seal(
        &mut self,
        mark: impl FnOnce(&PeerSet) -> Mark,
        is_reached: impl Fn(Mark, PeerId) -> bool,
    ) -> bool {
        let Some(hold) = self.list.back_mut().filter(|hold| hold.mark.is_none()) else {
            return false;
        };
        let mark = mark(&hold.peers);
        hold.mark = Some(mark);
        hold.peers = hold
            .peers
            .iter()
            .filter(|peer| !is_reached(mark, *peer))
            .collect();
        true
    }

    /// Waits no more for `peer`, where it got to the mark.
    pub(crate) fn arrived(&mut self, peer: PeerId, is_reached: impl Fn(Mark) -> bool) {
        for hold in &mut self.list {
            if hold.mark.is_some_and(&is_reached) {
                hold.peers.remove(peer);
            }
        }
    }

    /// The answers that need not wait any longer.
    pub(crate) fn release(&mut self) -> Option<Vec<u8>> {
        let front = self.list.front()?;
        if front.mark.is_none() || !front.peers.is_empty() {
            return None;
        }
        let hold = self.list.pop_front()?;
        self.bytes = self
            .bytes
            .saturating_sub(size_of::<PendingAck>() + hold.text.len());
        Some(hold.text)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rib::adj_rib_out::AdjRibOut;

    #[test]
    fn answers_come_out_in_order_once_everybody_got_there() {
        let mut rib = AdjRibOut::new();
        let peers: PeerSet = [PeerId(1), PeerId(2)].into_iter().collect();
        let mut holds = PendingAcks::default();
        assert!(!holds.follow(b"done\n"), "there is nothing to wait behind");
        holds.wait(&peers, b"1\n");
        holds.wait(&peers, b"2\n");
        assert_eq!(holds.release(), None, "still being collected");
        assert!(holds.seal(|peers| rib.mark(peers), |_, _| false));
        assert!(!holds.seal(|peers| rib.mark(peers), |_, _| false));
        assert!(holds.follow(b"3\n"));
        holds.wait(&peers, b"4\n");
        assert!(holds.seal(|peers| rib.mark(peers), |_, peer| peer == PeerId(2)));
        holds.arrived(PeerId(1), |_| true);
        assert_eq!(holds.release(), None, "the second got to neither mark");
        holds.arrived(PeerId(2), |_| true);
        assert_eq!(holds.release().as_deref(), Some(&b"1\n2\n3\n"[..]));
        assert_eq!(holds.release().as_deref(), Some(&b"4\n"[..]));
        assert!(holds.is_empty() && holds.bytes() == 0);
    }
}
