//! Mobile user plane (draft-mpmz-bess-mup-safi section 3.1): the four route types of 3GPP 5G. Others are opaque.
//!
//! ```text
//! +-----------------------------------+
//! |    Architecture Type (1 octet)    |   1 = 3gpp-5g
//! |    Route Type (2 octets)          |
//! |    Length (1 octet)               |
//! +-----------------------------------+
//! |    Route Distinguisher (8 octets) |
//! |    1 interwork segment:  bits (1)  prefix
//! |    2 direct segment:     address
//! |    3 type 1 session:     bits (1)  prefix  TEID (4)  QFI (1)  bits (1)  endpoint  [bits (1)  source]
//! |    4 type 2 session:     bits (1)  endpoint, then as many bits of TEID as remain
//! +-----------------------------------+
//! ```

use std::net::IpAddr;

use super::inet::{address_of, mask, max_bits, prefix_bytes};
use super::{NlriBytes, NlriCodec, NlriKey, NlriRef, push_family_sentence, push_sentence};
use crate::bgp::family::{Afi, Family};
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError, Writer};

mod parse;

pub use parse::parse;

/// Routes of mobile networks.
#[derive(Clone, Copy, Debug)]
pub struct Mup;

const ARCHITECTURE: u8 = 1;

/// A decoded route of a known type.
struct Route {
    rd: RouteDistinguisher,
    tail: Tail,
}

enum Tail {
    Interwork {
        prefix: IpAddr,
        bits: u8,
    },
    Direct {
        address: IpAddr,
    },
    Type1 {
        prefix: IpAddr,
        bits: u8,
        teid: u32,
        qfi: u8,
        endpoint: IpAddr,
        source: Option<IpAddr>,
    },
    Type2 {
        endpoint: IpAddr,
        bits: u8,
        teid: u32,
    },
}

const WHAT: &str = "a MUP route of its type's length";
pub(super) const ADDRESS_LENGTH: &str =
    "an address of the family in a direct segment discovery route";

/// An address preceded by its length in bits. The endpoints of a tunnel may be of another family than the prefix.
fn address(r: &mut Reader<'_>) -> Result<IpAddr, WireError> {
    match r.u8(WHAT)? {
        32 => Ok(r.array::<4>(WHAT)?.into()),
        128 => Ok(r.array::<16>(WHAT)?.into()),
        _ => Err(r.error("the length in bits of an address")),
    }
}

fn prefix(afi: Afi, r: &mut Reader<'_>) -> Result<(IpAddr, u8), WireError> {
    let bits = r.u8(WHAT)?;
    if bits > max_bits(afi) {
        return Err(r.error("a prefix length of the family"));
    }
    let address = address_of(afi, r.take(usize::from(bits.div_ceil(8)), WHAT)?);
    Ok((mask(address, bits), bits))
}

impl Route {
    /// Decodes the value of a route. Returns `None` for an unknown type.
    fn decode(afi: Afi, kind: (u8, u16), mut r: Reader<'_>) -> Result<Option<Self>, WireError> {
        let (ARCHITECTURE, code @ 1..=4) = kind else {
            return Ok(None);
        };
        let rd = RouteDistinguisher(r.array(WHAT)?);
        let tail = match code {
            1 => {
                let (prefix, bits) = prefix(afi, &mut r)?;
                Tail::Interwork { prefix, bits }
            }
            2 if r.remaining() != usize::from(max_bits(afi) / 8) => {
                return Err(r.error(ADDRESS_LENGTH));
            }
            2 => Tail::Direct {
                address: address_of(afi, r.rest()),
            },
            3 => {
                let (prefix, bits) = prefix(afi, &mut r)?;
                let (teid, qfi) = (r.u32(WHAT)?, r.u8(WHAT)?);
                let endpoint = address(&mut r)?;
                let source = match r.peek() {
                    [] => None,
                    [0] => {
                        r.rest();
                        None
                    }
                    _ => Some(address(&mut r)?),
                };
                Tail::Type1 {
                    prefix,
                    bits,
                    teid,
                    qfi,
                    endpoint,
                    source,
                }
            }
            _ => {
                let total = r.u8(WHAT)?;
                let Some(bits) = total.checked_sub(max_bits(afi)).filter(|bits| *bits <= 32) else {
                    return Err(r.error("an endpoint and at most 32 bits of TEID"));
                };
                let endpoint = address_of(afi, r.take(usize::from(max_bits(afi) / 8), WHAT)?);
                let octets = r.take(usize::from(bits.div_ceil(8)), WHAT)?;
                let teid = octets
                    .iter()
                    .fold(0, |sum, octet| sum << 8 | u32::from(*octet));
                Tail::Type2 {
                    endpoint,
                    bits,
                    teid,
                }
            }
        };
        r.finish(WHAT)?;
        Ok(Some(Self { rd, tail }))
    }

    fn of(afi: Afi, bytes: &[u8]) -> Option<Self> {
        let (kind, r) = head(bytes)?;
        Self::decode(afi, kind, r).ok()?
    }

    const fn code(&self) -> u16 {
        match self.tail {
            Tail::Interwork { .. } => 1,
            Tail::Direct { .. } => 2,
            Tail::Type1 { .. } => 3,
            Tail::Type2 { .. } => 4,
        }
    }

    /// The text that [`parse`] reads back.
    fn words(&self) -> String {
        let rd = self.rd.word();
        match &self.tail {
            Tail::Interwork { prefix, bits } => format!("mup-isd {prefix}/{bits} rd {rd}"),
            Tail::Direct { address } => format!("mup-dsd {address} rd {rd}"),
            Tail::Type1 {
                prefix,
                bits,
                teid,
                qfi,
                endpoint,
                source,
            } => {
                let source = source.map_or_else(String::new, |source| format!(" source {source}"));
                format!(
                    "mup-t1st {prefix}/{bits} rd {rd} teid {teid} qfi {qfi} endpoint {endpoint}{source}"
                )
            }
            Tail::Type2 {
                endpoint,
                bits,
                teid,
            } => {
                format!("mup-t2st {endpoint} rd {rd} teid {teid}/{bits}")
            }
        }
    }

    fn to_bytes(&self) -> NlriBytes {
        let octets = |w: &mut Writer<'_>, address: &IpAddr| match address {
            IpAddr::V4(address) => w.bytes(&address.octets()),
            IpAddr::V6(address) => w.bytes(&address.octets()),
        };
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u8(ARCHITECTURE);
        w.u16(self.code());
        w.len8(|w| {
            w.bytes(&self.rd.0);
            match &self.tail {
                Tail::Interwork { prefix, bits } => w.bytes(&prefix_bytes(*prefix, *bits)),
                Tail::Direct { address } => octets(w, address),
                Tail::Type1 {
                    prefix,
                    bits,
                    teid,
                    qfi,
                    endpoint,
                    source,
                } => {
                    w.bytes(&prefix_bytes(*prefix, *bits));
                    w.u32(*teid);
                    w.u8(*qfi);
                    for address in std::iter::once(endpoint).chain(source) {
                        w.u8(width(address));
                        octets(w, address);
                    }
                }
                Tail::Type2 {
                    endpoint,
                    bits,
                    teid,
                } => {
                    w.u8(width(endpoint) + bits);
                    octets(w, endpoint);
                    w.bytes(&teid.to_be_bytes()[4 - usize::from(bits.div_ceil(8))..]);
                }
            }
        });
        NlriBytes::from_vec(out)
    }
}

/// Number of bits in an address.
const fn width(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Architecture and type, and the bytes after the length.
fn head(bytes: &[u8]) -> Option<((u8, u16), Reader<'_>)> {
    let mut r = Reader::new(bytes);
    let kind = (
        r.u8("an architecture").ok()?,
        r.u16("a type of route").ok()?,
    );
    let length = usize::from(r.u8("the length of a route").ok()?);
    Some((kind, r.sub(length, "a route of its declared length").ok()?))
}

impl NlriCodec for Mup {
    const FAMILIES: &'static [Family] = &[Family::IPV4_MUP, Family::IPV6_MUP];

    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let Some((kind, value)) = head(r.peek()) else {
            return Err(r.error("a MUP route of its declared length"));
        };
        Route::decode(family.afi, kind, value)?;
        r.take(4 + value.remaining(), WHAT)
    }

    fn key(family: Family, bytes: &[u8], key: &mut NlriKey) {
        match Route::of(family.afi, bytes) {
            // The session of a prefix: tunnel and endpoints may change.
            Some(Route {
                rd,
                tail: Tail::Type1 { prefix, bits, .. },
            }) => {
                key.extend_from_slice(&bytes[..3]);
                key.extend_from_slice(&rd.0);
                key.extend_from_slice(&prefix_bytes(prefix, bits));
            }
            _ => key.extend_from_slice(bytes),
        }
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let ((architecture, code), _) = head(nlri.bytes).unwrap_or(((0, 0), Reader::new(&[])));
        let Some(route) = Route::of(nlri.family.afi, nlri.bytes) else {
            w.raw("{ \"arch\": ")
                .number(architecture)
                .raw(", \"code\": ")
                .number(code);
            w.raw(", \"raw\": ").string(&hex(nlri.bytes)).raw(" }");
            return;
        };
        w.raw("{ \"name\": \"").raw(match route.tail {
            Tail::Interwork { .. } => "InterworkSegmentDiscoveryRoute\", ",
            Tail::Direct { .. } => "DirectSegmentDiscoveryRoute\", ",
            Tail::Type1 { .. } => "Type1SessionTransformedRoute\", ",
            // ExaBGP writes two spaces here.
            Tail::Type2 { .. } => "Type2SessionTransformedRoute\",  ",
        });
        w.raw("\"arch\": ")
            .number(architecture)
            .raw(", \"code\": ")
            .number(code)
            .raw(", ");
        let rd = route.rd;
        match route.tail {
            Tail::Interwork { prefix, bits } => {
                w.raw("\"prefix_ip_len\": ")
                    .number(bits)
                    .raw(", \"prefix_ip\": ")
                    .display(prefix);
                w.raw(", \"rd\": ").display(rd);
            }
            Tail::Direct { address } => {
                w.raw("\"ip\": ")
                    .display(address)
                    .raw(", \"rd\": ")
                    .display(rd);
            }
            Tail::Type1 {
                prefix,
                bits,
                teid,
                qfi,
                endpoint,
                source,
            } => {
                w.raw("\"prefix_ip_len\": ")
                    .number(bits)
                    .raw(", \"prefix_ip\": ")
                    .display(prefix);
                w.raw(", \"teid\": ")
                    .display(teid)
                    .raw(", \"qfi\": ")
                    .display(qfi);
                w.raw(", \"rd\": ").display(rd);
                w.raw(", \"endpoint_ip_len\": ").number(width(&endpoint));
                w.raw(", \"endpoint_ip\": ").display(endpoint);
                w.raw(", \"source_ip_len\": ")
                    .number(source.as_ref().map_or(0, width));
                w.raw(", \"source_ip\": \"");
                w.raw(&source.map_or_else(String::new, |source| source.to_string()))
                    .raw("\"");
            }
            Tail::Type2 {
                endpoint,
                bits,
                teid,
            } => {
                w.raw("\"endpoint_len\": ")
                    .number(max_bits(nlri.family.afi) + bits);
                w.raw(", \"endpoint_ip\": ")
                    .display(endpoint)
                    .raw(", \"rd\": ")
                    .display(rd);
                w.raw(", \"teid\": ").display(teid);
            }
        }
        w.raw(", \"raw\": ").string(&hex(nlri.bytes)).raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        push_family_sentence(nlri, next_hop, out);
    }

    fn show(nlri: NlriRef<'_>, _: Option<NextHop>, out: &mut String) {
        let Some(Route { rd, tail }) = Route::of(nlri.family.afi, nlri.bytes) else {
            out.push_str(&format!("mup:unknown:0x{}", hex(nlri.bytes).to_lowercase()));
            return;
        };
        out.push_str(&match tail {
            Tail::Interwork { prefix, bits } => format!("mup:isd::{rd}:{prefix}/{bits}"),
            Tail::Direct { address } => format!("mup:dsd::{rd}:{address}"),
            Tail::Type1 {
                prefix,
                bits,
                teid,
                qfi,
                endpoint,
                source,
            } => {
                let source = source.map_or_else(String::new, |source| {
                    format!(":{source}/{}", width(&source))
                });
                // The endpoint has the length of the prefix, as in ExaBGP.
                format!("mup:t1st::{rd}:{prefix}/{bits}:{teid}:{qfi}:{endpoint}/{bits}{source}")
            }
            Tail::Type2 {
                endpoint,
                bits,
                teid,
            } => {
                let bits = max_bits(nlri.family.afi) + bits;
                format!("mup:t2st::{rd}:{bits}:{endpoint}:{teid}:")
            }
        });
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let afi = nlri.family.afi;
        let words = Route::of(afi, nlri.bytes).map(|route| route.words());
        push_sentence(nlri, "mup", words, |c| parse(afi, c), out);
    }
}
