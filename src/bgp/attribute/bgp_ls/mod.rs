//! The BGP-LS attribute (RFC 9552 section 5.3, RFC 9085, RFC 9514): IGP properties of a node, a link or a prefix.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |              Type             |             Length            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Value (variable)                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The value is kept as received once `tlv` has decoded it successfully; unknown TLVs are shown as hexadecimal.
//! `value` holds decoded values until they are rendered as JSON or text; `words` implements the configuration
//! syntax.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

mod compound;
mod item;
mod later;
mod sid;
mod tlv;
mod value;
mod words;

use item::Item;
use value::Value;

/// The value, known to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BgpLsAttribute(Box<[u8]>);

impl BgpLsAttribute {
    /// The decoded TLVs. Those that share one JSON member are merged.
    fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut places: HashMap<Cow<'static, str>, usize> = HashMap::new();
        for item in tlv::decode(&mut Reader::new(&self.0)).unwrap_or_default() {
            if item.merge {
                let next = items.len();
                let place = *places.entry(item.key.clone()).or_insert(next);
                if let Some(known) = items.get_mut(place) {
                    known.merge(item);
                    continue;
                }
            }
            items.push(item);
        }
        items
    }
}

impl BgpLsAttribute {
    /// Appends the JSON of ExaBGP 6.0, where repeatable and repeated TLVs are lists.
    pub(crate) fn json_v60(&self, w: &mut JsonWriter) {
        let mut members: Vec<(Cow<'static, str>, Vec<Value>, bool)> = Vec::new();
        let mut places: HashMap<Cow<'static, str>, usize> = HashMap::new();
        for item in tlv::decode(&mut Reader::new(&self.0)).unwrap_or_default() {
            for (key, value, list) in later::members(item) {
                let next = members.len();
                let place = *places.entry(key.clone()).or_insert(next);
                match members.get_mut(place) {
                    Some((_, values, _)) => values.extend(value),
                    None => members.push((key, value, list)),
                }
            }
        }
        w.raw("{ ");
        w.list(&members, |w, (key, values, list)| {
            w.key(key);
            match &values[..] {
                [value] if !list => value.json(w),
                values => {
                    w.raw("[");
                    w.list(values, |w, value| value.json(w));
                    w.raw("]");
                }
            }
        });
        w.raw(" }");
    }
}

impl PathAttribute for BgpLsAttribute {
    const CODE: u8 = iana::attribute::BGP_LS;
    const FLAGS: u8 = flags::OPTIONAL;
    const NAME: &'static str = "bgp-ls";
    // RFC 9552 8.2.2: "the BGP-LS Attribute […] MUST be handled using the 'Attribute Discard' approach".
    const MALFORMED: Severity = Severity::Discard;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let bytes = r.peek();
        tlv::decode(r)?;
        Ok(Self(bytes.into()))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.bytes(&self.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let start = c.span();
        let bytes = words::parse(c)?;
        // A TLV given in hexadecimal may be invalid.
        match tlv::decode(&mut Reader::new(&bytes)) {
            Ok(_) => Ok(Self(bytes.into())),
            Err(error) => {
                let message = format!("peers cannot read this: {error}");
                Err(SyntaxError::new(start.to(c.last_span()), message))
            }
        }
    }

    fn json(&self, w: &mut JsonWriter) {
        let items = self.items();
        let mut same: HashMap<&str, Vec<&Item>> = HashMap::with_capacity(items.len());
        for item in &items {
            same.entry(&item.key).or_default().push(item);
        }
        // Members that follow the first one have the same names in all TLVs that have them.
        let mut followed = items.iter().filter(|item| !item.more.is_empty());
        let last_followed = followed.next_back();
        let several_followed = followed.next_back().is_some();
        w.raw("{ ");
        let mut comma = "";
        for item in &items {
            let Some(all) = same.get(&*item.key) else {
                continue;
            };
            // A second TLV that would repeat a JSON member: readers that keep the last of two equal members see what
            // they see with ExaBGP, and all of them are in an additional list.
            if all.last().is_some_and(|last| !std::ptr::eq(*last, item)) {
                continue;
            }
            w.raw(comma);
            comma = ", ";
            item.json(w);
            if last_followed.is_some_and(|last| std::ptr::eq(last, item)) {
                item.more_json(w);
            }
            if all.len() > 1 || several_followed && !item.more.is_empty() {
                w.raw(", ").key(&list_key(&item.key)).raw("[");
                w.list(all, |w, one| one.whole().json(w));
                w.raw("]");
            }
        }
        w.raw(" }");
    }

    fn text(&self, out: &mut String) {
        out.push_str("bgp-ls ");
        let texts: Vec<String> = self.items().iter().map(Item::text).collect();
        out.push_str(&texts.join(", "));
    }

    fn grammar(&self, out: &mut String) {
        words::print(&self.0, out);
    }
}

/// The JSON member with a list of all TLVs of one kind.
fn list_key(key: &str) -> Cow<'static, str> {
    match key {
        "sr-capability-flags" => "sr-capabilities".into(),
        "sr-prefix-flags" => "sr-prefix-sids".into(),
        _ => format!("{key}s").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<BgpLsAttribute, WireError> {
        BgpLsAttribute::decode(&mut Reader::new(bytes), &Codec::default())
    }

    #[test]
    fn two_of_a_kind_are_both_shown() {
        let adjacency = |weight| [4, 0x4B, 0, 7, 0x30, weight, 0, 0, 4, 0x93, 8];
        let bytes: Vec<u8> = adjacency(0).into_iter().chain(adjacency(5)).collect();
        let mut w = JsonWriter::new();
        decode(&bytes).expect("well-formed").json(&mut w);
        let read: serde_json::Value = serde_json::from_str(w.as_str()).expect("valid JSON");
        assert_eq!(read["sr-adj"]["weight"], 5);
        assert_eq!(read["sr-adjs"][0]["weight"], 0);
        assert_eq!(read["sr-adjs"][1]["weight"], 5);
    }

    #[test]
    fn two_of_a_kind_keep_all_their_members() {
        let range = |flags, first| [4, 10, 0, 12, flags, 0, 0, 3, 232, 4, 137, 0, 3, 0, 0, first];
        let sid = |flags, algorithm, index| [4, 134, 0, 8, flags, algorithm, 0, 0, 0, 0, 0, index];
        let json = |bytes: &[u8]| {
            let mut w = JsonWriter::new();
            decode(bytes).expect("well-formed").json(&mut w);
            let text = w.into_string();
            let read: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
            (text, read)
        };
        let (text, read) = json(&[range(0x80, 5), range(0x40, 6)].concat());
        assert!(!text.contains("flagss"), "{text}");
        assert_eq!(read["sids"], serde_json::json!([[1000, 6]]));
        assert_eq!(
            read["sr-capabilities"],
            serde_json::json!([
                { "flags": { "I": 1, "V": 0, "RSV": 0 }, "sids": [[1000, 5]] },
                { "flags": { "I": 0, "V": 1, "RSV": 0 }, "sids": [[1000, 6]] },
            ])
        );
        let (text, read) = json(&[sid(0, 0, 5), sid(0x40, 128, 6)].concat());
        assert!(!text.contains("flagss"), "{text}");
        assert_eq!(
            (&read["sids"], &read["sr-algorithm"]),
            (&serde_json::json!([6]), &serde_json::json!(128))
        );
        let members = |at: usize| {
            let one = &read["sr-prefix-sids"][at];
            (
                one["flags"]["N"].clone(),
                one["sids"][0].clone(),
                one["sr-algorithm"].clone(),
            )
        };
        assert_eq!(members(0), (0.into(), 5.into(), 0.into()));
        assert_eq!(members(1), (1.into(), 6.into(), 128.into()));
        // Both have `sids`.
        let both: Vec<u8> = range(0x80, 5).into_iter().chain(sid(0, 0, 6)).collect();
        let (text, read) = json(&both);
        assert_eq!(text.matches(", \"sids\": [").count(), 3, "{text}");
        assert_eq!(read["sids"], serde_json::json!([6]));
        assert_eq!(
            read["sr-capabilities"][0]["sids"],
            serde_json::json!([[1000, 5]])
        );
        assert_eq!(read["sr-prefix-sids"][0]["sids"], serde_json::json!([6]));
    }

    #[test]
    fn many_small_tlvs_are_no_trouble() {
        let bytes: Vec<u8> = (2000..18_000u16)
            .flat_map(|kind| {
                let [high, low] = kind.to_be_bytes();
                [high, low, 0, 0]
            })
            .collect();
        let mut w = JsonWriter::new();
        decode(&bytes).expect("well-formed").json(&mut w);
        let read: serde_json::Value = serde_json::from_str(w.as_str()).expect("valid JSON");
        assert_eq!(read.as_object().map(serde_json::Map::len), Some(16_000));
        assert!(
            decode(
                &[4, 3, 0, 33]
                    .into_iter()
                    .chain([1; 33])
                    .collect::<Vec<u8>>()
            )
            .is_err()
        );
    }

    #[test]
    fn a_lan_adjacency_of_ospf_has_a_router_id_and_the_flags_of_ospf() {
        for (value, wanted) in [
            (
                [&[0x60, 5, 0, 0, 2, 2, 2, 2][..], &[0, 0x5D, 0xC1]].concat(),
                ("\"V\": 1, \"L\": 1", "24001"),
            ),
            (
                [&[0x80, 5, 0, 0, 2, 2, 2, 2][..], &[0, 0, 0, 7]].concat(),
                ("\"B\": 1, \"V\": 0", "7"),
            ),
        ] {
            let tlv = [
                &[4, 0x4C, 0, u8::try_from(value.len()).expect("short")],
                &value[..],
            ]
            .concat();
            let attribute = decode(&tlv).expect("well-formed");
            let mut w = JsonWriter::new();
            attribute.json(&mut w);
            let json = w.as_str();
            assert!(json.contains("\"neighbor-id\": \"2.2.2.2\""), "{json}");
            assert!(json.contains(wanted.0) && json.contains(wanted.1), "{json}");
            let mut text = String::new();
            attribute.grammar(&mut text);
            assert!(text.contains("tlv 1100 0x"), "{text}");
        }
    }

    #[test]
    fn a_lan_adjacency_that_fits_no_protocol_is_read_as_of_is_is() {
        let value = [
            &[4, 0x4C, 0, 12, 0xE2, 36, 0, 0][..],
            &[0x22, 0x71, 0x80, 0xCF, 0xA4, 0x15, 0xA5, 0x40],
        ];
        let mut w = JsonWriter::new();
        let attribute = decode(&value.concat()).expect("well-formed");
        attribute.json(&mut w);
        let json = w.as_str();
        assert!(json.contains("\"system-id\": \"227180cfa415\""), "{json}");
        assert!(json.contains("\"undecoded\": [\"0xA540\"]"), "{json}");
    }

    #[test]
    fn names_from_the_peer_cannot_forge_lines() {
        let name = b"a\nneighbor 1.2.3.4 up\"";
        let mut bytes = vec![4, 2, 0, 23];
        bytes.extend_from_slice(name);
        let attribute = decode(&bytes[..4 + name.len()]).or_else(|_| {
            bytes[3] = u8::try_from(name.len()).expect("short");
            decode(&bytes)
        });
        let attribute = attribute.expect("well-formed");
        let mut out = String::new();
        attribute.text(&mut out);
        assert!(!out.contains('\n'), "{out}");
        let mut w = JsonWriter::new();
        attribute.json(&mut w);
        let read: serde_json::Value = serde_json::from_str(w.as_str()).expect("valid JSON");
        assert_eq!(read["node-name"], "a\nneighbor 1.2.3.4 up\"");
    }
}
