//! Decompression on a thread of its own, a few blocks ahead of the reader.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a block.
const BLOCK: usize = 32 << 10;

/// Blocks that wait at most.
const WAITING: usize = 2;

/// Threads at once; the files beyond are decompressed when they are read. With their blocks, buffers and windows they take some
/// megabytes.
const MOST: usize = 16;

/// How many threads the files of a stream have.
#[derive(Clone, Debug, Default)]
pub struct Threads(Arc<AtomicUsize>);

impl Threads {
    /// Counts one more, unless there are enough.
    fn enter(&self) -> Option<Permit> {
        let more = |count| (count < MOST).then_some(count + 1);
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        before.ok().map(|_| Permit(self.clone()))
    }
}

/// The right to have a thread.
struct Permit(Threads);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Decompresses on a thread, if there may be one more.
pub(super) fn ahead(
    input: Box<dyn Read + Send>,
    threads: &Threads,
) -> io::Result<Box<dyn Read + Send>> {
    match threads.enter() {
        Some(permit) => Ok(Box::new(Ahead::start(input, permit)?)),
        None => Ok(input),
    }
}

/// Reads blocks that another thread decompresses. The thread ends with the stream, or when this is dropped.
struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    spare: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    /// Given back when this is dropped.
    _permit: Permit,
}

impl Ahead {
    fn start(input: Box<dyn Read + Send>, permit: Permit) -> io::Result<Self> {
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
            _permit: permit,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_limited_and_given_back() {
        let threads = Threads::default();
        let zeros = || Box::new(io::repeat(0).take(1 << 20));
        let mut open: Vec<_> = (0..MOST + 3)
            .map(|_| ahead(zeros(), &threads).expect("a thread"))
            .collect();
        assert_eq!(threads.0.load(Ordering::Relaxed), MOST);
        for one in &mut open {
            let mut text = Vec::new();
            one.read_to_end(&mut text).expect("zeros");
            assert_eq!(text.len(), 1 << 20);
        }
        drop(open);
        assert_eq!(threads.0.load(Ordering::Relaxed), 0);
    }
}
