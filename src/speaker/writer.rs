//! The push side of a session: write an UPDATE, wait when too much is waiting already.
//!
//! A writer has a queue of its own, which the session's task empties into its outbox while that has room. So a plugin may
//! write from any callback and any task of the thread, and what one session holds in memory stays below twice the mark.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::outbox::{HIGH_MARK, LOW_MARK, Outbox};
use crate::bgp::message::{self, HEADER, MessageType};

/// Sends messages on one established session.
#[derive(Clone, Debug)]
pub struct UpdateWriter {
    pushed: Rc<Pushed>,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The session has ended.
    Closed,
    /// The message is longer than this session allows: 4,096 bytes, or 65,535 with extended messages.
    TooLong,
    /// Too much waits already, because the peer is slow. Nothing but `try_write` and its like returns this.
    Full,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the session has ended",
            Self::TooLong => "the message is longer than this session allows",
            Self::Full => "too much waits to be sent already",
        })
    }
}

impl std::error::Error for WriteError {}

impl UpdateWriter {
    /// Sends an UPDATE with this body (all after the header). Waits while 256 KiB of earlier ones wait.
    ///
    /// # Errors
    /// [`WriteError`]; the message was not sent then.
    pub async fn write(&self, body: &[u8]) -> Result<(), WriteError> {
        self.send(MessageType::UPDATE, body).await
    }

    /// Sends an UPDATE with this body at once, or not at all: it may be called from any callback.
    ///
    /// ```no_run
    /// # fn announce(writer: &oxabgp::speaker::UpdateWriter, body: &[u8]) {
    /// use oxabgp::speaker::WriteError;
    ///
    /// match writer.try_write(body) {
    ///     Ok(()) => {}
    ///     Err(WriteError::Full) => println!("the peer is slow: try again later"),
    ///     Err(error) => println!("not sent: {error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WriteError`]: [`WriteError::Full`] while 256 KiB of earlier ones wait.
    pub fn try_write(&self, body: &[u8]) -> Result<(), WriteError> {
        self.try_send(MessageType::UPDATE, body)
    }

    /// Sends a message of any type at once, or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn try_send(&self, kind: MessageType, body: &[u8]) -> Result<(), WriteError> {
        let message = self.message(kind, body)?;
        self.try_send_messages(message)
    }

    /// Bytes that may be written before [`WriteError::Full`].
    pub fn room(&self) -> usize {
        HIGH_MARK.saturating_sub(self.pushed.waiting.get())
    }

    /// Sends a message of any type.
    ///
    /// # Errors
    /// [`WriteError`]; the message was not sent then.
    pub async fn send(&self, kind: MessageType, body: &[u8]) -> Result<(), WriteError> {
        let message = self.message(kind, body)?;
        self.send_messages(message).await
    }

    /// Sends whole messages, headers included, which the caller has made within the session's limit.
    ///
    /// # Errors
    /// [`WriteError::Closed`].
    pub async fn send_messages(&self, messages: Bytes) -> Result<(), WriteError> {
        loop {
            match self.try_send_messages(messages.clone()) {
                Err(WriteError::Full) => self.pushed.room.notified().await,
                done => return done,
            }
        }
    }

    fn try_send_messages(&self, messages: Bytes) -> Result<(), WriteError> {
        if self.pushed.closed.get() {
            return Err(WriteError::Closed);
        }
        if self.room() == 0 {
            return Err(WriteError::Full);
        }
        let waiting = self.pushed.waiting.get() + messages.len();
        self.pushed.waiting.set(waiting);
        self.pushed.queue.borrow_mut().push_back(messages);
        self.pushed.work.notify_one();
        Ok(())
    }

    fn message(&self, kind: MessageType, body: &[u8]) -> Result<Bytes, WriteError> {
        if HEADER + body.len() > self.pushed.message_size {
            return Err(WriteError::TooLong);
        }
        let mut out = Vec::with_capacity(HEADER + body.len());
        message::encode(&mut out, kind, |w| w.bytes(body));
        Ok(out.into())
    }

    /// Waits until all that was written is handed to the socket.
    ///
    /// # Errors
    /// [`WriteError::Closed`].
    pub async fn flush(&self) -> Result<(), WriteError> {
        while !self.pushed.flushed.get() || self.pushed.waiting.get() > 0 {
            if self.pushed.closed.get() {
                return Err(WriteError::Closed);
            }
            self.pushed.room.notified().await;
        }
        Ok(())
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.pushed.closed.get()
    }
}

/// What writers and the session's task share.
#[derive(Debug)]
pub(crate) struct Pushed {
    queue: RefCell<VecDeque<Bytes>>,
    /// Bytes in `queue`.
    waiting: Cell<usize>,
    closed: Cell<bool>,
    /// Whether the outbox is empty as far as the task knows.
    flushed: Cell<bool>,
    message_size: usize,
    /// Writers wait here.
    room: Notify,
    /// The task waits here.
    pub(crate) work: Notify,
}

impl Pushed {
    /// A new session's; `message_size` is its largest message in bytes.
    pub(crate) fn new(message_size: usize) -> Rc<Self> {
        Rc::new(Self {
            queue: RefCell::default(),
            waiting: Cell::new(0),
            closed: Cell::new(false),
            flushed: Cell::new(true),
            message_size,
            room: Notify::new(),
            work: Notify::new(),
        })
    }

    /// A writer for it.
    pub(crate) fn writer(self: &Rc<Self>) -> UpdateWriter {
        UpdateWriter {
            pushed: Rc::clone(self),
        }
    }

    /// Moves what fits into the outbox, and lets writers go on below the low mark.
    pub(crate) fn pour(&self, outbox: &mut Outbox) {
        let mut queue = self.queue.borrow_mut();
        while outbox.has_room() {
            let Some(messages) = queue.pop_front() else {
                break;
            };
            self.waiting.set(self.waiting.get() - messages.len());
            outbox.push(messages);
        }
        self.flushed.set(outbox.is_empty());
        if self.waiting.get() <= LOW_MARK {
            self.room.notify_waiters();
        }
    }

    /// Ends it: writers get an error, what waits is dropped.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.queue.borrow_mut().clear();
        self.waiting.set(0);
        self.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_writer_waits_above_the_mark_and_ends_with_the_session() {
        let pushed = Pushed::new(4096);
        let writer = pushed.writer();
        let body = [0; 4096 - HEADER];
        let fits = HIGH_MARK.div_ceil(4096);
        for _ in 0..fits {
            assert_eq!(poll(writer.write(&body)), Poll::Ready(Ok(())));
        }
        assert_eq!(poll(writer.write(&body)), Poll::Pending);
        assert_eq!(writer.try_write(&body), Err(WriteError::Full));
        assert_eq!(writer.room(), 0);
        let mut outbox = Outbox::new();
        pushed.pour(&mut outbox);
        assert_eq!(outbox.len(), fits * 4096);
        assert_eq!(poll(writer.flush()), Poll::Pending);
        assert_eq!(poll(writer.write(&body)), Poll::Ready(Ok(())));
        pushed.close();
        assert_eq!(
            poll(writer.write(&body)),
            Poll::Ready(Err(WriteError::Closed))
        );
        assert_eq!(
            poll(writer.write(&[0; 4096])),
            Poll::Ready(Err(WriteError::TooLong))
        );
    }
}
