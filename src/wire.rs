//! Bounded reading and writing of bytes in network order.
//!
//! All bytes from peers are read with [`Reader`], which can neither panic nor read past its slice. All nested length
//! fields are written by [`Writer`], which fills them in afterwards, so that no sizes are added up by hand. nom was
//! rejected for wire formats (no exact offsets), and so was `bytes::Buf` (panics on short input).

use std::fmt;

/// Why bytes could not be decoded: what was being read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What was expected at [`offset`](Self::offset), in the words of the RFC.
    pub what: &'static str,
    /// Offset in bytes from the start of the outermost slice.
    pub offset: usize,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.what, self.offset)
    }
}

impl std::error::Error for WireError {}

/// A cursor over bytes that never reads past their end.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    base: usize,
}

impl<'a> Reader<'a> {
    /// Creates a reader at the first byte of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, base: 0 }
    }

    /// Consumes the next `count` bytes.
    ///
    /// # Errors
    /// Returns an error if fewer remain, without consuming any.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let Some((head, tail)) = self.data.split_at_checked(count) else {
            return Err(self.error(what));
        };
        self.data = tail;
        self.base += count;
        Ok(head)
    }

    /// Consumes the next `count` bytes and returns a reader for them, which reports offsets from the start of the
    /// whole.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn sub(&mut self, count: usize, what: &'static str) -> Result<Self, WireError> {
        let base = self.base;
        Ok(Self {
            data: self.take(count, what)?,
            base,
        })
    }

    /// Consumes `N` bytes.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let Some((head, tail)) = self.data.split_first_chunk::<N>() else {
            return Err(self.error(what));
        };
        self.data = tail;
        self.base += N;
        Ok(*head)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// Returns an error if none remains.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Reads two bytes in network order.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Reads three bytes in network order.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn u24(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what)
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads four bytes in network order.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// Reads eight bytes in network order.
    ///
    /// # Errors
    /// Returns an error if fewer remain.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// Consumes all remaining bytes.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.data;
        self.base += rest.len();
        self.data = &[];
        rest
    }

    /// The remaining bytes, without consuming them.
    pub const fn peek(&self) -> &'a [u8] {
        self.data
    }

    /// The number of remaining bytes.
    pub const fn remaining(&self) -> usize {
        self.data.len()
    }

    /// Returns `true` if no bytes remain.
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Offset of the next byte from the start of the outermost slice.
    pub const fn offset(&self) -> usize {
        self.base
    }

    /// An error at this position.
    pub const fn error(&self, what: &'static str) -> WireError {
        WireError {
            what,
            offset: self.base,
        }
    }

    /// Checks that no bytes remain.
    ///
    /// # Errors
    /// Returns an error if the reader is not empty.
    pub const fn finish(&self, what: &'static str) -> Result<(), WireError> {
        if self.data.is_empty() {
            Ok(())
        } else {
            Err(self.error(what))
        }
    }
}

/// Appends bytes in network order to a buffer, with length fields that are filled in afterwards.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// Creates a writer that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            overflow: false,
        }
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends the low three bytes of `value`.
    pub fn u24(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes()[1..]);
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends what `body` writes, preceded by its length in one byte.
    pub fn len8(&mut self, body: impl FnOnce(&mut Writer<'_>)) {
        let at = self.out.len();
        self.out.push(0);
        body(self);
        match u8::try_from(self.out.len() - at - 1) {
            Ok(length) => self.out[at] = length,
            Err(_) => self.overflow = true,
        }
    }

    /// Appends what `body` writes, preceded by its length in two bytes.
    pub fn len16(&mut self, body: impl FnOnce(&mut Writer<'_>)) {
        let at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        body(self);
        match u16::try_from(self.out.len() - at - 2) {
            Ok(length) => self.out[at..at + 2].copy_from_slice(&length.to_be_bytes()),
            Err(_) => self.overflow = true,
        }
    }

    /// Number of bytes in the buffer, including those that were there before.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns `true` if the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Checks that everything written so far fits in its length fields. A buffer that overflowed must not be sent.
    ///
    /// # Errors
    /// Returns an error if a body was too long for its length field.
    pub const fn finish(&self) -> Result<(), WireError> {
        if self.overflow {
            Err(WireError {
                what: "a body that fits its length field",
                offset: 0,
            })
        } else {
            Ok(())
        }
    }

    /// The underlying buffer, for appending encoded bytes.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_names_the_place_and_moves_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16("two bytes"), Ok(0x0102));
        assert_eq!(
            reader.u32("four bytes"),
            Err(WireError {
                what: "four bytes",
                offset: 2
            })
        );
        assert_eq!(reader.u8("one byte"), Ok(3));
        assert_eq!(reader.finish("the end"), Ok(()));
    }

    #[test]
    fn a_sub_reader_counts_from_the_start_of_the_whole() {
        let mut reader = Reader::new(&[9, 9, 1, 2]);
        reader.take(2, "head").expect("two bytes are there");
        let mut sub = reader.sub(2, "body").expect("two bytes are there");
        sub.u8("a byte").expect("one byte is there");
        assert_eq!(sub.u16("a pair").map_err(|error| error.offset), Err(3));
    }

    #[test]
    fn lengths_are_filled_in_and_overflow_is_reported() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.len16(|w| w.len8(|w| w.bytes(b"abc")));
        assert_eq!(writer.finish(), Ok(()));
        writer.len8(|w| w.bytes(&[0; 256]));
        assert!(writer.finish().is_err());
        assert_eq!(out[..6], [0, 4, 3, b'a', b'b', b'c']);
    }
}
