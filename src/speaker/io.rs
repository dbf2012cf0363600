//! The connections of one neighbor: at most two, and one being made.
//!
//! [`Io::poll`] is one future over all of them, so that a driver's wait borrows this once. It may be dropped at any
//! time: what was read is in the buffers, what was written is noted in the outboxes.

use std::any::Any;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::connect::{Dialing, Stream, drain};
use super::outbox::Outbox;
use super::writer::PushedOwner;
use crate::bgp::message::HEADER;
use crate::fsm::{ConnId, ConnInfo};

/// Bytes of the first reads.
const FIRST_READ: usize = 4 * 1024;
/// Most bytes of one read.
const READ: usize = 64 * 1024;

/// The connections of one neighbor.
#[derive(Default)]
pub(crate) struct Io {
    dial: Option<(ConnId, Dialing)>,
    /// Mostly one, at most two.
    pub(crate) links: SmallVec<[Link; 1]>,
    /// Made when there is one that closes.
    closing: Option<JoinSet<()>>,
    /// Reads and writes take turns at going first.
    write_first: bool,
}

/// One connection.
pub(crate) struct Link {
    pub(crate) id: ConnId,
    stream: Box<dyn Stream>,
    pub(crate) input: BytesMut,
    /// Bytes that the next read may bring.
    chunk: usize,
    pub(crate) outbox: Outbox,
    /// Whether the session is up.
    pub(crate) up: bool,
    /// What writers have pushed, once the session is up, if it has writers.
    pub(crate) pushed: Option<PushedOwner>,
}

/// What happened.
pub(crate) enum IoEvent {
    /// A connection attempt has ended.
    Dialed(ConnId, io::Result<(Box<dyn Stream>, ConnInfo)>),
    /// So many bytes were added to a link's input.
    Read(ConnId, usize),
    /// The socket took so many bytes.
    Wrote(ConnId, usize),
    /// The peer has closed, or the connection is broken.
    Gone(ConnId, Option<io::Error>),
}

impl Io {
    /// Owns a connection attempt; an earlier one is given up.
    pub(crate) fn dial(&mut self, id: ConnId, dialing: Dialing) {
        self.dial = Some((id, dialing));
    }

    /// Adds a connection.
    pub(crate) fn add(&mut self, id: ConnId, stream: Box<dyn Stream>) {
        let mut outbox = Outbox::new();
        outbox.record_pushed();
        self.links.push(Link {
            id,
            stream,
            input: BytesMut::new(),
            chunk: FIRST_READ,
            outbox,
            up: false,
            pushed: None,
        });
    }

    /// The connection with that id.
    pub(crate) fn link(&mut self, id: ConnId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    /// Ends a connection or an attempt: writes what is left, without waiting for it.
    pub(crate) fn close(&mut self, id: ConnId) {
        self.dial.take_if(|(dialed, _)| *dialed == id);
        let Some(at) = self.links.iter().position(|link| link.id == id) else {
            return;
        };
        let mut link = self.links.remove(at);
        if let Some(pushed) = &link.pushed {
            pushed.0.close();
        }
        link.outbox.drop_queue();
        let closing = self.closing.get_or_insert_default();
        while closing.try_join_next().is_some() {}
        closing.spawn_local(drain(link.stream, link.outbox));
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&mut self) {
        if let Some(mut closing) = self.closing.take() {
            while closing.join_next().await.is_some() {}
        }
    }

    /// Frees the memory of what is empty, and forgets connections that have closed.
    pub(crate) fn trim(&mut self) {
        for link in &mut self.links {
            if link.input.is_empty() && link.chunk == FIRST_READ {
                link.input = BytesMut::new();
            }
            link.outbox.trim();
        }
        self.closing.take_if(|closing| {
            while closing.try_join_next().is_some() {}
            closing.is_empty()
        });
    }

    /// Waits for the next event. With `paused`, sessions that are up are not read.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, paused: bool) -> Poll<IoEvent> {
        if let Some((id, dialing)) = &mut self.dial
            && let Poll::Ready(result) = dialing.as_mut().poll(cx)
        {
            let id = *id;
            self.dial = None;
            return Poll::Ready(IoEvent::Dialed(id, result));
        }
        self.write_first = !self.write_first;
        for write in [self.write_first, !self.write_first] {
            for link in &mut self.links {
                let event = if write {
                    link.poll_write(cx)
                } else if paused && link.up {
                    Poll::Pending
                } else {
                    link.poll_read(cx)
                };
                if event.is_ready() {
                    return event;
                }
            }
        }
        Poll::Pending
    }
}

impl Link {
    /// Whether the peer has sent something that we have not acted on: while we read, bytes that come with this call; while
    /// we do not, a whole message in the buffer, too.
    pub(crate) fn unread(&mut self) -> Option<IoEvent> {
        if self.has_message() {
            return Some(IoEvent::Read(self.id, 0));
        }
        match self.poll_read(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    /// Its socket, if it is a TCP connection.
    pub(crate) fn socket(&self) -> Option<RawFd> {
        let stream: &dyn Any = &*self.stream;
        #[cfg(all(test, feature = "daemon"))]
        if let Some(simulated) = stream.downcast_ref::<super::numbered::Numbered>() {
            return Some(simulated.number);
        }
        let stream: Option<&TcpStream> = stream.downcast_ref();
        stream.map(AsRawFd::as_raw_fd)
    }

    /// Writes what the socket takes at once.
    pub(crate) fn write_now(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(IoEvent::Wrote(..)) = self.poll_write(&mut context) {}
    }

    /// Whether the input begins with a whole message, or with something that is none.
    fn has_message(&self) -> bool {
        self.input.get(16..18).is_some_and(|length| {
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            self.input.len() >= length.max(HEADER)
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<IoEvent> {
        if self.outbox.is_empty() {
            return Poll::Pending;
        }
        let slices = self.outbox.slices();
        match Pin::new(&mut *self.stream).poll_write_vectored(cx, &slices) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => Poll::Ready(IoEvent::Gone(self.id, None)),
            Poll::Ready(Ok(count)) => {
                drop(slices);
                self.outbox.wrote(count);
                Poll::Ready(IoEvent::Wrote(self.id, count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(IoEvent::Gone(self.id, Some(error))),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<IoEvent> {
        // The largest message is a byte shorter: there is one to act on before more is read.
        if self.input.len() >= READ {
            return Poll::Pending;
        }
        if self.chunk == FIRST_READ && self.input.is_empty() {
            return self.poll_first(cx);
        }
        self.input.reserve(self.chunk);
        // The future keeps nothing between polls: it may be created again for each.
        let Poll::Ready(result) = pin!(self.stream.read_buf(&mut self.input)).poll(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(self.received(result))
    }

    /// Reads into the stack: a session that waits for the next KEEPALIVE has no buffer.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<IoEvent> {
        if self.input.capacity() > FIRST_READ {
            self.input = BytesMut::new();
        }
        let mut room = [const { MaybeUninit::uninit() }; FIRST_READ];
        let mut read = ReadBuf::uninit(&mut room);
        let Poll::Ready(result) = Pin::new(&mut *self.stream).poll_read(cx, &mut read) else {
            return Poll::Pending;
        };
        self.input.extend_from_slice(read.filled());
        let count = read.filled().len();
        Poll::Ready(self.received(result.map(|()| count)))
    }

    /// What the end of a read means.
    fn received(&mut self, result: io::Result<usize>) -> IoEvent {
        match result {
            Ok(0) => IoEvent::Gone(self.id, None),
            Ok(count) => {
                // A quiet session keeps a small buffer, a busy one gets a large one.
                if count >= self.chunk {
                    self.chunk = (2 * self.chunk).min(READ);
                } else if count < self.chunk / 16 {
                    self.chunk = (self.chunk / 2).max(FIRST_READ);
                }
                IoEvent::Read(self.id, count)
            }
            Err(error) => IoEvent::Gone(self.id, Some(error)),
        }
    }
}
