//! What waits to be written to a helper's stdin.
//!
//! Two kinds of text go there: events, which are bytes, and answers, of which nearly all are `done`. A helper that never
//! reads must not stop anything (ExaBGP 5.0 blocks for ever at 13,107 answers), so equal answers in a row are one entry with
//! a count: a million of them cost sixteen bytes, and a helper that begins to read late still gets each in its place.
//! Events beyond the high mark make the neighbours that feed this helper pause, down to the low mark; or they are dropped and
//! counted until then, or the helper is ended, as its configuration says.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::io::IoSlice;

use tokio::sync::Notify;

use super::sync_acks::PendingAcks;
use crate::config::QueueFull;
use crate::rib::adj_rib_out::Mark;
use crate::rib::{PeerId, PeerSet};

/// Size of the pieces that the queue grows by, in bytes.
const CHUNK: usize = 64 * 1024;
/// Pieces that one write takes at the most.
const SLICES: usize = 16;

/// Marks of a queue, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Above this, what feeds the queue pauses.
    pub(crate) high: usize,
    /// Below this, it goes on.
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

enum Entry {
    /// Text as it is.
    Text(Vec<u8>),
    /// The same line `count` times.
    Run { line: &'static [u8], count: u64 },
    /// An answer that is made while it is read; as long as it is there, no more commands are read.
    Made { make: Make, charge: usize },
}

/// Appends the next piece of an answer; whether there are more.
pub(crate) type Make = Box<dyn FnMut(&mut String) -> bool>;

/// A queue of text for one helper. Interior mutability: events and answers are pushed from wherever they arise.
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
    /// Events dropped that the helper was not told of yet.
    lost: Cell<u64>,
    /// Wakes the writer.
    pub(crate) filled: Notify,
    /// Wakes what paused, once the queue is below its low mark, closed, or its answers were read.
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

    /// Sets marks, and what happens beyond the high one.
    pub(crate) fn configure(&self, marks: Marks, full: QueueFull) {
        self.marks.set(marks);
        self.full.set(full);
    }

    /// Takes text from now on: the helper runs.
    pub(crate) fn open(&self) {
        self.open.set(true);
    }

    /// Forgets what waits and takes no more: the helper is gone.
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

    /// Forgets what waits, answers that are held back as well: it was for somebody who is gone.
    pub(crate) fn forget(&self) {
        self.close();
        self.open();
    }

    /// Whether the first entry is partly written.
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
            return;
        }
        self.append(text);
        if self.bytes.get() > self.marks.get().high {
            self.over.set(true);
        }
    }

    /// How many events were dropped since it was asked, once there is room again to say so.
    pub(crate) fn take_lost(&self) -> Option<u64> {
        let count = self.lost.get();
        (count > 0 && !self.over.get()).then(|| {
            self.lost.set(0);
            count
        })
    }

    /// Whether its helper is to be ended for not reading.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.over.get() && self.full.get() == QueueFull::Kill
    }

    /// Appends the answer to a command: whole lines. It stays behind those that are held back.
    pub(crate) fn reply(&self, text: &[u8]) {
        if self.open.get() && !text.is_empty() && !self.acks_mut().follow(text) {
            self.answer(text);
        }
    }

    /// Appends an answer that is made while it is read.
    pub(crate) fn reply_made(&self, mut make: Make) {
        if !self.open.get() {
            return;
        }
        if self.holds_back() {
            // Behind an answer that waits there are only bytes.
            let mut text = String::new();
            while make(&mut text) {}
            return self.reply(text.as_bytes());
        }
        let charge = self.marks.get().replies + 1;
        self.reply_bytes.set(self.reply_bytes.get() + charge);
        let mut entries = self.entries_mut();
        entries.push_back(Entry::Made { make, charge });
        drop(entries);
        self.filled.notify_one();
    }

    /// Appends the answer to a command that is to wait until what was said so far is with the sockets of `peers`.
    pub(crate) fn reply_later(&self, peers: &PeerSet, text: &[u8]) {
        if self.open.get() {
            self.acks_mut().wait(peers, text);
        }
    }

    /// Lets what [`reply_later`](Self::reply_later) added since the last call wait for `mark`; whether there was any.
    pub(crate) fn seal(
        &self,
        mark: impl FnOnce(&PeerSet) -> Mark,
        is_reached: impl Fn(Mark, PeerId) -> bool,
    ) -> bool {
        let sealed = self.acks_mut().seal(mark, is_reached);
        if sealed {
            self.release();
        }
        sealed
    }

    /// Lets answers go that waited for `peer` only; whether any still wait.
    pub(crate) fn arrived(&self, peer: PeerId, is_reached: impl Fn(Mark) -> bool) -> bool {
        self.acks_mut().arrived(peer, is_reached);
        self.release();
        self.holds_back()
    }

    /// Whether answers are held back.
    pub(crate) fn holds_back(&self) -> bool {
        !self.pending_acks.borrow().is_empty()
    }

    fn release(&self) {
        while let Some(text) = { self.acks_mut().release() } {
            self.answer(&text);
            self.drained.notify_waiters();
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
        let mut entries = self.entries_mut();
        match entries.back_mut() {
            Some(Entry::Run { line: last, count }) if *last == line => *count += 1,
            _ => {
                entries.push_back(Entry::Run { line, count: 1 });
                // What a run costs us, not what it will be on the pipe.
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

    /// Whether what feeds this queue may go on.
    pub(crate) fn has_room(&self) -> bool {
        !self.over.get() || self.full.get() != QueueFull::Pause
    }

    /// Whether more commands may be read from the helper.
    pub(crate) fn accepts_commands(&self) -> bool {
        self.reply_bytes.get() + self.pending_acks.borrow().bytes() <= self.marks.get().replies
    }

    /// Bytes of memory that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Pieces that wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Writes as much as `write` takes in one call.
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

    /// Makes a piece of the first entry, if it is one to be made.
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

    /// Makes the first entry text, if it is a run: up to a chunk of it.
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
            // All answers are on the pipe: rounding in the accounts ends here.
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
mod tests {
    use super::*;

    fn drain(queue: &Queue, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !queue.is_empty() {
            let result = queue.write(|slices| {
                let mut took = 0;
                for slice in slices {
                    let take = slice.len().min(most - took);
                    out.extend_from_slice(&slice[..take]);
                    took += take;
                }
                Ok(took)
            });
            result.expect("the writer never fails");
        }
        out
    }

    #[test]
    fn a_million_answers_cost_a_few_bytes_and_all_arrive_in_order() {
        let queue = Queue::new(Marks::default());
        queue.open();
        queue.event(b"first\n");
        for _ in 0..1_000_000 {
            queue.reply(b"done\n");
        }
        queue.reply(b"error\n");
        queue.event(b"last\n");
        assert!(queue.bytes() < 1000, "{}", queue.bytes());
        assert!(queue.accepts_commands() && queue.has_room());
        let out = drain(&queue, 100_000);
        assert_eq!(out.len(), 6 + 5_000_000 + 6 + 5);
        assert!(out.starts_with(b"first\ndone\n") && out.ends_with(b"done\nerror\nlast\n"));
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn the_marks_pause_and_resume_what_feeds_the_queue() {
        let queue = Queue::new(Marks {
            high: 100,
            low: 50,
            replies: 100,
        });
        queue.event(b"lost: nobody reads yet\n");
        queue.open();
        for _ in 0..11 {
            queue.event(b"0123456789");
        }
        assert!(!queue.has_room());
        queue
            .write(|slices| Ok(slices[0].len().min(40)))
            .expect("the writer never fails");
        assert!(!queue.has_room(), "between the marks it stays paused");
        queue
            .write(|slices| Ok(slices[0].len().min(40)))
            .expect("the writer never fails");
        assert!(queue.has_room());
        assert_eq!(drain(&queue, 7).len(), 30);
    }

    #[test]
    fn answers_that_are_not_read_stop_the_reading_of_commands() {
        let queue = Queue::new(Marks {
            high: 1000,
            low: 50,
            replies: 64,
        });
        queue.open();
        for _ in 0..10 {
            queue.reply(b"a long answer\n");
        }
        assert!(!queue.accepts_commands());
        drain(&queue, 1000);
        assert!(queue.accepts_commands());
        queue.close();
        queue.reply(b"done\n");
        assert!(queue.is_empty());
    }

    #[test]
    fn dropped_events_are_counted_until_there_is_room() {
        let queue = Queue::new(Marks::default());
        let marks = Marks {
            high: 20,
            low: 5,
            ..Marks::default()
        };
        queue.configure(marks, QueueFull::Drop);
        queue.open();
        for _ in 0..10 {
            queue.event(b"0123456789\n");
        }
        assert!(queue.has_room(), "nobody waits for this helper");
        assert_eq!(queue.take_lost(), None, "there is no room to say so");
        assert_eq!(drain(&queue, usize::MAX).len(), 22);
        assert_eq!(queue.take_lost(), Some(8));
        assert_eq!(queue.take_lost(), None);
        queue.event(b"x\n");
        assert_eq!(drain(&queue, usize::MAX), b"x\n");
        queue.configure(marks, QueueFull::Kill);
        queue.event(&[b'y'; 30]);
        assert!(queue.is_hopeless() && queue.has_room());
    }
}
