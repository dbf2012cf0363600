//! JSON lines: one object per elem, with the keys of pybgpstream's fields.

use super::field::{
    self, Field, aggregator, community, ext_community, identifier, large_community, originated,
    time,
};
use super::route::nlri;
use crate::stream::address::{Dialect, ip, number};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, Route};
use crate::stream::record::RecordRef;

/// Appends the lines of routes.
pub(super) fn lines<'b>(
    out: &mut Vec<u8>,
    record: &RecordRef<'_>,
    block: &Block<'_>,
    routes: impl Iterator<Item = Route<'b>>,
) -> u64 {
    let mut head = Vec::with_capacity(256);
    begin(&mut head, record, block);
    if let Some((old, new)) = block.states {
        out.extend_from_slice(&head);
        text(out, Field::OldState, old.as_str());
        text(out, Field::NewState, new.as_str());
        out.extend_from_slice(b"}\n");
        return 1;
    }
    let mut tail = Vec::with_capacity(256);
    if let Some(attributes) = block.attributes {
        end(&mut tail, block, attributes);
    }
    tail.extend_from_slice(b"}\n");
    let mut count = 0;
    for route in routes {
        out.extend_from_slice(&head);
        key(out, Field::Prefix);
        out.push(b'"');
        let start = out.len();
        nlri(out, block, &route);
        escape(out, start);
        out.push(b'"');
        if let Some(id) = route.path_id {
            key(out, Field::PathId);
            number(out, id);
        }
        out.extend_from_slice(&tail);
        count += 1;
    }
    count
}

fn begin(out: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) {
    out.push(b'{');
    out.extend_from_slice(&Field::Type.before_value().as_bytes()[1..]);
    quoted(out, |out| {
        out.extend_from_slice(block.kind.as_str().as_bytes())
    });
    key(out, Field::Time);
    time(out, record.time);
    text(out, Field::RecordType, record.kind.as_str());
    let origin = record.origin;
    for (name, value) in [
        (Field::Project, &origin.project),
        (Field::Collector, &origin.collector),
        (Field::Router, &origin.router),
    ] {
        if !value.is_empty() {
            text(out, name, value);
        }
    }
    if let Some(address) = origin.router_ip {
        key(out, Field::RouterIp);
        quoted(out, |out| ip(out, address, Dialect::Inet));
    }
    key(out, Field::PeerAsn);
    number(out, block.peer_asn);
    if let Some(peer) = block.peer {
        key(out, Field::PeerAddress);
        quoted(out, |out| ip(out, peer, Dialect::Inet));
    }
    if let Some(direction) = field::direction(block.direction) {
        text(out, Field::Direction, direction);
    }
    if let Some(rib) = field::rib(block.rib) {
        text(out, Field::Rib, rib);
    }
    if let Some(distinguisher) = block.distinguisher {
        text(out, Field::Distinguisher, &distinguisher.to_string());
    }
    if let Some(time) = block.originated {
        key(out, Field::OrigTime);
        originated(out, time);
    }
    if !block.notes.is_empty() {
        text(out, Field::Notes, &block.notes.to_string());
    }
    if let Some(family) = field::family(block) {
        text(out, Field::Family, &family);
    }
}

fn end(out: &mut Vec<u8>, block: &Block<'_>, attributes: &Attributes<'_>) {
    if let Some(address) = block.next_hop.address {
        key(out, Field::NextHop);
        quoted(out, |out| ip(out, address, Dialect::Inet));
    }
    if let Some(address) = block.next_hop.link_local {
        key(out, Field::LinkLocalNextHop);
        quoted(out, |out| ip(out, address.into(), Dialect::Inet));
    }
    if let Some(path) = attributes.path() {
        key(out, Field::AsPath);
        quoted(out, |out| path.write(out, Separator::Space));
        if let Some(asn) = path.origin() {
            key(out, Field::OriginAsn);
            number(out, asn);
        }
    }
    if let Some(origin) = field::origin(attributes) {
        text(out, Field::Origin, origin);
    }
    for (name, value) in [
        (Field::Med, attributes.med()),
        (Field::LocalPref, attributes.local_pref()),
        (Field::Otc, attributes.otc()),
    ] {
        if let Some(value) = value {
            key(out, name);
            number(out, value);
        }
    }
    lists(out, attributes);
    if let Some(value) = attributes.aggregator() {
        key(out, Field::Aggregator);
        quoted(out, |out| aggregator(out, value));
    }
    if attributes.atomic_aggregate {
        key(out, Field::AtomicAggregate);
        out.extend_from_slice(b"true");
    }
    if let Some(address) = attributes.originator_id() {
        key(out, Field::OriginatorId);
        quoted(out, |out| identifier(out, address));
    }
}

fn lists(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    key(out, Field::Communities);
    list(out, attributes.communities(), community);
    if attributes.large_communities.is_some() {
        key(out, Field::LargeCommunities);
        list(out, attributes.large_communities(), large_community);
    }
    if attributes.ext_communities.is_some() {
        key(out, Field::ExtCommunities);
        list(out, attributes.ext_communities(), ext_community);
    }
    if attributes.cluster_list.is_some() {
        key(out, Field::ClusterList);
        list(out, attributes.cluster_list(), identifier);
    }
}

fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        quoted(out, |out| write(out, item));
    }
    out.push(b']');
}

fn key(out: &mut Vec<u8>, field: Field) {
    out.extend_from_slice(field.before_value().as_bytes());
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    escape(out, start);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, field: Field, value: &str) {
    key(out, field);
    quoted(out, |out| out.extend_from_slice(value.as_bytes()));
}

/// Escapes what was appended from `start` on, if it needs it, which names of files may.
fn escape(out: &mut Vec<u8>, start: usize) {
    let plain = |byte: &u8| !matches!(byte, 0..0x20 | b'"' | b'\\' | 0x7F..);
    if out[start..].iter().all(plain) {
        return;
    }
    let text = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    let mut writer = crate::json::JsonWriter::new();
    writer.string(&text);
    let text = writer.as_str();
    out.extend_from_slice(&text.as_bytes()[1..text.len() - 1]);
}
