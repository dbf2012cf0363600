//! Update groups: peers whose sessions encode alike share what was encoded.
//!
//! Following members read one log, each with its own cursor; a batch may be for some of them only. A member that
//! joins, refreshes or lags is private for a while: it has messages, a lane and a table walk of its own, and what the group
//! encodes meanwhile goes into that lane instead. When all of it is handed out, it follows again from the end of the log.
//! So the log is exact (nobody hears of a route an older state after a newer one), a batch lives as long as somebody has to read
//! it, and a stuck peer costs its lag limit and at most one pending record a route.

use std::collections::VecDeque;

use bytes::Bytes;

use super::backlog::{Lane, Pending};
use super::sets::{Sets, Shared};
use super::slab::NONE;
use super::table::SlotId;
use super::{Budget, Filled, PeerId, PeerSet};
use crate::bgp::message::HEADER;
use crate::bgp::{Family, Sender};

/// Members with equal senders and families, and what they share.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) sender: Sender,
    /// Negotiated families, sorted.
    pub(crate) families: Vec<Family>,
    pub(crate) members: Shared,
    /// Members that read the log.
    pub(crate) following: Shared,
    /// Members that do not, for now.
    pub(crate) private: Shared,
    /// Members for which nothing is kept once it is encoded.
    pub(crate) forgetful: Shared,
    /// Members that were private since their session began, and whose first walk over the table is not finished.
    pub(crate) joining: Shared,
    /// Which members have been sent no route yet.
    pub(crate) first_batch: FirstBatch,
    pub(crate) lane: Lane,
    pub(crate) log: Log,
    /// Whether its members were already told to wake up.
    pub(crate) woken: bool,
}

impl Group {
    /// Wakes the members, unless that was done.
    pub(crate) fn wake(&mut self, wakeups: &mut PeerSet) {
        if !self.woken
            && let Some(members) = self.members.set()
        {
            self.woken = true;
            wakeups.union(members);
        }
    }
}

/// Members that have been sent no route in their session, and the batch that changes that.
///
/// ExaBGP sends no withdrawals in the first batch of a session: the peer can't have any of its routes yet. The batch is what
/// waits in the lane when the first of it is encoded; a record pushed later belongs to the next one.
#[derive(Debug, Default)]
pub(crate) struct FirstBatch {
    /// Members that have been sent no route.
    pub(crate) fresh: Shared,
    /// Those of them that the current batch is for.
    reached: Shared,
    /// The number of the first record behind the current batch.
    end: Option<u64>,
}

impl FirstBatch {
    /// Prepares for the next record of `lane`: ends the batch if the record is behind it, and begins the next one.
    pub(crate) fn advance(&mut self, sets: &mut Sets, lane: &Lane) {
        if self.end.is_some_and(|end| lane.popped() >= end) {
            let reached = std::mem::take(&mut self.reached);
            self.fresh = sets.minus(&self.fresh, &reached);
            self.end = None;
        }
        if self.end.is_none() && lane.has_records() && !self.fresh.is_empty() {
            self.end = Some(lane.pushed());
        }
    }

    /// Notes for which of `following` a record of the batch is.
    pub(crate) fn reach(&mut self, sets: &mut Sets, following: &Shared, pending: &Pending) {
        let both = sets.union(&pending.announce, &pending.withdraw);
        let told = sets.and(&both, following);
        let reached = sets.and(&told, &self.fresh);
        self.reached = sets.union(&self.reached, &reached);
    }

    /// Takes withdrawals out of a record of the batch for those of `following` that can't have the route.
    pub(crate) fn filter(&self, sets: &mut Sets, following: &Shared, pending: &mut Pending) {
        let fresh = sets.and(&self.fresh, following);
        pending.withdraw = sets.minus(&pending.withdraw, &fresh);
    }

    /// Notes that `peers` were sent something, or are gone.
    pub(crate) fn remove(&mut self, sets: &mut Sets, peers: &Shared) {
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
    bytes: Bytes,
    peers: Shared,
    /// A mark that whoever comes by reaches.
    mark: Option<u64>,
    /// Members that have not come by.
    readers: usize,
}

/// A place in a log: a batch, and bytes of it already read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    batch: u64,
    offset: usize,
}

/// What a private member gets next.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Whole messages.
    Bytes(Bytes),
    /// The mark with that number is reached.
    Reached(u64),
}

impl Log {
    /// Appends a batch for `readers` members, of which `peers` want it.
    pub(crate) fn push(&mut self, bytes: Bytes, peers: Shared, mark: Option<u64>, readers: usize) {
        if readers > 0 {
            self.bytes += bytes.len();
            self.batches.push_back(Batch {
                bytes,
                peers,
                mark,
                readers,
            });
        }
    }

    /// The place behind all batches.
    pub(crate) fn end(&self) -> Cursor {
        Cursor {
            batch: self.first + self.batches.len() as u64,
            offset: 0,
        }
    }

    /// Bytes kept.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes kept from `cursor` on.
    pub(crate) fn lag(&self, cursor: Cursor) -> usize {
        let all: usize = self.from(cursor).map(|batch| batch.bytes.len()).sum();
        all.saturating_sub(cursor.offset)
    }

    /// Hands `peer` what it wants of the batch at `cursor`, and moves the cursor; whether there was a batch.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor,
        peer: PeerId,
        turn: &mut Turn,
        passed: &mut u64,
        out: &mut impl FnMut(Bytes),
    ) -> bool {
        let Some(batch) = self.from(*cursor).next() else {
            return false;
        };
        if batch.peers.contains(peer) {
            cursor.offset += turn.take(&batch.bytes, cursor.offset, out);
            if cursor.offset < batch.bytes.len() {
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

    /// Takes out all that `peer` has not read.
    pub(crate) fn leave(&mut self, cursor: Cursor, peer: PeerId) -> VecDeque<Output> {
        let mut rest = VecDeque::new();
        let mut offset = cursor.offset;
        let from = self.index(cursor);
        for batch in self.batches.iter_mut().skip(from) {
            batch.readers -= 1;
            if batch.peers.contains(peer) {
                rest.push_back(Output::Bytes(batch.bytes.slice(offset..)));
            }
            rest.extend(batch.mark.map(Output::Reached));
            offset = 0;
        }
        self.trim();
        rest
    }

    fn from(&self, cursor: Cursor) -> impl Iterator<Item = &Batch> {
        self.batches.iter().skip(self.index(cursor))
    }

    fn index(&self, cursor: Cursor) -> usize {
        usize::try_from(cursor.batch - self.first).unwrap_or(usize::MAX)
    }

    /// Drops batches that everybody has read.
    fn trim(&mut self) {
        while self.batches.front().is_some_and(|batch| batch.readers == 0) {
            self.first += 1;
            self.bytes -= self
                .batches
                .pop_front()
                .map_or(0, |batch| batch.bytes.len());
        }
    }
}

/// The state of a member that does not read the log.
#[derive(Debug)]
pub(crate) struct Private {
    /// What it gets next.
    pub(crate) out: VecDeque<Output>,
    /// Bytes of the first that it already got.
    offset: usize,
    pub(crate) lane: Lane,
    pub(crate) walk: Option<Walk>,
    /// Walks that begin later.
    pub(crate) planned: VecDeque<Plan>,
    /// Whether the lane's turn comes before the walk's.
    pub(crate) lane_first: bool,
    /// The slots from this one on have not been visited since the session began; `None` after the first walk.
    pub(crate) unvisited: Option<SlotId>,
}

/// A walk over the table.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The next slot.
    pub(crate) at: SlotId,
    pub(crate) plan: Plan,
}

/// What a walk sends.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The family; `None`: all that are negotiated.
    pub(crate) family: Option<Family>,
    /// What goes before the routes.
    pub(crate) before: Option<Bytes>,
    /// What goes after them.
    pub(crate) after: Vec<Output>,
}

impl Plan {
    /// Whether it sends routes of `family`.
    pub(crate) fn covers(&self, family: Family) -> bool {
        self.family.is_none_or(|own| own == family)
    }
}

impl Private {
    /// With these messages to begin with.
    pub(crate) const fn new(out: VecDeque<Output>, lane: Lane) -> Self {
        Self {
            out,
            offset: 0,
            lane,
            walk: None,
            planned: VecDeque::new(),
            lane_first: true,
            unvisited: None,
        }
    }

    /// Hands out the next of its messages; whether there was one.
    pub(crate) fn read(
        &mut self,
        turn: &mut Turn,
        passed: &mut u64,
        out: &mut impl FnMut(Bytes),
    ) -> bool {
        match self.out.front() {
            None => return false,
            Some(Output::Reached(mark)) => *passed = (*passed).max(*mark),
            Some(Output::Bytes(bytes)) => {
                self.offset += turn.take(bytes, self.offset, out);
                if self.offset < bytes.len() {
                    return true;
                }
            }
        }
        self.offset = 0;
        self.out.pop_front();
        true
    }

    /// Whether a walk will still come by `slot`, so that nothing needs to be pending for it.
    pub(crate) fn will_visit(&self, slot: SlotId, family: Family) -> bool {
        self.planned.iter().any(|plan| plan.covers(family))
            || self
                .walk
                .as_ref()
                .is_some_and(|walk| walk.plan.covers(family) && walk.at <= slot && slot != NONE)
    }

    /// Whether the first walk of the session is still to visit `slot`, so that the peer can't have its route.
    pub(crate) fn is_unvisited(&self, slot: SlotId) -> bool {
        self.unvisited.is_some_and(|from| from <= slot)
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.out.is_empty()
            && self.lane.is_empty()
            && self.walk.is_none()
            && self.planned.is_empty()
    }

    /// Bytes of messages it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.out
            .iter()
            .map(|output| match output {
                Output::Bytes(bytes) => bytes.len(),
                Output::Reached(_) => 0,
            })
            .sum()
    }
}

/// What is left of a budget.
#[derive(Debug)]
pub(crate) struct Turn {
    left: Budget,
    pub(crate) filled: Filled,
    /// Steps of encoding left, since some hand out nothing.
    pub(crate) steps: usize,
}

impl Turn {
    pub(crate) fn new(budget: Budget, steps: usize) -> Self {
        Self {
            left: budget,
            filled: Filled::default(),
            steps,
        }
    }

    /// Whether nothing more may be handed out.
    pub(crate) const fn is_spent(&self) -> bool {
        self.left.bytes == 0 || self.left.messages == 0
    }

    /// Hands out messages of `bytes` from `offset` on; how many bytes.
    fn take(&mut self, bytes: &Bytes, offset: usize, out: &mut impl FnMut(Bytes)) -> usize {
        let mut end = offset;
        while !self.is_spent() && end < bytes.len() {
            let length = bytes.get(end + 16..end + HEADER).map_or(0, |field| {
                usize::from(u16::from_be_bytes([field[0], field[1]]))
            });
            // Batches are whole messages of ours, so each has its header.
            debug_assert!(length >= HEADER);
            if self.filled.bytes > 0 && length > self.left.bytes {
                self.left.bytes = 0;
                break;
            }
            end += length.max(1);
            self.left.bytes = self.left.bytes.saturating_sub(length);
            self.left.messages -= 1;
            self.filled.bytes += length;
            self.filled.messages += 1;
        }
        let end = end.min(bytes.len());
        if end > offset {
            out(bytes.slice(offset..end));
        }
        end - offset
    }
}
