//! SR Policy (RFC 9830 section 2.1): identifies a candidate path; the path itself is in the tunnel encapsulation
//! attribute ([`tunnel_encap`](crate::bgp::attribute::tunnel_encap)).
//!
//! ```text
//! +------------------+
//! |  NLRI Length     |  1 octet, in bits: 96 or 192
//! +------------------+
//! |  Distinguisher   |  4 octets
//! +------------------+
//! |  Policy Color    |  4 octets
//! +------------------+
//! |  Endpoint        |  4 or 16 octets
//! +------------------+
//! ```

use std::net::IpAddr;

use super::inet::{address_of, address_word, max_bits};
use super::{Nlri, NlriBytes, NlriCodec, NlriRef};
use crate::bgp::error::Severity;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nexthop::NextHop;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError};

const WHAT: &str = "an SR policy of its family's length";

/// Candidate paths of SR policies.
#[derive(Clone, Copy, Debug)]
pub struct SrPolicy;

impl NlriCodec for SrPolicy {
    const FAMILIES: &'static [Family] = &[Family::IPV4_SR_POLICY, Family::IPV6_SR_POLICY];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        match r.peek().first() {
            Some(bits @ (96 | 192)) => r.take(1 + usize::from(bits / 8), WHAT),
            _ => Err(r.error(WHAT)),
        }
    }

    // RFC 9830 5: "When the error determined allows for the router to skip the malformed NLRI(s) […], then it MUST handle such
    // malformed NLRIs as 'treat-as-withdraw'."
    const MALFORMED: Option<Severity> = Some(Severity::TreatAsWithdraw);

    fn check(family: Family, bytes: &[u8]) -> Result<(), WireError> {
        match bytes.first().copied() == Some(64 + max_bits(family.afi)) {
            true => Ok(()),
            false => Err(Reader::new(bytes).error(WHAT)),
        }
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let (distinguisher, color, endpoint) = parts(nlri);
        w.raw("{ \"distinguisher\": ").number(distinguisher);
        w.raw(", \"color\": ").number(color);
        w.raw(", \"endpoint\": ").display(endpoint).raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::grammar(nlri, out);
        super::inet::next_hop_text(next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let (distinguisher, color, endpoint) = parts(nlri);
        out.push_str(&format!(
            "sr-policy distinguisher {distinguisher} color {color} endpoint {endpoint}"
        ));
    }
}

/// Distinguisher, color and endpoint of a framed NLRI.
fn parts(nlri: NlriRef<'_>) -> (u32, u32, IpAddr) {
    let mut r = Reader::new(nlri.bytes.get(1..).unwrap_or_default());
    // Framed bytes contain all three.
    let distinguisher = r.u32("a distinguisher").unwrap_or_default();
    let color = r.u32("a color").unwrap_or_default();
    let endpoint = r.rest();
    // By its length: a malformed one has an endpoint of the other family.
    let afi = if endpoint.len() > 4 {
        Afi::IPV6
    } else {
        Afi::IPV4
    };
    (distinguisher, color, address_of(afi, endpoint))
}

/// Parses `distinguisher N color N endpoint A`. The path, the next hop and attributes follow.
///
/// # Errors
/// Returns an error if the text does not have that form, or the endpoint is not of `afi`.
pub fn parse(afi: Afi, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let number = |c: &mut Cursor<'_>| c.value("a number from 0 to 4294967295", value::u32);
    c.expect("distinguisher")?;
    let distinguisher = number(c)?;
    c.expect("color")?;
    let color = number(c)?;
    c.expect("endpoint")?;
    let endpoint = address_word(afi, c)?;
    let mut bytes = NlriBytes::new();
    bytes.push(64 + max_bits(afi));
    bytes.extend_from_slice(&distinguisher.to_be_bytes());
    bytes.extend_from_slice(&color.to_be_bytes());
    match endpoint {
        IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
    }
    Ok(Nlri {
        family: Family {
            afi,
            safi: Safi::SR_POLICY,
        },
        path_id: None,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    #[test]
    fn sentences_are_read_back() {
        for (afi, text) in [
            (Afi::IPV4, "distinguisher 0 color 100 endpoint 10.0.0.1"),
            (
                Afi::IPV6,
                "distinguisher 1 color 4294967295 endpoint 2001:db8::1",
            ),
        ] {
            let tokens = tokenize(text);
            let nlri = parse(afi, &mut Cursor::new(&tokens, text.len())).expect(text);
            assert_eq!(nlri.to_string(), format!("sr-policy {text}"));
            let framed = SrPolicy::frame(nlri.family, &mut Reader::new(&nlri.bytes));
            assert_eq!(framed, Ok(&nlri.bytes[..]));
            let mut w = JsonWriter::new();
            nlri.as_ref().json(None, &mut w);
            assert!(serde_json::from_str::<serde_json::Value>(w.as_str()).is_ok());
        }
        for bytes in [&[96, 0, 0][..], &[97; 13], &[]] {
            assert!(SrPolicy::frame(Family::IPV4_SR_POLICY, &mut Reader::new(bytes)).is_err());
        }
    }
}
