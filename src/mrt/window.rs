//! The bytes of a stream that are in memory: from the item that is looked at to the end of what was read.

use std::io::{self, Read};

use super::Header;

/// A window that moves over a stream. What it holds is bounded by what is asked for.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    /// Bytes that are asked of it at once.
    block: usize,
    /// Zeroed once; only the first `filled` bytes are of the stream.
    buffer: Vec<u8>,
    filled: usize,
    /// First byte that was not passed.
    start: usize,
    /// Offset of `buffer[0]` in the stream.
    base: u64,
    end: bool,
    failure: Option<io::Error>,
}

impl<R: Read> Window<R> {
    /// Nothing is read yet. At least one byte is asked of `input` at once.
    pub(super) const fn new(input: R, block: usize) -> Self {
        Self {
            input,
            block: if block == 0 { 1 } else { block },
            buffer: Vec::new(),
            filled: 0,
            start: 0,
            base: 0,
            end: false,
            failure: None,
        }
    }

    /// Makes `count` bytes available. Returns `false` if the stream ends before.
    pub(super) fn ensure(&mut self, count: usize) -> bool {
        while self.filled - self.start < count {
            if self.end {
                return false;
            }
            self.fill();
        }
        true
    }

    fn fill(&mut self) {
        let left = self.filled - self.start;
        // What is far longer than a block is not moved for each of them.
        if self.start > 0 && (left <= self.block || left <= self.start) {
            self.base += self.start as u64;
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled = left;
            self.start = 0;
        }
        let before = self.filled;
        let wanted = before + self.block;
        if self.buffer.len() < wanted {
            // Part of a record before the block makes the buffer no larger than it needs to be; a large record does, so that it
            // is not copied again and again.
            if before < self.block {
                self.buffer.reserve_exact(wanted - self.buffer.len());
            }
            self.buffer.resize(wanted, 0);
        }
        let count = loop {
            match self.input.read(&mut self.buffer[before..wanted]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => break count,
                Err(error) => {
                    self.failure = Some(error);
                    break 0;
                }
            }
        };
        self.filled = before + count;
        self.end |= count == 0;
    }

    /// What is in memory and was not passed.
    pub(super) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    /// The header that stands `at` bytes on, if it is available.
    pub(super) fn header_at(&self, at: usize) -> Option<Header> {
        let bytes = self.available().get(at..)?.first_chunk()?;
        Some(Header::parse(*bytes))
    }

    /// Passes bytes that are available.
    pub(super) const fn pass(&mut self, count: usize) {
        self.start += count;
    }

    /// Offset of the first byte that was not passed.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether the stream ended with an error that was not taken yet.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Takes the error that the stream ended with.
    pub(super) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The stream inside.
    pub(super) const fn input(&self) -> &R {
        &self.input
    }
}
