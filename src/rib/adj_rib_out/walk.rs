//! Walks over the table, for peers that join or refresh: those of a group that are at the same place share what is
//! encoded.
//!
//! A walk starts where another one of its group is, and continues at the beginning of the table after its end, so that
//! peers that join at different times meet. Whoever is first to need more messages encodes them for all. A peer that
//! reads too slowly is left behind at its place with what was encoded for it so far; later it continues from there by
//! itself. It may be half of the lag limit behind, so that peers whose sockets take different amounts stay together: they
//! hold the same messages, which are in memory once. Only when all of a group hold more than the lag limit, those at the
//! same place counted once, a peer is left behind with its share of the limit. Encoding the table for each peer was
//! rejected: a hundred peers that join at once cost a hundred times as much as one. So was keeping the encoded table,
//! which takes a third of the table's own memory and is outdated by each change.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::encode::written;
use super::live::{Live, TxSource};
use super::state::{AdjRibOut, LEAST_LAG, Peer};
use crate::bgp::Family;
use crate::rib::group::{Group, Resync, Walk};
use crate::rib::messages::Output;
use crate::rib::pack::{Item, Kind};
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::slab::NONE;
use crate::rib::table::SlotId;

/// How much shorter steps are while others have not read what was encoded for them: each peer that joins takes one such
/// step at once, and the others should not be far ahead of what they read.
const AHEAD: u32 = 8;

/// Peers whose walks are at the same place.
struct Cohort {
    group: usize,
    members: PeerSetRef,
    /// The family of the walks; `None` for all.
    family: Option<Family>,
    at: SlotId,
    /// The first slot that is not for all of them.
    stop: SlotId,
}

impl AdjRibOut {
    /// Starts the next planned walk of a private peer, where another member of its group is that sends the same.
    pub(super) fn start_walk(&mut self, peer: PeerId) {
        let Some((group, family)) = self.next_walk(peer) else {
            return;
        };
        let most = self.most_unread(group);
        let members = self.groups[group].as_ref();
        let members = members
            .map(|group| group.resync.clone())
            .unwrap_or_default();
        let meeting = members.iter().find_map(|member| {
            let resync = private(&self.peers, member)?;
            let walk = resync.walk.as_ref()?;
            (walk.plan.family == family && resync.bytes() <= most).then(|| walk.at())
        });
        self.start_walk_at(peer, meeting.unwrap_or(0));
    }

    fn start_walk_at(&mut self, peer: PeerId, place: SlotId) {
        if let Some(resync) = private_mut(&mut self.peers, peer)
            && let Some(plan) = resync.planned.pop_front()
        {
            resync.extend(plan.before.clone().map(Output::from));
            resync.walk = Some(Walk::new(place, plan));
            self.walks += 1;
        }
    }

    /// The group of a private peer, and the family of its next walk.
    fn next_walk(&self, peer: PeerId) -> Option<(usize, Option<Family>)> {
        let group = self.peer(peer)?.live.as_ref()?.group;
        let plan = private(&self.peers, peer)?.planned.front()?;
        Some((group, plan.family))
    }

    /// The number of unread bytes from which on nothing is encoded in advance for a member of a group.
    fn most_unread(&self, at: usize) -> usize {
        let lag = self.limits.lag;
        let Some(group) = &self.groups[at] else {
            return 0;
        };
        let share = (lag / LEAST_LAG).max(lag / (1 + group.resync.len()));
        if self.held(group) <= lag {
            share.max(lag / 2)
        } else {
            share
        }
    }

    /// About the number of bytes that the private members of a group hold. Those at the same place hold the same messages.
    fn held(&self, group: &Group) -> usize {
        let mut held = 0;
        let mut places: HashMap<SlotId, usize, RandomState> = HashMap::default();
        for member in group.resync.iter() {
            let Some(resync) = private(&self.peers, member) else {
                continue;
            };
            // Those that have walked to the end hold the rest of the same messages.
            let at = resync.walk.as_ref().map_or(NONE, Walk::at);
            let place = places.entry(at).or_default();
            held += resync.bytes().saturating_sub(*place);
            *place = resync.bytes().max(*place);
        }
        held
    }

    /// Encodes the next messages of a peer's walk, for all members of its group that are at the same place.
    pub(super) fn encode_walks(&mut self, puller: PeerId) {
        let Some(cohort) = self.cohort(puller) else {
            return;
        };
        let Some(mut group) = self.groups[cohort.group].take() else {
            return;
        };
        let mut at = cohort.at;
        let mut reached = PeerSetRef::EMPTY;
        while at < cohort.stop && !self.packer.is_full() {
            let sent = self.visit(&group, &cohort, at);
            if !sent.is_empty() && !sent.is(&reached) {
                reached = self.sets.union(&reached, &sent);
            }
            at += 1;
        }
        for (bytes, peers) in self.finish(&group.sender) {
            let messages = Output::from(bytes);
            for peer in peers.iter() {
                if let Some(resync) = private_mut(&mut self.peers, peer) {
                    // One that has unread messages waits for its socket.
                    if resync.bytes() == 0 && peer != puller {
                        self.wakeups.insert(peer);
                    }
                    resync.push(messages.clone());
                }
            }
        }
        group.first_batch.remove(&mut self.sets, &reached);
        self.groups[cohort.group] = Some(group);
        let end = self.table.end();
        for member in cohort.members.iter() {
            let Some(resync) = private_mut(&mut self.peers, member) else {
                continue;
            };
            resync.lane_first = true;
            let is_over = resync
                .walk
                .as_mut()
                .is_some_and(|walk| walk.advance(at, end));
            if let Some(walk) = resync.walk.take_if(|_| is_over) {
                if resync.bytes() == 0 && member != puller {
                    self.wakeups.insert(member);
                }
                resync.first_walk = false;
                resync.extend(walk.plan.after);
            }
        }
    }

    /// The members of a peer's group whose walks are where its own is.
    fn cohort(&mut self, puller: PeerId) -> Option<Cohort> {
        let group = self.peer(puller)?.live.as_ref()?.group;
        let walk = private(&self.peers, puller)?.walk.as_ref()?;
        let (at, family) = (walk.at(), walk.plan.family);
        let end = self.table.end();
        let mut stop = walk.stop(end);
        let most = self.most_unread(group);
        let members = self.groups[group].as_ref()?;
        // What is encoded for a peer whose routes are not kept is removed, and must not wait for it.
        let alone = members.forgetful.contains(puller);
        let others = if alone {
            PeerSetRef::EMPTY
        } else {
            self.sets.minus(&members.resync, &members.forgetful)
        };
        let mut together = PeerSet::new();
        together.insert(puller);
        let mut scan = self.limits.scan;
        for member in others.iter().filter(|member| *member != puller) {
            let Some(resync) = private(&self.peers, member) else {
                continue;
            };
            let unread = resync.bytes();
            if unread > most {
                continue;
            }
            let is_behind = unread > 0;
            if resync.may_start() && self.next_walk(member) == Some((group, family)) {
                self.start_walk_at(member, at);
            }
            let walk = private(&self.peers, member).and_then(|resync| resync.walk.as_ref());
            if let Some(walk) = walk.filter(|walk| walk.at() == at && walk.plan.family == family) {
                stop = stop.min(walk.stop(end));
                together.insert(member);
                if is_behind {
                    scan = (self.limits.scan / AHEAD).max(1);
                }
            }
        }
        Some(Cohort {
            group,
            members: self.sets.intern(&together),
            family,
            at,
            stop: stop.min(at.saturating_add(scan)),
        })
    }

    /// Collects what is announced to a cohort in a slot. Returns the peers that it is for.
    fn visit(&mut self, group: &Group, cohort: &Cohort, id: SlotId) -> PeerSetRef {
        let mut sent = PeerSetRef::EMPTY;
        let Some(family) = self.table.get(id).map(|slot| slot.family()) else {
            return sent;
        };
        if cohort.family.is_some_and(|own| own != family) || !group.families.contains(&family) {
            return sent;
        }
        let add_path = group.sender.codec.add_path_send.contains(family);
        let wanted = match !add_path && self.table.has_paths(family) {
            true => self.without_better(id, &cohort.members),
            false => cohort.members.clone(),
        };
        let Some(slot) = self.table.get(id) else {
            return sent;
        };
        let list = slot.mark();
        for entry in slot.value.list() {
            let peers = self.sets.and(entry.peers, &wanted);
            if peers.is_empty() {
                continue;
            }
            self.packer.add(&Item {
                kind: Kind::Announce,
                family,
                path_id: add_path.then(|| slot.path_id().unwrap_or_default()),
                bytes: entry.payload().unwrap_or_else(|| slot.key()),
                attributes: Some(entry.attributes),
                peers: &peers,
            });
            sent = self.sets.union(&sent, &peers);
            if list == NONE {
                continue;
            }
            let own = peers.iter().filter_map(|peer| {
                let queue = &private(&self.peers, peer)?.queue;
                queue.has_records().then_some((queue, peer))
            });
            let own = own.map(|(queue, peer)| (queue, self.peers[peer.index()].as_ref()));
            let own = own.filter_map(|(queue, known)| Some((queue, &known?.one)));
            for (queue, peers) in own.chain([(&group.queue, &peers)]) {
                if let Some(pending) = self.pending.peek(queue, list) {
                    let replaces = self.sets.and(&pending.replaces, peers);
                    if !replaces.is_empty() {
                        let nlri = written(slot, entry.payload(), add_path);
                        self.replacing.push((nlri, replaces));
                    }
                }
                self.pending.settle(&mut self.sets, queue, list, peers);
            }
        }
        if !sent.is_empty() {
            self.keep_or_forget(id, &sent, &group.forgetful);
            self.release(id);
        }
        sent
    }

    /// The peers that a better path of the same prefix than that of slot `id` is not announced to.
    fn without_better(&mut self, id: SlotId, peers: &PeerSetRef) -> PeerSetRef {
        let mut left = peers.clone();
        for path in self.table.paths_of(id) {
            if path == id {
                break;
            }
            let better = self.table.get(path).into_iter();
            for entry in better.flat_map(|slot| slot.value.list()) {
                left = self.sets.minus(&left, entry.peers);
            }
        }
        left
    }
}

/// The state of a peer that does not read the log.
fn private(peers: &[Option<Peer>], peer: PeerId) -> Option<&Resync> {
    match peers.get(peer.index())?.as_ref()?.live.as_ref()? {
        Live {
            source: TxSource::Resync(resync),
            ..
        } => Some(resync),
        _ => None,
    }
}

fn private_mut(peers: &mut [Option<Peer>], peer: PeerId) -> Option<&mut Resync> {
    match peers.get_mut(peer.index())?.as_mut()?.live.as_mut()? {
        Live {
            source: TxSource::Resync(resync),
            ..
        } => Some(resync),
        _ => None,
    }
}
