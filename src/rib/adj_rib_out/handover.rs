//! The table as data, so that another process continues with it and no peer is sent anything twice.
//!
//! What was encoded travels as bytes, what is pending as routes, and walks start again: a peer may then be sent a route
//! again that it has, but it misses none.

use std::rc::Rc;

use bytes::Bytes;

use super::live::{Live, TxSource};
use super::state::AdjRibOut;
use super::types::Session;
use crate::bgp::{AttributeSet, Family, Nlri};
use crate::rib::group::{Plan, Resync};
use crate::rib::messages::Output;
use crate::rib::peer_set::{PeerId, PeerSet};
use crate::rib::pending::{Pending, TxQueue};
use crate::rib::slab::NONE;
use crate::rib::table::SlotId;

/// What a session has yet to be sent besides pending routes, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Whole messages.
    pub messages: Vec<Bytes>,
    /// Walks over the table.
    pub walks: Vec<UnsentWalk>,
    /// Families whose End-of-RIB follows all routes.
    pub end_of_rib: Vec<Family>,
}

/// A walk over the table that is not finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsentWalk {
    /// The family; `None` for all negotiated ones.
    pub family: Option<Family>,
    /// Whole messages before the routes.
    pub before: Option<Bytes>,
    /// Whole messages after the routes.
    pub after: Vec<Bytes>,
}

/// A part of the table.
#[derive(Debug)]
pub enum Exported<'a> {
    /// A route that is announced.
    Route {
        /// The route.
        nlri: Nlri,
        /// Its attributes.
        attributes: &'a Rc<AttributeSet>,
        /// The peers that it is announced to.
        peers: &'a PeerSet,
        /// Those of them whose sessions have not been sent it.
        unsent: PeerSet,
    },
    /// A withdrawal that these peers have not been sent. It comes before the announcement of the same route.
    Withdrawal {
        /// The route.
        nlri: Nlri,
        /// The attributes of MP_UNREACH_NLRI.
        attributes: Option<&'a Rc<AttributeSet>>,
        /// The peers.
        peers: PeerSet,
    },
}

impl AdjRibOut {
    /// Finishes the work over the whole table that is in progress.
    pub fn finish_sweeps(&mut self) {
        while !self.sweeps.is_empty() {
            self.sweep(u32::MAX);
        }
    }

    /// What the session of `peer` has yet to be sent, except pending routes; `None` if it has no session.
    pub fn unsent(&self, peer: PeerId) -> Option<Unsent> {
        let live = self.peer(peer)?.live.as_ref()?;
        let group = self.groups[live.group].as_ref()?;
        let mut unsent = Unsent::default();
        match &live.source {
            TxSource::GroupLog(cursor) => unsent.messages = group.log.unread(*cursor, peer),
            TxSource::Resync(resync) => {
                unsent.messages = resync.unread();
                let begun = resync.walk.iter().map(|walk| unfinished(&walk.plan, true));
                let planned = resync.planned.iter().map(|plan| unfinished(plan, false));
                unsent.walks = begun.chain(planned).collect();
                unsent.end_of_rib.extend(resync.queue.end_of_rib(peer));
            }
        }
        unsent.end_of_rib.extend(group.queue.end_of_rib(peer));
        Some(unsent)
    }

    /// Families whose refreshes on the session of `peer` have no marks, since End-of-RIB has not been ordered.
    pub fn unmarked(&self, peer: PeerId) -> &[Family] {
        let live = self.peer(peer).and_then(|peer| peer.live.as_ref());
        live.map_or(&[], |live| &live.unmarked)
    }

    /// Continues with a session whose refreshes of these families have no marks yet.
    pub fn resume_unmarked(&mut self, peer: PeerId, families: &[Family]) {
        let known = self.peers.get_mut(peer.index()).and_then(Option::as_mut);
        if let Some(live) = known.and_then(|known| known.live.as_mut()) {
            live.unmarked = families.to_vec();
        }
    }

    /// Calls `visit` for the whole table. [`finish_sweeps`](Self::finish_sweeps) must have been called.
    pub fn export(&self, visit: &mut dyn FnMut(Exported<'_>)) {
        let lanes = self.lanes();
        for (id, slot) in self.table.iter_from(0) {
            let pending = self.pending_of(id, &lanes);
            let mut announced = PeerSet::new();
            for (pending, within) in &pending {
                announced.union(&within_set(pending.announce.set(), within));
                let withdrawn = within_set(pending.withdraw.set(), within);
                if withdrawn.is_empty() {
                    continue;
                }
                // What they are announced follows it, also if a walk was to send it.
                announced.union(&withdrawn);
                let gone = pending.gone.as_deref();
                visit(Exported::Withdrawal {
                    nlri: slot.nlri(gone.map(|gone| &gone.bytes[..])),
                    attributes: gone.and_then(|gone| gone.attributes.as_ref()),
                    peers: withdrawn,
                });
            }
            for entry in slot.value.list() {
                let Some(peers) = entry.peers.set() else {
                    continue;
                };
                let mut unsent = announced.clone();
                unsent.intersect(peers);
                visit(Exported::Route {
                    nlri: slot.nlri(entry.payload()),
                    attributes: entry.attributes,
                    peers,
                    unsent,
                });
            }
        }
    }

    /// The queues with records, each with the peer that it is for; `None`: the members of a group.
    fn lanes(&self) -> Vec<(&TxQueue, Option<PeerId>)> {
        let groups = self.groups.iter().flatten();
        let shared = groups.map(|group| (&group.queue, None));
        let numbered = self.peers.iter().zip(0..);
        let private = numbered.filter_map(|(peer, number)| match peer.as_ref()?.live.as_ref()? {
            Live {
                source: TxSource::Resync(resync),
                ..
            } => Some((&resync.queue, Some(PeerId(number)))),
            _ => None,
        });
        let lanes = private.chain(shared);
        lanes.filter(|(queue, _)| queue.has_records()).collect()
    }

    fn pending_of<'a>(
        &'a self,
        id: SlotId,
        lanes: &[(&TxQueue, Option<PeerId>)],
    ) -> Vec<(&'a Pending, Option<PeerId>)> {
        let list = self.table.get(id).map_or(NONE, |slot| slot.mark());
        if list == NONE {
            return Vec::new();
        }
        let found = lanes
            .iter()
            .filter_map(|(queue, peer)| Some((self.pending.look(queue, list)?, *peer)));
        found.collect()
    }

    /// Starts a session that another process has established, and that has been sent all routes of its peer already,
    /// except what is `unsent`. Pending routes are applied afterwards, then the End-of-RIB markers.
    pub fn resume(&mut self, peer: PeerId, session: Session, unsent: &Unsent) {
        self.down(peer);
        let Some(known) = self.peer(peer) else {
            return;
        };
        let (one, keep) = (known.one.clone(), known.options.keep);
        let at = self.group_of(&session);
        let is_private = !unsent.messages.is_empty() || !unsent.walks.is_empty();
        let Some(group) = &mut self.groups[at] else {
            return;
        };
        group.members = self.sets.union(&group.members, &one);
        if !keep {
            group.forgetful = self.sets.union(&group.forgetful, &one);
        }
        let source = if is_private {
            group.resync = self.sets.union(&group.resync, &one);
            let out = unsent.messages.iter().cloned().map(Output::from).collect();
            let mut resync = Resync::new(out, self.pending.queue());
            resync.planned = unsent.walks.iter().map(plan).collect();
            TxSource::Resync(Box::new(resync))
        } else {
            group.following = self.sets.union(&group.following, &one);
            TxSource::GroupLog(group.log.end())
        };
        let passed = self.marks;
        self.go_live(
            peer,
            Live {
                families: session.families.into(),
                refresh: session.refresh,
                unmarked: Vec::new(),
                group: at,
                passed,
                source,
            },
        );
    }
}

/// The peers of a set that a record in a queue is for.
fn within_set(set: Option<&PeerSet>, only: &Option<PeerId>) -> PeerSet {
    match (set, only) {
        (Some(set), None) => set.clone(),
        (Some(set), Some(peer)) if set.contains(*peer) => std::iter::once(*peer).collect(),
        _ => PeerSet::new(),
    }
}

fn unfinished(plan: &Plan, is_begun: bool) -> UnsentWalk {
    let after = plan.after.iter().filter_map(|output| match output {
        Output::Messages(messages) => Some(messages.bytes.clone()),
        Output::Reached(_) => None,
    });
    UnsentWalk {
        family: plan.family,
        before: plan.before.clone().filter(|_| !is_begun),
        after: after.collect(),
    }
}

fn plan(walk: &UnsentWalk) -> Plan {
    Plan {
        family: walk.family,
        before: walk.before.clone(),
        after: walk.after.iter().cloned().map(Output::from).collect(),
    }
}
