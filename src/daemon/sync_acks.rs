//! Answers that are held back until routes have been sent: `sync` of the helper protocol.
//!
//! An answer that is held back also holds back those after it, so that a helper receives all in order. The commands of one
//! batch share one mark in the RIB, even if they are thousands. Their answers are released when everything before the mark
//! has been written to the socket of every selected neighbor; neighbors without a session do not count.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::rib::adj_rib_out::Mark;
use crate::rib::{PeerId, PeerSet};

/// Answers that are held back, in order.
#[derive(Default)]
pub(crate) struct PendingAcks {
    list: VecDeque<PendingAck>,
    bytes: usize,
}

/// Appends the next piece of an answer. Returns `true` if there are more.
pub(crate) type Make = Box<dyn FnMut(&mut String) -> bool>;

/// An answer that is not known yet.
pub(crate) type Promise = Rc<RefCell<Option<String>>>;

/// One mark, and the answers from there to the next mark.
struct PendingAck {
    /// The point in the RIB that must be reached; `None` while answers are being collected.
    mark: Option<Mark>,
    /// The neighbors that have not reached it.
    peers: PeerSet,
    /// The answer that comes before `text`, and that is waited for instead of a mark.
    promise: Option<Promise>,
    /// Waits for nothing but the answers before it.
    free: bool,
    /// The generated answer before `text`, and the bytes that it counts as.
    made: Option<(Make, usize)>,
    text: Vec<u8>,
}

impl PendingAck {
    /// Returns `true` while answers are being collected that will wait for one mark.
    const fn is_collecting(&self) -> bool {
        self.mark.is_none() && self.promise.is_none() && !self.free
    }
}

impl PendingAcks {
    /// Returns `true` if nothing is held back.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Its memory, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds an answer back until everything so far has been sent to `peers`.
    pub(crate) fn wait(&mut self, peers: &PeerSet, text: &[u8]) {
        match self.list.back_mut() {
            Some(hold) if hold.is_collecting() => hold.peers.union(peers),
            _ => {
                self.push(peers.clone());
            }
        }
        self.follow(text);
    }

    /// Holds back an answer that is not known yet.
    pub(crate) fn promise(&mut self) -> Promise {
        let promise = Promise::default();
        self.push(PeerSet::new()).promise = Some(Rc::clone(&promise));
        promise
    }

    /// Holds back an answer that is generated while it is read, after the last one. It counts as `charge` bytes.
    pub(crate) fn follow_made(&mut self, make: Make, charge: usize) {
        let hold = self.push(PeerSet::new());
        (hold.free, hold.made) = (true, Some((make, charge)));
        self.bytes += charge;
    }

    fn push(&mut self, peers: PeerSet) -> &mut PendingAck {
        self.bytes += size_of::<PendingAck>();
        self.list.push_back(PendingAck {
            mark: None,
            peers,
            promise: None,
            free: false,
            made: None,
            text: Vec::new(),
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Holds an answer back after the last one. Returns `false` if none is held back.
    pub(crate) fn follow(&mut self, text: &[u8]) -> bool {
        let Some(hold) = self.list.back_mut() else {
            return false;
        };
        hold.text.extend_from_slice(text);
        self.bytes += text.len();
        true
    }

    /// Sets the mark of the answers that were collected. Returns `false` if there were none.
    pub(crate) fn seal(
        &mut self,
        mut mark: impl FnMut(&PeerSet) -> Mark,
        is_reached: impl Fn(Mark, PeerId) -> bool,
    ) -> bool {
        let mut sealed = false;
        // A generated answer or a promise may be between them.
        let unmarked = self.list.iter_mut().rev();
        for hold in unmarked.take_while(|hold| hold.mark.is_none()) {
            if hold.is_collecting() {
                let mark = mark(&hold.peers);
                hold.mark = Some(mark);
                let waits = hold.peers.iter().filter(|peer| !is_reached(mark, *peer));
                hold.peers = waits.collect();
                sealed = true;
            }
        }
        sealed
    }

    /// Notes that `peer` may have reached marks.
    pub(crate) fn arrived(&mut self, peer: PeerId, is_reached: impl Fn(Mark) -> bool) {
        for hold in &mut self.list {
            if hold.mark.is_some_and(&is_reached) {
                hold.peers.remove(peer);
            }
        }
    }

    /// Takes the generated answer that is next, which needs not wait any longer.
    pub(crate) fn take_made(&mut self) -> Option<Make> {
        let (make, charge) = self.list.front_mut()?.made.take()?;
        self.bytes = self.bytes.saturating_sub(charge);
        Some(make)
    }

    /// Takes the next answers that need not wait any longer, after [`take_made`](Self::take_made).
    pub(crate) fn release(&mut self) -> Option<Vec<u8>> {
        let front = self.list.front()?;
        let ready = match &front.promise {
            Some(promise) => promise.borrow().is_some(),
            None => front.free || front.mark.is_some() && front.peers.is_empty(),
        };
        if !ready {
            return None;
        }
        let hold = self.list.pop_front()?;
        self.bytes = self
            .bytes
            .saturating_sub(size_of::<PendingAck>() + hold.text.len());
        let first = hold.promise.and_then(|promise| promise.take());
        let mut text = first.map_or_else(Vec::new, String::into_bytes);
        text.extend_from_slice(&hold.text);
        Some(text)
    }

    /// Returns `true` if an answer is not known yet, other than this one.
    pub(crate) fn waits_for_another(&self, known: Option<&Promise>) -> bool {
        let promises = self.list.iter().filter_map(|hold| hold.promise.as_ref());
        let mut open = promises.filter(|promise| promise.borrow().is_none());
        open.any(|promise| known.is_none_or(|known| !Rc::ptr_eq(promise, known)))
    }

    /// Generates the answers that are generated while they are read.
    pub(crate) fn make_all(&mut self) {
        for hold in &mut self.list {
            if let Some((mut make, charge)) = hold.made.take() {
                let mut text = String::new();
                while make(&mut text) {}
                hold.text.splice(0..0, text.into_bytes());
                self.bytes = self.bytes.saturating_sub(charge);
            }
        }
    }

    /// The answers, each with the neighbors that it waits for. Those that are not known yet are `answer`.
    pub(crate) fn parts(&self, answer: &str) -> Vec<(PeerSet, Vec<u8>)> {
        let parts = self.list.iter().map(|hold| {
            let mut text = match &hold.promise {
                Some(promise) => match &*promise.borrow() {
                    Some(known) => known.as_bytes().to_vec(),
                    None => answer.as_bytes().to_vec(),
                },
                None => Vec::new(),
            };
            text.extend_from_slice(&hold.text);
            (hold.peers.clone(), text)
        });
        parts.collect()
    }

    /// Drops all answers.
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
    fn answers_are_released_in_order_once_every_peer_has_reached_the_mark() {
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
