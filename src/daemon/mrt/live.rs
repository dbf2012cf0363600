//! The queue of records for a client of the control socket: tables first, then messages and states as they pass.
//!
//! MRT rather than BMP, since its records distinguish routes of a table from announcements, and messages that were sent from
//! those that were received. The queue is bounded: routes of tables are added only while little waits, and a client that reads too
//! slowly for what happens loses its connection, whose last record has the reason. No session waits for a client.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;

use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::archive::now;
use super::updates;
use crate::api::command::RecordWatch;
use crate::bgp::message::{Direction, RawMessage};
use crate::daemon::neighbor::Neighbor;
use crate::daemon::phase::Phase;
use crate::mrt::writer::{Portability, Records};

/// Most bytes that wait for a client.
const LIMIT: usize = 16 << 20;
/// Routes of tables are added while less than this waits, in bytes.
const LOW: usize = 512 << 10;
/// Bytes that are written at once; memory is released in pieces of this size.
const CHUNK: usize = 64 << 10;

/// Queue of a client.
pub(crate) struct LiveTap {
    watch: RecordWatch,
    records: RefCell<Records>,
    /// Whole records. Only the first chunk is partly written.
    chunks: RefCell<VecDeque<Vec<u8>>>,
    /// Bytes of the first chunk that are written.
    written: Cell<usize>,
    /// Bytes that wait.
    bytes: Cell<usize>,
    over: Cell<bool>,
    closing: Cell<bool>,
    /// Wakes the writer.
    filled: Notify,
    /// Wakes those that add routes of tables.
    drained: Notify,
    /// Notified when too much waits, or when the daemon ends.
    ended: Notify,
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The daemon ends.
    Daemon,
    /// The client is too slow.
    Slow,
}

impl LiveTap {
    pub(super) fn new(watch: RecordWatch) -> Self {
        Self {
            watch,
            records: RefCell::new(Records::new(Portability::Full)),
            chunks: RefCell::default(),
            written: Cell::new(0),
            bytes: Cell::new(0),
            over: Cell::new(false),
            closing: Cell::new(false),
            filled: Notify::new(),
            drained: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Has the connection end after the records that wait.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.ended.notify_one();
    }

    /// Returns `true` if it is about a neighbor.
    pub(super) fn selects(&self, neighbor: &Neighbor) -> bool {
        neighbor.is_selected(&self.watch.selector)
    }

    /// Returns `true` if tables precede what happens.
    pub(super) const fn wants_tables(&self) -> bool {
        self.watch.tables
    }

    /// Waits until the connection has to end, and returns why.
    pub(super) async fn ended(&self) -> Ended {
        self.ended.notified().await;
        match self.closing.get() {
            true => Ended::Daemon,
            false => Ended::Slow,
        }
    }

    /// Returns `true` if received messages are reported.
    pub(super) const fn receives(&self) -> bool {
        self.watch.received
    }

    /// Returns `true` if sent messages are reported.
    pub(super) const fn sends(&self) -> bool {
        self.watch.sent
    }

    /// Returns `true` if UPDATEs that are sent to a neighbor are reported.
    pub(crate) fn wants_sent_updates(&self, neighbor: &Neighbor) -> bool {
        self.watch.sent && self.selects(neighbor)
    }

    /// Reports a message.
    pub(crate) fn message(&self, neighbor: &Neighbor, direction: Direction, message: &RawMessage) {
        let wanted = match direction {
            Direction::Send => self.watch.sent,
            Direction::Receive => self.watch.received,
        };
        if wanted && self.selects(neighbor) {
            let (session, what) = updates::described(neighbor, direction, message);
            self.append(|records, out| {
                // A message always fits a record.
                let _ = records.message(out, now(), &session, what);
            });
        }
    }

    /// Reports a change of a neighbor's state.
    pub(crate) fn state(&self, neighbor: &Neighbor, (old, new): (Phase, Phase)) {
        if old != new && self.selects(neighbor) {
            let session = updates::session(neighbor);
            let states = (updates::number(old), updates::number(new));
            self.append(|records, out| {
                let _ = records.state(out, now(), &session, states);
            });
        }
    }

    /// Adds records. Too many end the connection.
    pub(super) fn append(&self, write: impl FnOnce(&mut Records, &mut Vec<u8>)) {
        if self.over.get() {
            return;
        }
        let mut chunks = self.chunks.borrow_mut();
        if chunks.back().is_none_or(|last| last.len() >= CHUNK) {
            chunks.push_back(Vec::new());
        }
        let Some(last) = chunks.back_mut() else {
            return;
        };
        let before = last.len();
        write(&mut self.records.borrow_mut(), last);
        let bytes = self.bytes.get() + last.len() - before;
        self.bytes.set(bytes);
        self.filled.notify_one();
        if bytes > LIMIT {
            self.over.set(true);
            // What is partly written is completed, for the sake of the record after it.
            chunks.truncate(1);
            self.drained.notify_waiters();
            self.ended.notify_one();
        }
    }

    /// Adds the last record, which says why it is the last.
    pub(super) fn conclude(&self, reason: &str) {
        let mut chunks = self.chunks.borrow_mut();
        let mut record = Vec::new();
        self.records
            .borrow_mut()
            .farewell(&mut record, now(), reason);
        chunks.push_back(record);
    }

    /// Waits until routes of tables may be added. Returns `false` if they never may again.
    pub(super) async fn room(&self) -> bool {
        while !self.has_room() && !self.over.get() {
            self.drained.notified().await;
        }
        !self.over.get()
    }

    /// Returns `true` if routes of tables may be added now.
    pub(super) const fn has_room(&self) -> bool {
        self.bytes.get() < LOW && !self.over.get()
    }

    /// Writes what waits and what is added, until the connection fails.
    pub(super) async fn write(&self, stream: &UnixStream) -> io::Error {
        loop {
            if let Err(cause) = self.flush(stream).await {
                return cause;
            }
            self.filled.notified().await;
        }
    }

    /// Writes what waits.
    pub(super) async fn flush(&self, stream: &UnixStream) -> io::Result<()> {
        while !self.chunks.borrow().is_empty() {
            stream.writable().await?;
            match self.write_some(stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
                Err(cause) => return Err(cause),
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn write_some(&self, stream: &UnixStream) -> io::Result<usize> {
        let mut chunks = self.chunks.borrow_mut();
        let Some(first) = chunks.front() else {
            return Ok(0);
        };
        let from = self.written.get();
        let count = stream.try_write(&first[from..])?;
        self.bytes.set(self.bytes.get().saturating_sub(count));
        self.written.set(from + count);
        if from + count == first.len() {
            chunks.pop_front();
            self.written.set(0);
        }
        if self.bytes.get() < LOW {
            self.drained.notify_waiters();
        }
        Ok(count)
    }
}
