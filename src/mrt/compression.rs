//! Decompression, recognized by the first bytes: gzip, bzip2, xz and zstd, with all members.
//!
//! Archives that were appended to, rotated or written in parallel hold several members; each of the usual readers stops after
//! the first one of one format or another. All decoders are pure Rust.

use std::io::{self, BufRead, BufReader, Read};

use super::sniff::Peeked;

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
            [b'P', b'K', 3, 4, ..] => Self::Unknown("zip"),
            [b'7', b'z', 0xBC, 0xAF, ..] => Self::Unknown("7z"),
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
const BLOCK: usize = 64 << 10;

/// Decompresses `input`, and returns how it is compressed.
///
/// # Errors
/// When it can't be read, or is compressed in a way that can't be read.
pub fn open(input: impl Read + Send + 'static) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    let mut input = Peeked::new(input);
    let compression = Compression::of_stream(&mut input);
    if let Some(error) = input.take_failure() {
        return Err(error);
    }
    let input = BufReader::with_capacity(BLOCK, input);
    let reader: Box<dyn Read + Send> = match compression {
        // The reader of records has a buffer of its own.
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(Gzip(flate2::bufread::MultiGzDecoder::new(input))),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new(input, true)),
        Compression::Zstd => Box::new(Zstd::new(input)),
        Compression::Unknown(name) => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{name} compression is not supported"),
            ));
        }
    };
    Ok((compression, reader))
}

/// gzip whose trailing zeros (tape padding) or garbage after a whole member end the stream, as `gunzip` has it.
struct Gzip<R>(flate2::bufread::MultiGzDecoder<R>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "garbage after a gzip member",
            )),
            result => result,
        }
    }
}

/// All frames of a zstd file; the decoder itself stops after one.
struct Zstd<R: BufRead> {
    state: Option<Frames<R>>,
}

enum Frames<R: BufRead> {
    /// Between frames.
    Between(R),
    /// Inside one.
    Inside(Box<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

impl<R: BufRead> Zstd<R> {
    const fn new(input: R) -> Self {
        Self {
            state: Some(Frames::Between(input)),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state.take() {
                None => return Ok(0),
                Some(Frames::Between(mut input)) => {
                    if !skip_frames(&mut input)? {
                        return Ok(0);
                    }
                    let decoder =
                        ruzstd::decoding::StreamingDecoder::new(input).map_err(|error| {
                            io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                        })?;
                    self.state = Some(Frames::Inside(Box::new(decoder)));
                }
                Some(Frames::Inside(mut decoder)) => {
                    let count = decoder.read(out)?;
                    self.state = Some(if count == 0 {
                        Frames::Between(decoder.into_inner())
                    } else {
                        Frames::Inside(decoder)
                    });
                    if count > 0 {
                        return Ok(count);
                    }
                }
            }
        }
    }
}

/// Steps over skippable frames (RFC 8878 section 3.1.2). Returns whether a frame follows.
fn skip_frames(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let head = input.fill_buf()?;
        match head {
            [] => return Ok(false),
            [0x50..=0x5F, ..] => {
                let mut header = [0; 8];
                input.read_exact(&mut header)?;
                let [.., a, b, c, d] = header;
                let length = u64::from(u32::from_le_bytes([a, b, c, d]));
                if io::copy(&mut input.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "a skippable zstd frame runs past the end of the file",
                    ));
                }
            }
            _ => return Ok(true),
        }
    }
}
