//! An operator: a client of the socket, or the users of the pipes.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::api::command::{RecordWatch, Role, Source};
use crate::daemon::executor::Executor;
use crate::daemon::queue::handover::QueueParts;
use crate::daemon::queue::{Marks, Queue};

/// Longest command in bytes, as in ExaBGP. No command is read either while more bytes of answers than this are unread.
pub(super) const LIMIT: usize = 1 << 20;
/// Bytes read in one turn.
const TURN: usize = 64 * 1024;
/// How long one client's commands are executed, or its answers written, in one turn: all clients have theirs together.
const SHORT: Duration = Duration::from_millis(2);
/// Most lines that are executed before the size of the unread answers is checked.
const PIECE: usize = 16;
/// How long a client with too many unread answers may read nothing.
const STALL: Duration = Duration::from_secs(60);

/// A line that begins with this byte is not a command: it is returned unchanged after the answers to all commands before
/// it. A client sends it to find the end of an answer.
pub(crate) const FRAME: u8 = 0x1E;

/// One client, and the answers that it has not read.
pub(super) struct Operator {
    pub(super) source: RefCell<Source>,
    pub(super) queue: Rc<Queue>,
    /// What it sent and was not executed.
    pub(super) input: RefCell<BytesMut>,
    /// Its socket, if it has one that another process could continue with.
    pub(super) socket: Cell<Option<RawFd>>,
}

/// A client of the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperatorParts<S> {
    pub(crate) socket: RawFd,
    /// What it sent and was not executed.
    pub(crate) input: Vec<u8>,
    pub(crate) queue: QueueParts,
    /// How it is answered.
    pub(crate) source: S,
}

/// The clients.
#[derive(Clone, Default)]
pub(super) struct Operators(Rc<RefCell<Vec<Weak<Operator>>>>);

impl Operators {
    /// Adds a client. Returns `None` if `most` with that role are there already.
    pub(super) fn add(&self, name: &str, role: Role, most: usize) -> Option<Rc<Operator>> {
        let mut list = self.0.borrow_mut();
        list.retain(|operator| operator.strong_count() > 0);
        let others = list.iter().filter_map(Weak::upgrade);
        if others.filter(|other| other.role() == role).count() >= most {
            return None;
        }
        let operator = Rc::new(Operator::new(name));
        operator.source.borrow_mut().role = role;
        list.push(Rc::downgrade(&operator));
        Some(operator)
    }

    pub(super) fn all(&self) -> Vec<Rc<Operator>> {
        self.0.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

/// Why no more commands can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed its end.
    Closed,
    /// An error of the operating system.
    Broken,
    /// It sent more than [`LIMIT`] bytes without a newline.
    Oversized,
    /// It does not read its answers.
    Stalled,
    /// It is to be sent records in place of answers.
    Records,
}

/// Where commands are read from.
pub(super) trait Input {
    async fn readable(&self) -> io::Result<()>;
    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize>;
}

impl Input for UnixStream {
    async fn readable(&self) -> io::Result<()> {
        Self::readable(self).await
    }

    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(buffer)
    }
}

impl Input for pipe::Receiver {
    async fn readable(&self) -> io::Result<()> {
        Self::readable(self).await
    }

    fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(buffer)
    }
}

impl Operator {
    pub(super) fn new(name: &str) -> Self {
        let marks = Marks {
            replies: LIMIT,
            ..Marks::default()
        };
        let queue = Rc::new(Queue::new(marks));
        queue.open();
        Self {
            source: RefCell::new(Source::new(name)),
            queue,
            input: RefCell::default(),
            socket: Cell::new(None),
        }
    }

    /// Accepts `watch mrt`.
    pub(super) fn accept_records(&self) {
        self.source.borrow_mut().accept_records();
    }

    /// The records that it has asked for.
    pub(super) fn take_records(&self) -> Option<RecordWatch> {
        self.source.borrow_mut().take_records()
    }

    /// Which commands it may send.
    fn role(&self) -> Role {
        self.source.borrow().role
    }

    /// Waits for commands and executes them. An incomplete line stays in its input.
    ///
    /// # Errors
    /// Why no more commands can be read.
    pub(super) async fn listen(&self, executor: &Executor, input: &impl Input) -> Result<(), End> {
        self.queue.accepting().await;
        let has_line = |buffer: &BytesMut| memchr::memchr(b'\n', buffer).is_some();
        if has_line(&self.input.borrow()) {
            // Left from the last call, when its turn had ended or too many answers were unread.
            executor.core.ready_for_commands().await;
            self.take_lines(executor);
            if self.source.borrow().wants_records() {
                return Err(End::Records);
            }
            tokio::task::yield_now().await;
            return Ok(());
        }
        input.readable().await.map_err(|_| End::Broken)?;
        // Last, so that nothing is executed any more once that is no longer allowed.
        executor.core.ready_for_commands().await;
        let read = {
            let mut buffer = self.input.borrow_mut();
            buffer.reserve(TURN);
            input.try_read(&mut buffer)
        };
        match read {
            Ok(0) => return Err(End::Closed),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return Err(End::Broken),
        }
        self.take_lines(executor);
        if self.source.borrow().wants_records() {
            return Err(End::Records);
        }
        let is_oversized = |buffer: &BytesMut| buffer.len() > LIMIT && !has_line(buffer);
        if is_oversized(&self.input.borrow()) {
            return Err(End::Oversized);
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Executes the complete lines of its input until the turn is over, too many answers are unread, or nothing may be
    /// executed any more; the rest stays.
    pub(super) fn take_lines(&self, executor: &Executor) {
        let buffer = &mut *self.input.borrow_mut();
        let Some(end) = memchr::memrchr(b'\n', buffer) else {
            return;
        };
        let mut source = self.source.borrow_mut();
        let mut done = 0;
        let turn = Instant::now();
        while done <= end
            && self.queue.accepts_commands()
            && !source.wants_records()
            && (done == 0 || turn.elapsed() < SHORT && executor.may_continue(turn))
        {
            let mut at = done;
            let mut lines = 0;
            let is_frame = buffer[done] == FRAME;
            while at <= end && lines < PIECE && (buffer[at] == FRAME) == is_frame {
                // The last newline is at `end`, so there is one.
                at += memchr::memchr(b'\n', &buffer[at..])
                    .map_or(buffer.len() - at, |length| length + 1);
                lines += 1;
            }
            if is_frame {
                self.queue.reply(&buffer[done..at]);
                done = at;
            } else {
                let lines = &buffer[done..at];
                done += executor
                    .execute(None, &mut source, &self.queue, lines)
                    .bytes;
            }
        }
        buffer.advance(done);
    }

    /// Writes answers until the client is gone or stalled.
    pub(super) async fn answer(&self, stream: &UnixStream) -> End {
        let mut turn = Instant::now();
        loop {
            if self.queue.is_empty() {
                self.queue.filled.notified().await;
                turn = Instant::now();
                continue;
            }
            if turn.elapsed() >= SHORT {
                tokio::task::yield_now().await;
                turn = Instant::now();
            }
            let written = match timeout(STALL, stream.writable()).await {
                Err(_) if self.queue.bytes() > LIMIT => return End::Stalled,
                Err(_) => continue,
                Ok(Err(cause)) => Err(cause),
                Ok(Ok(())) => self.queue.write(|slices| stream.try_write_vectored(slices)),
            };
            if written.is_err_and(|cause| cause.kind() != io::ErrorKind::WouldBlock) {
                return End::Broken;
            }
        }
    }

    /// Waits until all answers are written.
    pub(super) async fn answered(&self) {
        while !self.queue.is_empty() || self.queue.holds_back() {
            self.queue.drained.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;
    use crate::daemon::core::Core;

    #[test]
    fn a_long_input_is_executed_in_turns() {
        let executor = Executor::new(Core::new(Env::default()));
        executor.most.set(Duration::ZERO);
        let operator = Operator::new("client");
        let input = "version\n".repeat(3 * PIECE);
        operator.input.replace(BytesMut::from(input.as_str()));
        for left in (0..3 * PIECE).rev() {
            operator.take_lines(&executor);
            assert_eq!(operator.input.borrow().len(), left * "version\n".len());
        }
    }
}
