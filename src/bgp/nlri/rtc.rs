//! Route target constraint (RFC 4684 section 4): the route targets that a speaker wants to receive.
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
//!
//! A shorter route target stands for all that start with it. It is written `0xHEX/BITS`, with the number of bits of
//! the route target alone.

use super::inet::next_hop_text;
use super::{Nlri, NlriBytes, NlriCodec, NlriKey, NlriRef, push_family_sentence, push_sentence};
use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::ext_community::{ExtCommunities, ExtCommunity};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, tokenize, value};
use crate::wire::{Reader, WireError};

/// Route target membership.
#[derive(Clone, Copy, Debug)]
pub struct Rtc;

impl NlriCodec for Rtc {
    const FAMILIES: &'static [Family] = &[Family::IPV4_RTC];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let bits = r.peek().first().copied().unwrap_or_default();
        // RFC 4684 4: "Except for the default route target, which is encoded as a zero-length prefix, the minimum
        // prefix length is 32 bits"; shorter ones are framed as well, and kept opaque.
        if bits > 96 {
            return Err(r.error("a prefix length from 0 to 96"));
        }
        r.take(
            1 + usize::from(bits.div_ceil(8)),
            "a route target of its declared length",
        )
    }

    fn key(_: Family, bytes: &[u8], key: &mut NlriKey) {
        let bits = bytes.first().copied().unwrap_or_default();
        key.extend_from_slice(bytes);
        let spare = (8 - bits % 8) % 8;
        if let Some(last) = key.last_mut().filter(|_| spare > 0) {
            *last &= 0xFF << spare;
        }
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let Some(interest) = Interest::of(nlri.bytes) else {
            w.raw("{ \"parsed\": false, \"raw\": ")
                .string(&hex(nlri.bytes))
                .raw(" }");
            return;
        };
        w.raw("{ \"origin\": ")
            .number(interest.origin)
            .raw(", \"route-target\": ");
        match interest.target {
            Target::All => w.raw("null"),
            // The flags of communities have no meaning here, and ExaBGP shows none.
            Target::One(ExtCommunity([first, rest @ ..])) => {
                let [a, b, c, d, e, f, g] = rest;
                w.display(ExtCommunity([first & 0x3F, a, b, c, d, e, f, g]))
            }
            Target::Prefix { bits, octets } => w.string(&prefix_text(bits, octets)),
        };
        w.raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        push_family_sentence(nlri, next_hop, out);
    }

    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::grammar(nlri, out);
        next_hop_text(next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let words = Interest::of(nlri.bytes).map(|interest| interest.words());
        push_sentence(nlri, "rtc", words, parse, out);
    }
}

/// A decoded NLRI.
struct Interest {
    origin: u32,
    target: Target,
}

enum Target {
    /// Any origin.
    All,
    One(ExtCommunity),
    /// Route targets that start with these bits; the remaining bits are zero.
    Prefix {
        bits: u8,
        octets: [u8; 8],
    },
}

impl Interest {
    /// The parts of a framed NLRI, or `None` if its length is none from 32 to 96.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let bits = match r.u8("a length").ok()? {
            0 => {
                return Some(Self {
                    origin: 0,
                    target: Target::All,
                });
            }
            bits => bits.checked_sub(32).filter(|bits| *bits <= 64)?,
        };
        let origin = r.u32("an origin").ok()?;
        let mut octets = [0; 8];
        octets
            .iter_mut()
            .zip(r.rest())
            .for_each(|(to, from)| *to = *from);
        if bits == 64 {
            return Some(Self {
                origin,
                target: Target::One(ExtCommunity(octets)),
            });
        }
        let mask = u64::MAX.checked_shl(64 - u32::from(bits)).unwrap_or(0);
        let octets = (u64::from_be_bytes(octets) & mask).to_be_bytes();
        Some(Self {
            origin,
            target: Target::Prefix { bits, octets },
        })
    }

    /// The text that [`parse`] reads back.
    fn words(&self) -> String {
        let origin = self.origin;
        match self.target {
            Target::All => "default".to_owned(),
            Target::Prefix { bits: 0, .. } => format!("origin {origin}"),
            Target::Prefix { bits, octets } => {
                format!("origin {origin} target {}", prefix_text(bits, octets))
            }
            Target::One(target) => {
                let words = target.grammar();
                let exact = target_of(&words).is_some_and(|back| back == target);
                let words = if exact {
                    words
                } else {
                    format!("0x{}", hex(&target.0))
                };
                format!("origin {origin} target {words}")
            }
        }
    }
}

/// The route target in a single word.
fn target_of(words: &str) -> Option<ExtCommunity> {
    let tokens = tokenize(words);
    let mut c = Cursor::new(&tokens, words.len());
    let ExtCommunities(list) = ExtCommunities::parse("target", &mut c).ok()?;
    match list[..] {
        [target] if c.is_empty() => Some(target),
        _ => None,
    }
}

/// `0x0002FDE8/32`: as many octets as the bits need.
fn prefix_text(bits: u8, octets: [u8; 8]) -> String {
    format!("0x{}/{bits}", hex(&octets[..usize::from(bits.div_ceil(8))]))
}

/// The bits and octets of `0x0002FDE8/32`. No bit beyond the length may be set.
fn target_prefix(word: &str) -> Option<(u8, Vec<u8>)> {
    let (octets, bits) = word.split_once('/')?;
    let (octets, bits) = (
        value::hex(octets)?,
        value::u8(bits).filter(|bits| *bits <= 64)?,
    );
    let spare = (8 - bits % 8) % 8;
    let clear = octets
        .last()
        .is_none_or(|last| last & !(0xFF << spare) == 0);
    let fits = octets.len() == usize::from(bits.div_ceil(8));
    (word.starts_with("0x") && fits && clear).then_some((bits, octets))
}

/// Parses `default`, `origin AS`, `origin AS target AS:N` or `origin AS target 0xHEX/BITS`.
///
/// # Errors
/// Returns an error if the text is none of these.
pub fn parse(c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let mut bytes = NlriBytes::new();
    if c.accept("default") {
        bytes.push(0);
    } else {
        // ExaBGP 6.0's keywords are `origin-as` and `route-target`.
        if !c.accept("origin-as") {
            c.expect("origin")?;
        }
        let origin = c.value("an AS number", value::asn)?;
        bytes.push(32);
        bytes.extend_from_slice(&origin.to_be_bytes());
        if c.accept("target") || c.accept("route-target") {
            let span = c.span();
            if c.peek().contains('/') {
                const EXPECTED: &str = "the first bits of a route target, like `0x0002FDE8/32`";
                let (bits, octets) = c.value(EXPECTED, target_prefix)?;
                bytes[0] += bits;
                bytes.extend_from_slice(&octets);
            } else {
                let ExtCommunities(list) = ExtCommunities::parse("target", c)?;
                let [target] = list[..] else {
                    return Err(SyntaxError::new(span, "expected one route target"));
                };
                bytes[0] = 96;
                bytes.extend_from_slice(&target.0);
            }
        }
    }
    Ok(Nlri {
        family: Family::IPV4_RTC,
        path_id: None,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_read_back() {
        for text in [
            "default",
            "origin 65000",
            "origin 65000 target target:65000:1",
            "origin 65000 target 0x0002FDE8/32",
            "origin 0 target 0x80/1",
        ] {
            let tokens = tokenize(text);
            let nlri = parse(&mut Cursor::new(&tokens, text.len())).expect(text);
            assert_eq!(nlri.to_string(), format!("rtc {text}"));
            assert_eq!(
                Rtc::frame(nlri.family, &mut Reader::new(&nlri.bytes)),
                Ok(&nlri.bytes[..])
            );
        }
        for text in [
            "origin 1 target 0x0002/17",
            "origin 1 target 0x01/7",
            "origin 1 target 0x/65",
        ] {
            assert!(
                parse(&mut Cursor::new(&tokenize(text), text.len())).is_err(),
                "{text}"
            );
        }
        for bytes in [&[31, 0, 0, 0][..], &[97; 14], &[96, 0], &[]] {
            assert!(
                Rtc::frame(Family::IPV4_RTC, &mut Reader::new(bytes)).is_err(),
                "{bytes:?}"
            );
        }
    }
}
