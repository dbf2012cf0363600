//! Route target constraint (RFC 4684 section 4): which route targets a speaker wants to hear of.
//!
//! ```text
//! +-------------------------------+
//! | prefix length (1 octet)       |   in bits: 0 for all, else 32 to 96
//! +-------------------------------+
//! | origin as        (4 octets)   |
//! +-------------------------------+
//! | route target     (8 octets)   |
//! +-------------------------------+
//! ```

use super::inet::next_hop_text;
use super::{Nlri, NlriBytes, NlriCodec, NlriRef};
use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::ext_community::{ExtCommunities, ExtCommunity};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError};

/// Wanted route targets.
#[derive(Clone, Copy, Debug)]
pub struct Rtc;

impl NlriCodec for Rtc {
    const FAMILIES: &'static [Family] = &[Family::new(1, 132)];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let bits = r.peek().first().copied().unwrap_or_default();
        // RFC 4684 4: "The default route target […] zero-length prefix"; "Except for the default route target, […] from 32 to 96".
        if bits != 0 && !(32..=96).contains(&bits) {
            return Err(r.error("a prefix length of 0, or from 32 to 96"));
        }
        r.take(1 + usize::from(bits.div_ceil(8)), "a route target as long as it says")
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let (origin, target) = parts(nlri.bytes);
        w.raw("{ \"origin\": ").number(origin).raw(", \"route-target\": ");
        match target {
            // The flags of communities mean nothing here; ExaBGP shows none.
            Some(ExtCommunity([first, rest @ ..])) => {
                let [a, b, c, d, e, f, g] = rest;
                w.display(ExtCommunity([first & 0x3F, a, b, c, d, e, f, g]))
            }
            None => w.raw("null"),
        };
        w.raw(" }");
    }

    fn text(nlri: NlriRef<'_>, _: Option<NextHop>, out: &mut String) {
        // All that ExaBGP says.
        out.push_str(&format!("afi {} safi {}", nlri.family.afi, nlri.family.safi));
    }

    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::grammar(nlri, out);
        next_hop_text(next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        match (nlri.bytes.first(), parts(nlri.bytes)) {
            (Some(0) | None, _) => out.push_str("rtc default"),
            (_, (origin, None)) => out.push_str(&format!("rtc origin {origin}")),
            (_, (origin, Some(target))) => {
                out.push_str(&format!("rtc origin {origin} target {}", target.grammar()));
            }
        }
    }
}

/// The origin, and the route target if it is there in full.
fn parts(bytes: &[u8]) -> (u32, Option<ExtCommunity>) {
    let mut r = Reader::new(bytes);
    let bits = r.u8("a length").unwrap_or_default();
    let origin = r.u32("an origin").unwrap_or_default();
    let target = r.array("a route target").ok().filter(|_| bits == 96);
    (origin, target.map(ExtCommunity))
}

/// Reads `default`, `origin AS` or `origin AS target AS:N`.
///
/// # Errors
/// When the text is none of these.
pub fn parse(c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let mut bytes = NlriBytes::new();
    if c.accept("default") {
        bytes.push(0);
    } else {
        // ExaBGP 6.0's words are `origin-as` and `route-target`.
        if !c.accept("origin-as") {
            c.expect("origin")?;
        }
        let origin = c.value("an AS number", value::asn)?;
        bytes.push(32);
        bytes.extend_from_slice(&origin.to_be_bytes());
        if c.accept("target") || c.accept("route-target") {
            let span = c.span();
            let ExtCommunities(list) = ExtCommunities::parse("target", c)?;
            let [target] = list[..] else {
                return Err(SyntaxError::new(span, "expected one route target"));
            };
            bytes[0] = 96;
            bytes.extend_from_slice(&target.0);
        }
    }
    Ok(Nlri { family: Family::new(1, 132), path_id: None, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    #[test]
    fn sentences_are_read_back() {
        for text in ["default", "origin 65000", "origin 65000 target target:65000:1"] {
            let tokens = tokenize(text);
            let nlri = parse(&mut Cursor::new(&tokens, text.len())).expect(text);
            assert_eq!(nlri.to_string(), format!("rtc {text}"));
            assert_eq!(Rtc::frame(nlri.family, &mut Reader::new(&nlri.bytes)), Ok(&nlri.bytes[..]));
        }
        for bytes in [&[31, 0, 0, 0, 1][..], &[97; 14], &[96, 0], &[]] {
            assert!(Rtc::frame(Family::new(1, 132), &mut Reader::new(bytes)).is_err(), "{bytes:?}");
        }
    }
}
