//! serde for [`Elem`], with the keys and values of JSON lines, but for those of its record: pybgpstream's names of attributes and
//! fields.

use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Elem;
use super::address::{Dialect, ip};
use super::block::ElemKind;
use super::format::{field, route};
use crate::bgp::{NlriRef, Safi};

impl Serialize for Elem {
    /// A map; what the elem does not have is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind.as_str())?;
        map.serialize_entry("time", &self.time.as_f64())?;
        map.serialize_entry("peer_asn", &self.peer_asn.0)?;
        if let Some(address) = self.peer_address {
            map.serialize_entry("peer_address", &address_text(address))?;
        }
        if let Some(direction) = field::direction(self.direction) {
            map.serialize_entry("direction", direction)?;
        }
        if let Some(rib) = field::rib(self.rib) {
            map.serialize_entry("rib", rib)?;
        }
        if let Some(distinguisher) = self.distinguisher {
            map.serialize_entry("distinguisher", &distinguisher.to_string())?;
        }
        if let Some(time) = self.originated {
            match time.micros {
                0 => map.serialize_entry("orig_time", &time.seconds)?,
                _ => map.serialize_entry("orig_time", &time.as_f64())?,
            }
        }
        if !self.notes.is_empty() {
            map.serialize_entry("notes", &self.notes.to_string())?;
        }
        if let Some(nlri) = &self.nlri {
            if nlri.family.safi != Safi::UNICAST {
                map.serialize_entry("family", &nlri.family.to_string())?;
            }
            let shown = NlriRef {
                withdrawn: self.kind == ElemKind::Withdrawal,
                ..nlri.as_ref()
            };
            let prefix = text(|out| route::text(out, shown));
            map.serialize_entry("prefix", &prefix)?;
            if let Some(id) = nlri.path_id {
                map.serialize_entry("path-id", &id)?;
            }
        }
        if let Some(address) = self.next_hop.address {
            map.serialize_entry("next-hop", &address_text(address))?;
        }
        if let Some(address) = self.next_hop.link_local {
            map.serialize_entry("link-local-next-hop", &address_text(address))?;
        }
        attributes(self, &mut map)?;
        for (key, state) in [("old-state", self.old_state), ("new-state", self.new_state)] {
            if let Some(state) = state {
                map.serialize_entry(key, state.as_str())?;
            }
        }
        map.end()
    }
}

fn attributes<M: SerializeMap>(elem: &Elem, map: &mut M) -> Result<(), M::Error> {
    let Some(attributes) = elem.attributes() else {
        return Ok(());
    };
    if let Some(path) = elem.as_path() {
        map.serialize_entry("as-path", &path.to_string())?;
    }
    if let Some(asn) = elem.origin_asn() {
        map.serialize_entry("origin-asn", &asn.0)?;
    }
    if let Some(origin) = field::origin(&attributes) {
        map.serialize_entry("origin", origin)?;
    }
    for (key, value) in [
        ("med", attributes.med()),
        ("local-pref", attributes.local_pref()),
        ("otc", attributes.otc()),
    ] {
        if let Some(value) = value {
            map.serialize_entry(key, &value)?;
        }
    }
    let communities: Vec<String> = attributes
        .communities()
        .map(|(high, low)| format!("{high}:{low}"))
        .collect();
    map.serialize_entry("communities", &communities)?;
    let large: Vec<String> = attributes
        .large_communities()
        .map(|[a, b, c]| format!("{a}:{b}:{c}"))
        .collect();
    if attributes.large_communities.is_some() {
        map.serialize_entry("large-communities", &large)?;
    }
    let extended: Vec<String> = elem
        .ext_communities()
        .iter()
        .map(ToString::to_string)
        .collect();
    if attributes.ext_communities.is_some() {
        map.serialize_entry("ext-communities", &extended)?;
    }
    if attributes.cluster_list.is_some() {
        let list: Vec<String> = attributes.cluster_list().map(address_text).collect();
        map.serialize_entry("cluster-list", &list)?;
    }
    if let Some((asn, address)) = attributes.aggregator() {
        map.serialize_entry("aggregator", &format!("{asn} {address}"))?;
    }
    if attributes.atomic_aggregate {
        map.serialize_entry("atomic-aggregate", &true)?;
    }
    if let Some(address) = attributes.originator_id() {
        map.serialize_entry("originator-id", &address_text(address))?;
    }
    Ok(())
}

fn address_text(address: impl Into<IpAddr>) -> String {
    text(|out| ip(out, address.into(), Dialect::Inet))
}

/// What the functions of the formats write, which is text.
fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
