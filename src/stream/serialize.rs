//! serde for elems and records, with the keys and values of JSON lines: pybgpstream's names of attributes and fields.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Elem;
use super::address::ip_text;
use super::format::{field, route};
use super::record::{Origin, Record, RecordKind};
use super::sourced::SourcedElem;
use crate::bgp::Safi;

impl Serialize for Elem {
    /// A map, without what its record tells; what the elem does not have is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        elem(self, None, serializer)
    }
}

impl Serialize for SourcedElem {
    /// A map with the keys of its record, too; what the elem does not have is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        elem(self, Some((self.record_kind, &self.source)), serializer)
    }
}

impl Serialize for Record {
    /// A map with the names of pybgpstream's attributes, without the elems; what the record does not have is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind.as_str())?;
        map.serialize_entry("dump_position", self.position.as_str())?;
        map.serialize_entry("time", &self.time.as_f64())?;
        origin(&self.origin, &mut map)?;
        map.serialize_entry("status", self.status.as_str())?;
        map.serialize_entry("dump_time", &self.origin.dump_time)?;
        if let Some(damage) = &self.damage {
            map.serialize_entry("damage", damage)?;
        }
        if !self.notes.is_empty() {
            map.serialize_entry("notes", &self.notes.to_string())?;
        }
        map.end()
    }
}

fn origin<M: SerializeMap>(origin: &Origin, map: &mut M) -> Result<(), M::Error> {
    for (key, value) in [
        ("project", &origin.project),
        ("collector", &origin.collector),
        ("router", &origin.router),
    ] {
        if !value.is_empty() {
            map.serialize_entry(key, value)?;
        }
    }
    if let Some(address) = origin.router_ip {
        map.serialize_entry("router_ip", &ip_text(address))?;
    }
    Ok(())
}

fn elem<S: Serializer>(
    elem: &Elem,
    record: Option<(RecordKind, &Origin)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("type", elem.kind.as_str())?;
    map.serialize_entry("time", &elem.time.as_f64())?;
    if let Some((kind, source)) = record {
        map.serialize_entry("record_type", kind.as_str())?;
        origin(source, &mut map)?;
    }
    map.serialize_entry("peer_asn", &elem.peer_asn.0)?;
    if let Some(address) = elem.peer_address {
        map.serialize_entry("peer_address", &ip_text(address))?;
    }
    if let Some(direction) = field::direction(elem.direction) {
        map.serialize_entry("direction", direction)?;
    }
    if let Some(rib) = field::rib(elem.rib) {
        map.serialize_entry("rib", rib)?;
    }
    if let Some(distinguisher) = elem.distinguisher {
        map.serialize_entry("distinguisher", &distinguisher.to_string())?;
    }
    if let Some(time) = elem.originated {
        match time.micros {
            0 => map.serialize_entry("orig_time", &time.seconds)?,
            _ => map.serialize_entry("orig_time", &time.as_f64())?,
        }
    }
    if !elem.notes.is_empty() {
        map.serialize_entry("notes", &elem.notes.to_string())?;
    }
    if let Some(nlri) = &elem.nlri {
        if nlri.family.safi != Safi::UNICAST {
            map.serialize_entry("family", &nlri.family.to_string())?;
        }
        map.serialize_entry("prefix", &route::of(elem.kind, nlri))?;
        if let Some(id) = nlri.path_id {
            map.serialize_entry("path-id", &id)?;
        }
    }
    if let Some(address) = elem.next_hop.address {
        map.serialize_entry("next-hop", &ip_text(address))?;
    }
    if let Some(address) = elem.next_hop.link_local {
        map.serialize_entry("link-local-next-hop", &ip_text(address))?;
    }
    attributes(elem, &mut map)?;
    for (key, state) in [("old-state", elem.old_state), ("new-state", elem.new_state)] {
        if let Some(state) = state {
            map.serialize_entry(key, state.as_str())?;
        }
    }
    map.end()
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
        let list: Vec<String> = attributes.cluster_list().map(ip_text).collect();
        map.serialize_entry("cluster-list", &list)?;
    }
    if let Some((asn, address)) = attributes.aggregator() {
        map.serialize_entry("aggregator", &format!("{asn} {address}"))?;
    }
    if attributes.atomic_aggregate {
        map.serialize_entry("atomic-aggregate", &true)?;
    }
    if let Some(address) = attributes.originator_id() {
        map.serialize_entry("originator-id", &ip_text(address))?;
    }
    Ok(())
}
