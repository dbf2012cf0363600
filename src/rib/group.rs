//! Update groups: peers whose sessions have the same encoding share encoded messages.
//!
//! Following members read one log, each with its own cursor; a batch may be meant for only some of them. A member
//! that joins, refreshes or lags is temporarily private: it has messages, a queue and a table walk of its own, and
//! what the group encodes in the meantime is added to that queue instead. When all of it is sent, the member follows
//! again from the end of the log. So the log is exact (no member receives an older state of a route after a newer
//! one), a batch is kept until all members have read it, and a stuck peer uses up at most its lag limit and one
//! pending record per route.

use std::collections::VecDeque;

use bytes::Bytes;

use super::messages::{Chunk, Messages, Output, Turn};
use super::peer_set_interner::{PeerSetInterner, PeerSetRef};
use super::pending::{Pending, TxQueue};
use super::slab::NONE;
use super::table::SlotId;
use super::{PeerId, PeerSet};
use crate::bgp::{Family, Sender};

/// Members with equal senders and families, and their shared state.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) sender: Sender,
    /// Negotiated families, sorted.
    pub(crate) families: Vec<Family>,
    pub(crate) members: PeerSetRef,
    /// Members that read the log.
    pub(crate) following: PeerSetRef,
    /// Members that temporarily do not.
    pub(crate) resync: PeerSetRef,
    /// Members whose routes are not kept once encoded.
    pub(crate) forgetful: PeerSetRef,
    /// Members that have been private since their session started and whose first walk over the table is not
    /// finished.
    pub(crate) joining: PeerSetRef,
    /// The members that have not been sent any route yet.
    pub(crate) first_batch: FirstBatch,
    pub(crate) queue: TxQueue,
    pub(crate) log: Log,
    /// Whether its members have already been woken.
    pub(crate) woken: bool,
}

impl Group {
    /// Wakes the members, unless that was already done.
    pub(crate) fn wake(&mut self, wakeups: &mut PeerSet) {
        if !self.woken
            && let Some(members) = self.members.set()
        {
            self.woken = true;
            wakeups.union(members);
        }
    }
}

/// Members that have not been sent any route in their session, and the batch that changes that.
///
/// ExaBGP sends no withdrawals in the first batch of a session: the peer cannot have any of its routes yet. The batch
/// consists of the records in the queue when the first of them is encoded; a record pushed later belongs to the next
/// batch.
#[derive(Debug, Default)]
pub(crate) struct FirstBatch {
    /// Members that have not been sent any route.
    pub(crate) fresh: PeerSetRef,
    /// Those of them that the current batch is for.
    reached: PeerSetRef,
    /// The number of the first record after the current batch.
    end: Option<u64>,
}

impl FirstBatch {
    /// Prepares for the next record of `queue`: ends the batch if the record comes after it, and starts the next one.
    pub(crate) fn advance(&mut self, sets: &mut PeerSetInterner, queue: &TxQueue) {
        if self.end.is_some_and(|end| queue.popped() >= end) {
            let reached = std::mem::take(&mut self.reached);
            self.fresh = sets.minus(&self.fresh, &reached);
            self.end = None;
        }
        if self.end.is_none() && queue.has_records() && !self.fresh.is_empty() {
            self.end = Some(queue.pushed());
        }
    }

    /// Records which of `following` a record of the batch is for.
    pub(crate) fn reach(
        &mut self,
        sets: &mut PeerSetInterner,
        following: &PeerSetRef,
        pending: &Pending,
    ) {
        let both = sets.union(&pending.announce, &pending.withdraw);
        let concerned = sets.and(&both, following);
        let reached = sets.and(&concerned, &self.fresh);
        self.reached = sets.union(&self.reached, &reached);
    }

    /// Removes withdrawals from a record of the batch for those of `following` that cannot have the route.
    pub(crate) fn filter(
        &self,
        sets: &mut PeerSetInterner,
        following: &PeerSetRef,
        pending: &mut Pending,
    ) {
        let fresh = sets.and(&self.fresh, following);
        pending.withdraw = sets.minus(&pending.withdraw, &fresh);
    }

    /// Records that `peers` were sent something, or are gone.
    pub(crate) fn remove(&mut self, sets: &mut PeerSetInterner, peers: &PeerSetRef) {
        self.fresh = sets.minus(&self.fresh, peers);
        self.reached = sets.minus(&self.reached, peers);
    }
}

/// Encoded batches that some members have not read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    batches: VecDeque<Batch>,
    /// Number of the first batch.
    first: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Batch {
    messages: Messages,
    peers: PeerSetRef,
    /// A mark that every member reaches when it gets here.
    mark: Option<u64>,
    /// Number of members that have not read it yet.
    readers: usize,
}

/// A position in a log: a batch, and the number of bytes of it already read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    batch: u64,
    offset: usize,
}

impl Log {
    /// Appends a batch for `readers` members, of which `peers` receive it.
    pub(crate) fn push(
        &mut self,
        bytes: Bytes,
        peers: PeerSetRef,
        mark: Option<u64>,
        readers: usize,
    ) {
        if readers > 0 {
            self.bytes += bytes.len();
            self.batches.push_back(Batch {
                messages: bytes.into(),
                peers,
                mark,
                readers,
            });
        }
    }

    /// The position after all batches.
    pub(crate) fn end(&self) -> Cursor {
        Cursor {
            batch: self.first + self.batches.len() as u64,
            offset: 0,
        }
    }

    /// Number of bytes kept.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of bytes from `cursor` on.
    pub(crate) fn lag(&self, cursor: Cursor) -> usize {
        let all: usize = self
            .from(cursor)
            .map(|batch| batch.messages.bytes.len())
            .sum();
        all.saturating_sub(cursor.offset)
    }

    /// Passes to `peer` its part of the batch at `cursor`, and moves the cursor. Returns `true` if there was a batch.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor,
        peer: PeerId,
        turn: &mut Turn,
        passed: &mut u64,
        out: &mut impl FnMut(Chunk),
    ) -> bool {
        let Some(batch) = self.from(*cursor).next() else {
            return false;
        };
        if batch.peers.contains(peer) {
            cursor.offset += turn.take(&batch.messages, cursor.offset, out);
            if cursor.offset < batch.messages.bytes.len() {
                return true;
            }
        }
        *passed = (*passed).max(batch.mark.unwrap_or_default());
        let at = self.index(*cursor);
        *cursor = Cursor {
            batch: cursor.batch + 1,
            offset: 0,
        };
        self.batches[at].readers -= 1;
        self.trim();
        true
    }

    /// Removes and returns everything that `peer` has not read.
    pub(crate) fn leave(&mut self, cursor: Cursor, peer: PeerId) -> VecDeque<Output> {
        let mut rest = VecDeque::new();
        let mut offset = cursor.offset;
        let from = self.index(cursor);
        for batch in self.batches.iter_mut().skip(from) {
            batch.readers -= 1;
            if batch.peers.contains(peer) {
                rest.push_back(match offset {
                    0 => Output::Messages(batch.messages.clone()),
                    _ => batch.messages.bytes.slice(offset..).into(),
                });
            }
            rest.extend(batch.mark.map(Output::Reached));
            offset = 0;
        }
        self.trim();
        rest
    }

    /// What `peer` has not read.
    pub(crate) fn unread(&self, cursor: Cursor, peer: PeerId) -> Vec<Bytes> {
        let mut offset = cursor.offset;
        let mut unread = Vec::new();
        for batch in self.from(cursor) {
            if batch.peers.contains(peer) && offset < batch.messages.bytes.len() {
                unread.push(batch.messages.bytes.slice(offset..));
            }
            offset = 0;
        }
        unread
    }

    fn from(&self, cursor: Cursor) -> impl Iterator<Item = &Batch> {
        self.batches.iter().skip(self.index(cursor))
    }

    fn index(&self, cursor: Cursor) -> usize {
        usize::try_from(cursor.batch - self.first).unwrap_or(usize::MAX)
    }

    /// Drops batches that all members have read.
    fn trim(&mut self) {
        while self.batches.front().is_some_and(|batch| batch.readers == 0) {
            self.first += 1;
            self.bytes -= self
                .batches
                .pop_front()
                .map_or(0, |batch| batch.messages.bytes.len());
        }
    }
}

/// The state of a member that does not read the log.
#[derive(Debug)]
pub(crate) struct Resync {
    /// The next outputs.
    out: VecDeque<Output>,
    /// Number of bytes of the first output that were already sent.
    offset: usize,
    /// Number of bytes of all outputs, including those.
    bytes: usize,
    pub(crate) queue: TxQueue,
    pub(crate) walk: Option<Walk>,
    /// Walks that start later.
    pub(crate) planned: VecDeque<Plan>,
    /// Whether the queue is next, or the walk.
    pub(crate) lane_first: bool,
    /// Whether the first walk of the session is not finished.
    pub(crate) first_walk: bool,
}

/// A walk over the table.
///
/// It may start anywhere: at the end of the table it continues at the beginning, up to where it started.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The next slot.
    at: SlotId,
    start: SlotId,
    /// Whether it has passed the end of the table.
    wrapped: bool,
    pub(crate) plan: Plan,
}

impl Walk {
    pub(crate) const fn new(start: SlotId, plan: Plan) -> Self {
        Self {
            at: start,
            start,
            wrapped: false,
            plan,
        }
    }

    /// The next slot.
    pub(crate) const fn at(&self) -> SlotId {
        self.at
    }

    /// Where it ends, or continues at the beginning, in a table with slots below `end`.
    pub(crate) const fn stop(&self, end: SlotId) -> SlotId {
        if self.wrapped { self.start } else { end }
    }

    /// Moves to the slot `at` of a table with slots below `end`. Returns `true` if that ends the walk.
    pub(crate) const fn advance(&mut self, at: SlotId, end: SlotId) -> bool {
        self.at = at;
        if at < self.stop(end) {
            return false;
        }
        if self.wrapped || self.start == 0 {
            return true;
        }
        (self.at, self.wrapped) = (0, true);
        false
    }

    /// Returns `true` if it has not visited `slot` yet, but will.
    const fn will_visit(&self, slot: SlotId) -> bool {
        if self.wrapped {
            self.at <= slot && slot < self.start
        } else {
            slot >= self.at || slot < self.start
        }
    }
}

/// The routes and messages that a walk sends.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The family; `None` for all negotiated ones.
    pub(crate) family: Option<Family>,
    /// Sent before the routes.
    pub(crate) before: Option<Bytes>,
    /// Sent after the routes.
    pub(crate) after: Vec<Output>,
}

impl Plan {
    /// Returns `true` if it sends routes of `family`.
    pub(crate) fn covers(&self, family: Family) -> bool {
        self.family.is_none_or(|own| own == family)
    }
}

impl Resync {
    /// Creates the state with these initial outputs.
    pub(crate) fn new(out: VecDeque<Output>, queue: TxQueue) -> Self {
        Self {
            bytes: out.iter().map(Output::len).sum(),
            out,
            offset: 0,
            queue,
            walk: None,
            planned: VecDeque::new(),
            lane_first: true,
            first_walk: false,
        }
    }

    /// Passes on the next of its messages. Returns `true` if there was one.
    pub(crate) fn read(
        &mut self,
        turn: &mut Turn,
        passed: &mut u64,
        out: &mut impl FnMut(Chunk),
    ) -> bool {
        match self.out.front() {
            None => return false,
            Some(Output::Reached(mark)) => *passed = (*passed).max(*mark),
            Some(Output::Messages(messages)) => {
                self.offset += turn.take(messages, self.offset, out);
                if self.offset < messages.bytes.len() {
                    return true;
                }
            }
        }
        self.offset = 0;
        self.bytes -= self.out.pop_front().map_or(0, |output| output.len());
        true
    }

    /// Appends an output.
    pub(crate) fn push(&mut self, output: Output) {
        self.bytes += output.len();
        self.out.push_back(output);
    }

    /// Appends outputs.
    pub(crate) fn extend(&mut self, outputs: impl IntoIterator<Item = Output>) {
        outputs.into_iter().for_each(|output| self.push(output));
    }

    /// Returns `true` if a walk will still visit `slot`, so that nothing needs to be pending for it.
    pub(crate) fn will_visit(&self, slot: SlotId, family: Family) -> bool {
        self.planned.iter().any(|plan| plan.covers(family))
            || self.walk.as_ref().is_some_and(|walk| {
                walk.plan.covers(family) && walk.will_visit(slot) && slot != NONE
            })
    }

    /// Returns `true` if the first walk of the session has not visited `slot` yet, so that the peer cannot have its
    /// route.
    pub(crate) fn is_unvisited(&self, slot: SlotId) -> bool {
        let walk = self.walk.as_ref();
        self.first_walk && walk.is_none_or(|walk| walk.will_visit(slot))
    }

    /// Returns `true` if there are changes to encode before the next marker.
    pub(crate) fn has_changes(&self) -> bool {
        self.queue.has_records() && !self.queue.is_at_marker()
    }

    /// Returns `true` if a walk is planned that can start now. Markers wait for walks, since a planned walk covers earlier
    /// changes.
    pub(crate) fn may_start(&self) -> bool {
        let waits = !self.queue.has_records() || self.queue.is_at_marker();
        self.walk.is_none() && waits && !self.planned.is_empty()
    }

    /// Returns `true` if nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.out.is_empty()
            && self.queue.is_empty()
            && self.walk.is_none()
            && self.planned.is_empty()
    }

    /// Its messages that were not sent.
    pub(crate) fn unread(&self) -> Vec<Bytes> {
        let mut offset = self.offset;
        let mut unread = Vec::new();
        for output in &self.out {
            if let Output::Messages(messages) = output
                && offset < messages.bytes.len()
            {
                unread.push(messages.bytes.slice(offset..));
            }
            offset = 0;
        }
        unread
    }

    /// Number of bytes of its messages that were not sent, or not completely.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_not_kept() {
        let mut log = Log::default();
        let start = log.end();
        // An End-of-RIB.
        let bytes = [&[0xFF; 16][..], &[0, 23, 2, 0, 0, 0, 0]].concat();
        let bytes = Bytes::from(bytes);
        log.push(bytes.clone(), PeerSetRef::EMPTY, None, 0);
        assert_eq!((log.bytes(), log.end()), (0, start));
        log.push(bytes, PeerSetRef::EMPTY, None, 1);
        assert_eq!((log.bytes(), log.lag(start)), (23, 23));
    }
}
