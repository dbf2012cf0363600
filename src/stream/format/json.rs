//! JSON lines: one object per elem, with the keys of pybgpstream's fields.

use super::route::nlri;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::mrt::bgp4mp::Direction;
use crate::stream::address::{Dialect, ip, number, six_digits};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, RibView, Route};
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
        text(out, "old-state", old.as_str());
        text(out, "new-state", new.as_str());
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
        key(out, "prefix");
        out.push(b'"');
        let start = out.len();
        nlri(out, block, &route);
        escape(out, start);
        out.push(b'"');
        if let Some(id) = route.path_id {
            key(out, "path-id");
            number(out, id);
        }
        out.extend_from_slice(&tail);
        count += 1;
    }
    count
}

fn begin(out: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(block.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"time\":");
    number(out, record.time.seconds);
    out.push(b'.');
    six_digits(out, record.time.micros);
    text(out, "record_type", record.kind.as_str());
    let origin = record.origin;
    for (name, value) in [
        ("project", &origin.project),
        ("collector", &origin.collector),
        ("router", &origin.router),
    ] {
        if !value.is_empty() {
            text(out, name, value);
        }
    }
    if let Some(address) = origin.router_ip {
        key(out, "router_ip");
        quoted(out, |out| ip(out, address, Dialect::Inet));
    }
    key(out, "peer_asn");
    number(out, block.peer_asn);
    if let Some(peer) = block.peer {
        key(out, "peer_address");
        quoted(out, |out| ip(out, peer, Dialect::Inet));
    }
    match block.direction {
        Direction::Received => {}
        Direction::Sent => text(out, "direction", "sent"),
        Direction::Mirrored => text(out, "direction", "mirrored"),
    }
    if block.rib != RibView::AdjInPre {
        text(out, "rib", block.rib.as_str());
    }
    if let Some(distinguisher) = block.distinguisher {
        text(out, "distinguisher", &distinguisher.to_string());
    }
    if let Some(time) = block.originated {
        key(out, "orig_time");
        number(out, time.seconds);
        if time.micros > 0 {
            out.push(b'.');
            six_digits(out, time.micros);
        }
    }
    if !block.notes.is_empty() {
        text(out, "notes", &block.notes.to_string());
    }
    if block.states.is_none() && block.family.safi != crate::bgp::Safi::UNICAST {
        text(out, "family", &block.family.to_string());
    }
}

fn end(out: &mut Vec<u8>, block: &Block<'_>, attributes: &Attributes<'_>) {
    if let Some(address) = block.next_hop.address {
        key(out, "next-hop");
        quoted(out, |out| ip(out, address, Dialect::Inet));
    }
    if let Some(address) = block.next_hop.link_local {
        key(out, "link-local-next-hop");
        quoted(out, |out| ip(out, address.into(), Dialect::Inet));
    }
    if let Some(path) = attributes.path() {
        key(out, "as-path");
        quoted(out, |out| path.write(out, Separator::Space));
        if let Some(asn) = path.origin() {
            key(out, "origin-asn");
            number(out, asn);
        }
    }
    match attributes.origin() {
        Some(0) => text(out, "origin", "igp"),
        Some(1) => text(out, "origin", "egp"),
        Some(2) => text(out, "origin", "incomplete"),
        _ => {}
    }
    for (name, value) in [
        ("med", attributes.med()),
        ("local-pref", attributes.local_pref()),
        ("otc", attributes.otc()),
    ] {
        if let Some(value) = value {
            key(out, name);
            number(out, value);
        }
    }
    lists(out, attributes);
    if let Some((asn, address)) = attributes.aggregator() {
        key(out, "aggregator");
        quoted(out, |out| {
            number(out, asn);
            out.push(b' ');
            ip(out, address.into(), Dialect::Inet);
        });
    }
    if attributes.atomic_aggregate {
        key(out, "atomic-aggregate");
        out.extend_from_slice(b"true");
    }
    if let Some(address) = attributes.originator_id() {
        key(out, "originator-id");
        quoted(out, |out| ip(out, address.into(), Dialect::Inet));
    }
}

fn lists(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    key(out, "communities");
    list(out, attributes.communities(), |out, (high, low)| {
        number(out, high);
        out.push(b':');
        number(out, low);
    });
    if attributes.large_communities.is_some() {
        key(out, "large-communities");
        list(out, attributes.large_communities(), |out, [a, b, c]| {
            number(out, a);
            out.push(b':');
            number(out, b);
            out.push(b':');
            number(out, c);
        });
    }
    if attributes.ext_communities.is_some() {
        key(out, "ext-communities");
        list(out, attributes.ext_communities(), |out, one| {
            out.extend_from_slice(ExtCommunity(one).to_string().as_bytes());
        });
    }
    if attributes.cluster_list.is_some() {
        key(out, "cluster-list");
        list(out, attributes.cluster_list(), |out, one| {
            ip(out, one.into(), Dialect::Inet);
        });
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

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    escape(out, start);
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
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
