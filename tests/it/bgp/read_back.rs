//! What is printed is read back as the same bytes: every attribute in the form of the grammar, and communities and
//! tunnels in the form of events, which must not be parsed as another value.

use oxabgp::bgp::attribute::decode::attributes;
use oxabgp::bgp::{Attribute, Codec};
use oxabgp::text::{Cursor, tokenize};
use oxabgp::wire::Writer;
use proptest::prelude::*;

const CODEC: fn() -> Codec = || Codec {
    asn4: true,
    aigp: true,
    ..Codec::default()
};

fn decoded(code: u8, value: &[u8]) -> Option<Attribute> {
    let flags = Attribute::facts(code, &CODEC())?.flags;
    let mut out = Vec::new();
    oxabgp::bgp::attribute::encode(&mut Writer::new(&mut out), flags, code, |w| w.bytes(value));
    let set = attributes(&out, &CODEC()).ok()?;
    set.list().first().cloned()
}

fn bytes(attribute: &Attribute) -> Vec<u8> {
    let mut out = Vec::new();
    attribute.encode_value(&mut Writer::new(&mut out), &CODEC());
    out
}

fn read(text: &str) -> Result<Attribute, String> {
    let tokens = tokenize(text);
    let mut c = Cursor::new(&tokens, text.len());
    let keyword = c.word("a keyword").map_err(|error| error.to_string())?;
    let read = Attribute::parse(keyword, &mut c).ok_or("no attribute")?;
    let read = read.map_err(|error| error.to_string())?;
    c.finish().map_err(|error| error.to_string())?;
    Ok(read)
}

/// Values that may be well-formed: bytes, of a length that some attributes have.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let sizes = prop::sample::select(vec![0usize, 1, 4, 5, 7, 8, 11, 12, 16, 20, 24, 40]);
    sizes.prop_flat_map(|size| prop::collection::vec(any::<u8>(), size))
}

/// Types of extended communities (IANA) that have a text form, each with a value whose reserved octets are zero.
fn known_community() -> impl Strategy<Value = [u8; 8]> {
    let kinds: Vec<(u8, u8, [u8; 6])> = vec![
        // (type, sub-type, bits of the value that may be set)
        (0x00, 0x02, [0xFF; 6]),
        (0x01, 0x02, [0xFF; 6]),
        (0x02, 0x02, [0xFF; 6]),
        (0x00, 0x03, [0xFF; 6]),
        (0x01, 0x03, [0xFF; 6]),
        (0x02, 0x03, [0xFF; 6]),
        (0x80, 0x07, [0, 0, 0, 0, 0, 3]),
        (0x80, 0x08, [0xFF; 6]),
        (0x81, 0x08, [0xFF; 6]),
        (0x82, 0x08, [0xFF; 6]),
        (0x80, 0x09, [0, 0, 0, 0, 0, 0x3F]),
        (0x80, 0x0A, [0xFF; 6]),
        (0x01, 0x0C, [0xFF, 0xFF, 0xFF, 0xFF, 0, 1]),
        (0x08, 0x00, [0, 0, 0, 0, 0, 1]),
        (0x40, 0x04, [0xFF, 0xFF, 0x3F, 0xFF, 0xFF, 0xFF]),
        (0x03, 0x0B, [0xFF; 6]),
        (0x03, 0x0C, [0, 0, 0, 0, 0xFF, 0xFF]),
        (0x03, 0x0D, [0; 6]),
        (0x03, 0x14, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0]),
        (0x06, 0x00, [1, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
        (0x06, 0x01, [0xFF, 0, 0, 0xFF, 0xFF, 0xFF]),
        (0x06, 0x02, [0xFF; 6]),
        (0x06, 0x03, [0xFF; 6]),
        (0x06, 0x05, [0xFF, 0, 0, 0xFF, 0xFF, 0xFF]),
        (0x07, 0x02, [0xFF; 6]),
        (0x47, 0x02, [0xFF; 6]),
        (0x0C, 0x00, [0xFF; 6]),
    ];
    (prop::sample::select(kinds), any::<[u8; 6]>()).prop_map(|((high, low, mask), value)| {
        let mut out = [high, low, 0, 0, 0, 0, 0, 0];
        for at in 0..6 {
            out[at + 2] = value[at] & mask[at];
        }
        out
    })
}

fn check_grammar(attribute: &Attribute) -> Result<(), TestCaseError> {
    let text = attribute.to_string();
    let again = read(&text);
    prop_assert!(again.is_ok(), "{text}: {again:?}");
    let again = again.expect("checked");
    prop_assert_eq!(bytes(&again), bytes(attribute), "{}", text);
    prop_assert_eq!(again.code(), attribute.code(), "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_grammar_of_every_attribute_is_read_back(code in 0u8..=255, value in value()) {
        if let Some(attribute) = decoded(code, &value) {
            check_grammar(&attribute)?;
        }
    }

    #[test]
    fn known_communities_are_read_back_from_events(community in known_community()) {
        let Some(attribute) = decoded(16, &community) else { return Ok(()) };
        check_grammar(&attribute)?;
        let mut text = String::new();
        attribute.text(&mut text);
        prop_assert_eq!(read(&text).map(|read| bytes(&read)), Ok(community.to_vec()), "{}", text);
        let mut w = oxabgp::json::JsonWriter::new();
        attribute.json(&mut w);
        let json = w.into_string();
        let string = json.split("\"string\": \"").nth(1).and_then(|rest| rest.split('"').next());
        let string = string.unwrap_or_default();
        // An ESI or E-Tree label without the bottom-of-stack bit has no name.
        let label = community[0] == 6 && matches!(community[1], 1 | 5);
        prop_assert!(label || !string.is_empty(), "{}", json);
        if !string.is_empty() {
            let text = format!("extended-community {string}");
            prop_assert_eq!(read(&text).map(|read| bytes(&read)), Ok(community.to_vec()), "{}", text);
        }
    }

    #[test]
    fn ipv6_communities_are_read_back_from_events(
        kind in prop::sample::select(vec![2u8, 3, 12, 13]), address in any::<[u8; 16]>(), number in any::<u16>(),
    ) {
        let number = if kind == 12 { number & 1 } else { number };
        let community = [&[0, kind][..], &address, &number.to_be_bytes()].concat();
        let attribute = decoded(25, &community).expect("twenty octets");
        check_grammar(&attribute)?;
        let mut text = String::new();
        attribute.text(&mut text);
        prop_assert_eq!(read(&text).map(|read| bytes(&read)), Ok(community), "{}", text);
    }

    #[test]
    fn tunnels_are_read_back_from_events(
        flags in any::<u8>(), kind in prop_oneof![0u8..9, any::<u8>()], label in 0u32..1 << 24,
        tunnel in prop::collection::vec(any::<u8>(), 0..18),
    ) {
        let label = label.to_be_bytes();
        let value = [&[flags, kind][..], &label[1..], &tunnel].concat();
        // Identifiers of some types are judged.
        let Some(attribute) = decoded(22, &value) else {
            return Ok(());
        };
        check_grammar(&attribute)?;
        let mut text = String::new();
        attribute.text(&mut text);
        prop_assert_eq!(read(&text).map(|read| bytes(&read)), Ok(value), "{}", text);
    }

    #[test]
    fn large_communities_and_prefix_sids_are_read_back(
        parts in prop::collection::vec(any::<[u8; 12]>(), 1..4), index in any::<u32>(),
        flags in prop_oneof![Just(0u16), any::<u16>()], ranges in prop::collection::vec(any::<[u8; 6]>(), 0..3),
    ) {
        check_grammar(&decoded(32, &parts.concat()).expect("large communities"))?;
        let mut sid = vec![1, 0, 7, 0];
        sid.extend(flags.to_be_bytes());
        sid.extend(index.to_be_bytes());
        if !ranges.is_empty() {
            sid.push(3);
            sid.extend(u16::try_from(2 + 6 * ranges.len()).expect("short").to_be_bytes());
            sid.extend([0, 0]);
            sid.extend(ranges.concat());
        }
        check_grammar(&decoded(40, &sid).expect("a label index"))?;
    }
}
