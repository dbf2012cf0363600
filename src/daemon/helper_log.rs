//! Logs what helpers write to stderr line by line, with the name of the helper.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use tokio::net::unix::pipe;
use tracing::warn;

/// Longest line that is logged whole, in bytes; the rest is logged as another line.
const LINE: usize = 8 * 1024;
/// Shown at every log level, since it would be on the terminal without the daemon, too.
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

    /// Logs lines; never returns. It may be dropped and called again without losing text.
    pub(crate) async fn read(&self, stderr: &pipe::Receiver) {
        loop {
            if stderr.readable().await.is_err() || !self.read_once(stderr) {
                // It may close its stderr and live on.
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Logs what is available without waiting, including an incomplete line.
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
