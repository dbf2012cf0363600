//! The queue of one connection to a station.
//!
//! UPDATEs that are sent to many peers share their bytes here, too; only the 48 bytes before them are made for each. Routes of
//! tables are added only while little waits, so that a full queue means that the station is slower than what happens now. Then
//! everything is dropped and the connection is closed: the next one begins with the tables, so that the station misses nothing.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::Notify;

use super::peer::{self, HEAD, Table};
use crate::bgp::message::HEADER;
use crate::bmp::{Information, Message, PeerHeader, Tlvs};
use crate::daemon::mrt::archive::now;
use crate::daemon::neighbor::Neighbor;
use crate::fsm::CloseReason;
use crate::mrt::Timestamp;
use crate::rib::PeerId;

/// Routes of tables are added while less than this waits, in bytes.
const LOW: usize = 512 << 10;
/// Bytes of one write.
const WRITE: usize = 128 << 10;

/// A connection's queue, and the neighbors that its station knows.
pub(crate) struct Link {
    queue: RefCell<VecDeque<Piece>>,
    /// What is being written.
    out: RefCell<BytesMut>,
    /// Bytes that wait in `queue`.
    bytes: Cell<usize>,
    /// Those of them that are not routes of tables, which are added as fast as the station reads.
    live: Cell<usize>,
    limit: usize,
    over: Cell<bool>,
    peers: RefCell<HashMap<PeerId, Known>>,
    sessions: Cell<u64>,
    /// Messages of the connection so far.
    pub(crate) messages: Cell<u64>,
    /// Wakes the writer.
    filled: Notify,
    /// Wakes those that add routes of tables.
    drained: Notify,
    /// Notified when too much waits.
    pub(crate) overflow: Notify,
}

/// A neighbor that the station has a Peer Up of.
#[derive(Clone, Copy)]
struct Known {
    header: PeerHeader,
    /// Distinguishes its sessions.
    session: u64,
    /// The tables that it still has to be sent, whose End-of-RIB must not come before.
    dumping: (bool, bool),
}

/// A session of a neighbor, as one connection knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionMark {
    pub(crate) peer: PeerId,
    session: u64,
}

/// A message, or the two parts of a Route Monitoring message.
struct Piece {
    head: Option<[u8; HEAD]>,
    body: Bytes,
    /// A route of a table.
    is_table: bool,
}

impl Piece {
    fn len(&self) -> usize {
        self.head.map_or(0, |head| head.len()) + self.body.len()
    }
}

impl Link {
    /// An empty queue that holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            queue: RefCell::default(),
            out: RefCell::default(),
            bytes: Cell::new(0),
            live: Cell::new(0),
            limit,
            over: Cell::new(false),
            peers: RefCell::default(),
            sessions: Cell::new(0),
            messages: Cell::new(0),
            filled: Notify::new(),
            drained: Notify::new(),
            overflow: Notify::new(),
        }
    }

    /// Returns `true` if the station was too slow.
    pub(crate) const fn is_over(&self) -> bool {
        self.over.get()
    }

    fn push(&self, piece: Piece) {
        if self.over.get() {
            return;
        }
        let live = self.live.get() + if piece.is_table { 0 } else { piece.len() };
        if live > self.limit {
            self.over.set(true);
            self.clear();
            self.overflow.notify_one();
            self.drained.notify_waiters();
            return;
        }
        self.live.set(live);
        self.bytes.set(self.bytes.get() + piece.len());
        self.messages.set(self.messages.get() + 1);
        self.queue.borrow_mut().push_back(piece);
        self.filled.notify_one();
    }

    fn clear(&self) {
        self.queue.borrow_mut().clear();
        self.bytes.set(0);
        self.live.set(0);
    }

    /// Adds a whole message.
    pub(crate) fn message(&self, message: &Message<'_>) {
        self.whole(peer::encoded(message));
    }

    fn whole(&self, body: Bytes) {
        self.push(Piece {
            head: None,
            body,
            is_table: false,
        });
    }

    /// Drops what waits, and adds a Termination (RFC 7854 section 4.5).
    pub(crate) fn terminate(&self) {
        self.clear();
        let mut tlvs = Vec::new();
        // Reason 0: "Session administratively closed".
        Tlvs::write(&mut tlvs, Information::TERMINATION_REASON, &[0, 0]);
        if let Ok(tlvs) = Tlvs::new(&tlvs) {
            self.message(&Message::Termination(tlvs));
        }
    }

    /// Reports that the session of a neighbor is up. Its tables are `dumping` if they are sent later.
    pub(crate) fn up(&self, neighbor: &Neighbor, dumping: (bool, bool)) -> Option<SessionMark> {
        let address = neighbor.address();
        let twin = {
            let peers = self.peers.borrow();
            let mut others = peers.iter().filter(|(id, _)| **id != neighbor.id);
            others.any(|(_, other)| other.header.address == address)
        };
        let header = peer::header(neighbor, twin)?;
        self.whole(peer::up(neighbor, &header)?);
        let session = self.sessions.get() + 1;
        self.sessions.set(session);
        let known = Known {
            header,
            session,
            dumping,
        };
        self.peers.borrow_mut().insert(neighbor.id, known);
        Some(SessionMark {
            peer: neighbor.id,
            session,
        })
    }

    /// Reports that the session of a neighbor has ended, if the station knows of it.
    pub(crate) fn down(&self, neighbor: &Neighbor, reason: &CloseReason) {
        let known = self.peers.borrow_mut().remove(&neighbor.id);
        if let Some(known) = known {
            self.whole(peer::down(neighbor, &known.header, reason));
        }
    }

    /// Reports that a neighbor is no longer monitored, if the station knows of it.
    pub(crate) fn forget(&self, peer: PeerId) {
        let known = self.peers.borrow_mut().remove(&peer);
        if let Some(known) = known {
            self.whole(peer::not_monitored(&known.header));
        }
    }

    /// The sessions that the station knows of.
    pub(crate) fn sessions(&self) -> Vec<SessionMark> {
        let peers = self.peers.borrow();
        let mut all: Vec<SessionMark> = peers
            .iter()
            .map(|(peer, known)| SessionMark {
                peer: *peer,
                session: known.session,
            })
            .collect();
        all.sort_unstable_by_key(|mark| mark.peer);
        all
    }

    /// Returns `true` if a session that was reported as up has not ended.
    pub(crate) fn is_current(&self, mark: SessionMark) -> bool {
        self.header(mark).is_some()
    }

    /// The per-peer header of a session, if it has not ended.
    pub(crate) fn header(&self, mark: SessionMark) -> Option<PeerHeader> {
        let peers = self.peers.borrow();
        let known = peers.get(&mark.peer)?;
        (known.session == mark.session).then_some(known.header)
    }

    /// Notes that a table was sent.
    pub(crate) fn dumped(&self, mark: SessionMark, table: Table) {
        if let Some(known) = self.peers.borrow_mut().get_mut(&mark.peer)
            && known.session == mark.session
        {
            match table {
                Table::In => known.dumping.0 = false,
                Table::Out => known.dumping.1 = false,
            }
        }
    }

    /// Reports an UPDATE that a neighbor has sent or was sent just now.
    pub(crate) fn live(&self, peer: PeerId, table: Table, update: Bytes) {
        let known = self.peers.borrow().get(&peer).copied();
        let Some(known) = known else {
            return;
        };
        let dumping = match table {
            Table::In => known.dumping.0,
            Table::Out => known.dumping.1,
        };
        // RFC 7854 section 5: End-of-RIB marks the end of the table, which is sent along with what happens meanwhile.
        if dumping && is_end_of_rib(&update) {
            return;
        }
        let head = Some(peer::head(&known.header, (table, now()), update.len()));
        self.push(Piece {
            head,
            body: update,
            is_table: false,
        });
    }

    /// Adds a Route Monitoring message of a table, with a time, for each message in a chunk of whole ones.
    pub(crate) fn routes(
        &self,
        header: &PeerHeader,
        (table, time): (Table, Timestamp),
        chunk: Bytes,
    ) {
        for update in split(chunk) {
            let head = Some(peer::head(header, (table, time), update.len()));
            self.push(Piece {
                head,
                body: update,
                is_table: true,
            });
        }
    }

    /// Waits until routes of tables may be added. Returns `false` if they never may again.
    pub(crate) async fn room(&self) -> bool {
        while self.bytes.get() >= LOW && !self.over.get() {
            self.drained.notified().await;
        }
        !self.over.get()
    }

    /// Waits for something to write, and calls `write` with it until all of it is written.
    ///
    /// # Errors
    /// Those of `write`, except that it would block.
    pub(crate) async fn write(
        &self,
        stream: &tokio::net::TcpStream,
    ) -> std::io::Result<std::convert::Infallible> {
        loop {
            self.flush(stream).await?;
            self.filled.notified().await;
        }
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// Those of the socket.
    pub(crate) async fn flush(&self, stream: &tokio::net::TcpStream) -> std::io::Result<()> {
        while self.fill() {
            stream.writable().await?;
            let written = stream.try_write(&self.out.borrow());
            match written {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(count) => self.out.borrow_mut().advance(count),
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(cause) => return Err(cause),
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Moves messages to what is being written. Returns `false` if there is nothing to write.
    fn fill(&self) -> bool {
        let mut out = self.out.borrow_mut();
        if out.is_empty() {
            let mut queue = self.queue.borrow_mut();
            while out.len() < WRITE
                && let Some(piece) = queue.pop_front()
            {
                self.bytes.set(self.bytes.get() - piece.len());
                if !piece.is_table {
                    self.live.set(self.live.get() - piece.len());
                }
                out.extend_from_slice(piece.head.as_ref().map_or(&[], |head| &head[..]));
                out.extend_from_slice(&piece.body);
            }
            if self.bytes.get() < LOW {
                self.drained.notify_waiters();
            }
        }
        !out.is_empty()
    }
}

/// The messages of a chunk of whole ones.
pub(crate) fn split(mut chunk: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = chunk.get(16..18)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        (length >= HEADER && length <= chunk.len()).then(|| chunk.split_to(length))
    })
}

/// Returns `true` for an UPDATE without routes and attributes, or one with an MP_UNREACH_NLRI without routes only.
fn is_end_of_rib(message: &[u8]) -> bool {
    // The longest has 30 bytes.
    message.len() <= 30
        && message
            .get(HEADER..)
            .and_then(|body| crate::bgp::message::update::Update::new(body).ok())
            .is_some_and(|update| update.end_of_rib().is_some())
}
