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
