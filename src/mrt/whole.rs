//! Where a file ends that may be half written: at the end of its last whole record or gzip member.
//!
//! Memory is bounded: of a compressed file the last megabytes are decompressed, all of it only if no member ends in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::GzDecoder;

use super::{Item, Reader};

/// What a gzip member begins with (RFC 1952 section 2.3.1): the magic number, and the method "deflate".
const MEMBER: [u8; 3] = [0x1F, 0x8B, 8];
/// Bytes at the end of a compressed file that are looked at first.
const TAIL: u64 = 8 << 20;
/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// The end of the last whole record of a file, or of the last whole gzip member if it is compressed; all of it if it holds
/// neither.
///
/// # Errors
/// When it can't be read.
pub(crate) fn end(mut file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut begin = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MEMBER.len() as u64).read_to_end(&mut begin)?;
    match MEMBER.starts_with(&begin) {
        true => last_member(file, length),
        false => last_record(file, length),
    }
}

/// The end of the last whole member.
fn last_member(file: &File, length: u64) -> io::Result<u64> {
    let tail = length.saturating_sub(TAIL);
    match whole_members(file, tail)? {
        0 if tail > 0 => whole_members(file, 0),
        good => Ok(good),
    }
}

/// The end of the last whole member that begins at `from` or after it; 0 if there is none. What is damaged is passed over, so
/// that no whole member after it is lost.
fn whole_members(file: &File, from: u64) -> io::Result<u64> {
    let (mut good, mut at) = (0, from);
    while let Some(begin) = find_member(file, at)? {
        let end = members_from(file, begin)?;
        at = match end > begin {
            true => {
                good = end;
                end
            }
            false => begin + 1,
        };
    }
    Ok(good)
}

/// The first place at `from` or after it where a member may begin.
fn find_member(mut file: &File, from: u64) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(from))?;
    let mut window = Vec::with_capacity(BLOCK + MEMBER.len());
    let mut base = from;
    loop {
        let count = file.take(BLOCK as u64).read_to_end(&mut window)?;
        let found = window
            .windows(MEMBER.len())
            .position(|bytes| bytes == MEMBER);
        if let Some(found) = found {
            return Ok(Some(base + found as u64));
        }
        if count == 0 {
            return Ok(None);
        }
        let passed = window.len().saturating_sub(MEMBER.len() - 1);
        window.drain(..passed);
        base += passed as u64;
    }
}

/// Where the last whole one of the members ends that follow each other from `begin` on; `begin` if there is none.
fn members_from(mut file: &File, begin: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(begin))?;
    let mut input = Counted {
        inner: BufReader::with_capacity(BLOCK, file),
        count: begin,
    };
    let mut good = begin;
    loop {
        if input.fill_buf()?.is_empty() {
            return Ok(good);
        }
        // An error of the disk, too, is one that readers will have.
        if io::copy(&mut GzDecoder::new(&mut input), &mut io::sink()).is_err() {
            return Ok(good);
        }
        good = input.count;
    }
}

/// The end of the last record. A file that has none is none of ours, and stays as it is.
fn last_record(file: &File, length: u64) -> io::Result<u64> {
    let mut input = file;
    input.seek(SeekFrom::Start(0))?;
    let mut reader = Reader::new(input);
    let mut good = None;
    while reader.advance() {
        // Zeros, which a loss of power may leave, are no records.
        if matches!(reader.item(), Some(Item::Frame(frame)) if frame.header.kind != 0) {
            good = Some(reader.position());
        }
    }
    Ok(good.unwrap_or(length))
}

/// Counts the bytes that are taken from a reader.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::mrt::Timestamp;
    use crate::mrt::bgp4mp::{Direction, Session};
    use crate::mrt::writer::{Portability, Records, Sent};

    /// A record of a KEEPALIVE.
    fn record() -> Vec<u8> {
        let mut out = Vec::new();
        let session = Session {
            peer_asn: 65_001,
            local_asn: 65_000,
            interface: 0,
            peer: Some([192, 0, 2, 1].into()),
            local: Some([192, 0, 2, 2].into()),
        };
        let what = Sent {
            direction: Direction::Received,
            add_path: false,
            asn4: true,
            message: &[&[0xFF; 16][..], &[0, 19, 4]].concat(),
        };
        let time = Timestamp::from_seconds(1_700_000_000);
        Records::new(Portability::Full)
            .message(&mut out, time, &session, what)
            .expect("short");
        out
    }

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).expect("memory");
        out.finish().expect("memory")
    }

    /// How many of these bytes of a file are whole.
    fn cut(bytes: &[u8]) -> usize {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("room");
        usize::try_from(end(&file).expect("readable")).expect("short")
    }

    #[test]
    fn the_end_of_a_plain_file_that_is_no_record_is_cut_off() {
        let whole = record().repeat(2);
        assert_eq!(cut(&whole), whole.len());
        for rest in 1..record().len() {
            let half = [&whole[..], &record()[..rest]].concat();
            assert_eq!(cut(&half), whole.len(), "{rest}");
        }
        assert_eq!(cut(&[&whole[..], &[0; 4096]].concat()), whole.len());
        assert_eq!(cut(b""), 0);
        assert_eq!(cut(b"a file of somebody else"), 23);
    }

    #[test]
    fn the_end_of_a_compressed_file_that_is_no_member_is_cut_off() {
        let one = member(&record());
        let whole = [&one[..], &one].concat();
        assert_eq!(cut(&whole), whole.len());
        for rest in 1..one.len() {
            let half = [&whole[..], &one[..rest]].concat();
            assert_eq!(cut(&half), whole.len(), "{rest}");
            assert_eq!(cut(&one[..rest]), 0, "{rest}");
        }
        // What earlier damage has hidden stays.
        let hidden = [&one[..20], &whole, &one[..20]].concat();
        assert_eq!(cut(&hidden), 20 + whole.len());
        assert_eq!(cut(&[&whole[..], &[0; 4096]].concat()), whole.len());
    }

    #[test]
    fn of_a_large_compressed_file_the_end_is_enough_if_a_member_ends_there() {
        let noise: Vec<u8> = (0..3_000_000_u32)
            .flat_map(|at| at.wrapping_mul(2_654_435_761).rotate_left(at).to_le_bytes())
            .collect();
        let mut large = GzEncoder::new(Vec::new(), Compression::none());
        large.write_all(&noise).expect("memory");
        let large = large.finish().expect("memory");
        assert!(large.len() as u64 > TAIL);
        let small = member(&record());
        let whole = [&large[..], &small].concat();
        assert_eq!(cut(&[&whole[..], &small[..30]].concat()), whole.len());
        assert_eq!(cut(&[&large[..], &small[..30]].concat()), large.len());
        assert_eq!(cut(&large), large.len());
    }
}
