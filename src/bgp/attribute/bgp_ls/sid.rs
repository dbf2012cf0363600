//! TLVs of segment routing: SR capabilities, adjacency and prefix SIDs (RFC 9085 section 2), SRv6 (RFC 9514).

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::item::{Item, Text, flags};
use super::value::Value;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

const WHAT: &str = "a segment-routing TLV of its type's length";
const ADJACENCY: &[&str] = &["F", "B", "V", "L", "S", "P", "RSV"];
const OSPF_ADJACENCY: &[&str] = &["B", "V", "L", "G", "P", "RSV"];
const END_X: &[&str] = &["B", "S", "P", "RSV"];

/// Decodes the value of TLV `code`. Returns `None` if it is not one of these.
pub(super) fn decode(code: u16, r: &mut Reader<'_>) -> Option<Result<Item, WireError>> {
    Some(match code {
        1034 => capabilities(r),
        1038 => srv6_capabilities(r),
        1099 => adjacency(r),
        1100 => lan_adjacency(r),
        1106 => end_x(r),
        1107 => lan_end_x(r, 6),
        1108 => lan_end_x(r, 4),
        1158 => prefix_sid(r),
        1162 => locator(r),
        1250 => behavior(r),
        1252 => structure(r).map(|value| {
            let words = match &value {
                Value::Object(members) => {
                    let lengths: Vec<String> = members
                        .iter()
                        .map(|(_, length)| json_text(length))
                        .collect();
                    format!("sid-structure [{},]", lengths.join(","))
                }
                _ => String::new(),
            };
            Item::new("srv6-sid-structure", value, Text::Words(words))
        }),
        _ => return None,
    })
}

fn json_text(value: &Value) -> String {
    let mut w = JsonWriter::new();
    value.json(&mut w);
    w.into_string()
}

fn repr(value: &Value) -> String {
    let mut out = String::new();
    value.repr(&mut out);
    out
}

/// Returns `true` if flag `name` is set in a value made by [`flags`].
fn is_set(flags: &Value, name: &str) -> bool {
    let Value::Object(members) = flags else {
        return false;
    };
    let mut members = members.iter();
    members.any(|(known, value)| *known == name && *value == Value::Number(1))
}

/// Decodes SIDs whose form depends on the flags: three-octet labels if V and L are set, four-octet indexes if neither
/// is set. Anything else is returned as hexadecimal digits.
fn sids(given: &Value, r: &mut Reader<'_>) -> Result<(Value, Value), WireError> {
    let (v, l) = (is_set(given, "V"), is_set(given, "L"));
    let mut list = Vec::new();
    let mut raw = Vec::new();
    while !r.is_empty() {
        match (v, l) {
            (true, true) => list.push(Value::Number(r.u24(WHAT)?.into())),
            (false, false) => list.push(Value::Number(r.u32(WHAT)?.into())),
            _ => raw.push(Value::Text(format!("0x{}", hex(r.rest())))),
        }
    }
    Ok((Value::List(list), Value::List(raw)))
}

/// Skips up to `count` octets; ExaBGP accepts a TLV without the reserved octets.
fn skip(count: usize, r: &mut Reader<'_>) {
    let count = count.min(r.remaining());
    // Never more than remains.
    let _ = r.take(count, WHAT);
}

fn capabilities(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let given = flags(&["I", "V", "RSV"], r.u8(WHAT)?);
    skip(1, r);
    let mut ranges = Vec::new();
    while !r.is_empty() {
        let size = r.u24(WHAT)?;
        if r.u16(WHAT)? != 1161 {
            return Err(r.error("a SID/Label sub-TLV"));
        }
        let length = usize::from(r.u16(WHAT)?);
        let mut value = r.sub(length, WHAT)?;
        let first = match length {
            3 => value.u24(WHAT)? & 0xF_FFFF,
            4 => value.u32(WHAT)?,
            _ => continue,
        };
        ranges.push(Value::numbers([size, first]));
    }
    let ranges = Value::List(ranges);
    let words = format!(
        "SR Capability Flags: {}, sids: {}",
        repr(&given),
        repr(&ranges)
    );
    Ok(Item {
        more: vec![("sids", ranges)],
        ..Item::new("sr-capability-flags", given, Text::Words(words))
    })
}

fn srv6_capabilities(r: &mut Reader<'_>) -> Result<Item, WireError> {
    // RFC 9514 3.1: the O-flag is bit 1 of 16; ExaBGP looks at bit 9.
    let is_set = r.u16(WHAT)? & 0x4000 != 0;
    r.rest();
    let given = Value::object([("O", Value::Number(is_set.into()))]);
    let words = format!("flags: {}", repr(&given));
    Ok(Item::new(
        "srv6-capabilities",
        Value::object([("flags", given)]),
        Text::Words(words),
    ))
}

fn adjacency(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let given = flags(ADJACENCY, r.u8(WHAT)?);
    let weight = r.u8(WHAT)?;
    skip(2, r);
    let (list, raw) = sids(&given, r)?;
    let words = format!(
        "adj_flags: {}, sids: {}, undecoded_sid {}",
        repr(&given),
        repr(&list),
        repr(&raw)
    );
    let value = Value::object([
        ("flags", given),
        ("sids", list),
        ("weight", Value::Number(weight.into())),
        ("undecoded-sids", raw),
    ]);
    Ok(Item::new("sr-adj", value, Text::Words(words)))
}

/// RFC 9085 2.2.2: the neighbor is an IS-IS system ID of six octets or an OSPF router ID of four, and the flags are those of the
/// protocol, which is in the NLRI. One SID follows: a label of three octets or an index of four, as the flags say. What fits
/// neither is read as of IS-IS, like ExaBGP does.
fn lan_adjacency(r: &mut Reader<'_>) -> Result<Item, WireError> {
    // V and L of OSPF.
    let is_ospf = match (r.remaining(), r.peek()) {
        (11, [first, ..]) => first & 0x60 == 0x60,
        (12, [first, ..]) => first & 0x60 == 0,
        _ => false,
    };
    let names = if is_ospf { OSPF_ADJACENCY } else { ADJACENCY };
    let given = flags(names, r.u8(WHAT)?);
    let weight = r.u8(WHAT)?;
    r.u16(WHAT)?;
    let neighbor = match is_ospf {
        true => (
            "neighbor-id",
            Value::text(Ipv4Addr::from(r.array::<4>(WHAT)?)),
        ),
        false => {
            let system = hex(r.take(6, WHAT)?).to_ascii_lowercase();
            ("system-id", Value::Text(system))
        }
    };
    let (list, raw) = sids(&given, r)?;
    let value = Value::object([
        ("flags", given),
        ("weight", Value::Number(weight.into())),
        neighbor,
        ("sids", list),
        ("undecoded", raw),
    ]);
    let item = Item::new(
        "sr-adj-lan-sids",
        Value::List(vec![value]),
        Text::Named("sr-adj-lan-sids"),
    );
    Ok(Item {
        merge: true,
        ..item
    })
}

fn prefix_sid(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let given = flags(&["R", "N", "P", "E", "V", "L", "RSV"], r.u8(WHAT)?);
    let algorithm = r.u8(WHAT)?;
    skip(2, r);
    if !is_set(&given, "V") && !is_set(&given, "L") && !matches!(r.remaining(), 0 | 4) {
        return Err(r.error("one index of four octets"));
    }
    let (list, raw) = sids(&given, r)?;
    let words = format!(
        "prefix_flags: {}, sids: {}, undecoded_sid: {}",
        repr(&given),
        repr(&list),
        repr(&raw)
    );
    Ok(Item {
        more: vec![
            ("sids", list),
            ("undecoded-sids", raw),
            ("sr-algorithm", Value::Number(algorithm.into())),
        ],
        ..Item::new("sr-prefix-flags", given, Text::Words(words))
    })
}

/// The members of an object.
type Members = Vec<(Cow<'static, str>, Value)>;

fn named<const N: usize>(members: [(&'static str, Value); N]) -> Members {
    members
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}

/// The sub-TLVs of an End.X SID: a SID structure, and unknown ones as hexadecimal digits under a name made by
/// `unknown`. Of two with the same name the last is used.
fn sub_tlvs(
    r: &mut Reader<'_>,
    members: &mut Members,
    unknown: fn(u16) -> String,
) -> Result<(), WireError> {
    let mut places: HashMap<u16, usize> = HashMap::new();
    // A remainder shorter than a header is skipped, as in ExaBGP.
    while r.remaining() >= 4 {
        let kind = r.u16(WHAT)?;
        let length = usize::from(r.u16(WHAT)?);
        let mut value = r.sub(length, WHAT)?;
        let (name, value) = if kind == 1252 {
            (Cow::Borrowed("srv6-sid-structure"), structure(&mut value)?)
        } else {
            (
                unknown(kind).into(),
                Value::Text(format!("0x{}", hex(value.rest()))),
            )
        };
        let place = *places.entry(kind).or_insert(members.len());
        match members.get_mut(place) {
            Some(known) => known.1 = value,
            None => members.push((name, value)),
        }
    }
    r.rest();
    Ok(())
}

fn structure(r: &mut Reader<'_>) -> Result<Value, WireError> {
    let mut members = Members::with_capacity(4);
    for name in ["loc_block_len", "loc_node_len", "func_len", "arg_len"] {
        members.push((name.into(), Value::Number(r.u8(WHAT)?.into())));
    }
    r.rest();
    Ok(Value::Object(members))
}

fn end_x(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let behavior = r.u16(WHAT)?;
    let given = flags(END_X, r.u8(WHAT)?);
    let (algorithm, weight) = (r.u8(WHAT)?, r.u8(WHAT)?);
    r.u8(WHAT)?;
    let sid = Ipv6Addr::from(r.array::<16>(WHAT)?);
    let words = format!(
        "behavior: {behavior}, flags: {}, algorithm: {algorithm}, weight: {weight}, sid: {sid}",
        repr(&given)
    );
    let mut members = named([
        ("flags", given),
        ("behavior", Value::Number(behavior.into())),
        ("algorithm", Value::Number(algorithm.into())),
        ("weight", Value::Number(weight.into())),
        ("sid", Value::text(sid)),
    ]);
    sub_tlvs(r, &mut members, |kind| {
        format!("subtlv-not-implemented-{kind}")
    })?;
    let value = Value::List(vec![Value::Object(members)]);
    Ok(Item {
        merge: true,
        ..Item::new("srv6-endx", value, Text::Words(words))
    })
}

/// End.X on a LAN. The neighbor is an IS-IS system ID of six octets or an OSPF router ID of four.
fn lan_end_x(r: &mut Reader<'_>, octets: usize) -> Result<Item, WireError> {
    let behavior = r.u16(WHAT)?;
    let given = flags(END_X, r.u8(WHAT)?);
    let (algorithm, weight) = (r.u8(WHAT)?, r.u8(WHAT)?);
    r.u8(WHAT)?;
    let (key, neighbor) = if octets == 6 {
        (
            "srv6-lan-endx-isis",
            hex(r.take(6, WHAT)?).to_ascii_lowercase(),
        )
    } else {
        (
            "srv6-lan-endx-ospf",
            Ipv4Addr::from(r.array::<4>(WHAT)?).to_string(),
        )
    };
    let sid = Ipv6Addr::from(r.array::<16>(WHAT)?);
    let words = format!(
        "behavior: {behavior}, neighbor-id: {neighbor}, flags: {}, algorithm: {algorithm}, weight: {weight}, sid: {sid}",
        repr(&given)
    );
    let mut members = named([
        ("flags", given),
        ("neighbor-id", Value::Text(neighbor)),
        ("behavior", Value::Number(behavior.into())),
        ("algorithm", Value::Number(algorithm.into())),
        ("weight", Value::Number(weight.into())),
        ("sid", Value::text(sid)),
    ]);
    sub_tlvs(r, &mut members, |kind| format!("{kind}-undecoded"))?;
    let value = Value::List(vec![Value::Object(members)]);
    Ok(Item {
        merge: true,
        ..Item::new(key, value, Text::Words(words))
    })
}

fn locator(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let given = flags(&["D", "RSV"], r.u8(WHAT)?);
    let algorithm = r.u8(WHAT)?;
    r.u16(WHAT)?;
    let metric = r.u32(WHAT)?;
    r.rest();
    let words = format!(
        "flags: {}, algorithm: {algorithm}, metric: {metric}",
        repr(&given)
    );
    let value = Value::object([
        ("flags", given),
        ("algorithm", Value::Number(algorithm.into())),
        ("metric", Value::Number(metric.into())),
    ]);
    Ok(Item::new("srv6-locator", value, Text::Words(words)))
}

fn behavior(r: &mut Reader<'_>) -> Result<Item, WireError> {
    let behavior = r.u16(WHAT)?;
    r.u8(WHAT)?;
    let algorithm = r.u8(WHAT)?;
    r.rest();
    // ExaBGP writes the decimal number after `0x`.
    let words = format!("srv6-endpoint-behavior [0x{behavior}, flags: [], algorithm: {algorithm}]");
    let value = Value::object([
        ("endpoint-behavior", Value::Number(behavior.into())),
        ("flags", Value::List(Vec::new())),
        ("algorithm", Value::Number(algorithm.into())),
    ]);
    Ok(Item::new(
        "srv6-endpoint-behavior",
        value,
        Text::Words(words),
    ))
}
