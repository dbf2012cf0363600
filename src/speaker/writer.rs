//! The push side of a session: write routes or messages, wait when too much is waiting already.
//!
//! A writer has a queue of its own, which the session's task empties into its outbox while that has room. So a plugin may
//! write from any callback, any task and any thread, and what one session holds in memory stays below twice the mark. The
//! queue is behind a mutex that is held for a few instructions; one that only the server's thread can use was rejected,
//! since every other thread would need a copy of this interface.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

use super::attributes::Attributes;
use super::error::WriteError;
use super::outbox::{HIGH_MARK, LOW_MARK, Outbox, messages};
use super::outgoing::{Outgoing, Raw, RouteUpdate, SendTerms};
use super::turn::keep_waker;
use crate::bgp::message::MessageType;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::negotiated::Refresh;
use crate::bgp::{Asn, Codec, Family, Nlri, Sender};

/// Sends messages on one established session: from callbacks, tasks and other threads.
///
/// Methods that begin with `try_`, and those for single routes, return at once and are for callbacks; the others wait
/// while the peer is slow, in any async runtime. Nothing is sent after an error.
///
/// ```no_run
/// # fn demo(writer: &oxabgp::speaker::UpdateWriter) -> Result<(), Box<dyn std::error::Error>> {
/// use ipnet::IpNet;
/// use oxabgp::speaker::{Attributes, WriteError};
///
/// let prefix: IpNet = "203.0.113.0/24".parse()?;
/// match writer.announce(prefix, &Attributes::new().med(50)) {
///     Ok(()) => {}
///     Err(WriteError::Full) => println!("the peer is slow: try again later"),
///     Err(error) => println!("not sent: {error}"),
/// }
/// writer.withdraw(prefix)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UpdateWriter {
    pushed: Arc<Pushed>,
}

impl UpdateWriter {
    /// One that is closed from the start, for sessions without writers.
    pub(crate) fn closed() -> Self {
        static CLOSED: LazyLock<Arc<Pushed>> = LazyLock::new(|| {
            let sender = Sender {
                codec: Codec::default(),
                local_as: Asn(0),
                local_address: Ipv4Addr::UNSPECIFIED.into(),
                router_id: Ipv4Addr::UNSPECIFIED,
                group_updates: true,
            };
            let pushed = Pushed::new(SendTerms::new(sender, Vec::new(), Refresh::Absent));
            pushed.close();
            pushed
        });
        CLOSED.writer()
    }

    /// One without a session, for tests of plugins: the other end has what was written.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use oxabgp::bgp::negotiated::Refresh;
    /// use oxabgp::bgp::{Asn, Codec, Family, Sender};
    /// use oxabgp::speaker::{SendTerms, UpdateWriter};
    ///
    /// let sender = Sender {
    ///     codec: Codec::default(),
    ///     local_as: Asn(65001),
    ///     local_address: Ipv4Addr::new(192, 0, 2, 1).into(),
    ///     router_id: Ipv4Addr::new(192, 0, 2, 1),
    ///     group_updates: true,
    /// };
    /// let families = vec![Family::IPV4_UNICAST];
    /// let (writer, mut sent) = UpdateWriter::detached(SendTerms::new(sender, families, Refresh::Normal));
    /// // A plugin would get the writer in `on_established`.
    /// writer.end_of_rib(Family::IPV4_UNICAST)?;
    /// assert_eq!(sent.take()[0][18..], [2, 0, 0, 0, 0]);
    /// drop(sent);
    /// assert!(writer.is_closed());
    /// # Ok::<(), oxabgp::speaker::WriteError>(())
    /// ```
    pub fn detached(terms: SendTerms) -> (Self, Detached) {
        let pushed = Pushed::new(terms);
        (pushed.writer(), Detached(PushedOwner(pushed)))
    }

    /// Sends routes, a request for routes, or an UPDATE with a body made by the caller (`&[u8]`, all after the header).
    /// Waits while 256 KiB of earlier messages wait.
    ///
    /// # Errors
    /// [`WriteError`]. Of what needs more than 64 KiB, a part may have been sent when the session ends meanwhile.
    pub async fn write(&self, message: &(impl Outgoing + ?Sized)) -> Result<(), WriteError> {
        for chunk in self.encode(message)? {
            self.send_messages(chunk).await?;
        }
        Ok(())
    }

    /// The same at once, or not at all: it may be called from any callback.
    ///
    /// # Errors
    /// [`WriteError`]: [`WriteError::Full`] if it does not fit into the [`room`](Self::room) that is left.
    pub fn try_write(&self, message: &(impl Outgoing + ?Sized)) -> Result<(), WriteError> {
        self.push(self.encode(message)?)
    }

    /// Announces one route with these attributes, at once or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn announce(
        &self,
        route: impl Into<Nlri>,
        attributes: &Attributes,
    ) -> Result<(), WriteError> {
        self.try_write(&RouteUpdate::new().announce(route, attributes))
    }

    /// Withdraws one route, at once or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn withdraw(&self, route: impl Into<Nlri>) -> Result<(), WriteError> {
        self.try_write(&RouteUpdate::new().withdraw(route))
    }

    /// Marks the end of the first routes of a family (RFC 4724 section 2), at once or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn end_of_rib(&self, family: Family) -> Result<(), WriteError> {
        self.try_write(&RouteUpdate::new().end_of_rib(family))
    }

    /// Asks the peer for its routes of a family again (RFC 2918), at once or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`], and [`WriteError::Refresh`].
    pub fn refresh(&self, family: Family) -> Result<(), WriteError> {
        let subtype = RouteRefresh::REQUEST;
        self.try_write(&RouteRefresh { family, subtype })
    }

    /// Sends a message of any type at once, or not at all.
    ///
    /// # Errors
    /// Those of [`UpdateWriter::try_write`].
    pub fn try_send(&self, kind: MessageType, body: &[u8]) -> Result<(), WriteError> {
        self.try_write(&Raw(kind, body))
    }

    /// Bytes that may be written before [`WriteError::Full`]. One write of any size is taken if nothing waits.
    pub fn room(&self) -> usize {
        HIGH_MARK.saturating_sub(self.pushed.state().waiting)
    }

    /// What the session allows to be sent.
    pub fn terms(&self) -> &SendTerms {
        &self.pushed.terms
    }

    /// Sends a message of any type.
    ///
    /// # Errors
    /// [`WriteError`]; the message was not sent then.
    pub async fn send(&self, kind: MessageType, body: &[u8]) -> Result<(), WriteError> {
        self.write(&Raw(kind, body)).await
    }

    /// Sends whole messages, headers included, which the caller has made within the session's limit.
    ///
    /// # Errors
    /// [`WriteError::Closed`].
    pub async fn send_messages(&self, messages: Bytes) -> Result<(), WriteError> {
        loop {
            let mut room = pin!(self.pushed.room.notified());
            // Another thread may make room between the attempt and the wait.
            room.as_mut().enable();
            match self.push(vec![messages.clone()]) {
                Err(WriteError::Full) => room.await,
                done => return done,
            }
        }
    }

    fn encode(&self, message: &(impl Outgoing + ?Sized)) -> Result<Vec<Bytes>, WriteError> {
        let mut chunks = Vec::new();
        if self.is_closed() {
            return Err(WriteError::Closed);
        }
        message.encode(&self.pushed.terms, &mut chunks)?;
        Ok(chunks)
    }

    /// Adds all chunks, or none.
    fn push(&self, chunks: Vec<Bytes>) -> Result<(), WriteError> {
        let length: usize = chunks.iter().map(Bytes::len).sum();
        let mut state = self.pushed.state();
        if state.closed {
            return Err(WriteError::Closed);
        }
        if state.waiting > 0 && state.waiting + length > HIGH_MARK {
            return Err(WriteError::Full);
        }
        state.waiting += length;
        state.queue.extend(chunks);
        state.work = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Waits until all that was written is handed to the socket.
    ///
    /// # Errors
    /// [`WriteError::Closed`].
    pub async fn flush(&self) -> Result<(), WriteError> {
        loop {
            let mut room = pin!(self.pushed.room.notified());
            room.as_mut().enable();
            {
                let state = self.pushed.state();
                if state.closed {
                    return Err(WriteError::Closed);
                }
                if state.flushed && state.waiting == 0 {
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// Waits for something to be written, for the session's task alone.
    pub(crate) fn poll_work(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.pushed.poll_work(cx)
    }

    /// Returns `true` if the session has ended.
    pub fn is_closed(&self) -> bool {
        self.pushed.state().closed
    }
}

/// What writers and the session's task share.
#[derive(Debug)]
pub(crate) struct Pushed {
    state: Mutex<State>,
    terms: SendTerms,
    /// Writers wait here.
    room: Notify,
}

/// The session's own reference: the session ends when it is dropped, however that happens.
#[derive(Debug)]
pub(crate) struct PushedOwner(pub(crate) Arc<Pushed>);

impl Drop for PushedOwner {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What was written by a [detached](UpdateWriter::detached) writer, which is closed when this is dropped.
#[derive(Debug)]
pub struct Detached(PushedOwner);

impl Detached {
    /// The messages since the last call, headers included. There is room for as many again.
    pub fn take(&mut self) -> Vec<Bytes> {
        let pushed = &self.0.0;
        let chunks = {
            let mut state = pushed.state();
            state.waiting = 0;
            state.flushed = true;
            std::mem::take(&mut state.queue)
        };
        pushed.room.notify_waiters();
        let split = |chunk: Bytes| {
            let each = messages(&chunk).map(|message| chunk.slice_ref(message));
            each.collect::<Vec<_>>()
        };
        chunks.into_iter().flat_map(split).collect()
    }
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Bytes>,
    /// Bytes in `queue`.
    waiting: usize,
    closed: bool,
    /// Whether something was written that the task does not know of.
    work: bool,
    /// The task, while it waits for that.
    waker: Option<Waker>,
    /// Whether the outbox is empty as far as the task knows.
    flushed: bool,
}

impl Pushed {
    /// A new session's.
    pub(crate) fn new(terms: SendTerms) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                waiting: 0,
                closed: false,
                work: false,
                waker: None,
                flushed: true,
            }),
            terms,
            room: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer for it.
    pub(crate) fn writer(self: &Arc<Self>) -> UpdateWriter {
        UpdateWriter {
            pushed: Arc::clone(self),
        }
    }

    fn poll_work(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if std::mem::take(&mut state.work) {
            return Poll::Ready(());
        }
        keep_waker(&mut state.waker, cx);
        Poll::Pending
    }

    /// Moves what fits into the outbox, and lets writers go on below the low mark.
    pub(crate) fn pour(&self, outbox: &mut Outbox) {
        let mut state = self.state();
        // What is there now is known.
        state.work = false;
        while outbox.has_room() {
            let Some(messages) = state.queue.pop_front() else {
                break;
            };
            state.waiting -= messages.len();
            outbox.push(messages);
        }
        state.flushed = outbox.is_empty();
        if state.waiting <= LOW_MARK {
            drop(state);
            self.room.notify_waiters();
        }
    }

    /// Ends it: writers get an error, what waits is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.queue.clear();
        state.waiting = 0;
        // A writer may outlive the task by far.
        state.waker = None;
        drop(state);
        self.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::message::HEADER;
    use std::future::Future;
    use std::pin::pin;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_writer_waits_above_the_mark_and_ends_with_the_session() {
        let sender = Sender {
            codec: Codec::default(),
            local_as: Asn(65001),
            local_address: Ipv4Addr::LOCALHOST.into(),
            router_id: Ipv4Addr::LOCALHOST,
            group_updates: true,
        };
        let pushed = Pushed::new(SendTerms::new(sender, Vec::new(), Refresh::Absent));
        let writer = pushed.writer();
        let body = [0; 4096 - HEADER];
        let fits = HIGH_MARK.div_ceil(4096);
        for _ in 0..fits {
            assert_eq!(poll(writer.write(&body)), Poll::Ready(Ok(())));
        }
        assert_eq!(writer.try_write(&[0; 4096]), Err(WriteError::TooLong));
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
            Poll::Ready(Err(WriteError::Closed))
        );
    }
}
