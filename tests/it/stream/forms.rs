//! Every type and subtype, and what was written instead (D6 to D10, D12).

use super::build::{
    announce, attribute, bgp, common, entry, message, peer2, peer4, peers, record, rib, sequence,
    sequence2, update,
};
use super::{columns, dump, elems, records};

#[test]
fn microseconds_carry_into_seconds() {
    let plain = announce(100, 1);
    let bytes = record(
        100,
        17,
        4,
        &[&1_999_999u32.to_be_bytes(), &plain[12..]].concat(),
    );
    assert_eq!(columns(&elems(&bytes), &[3]), ["101.999999"]);
    assert!(dump(&bytes)[0].starts_with("BGP4MP_ET|101.999999|A|"));
}

#[test]
fn type_5_has_messages_without_header() {
    let mut body = vec![0, 7, 192, 0, 2, 7, 0, 8, 192, 0, 2, 8];
    let attributes = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence2(&[7, 9])),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat();
    body.extend(update(&[8, 11], &attributes, &[8, 10]));
    let bytes = [
        record(1, 5, 1, &body),
        record(2, 5, 3, &[0, 7, 192, 0, 2, 7, 0, 6, 0, 1]),
    ]
    .concat();
    assert_eq!(
        dump(&bytes),
        [
            "BGP|1|W|192.0.2.7|7|11.0.0.0/8",
            "BGP|1|A|192.0.2.7|7|10.0.0.0/8|7 9|IGP|192.0.2.1|0|0||NAG||",
            "BGP|2|STATE|192.0.2.7|7|6|1",
        ]
    );
}

#[test]
fn path_identifiers_under_their_own_subtypes() {
    let nlri = [0, 0, 0, 5, 8, 10];
    let bytes = [
        message(1, 9, &update(&[], &common(&[1]), &nlri)),
        peers(2, &[1]),
        rib(2, 8, &[8, 11], &[entry(0, Some(6), &common(&[1]))]),
        rib(2, 9, &[8, 12], &[entry(0, Some(7), &common(&[1]))]),
    ]
    .concat();
    let lines = dump(&bytes);
    assert!(
        lines[0].starts_with("BGP4MP_AP|1|A|192.0.2.2|65001|10.0.0.0/8|5|1|IGP|"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("TABLE_DUMP2_AP|2|B|192.0.2.1|1|11.0.0.0/8|6|1|IGP|"),
        "{lines:?}"
    );
    let found = records(&bytes);
    let elem = &found[2].elems()[0];
    assert_eq!(elem.path_id(), Some(7));
    assert_eq!(
        elem.family().map(|family| family.to_string()),
        Some("ipv4 multicast".into())
    );
}

#[test]
fn path_identifiers_under_a_plain_subtype_are_found() {
    let nlri = [0, 0, 0, 1, 24, 192, 0, 2, 0, 0, 0, 2, 24, 198, 51, 100];
    let bytes = message(1, 4, &update(&[], &common(&[1]), &nlri));
    let found = records(&bytes);
    let elems: Vec<_> = found[0]
        .elems()
        .iter()
        .map(|elem| {
            (
                elem.path_id(),
                elem.prefix().map(|prefix| prefix.to_string()),
            )
        })
        .collect();
    assert_eq!(
        elems,
        [
            (Some(1), Some("192.0.2.0/24".into())),
            (Some(2), Some("198.51.100.0/24".into()))
        ]
    );
    // A default route beside others.
    let plain = message(1, 4, &update(&[], &common(&[1]), &[0, 8, 10, 16, 172, 16]));
    assert_eq!(
        columns(&super::elems(&plain), &[10]),
        ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/16"]
    );
}

#[test]
fn rib_generic_has_any_family() {
    // VPNv4: 8 bits of label, distinguisher and 24 bits of prefix.
    let nlri = [0, 1, 128, 112, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 2, 192, 0, 2];
    let bytes = [
        peers(1, &[1]),
        rib(1, 6, &nlri, &[entry(0, None, &common(&[1]))]),
    ]
    .concat();
    let lines = elems(&bytes);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("192.0.2.0/24"), "{lines:?}");
}

#[test]
fn batches_of_1999_are_whole() {
    let path = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence2(&[7])),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat();
    let one = |n: u8| {
        let mut out = vec![10, n, 0, 0, 16, 1, 0, 0, 0, 9, 192, 0, 2, 7, 0, 7];
        out.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        out.extend(&path);
        out
    };
    let mut batch = record(
        100,
        12,
        1,
        &[vec![0, 0, 0, 0], one(1), one(2), one(3)].concat(),
    );
    let length = u32::try_from(batch.len() - 12 - 4).expect("short");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let single = record(101, 12, 1, &[vec![0, 0, 0, 1], one(9)].concat());
    let bytes = [batch.clone(), single.clone(), batch, single].concat();
    let lines = elems(&bytes);
    assert_eq!(
        columns(&lines, &[10]),
        ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.9.0.0/16"].repeat(2)
    );
}

#[test]
fn old_zebra_left_out_addresses() {
    let state = record(1, 16, 0, &[0, 1, 0, 2, 0, 3, 0, 1]);
    let open = record(
        2,
        16,
        1,
        &[
            &[0, 1, 0, 2][..],
            &bgp(1, &[4, 0, 1, 0, 180, 1, 2, 3, 4, 0]),
        ]
        .concat(),
    );
    let bytes = [state, open, announce(3, 1)].concat();
    let lines = elems(&bytes);
    assert_eq!(lines[0], "U|S|1.000000|||||1|||||||ACTIVE|IDLE");
    assert_eq!(lines.len(), 2);
    assert_eq!(dump(&bytes)[0], "BGP4MP|1|STATE|0.0.0.0|1|3|1");
    assert!(records(&bytes).iter().all(|one| one.status.letter() == 'V'));
}

#[test]
fn sent_messages_are_elems_only_if_asked_for() {
    let bytes = [
        announce(1, 1),
        message(2, 7, &update(&[], &common(&[1]), &[8, 10])),
    ]
    .concat();
    assert_eq!(elems(&bytes).len(), 1);
    assert!(dump(&bytes)[1].starts_with("BGP4MP_LOCAL|2|A|"));
}

#[test]
fn a_deprecated_table_entry_is_a_route() {
    let entry = |path: &[u16]| {
        let mut body = peer2();
        body.extend([0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 1, 4, 192, 0, 2, 77, 16, 10, 1]);
        let path = attribute(0x40, 2, &sequence2(path));
        body.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        body.extend(path);
        columns(&elems(&record(1, 16, 2, &body)), &[1, 2, 8, 9, 10, 11, 12]).concat()
    };
    let route = "10.1.0.0/16|192.0.2.77";
    // OpenBGPD writes its own side where the peer should be; only the path of another writer begins with the AS there.
    assert_eq!(
        entry(&[64_999, 7]),
        format!("R|R|64999|192.0.2.9|{route}|64999 7")
    );
    assert_eq!(entry(&[7]), format!("R|R|64999|192.0.2.9|{route}|7"));
    assert_eq!(
        entry(&[65_001, 64_999]),
        format!("R|R|65001|192.0.2.2|{route}|65001 64999")
    );
}

#[test]
fn both_forms_of_mp_reach_are_told_apart_in_each_entry() {
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let path = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence(&[1])),
    ]
    .concat();
    let with = |value: &[u8]| [path.clone(), attribute(0x80, 14, value)].concat();
    let entries = [
        entry(0, None, &with(&[&[16][..], &hop].concat())),
        entry(
            0,
            None,
            &with(&[&[0, 2, 1, 16][..], &hop, &[0, 32, 0x20, 1, 0xD, 0xB8]].concat()),
        ),
        entry(
            0,
            None,
            &with(&[&[32][..], &hop, &[0xFE, 0x80], &[0; 13], &[2]].concat()),
        ),
        entry(0, None, &with(&[0])),
        entry(0, None, &[]),
    ];
    let bytes = [
        peers(1, &[1]),
        rib(1, 4, &[32, 0x20, 1, 0xD, 0xB8], &entries),
    ]
    .concat();
    assert_eq!(
        columns(&elems(&bytes), &[11]),
        ["2001:db8::1", "2001:db8::1", "2001:db8::1", "", ""]
    );
    assert_eq!(
        records(&bytes)[0].elems()[2]
            .next_hop
            .link_local
            .map(|one| one.to_string()),
        Some("fe80::2".into())
    );
    // RFC 8950: an IPv4 prefix with an IPv6 next hop.
    let bytes = [
        peers(1, &[1]),
        rib(
            1,
            2,
            &[8, 10],
            &[entry(0, None, &with(&[&[16][..], &hop].concat()))],
        ),
    ]
    .concat();
    assert_eq!(
        columns(&elems(&bytes), &[10, 11]),
        ["10.0.0.0/8|2001:db8::1"]
    );
}

#[test]
fn an_abbreviated_next_hop_counts_whatever_follows_it() {
    let hop = [&[0x20, 1, 0xD, 0xB8][..], &[0; 11], &[1]].concat();
    let local = [&[0xFE, 0x80][..], &[0; 13], &[2]].concat();
    let nlri = [32, 0x20, 1, 0xD, 0xB8];
    let values = [
        [&[16][..], &hop].concat(),
        [&[16][..], &hop, &[0]].concat(),
        [&[32][..], &hop, &local, &[0]].concat(),
        [&[16][..], &hop, &[0], &nlri].concat(),
        [&[0, 2, 1, 16][..], &hop].concat(),
        [&[0, 2, 1, 16][..], &hop, &[0], &nlri].concat(),
    ];
    let entries = values.map(|value| entry(0, None, &attribute(0x80, 14, &value)));
    let archive = [peers(1, &[1]), rib(1, 4, &nlri, &entries)].concat();
    assert_eq!(columns(&elems(&archive), &[11]), ["2001:db8::1"; 6]);
    assert!(records(&archive)[0].notes.is_empty());
}

#[test]
fn an_open_with_several_add_path_tuples_is_no_damage() {
    let capabilities = [2, 10, 69, 8, 0, 1, 1, 3, 0, 2, 1, 3];
    let mut open = vec![4, 0xFD, 0xE9, 0, 180, 1, 2, 3, 4];
    open.push(u8::try_from(capabilities.len()).expect("short"));
    open.extend(capabilities);
    let bytes = [
        record(1, 16, 4, &[peer4(), bgp(1, &open)].concat()),
        record(1, 16, 7, &[peer4(), bgp(1, &open)].concat()),
        // With both OPENs known, one field that is ambiguous is not guessed at.
        message(
            2,
            4,
            &update(&[], &common(&[1]), &[0, 0, 0, 1, 24, 192, 0, 2]),
        ),
    ]
    .concat();
    let found = records(&bytes);
    assert!(found.iter().all(|one| one.status.letter() == 'V'));
    assert_eq!(found[2].elems()[0].path_id(), Some(1));
}
