//! bgpreader's two line formats.

use std::net::IpAddr;
use std::sync::Arc;

use super::cache::Cache;
use super::route::nlri;
use crate::mrt::Timestamp;
use crate::stream::address::{Dialect, ip, number, numbers, six_digits};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, ElemKind, Route};
use crate::stream::record::{Origin, Position, RecordKind, RecordRef};

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

/// What the lines of a block begin with: the columns of the record, those of the block's kind, those of the peer.
///
/// Those of the record are rendered again when its time or origin is not that of the record before.
#[derive(Debug, Default)]
pub(super) struct Head {
    text: Vec<u8>,
    /// Length of what the last record's lines share.
    shared: usize,
    record: Option<(RecordKind, Timestamp, Arc<Origin>)>,
}

impl Head {
    fn render(&mut self, record: &RecordRef<'_>, block: &Block<'_>) {
        let same = self.record.as_ref().is_some_and(|(kind, time, origin)| {
            *kind == record.kind && *time == record.time && Arc::ptr_eq(origin, record.origin)
        });
        let text = &mut self.text;
        if same {
            text.truncate(self.shared);
        } else {
            text.clear();
            text.extend_from_slice(&[letter(record.kind.letter()), b'|', b' ', b'|']);
            source(text, record);
            text.push(b'|');
            self.shared = text.len();
            self.record = Some((record.kind, record.time, record.origin.clone()));
        }
        text[KIND] = letter(block.kind.letter());
        number(text, block.peer_asn);
        text.push(b'|');
        address(text, block.peer);
        text.push(b'|');
    }
}

/// Where the letter of the block's kind stands.
const KIND: usize = 2;

/// Appends the lines of routes.
pub(super) fn lines<'b>(
    out: &mut Vec<u8>,
    (head, cache): (&mut Head, &mut Cache),
    record: &RecordRef<'_>,
    block: &Block<'_>,
    routes: impl Iterator<Item = Route<'b>>,
) -> u64 {
    head.render(record, block);
    let head = head.text.as_slice();
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
    let render = |out: &mut Vec<u8>| {
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
            numbers(out, high, b':', low);
        }
        out.extend_from_slice(b"||\n");
    };
    if attributes.reach.is_none() && attributes.unreach.is_none() || block.kind == ElemKind::Rib {
        // No route stands among these attributes: whole, they are as good a key as those that are rendered.
        let kind = if attributes.asn4 { b'4' } else { b'2' };
        cache.append_whole(out, kind, attributes.raw, render);
        return;
    }
    let parts = [
        attributes.as_path,
        attributes.communities,
        attributes.as4_path,
        attributes.aggregator.filter(|_| !attributes.asn4),
        attributes.as4_aggregator.filter(|_| !attributes.asn4),
        Some(if attributes.asn4 { b"4" } else { b"2" }),
    ];
    cache.append(out, &parts, render);
}
