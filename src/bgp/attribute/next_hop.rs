//! NEXT_HOP (RFC 4271 section 5.1.3).
//!
//! In a route to be sent it holds the next hop of any family: `AttributeSet::encode` decides whether that becomes
//! this attribute, the next-hop field of MP_REACH_NLRI, or both. The text form accepts a link-local address after a
//! global one. In a received route it is the value of this attribute.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::bgp::nexthop::NextHop;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The next hop of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NextHopAttribute(Kept);

/// A [`NextHop`] whose larger forms do not decide how much memory every attribute takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kept {
    V4(Ipv4Addr),
    V6(Box<Ipv6Addr>),
    V6LinkLocal(Box<(Ipv6Addr, Ipv6Addr)>),
    SelfAddress,
}

impl NextHopAttribute {
    /// The attribute with this value.
    pub fn new(hop: NextHop) -> Self {
        Self(match hop {
            NextHop::V4(address) => Kept::V4(address),
            NextHop::V6(address) => Kept::V6(Box::new(address)),
            NextHop::V6LinkLocal(global, local) => Kept::V6LinkLocal(Box::new((global, local))),
            NextHop::SelfAddress => Kept::SelfAddress,
        })
    }

    /// The next hop.
    pub fn get(&self) -> NextHop {
        match &self.0 {
            Kept::V4(address) => NextHop::V4(*address),
            Kept::V6(address) => NextHop::V6(**address),
            Kept::V6LinkLocal(pair) => NextHop::V6LinkLocal(pair.0, pair.1),
            Kept::SelfAddress => NextHop::SelfAddress,
        }
    }
}

impl PathAttribute for NextHopAttribute {
    const CODE: u8 = iana::attribute::NEXT_HOP;
    const FLAGS: u8 = flags::WELL_KNOWN;
    const NAME: &'static str = "next-hop";
    // RFC 7606 7.3: "The attribute is considered malformed if its length is not 4 […] treat-as-withdraw."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let address = r.array::<4>("a NEXT_HOP of four bytes")?;
        Ok(Self(Kept::V4(address.into())))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        // Only an IPv4 next hop has this form; the caller omits the attribute for others.
        if let Kept::V4(address) = &self.0 {
            w.bytes(&address.octets());
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let hop = c.value("an address or `self`", |word| {
            if word.eq_ignore_ascii_case("self") {
                return Some(NextHop::SelfAddress);
            }
            value::ip(word).map(Into::into)
        })?;
        match (hop, value::ip(c.peek())) {
            // RFC 2545 3: a global address and a link-local one
            (NextHop::V6(global), Some(_)) if !global.is_unicast_link_local() => {
                c.value("a link-local IPv6 address", |word| match value::ip(word) {
                    Some(IpAddr::V6(local)) if local.is_unicast_link_local() => {
                        Some(Self::new(NextHop::V6LinkLocal(global, local)))
                    }
                    _ => None,
                })
            }
            _ => Ok(Self::new(hop)),
        }
    }

    fn json(&self, w: &mut JsonWriter) {
        w.display(self.get());
    }

    fn text(&self, out: &mut String) {
        out.push_str("next-hop ");
        out.push_str(&self.get().to_string());
        if let NextHop::V6LinkLocal(_, local) = self.get() {
            out.push_str(&format!(" {local}"));
        }
    }

    fn is_shown(&self) -> bool {
        // Events show it with the routes.
        false
    }
}
