//! Files of BMP messages, one after the other, each with or without an OpenBMP header.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use crate::bmp::{HEADER, MAX, OpenBmp, VERSION, decode, frame};
use crate::mrt::Timestamp;
use crate::stream::record::{Origin, Status};

use super::arrival::{Arrival, NO_RECORD, Produce};
use super::bmp::Routers;

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Plausible messages in a row that mean framing is found again.
const CHAIN: usize = 3;

/// Largest OpenBMP header that is read, in bytes.
const LARGEST_HEADER: usize = 4 << 10;

/// Bytes that are looked at in vain for each byte of the file. Beyond, what can't be told by a header of fixed length is no
/// message: else a hostile file costs a long look at each of its bytes.
const VAIN: u64 = 4;

/// Reads messages from a stream of decompressed bytes.
pub(super) struct BmpFile<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    /// Offset of `buffer[0]`.
    base: u64,
    end: bool,
    failure: Option<io::Error>,
    origin: Origin,
    routers: Routers,
    last: Timestamp,
    ready: VecDeque<Arrival>,
    /// Whether a message was found, and whether anything else was.
    found: bool,
    damaged: bool,
    /// Bytes that were looked at in vain.
    vain: u64,
}

/// What stands at a place of the file.
pub(super) enum Unit {
    /// A message of this many bytes, after a header of that many.
    Whole {
        skip: usize,
        header: Option<OpenBmp>,
        total: usize,
    },
    /// More bytes are needed.
    Partial,
    /// Not a message.
    Bad(String),
}

/// Returns `true` if a file that begins like this holds BMP messages. MRT files begin with a time, which is neither in 1971
/// nor has it been the letters of OpenBMP's headers.
pub(super) fn is_bmp(head: &[u8]) -> bool {
    if head.starts_with(b"OBMP") || head.starts_with(b"V: ") {
        return true;
    }
    match head.first_chunk::<HEADER>() {
        Some([VERSION, a, b, c, d, kind]) => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]);
            *kind <= 6
                && usize::try_from(length).is_ok_and(|length| (HEADER..=MAX).contains(&length))
        }
        _ => false,
    }
}

impl<R: Read> BmpFile<R> {
    pub(super) fn new(input: R, origin: Origin) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            end: false,
            failure: None,
            last: Timestamp::from_seconds(origin.dump_time),
            routers: Routers::new(origin.clone()),
            origin,
            ready: VecDeque::new(),
            found: false,
            damaged: false,
            vain: 0,
        }
    }

    /// Whether more than a header of fixed length may be looked at, so many bytes on.
    const fn may_look(&self, skipped: usize) -> bool {
        self.vain <= MAX as u64 + VAIN * (self.base + (self.at + skipped) as u64)
    }

    /// Reads another block. Returns `false` at the end.
    fn fill(&mut self) -> bool {
        if self.end {
            return false;
        }
        if self.at > 0 {
            self.base += self.at as u64;
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + BLOCK, 0);
        let count = loop {
            match self.input.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => break count,
                Err(error) => {
                    self.failure = Some(error);
                    break 0;
                }
            }
        };
        self.buffer.truncate(before + count);
        self.end |= count == 0;
        count > 0
    }

    fn step(&mut self) -> bool {
        loop {
            let rest = &self.buffer[self.at..];
            if rest.is_empty() {
                if self.fill() {
                    continue;
                }
                if let Some(error) = self.failure.take() {
                    self.damage(0, error.to_string());
                    self.unreadable();
                    return true;
                }
                return false;
            }
            match unit(rest) {
                Unit::Partial if self.fill() => {}
                Unit::Partial => {
                    let failure = self.failure.take();
                    let failed = failure.is_some();
                    let reason = match failure {
                        Some(error) => error.to_string(),
                        None => "a message that runs past the end of the file".to_owned(),
                    };
                    self.lost(&reason);
                    if failed {
                        self.unreadable();
                    }
                    return true;
                }
                Unit::Bad(reason) => {
                    self.lost(&reason);
                    return true;
                }
                Unit::Whole {
                    skip,
                    header,
                    total,
                } => {
                    if self.is_framed(skip, total) {
                        self.message(skip, header, total);
                    } else {
                        self.lost("a message that can't be read, and no header after it");
                    }
                    return true;
                }
            }
        }
    }

    /// Returns `false` if the length of a message is to be doubted: it cannot be read as a whole, and what follows is not a
    /// message either.
    fn is_framed(&mut self, skip: usize, total: usize) -> bool {
        if self.may_look(0) {
            match decode(&self.buffer[self.at + skip..self.at + total]) {
                Ok(_) => return true,
                Err(error) => self.vain += error.offset as u64,
            }
        }
        while self.buffer.len() - self.at < total + HEADER && self.fill() {}
        let next = &self.buffer[self.at + total..];
        next.len() < HEADER || is_bmp(next)
    }

    fn message(&mut self, skip: usize, header: Option<OpenBmp>, total: usize) {
        let message = &self.buffer[self.at + skip..self.at + total];
        let extent = (self.base + self.at as u64, total as u64);
        let (ready, found) = (&mut self.ready, &mut self.found);
        // Messages may follow the one that ends a connection, if connections were written to one file.
        self.last = self
            .routers
            .take("", (header, self.last), message, &mut |arrival| {
                *found |= arrival.status != Status::CorruptedRecord;
                ready.push_back(Arrival {
                    extent: Some(extent),
                    ..arrival
                });
            });
        self.at += total;
    }

    /// Reports bytes that are no message, up to where messages go on.
    fn lost(&mut self, reason: &str) {
        let mut skipped = 1;
        loop {
            let rest = &self.buffer[self.at..];
            while skipped < rest.len() && !begins(&rest[skipped..]) {
                skipped += 1;
            }
            let is_text = rest.get(skipped) == Some(&b'V');
            if is_text && !self.may_look(skipped) {
                skipped += 1;
                continue;
            }
            if skipped < rest.len() {
                self.vain += if is_text { LARGEST_HEADER as u64 } else { 0 };
                match chain(&rest[skipped..], self.end) {
                    Some(true) => break,
                    Some(false) => {
                        skipped += 1;
                        continue;
                    }
                    None => {}
                }
            }
            if skipped > MAX + LARGEST_HEADER {
                // Reported in pieces rather than held in memory.
                break;
            }
            // With no more to come the last messages need no full chain.
            if !self.fill() && skipped >= self.buffer.len() - self.at {
                break;
            }
        }
        let skipped = skipped.min(self.buffer.len() - self.at);
        self.damage(skipped, reason.to_owned());
    }

    fn damage(&mut self, length: usize, reason: String) {
        let extent = (self.base + self.at as u64, length as u64);
        self.at += length;
        let origin = Arc::new(self.origin.clone());
        self.damaged = true;
        self.ready
            .push_back(Arrival::damaged(origin, self.last, reason, Some(extent)));
    }

    /// Marks the damage that was found last as the end of a file that can't be read further.
    fn unreadable(&mut self) {
        self.damaged = false;
        if let Some(damage) = self.ready.back_mut() {
            damage.status = Status::CorruptedSource;
        }
    }
}

impl<R: Read + Send> Produce for BmpFile<R> {
    fn produce(&mut self) -> Option<Arrival> {
        while self.ready.is_empty() {
            if !self.step() {
                if self.found || !std::mem::take(&mut self.damaged) {
                    return None;
                }
                let origin = Arc::new(self.origin.clone());
                self.ready.push_back(Arrival {
                    status: Status::CorruptedSource,
                    ..Arrival::damaged(origin, self.last, NO_RECORD, None)
                });
            }
        }
        self.ready.pop_front()
    }

    fn is_file(&self) -> bool {
        true
    }
}

/// Whether a message may begin with these bytes.
fn begins(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [VERSION, 0, ..] | [b'O', b'B', ..] | [b'V', b':', ..]
    )
}

/// Whether plausible messages follow each other; `None` if more bytes are needed to tell.
fn chain(mut bytes: &[u8], end: bool) -> Option<bool> {
    for found in 0..CHAIN {
        if bytes.is_empty() && end {
            return Some(found > 0);
        }
        let plausible = is_bmp(bytes);
        match unit(bytes) {
            Unit::Whole { total, .. } if plausible => bytes = &bytes[total..],
            Unit::Partial if end => return Some(false),
            Unit::Partial => return None,
            _ => return Some(false),
        }
    }
    Some(true)
}

/// The lengths of a binary OpenBMP header and of the message after it.
fn binary_lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let [.., h0, h1, m0, m1, m2, m3] = bytes.first_chunk::<12>()?;
    let header = u16::from_be_bytes([*h0, *h1]);
    let message = u32::from_be_bytes([*m0, *m1, *m2, *m3]);
    Some((
        header.into(),
        usize::try_from(message).unwrap_or(usize::MAX),
    ))
}

/// The first message, with the OpenBMP header before it, if it has one.
pub(super) fn unit(bytes: &[u8]) -> Unit {
    let (skip, header) = if bytes.starts_with(b"OBMP") {
        let Some((skip, size)) = binary_lengths(bytes) else {
            return Unit::Partial;
        };
        if size > MAX || skip > LARGEST_HEADER {
            return Unit::Bad("expected an OpenBMP header with possible lengths".to_owned());
        }
        let Some(unit) = bytes.get(..skip + size) else {
            return Unit::Partial;
        };
        match OpenBmp::unwrap(unit) {
            Ok(unwrapped) => (skip, unwrapped.header),
            Err(error) => return Unit::Bad(format!("expected {error}")),
        }
    } else if bytes.starts_with(b"V: ") {
        match OpenBmp::unwrap(&bytes[..bytes.len().min(LARGEST_HEADER)]) {
            Ok(unwrapped) => {
                let seen = bytes.len().min(LARGEST_HEADER);
                (seen - unwrapped.bmp.len(), unwrapped.header)
            }
            Err(_) if bytes.len() < LARGEST_HEADER => return Unit::Partial,
            Err(error) => return Unit::Bad(format!("expected {error}")),
        }
    } else if b"OBMP".starts_with(bytes) || b"V: ".starts_with(bytes) {
        return Unit::Partial;
    } else {
        (0, None)
    };
    match frame(&bytes[skip..]) {
        Ok(Some(length)) => Unit::Whole {
            skip,
            header,
            total: skip + length,
        },
        Ok(None) => Unit::Partial,
        Err(error) => Unit::Bad(format!("expected {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can't be framed: headers of OpenBMP without an end, and messages that take in others and end with a TLV that is cut.
    #[test]
    fn what_seems_to_begin_everywhere_costs_no_long_look_each() {
        let empty = [VERSION, 0, 0, 0, 6, 4];
        let mut claims = Vec::new();
        for left in (1..=4_000_u32).rev() {
            let length = (40 * left + 6).to_be_bytes();
            claims.extend([&[VERSION][..], &length, &[4]].concat());
            // A TLV as long as the others, with three messages in it.
            claims.extend([0, 0, 0, if left == 1 { 99 } else { 36 }]);
            claims.resize(claims.len() + 12, 7);
            claims.extend(empty.repeat(3));
        }
        claims.extend([7; 100]);
        for bytes in [b"V: ".repeat(50_000), claims] {
            let mut file = BmpFile::new(&bytes[..], Origin::default());
            assert!(std::iter::from_fn(|| file.produce()).count() > 0);
            let most = MAX + 6 * bytes.len();
            assert!(file.vain <= most as u64, "{} of {most}", file.vain);
        }
    }
}
