//! A queue on its way from one process of this program to the next.

use super::{Entry, Promise, Queue};
use crate::rib::PeerSet;

/// The content of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueParts {
    /// Texts, each with the number of its repetitions.
    pub(crate) entries: Vec<(Vec<u8>, u64)>,
    /// Answers that wait until routes have been sent to these neighbors.
    pub(crate) waiting: Vec<(PeerSet, Vec<u8>)>,
    /// Events that were dropped and not reported, and those dropped so far.
    pub(crate) lost: (u64, u64),
}

impl Queue {
    /// Returns `true` if an answer is not known yet, other than this one.
    pub(crate) fn waits_for_another(&self, known: Option<&Promise>) -> bool {
        self.pending_acks.borrow().waits_for_another(known)
    }

    /// Generates the answers that are generated while they are read.
    pub(crate) fn make_all(&self) {
        let mut entries = self.entries.take();
        for entry in &mut entries {
            if let Entry::Made { make, .. } = entry {
                let mut text = String::new();
                while make(&mut text) {}
                *entry = Entry::Text(text.into_bytes());
            }
        }
        entries.retain(|entry| !matches!(entry, Entry::Text(text) if text.is_empty()));
        self.entries.replace(entries);
        self.acks_mut().make_all();
    }

    /// What another process needs to continue with it, after [`make_all`](Self::make_all). Answers that are not known yet are
    /// `answer`.
    pub(crate) fn parts(&self, answer: &str) -> QueueParts {
        let entries = self.entries.borrow();
        let mut written = self.written.get();
        let texts = entries.iter().filter_map(|entry| match entry {
            Entry::Text(text) => {
                let from = std::mem::take(&mut written).min(text.len());
                Some((text[from..].to_vec(), 1))
            }
            Entry::Run { line, count } => Some((line.to_vec(), *count)),
            Entry::Made { .. } => None,
        });
        QueueParts {
            entries: texts.collect(),
            waiting: self.pending_acks.borrow().parts(answer),
            lost: (self.lost.get(), self.dropped.get()),
        }
    }

    /// Appends the content of a queue of another process. What waits for routes is to be sealed by the caller.
    pub(crate) fn resume(&self, parts: QueueParts) {
        self.open();
        for (text, times) in parts.entries {
            match (&text[..], times) {
                (b"done\n", _) => self.answer_times(b"done\n", times),
                (b"error\n", _) => self.answer_times(b"error\n", times),
                (text, _) => self.append(text),
            }
        }
        if self.bytes.get() > self.marks.get().high {
            self.over.set(true);
        }
        for (peers, text) in parts.waiting {
            self.reply_later(&peers, &text);
        }
        self.lost.set(parts.lost.0);
        self.dropped.set(parts.lost.1);
    }
}
