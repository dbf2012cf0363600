//! The queue of text to be written to a helper's stdin.
//!
//! It holds events, which are bytes, and answers, nearly all of which are `done`. A helper that never reads must not block
//! anything (ExaBGP 5.0 blocks for ever after 13,107 answers), so equal answers in a row are one entry with a count: a
//! million of them need sixteen bytes, and a helper that reads late still receives each in its place. Above the high mark,
//! depending on the configuration of the helper, the neighbors whose events it receives pause until the queue is below the
//! low mark, or events are dropped and counted until then, or the helper is killed.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::io::IoSlice;

use tokio::sync::Notify;

use super::sync_acks::PendingAcks;
pub(crate) use super::sync_acks::{Make, Promise};
use crate::config::QueueFull;
use crate::rib::adj_rib_out::Mark;
use crate::rib::{PeerId, PeerSet};

pub(crate) mod handover;

/// Size of the chunks by which the queue grows, in bytes.
const CHUNK: usize = 64 * 1024;
/// Most chunks of one write.
const SLICES: usize = 16;

/// Marks of a queue, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Above this, the sources of events pause.
    pub(crate) high: usize,
    /// Below this, they continue.
    pub(crate) low: usize,
    /// With more bytes of answers than this unread, no more commands are read from the helper.
    pub(crate) replies: usize,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            high: 16 << 20,
            low: 4 << 20,
            replies: 1 << 20,
        }
    }
}

impl Marks {
    /// These marks, for a queue of a configured size.
    pub(crate) fn sized(self, size: Option<usize>) -> Self {
        size.map_or(self, |high| Self {
            high,
            low: high / 4,
            ..self
        })
    }
}

enum Entry {
    /// Text.
    Text(Vec<u8>),
    /// The same line `count` times.
    Run { line: &'static [u8], count: u64 },
    /// An answer that is generated while it is read. No more commands are read meanwhile.
    Made { make: Make, charge: usize },
}

/// A queue of text for one helper or operator. It has interior mutability, since events and answers come from many places.
pub(crate) struct Queue {
    entries: RefCell<VecDeque<Entry>>,
    /// Bytes of the first entry that are already written.
    written: Cell<usize>,
    bytes: Cell<usize>,
    reply_bytes: Cell<usize>,
    over: Cell<bool>,
    open: Cell<bool>,
    pending_acks: RefCell<PendingAcks>,
    marks: Cell<Marks>,
    full: Cell<QueueFull>,
    /// Number of dropped events that was not reported to the helper yet.
    lost: Cell<u64>,
    /// Number of events that were dropped so far.
    dropped: Cell<u64>,
    /// Wakes the writer.
    pub(crate) filled: Notify,
    /// Wakes tasks that paused, once the queue is below its low mark, closed, or its answers were read.
    pub(crate) drained: Notify,
}

impl Queue {
    pub(crate) fn new(marks: Marks) -> Self {
        Self {
            entries: RefCell::default(),
            written: Cell::new(0),
            bytes: Cell::new(0),
            reply_bytes: Cell::new(0),
            over: Cell::new(false),
            open: Cell::new(false),
            pending_acks: RefCell::default(),
            marks: Cell::new(marks),
            full: Cell::new(QueueFull::Pause),
            lost: Cell::new(0),
            dropped: Cell::new(0),
            filled: Notify::new(),
            drained: Notify::new(),
        }
    }

    fn entries_mut(&self) -> RefMut<'_, VecDeque<Entry>> {
        self.entries.borrow_mut()
    }

    fn acks_mut(&self) -> RefMut<'_, PendingAcks> {
        self.pending_acks.borrow_mut()
    }

    /// Sets the marks, and what happens above the high one.
    pub(crate) fn configure(&self, marks: Marks, full: QueueFull) {
        self.marks.set(marks);
        self.full.set(full);
    }

    /// Drops events above the high mark from now on.
    pub(crate) fn drop_when_full(&self) {
        self.full.set(QueueFull::Drop);
    }

    /// Accepts text from now on: the helper runs.
    pub(crate) fn open(&self) {
        self.open.set(true);
    }

    /// Drops everything and accepts nothing more: the helper is gone.
    pub(crate) fn close(&self) {
        self.open.set(false);
        self.entries_mut().clear();
        self.acks_mut().clear();
        self.written.set(0);
        self.bytes.set(0);
        self.reply_bytes.set(0);
        self.over.set(false);
        self.lost.set(0);
        self.drained.notify_waiters();
    }

    /// Drops everything, including answers that are held back: the client is gone.
    pub(crate) fn forget(&self) {
        self.close();
        self.open();
    }

    /// Returns `true` if the first entry is partly written.
    pub(crate) const fn is_begun(&self) -> bool {
        self.written.get() > 0
    }

    /// Appends an event: whole lines.
    pub(crate) fn event(&self, text: &[u8]) {
        if !self.open.get() || text.is_empty() {
            return;
        }
        if self.over.get() && self.full.get() == QueueFull::Drop {
            self.lost.set(self.lost.get() + 1);
            self.dropped.set(self.dropped.get() + 1);
            return;
        }
        self.append(text);
        if self.bytes.get() > self.marks.get().high {
            self.over.set(true);
        }
    }

    /// Takes the number of dropped events, once there is room to report it.
    pub(crate) fn take_lost(&self) -> Option<u64> {
        let count = self.lost.get();
        (count > 0 && !self.over.get()).then(|| {
            self.lost.set(0);
            count
        })
    }

    /// Returns `true` if the helper is to be killed because it does not read.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.over.get() && self.full.get() == QueueFull::Kill
    }

    /// Appends the answer to a command: whole lines. It follows the answers that are held back.
    pub(crate) fn reply(&self, text: &[u8]) {
        if self.open.get() && !text.is_empty() && !self.acks_mut().follow(text) {
            self.answer(text);
        }
    }

    /// Appends the same answer `times` times.
    pub(crate) fn reply_times(&self, text: &[u8], times: u64) {
        let is_counted = text == b"done\n" && self.open.get() && !self.holds_back();
        if is_counted {
            self.answer_times(b"done\n", times);
        } else {
            (0..times).for_each(|_| self.reply(text));
        }
    }

    /// Appends an answer that is generated while it is read.
    pub(crate) fn reply_made(&self, make: Make) {
        if !self.open.get() {
            return;
        }
        let charge = self.marks.get().replies + 1;
        if self.holds_back() {
            return self.acks_mut().follow_made(make, charge);
        }
        self.made(make, charge);
    }

    fn made(&self, make: Make, charge: usize) {
        self.reply_bytes.set(self.reply_bytes.get() + charge);
        let mut entries = self.entries_mut();
        entries.push_back(Entry::Made { make, charge });
        drop(entries);
        self.filled.notify_one();
    }

    /// Appends the answer to a command, held back until all changes so far have been written to the sockets of `peers`.
    pub(crate) fn reply_later(&self, peers: &PeerSet, text: &[u8]) {
        if self.open.get() {
            self.acks_mut().wait(peers, text);
        }
    }

    /// Appends an answer that is not known yet. Once it is, [`settle`](Self::settle) writes it and those behind it.
    pub(crate) fn promise(&self) -> Promise {
        match self.open.get() {
            true => self.acks_mut().promise(),
            false => Promise::default(),
        }
    }

    /// Writes answers that have become known.
    pub(crate) fn settle(&self) {
        self.release();
    }

    /// Sets the point that the answers of [`reply_later`](Self::reply_later) since the last call wait for. Returns `true` if
    /// there were any.
    pub(crate) fn seal(
        &self,
        mark: impl FnMut(&PeerSet) -> Mark,
        is_reached: impl Fn(Mark, PeerId) -> bool,
    ) -> bool {
        let sealed = self.acks_mut().seal(mark, is_reached);
        if sealed {
            self.release();
        }
        sealed
    }

    /// Releases answers that waited for `peer` only. Returns `true` if any still wait.
    pub(crate) fn arrived(&self, peer: PeerId, is_reached: impl Fn(Mark) -> bool) -> bool {
        self.acks_mut().arrived(peer, is_reached);
        self.release();
        self.holds_back()
    }

    /// Returns `true` if answers are held back.
    pub(crate) fn holds_back(&self) -> bool {
        !self.pending_acks.borrow().is_empty()
    }

    fn release(&self) {
        loop {
            let made = self.acks_mut().take_made();
            if let Some(make) = made {
                self.made(make, self.marks.get().replies + 1);
            }
            let Some(text) = ({ self.acks_mut().release() }) else {
                return;
            };
            self.answer_all(&text);
            self.drained.notify_waiters();
        }
    }

    /// Appends answers, whole lines.
    fn answer_all(&self, mut text: &[u8]) {
        const DONE: &[u8] = b"done\n";
        while !text.is_empty() {
            let dones = text.chunks(DONE.len()).take_while(|line| *line == DONE);
            let dones = dones.count();
            if dones > 0 {
                self.answer_times(DONE, dones as u64);
                text = &text[dones * DONE.len()..];
                continue;
            }
            let line = memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1);
            self.answer(&text[..line]);
            text = &text[line..];
        }
    }

    fn answer(&self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let line: &'static [u8] = match text {
            b"done\n" => b"done\n",
            b"error\n" => b"error\n",
            _ => {
                self.reply_bytes.set(self.reply_bytes.get() + text.len());
                return self.append(text);
            }
        };
        self.answer_times(line, 1);
    }

    /// Appends an answer that is stored as a count.
    fn answer_times(&self, line: &'static [u8], times: u64) {
        let mut entries = self.entries_mut();
        match entries.back_mut() {
            Some(Entry::Run { line: last, count }) if *last == line => *count += times,
            _ => {
                entries.push_back(Entry::Run { line, count: times });
                // The memory of a run, not its size on the pipe.
                self.bytes.set(self.bytes.get() + size_of::<Entry>());
                self.reply_bytes
                    .set(self.reply_bytes.get() + size_of::<Entry>());
            }
        }
        drop(entries);
        self.filled.notify_one();
    }

    fn append(&self, text: &[u8]) {
        let mut entries = self.entries_mut();
        match entries.back_mut() {
            Some(Entry::Text(chunk)) if chunk.len() + text.len() <= CHUNK => {
                chunk.extend_from_slice(text)
            }
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK.min(text.len().max(4096)));
                chunk.extend_from_slice(text);
                entries.push_back(Entry::Text(chunk));
            }
        }
        self.bytes.set(self.bytes.get() + text.len());
        drop(entries);
        self.filled.notify_one();
    }

    /// Returns `true` if the sources of events may continue.
    pub(crate) fn has_room(&self) -> bool {
        !self.over.get() || self.full.get() != QueueFull::Pause
    }

    /// Returns `true` if it is above the high mark, or was and is not below the low one.
    pub(crate) const fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Returns `true` if more commands may be read from the helper.
    pub(crate) fn accepts_commands(&self) -> bool {
        self.reply_bytes.get() + self.pending_acks.borrow().bytes() <= self.marks.get().replies
    }

    /// Waits until more commands may be read from the helper.
    pub(crate) async fn accepting(&self) {
        while !self.accepts_commands() {
            self.drained.notified().await;
        }
    }

    /// Memory of the queue, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Number of events that were dropped so far because the helper did not read.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Returns `true` if the queue is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Calls `write` once, and removes what it has written.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn write(
        &self,
        write: impl FnOnce(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<()> {
        self.make();
        self.expand_run();
        let count = {
            let entries = self.entries.borrow();
            let slices: Vec<IoSlice<'_>> = entries
                .iter()
                .take(SLICES)
                .map_while(|entry| match entry {
                    Entry::Text(text) => Some(text.as_slice()),
                    Entry::Run { .. } | Entry::Made { .. } => None,
                })
                .enumerate()
                .map(|(index, text)| {
                    IoSlice::new(if index == 0 {
                        &text[self.written.get()..]
                    } else {
                        text
                    })
                })
                .collect();
            if slices.is_empty() {
                return Ok(());
            }
            write(&slices)?
        };
        self.advance(count);
        Ok(())
    }

    /// Generates the next piece of the first entry, if it is a generated answer.
    fn make(&self) {
        let first = {
            let mut entries = self.entries_mut();
            if !matches!(entries.front(), Some(Entry::Made { .. })) {
                return;
            }
            entries.pop_front()
        };
        let Some(Entry::Made { mut make, charge }) = first else {
            return;
        };
        let mut text = String::new();
        let more = make(&mut text);
        let mut entries = self.entries_mut();
        if more {
            entries.push_front(Entry::Made { make, charge });
        } else {
            self.reply_bytes
                .set(self.reply_bytes.get().saturating_sub(charge));
        }
        if !text.is_empty() {
            self.bytes.set(self.bytes.get() + text.len());
            entries.push_front(Entry::Text(text.into_bytes()));
        }
    }

    /// Converts up to a chunk of the first entry to text, if it is a run.
    fn expand_run(&self) {
        let mut entries = self.entries_mut();
        let Some(Entry::Run { line, count }) = entries.front_mut() else {
            return;
        };
        let take = (*count).min((CHUNK / line.len()) as u64);
        let text = line.repeat(usize::try_from(take).unwrap_or(1));
        *count -= take;
        let ended = *count == 0;
        self.bytes.set(self.bytes.get() + text.len());
        if ended {
            entries.pop_front();
            self.bytes
                .set(self.bytes.get().saturating_sub(size_of::<Entry>()));
            self.reply_bytes
                .set(self.reply_bytes.get().saturating_sub(size_of::<Entry>()));
        }
        entries.push_front(Entry::Text(text));
    }

    fn advance(&self, count: usize) {
        let mut entries = self.entries_mut();
        let mut left = self.written.get() + count;
        while let Some(Entry::Text(text)) = entries.front() {
            if left < text.len() {
                break;
            }
            left -= text.len();
            entries.pop_front();
        }
        self.written.set(left);
        self.bytes.set(self.bytes.get().saturating_sub(count));
        if self.bytes.get() < self.marks.get().low && self.over.replace(false) {
            self.drained.notify_waiters();
        }
        if entries.is_empty() {
            // Everything is written: the approximate counters start again from zero.
            self.bytes.set(0);
            self.reply_bytes.set(0);
            self.drained.notify_waiters();
        }
        if self.reply_bytes.get() <= self.marks.get().replies {
            self.drained.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
