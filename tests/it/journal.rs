//! The format of journals: what was written is read back, and of damaged files all before the damage.

use std::rc::Rc;
use std::time::Duration;

use oxabgp::bgp::{AttributeSet, Family, Nlri, NlriRef};
use oxabgp::grammar::{Place, Tail, Verb};
use oxabgp::journal::{
    Announcement, Damage, FrameReader, FrameWriter, Lease, MAGIC, Record, Records, Selection,
    decode_attributes, encode_attributes,
};
use proptest::prelude::*;

fn attributes(text: &str) -> Rc<AttributeSet> {
    let tail = Tail::from_text(text, 0, Verb::Announce, Place::Route).expect("a sentence");
    tail.attributes
}

/// A file with a frame for each change, and what its records are.
fn file(changes: &[(u8, bool)]) -> (Vec<u8>, Vec<usize>) {
    let set = attributes("next-hop self med 5");
    let mut file = MAGIC.to_vec();
    let mut ends = vec![file.len()];
    let mut w = FrameWriter::default();
    for (number, announced) in changes {
        let nlri = Nlri::new(Family::IPV4_UNICAST, Some(7), &[16, 10, *number]);
        w.select(
            1,
            &Selection {
                selector: Some("neighbor *"),
                names: vec!["neighbor 192.0.2.1", "neighbor 192.0.2.2"],
            },
        );
        let owner: Rc<str> = "helper".into();
        if *announced {
            let what = Announcement {
                owner,
                selection: 1,
                lease: Some(Lease {
                    at: 1_000,
                    length: Duration::from_secs(60),
                    left: Duration::from_secs(40),
                }),
                attributes: Rc::clone(&set),
            };
            assert!(w.announce(&what, nlri.as_ref()));
            assert!(w.announce(&what, nlri.as_ref()));
        } else {
            w.withdraw(&owner, 1, nlri.as_ref());
            w.forget(1);
            w.revision(("edge", "helper"), Some(4711));
            w.switch("helper", 1, ("dns", true));
        }
        file.extend(w.take());
        ends.push(file.len());
    }
    (file, ends)
}

/// Reads all frames: the number of whole ones, where they end, and the damage.
fn read(bytes: &[u8]) -> (usize, u64, Option<Damage>) {
    let mut reader = match FrameReader::new(bytes) {
        Ok(reader) => reader,
        Err(damage) => return (0, 0, Some(damage)),
    };
    let mut frames = 0;
    loop {
        match reader.next_frame() {
            Ok(Some(payload)) => {
                for record in Records::new(&payload) {
                    if let Ok(Record::Announce {
                        attributes, routes, ..
                    }) = record
                    {
                        decode_attributes(attributes).expect("attributes");
                        routes.for_each(|route| assert!(route.is_ok()));
                    }
                }
                frames += 1;
            }
            Ok(None) => return (frames, reader.offset(), None),
            Err(damage) => return (frames, reader.offset(), Some(damage)),
        }
    }
}

#[test]
fn what_was_written_is_read_back() {
    let (file, _) = file(&[(1, true), (2, false)]);
    let mut reader = FrameReader::new(&file[..]).expect("a journal");
    let mut shown = Vec::new();
    while let Some(payload) = reader.next_frame().expect("whole") {
        for record in Records::new(&payload) {
            shown.push(match record.expect("a record") {
                Record::Announce {
                    owner,
                    selection,
                    lease,
                    attributes: set,
                    routes,
                } => {
                    let set = decode_attributes(set).expect("attributes");
                    assert_eq!(set, *attributes("next-hop self med 5"));
                    let lease = lease.expect("a lease");
                    assert_eq!((lease.at, lease.left.as_secs()), (1_000, 40));
                    let routes: Vec<String> = routes
                        .map(|route| {
                            let route = route.expect("a route");
                            assert_eq!(route.path_id, Some(7));
                            route.to_string()
                        })
                        .collect();
                    format!("{owner} {selection} + {}", routes.join(" "))
                }
                Record::Withdraw { owner, routes, .. } => {
                    format!("{owner} - {}", routes.count())
                }
                Record::Select { id, selection } => {
                    format!("{id} {:?} {}", selection.selector, selection.names.len())
                }
                other => format!("{other:?}"),
            });
        }
    }
    let wanted = [
        "1 Some(\"neighbor *\") 2",
        "helper 1 + 10.1.0.0/16 path-information 0.0.0.7 10.1.0.0/16 path-information 0.0.0.7",
        "1 Some(\"neighbor *\") 2",
        "helper - 1",
        "Forget { selection: 1 }",
        "Revision { set: \"edge\", speaker: \"helper\", revision: Some(4711) }",
        "Switch { owner: \"helper\", selection: 1, announced: true, name: \"dns\" }",
    ];
    assert_eq!(shown, wanted);
}

#[test]
fn a_file_that_is_cut_anywhere_loses_the_frame_that_was_cut() {
    let (file, ends) = file(&[(1, true), (2, false), (3, true)]);
    for length in 0..=file.len() {
        let (frames, offset, damage) = read(&file[..length]);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(frames, whole.saturating_sub(1), "at {length}");
        let is_end = ends.contains(&length);
        match damage {
            None => assert!(is_end, "at {length}"),
            Some(Damage::Empty) => assert_eq!(length, 0),
            Some(Damage::Torn) => assert!(!is_end && length > 0, "at {length}"),
            Some(other) => panic!("{other} at {length}"),
        }
        if length >= MAGIC.len() {
            assert_eq!(offset, ends[frames] as u64);
        }
    }
}

#[test]
fn a_flipped_bit_loses_its_frame_and_those_behind() {
    let (file, ends) = file(&[(1, true), (2, false), (3, true)]);
    for at in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let (frames, _, damage) = read(&damaged);
        let before = ends.iter().filter(|end| **end <= at / 8).count();
        assert_eq!(frames, before.saturating_sub(1), "bit {at}");
        assert!(damage.is_some(), "bit {at}");
    }
}

#[test]
fn a_clock_that_was_set_back_prolongs_nothing() {
    let lease = Lease {
        at: 1_000,
        length: Duration::from_secs(60),
        left: Duration::from_secs(40),
    };
    let left = |now| lease.left_at(now).as_secs();
    assert_eq!(
        [
            left(0),
            left(1_000),
            left(1_030),
            left(1_040),
            left(u64::MAX)
        ],
        [40, 40, 10, 0, 0]
    );
}

/// Sentences with every attribute, and those that have no form on the wire.
const TAILS: &[&str] = &[
    "next-hop self",
    "next-hop 192.0.2.1",
    "next-hop 2001:db8::1",
    "next-hop 2001:db8::1 fe80::1",
    "next-hop 192.0.2.1 next-hop self",
    "next-hop self origin egp as-path [ 65001 ( 65002 65003 ) 4200000000 ] med 0 local-preference 7",
    "next-hop self as-path [ ]",
    "next-hop self atomic-aggregate aggregator ( 4200000000:192.0.2.1 )",
    "next-hop self community [ ] large-community [ ] extended-community [ ]",
    "next-hop self community [ no-export 65000:1 ] large-community [ 65000:1:2 ]",
    "next-hop self originator-id 192.0.2.9 cluster-list [ 192.0.2.9 192.0.2.8 ]",
    "next-hop self extended-community [ target:65000:1 origin:192.0.2.1:5 redirect:65000:6 ]",
    "next-hop self aigp 50",
    "next-hop self attribute [ 0x63 0xC0 0x0102 ]",
    "next-hop self attribute [ 0x63 0xE0 0x ]",
    "next-hop self attribute [ 0xFD 0xC0 0x0102 ] attribute [ 0xFE 0xC0 0x01 ]",
    "next-hop self bgp-prefix-sid [ 300, [ ( 800000,4096 ) ] ]",
];

#[test]
fn attributes_survive_exactly() {
    for tail in TAILS {
        let set = attributes(tail);
        let mut bytes = Vec::new();
        assert!(encode_attributes(&set, &mut bytes), "{tail}");
        let back = decode_attributes(&bytes).expect(tail);
        assert_eq!(back, *set, "{tail}");
        assert_eq!(back.next_hops(), set.next_hops(), "{tail}");
    }
}

#[test]
fn a_route_that_is_not_one_of_its_family_is_an_error() {
    let record = |family: Family, bytes: &[u8]| {
        let mut writer = FrameWriter::default();
        let nlri = NlriRef {
            family,
            path_id: None,
            bytes,
            withdrawn: false,
        };
        writer.withdraw(&"helper".into(), 1, nlri);
        let frame = [&MAGIC[..], &writer.take()].concat();
        let mut reader = FrameReader::new(&frame[..]).expect("a file");
        let payload = reader.next_frame().expect("a frame").expect("a frame");
        let mut found = Vec::new();
        for record in Records::new(&payload) {
            if let Ok(Record::Withdraw { routes, .. }) = record {
                found.extend(routes.map(|route| route.map(|route| route.bytes.to_vec())));
            }
        }
        found
    };
    for (family, bytes, is_whole) in [
        (Family::IPV4_UNICAST, &[24, 192, 0, 2][..], true),
        (Family::IPV4_UNICAST, &[24, 192, 0], false),
        (Family::IPV4_UNICAST, &[24, 192, 0, 2, 0], false),
        (Family::IPV4_UNICAST, &[33, 192, 0, 2, 0, 0], false),
        // A route target of more bits than there are.
        (
            Family::IPV4_RTC,
            &[[97].as_slice(), &[0; 13]].concat(),
            false,
        ),
        (
            Family::IPV4_RTC,
            &[[96].as_slice(), &[0; 12]].concat(),
            true,
        ),
    ] {
        let found = record(family, bytes);
        assert_eq!(found.len(), 1, "{family} {bytes:?}");
        assert_eq!(found[0].is_ok(), is_whole, "{family} {bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let _ = decode_attributes(&bytes);
        for record in Records::new(&bytes) {
            if let Ok(Record::Announce { routes, .. } | Record::Withdraw { routes, .. }) = record {
                routes.for_each(drop);
            }
        }
    }
}
