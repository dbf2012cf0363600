//! Decompression, recognized by the first bytes: gzip, bzip2, xz and zstd, with all members.
//!
//! Archives that were appended to, rotated or written in parallel hold several members; each of the usual readers stops after
//! the first one of one format or another. All decoders are pure Rust.

use std::io::{self, BufRead, BufReader, Read};

use super::sniff::Peeked;
use super::{xz, zstd};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// One that can't be read: its name.
    Unknown(&'static str),
}

impl Compression {
    /// Recognizes a compression by the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A skippable frame may come first (RFC 8878 section 3.1.2).
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            [0x1F, 0x9D, ..] => Self::Unknown("compress (.Z)"),
            [0x89, b'L', b'Z', b'O', ..] => Self::Unknown("lzop"),
            [0x04, 0x22, 0x4D, 0x18, ..] => Self::Unknown("lz4"),
            [b'L', b'Z', b'I', b'P', ..] => Self::Unknown("lzip"),
            [b'R', b'a', b'r', b'!', 0x1A, 7, ..] => Self::Unknown("rar"),
            [b'P', b'K', 3, 4, ..] => Self::Unknown("zip"),
            [b'7', b'z', 0xBC, 0xAF, ..] => Self::Unknown("7z"),
            // A dictionary of whole MiB and no size, as xz writes it. An MRT header would have a type above 254 there.
            [0x5D, 0, 0, _, _, 0xFF, ..] => Self::Unknown("lzma"),
            _ => Self::None,
        }
    }

    /// Recognizes the compression of a stream. It has none if it begins with an MRT record whose time looks like a magic number.
    pub fn of_stream(stream: &mut Peeked<impl Read>) -> Self {
        let found = Self::of(stream.peek(HEAD));
        if found != Self::None && stream.is_mrt() {
            return Self::None;
        }
        found
    }
}

/// Bytes that a magic number has at most.
const HEAD: usize = 6;

/// Bytes read from the file at once.
pub(crate) const BLOCK: usize = 64 << 10;

/// Decompresses `input`, and returns how it is compressed.
///
/// # Errors
/// When it can't be read, or is compressed in a way that can't be read.
pub fn open(input: impl Read + Send + 'static) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    open_with(input, BLOCK)
}

/// The same with so many bytes read from the file at once.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    input: impl Read + Send + 'static,
    block: usize,
) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    let mut input = Peeked::new(input);
    let compression = Compression::of_stream(&mut input);
    if let Some(error) = input.take_failure() {
        return Err(error);
    }
    let input = BufReader::with_capacity(block, input);
    let reader: Box<dyn Read + Send> = match compression {
        // The reader of records has a buffer of its own.
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(Members::<_, flate2::bufread::GzDecoder<_>>::new(input)),
        Compression::Bzip2 => Box::new(Members::<_, bzip2::bufread::BzDecoder<_>>::new(input)),
        Compression::Xz => Box::new(xz::Streams::new(input)),
        Compression::Zstd => Box::new(Members::<_, zstd::Frame<_>>::new(input)),
        Compression::Unknown(name) => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{name} compression is not supported"),
            ));
        }
    };
    Ok((compression, reader))
}

/// A decoder of one member of a compressed file: of one frame, in zstd's words.
trait Member<R>: Read + Sized {
    /// Skips what may lie between members. Returns whether another one follows.
    fn follows(input: &mut R, is_first: bool) -> io::Result<bool>;

    /// Begins a member.
    fn begin(input: R) -> io::Result<Self>;

    /// Returns the input, positioned after the member once it was read to its end; an error if that is not the member that was
    /// written.
    fn finish(self) -> io::Result<R>;
}

impl<R: BufRead> Member<R> for flate2::bufread::GzDecoder<R> {
    fn follows(input: &mut R, is_first: bool) -> io::Result<bool> {
        after_padding(input, is_first, (0x1F, "garbage after a gzip member"))
    }

    fn begin(input: R) -> io::Result<Self> {
        Ok(Self::new(input))
    }

    fn finish(self) -> io::Result<R> {
        Ok(self.into_inner())
    }
}

impl<R: BufRead> Member<R> for bzip2::bufread::BzDecoder<R> {
    fn follows(input: &mut R, is_first: bool) -> io::Result<bool> {
        after_padding(input, is_first, (b'B', "garbage after a bzip2 stream"))
    }

    fn begin(input: R) -> io::Result<Self> {
        Ok(Self::new(input))
    }

    fn finish(self) -> io::Result<R> {
        Ok(self.into_inner())
    }
}

impl<R: BufRead> Member<R> for zstd::Frame<R> {
    fn follows(input: &mut R, _: bool) -> io::Result<bool> {
        zstd::skip_frames(input)
    }

    fn begin(input: R) -> io::Result<Self> {
        Self::new(input)
    }

    fn finish(self) -> io::Result<R> {
        self.finish()
    }
}

/// Skips the zeros after a member, with which tapes are padded; `gunzip` ignores them as well. Returns whether a member with
/// this first byte follows; other bytes are an error with this text.
fn after_padding(
    input: &mut impl BufRead,
    is_first: bool,
    (magic, garbage): (u8, &'static str),
) -> io::Result<bool> {
    loop {
        let head = input.fill_buf()?;
        match head.first() {
            None => return Ok(false),
            Some(0) if !is_first => {
                let zeros = head.iter().take_while(|byte| **byte == 0).count();
                input.consume(zeros);
            }
            Some(first) if *first == magic => return Ok(true),
            Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, garbage)),
        }
    }
}

/// All members of a compressed file, where the decoder itself stops after one. An error between members is one after everything
/// before it was read.
struct Members<R, D> {
    state: Option<Place<R, D>>,
    /// Whether the first member was begun.
    begun: bool,
}

/// A place between members, or inside one.
enum Place<R, D> {
    Between(R),
    Inside(D),
}

impl<R, D> Members<R, D> {
    const fn new(input: R) -> Self {
        Self {
            state: Some(Place::Between(input)),
            begun: false,
        }
    }
}

impl<R: BufRead, D: Member<R>> Read for Members<R, D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state.take() {
                None => return Ok(0),
                Some(Place::Between(mut input)) => {
                    if !D::follows(&mut input, !self.begun)? {
                        return Ok(0);
                    }
                    self.state = Some(Place::Inside(D::begin(input)?));
                }
                Some(Place::Inside(mut member)) => {
                    let count = match member.read(out) {
                        // An interrupted read is repeated.
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                            self.state = Some(Place::Inside(member));
                            return Err(error);
                        }
                        result => result?,
                    };
                    self.begun = true;
                    if count > 0 {
                        self.state = Some(Place::Inside(member));
                        return Ok(count);
                    }
                    self.state = Some(Place::Between(member.finish()?));
                }
            }
        }
    }
}
