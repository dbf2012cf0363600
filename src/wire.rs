//! Bounded reading and writing of network-order bytes.
//!
//! Every byte from a peer goes through [`Reader`], which can neither panic nor read past its slice; every nested
//! length field is written by [`Writer`], which fills it in afterwards, so that no code adds sizes by hand. Rejected: nom
//! for wire formats (no exact offsets), `bytes::Buf` (panics on short input).

use std::fmt;

/// Why bytes could not be read: what was being read, and where.
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
    /// Reads `data` from its first byte.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, base: 0 }
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// When fewer remain; the reader does not move then.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let Some((head, tail)) = self.data.split_at_checked(count) else {
            return Err(self.error(what));
        };
        self.data = tail;
        self.base += count;
        Ok(head)
    }

    /// Takes the next `count` bytes as a reader of their own, which reports offsets of the whole.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn sub(&mut self, count: usize, what: &'static str) -> Result<Self, WireError> {
        let base = self.base;
        Ok(Self {
            data: self.take(count, what)?,
            base,
        })
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let Some((head, tail)) = self.data.split_first_chunk::<N>() else {
            return Err(self.error(what));
        };
        self.data = tail;
        self.base += N;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// When none remains.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Two bytes, network order.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Three bytes, network order.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn u24(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what)
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes, network order.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// Eight bytes, network order.
    ///
    /// # Errors
    /// When fewer remain.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// All that remains; the reader is empty afterwards.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.data;
        self.base += rest.len();
        self.data = &[];
        rest
    }

    /// What remains, without taking it.
    pub const fn peek(&self) -> &'a [u8] {
        self.data
    }

    /// Bytes that remain.
    pub const fn remaining(&self) -> usize {
        self.data.len()
    }

    /// Whether nothing remains.
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Offset of the next byte from the start of the outermost slice.
    pub const fn offset(&self) -> usize {
        self.base
    }

    /// An error at this place.
    pub const fn error(&self, what: &'static str) -> WireError {
        WireError {
            what,
            offset: self.base,
        }
    }

    /// Refuses what remains.
    ///
    /// # Errors
    /// When the reader is not empty.
    pub const fn finish(&self, what: &'static str) -> Result<(), WireError> {
        if self.data.is_empty() {
            Ok(())
        } else {
            Err(self.error(what))
        }
    }
}

/// Appends network-order bytes to a buffer, with length fields that are filled in afterwards.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
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

    /// Bytes in the buffer, including those that were there before.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Whether everything written so far fits its length fields. A buffer that overflowed must not be sent.
    ///
    /// # Errors
    /// When a body was longer than its length field can say.
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

    /// The buffer itself, for what is already encoded.
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
