//! Lines of RIS Live messages, from a file or standard input.

use std::io::{self, BufRead, BufReader, Read};

use crate::mrt::sniff::Peeked;
use crate::stream::record::{Origin, Status};

use super::arrival::{Arrival, NO_RECORD, Produce};
use super::rislive::{MARK, RisLive};

/// Longest line, in bytes: a BGP message of 64 KiB in hexadecimal, and its fields.
const LONGEST: u64 = 2 << 20;

/// Project of records of RIS Live, as CAIDA's broker has it.
pub(super) const PROJECT: &str = "ris-live";

/// Reads one message per line.
pub(super) struct RisLines<R> {
    input: BufReader<R>,
    messages: RisLive,
    line: Vec<u8>,
    offset: u64,
    ended: bool,
    /// Whether a message was found, and whether anything else was.
    found: bool,
    damaged: bool,
}

/// White space that may precede the first object, in bytes; and bytes that are looked at to find it.
const LOOK: usize = 4 << 10;

/// Returns `true` if a stream holds JSON objects by the way it begins.
pub(super) fn is_json(input: &mut Peeked<impl Read>) -> bool {
    let mut count = MARK.len();
    loop {
        let head = input.peek(count);
        let whole = head.len() < count || count >= LOOK;
        match begins_json(head) {
            Some(found) => return found,
            None if whole => return false,
            None => count *= 2,
        }
    }
}

/// Whether a JSON object begins here; `None` if more bytes are needed to tell.
fn begins_json(head: &[u8]) -> Option<bool> {
    let text = match head.strip_prefix(MARK) {
        Some(text) => text,
        None if MARK.starts_with(head) => return None,
        None => head,
    };
    let text = text.trim_ascii_start();
    match text.split_first() {
        None => None,
        Some((b'{', rest)) => {
            let first = rest.trim_ascii_start().first();
            first.map(|first| matches!(first, b'"' | b'}'))
        }
        Some(_) => Some(false),
    }
}

impl<R: Read> RisLines<R> {
    pub(super) fn new(input: R, mut origin: Origin) -> Self {
        if origin.project.is_empty() {
            origin.project = PROJECT.to_owned();
        }
        Self {
            input: BufReader::new(input),
            messages: RisLive::new(origin),
            line: Vec::new(),
            offset: 0,
            ended: false,
            found: false,
            damaged: false,
        }
    }

    /// Skips to the end of a line that is too long.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.input.fill_buf()?;
            if buffered.is_empty() {
                return Ok(());
            }
            let (count, found) = match memchr::memchr(b'\n', buffered) {
                Some(at) => (at + 1, true),
                None => (buffered.len(), false),
            };
            self.input.consume(count);
            self.offset += count as u64;
            if found {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<Arrival>> {
        self.line.clear();
        let offset = self.offset;
        let count = (&mut self.input)
            .take(LONGEST)
            .read_until(b'\n', &mut self.line)? as u64;
        self.offset += count;
        self.ended = count == 0;
        let arrival = if count == LONGEST && !self.line.ends_with(b"\n") {
            self.skip()?;
            Some(self.messages.damaged(&self.line, "a line that is too long"))
        } else {
            self.messages.read(&self.line)
        };
        Ok(arrival.map(|arrival| Arrival {
            extent: Some((offset, self.offset - offset)),
            ..arrival
        }))
    }
}

impl<R: Read + Send> Produce for RisLines<R> {
    fn produce(&mut self) -> Option<Arrival> {
        while !self.ended {
            match self.line() {
                // An empty line, or an answer of the server without data.
                Ok(None) => self.found |= !self.line.trim_ascii().is_empty(),
                Ok(Some(arrival)) => {
                    match arrival.status {
                        Status::CorruptedRecord => self.damaged = true,
                        _ => self.found = true,
                    }
                    return Some(arrival);
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Arrival {
                        status: Status::CorruptedSource,
                        ..self.messages.damaged(&[], error.to_string())
                    });
                }
            }
        }
        if !self.found && std::mem::take(&mut self.damaged) {
            return Some(Arrival {
                status: Status::CorruptedSource,
                ..self.messages.damaged(&[], NO_RECORD)
            });
        }
        None
    }

    fn is_file(&self) -> bool {
        true
    }
}
