//! Records that are ruled out without being decoded: the same elems pass as when every record is decoded.

use std::fs;
use std::path::Path;

use oxabgp::stream::Stream;
use oxabgp::stream::format::Format;
use proptest::prelude::*;

use super::build::{
    announce, attribute, bgp, common, entry, message, peer2, peer4, peers, record, rib, sequence,
    sequence2, update,
};
use super::{archives, file};
use crate::targets::stream::{Lines, RuledOut};

const FILTERS: [&str; 20] = [
    "peer 65001",
    "peer 65002 65003",
    "not peer 65001",
    "prefix exact 10.1.0.0/16",
    "prefix more 10.0.0.0/8",
    "prefix less 10.1.2.0/24",
    "prefix any 2001:db8::/32",
    "prefix exact 84.205.66.0/24",
    "prefix more 2001:200::/23",
    "elemtype withdrawals",
    "elemtype peerstates",
    "elemtype ribs",
    "type ribs",
    "type updates",
    "origin 64500",
    "aspath _64500_",
    "ipversion 6",
    "prefix more 10.0.0.0/8 and peer 65001",
    "peer 65001 or prefix exact 10.1.0.0/16",
    "community 65001:*",
];

/// Fewer, for large files.
const REAL: [&str; 4] = [
    "peer 3333 6939",
    "prefix exact 84.205.66.0/24",
    "prefix more 2001:200::/23",
    "aspath _3356_ and not prefix more 10.0.0.0/8",
];

fn visit(path: &Path, filter: &str, mode: RuledOut) -> Lines {
    let builder = Stream::builder().path(path).expect("a file");
    let builder = builder.filter(filter).expect("a filter");
    Lines::of(builder, Format::Elems, mode)
}

/// Compares both ways for each filter. Returns how many records were ruled out by all of them.
fn compare(path: &Path, filters: &[&str]) -> usize {
    let mut all = 0;
    for filter in filters {
        let thorough = visit(path, filter, RuledOut::Decode);
        let quick = visit(path, filter, RuledOut::Count);
        assert_eq!(
            String::from_utf8_lossy(&thorough.text),
            String::from_utf8_lossy(&quick.text),
            "{filter}"
        );
        assert_eq!(thorough.ruled_out, 0);
        assert_eq!(
            thorough.visited,
            quick.visited + quick.ruled_out,
            "{filter}"
        );
        all += quick.ruled_out;
    }
    all
}

#[test]
fn real_archives_give_the_same_elems() {
    let Some(folder) = archives() else { return };
    for one in fs::read_dir(folder).expect("a folder") {
        let path = one.expect("a file").path();
        if path.extension().is_some_and(|one| one == "gz") {
            let ruled_out = compare(&path, &REAL);
            let is_table = path.to_string_lossy().contains("bview");
            assert!(is_table || ruled_out > 0, "{}", path.display());
        }
    }
}

#[test]
fn a_record_that_is_ruled_out_still_teaches_that_path_identifiers_are_sent() {
    let attributes = common(&[65_001, 64_500]);
    // With identifiers 1 and 2: read without, there would be prefixes 0/0 and duplicates.
    let clear = [0, 0, 0, 1, 24, 192, 0, 2, 0, 0, 0, 2, 24, 198, 51, 100];
    // Either 8 prefixes without identifiers or two with them.
    let unclear = [8, 10, 8, 11, 16, 10, 1, 8, 12, 8, 13, 16, 10, 2];
    let bytes = [
        message(1, 4, &update(&[], &attributes, &clear)),
        message(2, 4, &update(&[], &attributes, &unclear)),
    ]
    .concat();
    let file = file(&bytes);
    compare(file.path(), &FILTERS);
    for (filter, visited) in [("prefix exact 10.1.0.0/16", 1), ("peer 65009", 0)] {
        let quick = visit(file.path(), filter, RuledOut::Count);
        assert_eq!(
            (quick.visited, quick.ruled_out),
            (visited, 2 - visited),
            "{filter}"
        );
    }
}

#[test]
fn fields_that_contradict_each_other_teach_the_same_either_way() {
    let ids = [0, 0, 0, 1, 24, 192, 0, 2, 0, 0, 0, 2, 24, 198, 51, 100];
    let plain = [0, 8, 10, 16, 172, 16];
    // Either two prefixes or one with an identifier.
    let unclear = [24, 10, 1, 2, 24, 10, 1, 3];
    let attributes = |code, head: &[u8], nlri: &[u8]| {
        let value = [head, nlri].concat();
        [common(&[65_002, 64_500]), attribute(0x80, code, &value)].concat()
    };
    let unreach = |nlri: &[u8]| attributes(15, &[0, 1, 1], nlri);
    let reach = |nlri: &[u8]| attributes(14, &[0, 1, 1, 4, 192, 0, 2, 7, 0], nlri);
    let other = {
        let mut session = peer4();
        session[3] += 1;
        session
    };
    for body in [
        update(&[], &unreach(&ids), &plain),
        update(&[], &unreach(&plain), &ids),
        update(&[], &reach(&ids), &plain),
        update(&[], &reach(&plain), &ids),
        update(&ids, &reach(&plain), &[]),
    ] {
        // Neighbors at one address in two AS are one.
        let bytes = [
            record(7, 16, 4, &[&other[..], &bgp(2, &body)].concat()),
            message(7, 4, &update(&unclear, &[], &[])),
        ]
        .concat();
        compare(file(&bytes).path(), &FILTERS);
    }
}

#[test]
fn a_damaged_record_is_never_ruled_out() {
    let cut = record(1, 16, 4, &peer4());
    let bytes = [announce(1, 1), cut, announce(2, 2)].concat();
    let file = file(&bytes);
    let quick = visit(file.path(), "peer 65009", RuledOut::Count);
    assert_eq!((quick.visited, quick.ruled_out), (1, 2));
}

/// A record, right or nearly so.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let field = || {
        prop_oneof![
            Just(Vec::new()),
            Just(vec![16, 10, 1]),
            Just(vec![24, 10, 1, 2, 24, 10, 1, 3]),
            Just(vec![
                0, 0, 0, 1, 24, 192, 0, 2, 0, 0, 0, 2, 24, 198, 51, 100
            ]),
            Just(vec![0, 8, 10, 16, 172, 16]),
            proptest::collection::vec(any::<u8>(), 0..12),
        ]
    };
    let attributes = (field(), 0u8..8).prop_map(|(nlri, form)| {
        let mut out = common(&[65_001, 64_500]);
        let six = [24, 0x20, 1, 0x0D, 32, 0x20, 1, 0x0D, 0xB8];
        match form {
            0 => out.clear(),
            1 => out.extend(attribute(
                0x80,
                14,
                &[&[0, 1, 1, 4, 192, 0, 2, 7, 0], &nlri[..]].concat(),
            )),
            2 => {
                let hop = [&[0, 2, 1, 16][..], &[0x20; 16], &[0], &six].concat();
                out.extend(attribute(0x80, 14, &hop));
            }
            3 => out.extend(attribute(0x80, 15, &[&[0, 1, 1], &nlri[..]].concat())),
            4 => out.extend(attribute(0xC0, 8, &[0xFD, 0xE9, 0, 7])),
            5 => out = attribute(0x40, 2, &sequence2(&[65_001, 64_500])),
            6 => out = attribute(0x40, 2, &sequence(&[65_001, 200_000])),
            _ => {}
        }
        out
    });
    (
        field(),
        attributes,
        field(),
        0u8..12,
        0u8..4,
        prop_oneof![Just(1u16), Just(4), Just(6), Just(7), Just(8), Just(9)],
    )
        .prop_map(|(withdrawn, attributes, nlri, form, peer, subtype)| {
            let mut session = if matches!(subtype, 4 | 7 | 9) {
                peer4()
            } else {
                peer2()
            };
            let low = if matches!(subtype, 4 | 7 | 9) { 3 } else { 1 };
            session[low] = session[low].wrapping_add(peer);
            let body = update(&withdrawn, &attributes, &nlri);
            match form {
                0 => record(7, 16, 5, &[&peer4()[..], &[0, 5, 0, 6]].concat()),
                1 => peers(7, &[65_001, 65_002]),
                2 => rib(7, 2, &[16, 10, 1], &[entry(1, None, &attributes)]),
                3 => record(7, 16, subtype, &[session, bgp(4, &[])].concat()),
                4 => {
                    let open = [
                        &[4, 0xFD, 0xE9, 0, 90, 1, 1, 1, 1, 10, 2, 8][..],
                        &[69, 4, 0, 1, 1, 3],
                        &[2, 0],
                    ]
                    .concat();
                    record(7, 16, subtype, &[session, bgp(1, &open)].concat())
                }
                5 => record(
                    7,
                    17,
                    subtype,
                    &[&[0, 0, 0, 9][..], &session, &bgp(2, &body)].concat(),
                ),
                _ => record(7, 16, subtype, &[session, bgp(2, &body)].concat()),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_give_the_same_elems(
        records in proptest::collection::vec(any_record(), 1..12),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = records.concat();
        for (at, value) in damage {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let file = file(&bytes);
        compare(file.path(), &FILTERS);
    }
}
