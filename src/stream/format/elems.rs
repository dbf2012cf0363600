//! bgpreader's two line formats.

use std::net::IpAddr;

use super::cache::Cache;
use super::route::nlri;
use crate::stream::address::{Dialect, ip, number, six_digits};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, Route};
use crate::stream::record::{Position, RecordRef};

/// What `-i` prints before elems.
pub(super) const EXPLANATION: &str = "\
# Elem format:
# <rec-type>|<elem-type>|<rec-ts-sec>.<rec-ts-usec>| \\
#   <project>|<collector>|<router-name>|<router-ip>|<peer-ASn>|<peer-IP>| \\
#   <prefix>|<next-hop-IP>|<AS-path>|<origin-AS>| \\
#   <communities>|<old-state>|<new-state>
#
# <rec-type>: R RIB, U Update
# <elem-type>: R RIB, A announcement, W withdrawal, S state message
#
";

/// What `-i` prints before records.
pub(super) const RECORD_EXPLANATION: &str = "\
# Record format:
# <type>|<dump-pos>|<rec-ts-sec>.<rec-ts-usec>| \\
#   <project>|<collector>|<router-name>|<router-ip>|<status>|<dump-time>
#
# <type>: R RIB, U Update
# <dump-pos>:  B begin, M middle, E end
# <status>:    V valid, E empty, F filtered, O outside interval, R corrupted record, S corrupted source, U unsupported record
#
";

/// Appends the line of a record.
pub(super) fn record(out: &mut Vec<u8>, record: &RecordRef<'_>, position: Position) {
    out.push(letter(record.kind.letter()));
    out.push(b'|');
    out.push(letter(position.letter()));
    out.push(b'|');
    source(out, record);
    out.push(b'|');
    out.push(letter(record.status.letter()));
    out.push(b'|');
    number(out, record.origin.dump_time);
    out.push(b'\n');
}

fn letter(letter: char) -> u8 {
    u8::try_from(letter).unwrap_or(b'?')
}

/// Appends `sec.usec|project|collector|router|router-ip`.
fn source(out: &mut Vec<u8>, record: &RecordRef<'_>) {
    number(out, record.time.seconds);
    out.push(b'.');
    six_digits(out, record.time.micros);
    let origin = record.origin;
    for text in [&origin.project, &origin.collector, &origin.router] {
        out.push(b'|');
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'|');
    address(out, origin.router_ip);
}

fn address(out: &mut Vec<u8>, one: Option<IpAddr>) {
    if let Some(one) = one {
        ip(out, one, Dialect::Inet);
    }
}

/// Renders what the lines of a block begin with.
pub(super) fn head(head: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) {
    head.clear();
    head.push(letter(record.kind.letter()));
    head.push(b'|');
    head.push(letter(block.kind.letter()));
    head.push(b'|');
    source(head, record);
    head.push(b'|');
    number(head, block.peer_asn);
    head.push(b'|');
    address(head, block.peer);
    head.push(b'|');
}

/// Appends the lines of routes.
pub(super) fn lines<'b>(
    out: &mut Vec<u8>,
    head: &[u8],
    block: &Block<'_>,
    cache: &mut Cache,
    routes: impl Iterator<Item = Route<'b>>,
) -> u64 {
    if let Some((old, new)) = block.states {
        out.extend_from_slice(head);
        out.extend_from_slice(b"|||||");
        out.extend_from_slice(old.name().as_bytes());
        out.push(b'|');
        out.extend_from_slice(new.name().as_bytes());
        out.push(b'\n');
        return 1;
    }
    let mut count = 0;
    let mut tail = 0..0;
    for route in routes {
        out.extend_from_slice(head);
        nlri(out, block, &route);
        if count > 0 {
            out.extend_from_within(tail.clone());
        } else {
            let start = out.len();
            match block.attributes {
                Some(attributes) => render_tail(out, block, attributes, cache),
                None => out.extend_from_slice(b"||||||\n"),
            }
            tail = start..out.len();
        }
        count += 1;
    }
    count
}

fn render_tail(
    out: &mut Vec<u8>,
    block: &Block<'_>,
    attributes: &Attributes<'_>,
    cache: &mut Cache,
) {
    out.push(b'|');
    address(out, block.next_hop.address);
    let parts = [
        attributes.as_path,
        attributes.communities,
        attributes.as4_path,
        attributes.aggregator.filter(|_| !attributes.asn4),
        Some(if attributes.asn4 { b"4" } else { b"2" }),
    ];
    cache.append(out, &parts, |out| {
        out.push(b'|');
        match attributes.path() {
            Some(path) => {
                path.write(out, Separator::Space);
                out.push(b'|');
                path.write_origin(out);
            }
            None => out.push(b'|'),
        }
        out.push(b'|');
        for (index, (high, low)) in attributes.communities().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            number(out, high);
            out.push(b':');
            number(out, low);
        }
        out.extend_from_slice(b"||\n");
    });
}
