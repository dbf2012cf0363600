//! Frames of a file, up to its end or the first damage.

use std::io::{self, Read};

use super::frame::{MAGIC, MAX_FRAME, checksum};

/// Why the rest of a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// There is nothing in it: what writes a journal begins with its first bytes.
    #[error("the file is empty")]
    Empty,
    /// It is not a journal.
    #[error("the file is not a journal")]
    Magic,
    /// Another version of the format.
    #[error("the journal has version {0} of the format, and only 1 is known")]
    Version(u8),
    /// The file ends inside of a frame: the program or the machine stopped while it was written.
    #[error("the file ends inside of a record")]
    Torn,
    /// The bytes are not those that were written.
    #[error("the checksum of a record is wrong")]
    Checksum,
    /// The file can't be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: R,
    offset: u64,
}

impl<R: Read> FrameReader<R> {
    /// Reads what a file begins with.
    ///
    /// # Errors
    /// When it is no journal, or can't be read.
    pub fn new(mut input: R) -> Result<Self, Damage> {
        let mut head = Vec::new();
        input
            .by_ref()
            .take(MAGIC.len() as u64)
            .read_to_end(&mut head)?;
        match (&head[..], &MAGIC[..]) {
            ([], _) => return Err(Damage::Empty),
            (head, wanted) if head == wanted => {}
            ([name @ .., version], [wanted @ .., _]) if name == wanted => {
                return Err(Damage::Version(*version));
            }
            (head, wanted) if wanted.starts_with(head) => return Err(Damage::Torn),
            _ => return Err(Damage::Magic),
        }
        Ok(Self {
            input,
            offset: head.len() as u64,
        })
    }

    /// Where the next frame begins.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The payload of the next frame; `None` at the end.
    ///
    /// # Errors
    /// When the rest is not readable. It must not be called again then.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Damage> {
        let mut head = Vec::new();
        self.input.by_ref().take(8).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let (length, sum) = match head[..] {
            [a, b, c, d, e, f, g, h] => ([a, b, c, d], u32::from_be_bytes([e, f, g, h])),
            _ => return Err(Damage::Torn),
        };
        let size = u32::from_be_bytes(length);
        if size > MAX_FRAME {
            return Err(Damage::Checksum);
        }
        let mut payload = Vec::new();
        // Memory is taken as the file gives bytes, whatever the length says.
        let read = self
            .input
            .by_ref()
            .take(size.into())
            .read_to_end(&mut payload)?;
        if read as u64 != u64::from(size) {
            return Err(Damage::Torn);
        }
        if checksum(&[&length, &payload]) != sum {
            return Err(Damage::Checksum);
        }
        self.offset += 8 + u64::from(size);
        Ok(Some(payload))
    }
}
