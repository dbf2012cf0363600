//! What helpers write to stderr, line by line in our log, with the helper's name.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use tokio::net::unix::pipe;
use tracing::warn;

/// Longest line that is logged whole, in bytes; what goes beyond it is a line of its own.
const LINE: usize = 8 * 1024;
/// What is shown whatever the log's level is: without us it would be on stderr, too.
const TARGET: &str = "oxabgp::helper";

/// The stderr of one run of a helper.
pub(crate) struct Complaints {
    helper: Rc<str>,
    buffer: RefCell<BytesMut>,
}

impl Complaints {
    pub(crate) fn new(helper: &Rc<str>) -> Self {
        Self {
            helper: Rc::clone(helper),
            buffer: RefCell::default(),
        }
    }

    /// Logs what comes, for ever. May be dropped and called again: nothing is lost.
    pub(crate) async fn read(&self, stderr: &pipe::Receiver) {
        loop {
            if stderr.readable().await.is_err() || !self.read_once(stderr) {
                // It may close its stderr and live on.
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Logs what is there without waiting, and what has no newline.
    pub(crate) fn finish(&self, stderr: &pipe::Receiver) {
        // A grandchild that keeps the pipe open may write for ever.
        for _ in 0..64 {
            if !self.read_once(stderr) || self.buffer.borrow().is_empty() {
                break;
            }
        }
        let rest = self.buffer.take();
        if !rest.is_empty() {
            self.log(&rest);
        }
    }

    /// Returns `false` at the end.
    fn read_once(&self, stderr: &pipe::Receiver) -> bool {
        let mut buffer = self.buffer.borrow_mut();
        buffer.reserve(LINE);
        match stderr.try_read_buf(&mut *buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(cause) => return cause.kind() == io::ErrorKind::WouldBlock,
        }
        while let Some(end) = memchr::memchr(b'\n', &buffer) {
            let line = buffer.split_to(end + 1);
            self.log(&line[..end]);
        }
        if buffer.len() >= LINE {
            let line = buffer.split();
            self.log(&line);
        }
        true
    }

    fn log(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        warn!(target: TARGET, process = %self.helper, "{}", line.trim_end());
    }
}
