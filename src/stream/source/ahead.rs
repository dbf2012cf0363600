//! Decompression on a thread of its own, a few blocks ahead of the reader.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a block.
const BLOCK: usize = 128 << 10;

/// Blocks that wait at most.
const WAITING: usize = 2;

/// Reads blocks that another thread decompresses. The thread ends with the stream, or when this is dropped.
pub(super) struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    spare: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
}

impl Ahead {
    /// Starts the thread; gives the stream back if there can be none.
    pub(super) fn start(input: Box<dyn Read + Send>) -> io::Result<Self> {
        let (filled, blocks) = sync_channel(WAITING);
        let (spare, empty) = sync_channel(WAITING + 2);
        std::thread::Builder::new()
            .name("decompression".into())
            .spawn(move || run(input, &filled, &empty))?;
        Ok(Self {
            blocks,
            spare,
            block: Vec::new(),
            at: 0,
        })
    }
}

fn run(
    mut input: Box<dyn Read + Send>,
    filled: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.resize(BLOCK, 0);
        let mut length = 0;
        let mut failure = None;
        while length < BLOCK {
            match input.read(&mut block[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        block.truncate(length);
        let end = length < BLOCK;
        if filled.send(Ok(block)).is_err() {
            return;
        }
        if let Some(error) = failure {
            // The reader may be gone, which is no loss.
            let _ = filled.send(Err(error));
            return;
        }
        if end {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            let Ok(next) = self.blocks.recv() else {
                return Ok(0);
            };
            let used = std::mem::replace(&mut self.block, next?);
            self.at = 0;
            // A full channel has spares enough.
            let _ = self.spare.try_send(used);
        }
        let count = out.len().min(self.block.len() - self.at);
        out[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
