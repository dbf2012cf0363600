//! BGP-LS (RFC 9552 section 5.2): nodes, links, prefixes and SRv6 SIDs of an IGP, also in a VPN. [`parse`] reads the
//! syntax for announcing one.
//!
//! ```text
//! +---------------------------------------------------------------+
//! |            NLRI Type          |     Total NLRI Length         |
//! +---------------------------------------------------------------+
//! |                  Route Distinguisher (8 octets)               |   SAFI 72 only
//! +---------------------------------------------------------------+
//! |  Protocol-ID  |           Identifier (8 octets)               |
//! +---------------------------------------------------------------+
//! |                descriptors: TLVs of type (2), length (2)      |
//! +---------------------------------------------------------------+
//! ```

use super::inet::{address_of, next_hop_text};
use super::{NlriCodec, NlriRef, push_family_sentence};
use crate::bgp::error::Severity;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

mod descriptor;
mod sentence;
mod words;

pub use sentence::parse;
pub(crate) use sentence::{system, system_text, tlv};

use descriptor::{Descriptors, LinkId};

/// Objects of a link-state database.
#[derive(Clone, Copy, Debug)]
pub struct BgpLs;

const NODE: u16 = 1;
const LINK: u16 = 2;
const PREFIX_V4: u16 = 3;
const PREFIX_V6: u16 = 4;
const SRV6_SID: u16 = 6;

/// A decoded object of a known type.
struct Object {
    code: u16,
    rd: Option<RouteDistinguisher>,
    protocol: u8,
    identifier: u64,
    descriptors: Descriptors,
}

impl Object {
    /// Decodes the value of an NLRI. Returns `None` for an unknown type.
    fn decode(family: Family, code: u16, mut r: Reader<'_>) -> Result<Option<Self>, WireError> {
        const WHAT: &str = "a BGP-LS NLRI of its type's length";
        if !matches!(code, NODE | LINK | PREFIX_V4 | PREFIX_V6 | SRV6_SID) {
            return Ok(None);
        }
        let rd = if family.safi == Safi::BGP_LS_VPN {
            Some(RouteDistinguisher(r.array(WHAT)?))
        } else {
            None
        };
        let protocol = r.u8(WHAT)?;
        let identifier = r.u64(WHAT)?;
        let afi = match code {
            PREFIX_V4 => Some(Afi::IPV4),
            PREFIX_V6 => Some(Afi::IPV6),
            _ => None,
        };
        let descriptors = Descriptors::decode(protocol, afi, &mut r)?;
        // RFC 9552 8.2.2: an NLRI "MUST NOT be considered malformed or invalid based on the inclusion/exclusion of TLVs".
        Ok(Some(Self {
            code,
            rd,
            protocol,
            identifier,
            descriptors,
        }))
    }

    fn of(family: Family, bytes: &[u8]) -> Option<Self> {
        let (code, r) = head(bytes)?;
        Self::decode(family, code, r).ok()?
    }

    const fn name(&self) -> &'static str {
        match self.code {
            NODE => "bgpls-node",
            LINK => "bgpls-link",
            PREFIX_V4 => "bgpls-prefix-v4",
            PREFIX_V6 => "bgpls-prefix-v6",
            _ => "bgpls-srv6sid",
        }
    }

    fn json(&self, shape: Shape, w: &mut JsonWriter) {
        let d = &self.descriptors;
        w.key("ls-nlri-type").string(self.name());
        w.raw(", \"l3-routing-topology\": ").number(self.identifier);
        w.raw(", \"protocol-id\": ").number(self.protocol);
        match self.code {
            LINK => {
                descriptor::json("local-node-descriptors", &d.local, w);
                descriptor::json("remote-node-descriptors", &d.remote, w);
                descriptor::list("interface-addresses", &d.interfaces, w);
                descriptor::list("neighbor-addresses", &d.neighbors, w);
                w.raw(", \"multi-topology-ids\": [ ");
                w.list(&d.topologies, |w, topology| {
                    w.number(*topology);
                });
                w.raw(" ], \"link-identifiers\": [ ");
                w.list(&d.link, |w, LinkId { local, remote }| {
                    w.raw("{ \"link-local-id\": ").number(*local);
                    w.raw(", \"link-remote-id\": ").number(*remote).raw(" }");
                });
                w.raw(" ]");
            }
            SRV6_SID => {
                descriptor::json("node-descriptors", &d.local, w);
                w.raw(", \"srv6-sid-descriptors\": {\"multi-topology-ids\": [");
                w.list(&d.topologies, |w, topology| {
                    w.display(topology);
                });
                w.raw("]");
                if let Some(sid) = d.sid {
                    w.raw(", \"srv6-sid\": ").display(sid);
                }
                for (kind, value) in &d.others {
                    w.raw(", ").key(&format!("generic-tlv-{kind}"));
                    w.format(format_args!("[\"0x{}\"]", hex(value)));
                }
                // ExaBGP omits the route distinguisher here.
                w.raw("}");
            }
            _ => {
                descriptor::json("node-descriptors", &d.local, w);
                if let Some((address, bits)) = d.prefix {
                    w.raw(", \"ip-reachability-tlv\": ");
                    match shape {
                        Shape::V5(_) => w.display(address),
                        Shape::V6 => w.display(format_args!("{address}/{bits}")),
                    };
                    w.raw(", \"ip-reach-prefix\": ")
                        .display(format_args!("{address}/{bits}"));
                }
                match shape {
                    Shape::V5(Some(next_hop)) => {
                        w.raw(", \"nexthop\": ").display(next_hop);
                    }
                    Shape::V5(None) => {
                        w.raw(", \"nexthop\": \"None\"");
                    }
                    Shape::V6 => {}
                }
                if let Some(kind) = d.ospf_route_type {
                    w.raw(", \"ospf-route-type\": ").number(kind);
                }
            }
        }
        if let Some(rd) = self.rd {
            w.raw(", \"rd\": ").display(rd);
        }
    }
}

/// Whose JSON an object gets.
#[derive(Clone, Copy)]
enum Shape {
    /// That of ExaBGP 5.0, in which nodes and prefixes show their next hop.
    V5(Option<NextHop>),
    /// That of ExaBGP 6.0.
    V6,
}

/// Appends the JSON of an NLRI in the shape of ExaBGP 6.0: without next hop, and with the length of a prefix.
pub(crate) fn json_v60(nlri: NlriRef<'_>, w: &mut JsonWriter) {
    json(nlri, Shape::V6, w);
}

fn json(nlri: NlriRef<'_>, shape: Shape, w: &mut JsonWriter) {
    w.raw("{ ");
    match Object::of(nlri.family, nlri.bytes) {
        Some(object) => object.json(shape, w),
        None => {
            let code = head(nlri.bytes).map_or(0, |(code, _)| code);
            w.raw("\"code\": ").number(code);
            w.raw(", \"parsed\": false, \"raw\": ")
                .string(&hex(nlri.bytes));
        }
    }
    w.raw(" }");
}

/// The type, and the bytes after the length.
fn head(bytes: &[u8]) -> Option<(u16, Reader<'_>)> {
    let mut r = Reader::new(bytes);
    let code = r.u16("a type of NLRI").ok()?;
    let length = usize::from(r.u16("the length of an NLRI").ok()?);
    Some((code, r.sub(length, "an NLRI of its declared length").ok()?))
}

impl NlriCodec for BgpLs {
    const FAMILIES: &'static [Family] = &[Family::BGP_LS, Family::BGP_LS_VPN];
    // RFC 9552 8.2.2: "it MUST handle such malformed NLRIs as 'NLRI discard'".
    const MALFORMED: Option<Severity> = Some(Severity::Discard);

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let Some((_, value)) = head(r.peek()) else {
            return Err(r.error("a BGP-LS NLRI of its declared length"));
        };
        r.take(
            4 + value.remaining(),
            "a BGP-LS NLRI of its declared length",
        )
    }

    fn check(family: Family, bytes: &[u8]) -> Result<(), WireError> {
        let Some((code, value)) = head(bytes) else {
            return Ok(());
        };
        Object::decode(family, code, value).map(drop)
    }

    fn json(nlri: NlriRef<'_>, next_hop: Option<NextHop>, w: &mut JsonWriter) {
        json(nlri, Shape::V5(next_hop), w);
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        push_family_sentence(nlri, next_hop, out);
    }

    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::grammar(nlri, out);
        next_hop_text(next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        match words::words(nlri.family, nlri.bytes) {
            Some(words) => out.push_str(&format!("{} {words}", nlri.family.safi)),
            None => out.push_str(&format!("{} raw 0x{}", nlri.family.safi, hex(nlri.bytes))),
        }
    }
}
