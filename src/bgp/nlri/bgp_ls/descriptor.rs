//! Descriptors of BGP-LS NLRI: TLVs that identify the node, link, prefix or SID (RFC 9552 sections 5.2.1 to 5.2.3,
//! RFC 9514 section 6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bgp::family::Afi;
use crate::bgp::nlri::inet::{address_of, mask};
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

/// The identifiers of a link.
pub(super) struct LinkId {
    /// At the local node.
    pub local: u32,
    /// At the remote node.
    pub remote: u32,
}

/// A node descriptor sub-TLV.
pub(super) enum Node {
    As(u32),
    Identifier(u32),
    Area(IpAddr),
    /// IS-IS: system identifier, and the number of a pseudonode.
    System(Vec<u8>),
    /// OSPF: router, and the designated router of a pseudonode.
    Router(Ipv4Addr, Option<Ipv4Addr>),
    Other(u16, Vec<u8>),
}

/// The decoded TLVs of an NLRI.
#[derive(Default)]
pub(super) struct Descriptors {
    /// The local node, or the only one.
    pub local: Vec<Node>,
    /// The remote node of a link.
    pub remote: Vec<Node>,
    /// Local and remote identifiers of a link.
    pub link: Option<LinkId>,
    /// Local addresses of a link.
    pub interfaces: Vec<IpAddr>,
    /// Remote addresses of a link.
    pub neighbors: Vec<IpAddr>,
    /// Multi-topology identifiers.
    pub topologies: Vec<u16>,
    /// OSPF route type of a prefix.
    pub ospf_route_type: Option<u8>,
    /// The prefix.
    pub prefix: Option<(IpAddr, u8)>,
    /// The SRv6 SID.
    pub sid: Option<Ipv6Addr>,
    /// Other descriptors.
    pub others: Vec<(u16, Vec<u8>)>,
}

const WHAT: &str = "a TLV of its type's length";

/// Takes a TLV off `r`.
fn tlv<'a>(r: &mut Reader<'a>) -> Result<(u16, Reader<'a>), WireError> {
    let kind = r.u16("a type of TLV")?;
    let length = usize::from(r.u16("a length of TLV")?);
    Ok((kind, r.sub(length, "a TLV of its declared length")?))
}

/// An address of four or sixteen octets.
fn address(r: &mut Reader<'_>) -> Result<IpAddr, WireError> {
    match r.remaining() {
        4 => Ok(r.array::<4>(WHAT)?.into()),
        16 => Ok(r.array::<16>(WHAT)?.into()),
        _ => Err(r.error(WHAT)),
    }
}

impl Descriptors {
    /// Decodes the descriptors of an object; `afi` is the address family of its prefix, if it is one.
    ///
    /// # Errors
    /// Returns an error if they break a rule of RFC 9552 section 8.2.2: on their order, the length of a known one, or
    /// duplicates.
    pub(super) fn decode(
        protocol: u8,
        afi: Option<Afi>,
        r: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let mut d = Self::default();
        let mut last: Option<(u16, usize, &[u8])> = None;
        while !r.is_empty() {
            let (kind, mut value) = tlv(r)?;
            // RFC 9552 5.1: TLVs are "in ascending order by TLV type", those of one type by length, then by value.
            let place = (kind, value.remaining(), value.peek());
            if last.is_some_and(|last| last > place) {
                return Err(r.error("descriptors in ascending order"));
            }
            if matches!(kind, 256 | 257 | 265) && last.is_some_and(|(before, ..)| before == kind) {
                return Err(r.error("a node or a prefix once"));
            }
            last = Some(place);
            match kind {
                256 => d.local = nodes(protocol, &mut value)?,
                257 => d.remote = nodes(protocol, &mut value)?,
                258 => {
                    d.link = Some(LinkId {
                        local: value.u32(WHAT)?,
                        remote: value.u32(WHAT)?,
                    });
                }
                259 | 261 => d.interfaces.push(address(&mut value)?),
                260 | 262 => d.neighbors.push(address(&mut value)?),
                // Twelve bits; ExaBGP reads the first of several.
                263 => d.topologies.push(value.u16(WHAT)? & 0x0FFF),
                264 => d.ospf_route_type = Some(value.u8(WHAT)?),
                265 if afi.is_some() => {
                    d.prefix = Some(prefix(afi == Some(Afi::IPV6), &mut value)?)
                }
                518 => d.sid = Some(value.array::<16>(WHAT)?.into()),
                _ => d.others.push((kind, value.rest().to_vec())),
            }
        }
        Ok(d)
    }
}

fn prefix(ipv6: bool, r: &mut Reader<'_>) -> Result<(IpAddr, u8), WireError> {
    let bits = r.u8(WHAT)?;
    let (afi, most) = if ipv6 {
        (Afi::IPV6, 128)
    } else {
        (Afi::IPV4, 32)
    };
    if bits > most || r.remaining() > usize::from(bits.div_ceil(8)) {
        return Err(r.error("a prefix of the family"));
    }
    Ok((mask(address_of(afi, r.rest()), bits), bits))
}

/// Reads the sub-TLVs of a node. RFC 9552 5.2.1: "The sub-TLVs within a Node Descriptor MUST be arranged in ascending order by
/// sub-TLV type"; 8.2.2: "there is not more than one instance of a sub-TLV present".
fn nodes(protocol: u8, r: &mut Reader<'_>) -> Result<Vec<Node>, WireError> {
    let mut list = Vec::new();
    let mut last = None;
    while !r.is_empty() {
        let (kind, mut value) = tlv(r)?;
        if last.replace(kind) >= Some(kind) {
            return Err(r.error("node descriptors in ascending order"));
        }
        let node = match (kind, protocol) {
            (512, _) => Node::As(value.u32(WHAT)?),
            (513, _) => Node::Identifier(value.u32(WHAT)?),
            (514, _) => Node::Area(address(&mut value)?),
            (515, 1 | 2) if matches!(value.remaining(), 6 | 7) => {
                Node::System(value.rest().to_vec())
            }
            // OSPFv2, static and OSPFv3; 227 is freeRtr's own.
            (515, 3 | 5 | 6 | 227) => {
                let router = value.array::<4>(WHAT)?.into();
                let designated = if value.is_empty() {
                    None
                } else {
                    Some(value.array::<4>(WHAT)?.into())
                };
                Node::Router(router, designated)
            }
            (515, 1 | 2) => return Err(value.error(WHAT)),
            _ => Node::Other(kind, value.rest().to_vec()),
        };
        value.finish(WHAT)?;
        list.push(node);
    }
    Ok(list)
}

/// Appends `, "name": [ { "autonomous-system": 1 }, … ]`.
pub(super) fn json(name: &str, nodes: &[Node], w: &mut JsonWriter) {
    w.raw(", ").key(name).raw("[ ");
    w.list(nodes, |w, node| {
        w.raw("{ ");
        match node {
            Node::As(asn) => drop(w.key("autonomous-system").number(*asn)),
            Node::Identifier(id) => drop(w.key("bgp-ls-identifier").display(id)),
            Node::Area(area) => drop(w.key("ospf-area-id").display(area)),
            Node::System(system) => {
                w.key("router-id").raw("\"").hex_lower(system).raw("\"");
                if let Some(pseudonode) = system.get(6).filter(|number| **number != 0) {
                    w.raw(", \"psn\": ").display(pseudonode);
                }
            }
            Node::Router(router, designated) => {
                w.key("router-id").display(router);
                if let Some(designated) = designated {
                    w.raw(", \"designated-router-id\": ").display(designated);
                }
            }
            Node::Other(kind, value) => {
                w.key(&format!("generic-node-descriptor-{kind}"));
                w.format(format_args!("\"0x{}\"", hex(value)));
            }
        }
        w.raw(" }");
    });
    w.raw(" ]");
}

/// Appends `, "name": [ "1.2.3.4", … ]`.
pub(super) fn list(name: &str, addresses: &[IpAddr], w: &mut JsonWriter) {
    w.raw(", ").key(name).raw("[ ");
    w.list(addresses, |w, address| {
        w.display(address);
    });
    w.raw(" ]");
}
