//! Encodes pending records as messages.

use std::collections::HashMap;

use bytes::Bytes;

use super::live::{Live, TxSource};
use super::state::{AdjRibOut, LEAST_LAG, REFUSALS};
use super::types::Unsendable;
use crate::bgp::{Family, Nlri, Sender};
use crate::rib::entries::{Edit, Entries};
use crate::rib::group::Group;
use crate::rib::pack::{Item, Kind, Refusal, Sink, end_of_rib};
use crate::rib::peer_set::PeerId;
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::{Marker, Pending, TxQueue, Withdrawal};
use crate::rib::slot::Slot;
use crate::rib::table::SlotId;

/// The peers and the session parameters that are encoded for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) sender: &'a Sender,
    pub(super) queue: &'a TxQueue,
    pub(super) to: &'a PeerSetRef,
    pub(super) forgetful: &'a PeerSetRef,
}

/// The output of a step.
#[derive(Default)]
struct Made {
    messages: Vec<(Bytes, PeerSetRef)>,
    refused: Vec<(Nlri, PeerSetRef, Refusal)>,
}

impl Sink for Made {
    fn messages(&mut self, bytes: Bytes, peers: &PeerSetRef) {
        self.messages.push((bytes, peers.clone()));
    }

    fn refused(&mut self, nlri: Nlri, peers: &PeerSetRef, refusal: Refusal) {
        self.refused.push((nlri, peers.clone(), refusal));
    }
}

impl AdjRibOut {
    /// Encodes the next records of a group's queue for all following members; `puller` is the member that requested
    /// it.
    pub(super) fn encode_shared(&mut self, at: usize, puller: PeerId) {
        let Some(mut group) = self.groups.get_mut(at).and_then(Option::take) else {
            return;
        };
        for _ in 0..self.limits.turn {
            if self.packer.is_full() || group.queue.is_at_marker() {
                break;
            }
            group.first_batch.advance(&mut self.sets, &group.queue);
            let table = &mut self.table;
            let Some((id, mut pending)) = self.pending.pop(&mut group.queue, |slot| {
                table.get_mut(slot).map(Slot::mark_mut)
            }) else {
                break;
            };
            if !group.first_batch.fresh.is_empty() {
                let (batch, following) = (&mut group.first_batch, &group.following);
                batch.reach(&mut self.sets, following, &pending);
                // Another path of the prefix may have been sent in this batch.
                if !self.is_one_of_paths(&group.sender, id) {
                    group
                        .first_batch
                        .filter(&mut self.sets, &group.following, &mut pending);
                }
            }
            if !group.resync.is_empty() {
                self.defer(&group, id, &pending);
            }
            let scope = Scope {
                sender: &group.sender,
                queue: &group.queue,
                to: &group.following,
                forgetful: &group.forgetful,
            };
            self.route(scope, id, &pending);
            self.release(id);
        }
        group.first_batch.advance(&mut self.sets, &group.queue);
        let readers = group.following.len();
        for (bytes, peers) in self.finish(&group.sender) {
            group.log.push(bytes, peers, None, readers);
        }
        self.markers(&mut group, readers);
        if let Some(following) = group.following.set() {
            self.wakeups.union(following);
            self.wakeups.remove(puller);
            // Changes applied from now on are new to the puller as well.
            group.woken = false;
        }
        let lagging = self.lagging(&group);
        self.groups[at] = Some(group);
        for peer in lagging {
            self.lagged += 1;
            self.withdraw_from_log(peer);
        }
    }

    /// Collects the pending changes of a route.
    pub(super) fn route(&mut self, scope: Scope<'_>, id: SlotId, pending: &Pending) {
        let withdraw = self.sets.and(&pending.withdraw, scope.to);
        let announce = self.sets.and(&pending.announce, scope.to);
        let Some(slot) = self.table.get(id) else {
            return;
        };
        let family = slot.family();
        let add_path = scope.sender.codec.add_path_send.contains(family);
        if !add_path && self.table.has_paths(family) {
            let peers = self.sets.union(&withdraw, &announce);
            return self.best_of(scope, id, pending, peers);
        }
        let path_id = add_path.then(|| slot.path_id().unwrap_or_default());
        if !withdraw.is_empty() {
            self.packer.add(&withdrawal(
                family,
                path_id,
                slot.key(),
                pending.gone.as_deref(),
                &withdraw,
            ));
        }
        if announce.is_empty() {
            return;
        }
        for entry in slot.value.list() {
            let peers = self.sets.and(&announce, entry.peers);
            if !peers.is_empty() {
                self.packer.add(&Item {
                    kind: Kind::Announce,
                    family,
                    path_id,
                    bytes: entry.payload().unwrap_or_else(|| slot.key()),
                    attributes: Some(entry.attributes),
                    peers: &peers,
                });
            }
            let replaces = self.sets.and(&peers, &pending.replaces);
            if !replaces.is_empty() {
                let nlri = written(slot, entry.payload(), add_path);
                self.replacing.push((nlri, replaces));
            }
        }
        self.keep_or_forget(id, &announce, scope.forgetful);
    }

    /// Collects, for `peers` without ADD-PATH, the best path of the prefix of slot `id`, or its withdrawal if no path
    /// is left. That also completes the pending changes of the other paths.
    fn best_of(&mut self, scope: Scope<'_>, id: SlotId, pending: &Pending, peers: PeerSetRef) {
        let mut rest = peers.clone();
        for path in self.table.paths_of(id) {
            let Some(slot) = self.table.get(path) else {
                continue;
            };
            let list = slot.mark();
            let mut sent = PeerSetRef::EMPTY;
            for entry in slot.value.list() {
                let peers = self.sets.and(&rest, entry.peers);
                if !peers.is_empty() {
                    self.packer.add(&Item {
                        kind: Kind::Announce,
                        family: slot.family(),
                        path_id: None,
                        bytes: entry.payload().unwrap_or_else(|| slot.key()),
                        attributes: Some(entry.attributes),
                        peers: &peers,
                    });
                    // Which of the paths was sent last is unknown here.
                    self.replacing
                        .push((written(slot, entry.payload(), false), peers.clone()));
                    rest = self.sets.minus(&rest, &peers);
                    sent = self.sets.union(&sent, &peers);
                }
            }
            self.pending
                .settle(&mut self.sets, scope.queue, list, &peers);
            self.keep_or_forget(path, &sent, scope.forgetful);
            if path != id {
                self.release(path);
            }
        }
        if let (false, Some(slot)) = (rest.is_empty(), self.table.get(id)) {
            self.packer.add(&withdrawal(
                slot.family(),
                None,
                slot.key(),
                pending.gone.as_deref(),
                &rest,
            ));
        }
    }

    /// Removes what was encoded for peers whose routes are not kept.
    pub(super) fn keep_or_forget(&mut self, id: SlotId, sent: &PeerSetRef, forgetful: &PeerSetRef) {
        if forgetful.is_empty() {
            return;
        }
        let forget = self.sets.and(sent, forgetful);
        if let (false, Some(slot)) = (forget.is_empty(), self.table.get_mut(id)) {
            let mut edit = Edit {
                sets: &mut self.sets,
                tally: &mut self.tally,
                family: slot.family(),
            };
            slot.value.withdraw(&mut edit, &forget);
        }
    }

    /// Moves pending changes for private members into their lanes, unless their walk will still visit the slot.
    fn defer(&mut self, group: &Group, id: SlotId, pending: &Pending) {
        let both = self.sets.union(&pending.announce, &pending.withdraw);
        let members = self.sets.and(&both, &group.resync);
        // A member that was in its first batch when it fell behind may have been sent another path of the prefix.
        let may_be_sent = self.is_one_of_paths(&group.sender, id);
        let Some(slot) = self.table.get_mut(id) else {
            return;
        };
        for member in members.iter() {
            let Some(known) = self.peers[member.index()].as_mut() else {
                continue;
            };
            let Some(Live {
                source: TxSource::Resync(resync),
                ..
            }) = &mut known.live
            else {
                continue;
            };
            let announce =
                pending.announce.contains(member) && !resync.will_visit(id, slot.family());
            let withdraw = pending.withdraw.contains(member)
                && (may_be_sent || !group.first_batch.fresh.contains(member));
            if announce || withdraw {
                let own = self.pending.edit(&mut resync.queue, id, slot.mark_mut());
                if withdraw {
                    own.withdraw = known.one.clone();
                    own.gone.clone_from(&pending.gone);
                }
                own.announce = if announce {
                    known.one.clone()
                } else {
                    PeerSetRef::EMPTY
                };
                if announce && pending.replaces.contains(member) {
                    own.replaces = known.one.clone();
                }
            }
        }
    }

    /// Processes the markers at the front of a group's queue.
    fn markers(&mut self, group: &mut Group, readers: usize) {
        while let Some(marker) = group.queue.pop_marker() {
            for member in group.resync.iter() {
                if let Some(Live {
                    source: TxSource::Resync(resync),
                    ..
                }) = self.peers[member.index()]
                    .as_mut()
                    .and_then(|peer| peer.live.as_mut())
                    && !matches!(&marker, Marker::EndOfRib(_, peers) if !peers.contains(member))
                {
                    resync.queue.mark(marker.clone());
                }
            }
            match marker {
                Marker::EndOfRib(family, peers) => {
                    let peers = self.sets.and(&peers, &group.following);
                    if !peers.is_empty() {
                        group.log.push(end_of_rib(family), peers, None, readers);
                    }
                }
                Marker::Reached(mark) => {
                    group
                        .log
                        .push(Bytes::new(), PeerSetRef::EMPTY, Some(mark), readers)
                }
            }
        }
    }

    /// Members that lag too far behind.
    fn lagging(&self, group: &Group) -> Vec<PeerId> {
        let limit = (self.limits.lag / LEAST_LAG).max(self.limits.lag / (1 + group.resync.len()));
        if group.log.bytes() <= limit {
            return Vec::new();
        }
        let lags = |peer: &PeerId| match self.peer(*peer).and_then(|peer| peer.live.as_ref()) {
            Some(Live {
                source: TxSource::GroupLog(cursor),
                ..
            }) => group.log.lag(*cursor) > limit,
            _ => false,
        };
        group.following.iter().filter(lags).collect()
    }

    /// Packs the collected routes.
    pub(super) fn finish(&mut self, sender: &Sender) -> Vec<(Bytes, PeerSetRef)> {
        let mut made = Made::default();
        self.packer.finish(sender, &mut made);
        let replacing = std::mem::take(&mut self.replacing);
        if !made.refused.is_empty() && !replacing.is_empty() {
            self.withdraw_refused(sender, replacing, &mut made);
        }
        let room = REFUSALS.saturating_sub(self.unsendable.len());
        self.unsendable.extend(
            made.refused
                .into_iter()
                .take(room)
                .map(|refused| Unsendable {
                    nlri: refused.0,
                    peers: refused.1.set().cloned().unwrap_or_default(),
                    refusal: refused.2,
                }),
        );
        made.messages
    }

    /// Withdraws rejected routes from the peers that may hold an older version.
    fn withdraw_refused(
        &mut self,
        sender: &Sender,
        replacing: Vec<(Nlri, PeerSetRef)>,
        made: &mut Made,
    ) {
        let mut held: HashMap<Nlri, PeerSetRef> = HashMap::new();
        for (nlri, peers) in replacing {
            let all = held.entry(nlri).or_default();
            *all = self.sets.union(all, &peers);
        }
        for (nlri, peers, _) in &made.refused {
            let holding = held.get(nlri).map(|held| self.sets.and(held, peers));
            if let Some(peers) = holding.filter(|peers| !peers.is_empty()) {
                self.packer.add(&Item {
                    kind: Kind::Withdraw,
                    family: nlri.family,
                    path_id: nlri.path_id,
                    bytes: &nlri.bytes,
                    attributes: None,
                    peers: &peers,
                });
            }
        }
        let mut withdrawn = Made::default();
        self.packer.finish(sender, &mut withdrawn);
        made.messages.extend(withdrawn.messages);
    }

    /// Returns `true` if the session is sent only the best of several paths, of which this slot may be one.
    pub(super) fn is_one_of_paths(&self, sender: &Sender, id: SlotId) -> bool {
        self.table.get(id).is_some_and(|slot| {
            let family = slot.family();
            self.table.has_paths(family) && !sender.codec.add_path_send.contains(family)
        })
    }
}

/// The NLRI of a slot as in an announcement.
pub(super) fn written(slot: &Slot<Entries>, payload: Option<&[u8]>, add_path: bool) -> Nlri {
    Nlri {
        path_id: add_path.then(|| slot.path_id().unwrap_or_default()),
        ..slot.nlri(payload)
    }
}

/// A withdrawal with the NLRI as it was written, or with the key bytes only.
fn withdrawal<'a>(
    family: Family,
    path_id: Option<u32>,
    key: &'a [u8],
    gone: Option<&'a Withdrawal>,
    peers: &'a PeerSetRef,
) -> Item<'a> {
    Item {
        kind: Kind::Withdraw,
        family,
        path_id,
        bytes: gone.map_or(key, |gone| &gone.bytes),
        attributes: gone.and_then(|gone| gone.attributes.as_ref()),
        peers,
    }
}
