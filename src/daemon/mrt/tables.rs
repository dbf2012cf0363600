//! The tables of the daemon as RIB records for a client, in steps.
//!
//! What happens meanwhile is reported at once. The last report of each route is right: a step copies what the table holds then,
//! and a change that it has missed is reported when it is received or sent.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::archive::now;
use super::collect::{encode, entry_of, received_next_hop, since, wide};
use super::live::LiveTap;
use crate::bgp::{AttributeSet, Family, NextHop, Sender};
use crate::config::MrtSide;
use crate::daemon::core::Core;
use crate::daemon::neighbor::Neighbor;
use crate::daemon::{reencode, session};
use crate::mrt::writer::{Entry, Records};
use crate::rib::{PeerId, Route, RouteFilter};

/// How many slots of a table are visited before the queue is looked at: their attributes may have 64 KiB each.
const STEP: u32 = 64;
/// How many slots are visited in a turn.
const TURN: u32 = 2_048;

/// Sends the tables that a client asked for.
pub(super) async fn send(core: &Rc<Core>, tap: &LiveTap) {
    let mut neighbors: Vec<Rc<Neighbor>> = Vec::new();
    for listed in core.neighbors.all() {
        // The index of a peer has sixteen bits.
        if tap.selects(&listed.neighbor) && neighbors.len() < usize::from(u16::MAX) {
            neighbors.push(Rc::clone(&listed.neighbor));
        }
    }
    if tap.receives() {
        index(tap, &neighbors, MrtSide::AdjRibIn);
        for (number, neighbor) in (0..=u16::MAX).zip(&neighbors) {
            received(tap, number, neighbor).await;
        }
    }
    if tap.sends() {
        index(tap, &neighbors, MrtSide::AdjRibOut);
        sent(core, tap, &neighbors).await;
    }
}

/// The table of peers that the routes after it refer to.
fn index(tap: &LiveTap, neighbors: &[Rc<Neighbor>], side: MrtSide) {
    let mut ids = neighbors
        .iter()
        .filter_map(|neighbor| session::router_id(&neighbor.config.borrow().session));
    let collector = ids.next().unwrap_or(Ipv4Addr::UNSPECIFIED);
    let peers: Vec<_> = neighbors.iter().map(|one| entry_of(one)).collect();
    tap.append(|records, out| {
        // There are few enough peers.
        let _ = records.peers(out, now(), (collector, side.name()), &peers);
    });
}

/// The place of a set in memory, and what it is encoded for.
type Key = (usize, Family, Option<NextHop>);

/// Attributes as bytes, remembered by their place in memory for the time of a step, in which none is released.
#[derive(Default)]
struct Encoded {
    known: HashMap<Key, Option<Rc<[u8]>>>,
    buffer: Vec<u8>,
}

impl Encoded {
    /// The attributes as they are encoded by `sender`, always the same one. `None` if they can't be.
    fn get(
        &mut self,
        attributes: &Rc<AttributeSet>,
        (family, next_hop): (Family, Option<NextHop>),
        sender: &Sender,
    ) -> Option<Rc<[u8]>> {
        let key = (Rc::as_ptr(attributes) as usize, family, next_hop);
        let buffer = &mut self.buffer;
        let made = self.known.entry(key).or_insert_with(|| {
            buffer.clear();
            let whole = match next_hop {
                Some(NextHop::SelfAddress) | None => Rc::clone(attributes),
                next_hop => reencode::with_next_hop(attributes, next_hop),
            };
            encode(&whole, sender, family, buffer)?;
            Some(buffer.as_slice().into())
        });
        made.clone()
    }
}

async fn received(tap: &LiveTap, number: u16, neighbor: &Neighbor) {
    let mut at = 0;
    while tap.room().await {
        if received_turn(tap, (number, neighbor), &mut at) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Adds what a turn can of an Adj-RIB-In, from a place on. Returns `true` at its end.
fn received_turn(tap: &LiveTap, (number, neighbor): (u16, &Neighbor), at: &mut u32) -> bool {
    let sender = wide(reencode::received(neighbor));
    let Some(rib) = neighbor.received.rib() else {
        return true;
    };
    let turn_end = at.saturating_add(TURN);
    let mut encoded = Encoded::default();
    while *at < turn_end && tap.has_room() {
        let step_end = at.saturating_add(STEP);
        for route in rib.routes_in(*at..step_end, None) {
            let about = (route.nlri.family, received_next_hop(&route));
            if let Some(attributes) = encoded.get(route.attributes, about, &sender) {
                let entry = Entry {
                    peer: number,
                    originated: route.since,
                    path_id: route.nlri.path_id,
                    attributes: &attributes,
                };
                let nlri = (route.nlri.family, route.nlri.as_ref().bytes);
                tap.append(|records, out| rib_record(records, out, nlri, &entry));
            }
        }
        *at = step_end;
        if step_end >= rib.end() {
            return true;
        }
    }
    false
}

fn rib_record(records: &mut Records, out: &mut Vec<u8>, nlri: (Family, &[u8]), entry: &Entry<'_>) {
    // Attributes of a message always fit an entry.
    let _ = records.rib(out, now(), nlri, std::slice::from_ref(entry));
}

/// A neighbor that routes are sent to.
struct Receiver {
    index: u16,
    sender: Sender,
    since: u32,
    encoded: Encoded,
}

impl Receiver {
    /// Adds a route, if its family was negotiated and it can be encoded.
    fn add(&mut self, tap: &LiveTap, route: &Route<'_>) {
        let (family, codec) = (route.nlri.family, self.sender.codec);
        if !codec.families.contains(family) {
            return;
        }
        let encoded = &mut self.encoded;
        if let Some(attributes) = encoded.get(route.attributes, (family, None), &self.sender) {
            let ids = codec.add_path_send.contains(family);
            let entry = Entry {
                peer: self.index,
                originated: self.since,
                path_id: ids.then(|| route.nlri.path_id.unwrap_or_default()),
                attributes: &attributes,
            };
            let nlri = (family, route.nlri.as_ref().bytes);
            tap.append(|records, out| rib_record(records, out, nlri, &entry));
        }
    }
}

async fn sent(core: &Core, tap: &LiveTap, neighbors: &[Rc<Neighbor>]) {
    let mut at = 0;
    while tap.room().await {
        // Sessions may have ended or begun since the last turn.
        if sent_turn(core, tap, receivers(core, neighbors), &mut at) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Adds what a turn can of the Adj-RIB-Out, from a place on. Returns `true` at its end.
fn sent_turn(
    core: &Core,
    tap: &LiveTap,
    mut receivers: HashMap<PeerId, Receiver>,
    at: &mut u32,
) -> bool {
    let many = u32::try_from(receivers.len().clamp(1, 64)).unwrap_or(1);
    let rib = core.routes.rib();
    let turn_end = at.saturating_add(TURN / many);
    while *at < turn_end && tap.has_room() {
        let step_end = at.saturating_add(STEP / many);
        for route in rib.routes_in(*at..step_end, RouteFilter::default()) {
            for peer in route.peers.iter() {
                if let Some(receiver) = receivers.get_mut(&peer) {
                    receiver.add(tap, &route);
                }
            }
        }
        *at = step_end;
        if step_end >= rib.end() {
            return true;
        }
    }
    false
}

/// The neighbors with a session.
fn receivers(core: &Core, neighbors: &[Rc<Neighbor>]) -> HashMap<PeerId, Receiver> {
    let mut receivers = HashMap::new();
    for (index, neighbor) in (0..=u16::MAX).zip(neighbors) {
        let sender = core.routes.rib().sender(neighbor.id);
        if let Some(sender) = sender {
            let receiver = Receiver {
                index,
                sender: wide(sender),
                since: since(neighbor),
                encoded: Encoded::default(),
            };
            receivers.insert(neighbor.id, receiver);
        }
    }
    receivers
}
