//! From a stream of bytes to records; damage costs one record, and framing is found again.
//!
//! The MRT length is the law: a record that can't be understood is skipped by its length. Framing is only doubted when a header is
//! implausible, when a record runs past the end of the file, when a record can't be read *and* no plausible header follows it, or
//! when its fields end before its length does and other records go on there. Then three plausible headers in a row, within a day
//! of the last good record, are searched from the byte after the doubted header on, or at any time if the records can be read as
//! well (the part of a concatenated archive that the damage lies in may be of another day); what was skipped is reported as one
//! [`Damage`]. Undamaged framing is never judged by time: archives get concatenated.
//!
//! The reader lends records from its buffer. [`Reader::advance`] finds the next one, [`Reader::item`] shows it: two steps, so
//! that a merge can look at the time of each source before it takes one.

use std::io::Read;

use super::content;
use super::table_dump::PeerTable;
use super::window::Window;
use super::{Header, Timestamp, kind, table_dump};
use crate::wire::WireError;

pub use super::item::{Damage, Frame, Item};

/// Bytes that are asked of the stream at once, if not said otherwise.
pub(crate) const BLOCK: usize = 128 << 10;

/// Plausible headers in a row that mean framing is found.
const CHAIN: usize = 3;

/// Seconds from the last good record within which a header found by searching must lie.
const NEAR: u32 = 86_400;

/// Longest record that a search for framing believes in, in bytes.
const MOST_SEARCHED: usize = 4 << 20;

/// Bytes of records that are looked at in vain for each byte of the stream. Beyond, headers alone tell where framing is: else a
/// hostile stream of headers that claim much costs a walk through all that follows for each of them.
const VAIN: u64 = 4;

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
    /// From the first byte of the current item on.
    window: Window<R>,
    /// Bytes of the current item.
    size: usize,
    current: Current,
    last: Option<u32>,
    /// The header of the next record with the length that its fields have.
    mended: Option<Header>,
    /// Bytes of records that were looked at in vain.
    vain: u64,
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
            window: Window::new(input, block),
            size: 0,
            current: Current::Nothing,
            last: None,
            mended: None,
            vain: 0,
        }
    }

    /// Goes to the next item. Returns `false` at the end; an error of the stream is the last item, a [`Damage`].
    pub fn advance(&mut self) -> bool {
        self.window.pass(std::mem::take(&mut self.size));
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
                let bytes = &self.window.available()[..*total];
                let (skip, time) = extent(header, bytes);
                Some(Item::Frame(Frame {
                    header: *header,
                    time,
                    offset: self.window.offset(),
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
        !self.window.ensure(self.size + 1) && !self.window.has_failed()
    }

    /// Returns `true` if nothing but a whole PEER_INDEX_TABLE follows the current item. This may wait for the stream.
    pub fn is_last_but_table(&mut self) -> bool {
        let at = self.size;
        if !self.window.ensure(at + Header::SIZE) {
            return false;
        }
        let header = self.window.header_at(at);
        let Some(header) = header.filter(|header| is_table(header) && header.is_plausible()) else {
            return false;
        };
        let total = Header::SIZE + header.length as usize;
        self.window.ensure(at + total)
            && !self.window.ensure(at + total + 1)
            && !self.window.has_failed()
            && self
                .body(at, &header, total)
                .is_some_and(|body| PeerTable::end(body).is_ok())
    }

    /// Bytes of the decompressed stream up to the end of the current item.
    pub const fn position(&self) -> u64 {
        self.window.offset() + self.size as u64
    }

    /// The reader inside.
    pub const fn input(&self) -> &R {
        self.window.input()
    }

    fn locate(&mut self) -> Current {
        if let Some(header) = self.mended.take() {
            let total = Header::SIZE + header.length as usize;
            return Current::Frame { header, total };
        }
        if !self.window.ensure(Header::SIZE) {
            return self.tail();
        }
        let Some(header) = self.window.header_at(0) else {
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
        let Some(total) = self.total(&header) else {
            return self.search(if self.window.has_failed() {
                "a record cut short by an error of the file"
            } else {
                "a record that runs past the end of the file"
            });
        };
        // Most often the next header is in the buffer already. If it is not, and this record is sound, it is not waited for: the
        // stream may be live.
        let buffered = self.window.available().len() >= total + Header::SIZE;
        // No field of these messages tells where they end.
        let is_bare = header.kind == kind::BGP;
        if !buffered && !is_bare && self.is_sound(0, &header, total) {
            return Current::Frame { header, total };
        }
        const SWALLOWS: &str = "a length that takes in the records after it";
        let next = self.next_at(total);
        match next {
            Next::End | Next::Plausible => {
                if let Some(end) = self.early_end(&header, total) {
                    return self.lost(end, SWALLOWS);
                }
                // What can't be read and ends with the file may be all that is left of it.
                if matches!(next, Next::End)
                    && (is_bare || !self.is_sound(0, &header, total))
                    && let Some(at) = self.find(total)
                {
                    return self.damage(at, SWALLOWS);
                }
                Current::Frame { header, total }
            }
            Next::Implausible if (buffered || is_bare) && self.is_sound(0, &header, total) => {
                match self.find(if is_bare { total } else { 0 }) {
                    Some(at) => self.damage(at, SWALLOWS),
                    None => Current::Frame { header, total },
                }
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
        let left = self.window.available().len();
        let failure = self.window.take_failure();
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
            .window
            .header_at(0)
            .map(|header| header.seconds)
            .filter(|seconds| self.is_near(*seconds))
            .or(self.last)
            .unwrap_or_default();
        self.size = length;
        Current::Damage(Damage {
            time: Timestamp::from_seconds(seconds),
            offset: self.window.offset(),
            length: length as u64,
            reason: reason.into(),
            unreadable: false,
        })
    }

    /// Bytes of the current record, header included, once they are all in the buffer.
    fn total(&mut self, header: &Header) -> Option<usize> {
        let total = Header::SIZE + header.length as usize;
        if !self.window.ensure(total) {
            return None;
        }
        if header.kind == kind::TABLE_DUMP && self.is_batch(header, total) {
            return Some(total + 4);
        }
        Some(total)
    }

    /// Whether the record is a batch of 1999, whose length is four short.
    fn is_batch(&mut self, header: &Header, total: usize) -> bool {
        // A single entry, which is what almost all of these are, needs no look at what follows.
        let single = self
            .body(0, header, total)
            .is_some_and(|body| table_dump::end(header.subtype, body) == Ok(body.len()));
        if single
            || !self.window.ensure(total + 4)
            || matches!(self.next_at(total + 4), Next::Implausible)
            || !self.may_look()
        {
            return false;
        }
        let body = self.body(0, header, total + 4).unwrap_or_default();
        let walk = table_dump::check_batch(header.subtype, body);
        // That it is one does not mean that it is given.
        self.vain += total as u64;
        self.looked(walk)
    }

    /// What stands at `at`. Records of other protocols may lie before the next one with BGP data.
    fn next_at(&mut self, mut at: usize) -> Next {
        for _ in 0..CHAIN {
            if !self.window.ensure(at + Header::SIZE) {
                // The rest of a header at the end of a file that was cut there.
                return Next::End;
            }
            match self.window.header_at(at) {
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

    /// Whether the record at `at` can be read to its last byte.
    fn is_sound(&mut self, at: usize, header: &Header, total: usize) -> bool {
        let Some(body) = self.body(at, header, total).filter(|_| self.may_look()) else {
            return false;
        };
        let walk = content::check(header, body);
        self.looked(walk)
    }

    /// Whether the bytes of records may be looked at without knowing that the records are whole.
    const fn may_look(&self) -> bool {
        self.vain <= MOST_SEARCHED as u64 + VAIN * self.window.offset()
    }

    /// Counts the bytes of a walk that has led nowhere. Returns whether it has not.
    fn looked(&mut self, walk: Result<(), WireError>) -> bool {
        self.vain += walk.err().map_or(0, |error| error.offset as u64);
        walk.is_ok()
    }

    /// Where the current record ends by its own fields, if that is before the end that its header tells, and other records go on
    /// there: then the length is wrong.
    fn early_end(&mut self, header: &Header, total: usize) -> Option<usize> {
        let body = self.body(0, header, total)?;
        let end = total - body.len() + content::end(header, body).ok()??;
        (end < total && self.is_found(end)).then_some(end)
    }

    /// The same whatever its header tells.
    fn end_by_fields(&mut self) -> Option<usize> {
        let header = self.window.header_at(0).filter(Header::is_known)?;
        loop {
            let available = self.window.available().len();
            if !self.may_look() {
                return None;
            }
            let body = self.body(0, &header, available)?;
            let skip = available - body.len();
            match content::end(&header, body) {
                // What was read so far says nothing about it.
                Ok(None) => return None,
                Ok(Some(end)) => {
                    self.vain += end as u64;
                    return self.is_found(skip + end).then_some(skip + end);
                }
                Err(error) => self.vain += error.offset as u64,
            }
            // Entries mean nothing without their table, so its end is waited for.
            if !is_table(&header) || available > MOST_SEARCHED || !self.window.ensure(available + 1)
            {
                return None;
            }
        }
    }

    fn body(&self, at: usize, header: &Header, total: usize) -> Option<&[u8]> {
        let bytes = self.window.available().get(at..at + total)?;
        let (skip, _) = extent(header, bytes);
        bytes.get(skip..)
    }

    /// Searches framing from the byte after the doubted header on.
    fn search(&mut self, reason: &str) -> Current {
        if let Some(end) = self.end_by_fields() {
            return self.lost(end, reason);
        }
        // One damage may be reported in several pieces rather than held in memory.
        if let Some(at) = self.find(MOST_SEARCHED) {
            return self.damage(at, reason);
        }
        if self.window.ensure(MOST_SEARCHED + Header::SIZE) {
            return self.damage(MOST_SEARCHED, reason);
        }
        let length = self.window.available().len();
        match self.window.take_failure() {
            Some(error) => self.unreadable(length, format!("{reason}: {error}")),
            None => self.last_damage(length, reason),
        }
    }

    /// The first place where framing is found, before `end`.
    fn find(&mut self, end: usize) -> Option<usize> {
        let mut at = 1;
        while at < end && self.window.ensure(at + Header::SIZE) {
            if self.is_found(at) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// Reports a record whose length is wrong, and whose fields end after `length` bytes. If it is a peer table, which the entries
    /// after it need, only its header is lost.
    fn lost(&mut self, length: usize, reason: &str) -> Current {
        let table = self.window.header_at(0).filter(is_table);
        if let Some(header) = table
            && let Ok(rest) = u32::try_from(length - Header::SIZE)
        {
            self.mended = Some(Header {
                length: rest,
                ..header
            });
            let damage = self.damage(Header::SIZE, reason);
            self.size = 0;
            return damage;
        }
        self.damage(length, reason)
    }

    /// Whether framing is found at `at`.
    fn is_found(&mut self, at: usize) -> bool {
        let Some(header) = self.window.header_at(at).filter(is_likely) else {
            return false;
        };
        self.is_near(header.seconds) && self.chain(at, Trust::Near)
            || self.chain(at, Trust::Sound(header.seconds))
    }

    fn is_near(&self, seconds: u32) -> bool {
        self.last.is_none_or(|last| last.abs_diff(seconds) <= NEAR)
    }

    /// Whether plausible headers follow each other from `at` on, or up to the end of the file.
    fn chain(&mut self, mut at: usize, trust: Trust) -> bool {
        let mut records = [None; CHAIN];
        for (found, record) in records.iter_mut().enumerate() {
            if !self.window.ensure(at + Header::SIZE) {
                if found > 0 && self.window.available().len() == at || found > 1 {
                    break;
                }
                return false;
            }
            let Some(header) = self.window.header_at(at).filter(is_likely) else {
                return false;
            };
            let is_near = match trust {
                Trust::Near => self.is_near(header.seconds),
                Trust::Sound(first) => first.abs_diff(header.seconds) <= NEAR,
            };
            if !is_near {
                return false;
            }
            match self.stride(at, &header) {
                Some(total) => {
                    *record = Some((at, header, total));
                    at += total;
                }
                // The last record of a file that was cut.
                None if found > 1 => break,
                None => return false,
            }
        }
        match trust {
            Trust::Near => true,
            Trust::Sound(_) => {
                let mut records = records.iter().flatten();
                records.all(|(at, header, total)| {
                    self.vain += *total as u64;
                    self.is_sound(*at, header, *total)
                })
            }
        }
    }

    /// Bytes of the record at `at`, header included, once they are all in the buffer. Whether it is a batch is told by where the
    /// next header stands.
    fn stride(&mut self, at: usize, header: &Header) -> Option<usize> {
        let total = Header::SIZE + header.length as usize;
        if !self.window.ensure(at + total) {
            return None;
        }
        let batch = header.kind == kind::TABLE_DUMP
            && matches!(self.next_at(at + total), Next::Implausible)
            && matches!(self.next_at(at + total + 4), Next::Plausible);
        Some(if batch { total + 4 } else { total })
    }
}

/// Whether a header is that of a PEER_INDEX_TABLE.
const fn is_table(header: &Header) -> bool {
    matches!((header.kind, header.subtype), (kind::TABLE_DUMP_V2, 1))
}

/// Whether a header is one that the search for framing looks at.
fn is_likely(header: &Header) -> bool {
    header.is_plausible() && header.length > 0 && header.length as usize <= MOST_SEARCHED
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u16, subtype: u16, length: u32) -> [u8; Header::SIZE] {
        let seconds = 5;
        #[rustfmt::skip]
        let header = Header { seconds, kind, subtype, length };
        header.to_bytes()
    }

    /// Units of 64 octets, in each a header of a record that goes on to the end of all, and is none. Its entries are of 64 octets
    /// as well, so they take in the headers after it.
    fn claims(count: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for left in (1..=count).rev() {
            // Four short, as in batches.
            out.extend(header(kind::TABLE_DUMP, 1, 64 * left));
            // View and sequence number; a prefix of 8 bits, or of 33 at the end; status, time, peer.
            out.extend([0, 0, 0, 0, 10, 0, 0, 0, if left == 1 { 33 } else { 8 }, 1]);
            out.extend([0, 0, 0, 1, 192, 0, 2, 1, 0, 9]);
            out.extend([0, 46]);
            out.resize(out.len() + 30, 0);
        }
        out.extend([0; 16]);
        for _ in 0..CHAIN {
            out.extend(header(kind::BGP, 7, 1));
            out.push(0);
        }
        out
    }

    #[test]
    fn headers_that_claim_what_follows_cost_no_walk_each() {
        let count = 4_000;
        let many = [(12, 1), (13, 1), (13, 2), (16, 4)];
        let many =
            many.map(|(kind, subtype)| header(kind, subtype, 6 * count).repeat(count as usize));
        for bytes in many.into_iter().chain([claims(count)]) {
            let mut reader = Reader::new(&bytes[..]);
            while reader.advance() {}
            let most = MOST_SEARCHED + 10 * bytes.len();
            assert!(reader.vain <= most as u64, "{} of {most}", reader.vain);
        }
    }
}
