//! Comma-separated values (RFC 4180, lines end with a line feed).

use super::route::nlri;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::stream::address::{Dialect, ip, number, six_digits};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, Route};
use crate::stream::record::RecordRef;

const HEAD: &str = "record_type,type,time,project,collector,router,router_ip,peer_asn,peer_address,prefix,path_id,\
next_hop,as_path,origin_asn,communities,old_state,new_state,origin,med,local_pref,large_communities,ext_communities,\
aggregator,atomic_aggregate\n";

/// Appends the head line.
pub(super) fn head(out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD.as_bytes());
}

/// Appends the lines of routes.
pub(super) fn lines<'b>(
    out: &mut Vec<u8>,
    record: &RecordRef<'_>,
    block: &Block<'_>,
    routes: impl Iterator<Item = Route<'b>>,
) -> u64 {
    let mut head = Vec::with_capacity(128);
    begin(&mut head, record, block);
    if let Some((old, new)) = block.states {
        out.extend_from_slice(&head);
        out.extend_from_slice(b",,,,,,");
        out.extend_from_slice(old.as_str().as_bytes());
        out.push(b',');
        out.extend_from_slice(new.as_str().as_bytes());
        out.extend_from_slice(b",,,,,,,\n");
        return 1;
    }
    let mut tail = Vec::with_capacity(128);
    match block.attributes {
        Some(attributes) => end(&mut tail, block, attributes),
        None => tail.extend_from_slice(b",,,,,,,,,,,,,\n"),
    }
    let mut count = 0;
    for route in routes {
        out.extend_from_slice(&head);
        field(out, |out| nlri(out, block, &route));
        out.push(b',');
        if let Some(id) = route.path_id {
            number(out, id);
        }
        out.extend_from_slice(&tail);
        count += 1;
    }
    count
}

fn begin(out: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) {
    out.extend_from_slice(record.kind.as_str().as_bytes());
    out.push(b',');
    out.extend_from_slice(block.kind.as_str().as_bytes());
    out.push(b',');
    number(out, record.time.seconds);
    out.push(b'.');
    six_digits(out, record.time.micros);
    let origin = record.origin;
    for text in [&origin.project, &origin.collector, &origin.router] {
        out.push(b',');
        field(out, |out| out.extend_from_slice(text.as_bytes()));
    }
    out.push(b',');
    if let Some(address) = origin.router_ip {
        ip(out, address, Dialect::Inet);
    }
    out.push(b',');
    number(out, block.peer_asn);
    out.push(b',');
    if let Some(peer) = block.peer {
        ip(out, peer, Dialect::Inet);
    }
    out.push(b',');
}

fn end(out: &mut Vec<u8>, block: &Block<'_>, attributes: &Attributes<'_>) {
    out.push(b',');
    if let Some(address) = block.next_hop.address {
        ip(out, address, Dialect::Inet);
    }
    out.push(b',');
    let path = attributes.path();
    if let Some(path) = &path {
        field(out, |out| path.write(out, Separator::Space));
    }
    out.push(b',');
    if let Some(path) = &path {
        field(out, |out| path.write_origin(out));
    }
    out.push(b',');
    spaced(out, attributes.communities(), |out, (high, low)| {
        number(out, high);
        out.push(b':');
        number(out, low);
    });
    out.extend_from_slice(match attributes.origin() {
        Some(0) => b",,,igp",
        Some(1) => b",,,egp",
        Some(2) => b",,,incomplete",
        _ => b",,,",
    });
    for value in [attributes.med(), attributes.local_pref()] {
        out.push(b',');
        if let Some(value) = value {
            number(out, value);
        }
    }
    out.push(b',');
    spaced(out, attributes.large_communities(), |out, [a, b, c]| {
        number(out, a);
        out.push(b':');
        number(out, b);
        out.push(b':');
        number(out, c);
    });
    out.push(b',');
    field(out, |out| {
        spaced(out, attributes.ext_communities(), |out, one| {
            out.extend_from_slice(ExtCommunity(one).to_string().as_bytes());
        });
    });
    out.push(b',');
    if let Some((asn, address)) = attributes.aggregator() {
        number(out, asn);
        out.push(b' ');
        ip(out, address.into(), Dialect::Inet);
    }
    out.extend_from_slice(if attributes.atomic_aggregate {
        b",true\n"
    } else {
        b",\n"
    });
}

fn spaced<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(out, item);
    }
}

/// Appends a field, quoted if it needs it.
fn field(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
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
