//! Configuration syntax of the attribute: `bgp-ls ( igp-metric 10 link-name "a to b" tlv 1200 0x00 )`. The keywords
//! are the JSON keys, and `tlv CODE 0xHEX` stands for any TLV.
//!
//! Each TLV is a row of [`tlv::SIMPLE`](super::tlv::SIMPLE) or of [`COMPOUND`](super::compound::COMPOUND). Every TLV
//! printed with keywords can be parsed to the same bytes: the text is parsed back first, and if the bytes differ, the
//! TLV is printed as `tlv`.

use std::net::IpAddr;

use super::compound::{COMPOUND, address, compound, flags, flags_text, list, number, structure};
use super::tlv::{Kind, SIMPLE};
use crate::bgp::nlri::bgp_ls::tlv;
use crate::json::hex;
use crate::text::{Cursor, Span, SyntaxError, tokenize, value};
use crate::wire::{Reader, Writer};

/// Parses `( … )`.
pub(super) fn parse(c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let start = c.span();
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    c.expect("(")?;
    while !c.accept(")") {
        let span = c.span();
        let word = c.word("a TLV of the BGP-LS attribute, or `)`")?;
        for (kind, value) in item(word, span, c)? {
            w.u16(kind);
            w.len16(|w| w.bytes(&value));
        }
    }
    if w.finish().is_err() || u16::try_from(out.len()).is_err() {
        let span = start.to(c.last_span());
        return Err(SyntaxError::new(
            span,
            "the attribute has more than 65535 octets",
        ));
    }
    Ok(out)
}

/// Appends the text of all TLVs.
pub(super) fn print(bytes: &[u8], out: &mut String) {
    out.push_str("bgp-ls (");
    let mut r = Reader::new(bytes);
    while !r.is_empty() {
        // The attribute was well-formed when it was created.
        let kind = r.u16("a type").unwrap_or_default();
        let length = usize::from(r.u16("a length").unwrap_or_default());
        let value = r.take(length, "a value").unwrap_or_default();
        out.push(' ');
        match item_text(kind, value).filter(|text| is_read_back(text, kind, value)) {
            Some(text) => out.push_str(&text),
            None => out.push_str(&format!("tlv {kind} 0x{}", hex(value))),
        }
    }
    out.push_str(" )");
}

fn is_read_back(text: &str, kind: u16, value: &[u8]) -> bool {
    // Configuration files have escapes, commands do not.
    if text.contains(['\\', '\'']) || text.chars().any(char::is_control) {
        return false;
    }
    let tokens = tokenize(text);
    let mut c = Cursor::new(&tokens, text.len());
    let word = c.word("").unwrap_or_default();
    let back = item(word, Span::default(), &mut c);
    c.is_empty() && back.is_ok_and(|list| list == [(kind, value.to_vec())])
}

/// Parses the value of the TLV named `word`, or several values if it accepts a list.
fn item(word: &str, span: Span, c: &mut Cursor<'_>) -> Result<Vec<(u16, Vec<u8>)>, SyntaxError> {
    if word == "tlv" {
        return Ok(vec![tlv(c)?]);
    }
    if word == "srv6-sid-structure" {
        return Ok(vec![(1252, structure(c)?)]);
    }
    if let Some((code, _, parts)) = COMPOUND.iter().find(|(_, name, _)| *name == word) {
        return Ok(vec![(*code, compound(parts, c)?)]);
    }
    let rows: Vec<_> = SIMPLE
        .iter()
        .filter(|(_, name, ..)| *name == word)
        .collect();
    let Some((code, _, _, kind)) = rows.first() else {
        let words = SIMPLE.iter().map(|(_, name, ..)| *name);
        let words = words
            .chain(COMPOUND.iter().map(|(_, name, _)| *name))
            .chain(["tlv", "srv6-sid-structure"]);
        let error = SyntaxError::new(span, format!("unknown TLV `{word}` in a BGP-LS attribute"));
        return Err(match crate::text::near_miss(word, words) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help("any TLV can be written as `tlv CODE 0xHEX`"),
        });
    };
    if matches!(kind, Kind::Address | Kind::Addresses) {
        let addresses = c.list(|c| c.value("an IP address", value::ip))?;
        return Ok(addresses
            .into_iter()
            .map(|address| match address {
                IpAddr::V4(address) => (*code, address.octets().to_vec()),
                // If a TLV has two types, the second one is for IPv6.
                IpAddr::V6(address) => (
                    rows.last().map_or(*code, |row| row.0),
                    address.octets().to_vec(),
                ),
            })
            .collect());
    }
    Ok(vec![(*code, simple(kind, c)?)])
}

fn simple(kind: &Kind, c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let float = |c: &mut Cursor<'_>| {
        let number = c.value("a number of octets a second", |word| {
            word.parse::<f32>().ok().filter(|number| number.is_finite())
        })?;
        Ok(number.to_be_bytes())
    };
    Ok(match kind {
        Kind::Flags(names, length) => flags(names, length.unwrap_or(1), c)?,
        Kind::Number => number(4, c)?,
        Kind::Metric => c.value(
            "a metric up to 16777215, `/1` or `/2` behind it for one of that many octets",
            metric,
        )?,
        Kind::Float => float(c)?.to_vec(),
        Kind::Floats => {
            let at = *c;
            let list = c.list(float)?;
            if list.len() != 8 {
                return Err(at.error("eight numbers in brackets"));
            }
            list.concat()
        }
        Kind::Numbers(octets) => c.list(|c| number(*octets, c))?.concat(),
        Kind::Area => c.value("an area like `49.0001` or `0x490001`", |word| {
            let digits = word.strip_prefix("0x").unwrap_or(word).replace('.', "");
            value::hex(&digits).filter(|area| (1..=32).contains(&area.len()))
        })?,
        Kind::Name | Kind::Opaque(255) => c.value("a name of at most 255 octets", |word| {
            (word.len() <= 255).then(|| word.as_bytes().to_vec())
        })?,
        Kind::Opaque(_) => c.value("octets in hexadecimal, `0x…`", |word| {
            value::hex(word)
                .filter(|value| word.starts_with("0x") && u16::try_from(value.len()).is_ok())
        })?,
        Kind::Algorithms => c.list(|c| number(1, c))?.concat(),
        Kind::Address | Kind::Addresses => return Err(c.error("an IP address")),
    })
}

/// RFC 9552 5.3.2.4: one octet for IS-IS small metrics, two for OSPF, three for IS-IS wide metrics.
fn metric(word: &str) -> Option<Vec<u8>> {
    let (number, octets) = match word.split_once('/') {
        Some((number, "1")) => (number, 1),
        Some((number, "2")) => (number, 2),
        Some(_) => return None,
        None => (word, 3),
    };
    let number = value::number(number, (1 << (8 * octets)) - 1)?;
    Some(number.to_be_bytes()[8 - octets..].to_vec())
}

/// The text of one TLV. The caller parses it back to verify it.
fn item_text(code: u16, value: &[u8]) -> Option<String> {
    if code == 1252 {
        return Some(format!(
            "srv6-sid-structure {}",
            list(value.iter().map(u8::to_string))
        ));
    }
    if let Some((_, word, parts)) = COMPOUND.iter().find(|(known, ..)| *known == code) {
        let mut r = Reader::new(value);
        let mut out = Vec::with_capacity(parts.len());
        let flags = value.first().copied().unwrap_or_default();
        for part in *parts {
            part.print(parts, flags, &mut r, &mut out)?;
        }
        return Some(format!("{word} ( {} )", out.join(" ")));
    }
    let (_, word, _, kind) = SIMPLE.iter().find(|(known, ..)| *known == code)?;
    let big = |octets: &[u8]| {
        octets
            .iter()
            .fold(0, |sum: u64, octet| sum << 8 | u64::from(*octet))
    };
    let float = |octets: &[u8]| {
        <[u8; 4]>::try_from(octets)
            .ok()
            .map(|octets| f32::from_be_bytes(octets).to_string())
    };
    let text = match kind {
        Kind::Flags(names, _) => flags_text(names, value),
        Kind::Number if value.len() == 4 => big(value).to_string(),
        Kind::Metric if value.len() == 3 => big(value).to_string(),
        Kind::Metric if value.len() < 3 => format!("{}/{}", big(value), value.len()),
        Kind::Float => float(value)?,
        Kind::Floats => list(value.chunks(4).filter_map(float)),
        Kind::Numbers(octets) => list(value.chunks(*octets).map(|number| big(number).to_string())),
        Kind::Address | Kind::Addresses => address(value)?.to_string(),
        Kind::Area | Kind::Opaque(usize::MAX) => format!("0x{}", hex(value)),
        Kind::Name | Kind::Opaque(_) => format!("\"{}\"", std::str::from_utf8(value).ok()?),
        Kind::Algorithms => list(value.iter().map(u8::to_string)),
        _ => return None,
    };
    Some(format!("{word} {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        parse(&mut c)
            .and_then(|bytes| c.finish().map(|()| bytes))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn words_make_the_bytes_and_come_back() {
        for (text, bytes) in [
            ("( )", ""),
            (
                "( node-flags [ O E ] node-name \"r 1\" area-id 0x490001 )",
                "04000001A0 0402000372 2031 04030003490001",
            ),
            (
                "( local-te-router-ids 10.0.0.1 local-te-router-ids 2001:db8::1 )",
                "040400040A000001 0405001020010DB8000000000000000000000001",
            ),
            ("( igp-metric 10 )", "0447000300000A"),
            (
                "( igp-metric 10/1 igp-metric 10/2 )",
                "044700010A 04470002000A",
            ),
            (
                "( maximum-link-bandwidth 125000000 te-metric 5 )",
                "044100044CEE6B28 0444000400000005",
            ),
            (
                "( unreserved-bandwidth [ 1 0 0 0 0 0 0 1.5 ] )",
                "044300203F800000000000000000000000000000000000000000000000000000 3FC00000",
            ),
            (
                "( link-protection-flags [ Dedicated-1:1 ] mpls-mask [ LDP RSVP-TE ] )",
                "044500021000 04460001C0",
            ),
            (
                "( shared-risk-link-groups [ 1 2 ] opaque-link 0xABCD link-name \"a\" )",
                "044800080000000100000002 04490002ABCD 044A000161",
            ),
            (
                "( sr-capabilities ( flags [ I V ] range 8000/16000 ) sr-algorithms [ 0 1 ] )",
                "040A000CC000001F4004890003003E80 040B00020001",
            ),
            (
                "( sr-local-block ( range 1000/15000 ) )",
                "040C000C00000003E80489000300 3A98",
            ),
            (
                "( sr-adj ( flags [ V L ] weight 7 sid 299792 ) )",
                "044B000730070000049310",
            ),
            (
                "( sr-adj-lan ( flags [ ] weight 0 system-id 0000.0000.0002 sid 5 ) )",
                "044C000E0000000000000000000200000005",
            ),
            (
                "( sr-prefix-sid ( flags [ N ] algorithm 0 sid 100 ) )",
                "048600084000000000000064",
            ),
            (
                "( srv6-locator ( flags [ D ] algorithm 128 metric 10 ) )",
                "048A0008808000000000000A",
            ),
            (
                "( srv6-endx ( behavior 57 flags [ B ] algorithm 0 weight 1 sid fc00::1 structure [ 32 16 16 0 ] ) )",
                "0452001E003980000100FC00000000000000000000000000000104E4000420101000",
            ),
            (
                "( srv6-lan-endx-ospf ( behavior 57 flags [ ] algorithm 0 weight 0 neighbor-id 10.0.0.2 sid fc00::1 ) )",
                "0454001A0039000000000A000002FC000000000000000000000000000001",
            ),
            (
                "( srv6-endpoint-behavior ( behavior 48 algorithm 1 ) srv6-sid-structure [ 32 16 16 0 ] )",
                "04E2000400300001 04E4000420101000",
            ),
            (
                "( srv6-capabilities ( flags [ O ] ) tlv 65535 0x )",
                "040E000440000000 FFFF0000",
            ),
        ] {
            let made = read(text).expect(text);
            assert_eq!(hex(&made), bytes.replace(' ', ""), "{text}");
            let mut out = String::new();
            print(&made, &mut out);
            assert_eq!(out, format!("bgp-ls {text}"));
        }
    }

    #[test]
    fn what_words_cannot_express_stays_as_it_is() {
        for (bytes, wanted) in [
            (&[4, 0, 0, 1, 0x01][..], "bgp-ls ( tlv 1024 0x01 )"),
            (&[4, 2, 0, 2, b'"', b'a'], "bgp-ls ( tlv 1026 0x2261 )"),
            (
                &[4, 65, 0, 4, 0x7F, 0xC0, 0, 0],
                "bgp-ls ( tlv 1089 0x7FC00000 )",
            ),
            (
                &[4, 75, 0, 5, 0x20, 0, 0, 0, 1],
                "bgp-ls ( tlv 1099 0x2000000001 )",
            ),
        ] {
            let mut out = String::new();
            print(bytes, &mut out);
            assert_eq!(out, wanted);
            assert_eq!(read(&wanted[7..]), Ok(bytes.to_vec()));
        }
    }

    #[test]
    fn errors_are_refused() {
        for (text, wanted) in [
            (
                "( igp-metrik 5 )",
                "unknown TLV `igp-metrik` in a BGP-LS attribute (did you mean `igp-metric`?)",
            ),
            (
                "( igp-metric 16777216 )",
                "expected a metric up to 16777215",
            ),
            ("( igp-metric 256/1 )", "expected a metric"),
            (
                "( node-flags [ X ] )",
                "expected flags: O, T, E, B, R, V, found `X`",
            ),
            (
                "( sr-adj ( flags V sid 5 ) )",
                "a SID is a label with the flags",
            ),
            (
                "( sr-adj ( size 5 ) )",
                "expected a part of this TLV, or `)`, found `size` (there are `flags`, `weight`, `sid`)",
            ),
            ("( srv6-endx ( behavior 5 ) )", "this TLV needs `sid`"),
            ("( unreserved-bandwidth [ 1 2 ] )", "expected eight numbers"),
            (
                "( te-metric 1",
                "expected a TLV of the BGP-LS attribute, or `)`",
            ),
            ("te-metric 1", "expected `(`"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
    }
}
