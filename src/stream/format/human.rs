//! bgpdump's multi-line form, `-H`: what it prints without an option.
//!
//! An UPDATE is one paragraph, so its routes are gathered until the record ends; of a table each route is one. Not imitated: what
//! bgpdump prints of families that it does not know, of states above 8, and of MRT type 5.

use super::bgpdump::{communities, human, large_communities, path, prefix};
use crate::bgp::Family;
use crate::bgp::family::{Afi, Safi};
use crate::bgp::message::update::Update;
use crate::mrt::bgp4mp::{Direction, Message, Session};
use crate::mrt::{Content, Timestamp, kind};
use crate::stream::address::{Dialect, ip, number, six_digits};
use crate::stream::attributes::{Attributes, Hop, Reach};
use crate::stream::block::{Block, ElemKind, Route, unreach};
use crate::stream::record::{RecordRef, Status};

/// What is gathered of a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Paragraph {
    withdrawn: Vec<u8>,
    announced: Vec<u8>,
}

/// Names of states (RFC 4271 section 8.2.2, and Quagga's two).
const STATES: [&str; 9] = [
    "Unknown",
    "Idle",
    "Connect",
    "Active",
    "Opensent",
    "Openconfirm",
    "Established",
    "Clearing",
    "Deleted",
];

impl Paragraph {
    /// Gathers routes of an UPDATE, or appends the paragraphs of a table or a state change. Returns how many elems.
    pub(super) fn block<'b>(
        &mut self,
        out: &mut Vec<u8>,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) -> u64 {
        if let Some((old, new)) = block.states {
            time(out, record);
            out.extend_from_slice(label(record));
            out.extend_from_slice(b"/STATE_CHANGE\nPEER: ");
            end(out, (block.peer, block.peer_asn));
            out.extend_from_slice(b"STATE: ");
            state(out, old.0);
            out.push(b'/');
            state(out, new.0);
            out.extend_from_slice(b"\n\n");
            return 1;
        }
        let mut count = 0;
        for route in routes {
            count += 1;
            let list = match block.kind {
                ElemKind::Rib => {
                    table_route(out, record, block, &route);
                    continue;
                }
                ElemKind::Withdrawal => &mut self.withdrawn,
                ElemKind::Announcement | ElemKind::PeerState => &mut self.announced,
            };
            list.extend_from_slice(b"  ");
            nlri(list, block, &route);
            list.push(b'\n');
        }
        count
    }

    /// Appends the paragraph of a message.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, record: &RecordRef<'_>) {
        if record.status == Status::Valid
            && let Content::Message(one) = &record.content
        {
            self.message(out, record, one);
        }
        self.withdrawn.clear();
        self.announced.clear();
    }

    fn message(&self, out: &mut Vec<u8>, record: &RecordRef<'_>, message: &Message<'_>) {
        let name = match message.message_type {
            1 => "Open",
            2 => "Update",
            3 => "Notify",
            4 => "Keepalive",
            // bgpdump skips ROUTE-REFRESH.
            _ => return,
        };
        let empty = self.withdrawn.is_empty() && self.announced.is_empty();
        let update = Update::new(message.body).ok();
        let attributes = update.map(|update| Attributes::new(update.attributes, message.asn4));
        if message.message_type == 2 && empty && has_routes(update.as_ref(), attributes.as_ref()) {
            // The filter lets none of them pass.
            return;
        }
        time(out, record);
        out.extend_from_slice(label(record));
        out.extend_from_slice(b"/MESSAGE");
        let subtype = record.header.map_or(0, |header| header.subtype);
        if message.add_path || subtype >= 8 {
            out.extend_from_slice(b"_ADDPATH");
        } else if message.direction == Direction::Sent {
            out.extend_from_slice(b"_LOCAL");
        }
        out.push(b'/');
        out.extend_from_slice(name.as_bytes());
        let Session {
            peer,
            peer_asn,
            local,
            local_asn,
            ..
        } = message.session;
        let mut ends = [(peer, peer_asn), (local, local_asn)];
        if message.direction == Direction::Sent {
            ends.reverse();
        }
        out.extend_from_slice(b"\nFROM: ");
        end(out, ends[0]);
        out.extend_from_slice(b"TO: ");
        end(out, ends[1]);
        match (message.message_type, &attributes) {
            (1, _) => open(out, message.body),
            (2, Some(attributes)) => self::attributes(out, attributes, None),
            (3, _) => notification(out, message.body),
            _ => {}
        }
        if !self.withdrawn.is_empty() {
            out.extend_from_slice(b"WITHDRAW\n");
            out.extend_from_slice(&self.withdrawn);
        }
        if !self.announced.is_empty() || attributes.as_ref().is_some_and(reaches_nothing) {
            out.extend_from_slice(b"ANNOUNCE\n");
            out.extend_from_slice(&self.announced);
        }
        out.push(b'\n');
    }
}

/// Returns `true` if there is an MP_REACH_NLRI without NLRI, after which bgpdump prints the title of a list all the same.
fn reaches_nothing(attributes: &Attributes<'_>) -> bool {
    attributes
        .reaches()
        .filter_map(Reach::whole)
        .any(|reach| reach.family.and_then(family).is_some() && reach.nlri.is_empty())
}

fn has_routes(update: Option<&Update<'_>>, attributes: Option<&Attributes<'_>>) -> bool {
    let (Some(update), Some(attributes)) = (update, attributes) else {
        return false;
    };
    !update.withdrawn.is_empty()
        || !update.nlri.is_empty()
        || attributes
            .unreaches()
            .filter_map(unreach)
            .any(|(of, bytes)| family(of).is_some() && !bytes.is_empty())
        || attributes
            .reaches()
            .filter_map(Reach::whole)
            .any(|reach| reach.family.and_then(family).is_some() && !reach.nlri.is_empty())
}

fn time(out: &mut Vec<u8>, record: &RecordRef<'_>) {
    out.extend_from_slice(b"TIME: ");
    human(out, record.time);
    if is_extended(record) {
        out.push(b'.');
        six_digits(out, record.time.micros);
    }
    out.extend_from_slice(b"\nTYPE: ");
}

fn is_extended(record: &RecordRef<'_>) -> bool {
    record
        .header
        .is_none_or(|header| header.kind == kind::BGP4MP_ET)
}

fn label(record: &RecordRef<'_>) -> &'static [u8] {
    match record.header.map(|header| header.kind) {
        Some(kind::BGP) => b"BGP",
        Some(kind::BGP4MP) => b"BGP4MP",
        _ => b"BGP4MP_ET",
    }
}

fn end(out: &mut Vec<u8>, (address, asn): (Option<std::net::IpAddr>, u32)) {
    match address {
        Some(address) => ip(out, address, Dialect::Bgpdump),
        None => out.extend_from_slice(b"N/A"),
    }
    out.extend_from_slice(b" AS");
    number(out, asn);
    out.push(b'\n');
}

fn state(out: &mut Vec<u8>, state: u16) {
    let name = STATES.get(usize::from(state)).unwrap_or(&STATES[0]);
    out.extend_from_slice(name.as_bytes());
}

fn nlri(out: &mut Vec<u8>, block: &Block<'_>, route: &Route<'_>) {
    if crate::stream::block::family_bits(block.family).is_some() {
        prefix(out, block.family.afi, route.nlri);
    } else {
        super::route::nlri(out, block, route);
    }
    if let Some(id) = route.path_id {
        out.extend_from_slice(b" PATH_ID: ");
        number(out, id);
    }
}

fn table_route(out: &mut Vec<u8>, record: &RecordRef<'_>, block: &Block<'_>, route: &Route<'_>) {
    time(out, record);
    let legacy = record
        .header
        .is_some_and(|header| header.kind == kind::TABLE_DUMP);
    let part = |at: usize| {
        record
            .body
            .get(at..at + 2)
            .map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
    };
    if legacy {
        out.extend_from_slice(match block.family.afi {
            Afi::IPV4 => b"TABLE_DUMP/INET\nVIEW: ",
            _ => b"TABLE_DUMP/INET6\nVIEW: ",
        });
        number(out, part(0));
        out.extend_from_slice(b"\nSEQUENCE: ");
        number(out, part(2));
        out.extend_from_slice(b"\nPREFIX: ");
        nlri(out, block, route);
        out.extend_from_slice(b"\nFROM:");
    } else {
        out.extend_from_slice(table(record).as_bytes());
        out.extend_from_slice(b"\nPREFIX: ");
        nlri(out, block, route);
        if let Content::Rib(rib) = &record.content {
            out.extend_from_slice(b"\nSEQUENCE: ");
            number(out, rib.sequence);
        }
        out.extend_from_slice(b"\nFROM: ");
    }
    end(out, (block.peer, block.peer_asn));
    if let Some(originated) = block.originated {
        out.extend_from_slice(b"ORIGINATED: ");
        human(out, Timestamp::from_seconds(originated.seconds));
        out.push(b'\n');
    }
    if let Some(attributes) = block.attributes {
        self::attributes(out, attributes, Some((block.family, block.next_hop)));
    }
    if legacy {
        let width = if block.family.afi == Afi::IPV4 { 4 } else { 16 };
        let status = record.body.get(5 + width).copied().unwrap_or_default();
        out.extend_from_slice(format!("STATUS: 0x{status:x}\n").as_bytes());
    }
    out.push(b'\n');
}

fn table(record: &RecordRef<'_>) -> &'static str {
    match record.header.map(|header| (header.kind, header.subtype)) {
        Some((kind::TABLE_DUMP_V2, 2)) => "TABLE_DUMP_V2/IPV4_UNICAST",
        Some((kind::TABLE_DUMP_V2, 3)) => "TABLE_DUMP_V2/IPV4_MULTICAST",
        Some((kind::TABLE_DUMP_V2, 4)) => "TABLE_DUMP_V2/IPV6_UNICAST",
        Some((kind::TABLE_DUMP_V2, 5)) => "TABLE_DUMP_V2/IPV6_MULTICAST",
        Some((kind::TABLE_DUMP_V2, 8)) => "TABLE_DUMP_V2/IPV4_UNICAST_ADDPATH",
        Some((kind::TABLE_DUMP_V2, 9)) => "TABLE_DUMP_V2/IPV4_MULTICAST_ADDPATH",
        Some((kind::TABLE_DUMP_V2, 10)) => "TABLE_DUMP_V2/IPV6_UNICAST_ADDPATH",
        Some((kind::TABLE_DUMP_V2, 11)) => "TABLE_DUMP_V2/IPV6_MULTICAST_ADDPATH",
        Some((kind::TABLE_DUMP_V2, _)) => "TABLE_DUMP_V2/RIB_GENERIC",
        _ => "BGP4MP/ENTRY",
    }
}

/// Appends attributes. In tables the family and next hop are those of the route, since MP_REACH_NLRI may be abbreviated.
fn attributes(out: &mut Vec<u8>, attributes: &Attributes<'_>, route: Option<(Family, Hop)>) {
    let mut line = |title: &str, value: &mut dyn FnMut(&mut Vec<u8>)| {
        out.extend_from_slice(title.as_bytes());
        value(out);
        out.push(b'\n');
    };
    match attributes.origin() {
        Some(0) => line("ORIGIN: IGP", &mut |_| ()),
        Some(1) => line("ORIGIN: EGP", &mut |_| ()),
        Some(2) => line("ORIGIN: INCOMPLETE", &mut |_| ()),
        _ => {}
    }
    if attributes.as_path.is_some() {
        line("ASPATH: ", &mut |out| path(out, attributes));
    }
    if let Some(hop) = attributes.next_hop().address {
        line("NEXT_HOP: ", &mut |out| ip(out, hop, Dialect::Bgpdump));
    }
    for (title, value) in [
        ("MULTI_EXIT_DISC: ", attributes.med()),
        ("LOCAL_PREF: ", attributes.local_pref()),
    ] {
        if let Some(value) = value {
            line(title, &mut |out| number(out, value));
        }
    }
    if attributes.atomic_aggregate {
        line("ATOMIC_AGGREGATE", &mut |_| ());
    }
    if let Some((asn, address)) = attributes.aggregator() {
        line("AGGREGATOR: AS", &mut |out| {
            number(out, asn);
            out.push(b' ');
            ip(out, address.into(), Dialect::Bgpdump);
        });
    }
    if let Some(id) = attributes.originator_id() {
        line("ORIGINATOR_ID: ", &mut |out| {
            ip(out, id.into(), Dialect::Bgpdump);
        });
    }
    if attributes.cluster_list.is_some() {
        line("CLUSTER_LIST: ", &mut |out| {
            for id in attributes.cluster_list() {
                ip(out, id.into(), Dialect::Bgpdump);
                out.push(b' ');
            }
        });
    }
    unknown(out, attributes);
    multiprotocol(out, attributes, route);
    community_lines(out, attributes);
}

fn community_lines(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    if attributes.communities.is_some() {
        out.extend_from_slice(b"COMMUNITY:");
        if attributes.communities().next().is_some() {
            out.push(b' ');
        }
        communities(out, attributes);
        out.push(b'\n');
    }
    if attributes.large_communities.is_some() {
        out.extend_from_slice(b"LARGE_COMMUNITY:");
        if attributes.large_communities().next().is_some() {
            out.push(b' ');
        }
        large_communities(out, attributes);
        out.push(b'\n');
    }
}

fn unknown(out: &mut Vec<u8>, attributes: &Attributes<'_>) {
    for (flags, code, value) in attributes.iter() {
        if matches!(code, 1..=10 | 14 | 15 | 17 | 18 | 32) {
            continue;
        }
        out.extend_from_slice(
            format!("   UNKNOWN_ATTR({flags}, {code}, {}):", value.len()).as_bytes(),
        );
        for byte in value {
            out.extend_from_slice(format!(" {byte:02x}").as_bytes());
        }
        out.push(b'\n');
    }
}

/// The family in bgpdump's words, if it has some.
fn family(family: Family) -> Option<String> {
    let afi = match family.afi {
        Afi::IPV4 => "IPv4",
        Afi::IPV6 => "IPv6",
        _ => return None,
    };
    let safi = match family.safi {
        Safi::UNICAST => "Unicast",
        Safi::MULTICAST => "Multicast",
        Safi(3) => "Both unicast and multicast",
        _ => return None,
    };
    Some(format!("{afi} {safi}"))
}

fn multiprotocol(out: &mut Vec<u8>, attributes: &Attributes<'_>, route: Option<(Family, Hop)>) {
    for value in attributes.reaches() {
        let (of, hop) = match (route, Reach::whole(value)) {
            (Some((family, hop)), _) => (family, hop),
            (None, Some(reach)) => match reach.family {
                Some(family) => (family, Hop::parse(reach.next_hop).unwrap_or_default()),
                None => continue,
            },
            (None, None) => continue,
        };
        // In a table the attribute may be whole and of another family than the route.
        let of = match (route, Reach::of_table(value).and_then(|reach| reach.family)) {
            (Some(_), Some(family)) => family,
            _ => of,
        };
        let Some(name) = family(of) else {
            continue;
        };
        out.extend_from_slice(format!("MP_REACH_NLRI({name})\n").as_bytes());
        for address in [hop.address, hop.link_local.map(Into::into)]
            .into_iter()
            .flatten()
        {
            out.extend_from_slice(b"NEXT_HOP: ");
            ip(out, address, Dialect::Bgpdump);
            out.push(b'\n');
        }
    }
    for (of, _) in attributes.unreaches().filter_map(unreach) {
        if let Some(name) = family(of) {
            out.extend_from_slice(format!("MP_UNREACH_NLRI({name})\n").as_bytes());
        }
    }
}

fn open(out: &mut Vec<u8>, body: &[u8]) {
    let Some([version, a0, a1, h0, h1, i0, i1, i2, i3, length]) = body.first_chunk::<10>() else {
        return;
    };
    let (asn, hold) = (
        u16::from_be_bytes([*a0, *a1]),
        u16::from_be_bytes([*h0, *h1]),
    );
    let text = format!(
        "VERSION: {version}\nAS: {asn}\nHOLD_TIME: {hold}\nID: {i0}.{i1}.{i2}.{i3}\nOPT_PARM_LEN: {length}\n"
    );
    out.extend_from_slice(text.as_bytes());
}

/// NOTIFICATION codes and subcodes in bgpdump's words.
const CODES: [(&str, &[&str]); 6] = [
    (
        "Message Header Error",
        &[
            "Connection Not Synchronized",
            "Bad Message Length",
            "Bad Message Type",
        ],
    ),
    (
        "OPEN Message Error",
        &[
            "Unsupported Version Number",
            "Bad Peer AS",
            "Bad BGP Identifier",
            "Unsupported Optional Parameter",
            "Authentication Failure",
            "Unacceptable Hold Time",
        ],
    ),
    (
        "UPDATE Message Error",
        &[
            "Malformed Attribute List",
            "Unrecognized Well-known Attribute",
            "Missing Well-known Attribute",
            "Attribute Flags Error",
            "Attribute Length Error",
            "Invalid ORIGIN Attribute",
            "AS Routing Loop",
            "Invalid NEXT-HOP Attribute",
            "Optional Attribute Error",
            "Invalid Network Field",
            "Malformed AS-PATH",
        ],
    ),
    ("Hold Timer Expired", &[]),
    ("Finite State Machine Error", &[]),
    ("Cease", &[]),
];

fn notification(out: &mut Vec<u8>, body: &[u8]) {
    let [code, subcode, ..] = body else {
        return;
    };
    let place = |number: u8| usize::from(number).checked_sub(1);
    let known = place(*code).and_then(|at| CODES.get(at));
    let name = known.map_or_else(String::new, |(name, _)| format!(" ({name})"));
    out.extend_from_slice(format!("    ERROR CODE  : {code}{name}\n").as_bytes());
    if let Some((_, names)) = known.filter(|(_, names)| !names.is_empty()) {
        let name = place(*subcode)
            .and_then(|at| names.get(at))
            .map_or_else(String::new, |name| format!(" ({name})"));
        out.extend_from_slice(format!("    SUB ERROR   : {subcode}{name}\n").as_bytes());
    }
}
