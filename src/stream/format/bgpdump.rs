//! bgpdump's one-line formats, `-m` and `-M`, to the byte where it is right.
//!
//! Where it is wrong, these lines are not: MRT type 5, path identifiers under subtypes without, AS4 merging of confederations,
//! microseconds of a million or more, `-t change` of TABLE_DUMP_V2.

use super::cache::Cache;
use crate::bgp::family::Afi;
use crate::mrt::bgp4mp::Direction;
use crate::mrt::{Content, Timestamp, kind};
use crate::stream::address::{Dialect, integer, ip, number, octet, six_digits, v4, v6};
use crate::stream::aspath::Separator;
use crate::stream::attributes::Attributes;
use crate::stream::block::{Block, ElemKind, Route};
use crate::stream::record::RecordRef;

/// Length of an AS path in bytes after which no further AS number is printed.
const LONGEST_PATH: usize = 7_900;

/// Longest list of communities that is printed, in bytes.
const LONGEST_LIST: usize = 8_190;

/// How times are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// `-m`: seconds since 1970, and all columns.
    #[default]
    Unix,
    /// `-M`: `MM/DD/YY HH:MM:SS` in UTC, and the columns up to ORIGIN.
    Human,
}

/// Whose time a route of a table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// `-t dump`: the record's.
    #[default]
    Dump,
    /// `-t change`: when the route was received.
    Change,
}

/// Columns that are left out unless asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// `-p`: number of the record among those that could be read, from 0.
    pub index: bool,
    /// `-l`: large communities.
    pub large_communities: bool,
    /// `-u`: unknown attributes.
    pub unknown: bool,
}

/// Options of bgpdump's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bgpdump {
    /// `-m` or `-M`.
    pub style: TimeStyle,
    /// `-t`.
    pub clock: Clock,
    /// `-p`, `-l` and `-u`.
    pub columns: Columns,
}

impl Bgpdump {
    /// Renders what the lines of a block begin with: `LABEL|TIME|KIND|PEER|AS`.
    pub(super) fn head(&self, head: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) {
        head.clear();
        let extended = label(head, record, block);
        head.push(b'|');
        if self.columns.index {
            integer(head, record.parsed);
            head.push(b'|');
        }
        let time = match (self.clock, block.originated) {
            (Clock::Change, Some(time)) => time,
            _ => record.time,
        };
        match self.style {
            TimeStyle::Unix => number(head, time.seconds),
            TimeStyle::Human => human(head, time),
        }
        if extended {
            head.push(b'.');
            six_digits(head, time.micros);
        }
        head.extend_from_slice(match block.kind {
            ElemKind::Rib => b"|B|",
            ElemKind::Announcement => b"|A|",
            ElemKind::Withdrawal => b"|W|",
            ElemKind::PeerState => b"|STATE|",
        });
        let (peer, asn) = match &record.content {
            // The label of messages that were sent with path identifiers does not show it, but their sender does.
            Content::Message(one) if one.add_path && one.direction == Direction::Sent => {
                (one.session.local, one.session.local_asn)
            }
            _ => (block.peer, block.peer_asn),
        };
        match peer {
            Some(peer) => ip(head, peer, Dialect::Bgpdump),
            None => head.extend_from_slice(b"0.0.0.0"),
        }
        head.push(b'|');
        number(head, asn);
        head.push(b'|');
    }

    /// Appends the lines of routes. Families other than IPv4 and IPv6 unicast and multicast have none.
    pub(super) fn lines<'b>(
        &self,
        out: &mut Vec<u8>,
        head: &[u8],
        block: &Block<'_>,
        cache: &mut Cache,
        routes: impl Iterator<Item = Route<'b>>,
    ) -> u64 {
        if let Some((old, new)) = block.states {
            out.extend_from_slice(head);
            number(out, old.0);
            out.push(b'|');
            number(out, new.0);
            out.push(b'\n');
            return 1;
        }
        if crate::stream::block::family_bits(block.family).is_none() {
            return 0;
        }
        let mut count = 0;
        let mut tail = 0..0;
        for route in routes {
            out.extend_from_slice(head);
            prefix(out, block.family.afi, route.nlri);
            if let Some(id) = route.path_id {
                out.push(b'|');
                number(out, id);
            }
            if count > 0 {
                out.extend_from_within(tail.clone());
            } else {
                let start = out.len();
                match block.attributes {
                    Some(attributes) => self.tail(out, block, attributes, cache),
                    None => out.push(b'\n'),
                }
                tail = start..out.len();
            }
            count += 1;
        }
        count
    }

    fn tail(
        &self,
        out: &mut Vec<u8>,
        block: &Block<'_>,
        attributes: &Attributes<'_>,
        cache: &mut Cache,
    ) {
        let mut hop = Vec::with_capacity(48);
        match block.next_hop.address {
            Some(address) => ip(&mut hop, address, Dialect::Bgpdump),
            None => hop.extend_from_slice(b"255.255.255.255"),
        }
        let signed = block.multiprotocol && block.family.afi == Afi::IPV4;
        let flags = [u8::from(attributes.asn4)
            | u8::from(signed) << 1
            | u8::from(attributes.atomic_aggregate) << 2];
        // The same attributes may have another next hop: that of MP_REACH_NLRI.
        let all = [Some(attributes.raw), Some(&hop[..]), Some(&flags)];
        let parts = [
            attributes.as_path,
            attributes.as4_path,
            attributes.origin,
            Some(&hop[..]),
            attributes.local_pref,
            attributes.med,
            attributes.communities,
            attributes.large_communities,
            attributes.aggregator,
            attributes.as4_aggregator,
            Some(&flags),
        ];
        let parts = if self.columns.unknown {
            &all[..]
        } else {
            &parts[..]
        };
        cache.append(out, parts, |out| {
            out.push(b'|');
            path(out, attributes);
            out.push(b'|');
            out.extend_from_slice(match attributes.origin() {
                Some(0) => b"IGP",
                Some(1) => b"EGP",
                _ => b"INCOMPLETE",
            });
            if self.style == TimeStyle::Unix {
                self.columns(out, attributes, &hop, signed);
            }
            out.push(b'\n');
        });
    }

    fn columns(&self, out: &mut Vec<u8>, attributes: &Attributes<'_>, hop: &[u8], signed: bool) {
        out.push(b'|');
        out.extend_from_slice(hop);
        for value in [attributes.local_pref(), attributes.med()] {
            out.push(b'|');
            let value = value.unwrap_or_default();
            if signed {
                integer(out, value.cast_signed());
            } else {
                number(out, value);
            }
        }
        out.push(b'|');
        communities(out, attributes);
        out.push(b'|');
        if self.columns.large_communities {
            large_communities(out, attributes);
            out.push(b'|');
        }
        // The word is about ATOMIC_AGGREGATE, the column after it about AGGREGATOR.
        out.extend_from_slice(if attributes.atomic_aggregate {
            b"AG|"
        } else {
            b"NAG|"
        });
        // 255.255.255.255 is bgpdump's sign of none.
        if let Some((asn, address)) = attributes.aggregator()
            && !address.is_broadcast()
        {
            number(out, asn);
            out.push(b' ');
            v4(out, address.octets());
        }
        out.push(b'|');
        if self.columns.unknown {
            unknown(out, attributes);
            out.push(b'|');
        }
    }
}

/// Appends the label. Returns whether times have microseconds.
fn label(head: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>) -> bool {
    let (label, extended): (&[u8], _) = match record.header.map(|header| header.kind) {
        Some(kind::TABLE_DUMP) => (b"TABLE_DUMP", false),
        Some(kind::TABLE_DUMP_V2) => (b"TABLE_DUMP2", false),
        Some(kind::BGP) => (b"BGP", false),
        Some(kind::BGP4MP) => (b"BGP4MP", false),
        _ => (b"BGP4MP_ET", true),
    };
    head.extend_from_slice(label);
    if block.kind == ElemKind::PeerState {
        return extended;
    }
    let add_path = block
        .routes
        .into_iter()
        .next()
        .is_some_and(|route| route.path_id.is_some());
    if add_path {
        head.extend_from_slice(b"_AP");
    } else if block.direction == Direction::Sent {
        head.extend_from_slice(b"_LOCAL");
    }
    extended
}

/// Appends a prefix as it is on the wire, host bits included.
pub(super) fn prefix(out: &mut Vec<u8>, afi: Afi, nlri: &[u8]) {
    let Some((&length, bytes)) = nlri.split_first() else {
        return;
    };
    if afi == Afi::IPV4 {
        let mut address = [0; 4];
        let count = bytes.len().min(4);
        address[..count].copy_from_slice(&bytes[..count]);
        v4(out, address);
    } else {
        let mut address = [0; 16];
        let count = bytes.len().min(16);
        address[..count].copy_from_slice(&bytes[..count]);
        v6(out, address, Dialect::Bgpdump);
    }
    out.push(b'/');
    octet(out, length);
}

/// Appends the AS path, cut as bgpdump cuts it.
pub(super) fn path(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    if let Some(path) = attributes.path() {
        if path.segments().any(|segment| segment.kind > 4) {
            out.extend_from_slice(b"! Error !");
        } else {
            path.write_cut(out, Separator::Nothing, LONGEST_PATH);
        }
    } else if attributes.as_path.is_some() {
        out.extend_from_slice(b"! Error !");
    }
}

/// Appends the communities. A list that is too long is cut, also within a number; a name that does not fit is left out.
pub(super) fn communities(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    let start = out.len();
    for (high, low) in attributes.communities() {
        let before = out.len();
        if before > start {
            out.push(b' ');
        }
        let name: &[u8] = match (high, low) {
            (0xFFFF, 0xFF01) => b"no-export",
            (0xFFFF, 0xFF02) => b"no-advertise",
            (0xFFFF, 0xFF03) => b"local-AS",
            _ => {
                number(out, high);
                out.push(b':');
                number(out, low);
                out.truncate(start + LONGEST_LIST);
                continue;
            }
        };
        out.extend_from_slice(name);
        if out.len() > start + LONGEST_LIST {
            out.truncate(before);
        }
    }
}

/// Appends the large communities; a list that is too long is cut.
pub(super) fn large_communities(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    let start = out.len();
    for [a, b, c] in attributes.large_communities() {
        if out.len() > start {
            out.push(b' ');
        }
        number(out, a);
        out.push(b':');
        number(out, b);
        out.push(b':');
        number(out, c);
        out.truncate(start + LONGEST_LIST);
    }
}

/// Appends `type:flags:hex` of each attribute that bgpdump does not know.
fn unknown(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hex = |out: &mut Vec<u8>, byte: u8| {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    };
    let mut first = true;
    for (flags, code, value) in attributes.iter() {
        if matches!(code, 1..=10 | 14 | 15 | 17 | 18 | 32) {
            continue;
        }
        if !first {
            out.push(b' ');
        }
        first = false;
        hex(out, code);
        out.push(b':');
        hex(out, flags);
        out.push(b':');
        for byte in value {
            hex(out, *byte);
        }
    }
}

/// Appends `MM/DD/YY HH:MM:SS`, UTC.
pub(super) fn human(out: &mut Vec<u8>, time: Timestamp) {
    let (days, seconds) = (time.seconds / 86_400, time.seconds % 86_400);
    let (year, month, day) = crate::mrt::civil(days);
    let two = |out: &mut Vec<u8>, value: u32| {
        if value < 10 {
            out.push(b'0');
        }
        number(out, value);
    };
    for (value, after) in [
        (month, b'/'),
        (day, b'/'),
        (year % 100, b' '),
        (seconds / 3600, b':'),
        (seconds / 60 % 60, b':'),
    ] {
        two(out, value);
        out.push(after);
    }
    two(out, seconds % 60);
}
