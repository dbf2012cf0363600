//! Who sends path identifiers under the subtypes without (D9): what one field shows, and what is remembered.

use oxabgp::stream::Stream;
use oxabgp::stream::format::Format;

use super::build::{attribute, bgp, common, message, peer4, record, update};
use super::{elems, file, print};

fn announce(seconds: u32, nlri: &[u8]) -> Vec<u8> {
    message(seconds, 4, &update(&[], &common(&[65_001]), nlri))
}

/// An OPEN with or without ADD-PATH for IPv4 unicast in both directions; `subtype` tells who sent it.
fn open(seconds: u32, subtype: u16, add_path: bool) -> Vec<u8> {
    let capability = [2, 8, 69, 4, 0, 1, 1, 3, 2, 0];
    let mut body = vec![4, 0xFD, 0xE9, 0, 90, 1, 1, 1, 1];
    match add_path {
        true => {
            body.push(10);
            body.extend(capability);
        }
        false => body.push(0),
    }
    record(seconds, 16, subtype, &[peer4(), bgp(1, &body)].concat())
}

/// 192.0.N.0/24 and 198.51.N.0/24, which can be read as one prefix with an identifier.
fn pair(n: u8) -> [u8; 8] {
    [24, 192, 0, n, 24, 198, 51, n]
}

#[test]
fn a_prefix_that_is_announced_twice_is_no_path_identifier() {
    let twice = [24, 192, 0, 2, 24, 192, 0, 2];
    let bytes = [
        announce(1, &twice),
        announce(2, &pair(1)),
        announce(3, &twice.repeat(4)),
        announce(4, &[24, 192, 0, 2]),
        announce(5, &pair(2)),
    ]
    .concat();
    assert_eq!(elems(&bytes).len(), 2 + 2 + 8 + 1 + 2);
}

#[test]
fn one_damaged_octet_costs_its_own_field() {
    for damaged in [
        // Only with identifiers can these be read to their end.
        &[31, 192, 0, 2, 24, 198, 51, 100][..],
        &[16, 192, 0, 2, 24, 198, 51, 100, 24, 203, 0, 113],
    ] {
        let before = elems(&announce(2, damaged)).len();
        let bytes = [
            announce(1, &pair(1)),
            announce(2, damaged),
            announce(3, &pair(2)),
            announce(4, &pair(3)),
        ]
        .concat();
        assert_eq!(elems(&bytes).len(), 2 + before + 4, "{damaged:?}");
    }
}

#[test]
fn path_identifiers_are_remembered_until_other_fields_disprove_them() {
    let ids = [0, 0, 0, 1, 24, 192, 0, 2];
    let found = [announce(1, &ids), announce(2, &pair(1))].concat();
    assert_eq!(elems(&found).len(), 2);
    // Three of these in a row have no identifiers.
    let single = |at| announce(at, &[24, 192, 0, 2]);
    let bytes = [
        found,
        single(3),
        single(4),
        single(5),
        announce(6, &pair(2)),
    ]
    .concat();
    assert_eq!(elems(&bytes).len(), 2 + 3 + 2);
}

#[test]
fn a_filter_does_not_change_what_an_open_means() {
    // Read as an UPDATE, this OPEN has a field that can only hold path identifiers.
    let body = [
        4, 0xFB, 0xF4, 0, 0xB4, 10, 1, 0, 1, 16, 2, 6, 1, 4, 0, 1, 0, 1, 2, 2, 0x80, 0, 2, 2, 2, 0,
    ];
    let open = |at| record(at, 16, 4, &[peer4(), bgp(1, &body)].concat());
    let bytes = [open(1), open(2), open(3), announce(4, &pair(1))].concat();
    let file = file(&bytes);
    for filter in ["origin 65001", "aspath 65001", "peer 65001"] {
        let builder = Stream::builder().path(file.path()).expect("a file");
        let builder = builder.filter(filter).expect("a filter");
        assert_eq!(print(builder, Format::Elems).lines().count(), 2, "{filter}");
    }
}

#[test]
fn neither_does_an_interval_hide_what_came_before_it() {
    let bytes = [open(1, 4, true), open(1, 7, true), announce(10, &pair(1))].concat();
    assert_eq!(elems(&bytes).len(), 1);
    let file = file(&bytes);
    let builder = Stream::builder().path(file.path()).expect("a file");
    let lines = print(builder.interval(10, 20), Format::Elems);
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[test]
fn fields_of_multiprotocol_attributes_count_as_well() {
    // 2001:d00::/24 twice.
    let twice = [24, 0x20, 1, 0xD].repeat(2);
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let value = [&[0, 2, 1, 16][..], &hop, &[0], &twice].concat();
    let attributes = [common(&[65_001]), attribute(0x80, 14, &value)].concat();
    let bytes = message(1, 4, &update(&[], &attributes, &[]));
    assert_eq!(elems(&bytes.repeat(2)).len(), 4);
}
