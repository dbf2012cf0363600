//! TLVs with several parts, `WORD ( PART VALUE … )`, each a row of [`COMPOUND`].

use std::net::IpAddr;

use crate::bgp::nlri::bgp_ls::{system, system_text};
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, Writer};

/// A part of a TLV that has several.
pub(super) enum Part {
    /// Keyword, names of the bits starting at the highest, octets.
    Flags(&'static str, &'static [&'static str], usize),
    /// Keyword, octets.
    Number(&'static str, usize),
    /// Octets that are zero.
    Reserved(usize),
    /// `system-id 0000.0000.0001`.
    System(&'static str),
    /// A mandatory address of that many octets.
    Address(&'static str, usize),
    /// `sid N` or `sid [ N N ]`: labels if the flags V and L are set, indexes if neither is set.
    Sids,
    /// `range SIZE/FIRST`, repeated: a SID/Label sub-TLV (1161) follows the size of each.
    Ranges,
    /// `structure [ 32 16 16 0 ]`: an optional sub-TLV 1252.
    Structure,
}

use Part::{Address, Flags, Number, Ranges, Reserved, Sids, Structure, System};

const ADJACENCY: Part = Flags("flags", &["F", "B", "V", "L", "S", "P"], 1);
const END_X: &[Part] = &[
    Number("behavior", 2),
    Flags("flags", &["B", "S", "P"], 1),
    Number("algorithm", 1),
    Number("weight", 1),
    Reserved(1),
    Address("sid", 16),
    Structure,
];

/// Type, keyword, parts: RFC 9085 section 2, RFC 9514 sections 3 to 7.
pub(super) const COMPOUND: &[(u16, &str, &[Part])] = &[
    (
        1034,
        "sr-capabilities",
        &[Flags("flags", &["I", "V"], 1), Reserved(1), Ranges],
    ),
    (1036, "sr-local-block", &[Reserved(2), Ranges]),
    (
        1038,
        "srv6-capabilities",
        &[Flags("flags", &["", "O"], 2), Reserved(2)],
    ),
    (
        1099,
        "sr-adj",
        &[ADJACENCY, Number("weight", 1), Reserved(2), Sids],
    ),
    (
        1100,
        "sr-adj-lan",
        &[
            ADJACENCY,
            Number("weight", 1),
            Reserved(2),
            System("system-id"),
            Sids,
        ],
    ),
    (1106, "srv6-endx", END_X),
    (
        1107,
        "srv6-lan-endx-isis",
        &[
            Number("behavior", 2),
            Flags("flags", &["B", "S", "P"], 1),
            Number("algorithm", 1),
            Number("weight", 1),
            Reserved(1),
            System("neighbor-id"),
            Address("sid", 16),
            Structure,
        ],
    ),
    (
        1108,
        "srv6-lan-endx-ospf",
        &[
            Number("behavior", 2),
            Flags("flags", &["B", "S", "P"], 1),
            Number("algorithm", 1),
            Number("weight", 1),
            Reserved(1),
            Address("neighbor-id", 4),
            Address("sid", 16),
            Structure,
        ],
    ),
    (
        1158,
        "sr-prefix-sid",
        &[
            Flags("flags", &["R", "N", "P", "E", "V", "L"], 1),
            Number("algorithm", 1),
            Reserved(2),
            Sids,
        ],
    ),
    (
        1162,
        "srv6-locator",
        &[
            Flags("flags", &["D"], 1),
            Number("algorithm", 1),
            Reserved(2),
            Number("metric", 4),
        ],
    ),
    (
        1250,
        "srv6-endpoint-behavior",
        &[Number("behavior", 2), Reserved(1), Number("algorithm", 1)],
    ),
];

pub(super) fn number(octets: usize, c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let most = u64::MAX >> (64 - 8 * octets);
    let number = c.value(&format!("a number from 0 to {most}"), |word| {
        value::number(word, most)
    })?;
    Ok(number.to_be_bytes()[8 - octets..].to_vec())
}

/// A flag's name as a keyword: `Dedicated 1:1` contains a space.
pub(super) fn flag_word(name: &str) -> String {
    name.replace(' ', "-")
}

pub(super) fn flags(
    names: &[&str],
    octets: usize,
    c: &mut Cursor<'_>,
) -> Result<Vec<u8>, SyntaxError> {
    let known = || names.iter().filter(|name| !matches!(**name, "RSV" | ""));
    let expected = format!(
        "flags: {}",
        known()
            .map(|name| flag_word(name))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let bits = c.list(|c| {
        c.value(&expected, |word| {
            let same = |name: &&str| *name != "RSV" && flag_word(name).eq_ignore_ascii_case(word);
            names.iter().position(same)
        })
    })?;
    let mut out = vec![0; octets];
    if let Some(first) = out.first_mut() {
        bits.iter().for_each(|bit| *first |= 0x80 >> bit);
    }
    Ok(out)
}

pub(super) fn flags_text(names: &[&str], value: &[u8]) -> String {
    let byte = value.first().copied().unwrap_or_default();
    let set = names
        .iter()
        .enumerate()
        .filter(|(bit, name)| byte & 0x80 >> bit != 0 && **name != "RSV");
    list(set.map(|(_, name)| flag_word(name)))
}

/// `[ a b ]`.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let mut out = "[ ".to_owned();
    items.for_each(|item| {
        out.push_str(&item);
        out.push(' ');
    });
    out.push(']');
    out
}

pub(super) fn structure(c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let at = *c;
    let lengths = c.list(|c| c.value("a length in bits from 0 to 128", value::u8))?;
    if lengths.len() == 4 {
        Ok(lengths)
    } else {
        Err(at.error("four lengths in brackets: block, node, function, argument"))
    }
}

/// Parses `( PART VALUE … )`. A missing part is zero.
pub(super) fn compound(parts: &[Part], c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let mut values: Vec<Option<Vec<u8>>> = parts.iter().map(|_| None).collect();
    let mut sids = Vec::new();
    c.expect("(")?;
    while !c.accept(")") {
        let span = c.span();
        let word = c.word("a part of this TLV, or `)`")?;
        let Some((index, part)) = parts
            .iter()
            .enumerate()
            .find(|(_, part)| part.word() == word)
        else {
            let words: Vec<&str> = parts
                .iter()
                .map(Part::word)
                .filter(|word| !word.is_empty())
                .collect();
            let error = SyntaxError::expected(span, "a part of this TLV, or `)`", word);
            return Err(error.with_help(format!("there are `{}`", words.join("`, `"))));
        };
        let value = match part {
            Sids => {
                sids = c.list(|c| c.value("a label or an index", value::u32))?;
                Vec::new()
            }
            Ranges => [values[index].take().unwrap_or_default(), range(c)?].concat(),
            _ => part.parse(c)?,
        };
        values[index] = Some(value);
    }
    let flags = values
        .first()
        .and_then(|value| value.as_ref()?.first().copied())
        .unwrap_or_default();
    let mut out = Vec::new();
    for (part, value) in parts.iter().zip(values) {
        match (part, value) {
            (Sids, _) => sids_bytes(parts, flags, &sids, c, &mut out)?,
            (_, Some(value)) => out.extend(value),
            (Flags(_, _, octets) | Number(_, octets) | Reserved(octets), None) => {
                out.resize(out.len() + octets, 0)
            }
            (Ranges | Structure, None) => {}
            (part, None) => {
                let message = format!("this TLV needs `{}`", part.word());
                return Err(SyntaxError::new(c.last_span(), message));
            }
        }
    }
    Ok(out)
}

/// Returns whether the V and L flags are set in `flags`, the first of `parts`.
pub(super) fn value_and_local(parts: &[Part], flags: u8) -> (bool, bool) {
    let has = |wanted: &str| match parts.first() {
        Some(Flags(_, names, _)) => names
            .iter()
            .position(|name| *name == wanted)
            .is_some_and(|bit| flags & 0x80 >> bit != 0),
        _ => false,
    };
    (has("V"), has("L"))
}

fn sids_bytes(
    parts: &[Part],
    flags: u8,
    sids: &[u32],
    c: &Cursor<'_>,
    out: &mut Vec<u8>,
) -> Result<(), SyntaxError> {
    let wrong = |message: &str| Err(SyntaxError::new(c.last_span(), message));
    let mut w = Writer::new(out);
    for sid in sids {
        match value_and_local(parts, flags) {
            (true, true) if *sid < 1 << 20 => w.u24(*sid),
            (true, true) => return wrong("a label is at most 1048575"),
            (false, false) => w.u32(*sid),
            _ => {
                return wrong(
                    "a SID is a label with the flags `V` and `L`, or an index without both",
                );
            }
        }
    }
    Ok(())
}

/// Parses `SIZE/FIRST`: the size, and a SID/Label sub-TLV with a label.
fn range(c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    let (size, first) = c.value(
        "a range of labels, its size and the first, like `8000/16000`",
        |word| {
            let (size, first) = word.split_once('/')?;
            let first = value::u32(first).filter(|label| *label < 1 << 20)?;
            Some((value::u32(size).filter(|size| *size < 1 << 24)?, first))
        },
    )?;
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.u24(size);
    w.u16(1161);
    w.u16(3);
    w.u24(first);
    Ok(out)
}

impl Part {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Flags(word, ..) | Number(word, _) | System(word) | Address(word, _) => word,
            Reserved(_) => "",
            Sids => "sid",
            Ranges => "range",
            Structure => "structure",
        }
    }

    pub(super) fn parse(&self, c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
        match self {
            Flags(_, names, octets) => flags(names, *octets, c),
            Number(_, octets) => number(*octets, c),
            System(_) => c
                .value("a system like `0000.0000.0001`", system)
                .map(|system| system.to_vec()),
            Address(_, 4) => c
                .value("an IPv4 address", value::ipv4)
                .map(|address| address.octets().to_vec()),
            Address(..) => c
                .value("an IPv6 address", value::ipv6)
                .map(|address| address.octets().to_vec()),
            Structure => {
                let lengths = structure(c)?;
                Ok([&[4, 228, 0, 4][..], &lengths].concat())
            }
            // These have no keyword, or are parsed where the whole TLV is known.
            Reserved(_) | Sids | Ranges => Ok(Vec::new()),
        }
    }

    /// Takes the octets of this part off `r` and appends its text.
    pub(super) fn print(
        &self,
        parts: &[Self],
        flags: u8,
        r: &mut Reader<'_>,
        out: &mut Vec<String>,
    ) -> Option<()> {
        const WHAT: &str = "a part";
        let word = self.word();
        match self {
            Flags(_, names, octets) => out.push(format!(
                "{word} {}",
                flags_text(names, r.take(*octets, WHAT).ok()?)
            )),
            Number(_, octets) => {
                let number = r
                    .take(*octets, WHAT)
                    .ok()?
                    .iter()
                    .fold(0, |sum: u64, octet| sum << 8 | u64::from(*octet));
                out.push(format!("{word} {number}"));
            }
            Reserved(octets) => drop(r.take(*octets, WHAT).ok()?),
            System(_) => out.push(format!("{word} {}", system_text(r.take(6, WHAT).ok()?))),
            Address(_, octets) => {
                out.push(format!("{word} {}", address(r.take(*octets, WHAT).ok()?)?))
            }
            Sids => {
                let mut sids = Vec::new();
                while !r.is_empty() {
                    sids.push(match value_and_local(parts, flags) {
                        (true, true) => r.u24(WHAT).ok()?,
                        _ => r.u32(WHAT).ok()?,
                    });
                }
                match sids[..] {
                    [] => {}
                    [sid] => out.push(format!("{word} {sid}")),
                    _ => out.push(format!("{word} {}", list(sids.iter().map(u32::to_string)))),
                }
            }
            Ranges => {
                while !r.is_empty() {
                    let size = r.u24(WHAT).ok()?;
                    r.u32(WHAT).ok()?;
                    out.push(format!("{word} {size}/{}", r.u24(WHAT).ok()?));
                }
            }
            Structure if r.is_empty() => {}
            Structure => {
                r.u32(WHAT).ok()?;
                out.push(format!(
                    "{word} {}",
                    list(r.rest().iter().map(u8::to_string))
                ));
            }
        }
        Some(())
    }
}

pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => None,
    }
}
