//! AGGREGATOR (RFC 4271 section 5.1.7) in its two-octet and four-octet forms (RFC 6793).
//!
//! ```text
//! +---------------------------------------+
//! | AS number (2 or 4 octets)             |
//! +---------------------------------------+
//! | IPv4 address of the aggregator        |
//! +---------------------------------------+
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use super::{PathAttribute, flags};
use crate::bgp::asn::Asn;
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The speaker that aggregated the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub address: Ipv4Addr,
}

impl Aggregator {
    /// Reads the value with an AS number of four octets if `four`, otherwise two.
    pub(crate) fn decode_octets(r: &mut Reader<'_>, four: bool) -> Result<Self, WireError> {
        const WHAT: &str = "an AS number and an IPv4 address";
        Ok(Self {
            asn: if four {
                r.u32(WHAT)?.into()
            } else {
                r.u16(WHAT)?.into()
            },
            address: r.array::<4>(WHAT)?.into(),
        })
    }

    /// Appends the value with an AS number of four octets if `four`, otherwise two.
    pub(crate) fn encode_octets(&self, w: &mut Writer<'_>, four: bool) {
        if four {
            w.u32(self.asn.0);
        } else {
            w.u16(self.asn.to_u16());
        }
        w.bytes(&self.address.octets());
    }
}

impl PathAttribute for Aggregator {
    const CODE: u8 = iana::attribute::AGGREGATOR;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "aggregator";
    // RFC 7606 7.7: "An UPDATE message with a malformed AGGREGATOR attribute SHALL be handled using 'attribute discard'."
    const MALFORMED: Severity = Severity::Discard;

    fn decode(r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError> {
        Self::decode_octets(r, cx.asn4)
    }

    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        // RFC 7607 2: malformed; RFC 7606 7.7: discarded.
        if self.asn.0 == 0 {
            return Err((Severity::Discard, "AS 0 as aggregator"));
        }
        Ok(())
    }

    fn encode(&self, w: &mut Writer<'_>, cx: &Codec) {
        self.encode_octets(w, cx.asn4);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let bracket = c.accept("(");
        let parsed = c.value("an AS number and an IPv4 address, `AS:a.b.c.d`", |word| {
            let word = word.strip_prefix('(').unwrap_or(word);
            let (asn, address) = word.strip_suffix(')').unwrap_or(word).split_once(':')?;
            Some(Self {
                asn: value::asn(asn)?.into(),
                address: value::ipv4(address)?,
            })
        })?;
        if bracket {
            c.expect(")")?;
        }
        Ok(parsed)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.display(self);
    }

    fn text(&self, out: &mut String) {
        out.push_str(&format!("aggregator ( {self} )"));
    }
}

impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.asn, self.address)
    }
}
