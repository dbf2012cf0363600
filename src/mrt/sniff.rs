//! The first bytes of a stream, looked at before it is read: which of several forms does it have?
//!
//! An MRT archive begins with a time, and some times are the magic numbers of other formats: 2015-11-04 15:15:00 is `V: ` and a
//! zero octet, which is how OpenBMP's headers begin. So a magic number counts only if no MRT header stands there.

use std::io::{self, Read};

use super::{Header, kind};

/// Bytes that are looked at at most to find a second header.
const FARTHEST: usize = 128 << 10;

/// A stream whose first bytes were looked at. Reading it gives them again.
#[derive(Debug)]
pub struct Peeked<R> {
    head: Vec<u8>,
    at: usize,
    end: bool,
    failure: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    /// A stream of which nothing was looked at yet.
    pub const fn new(rest: R) -> Self {
        Self {
            head: Vec::new(),
            at: 0,
            end: false,
            failure: None,
            rest,
        }
    }

    /// The first `count` bytes of what was not read yet; fewer if the stream ends before, or can't be read. May wait for the
    /// stream.
    pub fn peek(&mut self, count: usize) -> &[u8] {
        let wanted = self.at + count;
        let mut filled = self.head.len();
        while filled < wanted && !self.end {
            self.head.resize(wanted, 0);
            match self.rest.read(&mut self.head[filled..]) {
                Ok(0) => self.end = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.end = true;
                }
            }
        }
        self.head.truncate(filled);
        let to = wanted.min(filled);
        self.head.get(self.at..to).unwrap_or_default()
    }

    /// Takes the error that [`peek`](Self::peek) met. Otherwise reading gives it, after the bytes before it.
    pub const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Returns `true` if the stream begins with an MRT record: a plausible header, and where the record ends another one or the
    /// end of the stream.
    pub fn is_mrt(&mut self) -> bool {
        let Some(header) = self.peek(Header::SIZE).first_chunk().copied() else {
            return false;
        };
        let header = Header::parse(header);
        if !header.is_plausible() {
            return false;
        }
        let total = usize::try_from(header.length)
            .map_or(usize::MAX, |length| length.saturating_add(Header::SIZE));
        if total > FARTHEST {
            return true;
        }
        if self.is_boundary(total) {
            return true;
        }
        // The length of the batches of 1999 is four short.
        header.kind == kind::TABLE_DUMP && self.is_boundary(total + 4)
    }

    /// Whether a plausible header stands at `at`, or the stream ends there or within a header.
    fn is_boundary(&mut self, at: usize) -> bool {
        let Some(next) = self.peek(at + Header::SIZE).get(at..) else {
            return false;
        };
        next.first_chunk()
            .is_none_or(|next| Header::parse(*next).is_plausible())
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let waiting = self.head.get(self.at..).unwrap_or_default();
        if !waiting.is_empty() {
            let count = out.len().min(waiting.len());
            out[..count].copy_from_slice(&waiting[..count]);
            self.at += count;
            if self.at == self.head.len() {
                (self.head, self.at) = (Vec::new(), 0);
            }
            return Ok(count);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.rest.read(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: u32, kind: u16, subtype: u16, length: u32) -> Vec<u8> {
        let header = Header {
            seconds,
            kind,
            subtype,
            length,
        };
        let mut out = header.to_bytes().to_vec();
        out.resize(out.len() + usize::try_from(length).expect("small"), 7);
        out
    }

    #[test]
    fn a_record_is_one_if_another_or_the_end_follows() {
        let first = record(1, 16, 4, 30);
        let is_mrt = |bytes: &[u8]| Peeked::new(bytes).is_mrt();
        assert!(is_mrt(&first));
        assert!(is_mrt(&[&first[..], &record(2, 13, 2, 5)].concat()));
        assert!(is_mrt(&[&first[..], &[0; 5]].concat()));
        assert!(!is_mrt(&[&first[..], &[7; 12]].concat()));
        assert!(!is_mrt(&first[..20]));
        assert!(!is_mrt(&record(1, 99, 4, 3)));
        // A batch of 1999.
        assert!(is_mrt(
            &[&record(1, 12, 1, 30)[..], &[7; 4], &first].concat()
        ));
    }

    #[test]
    fn what_was_looked_at_is_read_again() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut peeked = Peeked::new(&bytes[..]);
        assert_eq!(peeked.peek(3), &bytes[..3]);
        assert_eq!(peeked.peek(40), &bytes[..40]);
        let mut some = [0; 30];
        peeked.read_exact(&mut some).expect("thirty");
        assert_eq!(peeked.peek(20), &bytes[30..50]);
        let mut rest = Vec::new();
        peeked.read_to_end(&mut rest).expect("the rest");
        assert_eq!(rest, &bytes[30..]);
        assert!(peeked.peek(1).is_empty());
    }
}
