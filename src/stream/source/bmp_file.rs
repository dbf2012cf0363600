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
        }
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
        if decode(&self.buffer[self.at + skip..self.at + total]).is_ok() {
            return true;
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
            if skipped < rest.len() {
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
