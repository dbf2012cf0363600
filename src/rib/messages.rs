//! Encoded messages on their way to sessions, and how many of them one fill passes on.

use bytes::Bytes;

use super::adj_rib_out::{Budget, Filled};
use crate::bgp::message::{HEADER, MessageType};

/// Whole messages, counted once for all peers that are sent them.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    pub(crate) bytes: Bytes,
    count: usize,
    updates: usize,
}

impl From<Bytes> for Messages {
    fn from(bytes: Bytes) -> Self {
        let (mut at, mut count, mut updates) = (0, 0, 0);
        while at < bytes.len() {
            updates += usize::from(is_update(&bytes, at));
            at += length_at(&bytes, at);
            count += 1;
        }
        Self {
            bytes,
            count,
            updates,
        }
    }
}

/// Messages that [`fill_chunks`](super::AdjRibOut::fill_chunks) passes on together.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// One or more whole messages.
    pub bytes: Bytes,
    /// Number of messages.
    pub messages: usize,
    /// Number of UPDATE messages among them.
    pub updates: usize,
}

/// Returns `true` if the message that starts at `at` is an UPDATE.
fn is_update(bytes: &Bytes, at: usize) -> bool {
    bytes.get(at + HEADER - 1) == Some(&MessageType::UPDATE.0)
}

/// The length of the message that starts at `at`.
fn length_at(bytes: &Bytes, at: usize) -> usize {
    let length = bytes.get(at + 16..at + HEADER).map_or(0, |field| {
        usize::from(u16::from_be_bytes([field[0], field[1]]))
    });
    // Batches consist of whole messages, so each has its header.
    debug_assert!(length >= HEADER);
    length.max(1)
}

/// An output of a private member.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Whole messages.
    Messages(Messages),
    /// The mark with that number is reached.
    Reached(u64),
}

impl Output {
    /// Number of bytes.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Messages(messages) => messages.bytes.len(),
            Self::Reached(_) => 0,
        }
    }
}

impl From<Bytes> for Output {
    fn from(bytes: Bytes) -> Self {
        Self::Messages(bytes.into())
    }
}

/// The remaining budget of a fill.
#[derive(Debug)]
pub(crate) struct Turn {
    left: Budget,
    pub(crate) filled: Filled,
    /// Remaining encoding steps, since some yield no messages.
    pub(crate) steps: usize,
}

impl Turn {
    pub(crate) fn new(budget: Budget, steps: usize) -> Self {
        Self {
            left: budget,
            filled: Filled::default(),
            steps,
        }
    }

    /// Returns `true` if the budget is used up.
    pub(crate) const fn is_spent(&self) -> bool {
        self.left.bytes == 0 || self.left.messages == 0
    }

    /// Passes on the messages from `offset` on. Returns the number of bytes passed on.
    pub(crate) fn take(
        &mut self,
        messages: &Messages,
        offset: usize,
        out: &mut impl FnMut(Chunk),
    ) -> usize {
        let Messages {
            bytes,
            count,
            updates,
        } = messages;
        let fits = bytes.len() <= self.left.bytes && *count <= self.left.messages;
        if offset == 0 && fits && *count > 0 {
            self.left.bytes -= bytes.len();
            self.left.messages -= count;
            self.filled.bytes += bytes.len();
            self.filled.messages += count;
            out(Chunk {
                bytes: bytes.clone(),
                messages: *count,
                updates: *updates,
            });
            return bytes.len();
        }
        let (mut end, mut updates) = (offset, 0);
        let before = self.filled.messages;
        while !self.is_spent() && end < bytes.len() {
            let length = length_at(bytes, end);
            if self.filled.bytes > 0 && length > self.left.bytes {
                self.left.bytes = 0;
                break;
            }
            updates += usize::from(is_update(bytes, end));
            end += length;
            self.left.bytes = self.left.bytes.saturating_sub(length);
            self.left.messages -= 1;
            self.filled.bytes += length;
            self.filled.messages += 1;
        }
        let end = end.min(bytes.len());
        if end > offset {
            out(Chunk {
                bytes: bytes.slice(offset..end),
                messages: self.filled.messages - before,
                updates,
            });
        }
        end - offset
    }
}
