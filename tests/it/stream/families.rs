//! Every family and every subtype that says one thing in several ways: RIB_GENERIC, multicast, AS numbers of two sizes, the lengths
//! of next hops (D6, D9, A6).

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::{Direction, Update};
use oxabgp::bgp::{Family, nlri};
use oxabgp::stream::format::Format;
use oxabgp::stream::{Detection, Notes, Stream};
use oxabgp::wire::Reader;

use super::build::{
    attribute, bgp, common, entry, message, peer2, peers, record, rib, sequence, sequence2, update,
};
use super::{columns, dump, elems, file, print, records};
use crate::bgp::golden;

/// Routes of all families: those of recorded messages that can be framed alone, and some of the families that no message has.
fn samples() -> Vec<(Family, Vec<u8>)> {
    let mut found = vec![
        (Family::IPV4_MULTICAST, vec![8, 10]),
        (Family::IPV6_MULTICAST, vec![16, 0x20, 1]),
        (
            Family::IPV4_SR_POLICY,
            [&[96][..], &[0, 0, 0, 1, 0, 0, 0, 2, 192, 0, 2, 1]].concat(),
        ),
        (Family::IPV6_SR_POLICY, [&[192][..], &[1; 24]].concat()),
    ];
    for case in golden::FILES.iter().flat_map(|file| golden::cases(file)) {
        if case.get("kind") != Some("update") {
            continue;
        }
        let bytes = case.bytes();
        let update = Update::new(bytes.get(19..).unwrap_or_default());
        let Ok(content) = update.and_then(|update| update.content(&case.codec(), &mut DecodeEach))
        else {
            continue;
        };
        for field in &content.fields {
            for one in field.routes.flatten() {
                let mut r = Reader::new(one.bytes);
                if field.direction == Direction::Announce
                    && nlri::is_known(one.family)
                    && nlri::frame(one.family, &mut r).is_ok()
                    && r.is_empty()
                {
                    found.push((one.family, one.bytes.to_vec()));
                }
            }
        }
    }
    found
}

#[test]
fn rib_generic_has_every_family() {
    let samples = samples();
    for family in Family::KNOWN {
        let count = samples.iter().filter(|(of, _)| *of == family).count();
        assert!(count > 0, "no route of {family}");
    }
    for (family, bytes) in samples {
        let head = [&family.afi.0.to_be_bytes()[..], &[family.safi.0], &bytes].concat();
        for (subtype, path_id) in [(6, None), (12, Some(7))] {
            let archive = [
                peers(1, &[1]),
                rib(1, subtype, &head, &[entry(0, path_id, &common(&[1]))]),
            ]
            .concat();
            let found = records(&archive);
            assert_eq!(found.len(), 1, "{family} {bytes:?}");
            assert_eq!(found[0].status.letter(), 'V', "{family} {bytes:?}");
            assert!(found[0].notes.is_empty(), "{family}: {}", found[0].notes);
            let [elem] = found[0].elems() else {
                panic!("{family} {bytes:?}: {} elems", found[0].elems().len());
            };
            assert_eq!((elem.family(), elem.path_id()), (Some(family), path_id));
        }
    }
}

#[test]
fn tables_of_multicast_and_of_path_identifiers_have_routes() {
    let hop = [&[16, 0x20, 1, 0xD, 0xB8][..], &[0; 11], &[1]].concat();
    let six = [
        attribute(0x40, 2, &sequence(&[1])),
        attribute(0x80, 14, &hop),
    ]
    .concat();
    let mut archive = peers(1, &[1]);
    for (subtype, path_id) in [
        (3, None),
        (9, Some(4)),
        (5, None),
        (10, Some(5)),
        (11, Some(6)),
    ] {
        let (nlri, attributes) = match subtype {
            3 | 9 => (&[8, 10][..], common(&[1])),
            _ => (&[16, 0x20, 1][..], six.clone()),
        };
        archive.extend(rib(1, subtype, nlri, &[entry(0, path_id, &attributes)]));
    }
    assert_eq!(
        dump(&archive),
        [
            "TABLE_DUMP2|1|B|192.0.2.1|1|10.0.0.0/8|1|IGP|192.0.2.1|0|0||NAG||",
            "TABLE_DUMP2_AP|1|B|192.0.2.1|1|10.0.0.0/8|4|1|IGP|192.0.2.1|0|0||NAG||",
            "TABLE_DUMP2|1|B|192.0.2.1|1|2001::/16|1|INCOMPLETE|2001:db8::1|0|0||NAG||",
            "TABLE_DUMP2_AP|1|B|192.0.2.1|1|2001::/16|5|1|INCOMPLETE|2001:db8::1|0|0||NAG||",
            "TABLE_DUMP2_AP|1|B|192.0.2.1|1|2001::/16|6|1|INCOMPLETE|2001:db8::1|0|0||NAG||",
        ]
    );
    let families: Vec<String> = records(&archive)
        .iter()
        .filter_map(|record| Some(record.elems()[0].family()?.to_string()))
        .collect();
    assert_eq!(
        families,
        [
            "ipv4 multicast",
            "ipv4 multicast",
            "ipv6 multicast",
            "ipv6 unicast",
            "ipv6 multicast"
        ]
    );
}

#[test]
fn a_table_dump_has_as_numbers_of_either_size() {
    let one = |subtype: u16, asn: &[u8], path: Vec<u8>| {
        let six = subtype.is_multiple_of(2);
        let address = match six {
            true => [&[0x20, 1, 0xD, 0xB8][..], &[0; 11], &[1]].concat(),
            false => vec![192, 0, 2, 1],
        };
        let hop = match six {
            true => attribute(0x80, 14, &[&[16][..], &address].concat()),
            false => attribute(0x40, 3, &address),
        };
        let attributes = [attribute(0x40, 2, &path), hop].concat();
        let length = u16::try_from(attributes.len()).expect("short");
        let body = [
            &[0, 0, 0, 1][..],
            &address,
            &[24, 1, 0, 0, 0, 4],
            &address,
            asn,
            &length.to_be_bytes(),
            &attributes,
        ]
        .concat();
        record(9, 12, subtype, &body)
    };
    // The second number has the form of a segment in a path of two-octet numbers.
    let large = [70_000, 0x0201_0003];
    let archive = [
        one(1, &[0, 7], sequence2(&[7, 8])),
        one(2, &[0, 7], sequence2(&[7, 8])),
        one(3, &[0, 1, 0x11, 0x70], sequence(&large)),
        one(4, &[0, 1, 0x11, 0x70], sequence(&large)),
    ]
    .concat();
    assert_eq!(
        columns(&elems(&archive), &[8, 10, 11, 12]),
        [
            "7|192.0.2.0/24|192.0.2.1|7 8",
            "7|2001:d00::/24|2001:db8::1|7 8",
            "70000|192.0.2.0/24|192.0.2.1|70000 33619971",
            "70000|2001:d00::/24|2001:db8::1|70000 33619971",
        ]
    );
}

#[test]
fn path_identifiers_stand_beside_two_octet_as_numbers() {
    let attributes = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence2(&[7, 8])),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat();
    let body = bgp(2, &update(&[], &attributes, &[0, 0, 0, 5, 24, 192, 0, 2]));
    // bgpdump has no word of its own for sent ones with path identifiers, and prints the collector as their peer.
    let archive = [8, 10].map(|subtype| record(1, 16, subtype, &[peer2(), body.clone()].concat()));
    assert_eq!(
        dump(&archive.concat()),
        [
            "BGP4MP_AP|1|A|192.0.2.2|65001|192.0.2.0/24|5|7 8|IGP|192.0.2.1|0|0||NAG||",
            "BGP4MP_AP|1|A|192.0.2.9|64999|192.0.2.0/24|5|7 8|IGP|192.0.2.1|0|0||NAG||",
        ]
    );
}

#[test]
fn the_length_of_a_next_hop_tells_its_form() {
    let global = [&[0x20, 1, 0xD, 0xB8][..], &[0; 11], &[1]].concat();
    let local = [&[0xFE, 0x80][..], &[0; 13], &[2]].concat();
    let rd = vec![0; 8];
    let forms = [
        (vec![], "", None),
        (vec![1, 2, 3, 4], "1.2.3.4", None),
        ([&rd[..], &[1, 2, 3, 4]].concat(), "1.2.3.4", None),
        (global.clone(), "2001:db8::1", None),
        ([&rd[..], &global].concat(), "2001:db8::1", None),
        (
            [&global[..], &local].concat(),
            "2001:db8::1",
            Some("fe80::2"),
        ),
        (
            [&rd[..], &global, &rd, &local].concat(),
            "2001:db8::1",
            Some("fe80::2"),
        ),
        (vec![1, 2, 3, 4, 5], "", None),
    ];
    let routes: [(u16, u8, &[u8]); 3] = [
        (1, 1, &[24, 192, 0, 2]),
        (2, 1, &[32, 0x20, 1, 0xD, 0xB8]),
        (1, 128, &[112, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 192, 0, 2]),
    ];
    for (hop, address, link_local) in forms {
        for (afi, safi, nlri) in routes {
            let length = u8::try_from(hop.len()).expect("short");
            let value = [&afi.to_be_bytes()[..], &[safi, length], &hop, &[0], nlri].concat();
            let body = update(&[], &attribute(0x80, 14, &value), &[]);
            let found = records(&message(1, 4, &body));
            let [elem] = found[0].elems() else {
                panic!("{length}: {} elems", found[0].elems().len());
            };
            let text = elem.next_hop.address.map(|one| one.to_string());
            assert_eq!(text.unwrap_or_default(), address, "{length}");
            let text = elem.next_hop.link_local.map(|one| one.to_string());
            assert_eq!(text.as_deref(), link_local, "{length}");
            let odd = found[0].notes.contains(Notes::BAD_NEXT_HOP);
            assert_eq!(odd, length == 5, "{length}");
        }
    }
}

#[test]
fn a_record_may_be_longer_than_a_mebibyte() {
    let entries: Vec<_> = (0..40_000)
        .map(|n| entry(0, None, &common(&[1, n])))
        .collect();
    let large = rib(1, 2, &[8, 10], &entries);
    assert!(large.len() > 1 << 20);
    let archive = [peers(1, &[1]), large, rib(1, 2, &[8, 11], &entries[..1])].concat();
    let lines = elems(&archive);
    assert_eq!(lines.len(), 40_001);
    assert_eq!(
        columns(&lines[39_999..], &[10, 12]),
        ["10.0.0.0/8|1 39999", "11.0.0.0/8|1 0"]
    );
}

#[test]
fn default_routes_beside_others_are_no_path_identifiers() {
    let hop = [&[0, 2, 1, 16, 0x20, 1, 0xD, 0xB8][..], &[0; 11], &[1, 0]].concat();
    let nlri = [0, 32, 0x20, 1, 0xD, 0xB8, 48, 0x20, 1, 0xD, 0xB8, 0, 1];
    let attributes = attribute(0x80, 14, &[&hop[..], &nlri].concat());
    let found = records(&message(1, 4, &update(&[], &attributes, &[])));
    let prefixes: Vec<_> = found[0]
        .elems()
        .iter()
        .map(|elem| (elem.path_id(), elem.prefix().map(|one| one.to_string())))
        .collect();
    let wanted = ["::/0", "2001:db8::/32", "2001:db8:1::/48"];
    assert_eq!(prefixes, wanted.map(|one| (None, Some(one.to_owned()))));
}

#[test]
fn without_detection_the_subtype_is_believed() {
    let nlri = [0, 0, 0, 1, 24, 192, 0, 2];
    let file = file(&message(1, 4, &update(&[], &common(&[1]), &nlri)));
    let lines = |detection| {
        let builder = Stream::builder().path(file.path()).expect("a file");
        let text = print(builder.detection(detection), Format::Elems);
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(columns(&lines(Detection::On), &[10]), ["192.0.2.0/24"]);
    let plain = lines(Detection::Off);
    assert_eq!(
        columns(&plain, &[10]),
        ["0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/1"]
    );
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "--no-add-path-detection"])
        .arg(file.path())
        .output()
        .expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().collect::<Vec<_>>(), plain);
}
