//! JSON keys of ExaBGP 6.0 that differ from those of 5.0, and the TLVs that only 6.0 decodes (RFC 8571, link
//! identifiers).

use std::borrow::Cow;

use super::item::Item;
use super::value::Value;
use crate::wire::Reader;

/// A key, its values, and whether a single value is written as a list, too.
type Member = (Cow<'static, str>, Vec<Value>, bool);

/// The keys in 5.0 and 6.0 of TLVs that may be repeated.
const LISTS: &[(&str, &str)] = &[
    ("area-id", "area-ids"),
    ("local-te-router-ids", "local-router-ids"),
    ("remote-te-router-id", "remote-router-ids"),
    ("sr-adj", "sr-adjs"),
    ("sr-prefix-flags", "sr-prefix-sids"),
    ("srv6-locator", "srv6-locators"),
];

/// Names and lengths in octets of TLVs that 5.0 shows as hexadecimal digits.
const MEASURES: &[(&str, &str, usize)] = &[
    ("generic-lsid-258", "link-local-remote-identifiers", 8),
    ("generic-lsid-1114", "unidirectional-link-delay", 4),
    ("generic-lsid-1115", "minmax-unidirectional-link-delay", 8),
    ("generic-lsid-1116", "unidirectional-delay-variation", 4),
    ("generic-lsid-1117", "unidirectional-link-loss", 4),
    ("generic-lsid-1118", "unidirectional-residual-bandwidth", 4),
    ("generic-lsid-1119", "unidirectional-available-bandwidth", 4),
    ("generic-lsid-1120", "unidirectional-utilized-bandwidth", 4),
];

/// The JSON members for one TLV.
pub(super) fn members(item: Item) -> Vec<Member> {
    if let Some(member) = measure(&item) {
        return vec![member];
    }
    let known = LISTS.iter().find(|(old, _)| *old == item.key);
    let key = known.map_or_else(|| item.key.clone(), |(_, new)| Cow::Borrowed(*new));
    let list = known.is_some() || item.merge;
    if key == "sr-prefix-sids" {
        return vec![(key, vec![item.whole()], true)];
    }
    let values = match item.value {
        Value::List(values) if item.merge => values,
        value => vec![value],
    };
    let more = item
        .more
        .into_iter()
        .map(|(key, value)| (Cow::Borrowed(key), vec![value], false));
    std::iter::once((key, values, list)).chain(more).collect()
}

/// Decodes a TLV that 5.0 shows as hexadecimal. A TLV of unexpected length is left unchanged.
fn measure(item: &Item) -> Option<Member> {
    const WHAT: &str = "a measure";
    let (_, key, length) = MEASURES.iter().find(|(old, ..)| *old == item.key)?;
    let Value::List(list) = &item.value else {
        return None;
    };
    let [Value::Text(digits)] = &list[..] else {
        return None;
    };
    let bytes = crate::text::value::hex(digits).filter(|bytes| bytes.len() == *length)?;
    let mut r = Reader::new(&bytes);
    let anomalous = || ("anomalous", Value::Boolean(bytes[0] & 0x80 != 0));
    let mut micros = || {
        r.u8(WHAT).ok()?;
        r.u24(WHAT).ok().map(|value| Value::Number(value.into()))
    };
    let value = match *key {
        "link-local-remote-identifiers" => {
            let mut r = Reader::new(&bytes);
            let (local, remote) = (r.u32(WHAT).ok()?, r.u32(WHAT).ok()?);
            Value::object([
                ("local-id", Value::Number(local.into())),
                ("remote-id", Value::Number(remote.into())),
            ])
        }
        "unidirectional-link-delay" => Value::object([("delay-us", micros()?), anomalous()]),
        "minmax-unidirectional-link-delay" => Value::object([
            ("min-delay-us", micros()?),
            ("max-delay-us", micros()?),
            anomalous(),
        ]),
        "unidirectional-delay-variation" => micros()?,
        "unidirectional-link-loss" => {
            let Value::Number(units) = micros()? else {
                return None;
            };
            // RFC 8571 6: "The link loss is expressed as a percentage of the total traffic […] The basic unit is 0.000003%".
            let units = u32::try_from(units).ok()?;
            Value::object([
                ("loss-percent", Value::Double(f64::from(units) * 0.000_003)),
                anomalous(),
            ])
        }
        _ => Value::Float(f32::from_bits(r.u32(WHAT).ok()?)),
    };
    Some((Cow::Borrowed(*key), vec![value], false))
}
