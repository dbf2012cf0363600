//! TLVs of the BGP-LS attribute: a table of those with a simple value. The others are in [`sid`](super::sid).

use std::net::IpAddr;

use super::item::{Item, Text, flags};
use super::sid;
use super::value::{Value, name};
use crate::json::hex;
use crate::wire::{Reader, WireError};

/// Formats of simple values.
pub(super) enum Kind {
    /// A byte of flags with these names, starting at the highest bit; the required length of the TLV, if any.
    Flags(&'static [&'static str], Option<usize>),
    /// Four octets.
    Number,
    /// One to three octets.
    Metric,
    /// A four-octet floating-point number.
    Float,
    /// Eight floating-point numbers.
    Floats,
    /// Numbers of that many octets each.
    Numbers(usize),
    /// An IPv4 or IPv6 address.
    Address,
    /// An address; several TLVs make a list.
    Addresses,
    /// A number of any length, shown as text.
    Area,
    /// Text of at most 255 octets.
    Name,
    /// At most that many bytes, shown as text. With `usize::MAX`, bytes of any number, shown in hexadecimal.
    Opaque(usize),
    /// One octet each.
    Algorithms,
}

/// Type, JSON key, name in texts, format.
#[rustfmt::skip]
pub(super) const SIMPLE: &[(u16, &str, &str, Kind)] = &[
    (1024, "node-flags", "Node Flags", Kind::Flags(&["O", "T", "E", "B", "R", "V", "RSV"], Some(1))),
    (1025, "opaque", "Opaque Node Attribute", Kind::Opaque(usize::MAX)),
    (1026, "node-name", "Node Name", Kind::Name),
    (1027, "area-id", "ISIS area id", Kind::Area),
    (1028, "local-te-router-ids", "Local TE Router IDs", Kind::Addresses),
    (1029, "local-te-router-ids", "Local TE Router IDs", Kind::Addresses),
    (1030, "remote-te-router-id", "Remote TE Router ID", Kind::Address),
    (1031, "remote-te-router-id", "Remote TE Router ID", Kind::Address),
    (1035, "sr-algorithms", "SrAlgorithms", Kind::Algorithms),
    (1088, "admin-group-mask", "Admin Group mask", Kind::Number),
    (1089, "maximum-link-bandwidth", "Maximum link bandwidth", Kind::Float),
    (1090, "maximum-reservable-link-bandwidth", "Maximum reservable link bandwidth", Kind::Float),
    (1091, "unreserved-bandwidth", "Maximum link bandwidth", Kind::Floats),
    (1092, "te-metric", "TE Default Metric", Kind::Number),
    (1093, "link-protection-flags", "Link protection mask",
     Kind::Flags(&["ExtraTrafic", "Unprotected", "Shared", "Dedicated 1:1", "Dedicated 1+1", "Enhanced", "RSV"], Some(2))),
    (1094, "mpls-mask", "MPLS Protocol mask", Kind::Flags(&["LDP", "RSVP-TE", "RSV"], Some(1))),
    (1095, "igp-metric", "IGP Metric", Kind::Metric),
    (1096, "shared-risk-link-groups", "link SRLG values", Kind::Numbers(4)),
    (1097, "opaque-link", "Opaque Link Attribute", Kind::Opaque(usize::MAX)),
    (1098, "link-name", "Link Name", Kind::Opaque(255)),
    (1152, "igp-flags", "IGP flags", Kind::Flags(&["D", "N", "L", "P", "RSV"], Some(1))),
    (1153, "igp-route-tags", "IGP Route Tags", Kind::Numbers(4)),
    (1154, "igp-extended-route-tags", "IGP Extended Route Tags", Kind::Numbers(8)),
    (1155, "prefix-metric", "prefix_metric", Kind::Number),
    (1156, "ospf-forwarding-address", "Ospf forwarding address", Kind::Address),
    (1157, "opaque-prefix", "Opaque Prefix Attribute", Kind::Opaque(usize::MAX)),
    (1170, "sr-prefix-attribute-flags", "Prefix Attr Flags", Kind::Flags(&["X", "R", "N", "RSV"], None)),
    (1171, "sr-source-router-id", "Source router identifier", Kind::Address),
];

const WHAT: &str = "a TLV of its type's length";

/// Decodes all TLVs.
///
/// # Errors
/// Returns an error if a TLV runs past the end or is invalid for its type.
pub(super) fn decode(r: &mut Reader<'_>) -> Result<Vec<Item>, WireError> {
    let mut items = Vec::new();
    while !r.is_empty() {
        let kind = r.u16("a type of TLV")?;
        let length = usize::from(r.u16("a length of TLV")?);
        let mut value = r.sub(length, "a TLV of its declared length")?;
        items.push(item(kind, &mut value)?);
    }
    Ok(items)
}

fn item(code: u16, r: &mut Reader<'_>) -> Result<Item, WireError> {
    if let Some((_, key, name, kind)) = SIMPLE.iter().find(|(known, ..)| *known == code) {
        let value = kind.decode(r)?;
        let text = match kind {
            Kind::Address | Kind::Name | Kind::Area => Text::Plain(name),
            _ => Text::Named(name),
        };
        let merge = matches!(kind, Kind::Addresses);
        return Ok(Item {
            merge,
            ..Item::new(key, value, text)
        });
    }
    if let Some(item) = sid::decode(code, r) {
        return item;
    }
    let value = Value::List(vec![Value::Text(format!("0x{}", hex(r.rest())))]);
    Ok(Item {
        key: format!("generic-lsid-{code}").into(),
        merge: true,
        ..Item::new(
            "",
            value,
            Text::Words(format!("Attribute with code [ {code} ] not implemented")),
        )
    })
}

impl Kind {
    fn decode(&self, r: &mut Reader<'_>) -> Result<Value, WireError> {
        let value = match self {
            Self::Flags(names, length) => {
                if length.is_some_and(|length| r.remaining() != length) {
                    return Err(r.error(WHAT));
                }
                let value = flags(names, r.u8(WHAT)?);
                r.rest();
                value
            }
            Self::Number => Value::Number(r.u32(WHAT)?.into()),
            Self::Metric => match r.remaining() {
                1 => Value::Number(r.u8(WHAT)?.into()),
                2 => Value::Number(r.u16(WHAT)?.into()),
                _ => Value::Number(r.u24(WHAT)?.into()),
            },
            Self::Float => Value::Float(f32::from_bits(r.u32(WHAT)?)),
            Self::Floats => {
                let mut list = Vec::with_capacity(8);
                for _ in 0..8 {
                    list.push(Value::Float(f32::from_bits(r.u32(WHAT)?)));
                }
                Value::Tuple(list)
            }
            Self::Numbers(octets) => {
                let mut list = Vec::new();
                while !r.is_empty() {
                    let number = r.take(*octets, WHAT)?;
                    let number = number
                        .iter()
                        .fold(0, |sum: u64, octet| sum << 8 | u64::from(*octet));
                    list.push(Value::Number(number));
                }
                Value::List(list)
            }
            Self::Address => Value::text(address(r)?),
            Self::Addresses => Value::List(vec![Value::text(address(r)?)]),
            Self::Area => {
                // IS-IS areas have at most 13 octets; printing much longer ones as one number would be slow.
                if !(1..=32).contains(&r.remaining()) {
                    return Err(r.error(WHAT));
                }
                Value::Text(super::super::decimal(r.rest()))
            }
            Self::Name if r.remaining() > 255 => {
                return Err(r.error("a name of at most 255 octets"));
            }
            Self::Name => Value::text(name(r.rest())),
            Self::Opaque(most) if r.remaining() > *most => return Err(r.error(WHAT)),
            Self::Opaque(usize::MAX) => Value::Opaque(r.rest().to_vec()),
            Self::Opaque(_) => Value::Bytes(r.rest().to_vec()),
            Self::Algorithms if r.is_empty() => Value::numbers([0u8]),
            Self::Algorithms => Value::numbers(r.rest().iter().copied()),
        };
        r.finish(WHAT)?;
        Ok(value)
    }
}

fn address(r: &mut Reader<'_>) -> Result<IpAddr, WireError> {
    match r.remaining() {
        4 => Ok(r.array::<4>(WHAT)?.into()),
        16 => Ok(r.array::<16>(WHAT)?.into()),
        _ => Err(r.error(WHAT)),
    }
}
