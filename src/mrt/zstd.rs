//! Frames of zstd (RFC 8878).

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A last block without content, and room for a checksum.
const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// The decoder of one frame.
pub(super) struct Frame<R> {
    input: R,
    decoder: Box<FrameDecoder>,
    /// What is wrong after everything that was decoded.
    failure: Option<io::Error>,
}

impl<R: Read> Frame<R> {
    /// Begins a frame.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.init(&mut input).map_err(|_| damaged())?;
        Ok(Self {
            input,
            decoder,
            failure: None,
        })
    }

    /// Compares the checksum of a frame that was read to its end, if it has one. Returns the input.
    pub(super) fn finish(self) -> io::Result<R> {
        let stored = self.decoder.get_checksum_from_data();
        if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "zstd data that does not match its checksum",
            ));
        }
        Ok(self.input)
    }
}

impl<R: Read> Read for Frame<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let one = || BlockDecodingStrategy::UptoBlocks(1);
        while self.decoder.can_collect() == 0 {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.decoder.is_finished() {
                return Ok(0);
            }
            if self.decoder.decode_blocks(&mut self.input, one()).is_err() {
                self.failure = Some(damaged());
                // The decoder keeps back a window for blocks to come until the frame ends.
                let end = self.decoder.decode_blocks(&END[..], one());
                end.map_err(|_| damaged())?;
            }
        }
        self.decoder.read(out)
    }
}

/// The decoder's own texts show its internal values.
fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "zstd data that is damaged or cut short",
    )
}

/// Steps over skippable frames (RFC 8878 section 3.1.2). Returns whether a frame follows.
pub(super) fn skip_frames(input: &mut impl BufRead) -> io::Result<bool> {
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
