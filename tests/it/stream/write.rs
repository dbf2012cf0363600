//! What is written is read back.

use std::net::Ipv4Addr;

use oxabgp::bgp::Family;
use oxabgp::mrt::Timestamp;
use oxabgp::mrt::bgp4mp::{Direction, Session};
use oxabgp::mrt::table_dump::Peer;
use oxabgp::mrt::writer::{Entry, Naming, Portability, Records, Rotation, Sent};
use oxabgp::stream::Stream;

use super::build::{attribute, bgp, common, update};
use super::dump;

fn session() -> Session {
    Session {
        peer_asn: 65_001,
        local_asn: 64_999,
        interface: 0,
        peer: Some([192, 0, 2, 2].into()),
        local: Some([192, 0, 2, 9].into()),
    }
}

fn peer() -> Peer {
    Peer {
        id: Ipv4Addr::new(1, 1, 1, 1),
        address: [192, 0, 2, 2].into(),
        asn: 65_001,
    }
}

#[test]
fn messages_and_states_are_read_back() {
    let message = bgp(2, &update(&[], &common(&[1]), &[8, 10]));
    let with_ids = bgp(2, &update(&[], &common(&[1]), &[0, 0, 0, 7, 8, 11]));
    for portability in [Portability::Full, Portability::Portable] {
        let mut out = Vec::new();
        let mut records = Records::new(portability);
        for (direction, add_path, message) in [
            (Direction::Received, false, &message),
            (Direction::Sent, false, &message),
            (Direction::Received, true, &with_ids),
        ] {
            let what = Sent {
                direction,
                add_path,
                asn4: true,
                message,
            };
            records
                .message(&mut out, Timestamp::new(5, 6), &session(), what)
                .expect("fits");
        }
        records
            .state(&mut out, Timestamp::new(7, 0), &session(), (6, 1))
            .expect("fits");
        let mut wanted = vec![
            "BGP4MP_ET|5.000006|A|192.0.2.2|65001|10.0.0.0/8|1|IGP|192.0.2.1|0|0||NAG||",
            "BGP4MP_ET_LOCAL|5.000006|A|192.0.2.2|65001|10.0.0.0/8|1|IGP|192.0.2.1|0|0||NAG||",
            "BGP4MP_ET_AP|5.000006|A|192.0.2.2|65001|11.0.0.0/8|7|1|IGP|192.0.2.1|0|0||NAG||",
            "BGP4MP_ET|7.000000|STATE|192.0.2.2|65001|6|1",
        ];
        if portability == Portability::Portable {
            wanted.remove(2);
            assert_eq!(records.left_out(), 1);
        }
        assert_eq!(dump(&out), wanted);
    }
}

/// MP_REACH_NLRI with a next hop of so many octets.
fn reach(family: Family, hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = u8::try_from(hop.len()).expect("short");
    let head = [&family.afi.0.to_be_bytes()[..], &[family.safi.0, length]].concat();
    attribute(0x80, 14, &[&head, hop, &[0], nlri].concat())
}

#[test]
fn portable_updates_have_no_next_hop_of_the_other_family() {
    let six = [32, 0x20, 1, 0xD, 0xB8];
    for (family, hop, nlri, is_portable) in [
        (Family::IPV4_UNICAST, 4, &[8, 10][..], true),
        (Family::IPV4_UNICAST, 16, &[8, 10], false),
        (Family::IPV4_UNICAST, 32, &[8, 10], false),
        (Family::IPV6_UNICAST, 16, &six, true),
        (Family::IPV6_UNICAST, 32, &six, true),
        (Family::IPV6_UNICAST, 4, &six, false),
        (Family::IPV6_MULTICAST, 4, &six, false),
        (Family::EVPN, 4, &[9, 1, 0], true),
    ] {
        let attributes = [common(&[1]), reach(family, &vec![1; hop], nlri)].concat();
        let message = bgp(2, &update(&[], &attributes, &[]));
        for (portability, written) in [
            (Portability::Full, true),
            (Portability::Portable, is_portable),
        ] {
            let mut records = Records::new(portability);
            let mut out = Vec::new();
            let what = Sent {
                direction: Direction::Received,
                add_path: false,
                asn4: true,
                message: &message,
            };
            records
                .message(&mut out, Timestamp::new(5, 6), &session(), what)
                .expect("fits");
            assert_eq!(!out.is_empty(), written, "{family} {hop}");
            assert_eq!(records.left_out(), u64::from(!written), "{family} {hop}");
        }
    }
}

#[test]
fn portable_tables_leave_out_what_other_readers_cannot_take() {
    let mut records = Records::new(Portability::Portable);
    let time = Timestamp::from_seconds(9);
    let mut out = Vec::new();
    let about = (Ipv4Addr::new(9, 9, 9, 9), "");
    records
        .peers(&mut out, time, about, &[peer()])
        .expect("fits");
    let plain = common(&[1]);
    let with = |length: u8| {
        let hop = vec![1; usize::from(length)];
        [
            common(&[1]),
            attribute(0x80, 14, &[&[length][..], &hop].concat()),
        ]
        .concat()
    };
    let six = [32, 0x20, 1, 0xD, 0xB8];
    let mut left_out = 0;
    for (family, nlri, attributes, path_id, is_portable) in [
        (Family::IPV4_UNICAST, &[8, 10][..], &plain, None, true),
        (Family::IPV4_UNICAST, &[8, 11], &plain, Some(0), true),
        (Family::IPV4_UNICAST, &[8, 12], &plain, Some(1), false),
        (Family::IPV4_UNICAST, &[8, 13], &with(16), None, false),
        (Family::IPV6_UNICAST, &six, &with(16), None, true),
        (Family::IPV6_UNICAST, &six, &with(32), None, true),
        (Family::IPV6_UNICAST, &six, &with(4), None, false),
        (Family::IPV4_MULTICAST, &[8, 10], &plain, None, false),
        (
            Family::IPV4_MPLS_VPN,
            &[88, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2],
            &plain,
            None,
            false,
        ),
    ] {
        let before = out.len();
        let entry = Entry {
            peer: 0,
            originated: 8,
            path_id,
            attributes,
        };
        records
            .rib(&mut out, time, (family, nlri), &[entry])
            .expect("fits");
        left_out += u64::from(!is_portable);
        assert_eq!(out.len() > before, is_portable, "{family} {nlri:?}");
        assert_eq!(records.left_out(), left_out, "{family} {nlri:?}");
    }
    let found = super::records(&out);
    let subtypes = found.iter().filter_map(|one| Some(one.header?.subtype));
    assert_eq!(subtypes.collect::<Vec<_>>(), [2, 2, 4, 4]);
}

#[test]
fn records_of_a_portable_table_are_no_longer_than_a_mebibyte() {
    let attributes = common(&(0..200).collect::<Vec<_>>());
    let entry = Entry {
        peer: 0,
        originated: 8,
        path_id: None,
        attributes: &attributes,
    };
    let entries = vec![entry; 3_000];
    for (portability, wanted) in [(Portability::Full, 1), (Portability::Portable, 3)] {
        let mut records = Records::new(portability);
        let time = Timestamp::from_seconds(9);
        let mut out = Vec::new();
        let about = (Ipv4Addr::new(9, 9, 9, 9), "");
        records
            .peers(&mut out, time, about, &[peer()])
            .expect("fits");
        let prefix = (Family::IPV4_UNICAST, &[8, 10][..]);
        records.rib(&mut out, time, prefix, &entries).expect("fits");
        let found = super::records(&out);
        assert_eq!(found.len(), wanted);
        let elems: usize = found.iter().map(|one| one.elems().len()).sum();
        assert_eq!(elems, entries.len());
        let longest = found.iter().map(|one| one.body.len() + 12).max();
        assert_eq!(
            longest <= Some(1 << 20),
            portability == Portability::Portable
        );
    }
}

#[test]
fn snapshots_are_read_back_and_next_hops_abbreviated() {
    let mut out = Vec::new();
    let mut records = Records::new(Portability::Full);
    let time = Timestamp::from_seconds(9);
    records
        .peers(
            &mut out,
            time,
            (Ipv4Addr::new(9, 9, 9, 9), "view"),
            &[peer()],
        )
        .expect("fits");
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let reach = [&[0, 2, 1, 16][..], &hop, &[0, 32, 0x20, 1, 0xD, 0xB8]].concat();
    let six = [
        attribute(0x40, 1, &[0]),
        attribute(0x80, 14, &reach),
        attribute(0x80, 15, &[0, 2, 1]),
    ]
    .concat();
    let four = common(&[1]);
    let entry = |attributes, path_id| Entry {
        peer: 0,
        originated: 8,
        path_id,
        attributes,
    };
    records
        .rib(
            &mut out,
            time,
            (Family::IPV4_UNICAST, &[8, 10]),
            &[entry(&four, None)],
        )
        .expect("fits");
    records
        .rib(
            &mut out,
            time,
            (Family::IPV4_UNICAST, &[8, 11]),
            &[entry(&four, Some(3))],
        )
        .expect("fits");
    records
        .rib(
            &mut out,
            time,
            (Family::IPV6_UNICAST, &[32, 0x20, 1, 0xD, 0xB8]),
            &[entry(&six, None)],
        )
        .expect("fits");
    assert_eq!(
        dump(&out),
        [
            "TABLE_DUMP2|9|B|192.0.2.2|65001|10.0.0.0/8|1|IGP|192.0.2.1|0|0||NAG||",
            "TABLE_DUMP2_AP|9|B|192.0.2.2|65001|11.0.0.0/8|3|1|IGP|192.0.2.1|0|0||NAG||",
            "TABLE_DUMP2|9|B|192.0.2.2|65001|2001:db8::/32||IGP|2001:db8::1|0|0||NAG||",
        ]
    );
    // 17 octets of next hop, and nothing of MP_UNREACH_NLRI.
    let found = super::records(&out);
    let last = &found[2].body;
    assert!(
        last.ends_with(&[&[0x80, 14, 17, 16][..], &hop].concat()),
        "{last:?}"
    );
}

#[test]
fn files_have_temporary_names_until_they_are_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let naming = Naming {
        folder: folder.path().to_path_buf(),
        prefix: "updates".into(),
        period: 300,
    };
    let mut rotation = Rotation::new(naming.clone());
    let record = super::build::announce(1_427_846_401, 1);
    rotation.write(1_427_846_401, &record).expect("writes");
    let names = || -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["updates.20150401.0000.gz.tmp"]);
    rotation.write(1_427_846_701, &record).expect("writes");
    rotation.finish().expect("renames");
    assert_eq!(
        names(),
        ["updates.20150401.0000.gz", "updates.20150401.0005.gz"]
    );
    // After a restart the earlier part is kept, as far as it is whole.
    let path = folder.path().join("updates.20150401.0000.gz");
    let whole = std::fs::read(&path).expect("a file");
    std::fs::write(&path, [&whole[..], &whole[..30]].concat()).expect("writes");
    let mut again = Rotation::new(naming);
    again.write(1_427_846_402, &record).expect("writes");
    again.finish().expect("renames");
    let stream = Stream::builder()
        .path(path)
        .expect("a file")
        .build()
        .expect("a stream");
    assert_eq!(stream.count(), 2);
}
