//! Changes to be encoded: pending records, and the lanes that queue them.
//!
//! A record holds the peers of a queue to which a route must be withdrawn, announced, or first the one and then the
//! other. A route has at most one record in each queue, however often it changes before it is encoded: changes are
//! merged, the newest state wins, and memory is bounded by the table. Records are linked twice, in the order of their
//! queue and in the list of their route; both links are numbers, so that records are never moved or searched for.

use std::collections::VecDeque;
use std::rc::Rc;

use super::peer_set::PeerId;
use super::peer_set_interner::{PeerSetInterner, PeerSetRef};
use super::slab::{NONE, Slab};
use super::table::SlotId;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, Family};

/// All records of all lanes.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    records: Slab<Record>,
    lanes: u32,
    /// Records of removed lanes, to be freed a few at a time.
    dead: Vec<u32>,
}

#[derive(Debug)]
struct Record {
    slot: SlotId,
    queue: u32,
    next_in_lane: u32,
    next_of_slot: u32,
    pending: Pending,
}

/// The pending changes of a route.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The peers to which it is withdrawn.
    pub(crate) withdraw: PeerSetRef,
    /// The peers to which its current state is announced after that.
    pub(crate) announce: PeerSetRef,
    /// Peers of `announce` whose session may hold an older version of the route.
    pub(crate) replaces: PeerSetRef,
    /// How the withdrawal is written, unless with the key bytes only.
    pub(crate) gone: Option<Rc<Withdrawal>>,
}

/// A withdrawn route as written.
#[derive(Debug)]
pub(crate) struct Withdrawal {
    /// The NLRI including labels.
    pub(crate) bytes: NlriBytes,
    /// Attributes to be sent with MP_UNREACH_NLRI.
    pub(crate) attributes: Option<Rc<AttributeSet>>,
}

/// A queue of records, and of markers between them.
#[derive(Debug)]
pub(crate) struct TxQueue {
    id: u32,
    head: u32,
    tail: u32,
    pushed: u64,
    popped: u64,
    markers: VecDeque<(u64, Marker)>,
}

/// An action at a position in a queue, done when everything before it is encoded.
#[derive(Clone, Debug)]
pub(crate) enum Marker {
    /// Send an End-of-RIB to these peers.
    EndOfRib(Family, PeerSetRef),
    /// The mark with that number is reached.
    Reached(u64),
}

impl TxQueue {
    /// Returns `true` if there are neither records nor markers.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_records() && self.markers.is_empty()
    }

    /// Returns `true` if there are records.
    pub(crate) const fn has_records(&self) -> bool {
        self.pushed > self.popped
    }

    /// The number of records that were ever pushed, which is the number of the next one.
    pub(crate) const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The number of records that were popped, which is the number of the first remaining one.
    pub(crate) const fn popped(&self) -> u64 {
        self.popped
    }

    /// Number of queued records.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.pushed - self.popped).unwrap_or(usize::MAX)
    }

    /// Appends a marker.
    pub(crate) fn mark(&mut self, marker: Marker) {
        self.markers.push_back((self.pushed, marker));
    }

    /// Returns `true` if a marker is next.
    pub(crate) fn is_at_marker(&self) -> bool {
        self.markers
            .front()
            .is_some_and(|(at, _)| *at <= self.popped)
    }

    /// The families whose End-of-RIB is queued for `peer`.
    pub(crate) fn end_of_rib(&self, peer: PeerId) -> impl Iterator<Item = Family> {
        self.markers
            .iter()
            .filter_map(move |(_, marker)| match marker {
                Marker::EndOfRib(family, peers) if peers.contains(peer) => Some(*family),
                _ => None,
            })
    }

    /// Pops the marker that is next.
    pub(crate) fn pop_marker(&mut self) -> Option<Marker> {
        if self.is_at_marker() {
            self.markers.pop_front().map(|(_, marker)| marker)
        } else {
            None
        }
    }
}

impl Backlog {
    /// Creates a queue.
    pub(crate) fn queue(&mut self) -> TxQueue {
        self.lanes = self.lanes.wrapping_add(1);
        TxQueue {
            id: self.lanes,
            head: NONE,
            tail: NONE,
            pushed: 0,
            popped: 0,
            markers: VecDeque::new(),
        }
    }

    /// Returns the pending changes in `queue` of the route `slot`, whose list starts at `list`, to be modified.
    pub(crate) fn edit(
        &mut self,
        queue: &mut TxQueue,
        slot: SlotId,
        list: &mut u32,
    ) -> &mut Pending {
        let at = match self.find(queue, *list) {
            Some(at) => at,
            None => self.push(queue, slot, list, Pending::default()),
        };
        // Found or just created.
        &mut self.records.get_mut(at).expect("a live record").pending
    }

    /// The pending changes in `queue` of the route whose list starts at `list`, if any.
    pub(crate) fn peek(&mut self, queue: &TxQueue, list: u32) -> Option<&mut Pending> {
        let at = self.find(queue, list)?;
        self.records.get_mut(at).map(|record| &mut record.pending)
    }

    /// The same, to read.
    pub(crate) fn look(&self, queue: &TxQueue, list: u32) -> Option<&Pending> {
        let at = self.find(queue, list)?;
        self.records.get(at).map(|record| &record.pending)
    }

    /// Removes the pending changes in `queue` for `peers` of the route whose list starts at `list`.
    pub(crate) fn settle(
        &mut self,
        sets: &mut PeerSetInterner,
        queue: &TxQueue,
        list: u32,
        peers: &PeerSetRef,
    ) {
        if let Some(pending) = self.peek(queue, list) {
            pending.announce = sets.minus(&pending.announce, peers);
            pending.withdraw = sets.minus(&pending.withdraw, peers);
        }
    }

    /// Moves the pending changes in `queue` for `peer` of the route whose list starts at `list` into `older`.
    pub(crate) fn absorb(
        &mut self,
        sets: &mut PeerSetInterner,
        queue: &TxQueue,
        list: u32,
        peer: &PeerSetRef,
        older: &mut Pending,
    ) {
        let Some(newer) = self.peek(queue, list) else {
            return;
        };
        let withdraw = sets.and(&newer.withdraw, peer);
        let announce = sets.and(&newer.announce, peer);
        if withdraw.is_empty() && announce.is_empty() {
            return;
        }
        if !withdraw.is_empty() {
            older.withdraw = withdraw;
            older.gone.clone_from(&newer.gone);
        }
        let replaces = sets.and(&newer.replaces, peer);
        older.replaces = sets.union(&older.replaces, &replaces);
        older.announce = announce;
        self.settle(sets, queue, list, peer);
    }

    /// Pops the first record of `queue`: its route and its pending changes. `list_of` finds the start of a route's
    /// list.
    pub(crate) fn pop<'a>(
        &mut self,
        queue: &mut TxQueue,
        list_of: impl FnOnce(SlotId) -> Option<&'a mut u32>,
    ) -> Option<(SlotId, Pending)> {
        let record = self.records.remove(queue.head)?;
        let at = queue.head;
        queue.head = record.next_in_lane;
        queue.popped += 1;
        if queue.head == NONE {
            queue.tail = NONE;
        }
        if let Some(list) = list_of(record.slot) {
            self.unlink(at, record.next_of_slot, list);
        }
        Some((record.slot, record.pending))
    }

    /// Removes a queue. [`bury`](Self::bury) frees its records.
    pub(crate) fn abandon(&mut self, queue: TxQueue) {
        if queue.head != NONE {
            self.dead.push(queue.head);
        }
    }

    /// Returns `true` if records of removed queues are still to be freed.
    pub(crate) const fn has_dead(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Frees one record of a removed queue. Returns the route that it was for.
    pub(crate) fn bury<'a>(
        &mut self,
        list_of: impl FnOnce(SlotId) -> Option<&'a mut u32>,
    ) -> Option<SlotId> {
        let at = self.dead.pop()?;
        let record = self.records.remove(at)?;
        if record.next_in_lane != NONE {
            self.dead.push(record.next_in_lane);
        }
        if let Some(list) = list_of(record.slot) {
            self.unlink(at, record.next_of_slot, list);
        }
        Some(record.slot)
    }

    fn find(&self, queue: &TxQueue, list: u32) -> Option<u32> {
        let mut at = list;
        while let Some(record) = self.records.get(at) {
            if record.queue == queue.id {
                return Some(at);
            }
            at = record.next_of_slot;
        }
        None
    }

    /// Appends the pending changes of the route `slot`, whose list starts at `list` and has none in `queue` yet.
    pub(crate) fn push(
        &mut self,
        queue: &mut TxQueue,
        slot: SlotId,
        list: &mut u32,
        pending: Pending,
    ) -> u32 {
        let at = self.records.insert(Record {
            slot,
            queue: queue.id,
            next_in_lane: NONE,
            next_of_slot: *list,
            pending,
        });
        *list = at;
        match self.records.get_mut(queue.tail) {
            Some(last) => last.next_in_lane = at,
            None => queue.head = at,
        }
        queue.tail = at;
        queue.pushed += 1;
        at
    }

    /// Unlinks `at`, which is followed by `next`, from a route's list.
    fn unlink(&mut self, at: u32, next: u32, list: &mut u32) {
        if *list == at {
            *list = next;
            return;
        }
        let mut before = *list;
        while let Some(record) = self.records.get_mut(before) {
            if record.next_of_slot == at {
                record.next_of_slot = next;
                return;
            }
            before = record.next_of_slot;
        }
    }
}
