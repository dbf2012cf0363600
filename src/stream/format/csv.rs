//! Comma-separated values (RFC 4180, lines end with a line feed): every field of JSON lines, empty where JSON has no such key.

use super::field::{
    self, Field, aggregator, community, ext_community, identifier, large_community, originated,
    time,
};
use super::route::nlri;
use crate::stream::address::{Dialect, ip, number};
use crate::stream::aspath::{PathRef, Separator};
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, Route};
use crate::stream::record::RecordRef;

/// The columns that the routes of a block share stand before and after those of the route.
const BEFORE: &[Field] = Field::ALL.split_at(Field::Prefix as usize).0;
const AFTER: &[Field] = Field::ALL.split_at(Field::PathId as usize + 1).1;
const _: () = assert!(Field::Prefix as usize + 1 == Field::PathId as usize);

/// Appends the head line.
pub(super) fn head(out: &mut Vec<u8>) {
    for (index, field) in Field::ALL.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let name = field.key().bytes();
        out.extend(name.map(|byte| if byte == b'-' { b'_' } else { byte }));
    }
    out.push(b'\n');
}

/// Appends the lines of routes.
pub(super) fn lines<'b>(
    out: &mut Vec<u8>,
    record: &RecordRef<'_>,
    block: &Block<'_>,
    routes: impl Iterator<Item = Route<'b>>,
) -> u64 {
    let none = Attributes::default();
    let attributes = block.attributes.unwrap_or(&none);
    let path = attributes.path();
    let shared = Shared {
        record,
        block,
        attributes,
        path: path.as_ref(),
    };
    let mut head = Vec::with_capacity(128);
    for field in BEFORE {
        shared.write(&mut head, *field);
        head.push(b',');
    }
    let mut tail = Vec::with_capacity(256);
    for field in AFTER {
        tail.push(b',');
        shared.write(&mut tail, *field);
    }
    tail.push(b'\n');
    if block.states.is_some() {
        out.extend_from_slice(&head);
        out.push(b',');
        out.extend_from_slice(&tail);
        return 1;
    }
    let mut count = 0;
    for route in routes {
        out.extend_from_slice(&head);
        quoted(out, |out| nlri(out, block, &route));
        out.push(b',');
        if let Some(id) = route.path_id {
            number(out, id);
        }
        out.extend_from_slice(&tail);
        count += 1;
    }
    count
}

/// What the routes of a block share.
struct Shared<'a> {
    record: &'a RecordRef<'a>,
    block: &'a Block<'a>,
    attributes: &'a Attributes<'a>,
    path: Option<&'a PathRef<'a>>,
}

impl Shared<'_> {
    /// Appends the value of a field.
    fn write(&self, out: &mut Vec<u8>, field: Field) {
        let (record, block, attributes) = (self.record, self.block, self.attributes);
        let origin = record.origin;
        match field {
            Field::RecordType => word(out, record.kind.as_str()),
            Field::Type => word(out, block.kind.as_str()),
            Field::Time => time(out, record.time),
            Field::Project => quoted(out, |out| word(out, &origin.project)),
            Field::Collector => quoted(out, |out| word(out, &origin.collector)),
            Field::Router => quoted(out, |out| word(out, &origin.router)),
            Field::RouterIp => some(out, origin.router_ip, address),
            Field::PeerAsn => number(out, block.peer_asn),
            Field::PeerAddress => some(out, block.peer, address),
            // Those of the route.
            Field::Prefix | Field::PathId => {}
            Field::NextHop => some(out, block.next_hop.address, address),
            Field::AsPath => some(out, self.path, |out, path| {
                quoted(out, |out| path.write(out, Separator::Space));
            }),
            // Unlike in JSON also a set, as in bgpreader's columns.
            Field::OriginAsn => some(out, self.path, |out, path| {
                quoted(out, |out| path.write_origin(out));
            }),
            Field::Communities => list(out, attributes.communities(), community),
            Field::OldState => some(out, block.states, |out, (old, _)| word(out, old.as_str())),
            Field::NewState => some(out, block.states, |out, (_, new)| word(out, new.as_str())),
            Field::Origin => some(out, field::origin(attributes), word),
            Field::Med => some(out, attributes.med(), number),
            Field::LocalPref => some(out, attributes.local_pref(), number),
            Field::LargeCommunities => {
                list(out, attributes.large_communities(), large_community);
            }
            Field::ExtCommunities => quoted(out, |out| {
                list(out, attributes.ext_communities(), ext_community);
            }),
            Field::Aggregator => some(out, attributes.aggregator(), aggregator),
            Field::AtomicAggregate if attributes.atomic_aggregate => word(out, "true"),
            Field::AtomicAggregate => {}
            Field::Direction => some(out, field::direction(block.direction), word),
            Field::Rib => some(out, field::rib(block.rib), word),
            Field::Distinguisher => some(out, block.distinguisher, |out, distinguisher| {
                word(out, &distinguisher.to_string());
            }),
            Field::OrigTime => some(out, block.originated, originated),
            Field::Notes if block.notes.is_empty() => {}
            Field::Notes => quoted(out, |out| word(out, &block.notes.to_string())),
            Field::Family => some(out, field::family(block), |out, name| word(out, &name)),
            Field::LinkLocalNextHop => some(out, block.next_hop.link_local, |out, hop| {
                address(out, hop.into());
            }),
            Field::Otc => some(out, attributes.otc(), number),
            Field::ClusterList => list(out, attributes.cluster_list(), identifier),
            Field::OriginatorId => some(out, attributes.originator_id(), identifier),
        }
    }
}

/// Appends a value if there is one.
fn some<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    if let Some(value) = value {
        write(out, value);
    }
}

fn word(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn address(out: &mut Vec<u8>, address: std::net::IpAddr) {
    ip(out, address, Dialect::Inet);
}

/// Appends values with spaces between them.
fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(out, item);
    }
}

/// Appends a value, in quotes if it needs them.
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    if out[start..]
        .iter()
        .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
    {
        let text = String::from_utf8_lossy(&out[start..]).replace('"', "\"\"");
        out.truncate(start);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}
