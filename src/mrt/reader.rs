//! From a stream of bytes to records; damage costs one record, and framing is found again.
//!
//! The MRT length is the law: a record that can't be understood is skipped by its length. Framing is only doubted when a header is
//! implausible, when a record runs past the end of the file, or when a record can't be read *and* no plausible header follows
//! it. Then three plausible headers in a row, within a day of the last good record, are searched from the byte after the
//! doubted header on, or at any time if the records can be read as well (the part of a concatenated archive that the damage lies
//! in may be of another day); what was skipped is reported as one [`Damage`]. Undamaged framing is never judged by time: archives
//! get concatenated.
//!
//! The reader lends records from its buffer. [`Reader::advance`] finds the next one, [`Reader::item`] shows it: two steps, so
//! that a merge can look at the time of each source before it takes one.

use std::io::{self, Read};

use super::bgp4mp::{self, Message};
use super::content::{Content, is_sound};
use super::table_dump::is_batch;
use super::{Header, Timestamp, kind};

/// Bytes that are asked of the stream at once, if not said otherwise.
pub(crate) const BLOCK: usize = 128 << 10;

/// Plausible headers in a row that mean framing is found.
const CHAIN: usize = 3;

/// Seconds from the last good record within which a header found by searching must lie.
const NEAR: u32 = 86_400;

/// Longest record that a search for framing believes in, in bytes.
const MOST_SEARCHED: usize = 4 << 20;

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its time; with microseconds if the type has them.
    pub time: Timestamp,
    /// Offset of the header in the decompressed stream.
    pub offset: u64,
    /// What follows the header and the microseconds.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The BGP message in the record; `None` if it is a record of another kind, or can't be read.
    #[inline]
    pub fn message(&self) -> Option<Message<'a>> {
        match (self.header.kind, self.header.subtype) {
            (kind::BGP4MP | kind::BGP4MP_ET, subtype @ (1 | 4 | 6..=11)) => {
                bgp4mp::message(subtype, self.body).ok()
            }
            _ => None,
        }
    }
}

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The time of the damaged record if its header can be believed, or else of the last good one.
    pub time: Timestamp,
    /// Offset of the first byte in the decompressed stream.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What is wrong.
    pub reason: String,
    /// `true` if the stream could not be read to its end, or if it ended without a single record: then it is hardly MRT.
    pub unreadable: bool,
}

/// What [`Reader::advance`] found.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A record.
    Frame(Frame<'a>),
    /// Bytes that are no record.
    Damage(&'a Damage),
}

/// The current item, as places in the buffer.
#[derive(Debug)]
enum Current {
    Nothing,
    Frame { header: Header, total: usize },
    Damage(Damage),
}

/// Reads records from a stream of decompressed bytes.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    /// Bytes that are asked of it at once.
    block: usize,
    /// Zeroed once; only the first `filled` bytes are of the stream.
    buffer: Vec<u8>,
    filled: usize,
    /// First byte of the current item.
    start: usize,
    /// Offset of `buffer[0]` in the stream.
    base: u64,
    /// Bytes of the current item in the buffer.
    size: usize,
    current: Current,
    end: bool,
    failure: Option<io::Error>,
    last: Option<u32>,
}

/// Which headers the search for framing believes in.
#[derive(Clone, Copy)]
enum Trust {
    /// Those within a day of the last good record.
    Near,
    /// Those within a day of the first of them, whose records can be read.
    Sound(u32),
}

/// What stands at a place in the buffer.
enum Next {
    End,
    Plausible,
    Implausible,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which must not be compressed.
    pub const fn new(input: R) -> Self {
        Self::with_block(input, BLOCK)
    }

    /// The same with so many bytes, at least one, asked of the stream at once.
    pub const fn with_block(input: R, block: usize) -> Self {
        Self {
            input,
            block: if block == 0 { 1 } else { block },
            buffer: Vec::new(),
            filled: 0,
            start: 0,
            base: 0,
            size: 0,
            current: Current::Nothing,
            end: false,
            failure: None,
            last: None,
        }
    }

    /// Goes to the next item. Returns `false` at the end; an error of the stream is the last item, a [`Damage`].
    pub fn advance(&mut self) -> bool {
        self.start += self.size;
        self.size = 0;
        self.current = self.locate();
        match &self.current {
            Current::Nothing => false,
            Current::Frame { header, total } => {
                self.size = *total;
                self.last = Some(header.seconds);
                true
            }
            Current::Damage(_) => true,
        }
    }

    /// The item that [`advance`](Self::advance) went to; `None` before the first and after the last.
    pub fn item(&self) -> Option<Item<'_>> {
        match &self.current {
            Current::Nothing => None,
            Current::Damage(damage) => Some(Item::Damage(damage)),
            Current::Frame { header, total } => {
                let bytes = &self.buffer[self.start..self.start + total];
                let (skip, time) = extent(header, bytes);
                Some(Item::Frame(Frame {
                    header: *header,
                    time,
                    offset: self.base + self.start as u64,
                    body: bytes.get(skip..).unwrap_or_default(),
                }))
            }
        }
    }

    /// The time of the current item.
    pub fn time(&self) -> Option<Timestamp> {
        match self.item()? {
            Item::Frame(frame) => Some(frame.time),
            Item::Damage(damage) => Some(damage.time),
        }
    }

    /// Returns `true` if nothing follows the current item. This may wait for the stream.
    pub fn is_last(&mut self) -> bool {
        !self.ensure(self.size + 1) && self.failure.is_none()
    }

    /// Bytes of the decompressed stream up to the end of the current item.
    pub const fn position(&self) -> u64 {
        self.base + (self.start + self.size) as u64
    }

    /// The reader inside.
    pub const fn input(&self) -> &R {
        &self.input
    }

    /// Makes `count` bytes from the start of the current item available.
    fn ensure(&mut self, count: usize) -> bool {
        while self.filled - self.start < count {
            if self.end {
                return false;
            }
            self.fill();
        }
        true
    }

    fn fill(&mut self) {
        if self.size == 0 && self.start > 0 {
            self.base += self.start as u64;
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
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

    fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    fn header_at(&self, at: usize) -> Option<Header> {
        let bytes = self.available().get(at..)?.first_chunk()?;
        Some(Header::parse(*bytes))
    }

    fn locate(&mut self) -> Current {
        if !self.ensure(Header::SIZE) {
            return self.tail();
        }
        let Some(header) = self.header_at(0) else {
            return Current::Nothing;
        };
        let most = if header.is_known() {
            header.most()
        } else {
            Header::MOST
        };
        if header.length > most {
            return self.search("a header with an impossible length");
        }
        let Some(total) = self.total(0, &header) else {
            return self.search(if self.failure.is_some() {
                "a record cut short by an error of the file"
            } else {
                "a record that runs past the end of the file"
            });
        };
        // Most often the next header is in the buffer already. If it is not, and this record is sound, it is not waited for: the
        // stream may be live.
        let buffered = self.available().len() >= total + Header::SIZE;
        if !buffered && self.is_sound(&header, total) {
            return Current::Frame { header, total };
        }
        match self.next_at(total) {
            Next::End | Next::Plausible => Current::Frame { header, total },
            Next::Implausible if buffered && self.is_sound(&header, total) => {
                Current::Frame { header, total }
            }
            Next::Implausible => self.search(if header.is_known() {
                "a record that can't be read, and no header after it"
            } else {
                "a header of an unknown type, and no header after it"
            }),
        }
    }

    /// What is left when there is not even a header.
    fn tail(&mut self) -> Current {
        let left = self.available().len();
        let failure = self.failure.take();
        if left == 0 && failure.is_none() {
            return Current::Nothing;
        }
        match failure {
            Some(error) => self.unreadable(left, error.to_string()),
            None => self.last_damage(left, "a header cut short"),
        }
    }

    /// Damage up to the end.
    fn last_damage(&mut self, length: usize, reason: &str) -> Current {
        if self.last.is_some() {
            return self.damage(length, reason);
        }
        self.unreadable(length, format!("no record was found: {reason}"))
    }

    fn unreadable(&mut self, length: usize, reason: String) -> Current {
        match self.damage(length, reason) {
            Current::Damage(damage) => Current::Damage(Damage {
                unreadable: true,
                ..damage
            }),
            other => other,
        }
    }

    fn damage(&mut self, length: usize, reason: impl Into<String>) -> Current {
        let seconds = self
            .header_at(0)
            .map(|header| header.seconds)
            .filter(|seconds| self.is_near(*seconds))
            .or(self.last)
            .unwrap_or_default();
        self.size = length;
        Current::Damage(Damage {
            time: Timestamp::from_seconds(seconds),
            offset: self.base + self.start as u64,
            length: length as u64,
            reason: reason.into(),
            unreadable: false,
        })
    }

    /// Bytes of the record at `at`, header included, once they are all in the buffer.
    fn total(&mut self, at: usize, header: &Header) -> Option<usize> {
        let total = Header::SIZE + usize::try_from(header.length).ok()?;
        if !self.ensure(at + total) {
            return None;
        }
        if header.kind == kind::TABLE_DUMP && self.is_batch(at, header, total) {
            return Some(total + 4);
        }
        Some(total)
    }

    /// Whether the record is a batch of 1999, whose length is four short.
    fn is_batch(&mut self, at: usize, header: &Header, total: usize) -> bool {
        // A single entry, which is what almost all of these are, needs no look at what follows.
        let single = self
            .available()
            .get(at + Header::SIZE..at + total)
            .and_then(|body| single_entry(header.subtype, body))
            .unwrap_or_default();
        if single || !self.ensure(at + total + 4) {
            return false;
        }
        let body = self
            .available()
            .get(at + Header::SIZE..at + total + 4)
            .unwrap_or_default();
        is_batch(header.subtype, body)
            && matches!(self.next_at(at + total + 4), Next::End | Next::Plausible)
    }

    /// What stands at `at`. Records of other protocols may lie before the next one with BGP data.
    fn next_at(&mut self, mut at: usize) -> Next {
        for _ in 0..CHAIN {
            if !self.ensure(at + Header::SIZE) {
                // The rest of a header at the end of a file that was cut there.
                return Next::End;
            }
            match self.header_at(at) {
                Some(header) if header.is_plausible() => return Next::Plausible,
                Some(header) if header.is_foreign() => match usize::try_from(header.length) {
                    Ok(length) => at += Header::SIZE + length,
                    Err(_) => return Next::Implausible,
                },
                _ => return Next::Implausible,
            }
        }
        Next::Plausible
    }

    fn is_sound(&self, header: &Header, total: usize) -> bool {
        self.body(0, header, total)
            .is_some_and(|body| is_sound(header, body))
    }

    /// Whether the record at `at` can be read, and has something to read.
    fn is_whole(&self, at: usize, header: &Header, total: usize) -> bool {
        self.body(at, header, total).is_some_and(|body| {
            is_sound(header, body)
                && !matches!(
                    Content::parse(header, body),
                    Err(_) | Ok(Content::Unsupported)
                )
        })
    }

    fn body(&self, at: usize, header: &Header, total: usize) -> Option<&[u8]> {
        let bytes = self.available().get(at..at + total)?;
        let (skip, _) = extent(header, bytes);
        bytes.get(skip..)
    }

    /// Searches framing from the byte after the doubted header on.
    fn search(&mut self, reason: &str) -> Current {
        let mut at = 1;
        while self.ensure(at + Header::SIZE) {
            let found = match self.header_at(at).filter(is_likely) {
                Some(header) if self.is_near(header.seconds) => self.chain(at, Trust::Near),
                Some(header) => self.chain(at, Trust::Sound(header.seconds)),
                None => false,
            };
            if found {
                return self.damage(at, reason);
            }
            at += 1;
            if at > MOST_SEARCHED {
                // One damage may be reported in several pieces rather than held in memory.
                return self.damage(at, reason);
            }
        }
        let length = self.available().len();
        match self.failure.take() {
            Some(error) => self.unreadable(length, format!("{reason}: {error}")),
            None => self.last_damage(length, reason),
        }
    }

    fn is_near(&self, seconds: u32) -> bool {
        self.last.is_none_or(|last| last.abs_diff(seconds) <= NEAR)
    }

    /// Whether plausible headers follow each other from `at` on, or up to the end of the file.
    fn chain(&mut self, mut at: usize, trust: Trust) -> bool {
        for found in 0..CHAIN {
            if !self.ensure(at + Header::SIZE) {
                return found > 0 && self.available().len() == at || found > 1;
            }
            let Some(header) = self.header_at(at).filter(is_likely) else {
                return false;
            };
            let is_near = match trust {
                Trust::Near => self.is_near(header.seconds),
                Trust::Sound(first) => first.abs_diff(header.seconds) <= NEAR,
            };
            if !is_near {
                return false;
            }
            match self.total(at, &header) {
                Some(total) => {
                    if matches!(trust, Trust::Sound(_)) && !self.is_whole(at, &header, total) {
                        return false;
                    }
                    at += total;
                }
                // The last record of a file that was cut.
                None => return found > 1,
            }
        }
        true
    }
}

/// Whether a header is one that the search for framing looks at.
fn is_likely(header: &Header) -> bool {
    header.is_plausible() && header.length > 0 && header.length as usize <= MOST_SEARCHED
}

/// Whether a TABLE_DUMP body is exactly one entry.
fn single_entry(subtype: u16, body: &[u8]) -> Option<bool> {
    let (address, asn) = match subtype {
        1 => (4, 2),
        2 => (16, 2),
        3 => (4, 4),
        _ => (16, 4),
    };
    let at = 4 + address + 6 + address + asn;
    let length = u16::from_be_bytes(*body.get(at..)?.first_chunk()?);
    Some(at + 2 + usize::from(length) == body.len())
}

/// Where the body starts, and the time.
fn extent(header: &Header, bytes: &[u8]) -> (usize, Timestamp) {
    if header.kind == kind::BGP4MP_ET
        && let Some(micros) = bytes.get(Header::SIZE..).and_then(<[u8]>::first_chunk)
    {
        return (
            Header::SIZE + 4,
            Timestamp::new(header.seconds, u32::from_be_bytes(*micros)),
        );
    }
    (Header::SIZE, Timestamp::from_seconds(header.seconds))
}
