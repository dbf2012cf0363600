//! The cache of received attributes never changes the meaning of bytes.

use oxabgp::bgp::Codec;
use oxabgp::bgp::attribute::decode::{AttributeSource, DecodeEach};
use oxabgp::rib::{Interner, ParseCacheLimits};
use proptest::prelude::*;

/// Attributes of all kinds, valid and malformed.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (
        prop::sample::select(vec![0x40u8, 0x80, 0xC0, 0xE0, 0x50, 0x00]),
        prop_oneof![4 => 1..=35u8, 1 => any::<u8>()],
        prop::collection::vec(prop_oneof![3 => 0..4u8, 1 => any::<u8>()], 0..14),
    );
    let attributes = prop::collection::vec(attribute, 0..5).prop_map(|list| {
        let mut raw = Vec::new();
        for (flags, code, value) in list {
            raw.extend([flags, code]);
            if flags & 0x10 != 0 {
                raw.push(0);
            }
            raw.push(u8::try_from(value.len()).expect("short"));
            raw.extend(value);
        }
        raw
    });
    // Some of them truncated.
    (attributes, 0..6usize).prop_map(|(mut raw, cut)| {
        raw.truncate(raw.len().saturating_sub(cut.saturating_sub(3)));
        raw
    })
}

fn codec(bits: u8) -> Codec {
    Codec {
        asn4: bits & 1 != 0,
        aigp: bits & 2 != 0,
        ibgp: bits & 4 != 0,
        ..Codec::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn remembered_and_decoded_attributes_are_equal(inputs in prop::collection::vec(raw(), 1..10), order in prop::collection::vec((0..10usize, 0..8u8), 1..60)) {
        // A cache so small that it constantly evicts entries, and one that never does.
        let small = ParseCacheLimits { entries: 3, bytes: 4_000 };
        let mut interners = [Interner::new(small), Interner::default()];
        for (at, bits) in order {
            let raw = &inputs[at % inputs.len()];
            let plain = DecodeEach.attributes(raw, &codec(bits));
            for interner in &mut interners {
                prop_assert_eq!(&interner.attributes(raw, &codec(bits)), &plain);
            }
        }
    }
}
