//! Received routes as UPDATEs again: what monitoring stations and archives are sent of an Adj-RIB-In.
//!
//! A table keeps decoded attributes, shared by many routes, instead of the bytes that were received. They are encoded as the peer
//! would: with the path identifiers and the AS numbers that the session negotiated for its direction.

use std::rc::Rc;

use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::{Attribute, AttributeSet, Codec, Family, FamilySet, NextHop, Sender};

use super::neighbor::Neighbor;

/// How the routes received from a neighbor are encoded, in place of how routes are sent to it.
pub(crate) fn received(neighbor: &Neighbor) -> Sender {
    let config = neighbor.config.borrow();
    let mut sender = config.session.prospective_sender();
    if let Some(session) = neighbor.negotiated() {
        sender.codec = session.codec;
        sender.local_as = session.peer_as;
    }
    sender.codec = Codec {
        add_path_send: sender.codec.add_path_receive,
        add_path_receive: sender.codec.add_path_send,
        // What was accepted is reported; what our own routes are subject to does not matter.
        ipv4_nexthop: Family::KNOWN.into_iter().collect::<FamilySet>(),
        link_local: None,
        aigp: true,
        role: None,
        ..sender.codec
    };
    sender.group_updates = true;
    sender
}

/// The attributes of a received route with its next hop, which only IPv4 unicast has among them.
pub(crate) fn with_next_hop(
    attributes: &Rc<AttributeSet>,
    next_hop: Option<NextHop>,
) -> Rc<AttributeSet> {
    let Some(next_hop) = next_hop else {
        return Rc::clone(attributes);
    };
    if attributes.next_hops().first == Some(next_hop) && attributes.next_hop() == Some(next_hop) {
        return Rc::clone(attributes);
    }
    let others = attributes
        .list()
        .iter()
        .filter(|attribute| !matches!(attribute, Attribute::NextHop(_)));
    let hop = Attribute::NextHop(NextHopAttribute::new(next_hop));
    Rc::new(AttributeSet::new(others.cloned().chain([hop]).collect()))
}
