//! An UPDATE built from the JSON fields of a RIS Live message.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::bgp::family::Family;
use crate::bgp::message::HEADER;
use crate::bgp::message::update::Update;
use crate::stream::attributes::{Attributes, Reach};
use crate::stream::block::{Routes, unreach};

use super::rislive_data::{Announcement, Data, Hop};

/// Flags of attributes (RFC 4271 section 4.3).
const WELL_KNOWN: u8 = 0x40;
const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0xC0;
const EXTENDED: u8 = 0x10;

/// Prefixes that share their next hops.
struct Group {
    hop: Option<IpAddr>,
    link_local: Option<Ipv6Addr>,
    prefixes: Vec<IpNet>,
}

/// The message that the fields describe.
///
/// # Errors
/// When a field is malformed, or there are more routes than fit a message.
pub(super) fn update(data: &Data) -> Result<Vec<u8>, String> {
    let groups = groups(&data.announcements)?;
    let withdrawals = prefixes(&data.withdrawals)?;
    let mut withdrawn = Vec::new();
    let mut unreachable = vec![0, 2, 1];
    for prefix in &withdrawals {
        match prefix {
            IpNet::V4(_) => nlri(&mut withdrawn, prefix),
            IpNet::V6(_) => nlri(&mut unreachable, prefix),
        }
    }
    let mut attributes = Vec::new();
    if !groups.is_empty() {
        common(&mut attributes, data)?;
    }
    if unreachable.len() > 3 {
        attribute(&mut attributes, OPTIONAL, 15, &unreachable);
    }
    let mut routes = Vec::new();
    let mut native = false;
    for group in &groups {
        if let (Some(IpAddr::V4(hop)), false, true) =
            (group.hop, native, group.prefixes.iter().all(is_v4))
        {
            // Only one group can share the NEXT_HOP attribute.
            native = true;
            attribute(&mut attributes, WELL_KNOWN, 3, &hop.octets());
            for prefix in &group.prefixes {
                nlri(&mut routes, prefix);
            }
        } else {
            reach(&mut attributes, group);
        }
    }
    assemble(&withdrawn, &attributes, &routes)
}

const fn is_v4(prefix: &IpNet) -> bool {
    matches!(prefix, IpNet::V4(_))
}

fn assemble(withdrawn: &[u8], attributes: &[u8], routes: &[u8]) -> Result<Vec<u8>, String> {
    let total = HEADER + 4 + withdrawn.len() + attributes.len() + routes.len();
    let lengths = (
        u16::try_from(total),
        u16::try_from(withdrawn.len()),
        u16::try_from(attributes.len()),
    );
    let (Ok(total), Ok(withdrawn_length), Ok(attributes_length)) = lengths else {
        return Err("more routes than fit a BGP message".to_owned());
    };
    let mut out = vec![0xFF; 16];
    out.extend_from_slice(&total.to_be_bytes());
    out.push(2);
    out.extend_from_slice(&withdrawn_length.to_be_bytes());
    out.extend_from_slice(withdrawn);
    out.extend_from_slice(&attributes_length.to_be_bytes());
    out.extend_from_slice(attributes);
    out.extend_from_slice(routes);
    Ok(out)
}

/// ORIGIN, AS_PATH, MULTI_EXIT_DISC, AGGREGATOR and COMMUNITIES.
fn common(out: &mut Vec<u8>, data: &Data) -> Result<(), String> {
    if let Some(origin) = &data.origin {
        let value = match origin.to_ascii_lowercase().as_str() {
            "igp" => 0,
            "egp" => 1,
            _ => 2,
        };
        attribute(out, WELL_KNOWN, 1, &[value]);
    }
    attribute(out, WELL_KNOWN, 2, &as_path(&data.path)?);
    if let Some(med) = data.med {
        attribute(out, OPTIONAL, 4, &med.to_be_bytes());
    }
    if let Some(text) = &data.aggregator {
        let parts = text
            .split_once([':', ' '])
            .and_then(|(asn, address)| {
                Some((asn.parse::<u32>().ok()?, address.parse::<Ipv4Addr>().ok()?))
            })
            .ok_or("`aggregator` is malformed")?;
        let mut value = parts.0.to_be_bytes().to_vec();
        value.extend_from_slice(&parts.1.octets());
        attribute(out, TRANSITIVE, 7, &value);
    }
    if !data.community.is_empty() {
        let value: Vec<u8> = data
            .community
            .iter()
            .flat_map(|(high, low)| [high.to_be_bytes(), low.to_be_bytes()].concat())
            .collect();
        attribute(out, TRANSITIVE, 8, &value);
    }
    Ok(())
}

fn as_path(hops: &[Hop]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut segment = |kind: u8, asns: &[u32]| -> Result<(), String> {
        for chunk in asns.chunks(255) {
            out.push(kind);
            out.push(u8::try_from(chunk.len()).map_err(|error| error.to_string())?);
            for asn in chunk {
                out.extend_from_slice(&asn.to_be_bytes());
            }
        }
        Ok(())
    };
    let mut sequence = Vec::new();
    for hop in hops {
        match hop {
            Hop::Asn(asn) => sequence.push(*asn),
            Hop::Set(asns) => {
                segment(2, &sequence)?;
                sequence.clear();
                segment(1, asns)?;
            }
        }
    }
    segment(2, &sequence)?;
    Ok(out)
}

fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => out.extend_from_slice(&[flags, code, length]),
        Err(_) => {
            out.extend_from_slice(&[flags | EXTENDED, code]);
            // What is longer fails when the message is assembled.
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(value);
}

fn reach(out: &mut Vec<u8>, group: &Group) {
    for v4 in [true, false] {
        let mut value = vec![0, if v4 { 1 } else { 2 }, 1];
        let mut hop = match group.hop {
            Some(IpAddr::V4(hop)) => hop.octets().to_vec(),
            Some(IpAddr::V6(hop)) => hop.octets().to_vec(),
            None => Vec::new(),
        };
        if hop.len() == 16
            && let Some(link_local) = group.link_local
        {
            hop.extend_from_slice(&link_local.octets());
        }
        value.push(u8::try_from(hop.len()).unwrap_or_default());
        value.extend_from_slice(&hop);
        value.push(0);
        let before = value.len();
        for prefix in group.prefixes.iter().filter(|one| is_v4(one) == v4) {
            nlri(&mut value, prefix);
        }
        if value.len() > before {
            attribute(out, OPTIONAL, 14, &value);
        }
    }
}

fn nlri(out: &mut Vec<u8>, prefix: &IpNet) {
    let length = prefix.prefix_len();
    out.push(length);
    let count = usize::from(length).div_ceil(8);
    match prefix.trunc().addr() {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()[..count]),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()[..count]),
    }
}

fn prefixes(texts: &[String]) -> Result<Vec<IpNet>, String> {
    texts
        .iter()
        // An End-of-RIB marker.
        .filter(|text| *text != "eor")
        .map(|text| {
            text.parse()
                .map_err(|_| "a malformed prefix in the JSON fields".to_owned())
        })
        .collect()
}

/// The announcements; those that repeat the prefixes of the one before with a link-local next hop are joined with it.
fn groups(announcements: &[Announcement]) -> Result<Vec<Group>, String> {
    let mut groups: Vec<Group> = Vec::new();
    for announcement in announcements {
        let (hop, link_local) = announcement.hops();
        let group = Group {
            hop,
            link_local,
            prefixes: prefixes(&announcement.prefixes)?,
        };
        if group.prefixes.is_empty() {
            continue;
        }
        if let (Some(before), Some(IpAddr::V6(hop))) = (groups.last_mut(), group.hop)
            && before.link_local.is_none()
            && same(&before.prefixes, &group.prefixes)
        {
            match before.hop {
                Some(IpAddr::V6(_)) if hop.is_unicast_link_local() => {
                    before.link_local = Some(hop);
                    continue;
                }
                Some(IpAddr::V6(first)) if first.is_unicast_link_local() => {
                    before.hop = Some(hop.into());
                    before.link_local = Some(first);
                    continue;
                }
                _ => {}
            }
        }
        groups.push(group);
    }
    Ok(groups)
}

fn same(one: &[IpNet], other: &[IpNet]) -> bool {
    let set = |list: &[IpNet]| list.iter().copied().collect::<BTreeSet<_>>();
    one == other || set(one) == set(other)
}

/// Whether two messages announce and withdraw the same prefixes.
pub(super) fn same_routes(one: &[u8], other: &[u8]) -> bool {
    match (routes(one), routes(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// A route: whether it is withdrawn, its family, its NLRI.
type Key<'a> = (bool, Family, &'a [u8]);

fn routes(message: &[u8]) -> Option<BTreeSet<Key<'_>>> {
    let update = Update::new(message.get(HEADER..)?).ok()?;
    let attributes = Attributes::new(update.attributes, true);
    let native = Family::IPV4_UNICAST;
    let mut fields = vec![
        (true, native, update.withdrawn),
        (false, native, update.nlri),
    ];
    for (family, bytes) in attributes.unreaches().filter_map(unreach) {
        fields.push((true, family, bytes));
    }
    for reach in attributes.reaches().filter_map(Reach::whole) {
        fields.push((false, reach.family?, reach.nlri));
    }
    let mut found = BTreeSet::new();
    for (withdrawn, family, bytes) in fields {
        for route in Routes::new(family, false, bytes) {
            found.insert((withdrawn, family, route.nlri));
        }
    }
    Some(found)
}
