//! Encodes for a peer that joins, refreshes or lags: its own queue and its walk over the table.

use super::encode::{Scope, written};
use super::live::TxSource;
use super::state::AdjRibOut;
use crate::rib::group::{Group, Output, Resync, Walk};
use crate::rib::pack::{Item, Kind, end_of_rib};
use crate::rib::peer_set::PeerId;
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Marker;

impl AdjRibOut {
    /// Encodes the next messages of a private peer: its queue and its walk alternate, so that neither waits until the
    /// other is complete; then the markers, which follow both.
    pub(super) fn encode_private(&mut self, peer: PeerId) {
        let Some(known) = self.peers[peer.index()].as_mut() else {
            return;
        };
        let one = known.one.clone();
        let Some(mut live) = known.live.take() else {
            return;
        };
        if let (TxSource::Resync(resync), Some(mut group)) =
            (&mut live.source, self.groups[live.group].take())
        {
            let records = resync.queue.has_records() && !resync.queue.is_at_marker();
            if records && (resync.lane_first || resync.walk.is_none()) {
                resync.lane_first = false;
                self.encode_queue(&group, resync, &one);
                group.first_batch.remove(&mut self.sets, &one);
            } else if let Some(mut walk) = resync.walk.take() {
                resync.lane_first = true;
                let announced = self.encode_walk(&group, resync, &mut walk, peer, &one);
                if announced > 0 {
                    group.first_batch.remove(&mut self.sets, &one);
                }
                let is_over = walk.at >= self.table.end();
                resync.unvisited = resync.unvisited.filter(|_| !is_over).map(|_| walk.at);
                if is_over {
                    resync.out.extend(walk.plan.after);
                } else {
                    resync.walk = Some(walk);
                }
            } else {
                while let Some(marker) = resync.queue.pop_marker() {
                    resync.out.push_back(match marker {
                        Marker::EndOfRib(family, _) => Output::Bytes(end_of_rib(family)),
                        Marker::Reached(mark) => Output::Reached(mark),
                    });
                }
            }
            self.groups[live.group] = Some(group);
        }
        if let Some(known) = self.peers[peer.index()].as_mut() {
            known.live = Some(live);
        }
    }

    fn encode_queue(&mut self, group: &Group, resync: &mut Resync, one: &PeerSetRef) {
        for _ in 0..self.limits.turn {
            if self.packer.is_full() || resync.queue.is_at_marker() {
                break;
            }
            let table = &mut self.table;
            let Some((id, mut pending)) = self.pending.pop(&mut resync.queue, |slot| {
                table.get_mut(slot).map(|slot| &mut slot.value.pending)
            }) else {
                break;
            };
            // Records for this peer in the shared queue are newer, and must not be sent twice.
            if let Some(slot) = self.table.get(id) {
                let list = slot.value.pending;
                self.pending
                    .absorb(&mut self.sets, &group.queue, list, one, &mut pending);
                if resync.will_visit(id, slot.family) {
                    pending.announce = PeerSetRef::EMPTY;
                }
            }
            let scope = Scope {
                sender: &group.sender,
                queue: &resync.queue,
                to: one,
                forgetful: &group.forgetful,
            };
            self.route(scope, id, &pending);
            self.release(id);
        }
        let made = self.finish(&group.sender);
        resync
            .out
            .extend(made.into_iter().map(|(bytes, _)| Output::Bytes(bytes)));
    }

    fn encode_walk(
        &mut self,
        group: &Group,
        resync: &mut Resync,
        walk: &mut Walk,
        peer: PeerId,
        one: &PeerSetRef,
    ) -> usize {
        let mut announced = 0;
        let stop = walk
            .at
            .saturating_add(self.limits.scan)
            .min(self.table.end());
        while walk.at < stop && !self.packer.is_full() {
            let id = walk.at;
            walk.at += 1;
            let Some(slot) = self.table.get(id) else {
                continue;
            };
            let family = slot.family;
            if !walk.plan.covers(family) || !group.families.contains(&family) {
                continue;
            }
            let Some(entry) = slot.value.of(peer) else {
                continue;
            };
            let add_path = group.sender.codec.add_path_send.contains(family);
            if !add_path && self.table.has_paths(family) && self.best_path(id, peer) != Some(id) {
                continue;
            }
            self.packer.add(&Item {
                kind: Kind::Announce,
                family,
                path_id: add_path.then(|| slot.path_id().unwrap_or_default()),
                bytes: entry.payload().unwrap_or_else(|| slot.key()),
                attributes: Some(&entry.attributes),
                peers: one,
            });
            announced += 1;
            let list = slot.value.pending;
            for queue in [&group.queue, &resync.queue] {
                if let Some(pending) = self.pending.peek(queue, list)
                    && pending.replaces.intersects(one)
                {
                    let nlri = written(slot, entry.payload(), add_path);
                    self.replacing.push((nlri, one.clone()));
                }
                self.pending.settle(&mut self.sets, queue, list, one);
            }
            self.keep_or_forget(id, one, &group.forgetful);
            self.release(id);
        }
        let made = self.finish(&group.sender);
        resync
            .out
            .extend(made.into_iter().map(|(bytes, _)| Output::Bytes(bytes)));
        announced
    }
}
