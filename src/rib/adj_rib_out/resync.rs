//! Encodes for a peer that joins, refreshes or lags: its own queue, and its [walk](super::walk) over the table.

use super::encode::Scope;
use super::live::{Live, TxSource};
use super::state::AdjRibOut;
use crate::rib::group::{Group, Resync};
use crate::rib::messages::Output;
use crate::rib::pack::end_of_rib;
use crate::rib::peer_set::PeerId;
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::pending::Marker;
use crate::rib::slot::Slot;

impl AdjRibOut {
    /// Encodes the next messages of a private peer: its queue and its walk alternate, so that neither waits until the
    /// other is complete; then the markers, which follow both.
    pub(super) fn encode_private(&mut self, peer: PeerId) {
        let Some(known) = self.peers[peer.index()].as_mut() else {
            return;
        };
        if let Some(Live {
            source: TxSource::Resync(resync),
            ..
        }) = &known.live
            && resync.walk.is_some()
            && (!resync.lane_first || !resync.has_changes())
        {
            return self.encode_walks(peer);
        }
        let one = known.one.clone();
        let Some(mut live) = known.live.take() else {
            return;
        };
        if let (TxSource::Resync(resync), Some(mut group)) =
            (&mut live.source, self.groups[live.group].take())
        {
            if resync.has_changes() {
                resync.lane_first = false;
                self.encode_queue(&group, resync, &one);
                group.first_batch.remove(&mut self.sets, &one);
            } else {
                while let Some(marker) = resync.queue.pop_marker() {
                    resync.push(match marker {
                        Marker::EndOfRib(family, _) => Output::from(end_of_rib(family)),
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
                table.get_mut(slot).map(Slot::mark_mut)
            }) else {
                break;
            };
            // Records for this peer in the shared queue are newer, and must not be sent twice.
            if let Some(slot) = self.table.get(id) {
                let list = slot.mark();
                self.pending
                    .absorb(&mut self.sets, &group.queue, list, one, &mut pending);
                if resync.will_visit(id, slot.family()) {
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
        resync.extend(made.into_iter().map(|(bytes, _)| Output::from(bytes)));
    }
}
