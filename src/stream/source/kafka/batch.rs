//! Record sets: what Kafka stores, batches of messages of version 2, one after the other.
//!
//! A set is read one message at a time, so that no more than it and one decompressed batch are in memory. Damage costs
//! its batch: where the next one begins is known from the header.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};

use crate::mrt::compression::{self, Compression};
use crate::wire::{Reader, WireError};

/// Bytes of a batch before its checksum ends: offset, length, epoch, version, checksum.
const PREFIX: usize = 21;
/// Offset of the field that a batch's length counts from.
const COUNTED: usize = 12;
/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// The only version of batches that is read. Brokers have written it since 0.11.
const VERSION: u8 = 2;
/// Largest batch after decompression, in bytes.
const LARGEST: u64 = 32 << 20;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) offset: i64,
    /// Milliseconds since 1970; -1 if unknown.
    pub(super) time: i64,
    pub(super) value: Bytes,
}

/// Messages that can't be read: from one offset up to another, which is the next one to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) from: i64,
    pub(super) next: i64,
    pub(super) reason: String,
}

/// The messages of a record set.
#[derive(Debug)]
pub(super) struct RecordSet {
    bytes: Bytes,
    batch: Option<Batch>,
    /// The offset of the next message. Brokers return whole batches, whose first messages may have lower ones.
    next: i64,
    /// Whether no batch was whole yet.
    first: bool,
}

/// A batch whose records are being read.
#[derive(Debug)]
struct Batch {
    records: Bytes,
    left: u32,
    base_offset: i64,
    base_time: i64,
    /// The time when the broker stored the batch, if that is what its times are.
    stored: Option<i64>,
    /// The offset behind the batch.
    end: i64,
}

/// What the header of a batch says.
struct Header {
    checksum: u32,
    attributes: u16,
    base_offset: i64,
    base_time: i64,
    most_time: i64,
    end: i64,
    count: u32,
}

impl RecordSet {
    pub(super) const fn new(bytes: Bytes, next: i64) -> Self {
        Self {
            bytes,
            batch: None,
            next,
            first: true,
        }
    }

    /// The offset of the next message.
    pub(super) const fn next_offset(&self) -> i64 {
        self.next
    }

    /// The next message; `None` at the end. A last batch that is cut is left for the next fetch; the first is whole, or will never
    /// be.
    pub(super) fn next(&mut self) -> Option<Result<Message, Damage>> {
        loop {
            if let Some(batch) = &mut self.batch {
                match batch.next() {
                    Ok(Some(message)) if message.offset < self.next => continue,
                    Ok(Some(message)) => {
                        self.next = message.offset.saturating_add(1);
                        return Some(Ok(message));
                    }
                    Ok(None) => {
                        self.next = self.next.max(batch.end);
                        self.batch = None;
                        continue;
                    }
                    Err(error) => {
                        let end = batch.end;
                        self.batch = None;
                        return Some(Err(self.damage(end, format!("expected {error}"))));
                    }
                }
            }
            if self.bytes.is_empty() {
                return None;
            }
            let length = match declared(&self.bytes) {
                Some(length) if length < HEADER => {
                    self.bytes.clear();
                    return Some(Err(self.damage(0, "a batch with an impossible length")));
                }
                Some(length) if length <= self.bytes.len() => length,
                _ => {
                    self.bytes.clear();
                    let cut = self.first;
                    return cut.then(|| Err(self.damage(0, "a batch that is cut short")));
                }
            };
            self.first = false;
            let bytes = self.bytes.split_to(length);
            match open(&bytes) {
                Ok(batch) => self.batch = Some(batch),
                Err((end, reason)) => return Some(Err(self.damage(end, reason))),
            }
        }
    }

    /// Skips to an offset, but at least by one message, so that reading goes on.
    fn damage(&mut self, end: i64, reason: impl Into<String>) -> Damage {
        let from = self.next;
        self.next = end.max(from.saturating_add(1));
        Damage {
            from,
            next: self.next,
            reason: reason.into(),
        }
    }
}

/// The whole length of the first batch, 0 if its field is negative; `None` if the field is cut.
fn declared(bytes: &[u8]) -> Option<usize> {
    let [.., a, b, c, d] = bytes.first_chunk::<COUNTED>()?;
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    Some(usize::try_from(length).map_or(0, |length| length + COUNTED))
}

/// Checks a batch and decompresses it. An error comes with the offset behind the batch, 0 if that is unknown.
fn open(bytes: &Bytes) -> Result<Batch, (i64, String)> {
    let version = bytes.get(COUNTED + 4).copied().unwrap_or_default();
    if version != VERSION {
        let reason = format!("messages in the format {version} of brokers before 0.11");
        return Err((0, reason));
    }
    let header = Header::decode(bytes).map_err(|error| (0, format!("expected {error}")))?;
    if crc32c(&bytes[PREFIX..]) != header.checksum {
        return Err((header.end, "a batch with a wrong checksum".to_owned()));
    }
    // Transaction markers are no messages.
    let control = header.attributes & 0x20 != 0;
    let records = if control {
        Bytes::new()
    } else {
        decompress(header.attributes & 7, bytes.slice(HEADER..))
            .map_err(|error| (header.end, error.to_string()))?
    };
    Ok(Batch {
        records,
        left: if control { 0 } else { header.count },
        base_offset: header.base_offset,
        base_time: header.base_time,
        stored: (header.attributes & 8 != 0).then_some(header.most_time),
        end: header.end,
    })
}

impl Header {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let base_offset = r.u64("an offset")?.cast_signed();
        // The length, the leader's epoch, the version.
        r.take(PREFIX - 4 - 8, "the start of a batch")?;
        let checksum = r.u32("a checksum")?;
        let attributes = r.u16("attributes")?;
        let last = i64::from(r.u32("the last offset")?.cast_signed());
        let base_time = r.u64("the first time")?.cast_signed();
        let most_time = r.u64("the last time")?.cast_signed();
        r.take(8 + 2 + 4, "the producer")?;
        let count = r.u32("the number of records")?.cast_signed();
        Ok(Self {
            checksum,
            attributes,
            base_offset,
            base_time,
            most_time,
            end: base_offset.saturating_add(last).saturating_add(1),
            count: u32::try_from(count).unwrap_or_default(),
        })
    }
}

impl Batch {
    /// The next message; those without a value, which delete an earlier one, are left out.
    fn next(&mut self) -> Result<Option<Message>, WireError> {
        while self.left > 0 {
            self.left -= 1;
            let records = self.records.clone();
            let mut whole = Reader::new(&records);
            let length = size(&mut whole, "the length of a record")?.unwrap_or_default();
            let start = whole.offset();
            let mut r = whole.sub(length, "a record of its declared length")?;
            self.records.advance(start + length);
            r.u8("attributes")?;
            let time = varint(&mut r, "a time")?;
            let place = r;
            let offset = self
                .base_offset
                .saturating_add(varint(&mut r, "an offset")?);
            if !(self.base_offset..self.end).contains(&offset) {
                return Err(place.error("an offset of the batch"));
            }
            if let Some(length) = size(&mut r, "the length of a key")? {
                r.take(length, "a key")?;
            }
            let Some(length) = size(&mut r, "the length of a value")? else {
                continue;
            };
            let at = r.offset();
            r.take(length, "a value")?;
            return Ok(Some(Message {
                offset,
                time: self
                    .stored
                    .unwrap_or_else(|| self.base_time.saturating_add(time)),
                value: records.slice(at..at + length),
            }));
        }
        Ok(None)
    }
}

/// A length; `None` if it is negative, which stands for nothing.
fn size(r: &mut Reader<'_>, what: &'static str) -> Result<Option<usize>, WireError> {
    varint(r, what).map(|length| usize::try_from(length).ok())
}

/// A signed number in seven bits per byte, zigzag encoded.
fn varint(r: &mut Reader<'_>, what: &'static str) -> Result<i64, WireError> {
    let start = *r;
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = r.u8(what)?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(start.error(what))
}

/// Decompresses the records of a batch.
fn decompress(codec: u16, bytes: Bytes) -> io::Result<Bytes> {
    match codec {
        0 => Ok(bytes),
        1 => recognized(Compression::Gzip, bytes),
        2 => snappy(&bytes),
        3 => whole(lz4_flex::frame::FrameDecoder::new(&bytes[..])),
        4 => recognized(Compression::Zstd, bytes),
        _ => Err(invalid(format!("the unknown compression {codec}"))),
    }
}

fn recognized(wanted: Compression, bytes: Bytes) -> io::Result<Bytes> {
    let (found, reader) = compression::open(bytes.reader())?;
    if found == wanted {
        whole(reader)
    } else {
        Err(invalid("a batch in another compression than it declares"))
    }
}

fn whole(reader: impl Read) -> io::Result<Bytes> {
    let mut out = Vec::new();
    if reader.take(LARGEST + 1).read_to_end(&mut out)? as u64 > LARGEST {
        return Err(too_large());
    }
    Ok(out.into())
}

/// The first bytes of what Java clients write: blocks of Snappy, each with its length.
const BLOCKS: &[u8] = b"\x82SNAPPY\0";

/// Bytes of the header that starts with [`BLOCKS`]: two versions follow.
const BLOCKS_HEADER: usize = BLOCKS.len() + 8;

fn snappy(bytes: &[u8]) -> io::Result<Bytes> {
    let mut out = Vec::new();
    if !bytes.starts_with(BLOCKS) {
        block(bytes, &mut out)?;
        return Ok(out.into());
    }
    let mut r = Reader::new(bytes);
    let malformed = |error: WireError| invalid(format!("expected {error}"));
    r.take(BLOCKS_HEADER, "a header").map_err(malformed)?;
    while !r.is_empty() {
        let length = r.u32("the length of a block").map_err(malformed)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        block(r.take(length, "a block").map_err(malformed)?, &mut out)?;
    }
    Ok(out.into())
}

/// Decompresses a block of Snappy, which begins with the length of its contents.
fn block(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let length = snap::raw::decompress_len(bytes)?;
    if (length + out.len()) as u64 > LARGEST {
        return Err(too_large());
    }
    let at = out.len();
    out.resize(at + length, 0);
    snap::raw::Decoder::new().decompress(bytes, &mut out[at..])?;
    Ok(())
}

fn too_large() -> io::Error {
    invalid(format!("a batch that decompresses to over {LARGEST} bytes"))
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// The checksum CRC-32C (RFC 3720 appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc, byte| {
        TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8)
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 * (crc & 1));
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}
