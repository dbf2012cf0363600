//! Streams of xz, as far as their bytes go: [`lzma_rust2::XzReader`] needs a whole chunk of up to 64 KiB for its first byte. Of a
//! file that is cut short only the last 20 bytes are lost, as many as a symbol may need.

use std::io::{self, BufRead, Read};

use lzma_rust2::{Action, Status, XzStream};

/// The decoder of all streams of a file.
pub(super) struct Streams<R> {
    input: R,
    decoder: XzStream,
    /// Whether everything was read, and what is wrong after it.
    end: Option<io::Result<()>>,
}

impl<R> Streams<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            decoder: XzStream::new(true),
            end: None,
        }
    }
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(end) = &mut self.end {
                return std::mem::replace(end, Ok(())).map(|()| 0);
            }
            let input = self.input.fill_buf()?;
            let action = match input.is_empty() {
                true => Action::Finish,
                false => Action::Run,
            };
            let before = (self.decoder.total_in(), self.decoder.total_out());
            let result = self.decoder.process(input, out, action);
            // After an error as well, the totals tell what was decoded before it.
            let count = |now: u64, before: u64, most: usize| {
                usize::try_from(now - before).map_or(most, |count| count.min(most))
            };
            let consumed = count(self.decoder.total_in(), before.0, input.len());
            let produced = count(self.decoder.total_out(), before.1, out.len());
            self.input.consume(consumed);
            match result {
                Ok(result) if result.status == Status::StreamEnd => self.end = Some(Ok(())),
                Ok(_) if consumed == 0 && produced == 0 => {
                    self.end = Some(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(_) => {}
                Err(error) => self.end = Some(Err(error)),
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
    }
}
