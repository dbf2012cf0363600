//! Answers that wait for the wire: `sync` before a command, `session sync enable` for all.
//!
//! Such an answer is written when the UPDATEs of all that was said before it were handed to each neighbour's socket; a
//! neighbour without session has nothing to wait for. The answers of one helper keep their order, so those to later
//! commands wait behind it. What waits counts against the helper's mark for answers: one that asks faster than the wire
//! goes is read more slowly.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::rib::adj_rib_out::{AdjRibOut, Mark};
use crate::rib::{PeerId, PeerSet};

use super::process::Process;

/// What an answer costs besides its text, in bytes.
const ENTRY: usize = 96;

/// Answers that wait, in the order of their commands.
#[derive(Default)]
pub(crate) struct Waiting {
    list: RefCell<VecDeque<Entry>>,
}

struct Entry {
    process: Rc<Process>,
    text: Vec<u8>,
    /// For how far which neighbours must be; nothing for an answer that only keeps its place.
    mark: Option<(Mark, PeerSet)>,
}

impl Entry {
    fn is_ready(&self, rib: &AdjRibOut) -> bool {
        self.mark.as_ref().is_none_or(|(mark, peers)| {
            peers.iter().all(|peer: PeerId| rib.is_reached(*mark, peer))
        })
    }
}

impl Waiting {
    /// Answers `process`: at once, unless the mark is not reached or an earlier answer waits.
    pub(crate) fn reply(&self, process: &Rc<Process>, text: &[u8], mark: Option<(Mark, PeerSet)>) {
        let mut list = self.list.borrow_mut();
        let behind = || list.iter().any(|entry| Rc::ptr_eq(&entry.process, process));
        if mark.is_none() && (list.is_empty() || !behind()) {
            return process.queue.reply(text);
        }
        if !text.is_empty() || mark.is_some() {
            process.queue.hold(text.len() + ENTRY);
            list.push_back(Entry {
                process: Rc::clone(process),
                text: text.to_vec(),
                mark,
            });
        }
    }

    /// Writes the answers whose time has come. Call it whenever a neighbour got messages, or lost its session.
    pub(crate) fn release(&self, rib: &AdjRibOut) {
        let mut list = self.list.borrow_mut();
        if list.is_empty() {
            return;
        }
        let mut held: Vec<Rc<Process>> = Vec::new();
        list.retain(|entry| {
            let behind = held
                .iter()
                .any(|process| Rc::ptr_eq(process, &entry.process));
            if behind || !entry.is_ready(rib) {
                if !behind {
                    held.push(Rc::clone(&entry.process));
                }
                return true;
            }
            entry.process.queue.reply(&entry.text);
            entry.process.queue.release(entry.text.len() + ENTRY);
            false
        });
    }

    /// Forgets the answers to a helper that is gone.
    pub(crate) fn forget(&self, process: &Process) {
        self.list.borrow_mut().retain(|entry| {
            let other = entry.process.name != process.name;
            if !other {
                entry.process.queue.release(entry.text.len() + ENTRY);
            }
            other
        });
    }
}
