//! Sessions: going up and down, pulling messages, and requests that are ordered with respect to changes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::live::{Live, TxSource};
use super::state::AdjRibOut;
use super::types::{Budget, Filled, Mark, Session};
use crate::bgp::Family;
use crate::bgp::negotiated::Refresh;
use crate::rib::group::{FirstBatch, Group, Log, Plan, Resync};
use crate::rib::messages::{Chunk, Output, Turn};
use crate::rib::pack::{end_of_rib, refresh_mark};
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Marker;

/// Maximum number of encoding steps in one fill, which bounds it when the steps yield no messages.
const STEPS: usize = 16;

impl AdjRibOut {
    /// Starts a session. It is sent all its routes, an End-of-RIB for each family, then every change. Does nothing
    /// for an unknown neighbor.
    pub fn up(&mut self, peer: PeerId, session: Session) {
        self.down(peer);
        let Some(known) = self.peer(peer) else {
            return;
        };
        let (one, keep) = (known.one.clone(), known.options.keep);
        let mut after: Vec<Output> = Vec::new();
        if !session.manual_eor {
            after.extend(
                session
                    .families
                    .iter()
                    .map(|family| Output::from(end_of_rib(*family))),
            );
        }
        after.push(Output::Reached(self.marks));
        let mut resync = Resync::new(VecDeque::new(), self.pending.queue());
        resync.first_walk = true;
        resync.planned.push_back(Plan {
            family: None,
            before: None,
            after,
        });
        let at = self.group_of(&session);
        if let Some(group) = &mut self.groups[at] {
            group.members = self.sets.union(&group.members, &one);
            group.resync = self.sets.union(&group.resync, &one);
            group.joining = self.sets.union(&group.joining, &one);
            group.first_batch.fresh = self.sets.union(&group.first_batch.fresh, &one);
            if !keep {
                group.forgetful = self.sets.union(&group.forgetful, &one);
            }
        }
        let unmarked = session.manual_eor && session.peer_restarts;
        let unmarked = session.families.iter().filter(|_| unmarked);
        self.go_live(
            peer,
            Live {
                unmarked: unmarked.copied().collect(),
                families: session.families.into(),
                refresh: session.refresh,
                group: at,
                passed: 0,
                source: TxSource::Resync(Box::new(resync)),
            },
        );
    }

    /// Sets the session of a peer, which is a member of its group already.
    pub(super) fn go_live(&mut self, peer: PeerId, live: Live) {
        self.targets.clear();
        self.wakeups.insert(peer);
        if let Some(known) = self.peers[peer.index()].as_mut() {
            known.live = Some(live);
        }
    }

    /// Ends the session of `peer`. Its routes are kept for the next one.
    pub fn down(&mut self, peer: PeerId) {
        let Some(known) = self.peers.get_mut(peer.index()).and_then(Option::as_mut) else {
            return;
        };
        let Some(live) = known.live.take() else {
            return;
        };
        let one = known.one.clone();
        self.targets.clear();
        let place = &mut self.groups[live.group];
        let Some(group) = place else {
            return;
        };
        match live.source {
            TxSource::GroupLog(cursor) => drop(group.log.leave(cursor, peer)),
            TxSource::Resync(resync) => self.pending.abandon(resync.queue),
        }
        for set in [
            &mut group.members,
            &mut group.following,
            &mut group.resync,
            &mut group.forgetful,
            &mut group.joining,
        ] {
            *set = self.sets.minus(set, &one);
        }
        group.first_batch.remove(&mut self.sets, &one);
        if group.members.is_empty()
            && let Some(group) = place.take()
        {
            self.pending.abandon(group.queue);
        }
    }

    /// Returns the next messages of `peer`: each call of `out` is passed one or more whole messages. There may be
    /// none although there [is work](Self::has_work), if most of a step was spent on searching for routes of this
    /// peer: call it again after other peers had their turn.
    pub fn fill(&mut self, peer: PeerId, budget: Budget, out: &mut impl FnMut(Bytes)) -> Filled {
        self.fill_chunks(peer, budget, &mut |chunk| out(chunk.bytes))
    }

    /// The same as [`fill`](Self::fill), with the messages of each chunk counted.
    pub fn fill_chunks(
        &mut self,
        peer: PeerId,
        budget: Budget,
        out: &mut impl FnMut(Chunk),
    ) -> Filled {
        self.tidy(64);
        self.sweep_on();
        let mut turn = Turn::new(budget, STEPS);
        while !turn.is_spent() && self.step(peer, &mut turn, out) {}
        turn.filled
    }

    /// Returns `true` if [`fill`](Self::fill) has something to do for `peer`.
    pub fn has_work(&self, peer: PeerId) -> bool {
        let Some(live) = self.peer(peer).and_then(|peer| peer.live.as_ref()) else {
            return false;
        };
        match (&live.source, &self.groups[live.group]) {
            _ if self.sweeps.is_awaited() => true,
            (TxSource::Resync(_), _) => true,
            (TxSource::GroupLog(cursor), Some(group)) => {
                *cursor != group.log.end() || !group.queue.is_empty()
            }
            (TxSource::GroupLog(_), None) => false,
        }
    }

    /// Handles a request of the peer to send its routes of `family` again (RFC 2918). Ignored if the family was not
    /// negotiated.
    pub fn refresh(&mut self, peer: PeerId, family: Family) {
        let enhanced = match self.peer(peer).and_then(|peer| peer.live.as_ref()) {
            // RFC 7313 4: "A BGP speaker that has received the Graceful Restart Capability from its neighbor MUST NOT send a BoRR
            // for an <AFI, SAFI> to the neighbor before it sends the EoR for the <AFI, SAFI>".
            Some(live) if live.families.contains(&family) => {
                live.refresh == Refresh::Enhanced && !live.unmarked.contains(&family)
            }
            _ => return,
        };
        // RFC 7313 4: "the BGP speaker MUST send a BoRR message for that <AFI, SAFI>, followed by the route refresh, and finally
        // an EoRR message".
        let mark = |subtype| enhanced.then(|| refresh_mark(family, subtype));
        self.plan(
            peer,
            Plan {
                family: Some(family),
                before: mark(1),
                after: mark(2).map(Output::from).into_iter().collect(),
            },
        );
    }

    /// Sends all routes of `peers` again, as if each had requested all families.
    pub fn flush(&mut self, peers: &PeerSet) {
        for peer in peers.iter() {
            let families = self
                .peer(peer)
                .and_then(|peer| peer.live.as_ref())
                .map(|live| live.families.clone());
            for family in families.unwrap_or_default() {
                self.refresh(peer, family);
            }
        }
    }

    /// Sends an End-of-RIB after all previous changes, whether or not the family is negotiated.
    pub fn eor(&mut self, peers: &PeerSet, family: Family) {
        let peers = self.sets.intern(peers);
        self.place(Marker::EndOfRib(family, peers.clone()), peers);
    }

    /// Marks this point in the order of changes for `peers`. [`is_reached`](Self::is_reached) reports when each of
    /// them has got there.
    pub fn mark(&mut self, peers: &PeerSet) -> Mark {
        self.marks += 1;
        let peers = self.sets.intern(peers);
        self.place(Marker::Reached(self.marks), peers);
        Mark(self.marks)
    }

    /// Places a marker after all previous changes for `peers`.
    fn place(&mut self, marker: Marker, peers: PeerSetRef) {
        if let Some((marker, peers)) = self.sweeps.keep(marker, peers) {
            self.mark_for(marker, &peers);
        }
    }

    /// Places a marker in the lanes of `peers`.
    pub(super) fn mark_for(&mut self, marker: Marker, peers: &PeerSetRef) {
        if let Marker::EndOfRib(family, _) = &marker {
            for peer in peers.iter() {
                let peer = self.peers.get_mut(peer.index()).and_then(Option::as_mut);
                if let Some(live) = peer.and_then(|peer| peer.live.as_mut()) {
                    live.unmarked.retain(|other| other != family);
                }
            }
        }
        for group in self.groups.iter_mut().flatten() {
            let members = self.sets.and(peers, &group.members);
            if !members.is_empty() {
                group.queue.mark(match marker {
                    Marker::EndOfRib(family, _) => Marker::EndOfRib(family, members),
                    Marker::Reached(mark) => Marker::Reached(mark),
                });
                group.wake(&mut self.wakeups);
            }
        }
    }

    /// Returns `true` if [`fill`](Self::fill) has returned to `peer` all changes applied before the mark was made.
    /// Always `true` for a peer without a session, which has nothing to wait for.
    pub fn is_reached(&self, mark: Mark, peer: PeerId) -> bool {
        self.peer(peer)
            .and_then(|peer| peer.live.as_ref())
            .is_none_or(|live| live.passed >= mark.0)
    }

    /// Does the next step for `peer`. Returns `true` if there was one.
    fn step(&mut self, peer: PeerId, turn: &mut Turn, out: &mut impl FnMut(Chunk)) -> bool {
        let Some(live) = self
            .peers
            .get_mut(peer.index())
            .and_then(Option::as_mut)
            .and_then(|peer| peer.live.as_mut())
        else {
            return false;
        };
        let Some(group) = self.groups[live.group].as_mut() else {
            return false;
        };
        let passed = &mut live.passed;
        let (read, idle) = match &mut live.source {
            TxSource::Resync(resync) => (resync.read(turn, passed, out), false),
            TxSource::GroupLog(cursor) => {
                let read = group.log.read(cursor, peer, turn, passed, out);
                (read, group.queue.is_empty())
            }
        };
        if read {
            return true;
        }
        // Changes made by a sweep must not be encoded before it.
        if idle || turn.steps == 0 || self.sweeps.is_awaited() {
            return false;
        }
        turn.steps -= 1;
        match &mut live.source {
            TxSource::GroupLog(_) => {
                let group = live.group;
                self.encode_shared(group, peer);
            }
            TxSource::Resync(resync) if resync.is_done() => {
                live.source = TxSource::GroupLog(group.log.end());
                if let Some(known) = &self.peers[peer.index()] {
                    group.resync = self.sets.minus(&group.resync, &known.one);
                    group.joining = self.sets.minus(&group.joining, &known.one);
                    group.following = self.sets.union(&group.following, &known.one);
                }
            }
            TxSource::Resync(resync) if resync.may_start() => self.start_walk(peer),
            TxSource::Resync(_) => self.encode_private(peer),
        }
        true
    }

    /// Schedules a walk of `peer` after its current work. A walk that is already waiting is not scheduled twice.
    fn plan(&mut self, peer: PeerId, plan: Plan) {
        self.wakeups.insert(peer);
        self.withdraw_from_log(peer);
        if let Some(Live {
            source: TxSource::Resync(resync),
            ..
        }) = self.peers[peer.index()]
            .as_mut()
            .and_then(|peer| peer.live.as_mut())
        {
            let waits = resync.planned.iter().any(|other| {
                other.family == plan.family && other.before.is_some() == plan.before.is_some()
            });
            if !waits {
                resync.planned.push_back(plan);
            }
        }
    }

    /// Makes a following peer private, and moves what it has not read from the log.
    pub(super) fn withdraw_from_log(&mut self, peer: PeerId) {
        let Some(known) = self.peers[peer.index()].as_mut() else {
            return;
        };
        let Some(live) = &mut known.live else {
            return;
        };
        let (TxSource::GroupLog(cursor), Some(group)) =
            (&live.source, &mut self.groups[live.group])
        else {
            return;
        };
        let out = group.log.leave(*cursor, peer);
        live.source = TxSource::Resync(Box::new(Resync::new(out, self.pending.queue())));
        group.following = self.sets.minus(&group.following, &known.one);
        group.resync = self.sets.union(&group.resync, &known.one);
    }

    /// The group of sessions like this one, created if there is none.
    pub(super) fn group_of(&mut self, session: &Session) -> usize {
        let mut families = session.families.clone();
        families.sort_unstable();
        let same = |group: &Group| group.sender == session.sender && group.families == families;
        if let Some(at) = self
            .groups
            .iter()
            .position(|group| group.as_ref().is_some_and(same))
        {
            return at;
        }
        let group = Group {
            sender: session.sender,
            families,
            members: PeerSetRef::EMPTY,
            following: PeerSetRef::EMPTY,
            resync: PeerSetRef::EMPTY,
            forgetful: PeerSetRef::EMPTY,
            joining: PeerSetRef::EMPTY,
            first_batch: FirstBatch::default(),
            queue: self.pending.queue(),
            log: Log::default(),
            woken: false,
        };
        if let Some(at) = self.groups.iter().position(Option::is_none) {
            self.groups[at] = Some(group);
            return at;
        }
        self.groups.push(Some(group));
        self.groups.len() - 1
    }
}
