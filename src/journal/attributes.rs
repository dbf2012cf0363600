//! Attribute sets as bytes that give an equal set back.
//!
//! Each attribute is its type code, its flags, and the value as on the wire with four-octet AS numbers. A next hop has a form
//! of its own, since the set holds those of all families and `self`. An attribute whose wire form does not give an equal
//! value back is stored as the text that the configuration would have.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use crate::bgp::attribute::Attribute;
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::{AttributeSet, Codec, NextHop};
use crate::text::{Cursor, tokenize};
use crate::wire::{Reader, WireError, Writer};

/// The code in place of a next hop's, and of an attribute that is stored as text. Neither is assigned by IANA.
const HOP: u8 = 0xFE;
const TEXT: u8 = 0xFD;

/// Appends a set. Returns `false`, with nothing appended, if an attribute has no form that gives it back.
pub fn encode_attributes(set: &AttributeSet, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for attribute in set.list() {
        if !encode(attribute, out) {
            out.truncate(start);
            return false;
        }
    }
    true
}

fn encode(attribute: &Attribute, out: &mut Vec<u8>) -> bool {
    let mut value = Vec::new();
    let (code, flags) = if let Attribute::NextHop(hop) = attribute {
        match hop.get() {
            NextHop::SelfAddress => {}
            NextHop::V4(address) => value.extend(address.octets()),
            NextHop::V6(address) => value.extend(address.octets()),
            NextHop::V6LinkLocal(global, local) => {
                value.extend(global.octets());
                value.extend(local.octets());
            }
        }
        (HOP, 0)
    } else {
        let codec = Codec::default();
        attribute.encode_value(&mut Writer::new(&mut value), &codec);
        let (code, flags) = (attribute.code(), attribute.flags());
        let back = Attribute::decode(code, flags, &mut Reader::new(&value), &codec);
        if matches!(code, HOP | TEXT) || back.as_ref() != Ok(attribute) {
            let text = attribute.to_string();
            if parse(&text).as_ref() != Some(attribute) {
                return false;
            }
            value = text.into_bytes();
            (TEXT, 0)
        } else {
            (code, flags)
        }
    };
    let mut w = Writer::new(out);
    w.u8(code);
    w.u8(flags);
    let Ok(length) = u32::try_from(value.len()) else {
        return false;
    };
    w.u32(length);
    w.bytes(&value);
    true
}

/// Reads a set that [`encode_attributes`] has written.
///
/// # Errors
/// When the bytes are something else.
pub fn decode_attributes(bytes: &[u8]) -> Result<AttributeSet, WireError> {
    let mut r = Reader::new(bytes);
    let mut list = Vec::new();
    while !r.is_empty() {
        let (code, flags) = (r.u8("a type code")?, r.u8("flags")?);
        let length = r.u32("a length")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut value = r.sub(length, "the value of an attribute")?;
        list.push(match code {
            HOP => Attribute::NextHop(NextHopAttribute::new(hop(&mut value)?)),
            TEXT => str::from_utf8(value.rest())
                .ok()
                .and_then(parse)
                .ok_or_else(|| r.error("the text of an attribute"))?,
            _ => Attribute::decode(code, flags, &mut value, &Codec::default())?,
        });
    }
    Ok(AttributeSet::new(list))
}

/// Reads sets, of which consecutive records usually have the same: the last one is kept.
#[derive(Debug, Default)]
pub struct AttributeMemo(Option<(Vec<u8>, Rc<AttributeSet>)>);

impl AttributeMemo {
    /// Reads a set. `share` is called with one that differs from the last, and returns what is kept of it.
    ///
    /// # Errors
    /// As [`decode_attributes`].
    pub fn decode(
        &mut self,
        bytes: &[u8],
        share: impl FnOnce(Rc<AttributeSet>) -> Rc<AttributeSet>,
    ) -> Result<Rc<AttributeSet>, WireError> {
        if let Some((known, set)) = &self.0
            && known == bytes
        {
            return Ok(Rc::clone(set));
        }
        let set = share(Rc::new(decode_attributes(bytes)?));
        self.0 = Some((bytes.to_vec(), Rc::clone(&set)));
        Ok(set)
    }
}

fn hop(value: &mut Reader<'_>) -> Result<NextHop, WireError> {
    const WHAT: &str = "a next hop of 0, 4, 16 or 32 octets";
    let hop = match value.remaining() {
        0 => NextHop::SelfAddress,
        4 => NextHop::V4(Ipv4Addr::from(value.array::<4>(WHAT)?)),
        16 => NextHop::V6(Ipv6Addr::from(value.array::<16>(WHAT)?)),
        _ => {
            let global = value.array::<16>(WHAT)?.into();
            NextHop::V6LinkLocal(global, value.array::<16>(WHAT)?.into())
        }
    };
    value.finish(WHAT)?;
    Ok(hop)
}

fn parse(text: &str) -> Option<Attribute> {
    let tokens = tokenize(text);
    let mut c = Cursor::new(&tokens, text.len());
    let keyword = c.word("an attribute").ok()?.to_owned();
    let attribute = Attribute::parse(&keyword, &mut c)?.ok()?;
    c.is_empty().then_some(attribute)
}
