//! Changes to the desired state: announce and withdraw.

use std::rc::Rc;

use smallvec::SmallVec;

use super::live::{Live, TxSource};
use super::state::{AdjRibOut, TARGETS, Target};
use super::types::Outcome;
use crate::bgp::next_hop_rule::resolve;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{AttributeSet, Family, NlriRef, Safi};
use crate::rib::entries::{Edit, Entries, Entry};
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Withdrawal;
use crate::rib::route::{Action, Change};
use crate::rib::slot::{RouteKey, Slot, with_key};
use crate::rib::table::SlotId;

impl AdjRibOut {
    /// Announces or withdraws a route. It is rejected for peers that are not configured for its family. For peers
    /// that are down, or did not negotiate the family, it is kept for later.
    pub fn apply(&mut self, change: &Change) -> Outcome {
        self.tidy(8);
        let nlri = change.nlri.as_ref();
        if !self.sweeps.is_empty() {
            with_key(nlri, |route| self.settle_route(route));
        }
        let target = self.target(&change.peers, nlri.family);
        let outcome = self.targets[target].outcome;
        if outcome.accepted > 0 {
            with_key(nlri, |route| match &change.action {
                Action::Announce(attributes) => self.announce(target, nlri, route, attributes),
                Action::Withdraw(attributes) => {
                    self.withdraw(target, nlri, route, attributes.as_ref())
                }
            });
        }
        outcome
    }

    /// Returns `true` if [`apply`](Self::apply) would accept a route of that family for at least one of the peers.
    pub fn takes(&mut self, peers: &PeerSet, family: Family) -> bool {
        let target = self.target(peers, family);
        self.targets[target].outcome.accepted > 0
    }

    /// Returns `true` if [`apply`](Self::apply) of an announcement would change nothing.
    pub fn is_announced(&mut self, change: &Change) -> bool {
        let Action::Announce(attributes) = &change.action else {
            return false;
        };
        let nlri = change.nlri.as_ref();
        let target = self.target(&change.peers, nlri.family);
        let taken = self.targets[target].taken.clone();
        let holders = self.holders(nlri, Some(attributes));
        taken.set().is_none_or(|taken| taken.is_subset(&holders))
    }

    /// Does a few steps of the cleanup after removals.
    pub(super) fn tidy(&mut self, steps: u32) {
        for _ in 0..steps {
            let table = &mut self.table;
            let Some(slot) = self
                .pending
                .bury(|slot| table.get_mut(slot).map(Slot::mark_mut))
            else {
                break;
            };
            self.release(slot);
        }
        if !self.sweeps.is_empty() {
            self.sweep(steps);
        }
    }

    /// Resolves `peers` and `family` to an index into `targets`.
    pub(super) fn target(&mut self, peers: &PeerSet, family: Family) -> usize {
        let known = self
            .targets
            .iter()
            .position(|target| target.family == family && target.peers == *peers);
        if let Some(at) = known {
            return at;
        }
        let takes = |peer: &PeerId| {
            self.peer(*peer)
                .is_some_and(|peer| peer.options.families.contains(&family))
        };
        let taken: PeerSet = peers.iter().filter(takes).collect();
        let accepted = taken.len();
        let taken = self.sets.intern(&taken);
        let mut shares = Vec::new();
        for (at, group) in self.groups.iter().enumerate() {
            if let Some(group) = group
                .as_ref()
                .filter(|group| group.families.contains(&family))
            {
                let members = self.sets.and(&taken, &group.members);
                if !members.is_empty() {
                    shares.push((at, members));
                }
            }
        }
        let target = Target {
            peers: peers.clone(),
            family,
            taken,
            shares,
            outcome: Outcome {
                accepted,
                refused: peers.len() - accepted,
            },
        };
        if self.targets.len() < TARGETS {
            self.targets.push(target);
            return self.targets.len() - 1;
        }
        self.next_target = (self.next_target + 1) % TARGETS;
        self.targets[self.next_target] = target;
        self.next_target
    }

    fn announce(
        &mut self,
        target: usize,
        nlri: NlriRef<'_>,
        route: RouteKey<'_>,
        attributes: &Rc<AttributeSet>,
    ) {
        let id = self.table.find_or_insert(route, Entries::default);
        self.settle(id);
        let payload = (nlri.bytes != route.key).then_some(nlri.bytes);
        self.schedule_announcement(target, id, payload, attributes);
    }

    /// Schedules the current state of a slot for the peers of a target.
    pub(super) fn schedule_announcement(
        &mut self,
        target: usize,
        id: SlotId,
        payload: Option<&[u8]>,
        attributes: &Rc<AttributeSet>,
    ) {
        let Self {
            table,
            sets,
            tally,
            pending,
            groups,
            targets,
            wakeups,
            comparison,
            ..
        } = self;
        let target = &targets[target];
        let Some(slot) = table.get_mut(id) else {
            return;
        };
        let family = slot.family();
        let old: SmallVec<[Entry; 1]> = slot.value.others(attributes, payload, &target.taken);
        let mut edit = Edit {
            sets,
            tally,
            family,
        };
        let news = slot
            .value
            .announce(&mut edit, attributes, payload, &target.taken);
        if news.is_empty() {
            return;
        }
        for (group, members) in &target.shares {
            let mut members = sets.and(&news, members);
            let Some(group) = groups[*group].as_mut() else {
                continue;
            };
            let mut replaces = PeerSetRef::EMPTY;
            for old in &old {
                let holders = sets.and(&old.peers, &members);
                if holders.is_empty() {
                    continue;
                }
                let (before, now) = (&old.attributes, attributes);
                if old.payload() == payload
                    && comparison.is_same(before, now, family, &group.sender)
                {
                    members = sets.minus(&members, &holders);
                } else if resolve(family, before.next_hops(), &group.sender).is_ok() {
                    replaces = sets.union(&replaces, &holders);
                }
            }
            if !members.is_empty() {
                let pending = pending.edit(&mut group.queue, id, slot.mark_mut());
                pending.announce = sets.union(&pending.announce, &members);
                pending.replaces = sets.union(&pending.replaces, &replaces);
                group.wake(wakeups);
            }
        }
    }

    pub(super) fn withdraw(
        &mut self,
        target: usize,
        nlri: NlriRef<'_>,
        route: RouteKey<'_>,
        attributes: Option<&Rc<AttributeSet>>,
    ) {
        let id = match self.table.find(route) {
            Some(id) => id,
            None if self.targets[target].shares.is_empty() => return,
            None => {
                let id = self.table.find_or_insert(route, Entries::default);
                self.settle(id);
                id
            }
        };
        let plain = nlri.bytes == route.key && (attributes.is_none() || is_plain(nlri.family));
        let gone = (!plain).then(|| {
            Rc::new(Withdrawal {
                bytes: NlriBytes::from_slice(nlri.bytes),
                attributes: attributes.map(Rc::clone),
            })
        });
        self.schedule_withdrawal(target, id, gone.as_ref());
    }

    /// Schedules the withdrawal of a slot's route for the peers of a target.
    pub(super) fn schedule_withdrawal(
        &mut self,
        target: usize,
        id: SlotId,
        gone: Option<&Rc<Withdrawal>>,
    ) {
        let unvisited = self.unvisited(target, id);
        let Self {
            table,
            sets,
            tally,
            pending,
            groups,
            targets,
            wakeups,
            ..
        } = self;
        let target = &targets[target];
        let Some(slot) = table.get_mut(id) else {
            return;
        };
        let mut edit = Edit {
            sets,
            tally,
            family: slot.family(),
        };
        slot.value.withdraw(&mut edit, &target.taken);
        for (group, members) in &target.shares {
            if let Some(group) = groups[*group].as_mut() {
                let pending = pending.edit(&mut group.queue, id, slot.mark_mut());
                pending.announce = sets.minus(&pending.announce, members);
                let members = sets.minus(members, &unvisited);
                pending.withdraw = sets.union(&pending.withdraw, &members);
                pending.gone = gone.map(Rc::clone);
                group.wake(wakeups);
            }
        }
        self.release(id);
    }
}

impl AdjRibOut {
    /// The peers of a target whose first walk over the table has not visited the slot yet: they cannot have its
    /// route.
    fn unvisited(&mut self, target: usize, id: SlotId) -> PeerSetRef {
        let Self {
            peers,
            groups,
            targets,
            sets,
            ..
        } = self;
        let mut unvisited = PeerSet::new();
        for (group, members) in &targets[target].shares {
            let Some(group) = groups[*group].as_ref() else {
                continue;
            };
            if group.joining.is_empty() {
                continue;
            }
            for member in sets.and(members, &group.joining).iter() {
                if let Some(Live {
                    source: TxSource::Resync(resync),
                    ..
                }) = peers[member.index()]
                    .as_ref()
                    .and_then(|peer| peer.live.as_ref())
                    && resync.is_unvisited(id)
                {
                    unvisited.insert(member);
                }
            }
            if self.table.get(id).is_some_and(|slot| {
                self.table.has_paths(slot.family())
                    && !group.sender.codec.add_path_send.contains(slot.family())
            }) {
                // Another path may have been sent, which this one may have been preferred to.
                return PeerSetRef::EMPTY;
            }
        }
        sets.intern(&unvisited)
    }
}

/// Returns `true` if withdrawals of this family carry no attributes.
pub(super) const fn is_plain(family: Family) -> bool {
    matches!(family.safi, Safi::UNICAST | Safi::MULTICAST)
}
