//! BGP Prefix-SID: label index and SRGB (RFC 8669), SRv6 services (RFC 9252).
//!
//! ```text
//! +---------------+-------------------------------+------------------------+
//! | Type (1)      | Length (2 octets)             | Value                  |   …
//! +---------------+-------------------------------+------------------------+
//!  1 label index:   reserved (1)  flags (2)  index (4)
//!  3 SRGB:          flags (2)  { base (3)  range (3) } …
//!  5, 6 services:   reserved (1)  sub-TLVs: 1 = reserved (1)  SID (16)  flags (1)  behavior (2)  reserved (1)  sub-sub-TLVs:
//!                   1 = lengths of block, node, function, argument, transposition, and its offset (1 each)
//! ```
//!
//! The value is kept as received: RFC 8669 section 6 requires unknown TLVs to be passed on unchanged.

use std::net::Ipv6Addr;

use super::{Generic, PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, tokenize, value};
use crate::wire::{Reader, WireError, Writer};

const LABEL_INDEX: u8 = 1;
const SRGB: u8 = 3;
const L3_SERVICE: u8 = 5;
const L2_SERVICE: u8 = 6;

/// The value, well-formed except for SRv6 services, which [`check`](PathAttribute::check) checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixSid(Box<[u8]>);

/// A TLV of any of the three levels.
struct Tlv<'a> {
    kind: u8,
    value: &'a [u8],
}

/// The content of a service TLV.
struct Sid<'a> {
    sid: Ipv6Addr,
    behavior: u16,
    subs: Vec<Tlv<'a>>,
}

fn tlvs<'a>(r: &mut Reader<'a>) -> Result<Vec<Tlv<'a>>, WireError> {
    let mut list = Vec::new();
    while !r.is_empty() {
        list.push(tlv(r)?);
    }
    Ok(list)
}

fn tlv<'a>(r: &mut Reader<'a>) -> Result<Tlv<'a>, WireError> {
    let kind = r.u8("a type of TLV")?;
    let length = usize::from(r.u16("a length of TLV")?);
    let value = r.take(length, "a TLV of its declared length")?;
    Ok(Tlv { kind, value })
}

impl<'a> Sid<'a> {
    fn decode(value: &'a [u8]) -> Result<Self, WireError> {
        const WHAT: &str = "SRv6 SID information";
        let mut r = Reader::new(value);
        r.u8(WHAT)?;
        let sid = r.array::<16>(WHAT)?.into();
        r.u8(WHAT)?;
        let behavior = r.u16(WHAT)?;
        r.u8(WHAT)?;
        let mut subs = tlvs(&mut r)?;
        if subs.iter().any(|sub| sub.kind == 1 && sub.value.len() != 6) {
            return Err(r.error("a SID structure of six octets"));
        }
        let mut is_first = true;
        subs.retain(|sub| sub.kind != 1 || std::mem::replace(&mut is_first, false));
        Ok(Self {
            sid,
            behavior,
            subs,
        })
    }

    fn json(&self, w: &mut JsonWriter) {
        const NAMES: [&str; 6] = [
            "locator-block-length",
            "locator-node-length",
            "function-length",
            "argument-length",
            "transposition-length",
            "transposition-offset",
        ];
        w.raw("{ \"sid\": ").display(self.sid);
        w.raw(", \"flags\": 0, \"endpoint_behavior\": ")
            .number(self.behavior);
        for sub in self.subs.iter().filter(|sub| sub.kind == 1) {
            w.raw(", \"structure\": {");
            w.list(NAMES.iter().zip(sub.value), |w, (name, length)| {
                w.key(name).number(*length);
            });
            w.raw("}");
        }
        w.raw(" }");
    }

    fn text(&self) -> String {
        let Self { sid, behavior, .. } = self;
        let subs: Vec<String> = self
            .subs
            .iter()
            .map(|sub| match sub.kind {
                1 => format!("sid-structure [{}]", joined(sub.value)),
                kind => format!("SRv6 Service Data Sub-Sub-TLV type {kind} not implemented"),
            })
            .collect();
        let subs = if subs.is_empty() {
            String::new()
        } else {
            format!(" [ {} ]", subs.join(", "))
        };
        // ExaBGP never closes this bracket.
        format!("sid-information [ sid:{sid} flags:0 endpoint_behavior:{behavior:#x} {subs}")
    }
}

/// `40,24,16,0,16,64`.
fn joined(octets: &[u8]) -> String {
    let list: Vec<String> = octets.iter().map(u8::to_string).collect();
    list.join(",")
}

/// Bases and ranges of an SRGB.
fn ranges(value: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let number = |three: &[u8]| {
        three
            .iter()
            .fold(0, |sum, octet| sum << 8 | u32::from(*octet))
    };
    let body = value.get(2..).unwrap_or_default();
    body.chunks_exact(6)
        .map(move |range| (number(&range[..3]), number(&range[3..])))
}

/// The index of a label-index TLV.
fn index(value: &[u8]) -> u32 {
    value
        .iter()
        .skip(3)
        .fold(0, |sum, octet| sum << 8 | u32::from(*octet))
}

/// Checks the value: the gravest of its errors.
///
/// RFC 9252 7: "The treat-as-withdraw action MUST be performed when at least one malformed SRv6 Service TLV is present in the BGP
/// Prefix-SID attribute", also one whose length "is inconsistent with the length of the BGP Prefix-SID attribute". RFC 8669 6
/// discards the attribute for other errors.
fn check(value: &[u8]) -> Result<(), (Severity, WireError)> {
    let mut r = Reader::new(value);
    let empty = || (Severity::Discard, r.error("at least one TLV"));
    let mut gravest = value.is_empty().then(empty);
    while let [kind, ..] = *r.peek() {
        let read = tlv(&mut r);
        if read.is_err() {
            r.rest();
        }
        let (severity, checked) = match kind {
            L3_SERVICE | L2_SERVICE => (
                Severity::TreatAsWithdraw,
                read.and_then(|tlv| check_service(tlv.value)),
            ),
            _ => (Severity::Discard, read.and_then(|tlv| check_label(&tlv))),
        };
        if let Err(error) = checked
            && gravest.as_ref().is_none_or(|(worst, _)| severity > *worst)
        {
            gravest = Some((severity, error));
        }
    }
    gravest.map_or(Ok(()), Err)
}

fn check_label(tlv: &Tlv<'_>) -> Result<(), WireError> {
    let r = Reader::new(tlv.value);
    match tlv.kind {
        LABEL_INDEX if tlv.value.len() != 7 => Err(r.error("a label index of seven octets")),
        // RFC 8669 3.2: two octets of flags, then ranges of six.
        SRGB if tlv.value.len() < 8 || !(tlv.value.len() - 2).is_multiple_of(6) => {
            Err(r.error("an SRGB of whole ranges"))
        }
        _ => Ok(()),
    }
}

fn check_service(value: &[u8]) -> Result<(), WireError> {
    let mut r = Reader::new(value);
    r.u8("the reserved octet of a service")?;
    let subs = tlvs(&mut r)?;
    let mut sids = subs.iter().filter(|sub| sub.kind == 1);
    sids.try_for_each(|sub| Sid::decode(sub.value).map(drop))
}

impl PrefixSid {
    /// The TLVs. Of those that may occur only once, the first (RFC 8669 3, RFC 9252 7); of unknown ones the last, which is
    /// what readers of JSON keep of two members with one name.
    fn tlvs(&self) -> Vec<Tlv<'_>> {
        let list = tlvs(&mut Reader::new(&self.0)).unwrap_or_default();
        let mut kept: Vec<Tlv<'_>> = Vec::with_capacity(list.len());
        for tlv in list {
            let earlier = kept.iter().position(|other| other.kind == tlv.kind);
            match (earlier, tlv.kind) {
                (Some(_), LABEL_INDEX | SRGB | L3_SERVICE | L2_SERVICE) => {}
                (Some(at), _) => kept[at] = tlv,
                (None, _) => kept.push(tlv),
            }
        }
        kept
    }

    fn service_text(name: &str, value: &[u8]) -> String {
        let mut r = Reader::new(value.get(1..).unwrap_or_default());
        let subs: Vec<String> = tlvs(&mut r)
            .unwrap_or_default()
            .iter()
            .map(|sub| match (sub.kind, Sid::decode(sub.value)) {
                (1, Ok(sid)) => sid.text(),
                (kind, _) => format!("SRv6 Service Sub-TLV type {kind} not implemented"),
            })
            .collect();
        format!("{name} [ {} ]", subs.join(", "))
    }

    fn srgb_text(value: &[u8]) -> String {
        let list: Vec<String> = ranges(value)
            .map(|(base, range)| format!("( {base},{range} )"))
            .collect();
        format!("[ {} ]", list.join(", "))
    }

    /// The text that parses back to the same bytes, if there is one.
    fn sentence(&self) -> Option<String> {
        match &self.tlvs()[..] {
            [one] if one.kind == LABEL_INDEX => {
                Some(format!("bgp-prefix-sid [ {} ]", index(one.value)))
            }
            [one, two] if (one.kind, two.kind) == (LABEL_INDEX, SRGB) => Some(format!(
                "bgp-prefix-sid [ {}, {} ]",
                index(one.value),
                Self::srgb_text(two.value)
            )),
            [one] if matches!(one.kind, L3_SERVICE | L2_SERVICE) => {
                let name = if one.kind == L3_SERVICE {
                    "l3-service"
                } else {
                    "l2-service"
                };
                let subs = tlvs(&mut Reader::new(one.value.get(1..)?)).ok()?;
                let [sub] = &subs[..] else { return None };
                if sub.kind != 1 {
                    return None;
                }
                let Sid {
                    sid,
                    behavior,
                    subs,
                } = Sid::decode(sub.value).ok()?;
                let structure = match &subs[..] {
                    [] => String::new(),
                    [one] if one.kind == 1 => format!(" [{}]", joined(one.value)),
                    _ => return None,
                };
                Some(format!(
                    "bgp-prefix-sid-srv6 ( {name} {sid} {behavior:#x}{structure} )"
                ))
            }
            _ => None,
        }
    }

    /// Returns `true` if `sentence` parses to the same bytes.
    fn is_written_as(&self, sentence: &str) -> bool {
        let tokens = tokenize(sentence);
        let mut c = Cursor::new(&tokens, sentence.len());
        let Ok(keyword) = c.word("a keyword") else {
            return false;
        };
        Self::parse(keyword, &mut c).is_ok_and(|read| read == *self)
    }

    /// `[ index ]` or `[ index, [ ( base,range ), … ] ]`.
    fn parse_label_index(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.expect("[")?;
        let index = c.value("a label index from 0 to 4294967295", value::u32)?;
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u8(LABEL_INDEX);
        w.len16(|w| {
            w.u24(0);
            w.u32(index);
        });
        c.accept(",");
        if c.accept("[") {
            let mut ranges = Vec::new();
            while !c.accept("]") {
                let number = |word: &str| value::u32(word).filter(|number| *number < 1 << 24);
                c.expect("(")?;
                let base = c.value("the base of a range, from 0 to 16777215", number)?;
                c.expect(",")?;
                ranges.push((
                    base,
                    c.value("the size of a range, from 0 to 16777215", number)?,
                ));
                c.expect(")")?;
                c.accept(",");
            }
            if !ranges.is_empty() {
                w.u8(SRGB);
                w.len16(|w| {
                    w.u16(0);
                    for (base, range) in ranges {
                        w.u24(base);
                        w.u24(range);
                    }
                });
            }
        }
        c.expect("]")?;
        Ok(Self(out.into()))
    }

    /// `( l3-service SID [behavior [ [LBL,LNL,FL,AL,TL,TO] ]] )`.
    fn parse_service(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.expect("(")?;
        let kind = c.value("`l3-service` or `l2-service`", |word| match word {
            "l3-service" => Some(L3_SERVICE),
            "l2-service" => Some(L2_SERVICE),
            _ => None,
        })?;
        let sid = c.value("the SID, an IPv6 address", value::ipv6)?;
        let number = |word: &str, most| u16::try_from(value::number_or_hex(word, most)?).ok();
        let mut behavior = 0xFFFF;
        let mut structure = Vec::new();
        if c.peek() != ")" {
            behavior = c.value("an endpoint behavior, decimal or `0x…`", |word| {
                number(word, 0xFFFF)
            })?;
            if c.peek() == "[" {
                let span = c.span();
                structure = c.comma_list(|c| {
                    c.value("a number from 0 to 255", |word| {
                        u8::try_from(number(word, 0xFF)?).ok()
                    })
                })?;
                if structure.len() != 6 {
                    let message = format!(
                        "a SID structure has 6 numbers, `[LBL,LNL,FL,AL,TL,TO]`, not {}",
                        structure.len()
                    );
                    return Err(SyntaxError::new(span, message));
                }
            }
        }
        c.expect(")")?;
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u8(kind);
        w.len16(|w| {
            w.u8(0);
            w.u8(1);
            w.len16(|w| {
                w.u8(0);
                w.bytes(&sid.octets());
                w.u8(0);
                w.u16(behavior);
                w.u8(0);
                if !structure.is_empty() {
                    w.u8(1);
                    w.len16(|w| w.bytes(&structure));
                }
            });
        });
        Ok(Self(out.into()))
    }
}

impl PathAttribute for PrefixSid {
    const CODE: u8 = iana::attribute::PREFIX_SID;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "bgp-prefix-sid";
    const KEYWORDS: &'static [&'static str] = &["bgp-prefix-sid", "bgp-prefix-sid-srv6"];
    // RFC 8669 6: "the BGP Prefix-SID attribute […] MUST be considered malformed […] 'attribute discard'".
    const MALFORMED: Severity = Severity::Discard;
    // So that an empty one is discarded, too.
    const MAY_BE_EMPTY: bool = true;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let bytes = r.rest();
        match check(bytes) {
            Err((Severity::Discard, error)) => Err(error),
            _ => Ok(Self(bytes.into())),
        }
    }

    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        check(&self.0).map_err(|(severity, error)| (severity, error.what))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.bytes(&self.0);
    }

    fn parse(keyword: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        match keyword {
            "bgp-prefix-sid-srv6" => Self::parse_service(c),
            _ => Self::parse_label_index(c),
        }
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("{ ");
        w.list(self.tlvs(), |w, tlv| match tlv.kind {
            LABEL_INDEX => drop(w.key("sr-label-index").number(index(tlv.value))),
            SRGB => {
                w.key("sr-srgbs").raw("[");
                w.list(ranges(tlv.value), |w, (base, range)| {
                    w.raw("[").number(base).raw(", ").number(range).raw("]");
                });
                w.raw("]");
            }
            L3_SERVICE | L2_SERVICE => {
                let name = if tlv.kind == L3_SERVICE {
                    "l3-service"
                } else {
                    "l2-service"
                };
                w.key(name).raw("[ ");
                let mut r = Reader::new(tlv.value.get(1..).unwrap_or_default());
                let subs = tlvs(&mut r).unwrap_or_default();
                let sids = subs
                    .iter()
                    .filter(|sub| sub.kind == 1)
                    .filter_map(|sub| Sid::decode(sub.value).ok());
                w.list(sids, |w, sid| sid.json(w));
                w.raw(" ]");
            }
            kind => {
                w.key(&format!("attribute-not-implemented-{kind}"));
                w.format(format_args!("\"0x{}\"", hex(tlv.value)));
            }
        });
        w.raw(" }");
    }

    fn text(&self, out: &mut String) {
        out.push_str("bgp-prefix-sid ");
        let list = self.tlvs();
        let find = |kind| list.iter().find(|tlv| tlv.kind == kind);
        if let Some(label) = find(LABEL_INDEX) {
            out.push_str(&format!("[ {}", index(label.value)));
            if let Some(srgb) = find(SRGB) {
                out.push_str(&format!(", {}", Self::srgb_text(srgb.value)));
            }
            out.push_str(" ]");
            return;
        }
        let parts: Vec<String> = list
            .iter()
            .map(|tlv| match tlv.kind {
                SRGB => Self::srgb_text(tlv.value),
                L3_SERVICE => Self::service_text("l3-service", tlv.value),
                L2_SERVICE => Self::service_text("l2-service", tlv.value),
                kind => format!("Attribute with code [ {kind} ] not implemented"),
            })
            .collect();
        out.push_str(&format!("[ {} ]", parts.join(", ")));
    }

    fn grammar(&self, out: &mut String) {
        // Flags, reserved octets and further TLVs are lost in the text.
        match self
            .sentence()
            .filter(|sentence| self.is_written_as(sentence))
        {
            Some(sentence) => out.push_str(&sentence),
            None => {
                let (code, value) = (Self::CODE, self.0.clone());
                Generic {
                    code,
                    flags: Self::FLAGS,
                    value,
                }
                .grammar(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PrefixSid, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let keyword = c.word("a keyword").map_err(|error| error.to_string())?;
        PrefixSid::parse(keyword, &mut c).map_err(|error| error.to_string())
    }

    /// `value` after its type and length.
    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u8(kind);
        w.len16(|w| w.bytes(value));
        out
    }

    /// An SRv6 service with one SID that ends with `last`.
    fn service(kind: u8, last: u8, subs: &[u8]) -> Vec<u8> {
        let sid = [&[0; 16][..], &[last, 0, 0, 0x13, 0], subs].concat();
        tlv(kind, &[&[0][..], &tlv(1, &sid)].concat())
    }

    #[test]
    fn malformed_services_cost_the_routes_and_other_errors_the_attribute() {
        let cx = Codec::default();
        let severity = |value: &[u8]| {
            let Ok(sid) = PrefixSid::decode(&mut Reader::new(value), &cx) else {
                return Some(PrefixSid::MALFORMED);
            };
            let checked = PathAttribute::check(&sid, &cx);
            checked.err().map(|(severity, _)| severity)
        };
        let (good, withdraw) = (service(5, 1, &[]), Some(Severity::TreatAsWithdraw));
        assert_eq!(severity(&good), None);
        for kind in [L3_SERVICE, L2_SERVICE] {
            for value in [
                tlv(kind, &[]),
                tlv(kind, &[&[0][..], &tlv(1, &[0; 10])].concat()),
                tlv(kind, &[0, 1, 0, 9, 0]),
                tlv(kind, &[0, 7, 0]),
                service(kind, 1, &[1, 0, 9, 0]),
                vec![kind, 0, 30, 0],
                [good.clone(), tlv(kind, &[]), tlv(LABEL_INDEX, &[0])].concat(),
            ] {
                assert_eq!(severity(&value), withdraw, "{value:?}");
            }
        }
        for value in [vec![], tlv(LABEL_INDEX, &[0]), vec![9, 0, 1], vec![1]] {
            assert_eq!(severity(&value), Some(Severity::Discard), "{value:?}");
        }
    }

    #[test]
    fn of_two_services_of_a_kind_and_of_two_structures_the_first_counts() {
        let structure = |first| tlv(1, &[first, 0, 0, 0, 0, 0]);
        let subs = [structure(40), structure(48)].concat();
        let unknown = [tlv(9, &[1]), tlv(9, &[2])].concat();
        let value = [service(5, 1, &subs), service(5, 2, &[]), unknown].concat();
        let (sid, mut w) = (PrefixSid(value.into()), JsonWriter::new());
        sid.json(&mut w);
        let json = w.as_str();
        for once in ["l3-service", "\"structure\"", "length\": 40", "9\": \"0x02"] {
            assert_eq!(json.matches(once).count(), 1, "{once} in {json}");
        }
        let mut text = String::new();
        sid.text(&mut text);
        assert!(!text.contains("48"), "{text}");
        text.clear();
        sid.grammar(&mut text);
        assert!(text.starts_with("attribute [ 0x28 0xC0 0x05"), "{text}");
    }

    #[test]
    fn sentences_are_read_back() {
        for text in [
            "bgp-prefix-sid [ 300 ]",
            "bgp-prefix-sid [ 300, [ ( 800000,4096 ), ( 1000000,5000 ) ] ]",
            "bgp-prefix-sid-srv6 ( l3-service 2001:db8:1:1:: 0x48 [64,24,16,0,0,0] )",
            "bgp-prefix-sid-srv6 ( l2-service 2001:db8:1:1:: 0xffff )",
        ] {
            let sid = parse(text).expect(text);
            let mut out = String::new();
            sid.grammar(&mut out);
            assert_eq!(out, text);
            let cx = Codec::default();
            assert_eq!(
                PrefixSid::decode(&mut Reader::new(&sid.0), &cx),
                Ok(sid.clone())
            );
        }
        for text in [
            "bgp-prefix-sid 300",
            "bgp-prefix-sid [ 300, [ ( 16777216,1 ) ] ]",
            "bgp-prefix-sid-srv6 ( l4-service 2001:db8:: )",
            "bgp-prefix-sid-srv6 ( l3-service 2001:db8:: 0x48 [1,2,3] )",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
