//! What waits for a peer's socket: shared bytes, written with one vectored call.
//!
//! Routes wait in chunks of whole messages that many peers may share; KEEPALIVE and NOTIFICATION jump ahead of them, but
//! only at the end of a message that the socket has already taken a part of. A write that the socket takes in part is
//! remembered here and never in a future, so that a driver may drop any future at any time. The marks are in bytes:
//! above [`HIGH_MARK`] no routes are added, below [`LOW_MARK`] they are again. Rejected: a second copy into one send
//! buffer (a copy for each peer), a queue of messages (an allocation for each message).

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::bgp::message::HEADER;

/// Bytes above which nothing is added: 256 KiB. Less in the simulation, whose peers have few routes.
pub const HIGH_MARK: usize = if cfg!(test) { 2 * 4_096 } else { 256 * 1024 };
/// Bytes below which more is added.
pub const LOW_MARK: usize = HIGH_MARK / 4;
/// Most slices of one write.
const SLICES: usize = 64;

/// Bytes on their way to one peer.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The rest of a message whose beginning the socket has.
    started: Bytes,
    /// KEEPALIVE, NOTIFICATION, OPEN: one message each.
    urgent: VecDeque<Bytes>,
    /// Chunks of whole messages.
    queue: VecDeque<Bytes>,
    /// How much of the first chunk of `queue` the socket has.
    taken: usize,
    /// Bytes that wait, all together.
    waiting: usize,
    /// Chunks pushed since the last [`Outbox::take_pushed`], if they are recorded.
    pushed: Option<Vec<PushedChunk>>,
}

/// A chunk that was pushed.
#[derive(Debug)]
pub(crate) struct PushedChunk {
    pub(crate) messages: Bytes,
    /// The number of messages, if it is known and all of them are UPDATEs.
    pub(crate) updates: Option<usize>,
}

impl Outbox {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk of whole messages, headers included. An empty chunk is nothing.
    pub fn push(&mut self, messages: Bytes) {
        self.add(messages, None);
    }

    /// Adds a chunk of `count` whole UPDATE messages, which are not counted again. Nothing is checked: with another number,
    /// the counters of the session are wrong.
    pub fn push_updates(&mut self, messages: Bytes, count: usize) {
        self.add(messages, Some(count));
    }

    fn add(&mut self, messages: Bytes, updates: Option<usize>) {
        if messages.is_empty() {
            return;
        }
        if let Some(pushed) = &mut self.pushed {
            let messages = messages.clone();
            pushed.push(PushedChunk { messages, updates });
        }
        self.waiting += messages.len();
        self.queue.push_back(messages);
    }

    /// Whether more may be added.
    pub const fn has_room(&self) -> bool {
        self.waiting < HIGH_MARK
    }

    /// Bytes that may be added before the mark is reached.
    pub const fn room(&self) -> usize {
        HIGH_MARK.saturating_sub(self.waiting)
    }

    /// Bytes that wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Adds one message that goes ahead of all chunks, after the message that the socket has a part of.
    pub(crate) fn push_urgent(&mut self, message: Bytes) {
        self.waiting += message.len();
        self.urgent.push_back(message);
    }

    /// Forgets all chunks but the rest of a message that was begun: what follows a NOTIFICATION is not sent.
    pub(crate) fn drop_queue(&mut self) {
        self.finish_message();
        self.queue.clear();
        self.taken = 0;
        self.waiting = self.started.len() + self.urgent.iter().map(Bytes::len).sum::<usize>();
    }

    /// All bytes that wait, in order: first the rest of a message that was begun.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        if !self.urgent.is_empty() {
            self.finish_message();
        }
        let first = self.queue.front();
        let first = first.and_then(|chunk| chunk.get(self.taken..));
        let urgent = self.urgent.iter().map(|message| &message[..]);
        let chunks = self.queue.iter().skip(1).map(|chunk| &chunk[..]);
        let parts = std::iter::once(&self.started[..]).chain(urgent);
        parts
            .chain(first)
            .chain(chunks)
            .flatten()
            .copied()
            .collect()
    }

    /// Continues with the [`rest`](Self::rest) of another one, of which nothing is recorded as pushed. What follows comes after
    /// all of it, KEEPALIVE too, since it is not known where its messages begin.
    pub(crate) fn resume(&mut self, rest: Vec<u8>) {
        self.waiting += rest.len();
        self.started = rest.into();
    }

    /// Frees the memory of queues that are empty.
    pub(crate) fn trim(&mut self) {
        for queue in [&mut self.urgent, &mut self.queue] {
            if queue.is_empty() {
                *queue = VecDeque::new();
            }
        }
        if self.started.is_empty() {
            // It keeps the buffer of the last message alive.
            self.started = Bytes::new();
        }
    }

    /// Records what is pushed from now on, for [`Outbox::take_pushed`].
    pub(crate) fn record_pushed(&mut self) {
        self.pushed.get_or_insert_default();
    }

    /// The chunks pushed since the last call; empty unless they are recorded.
    pub(crate) fn take_pushed(&mut self) -> Vec<PushedChunk> {
        self.pushed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What to write next, in order.
    pub(crate) fn slices(&mut self) -> smallvec::SmallVec<[IoSlice<'_>; SLICES]> {
        if !self.urgent.is_empty() {
            self.finish_message();
        }
        let begun = (!self.started.is_empty()).then_some(&self.started[..]);
        let mut chunks = self.queue.iter();
        let first = chunks
            .next()
            .map(|chunk| chunk.get(self.taken..).unwrap_or_default());
        begun
            .into_iter()
            .chain(self.urgent.iter().map(|message| &message[..]))
            .chain(first)
            .chain(chunks.map(|chunk| &chunk[..]))
            .map(IoSlice::new)
            .take(SLICES)
            .collect()
    }

    /// Notes that the socket took `count` bytes of what [`Outbox::slices`] gave.
    pub(crate) fn wrote(&mut self, count: usize) {
        let mut left = count.min(self.waiting);
        self.waiting -= left;
        let of_started = left.min(self.started.len());
        self.started.advance(of_started);
        left -= of_started;
        while left > 0 {
            let Some(mut message) = self.urgent.pop_front() else {
                break;
            };
            let part = left.min(message.len());
            message.advance(part);
            left -= part;
            self.started = message;
        }
        while left > 0 {
            let Some(chunk) = self.queue.front() else {
                break;
            };
            let rest = chunk.len() - self.taken;
            if left < rest {
                self.taken += left;
                break;
            }
            left -= rest;
            self.taken = 0;
            self.queue.pop_front();
        }
    }

    /// Cuts the rest of a begun message off the first chunk, so that others may follow it.
    fn finish_message(&mut self) {
        if self.taken == 0 {
            return;
        }
        let Some(chunk) = self.queue.front_mut() else {
            return;
        };
        let end = boundary(chunk, self.taken);
        // `started` is empty here: the first chunk is only begun when nothing is left before it.
        self.started = chunk.slice(self.taken..end);
        chunk.advance(end);
        self.taken = 0;
        if chunk.is_empty() {
            self.queue.pop_front();
        }
    }
}

/// The end of the message of `chunk` that the byte before `at` belongs to.
fn boundary(chunk: &[u8], at: usize) -> usize {
    messages(chunk)
        .scan(0, |end, message| {
            *end += message.len();
            Some(*end)
        })
        .find(|end| *end >= at)
        .unwrap_or(chunk.len())
}

/// The messages of a chunk, one by one; what has no whole header is the last one.
pub(crate) fn messages(mut chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if chunk.is_empty() {
            return None;
        }
        let length = chunk
            .get(16..18)
            .map_or(chunk.len(), |field| {
                usize::from(field[0]) << 8 | usize::from(field[1])
            })
            .clamp(HEADER.min(chunk.len()), chunk.len());
        let (message, rest) = chunk.split_at(length);
        chunk = rest;
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::message::{self, MessageType};

    fn update(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        message::encode(&mut out, MessageType::UPDATE, |w| w.bytes(body));
        out
    }

    /// Writes everything, `step` bytes at a time, with `urgent` pushed after the first step.
    fn drain(outbox: &mut Outbox, step: usize, urgent: &[Bytes]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut urgent = Some(urgent);
        while !outbox.is_empty() {
            let taken: Vec<u8> = outbox
                .slices()
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .take(step)
                .collect();
            outbox.wrote(taken.len());
            out.extend(taken);
            for message in urgent.take().into_iter().flatten() {
                outbox.push_urgent(message.clone());
            }
        }
        out
    }

    #[test]
    fn urgent_messages_jump_at_message_boundaries_whatever_the_socket_takes() {
        let (a, b, c) = (update(b"aaaa"), update(b"bbbbbb"), update(b"cccc"));
        let keepalive = Bytes::from(message::keepalive());
        let notification = Bytes::from({
            let mut out = Vec::new();
            message::encode(&mut out, MessageType::NOTIFICATION, |w| w.bytes(&[6, 2]));
            out
        });
        let chunk = Bytes::from([a.clone(), b.clone()].concat());
        for step in 1..=chunk.len() + c.len() {
            let mut outbox = Outbox::new();
            outbox.push(chunk.clone());
            outbox.push(Bytes::from(c.clone()));
            let out = drain(
                &mut outbox,
                step,
                &[keepalive.clone(), notification.clone()],
            );
            let got: Vec<&[u8]> = messages(&out).collect();
            let mut want: Vec<&[u8]> = vec![&a, &b, &c];
            let at = match step {
                _ if step <= a.len() => 1,
                _ if step <= chunk.len() => 2,
                _ => 3,
            };
            want.splice(at..at, [&keepalive[..], &notification[..]]);
            assert_eq!(got, want, "{step} bytes at a time");
        }
    }

    #[test]
    fn nothing_but_the_begun_message_survives_a_dropped_queue() {
        let (a, b) = (update(b"aaaa"), update(b"bbbb"));
        let mut outbox = Outbox::new();
        outbox.push(Bytes::from([a.clone(), b].concat()));
        outbox.wrote(5);
        outbox.drop_queue();
        outbox.push_urgent(Bytes::from(message::keepalive()));
        assert_eq!(outbox.len(), a.len() - 5 + 19);
        assert_eq!(
            drain(&mut outbox, 7, &[]),
            [&a[5..], &message::keepalive()].concat()
        );
    }

    #[test]
    fn what_is_left_continues_wherever_it_was_cut() {
        let (a, b) = (update(b"aaaa"), update(b"bbbbbb"));
        let keepalive = Bytes::from(message::keepalive());
        let all = [a.clone(), b.clone()].concat();
        for taken in 0..=all.len() {
            let mut outbox = Outbox::new();
            outbox.push(Bytes::from(all.clone()));
            outbox.wrote(taken);
            outbox.push_urgent(keepalive.clone());
            let mut resumed = Outbox::new();
            resumed.resume(outbox.rest());
            assert_eq!(resumed.len(), all.len() - taken + keepalive.len());
            resumed.push(Bytes::from(a.clone()));
            let out = [&all[..taken], &drain(&mut resumed, 7, &[])].concat();
            let got: Vec<&[u8]> = messages(&out).collect();
            let mut want: Vec<&[u8]> = vec![&a, &b, &a];
            let at = match taken {
                0 => 0,
                _ if taken <= a.len() => 1,
                _ => 2,
            };
            want.insert(at, &keepalive);
            assert_eq!(got, want, "{taken} bytes were taken");
        }
    }

    #[test]
    fn the_mark_counts_bytes() {
        let mut outbox = Outbox::new();
        outbox.push(Bytes::from(vec![0xFF; HIGH_MARK - 1]));
        assert!(outbox.has_room());
        assert_eq!(outbox.room(), 1);
        outbox.push(Bytes::from_static(&[0xFF; 2]));
        assert!(!outbox.has_room());
        assert_eq!(outbox.room(), 0);
    }
}
