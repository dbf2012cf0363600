//! VPLS: label blocks (RFC 4761 section 3.2.2) and auto-discovery (RFC 6074 section 3.2.2.2). They share AFI and SAFI
//! with each other and with the layer-2 VPNs of RFC 6624; the length distinguishes them. Other lengths are opaque.
//!
//! ```text
//! +------------------------------------+
//! |  Length (2 octets): 12             |
//! +------------------------------------+
//! |  Route Distinguisher  (8 octets)   |
//! +------------------------------------+
//! |  PE address (4 octets)             |   `pe-address`
//! +------------------------------------+
//!
//! +------------------------------------+
//! |  Length (2 octets): 17             |
//! +------------------------------------+
//! |  Route Distinguisher  (8 octets)   |
//! +------------------------------------+
//! |  VE ID (2 octets)                  |   ExaBGP's `endpoint`
//! +------------------------------------+
//! |  VE Block Offset (2 octets)        |   `offset`
//! +------------------------------------+
//! |  VE Block Size (2 octets)          |   `size`
//! +------------------------------------+
//! |  Label Base (3 octets)             |   `base`, in the upper 20 bits
//! +------------------------------------+
//! ```

use std::net::Ipv4Addr;

use super::inet::next_hop_text;
use super::{Nlri, NlriBytes, NlriCodec, NlriKey, NlriRef};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, Span, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// Label blocks and members of VPLS instances.
#[derive(Clone, Copy, Debug)]
pub struct Vpls;

/// A decoded NLRI.
enum Route {
    Block(Block),
    Discovery {
        rd: RouteDistinguisher,
        pe_address: Ipv4Addr,
    },
    /// Another length.
    Other,
}

/// A label block.
struct Block {
    rd: RouteDistinguisher,
    endpoint: u16,
    offset: u16,
    size: u16,
    base: u32,
}

/// Value lengths of the two forms, in octets.
const DISCOVERY: u16 = 12;
const BLOCK: u16 = 17;

impl Route {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        const WHAT: &str = "a VPLS NLRI of 12 or 17 octets";
        let mut r = Reader::new(bytes);
        Ok(match r.u16(WHAT)? {
            ..DISCOVERY => return Err(r.error(WHAT)),
            DISCOVERY => Self::Discovery {
                rd: RouteDistinguisher(r.array(WHAT)?),
                pe_address: r.array::<4>(WHAT)?.into(),
            },
            BLOCK.. => Self::Block(Block {
                rd: RouteDistinguisher(r.array(WHAT)?),
                endpoint: r.u16(WHAT)?,
                offset: r.u16(WHAT)?,
                size: r.u16(WHAT)?,
                base: r.u24(WHAT)? >> 4,
            }),
            _ => Self::Other,
        })
    }

    fn of(bytes: &[u8]) -> Self {
        Self::decode(bytes).unwrap_or(Self::Other)
    }

    /// The text after `vpls`; `rd` renders the route distinguisher.
    fn words(&self, bytes: &[u8], rd: fn(&RouteDistinguisher) -> String) -> String {
        match self {
            Self::Block(Block {
                rd: number,
                endpoint,
                offset,
                size,
                base,
            }) => {
                let rd = rd(number);
                format!("rd {rd} endpoint {endpoint} base {base} offset {offset} size {size}")
            }
            Self::Discovery {
                rd: number,
                pe_address,
            } => {
                format!("rd {} pe-address {pe_address}", rd(number))
            }
            Self::Other => format!("raw 0x{}", hex(bytes)),
        }
    }
}

impl Block {
    /// The NLRI. The label base has the bottom-of-stack bit.
    fn to_bytes(&self) -> NlriBytes {
        let mut out = Vec::with_capacity(19);
        let mut w = Writer::new(&mut out);
        w.u16(BLOCK);
        w.bytes(&self.rd.0);
        w.u16(self.endpoint);
        w.u16(self.offset);
        w.u16(self.size);
        w.u24(self.base << 4 | 1);
        NlriBytes::from_vec(out)
    }

    /// Returns `true` if the labels fit in 20 bits.
    fn fits(&self) -> bool {
        self.base + u32::from(self.size) <= 1 << 20
    }
}

impl NlriCodec for Vpls {
    const FAMILIES: &'static [Family] = &[Family::VPLS];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let all = r.peek();
        let length = usize::from(Reader::new(all).u16("the length of a VPLS NLRI")?);
        let bytes = r.take(2 + length, "a VPLS NLRI of its declared length")?;
        Route::decode(bytes)?;
        Ok(bytes)
    }

    fn key(_: Family, bytes: &[u8], key: &mut NlriKey) {
        key.extend_from_slice(match Route::of(bytes) {
            // Route distinguisher, VE ID and offset (RFC 4761 section 3.4.1); base and size may change.
            Route::Block(_) => bytes.get(2..14).unwrap_or(bytes),
            // Including the length, so that no block has the same key.
            Route::Discovery { .. } | Route::Other => bytes,
        });
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        match Route::of(nlri.bytes) {
            Route::Block(block) => {
                w.raw("{ \"rd\": ").display(block.rd);
                w.raw(", \"endpoint\": ").number(block.endpoint);
                w.raw(", \"base\": ").number(block.base);
                w.raw(", \"offset\": ").number(block.offset);
                w.raw(", \"size\": ").number(block.size);
            }
            Route::Discovery { rd, pe_address } => {
                w.raw("{ \"rd\": ").display(rd);
                w.raw(", \"pe-address\": ").display(pe_address);
            }
            Route::Other => drop(
                w.raw("{ \"parsed\": false, \"raw\": ")
                    .string(&hex(nlri.bytes)),
            ),
        }
        w.raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        let route = Route::of(nlri.bytes);
        out.push_str("vpls ");
        out.push_str(&route.words(nlri.bytes, ToString::to_string));
        match (next_hop, route) {
            // ExaBGP writes the space before the next hop even if there is none.
            (None, Route::Block(_)) => out.push(' '),
            _ => next_hop_text(next_hop, out),
        }
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let route = match Route::of(nlri.bytes) {
            Route::Block(block) if !block.fits() || block.to_bytes()[..] != *nlri.bytes => {
                Route::Other
            }
            route => route,
        };
        out.push_str("vpls ");
        out.push_str(&route.words(nlri.bytes, RouteDistinguisher::word));
    }
}

/// Builds a VPLS NLRI.
#[derive(Clone, Debug, Default)]
pub struct VplsBuilder {
    rd: Option<RouteDistinguisher>,
    endpoint: Option<u16>,
    offset: Option<u16>,
    size: Option<u16>,
    base: Option<u32>,
    pe_address: Option<Ipv4Addr>,
}

impl VplsBuilder {
    /// The keywords that [`keyword`](Self::keyword) accepts.
    pub const KEYWORDS: &'static [&'static str] = &[
        "rd",
        "route-distinguisher",
        "endpoint",
        "base",
        "offset",
        "size",
        "pe-address",
    ];

    /// Parses the value of `keyword`. Returns `None` if that is not a keyword of this family.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid value for that keyword.
    pub fn keyword(
        &mut self,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Option<Result<(), SyntaxError>> {
        let number = |c: &mut Cursor<'_>| c.value("a number from 0 to 65535", value::u16);
        Some(match keyword {
            "rd" | "route-distinguisher" => c
                .value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)
                .map(|rd| self.rd = Some(rd)),
            "endpoint" => number(c).map(|endpoint| self.endpoint = Some(endpoint)),
            "offset" => number(c).map(|offset| self.offset = Some(offset)),
            "size" => number(c).map(|size| self.size = Some(size)),
            "base" => c
                .value("a label from 0 to 1048575", |word| {
                    value::u32(word).filter(|base| *base < 1 << 20)
                })
                .map(|base| self.base = Some(base)),
            "pe-address" => c
                .value("an IPv4 address", value::ipv4)
                .map(|address| self.pe_address = Some(address)),
            _ => return None,
        })
    }

    /// Builds the NLRI.
    ///
    /// # Errors
    /// Returns an error at `span` if a part is missing, or the labels do not fit in 20 bits.
    pub fn build(&self, span: Span) -> Result<Nlri, SyntaxError> {
        let missing = |what: &str| SyntaxError::new(span, format!("a VPLS route needs `{what}`"));
        let rd = self.rd.ok_or_else(|| missing("rd"))?;
        let bytes = match self.pe_address {
            Some(address) => self.discovery(rd, address, span)?,
            None => {
                let block = Block {
                    rd,
                    endpoint: self.endpoint.ok_or_else(|| missing("endpoint"))?,
                    offset: self.offset.ok_or_else(|| missing("offset"))?,
                    size: self.size.ok_or_else(|| missing("size"))?,
                    base: self.base.ok_or_else(|| missing("base"))?,
                };
                if !block.fits() {
                    let Block { base, size, .. } = block;
                    let message = format!(
                        "the labels from {base} on are fewer than the {size} that `size` asks for"
                    );
                    return Err(SyntaxError::new(span, message));
                }
                block.to_bytes()
            }
        };
        Ok(Nlri {
            family: Family::VPLS,
            path_id: None,
            bytes,
        })
    }

    fn discovery(
        &self,
        rd: RouteDistinguisher,
        pe_address: Ipv4Addr,
        span: Span,
    ) -> Result<NlriBytes, SyntaxError> {
        let block = self.endpoint.or(self.offset).or(self.size).is_some() || self.base.is_some();
        if block {
            let message =
                "`pe-address` announces a member (RFC 6074), which has no block of labels";
            return Err(SyntaxError::new(span, message));
        }
        let mut bytes = NlriBytes::from_slice(&DISCOVERY.to_be_bytes());
        bytes.extend_from_slice(&rd.0);
        bytes.extend_from_slice(&pe_address.octets());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn build(text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let mut builder = VplsBuilder::default();
        while let Some(token) = c.next_token() {
            let read = builder
                .keyword(&token.text, &mut c)
                .ok_or_else(|| token.text.to_string())?;
            read.map_err(|error| error.to_string())?;
        }
        builder
            .build(Span::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back() {
        let text = "rd 10.0.0.9:7 endpoint 5 base 2560 offset 1 size 8";
        let nlri = build(text).expect(text);
        assert_eq!(nlri.to_string(), format!("vpls {text}"));
        assert_eq!(
            build("size 8 offset 1 base 2560 endpoint 5 rd 10.0.0.9:7"),
            Ok(nlri)
        );
        let text = "rd 65000:1 pe-address 192.0.2.1";
        let nlri = build(text).expect(text);
        assert_eq!(hex(&nlri.bytes), "000C0000FDE800000001C0000201");
        assert_eq!(nlri.to_string(), format!("vpls {text}"));
        for text in [
            "rd 1:1 pe-address 192.0.2.1 endpoint 5",
            "rd 1:1 pe-address ::1",
            "pe-address 192.0.2.1",
            "endpoint 5",
            "rd 1:1 endpoint 65536",
            "rd 1:1 endpoint 1 base 1048575 offset 1 size 8",
            "rd 1:1 endpoint 1 base 1048576 offset 1 size 8",
        ] {
            assert!(build(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_member_is_no_block() {
        // Route distinguisher and PE address of this member equal those of the block's endpoint and offset.
        let member = build("rd 1:1 pe-address 0.5.0.1").expect("a member");
        let block = build("rd 1:1 endpoint 5 offset 1 base 1 size 1").expect("a block");
        assert!(!member.same_route(block.as_ref()));
    }
}
