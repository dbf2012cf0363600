//! What a reader written from memory gets wrong and no other test here shows: the order within an UPDATE, forms of IPv6 text,
//! End-of-RIB.

use oxabgp::stream::Stream;
use oxabgp::stream::format::{Bgpdump, Format};

use super::build::{attribute, common, entry, message, peers, rib, sequence, update};
use super::{columns, elems, file, print, records};

/// MP_REACH_NLRI of IPv6 unicast, next hop 2001:db8::1, with one prefix of 32 bits.
fn reach(last: u8) -> Vec<u8> {
    let mut value = vec![0, 2, 1, 16];
    value.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    value.extend([32, 0x20, 1, 0xD, last]);
    attribute(0x80, 14, &value)
}

#[test]
fn withdrawals_precede_announcements_and_the_body_precedes_multiprotocol_fields() {
    let unreach = attribute(0x80, 15, &[0, 2, 1, 32, 0x20, 1, 0xD, 0xBB]);
    let attributes = [common(&[1]), reach(0xB9), unreach].concat();
    let lines = elems(&message(100, 4, &update(&[8, 9], &attributes, &[8, 10])));
    assert_eq!(
        columns(&lines, &[2, 10, 11]),
        [
            "W|9.0.0.0/8|",
            "W|2001:dbb::/32|",
            "A|10.0.0.0/8|192.0.2.1",
            "A|2001:db9::/32|2001:db8::1",
        ]
    );
}

#[test]
fn an_end_of_rib_is_a_record_without_elems() {
    let markers = [
        message(100, 4, &update(&[], &[], &[])),
        message(100, 4, &update(&[], &attribute(0x80, 15, &[0, 2, 1]), &[])),
    ]
    .concat();
    assert_eq!(elems(&markers), Vec::<String>::new());
    let found = records(&markers);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|record| record.damage.is_none()));
}

#[test]
fn addresses_print_as_those_of_the_tool_whose_form_it_is() {
    let hop = [
        &[16][..],
        &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ]
    .concat();
    let attributes = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence(&[1])),
        attribute(0x80, 14, &hop),
    ]
    .concat();
    let addresses: [[u16; 8]; 4] = [
        [0, 0, 0, 0, 0, 0xFFFF, 0xC000, 0x0209],
        [0, 0, 0, 0, 0, 0, 0x0102, 0x0304],
        [0x2001, 0x7F8, 0x30, 0, 2, 1, 0, 0x8447],
        [0x2001, 0xDB8, 0, 1, 0, 0, 0, 1],
    ];
    let mut bytes = peers(1, &[65001]);
    for address in addresses {
        let nlri: Vec<u8> = std::iter::once(128)
            .chain(address.into_iter().flat_map(u16::to_be_bytes))
            .collect();
        bytes.extend(rib(10, 4, &nlri, &[entry(0, None, &attributes)]));
    }
    // glibc's text.
    assert_eq!(
        columns(&elems(&bytes), &[10]),
        [
            "::ffff:192.0.2.9/128",
            "::1.2.3.4/128",
            "2001:7f8:30:0:2:1:0:8447/128",
            "2001:db8:0:1::1/128",
        ]
    );
    // bgpdump compresses a single group of zeros.
    let input = file(&bytes);
    let builder = Stream::builder().path(input.path()).expect("a file");
    let text = print(builder, Format::Bgpdump(Bgpdump::default()));
    assert!(text.contains("|2001:7f8:30::2:1:0:8447/128|"), "{text}");
}
