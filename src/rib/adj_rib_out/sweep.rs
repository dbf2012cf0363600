//! Work over the whole table, a few slots at a time: clearing, copying, and removing deleted peers.
//!
//! Before a slot that a sweep has not reached yet is changed or shown, the sweep's work on that slot is done first.
//! So the sweep appears to be done at once, and slots that were changed since it started are left alone. Until a
//! sweep has ended nothing more is encoded, and marks and End-of-RIB markers wait, since they come after everything
//! that the sweep will send. Deleted peers are different: nothing waits for their removal, unless the number of one
//! is reused. Doing the whole table in one turn was rejected: it takes 70 ms for each million routes.

use std::rc::Rc;

use smallvec::SmallVec;

use super::apply::is_plain;
use super::state::AdjRibOut;
use super::sweeps::{Sweep, Work};
use crate::bgp::nlri::NlriBytes;
use crate::rib::entries::{Edit, Entries};
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Withdrawal;
use crate::rib::slot::{RouteKey, Slot};
use crate::rib::table::SlotId;

/// Slots per step when nothing waits for the sweep.
const IDLE: u32 = 64;
/// Slots that are done immediately, in steps: a table of usual size needs no second turn.
const FIRST: u32 = 4;

impl AdjRibOut {
    /// Withdraws all routes of `peers` and removes them.
    pub fn clear(&mut self, peers: &PeerSet) {
        self.begin(Work::Clear(peers.clone()));
    }

    /// Announces to `to` all that is announced to `from`: a peer of a dynamic range starts with the routes of its
    /// template.
    pub fn copy_routes(&mut self, from: PeerId, to: PeerId) {
        self.begin(Work::Copy { from, to });
    }

    /// Removes a deleted peer from all entries in the background.
    pub(super) fn reap(&mut self, peer: PeerId, one: &PeerSetRef) {
        self.sweeps.forget(peer);
        if let Some(last) = self.sweeps.queue.back_mut()
            && let Work::Reap {
                gone,
                urgent: false,
            } = &mut last.work
        {
            *gone = self.sets.union(gone, one);
            *last = Sweep::new(last.work.clone(), self.table.end());
        } else {
            let (gone, urgent) = (one.clone(), false);
            let end = self.table.end();
            let sweep = Sweep::new(Work::Reap { gone, urgent }, end);
            self.sweeps.queue.push_back(sweep);
        }
        self.sweep(self.limits.scan.saturating_mul(FIRST));
    }

    /// Prepares for the reuse of a peer's number: routes announced to the new peer must not be confused with those of
    /// the deleted one.
    pub(super) fn reuse(&mut self, peer: PeerId) {
        for sweep in &mut self.sweeps.queue {
            if let Work::Reap { gone, urgent } = &mut sweep.work {
                *urgent |= gone.contains(peer);
            }
        }
        self.wake_all();
    }

    fn begin(&mut self, work: Work) {
        let end = self.table.end();
        self.sweeps.queue.push_back(Sweep::new(work, end));
        self.sweep(self.limits.scan.saturating_mul(FIRST));
        self.wake_all();
    }

    /// Wakes all sessions while something waits for a sweep: any of them drives it.
    fn wake_all(&mut self) {
        if self.sweeps.is_awaited() {
            for group in self.groups.iter().flatten() {
                if let Some(members) = group.members.set() {
                    self.wakeups.union(members);
                }
            }
        }
    }

    /// Does one step of the sweeps in progress.
    pub(super) fn sweep_on(&mut self) {
        if !self.sweeps.is_empty() {
            let scan = self.limits.scan;
            self.sweep(if self.sweeps.is_awaited() {
                scan
            } else {
                scan.min(IDLE)
            });
        }
    }

    /// Sweeps the next `slots` slots.
    pub(super) fn sweep(&mut self, slots: u32) {
        let mut left = slots;
        while let Some(mut sweep) = self.sweeps.queue.pop_front() {
            while left > 0 && sweep.at < sweep.end {
                let slot = sweep.at;
                sweep.at += 1;
                left -= 1;
                if !sweep.done.remove(&slot) {
                    self.work(&sweep.work, slot);
                }
            }
            if sweep.at < sweep.end {
                self.sweeps.queue.push_front(sweep);
                break;
            }
        }
        if !self.sweeps.is_awaited() {
            for (marker, peers) in std::mem::take(&mut self.sweeps.markers) {
                self.mark_for(marker, &peers);
            }
        }
    }

    /// Does the work of all sweeps at a slot, which may be removed by that.
    pub(super) fn settle(&mut self, slot: SlotId) {
        if self.sweeps.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut self.sweeps.queue);
        for sweep in &mut queue {
            if (sweep.at..sweep.end).contains(&slot) && sweep.done.insert(slot) {
                self.work(&sweep.work, slot);
            }
        }
        self.sweeps.queue = queue;
    }

    /// Does the work of all sweeps at the slot of a route.
    pub(super) fn settle_route(&mut self, route: RouteKey<'_>) {
        if !self.sweeps.is_empty()
            && let Some(slot) = self.table.find(route)
        {
            self.settle(slot);
        }
    }

    fn work(&mut self, work: &Work, slot: SlotId) {
        match work {
            Work::Clear(peers) => self.clear_slot(peers, slot),
            Work::Copy { from, to } => self.copy_slot(*from, *to, slot),
            Work::Reap { gone, .. } => {
                let Some(found) = self.table.get_mut(slot) else {
                    return;
                };
                if gone.set().is_some_and(|gone| found.value.reaches(gone)) {
                    let mut edit = Edit {
                        sets: &mut self.sets,
                        tally: &mut self.tally,
                        family: found.family(),
                    };
                    found.value.withdraw(&mut edit, gone);
                    self.release(slot);
                }
            }
        }
    }

    fn clear_slot(&mut self, peers: &PeerSet, id: SlotId) {
        let reached = |slot: &&Slot<Entries>| slot.value.reaches(peers);
        let Some(slot) = self.table.get(id).filter(reached) else {
            return;
        };
        let family = slot.family();
        let mut withdrawn = SmallVec::<[(PeerSetRef, Option<Rc<Withdrawal>>); 1]>::new();
        for entry in slot.value.list() {
            let plain = entry.payload().is_none() && is_plain(family);
            let gone = (!plain).then(|| {
                Rc::new(Withdrawal {
                    bytes: NlriBytes::from_slice(entry.payload().unwrap_or_else(|| slot.key())),
                    attributes: Some(Rc::clone(entry.attributes)),
                })
            });
            withdrawn.push((entry.peers.clone(), gone));
        }
        let wanted = self.sets.intern(peers);
        for (peers, gone) in withdrawn {
            let peers = self.sets.and(&peers, &wanted);
            let target = peers.set().map(|set| self.target(set, family));
            if let (Some(target), Some(slot)) = (target, self.table.get_mut(id)) {
                // Including routes announced while the family was still configured.
                let mut edit = Edit {
                    sets: &mut self.sets,
                    tally: &mut self.tally,
                    family,
                };
                slot.value.withdraw(&mut edit, &peers);
                self.schedule_withdrawal(target, id, gone.as_ref());
            }
        }
    }

    fn copy_slot(&mut self, from: PeerId, to: PeerId, id: SlotId) {
        let Some(slot) = self.table.get(id) else {
            return;
        };
        let Some(entry) = slot.value.of(from) else {
            return;
        };
        let family = slot.family();
        let attributes = Rc::clone(entry.attributes);
        let payload = entry.payload().map(NlriBytes::from_slice);
        if self.peer(to).is_none() {
            // It was deleted before its copy was made, and a later copy of it is to be whole.
            let one = self.sets.one(to);
            let Some(slot) = self.table.get_mut(id) else {
                return;
            };
            let mut edit = Edit {
                sets: &mut self.sets,
                tally: &mut self.tally,
                family,
            };
            slot.value
                .announce(&mut edit, &attributes, payload.as_deref(), &one);
            return;
        }
        let to: PeerSet = [to].into_iter().collect();
        let target = self.target(&to, family);
        self.schedule_announcement(target, id, payload.as_deref(), &attributes);
    }
}
