//! What the filter language has beyond bgpreader's chooses elems, too: ranges, names of communities, tables of routers, `or`.

use oxabgp::bmp::{PeerHeader, PeerType};
use oxabgp::stream::Stream;
use oxabgp::stream::format::Format;

use super::build::{announce, attribute, bgp, common, record, sequence, update};
use super::feeds::{peer, route, router};
use super::values::passing;
use super::{columns, print};

/// What follows the header of a BGP4MP record, with four-octet AS numbers, from this peer.
fn from(asn: u32, rest: &[u8]) -> Vec<u8> {
    let session = [0, 0, 0xFD, 0xE7, 0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 9];
    [&asn.to_be_bytes()[..], &session, rest].concat()
}

/// A record with an UPDATE of this peer.
fn message(asn: u32, body: &[u8]) -> Vec<u8> {
    record(1, 16, 4, &from(asn, &bgp(2, body)))
}

/// MP_REACH_NLRI with 2001:db8::/32.
fn v6() -> Vec<u8> {
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let value = [&[0, 2, 1, 16][..], &hop, &[0, 32, 0x20, 1, 0xD, 0xB8]].concat();
    attribute(0x80, 14, &value)
}

/// Checks which of `all` pass each filter.
fn check(bytes: &[u8], all: &[&str], table: &[(&str, &[usize])]) {
    assert_eq!(passing(bytes, "not peer 0"), all);
    for (filter, wanted) in table {
        let wanted: Vec<_> = wanted.iter().map(|index| all[*index]).collect();
        assert_eq!(passing(bytes, filter), wanted, "{filter}");
    }
}

#[test]
fn what_is_added_to_the_filter_language_chooses_elems() {
    let plain = attribute(0xC0, 8, &[0xFF, 0xFF, 0xFF, 1, 0xFD, 0xE8, 2, 0x9A]);
    let large = attribute(0xC0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    let extended = attribute(0xC0, 16, &[0, 2, 0xFD, 0xE8, 0, 0, 0, 1]);
    let confederation = [3, 2, 0, 0, 0xFC, 0x00, 0, 0, 0xFC, 0x01];
    let path = [&confederation[..], &sequence(&[65_001, 64_500])].concat();
    let six = [attribute(0x40, 1, &[0]), attribute(0x40, 2, &path), v6()].concat();
    let bytes = [
        message(
            65_001,
            &update(&[], &[common(&[65_001, 64_500]), plain].concat(), &[8, 10]),
        ),
        message(
            65_002,
            &update(
                &[],
                &[common(&[65_002, 70_000]), large].concat(),
                &[16, 10, 1],
            ),
        ),
        message(
            70_001,
            &update(
                &[],
                &[common(&[70_001, 64_501]), extended].concat(),
                &[24, 192, 0, 2],
            ),
        ),
        message(65_001, &update(&[], &six, &[])),
        message(65_002, &update(&[16, 10, 2], &[], &[])),
        record(1, 16, 5, &from(65_001, &[0, 6, 0, 1])),
    ]
    .concat();
    let all = [
        "A|10.0.0.0/8",
        "A|10.1.0.0/16",
        "A|192.0.2.0/24",
        "A|2001:db8::/32",
        "W|10.2.0.0/16",
        "S|",
    ];
    check(
        &bytes,
        &all,
        &[
            ("peer 65001-65002", &[0, 1, 3, 4, 5]),
            ("peer 65002-70001", &[1, 2, 4]),
            ("peer 65003-70000", &[]),
            ("peer 65002 70000-70001", &[1, 2, 4]),
            ("peer AS65002", &[1, 4]),
            ("peer 1.4465", &[2]),
            ("peer AS1.4465", &[2]),
            ("peer 1.0-1.65535", &[2]),
            ("peer AS65002-AS1.4465", &[1, 2, 4]),
            ("origin 64500-64501", &[0, 2, 3]),
            ("origin AS64501 1.4464", &[1, 2]),
            ("origin 64502-69999", &[]),
            ("community no-export", &[0]),
            ("community NO_EXPORT lc:1:2:3", &[0, 1]),
            ("community blackhole", &[]),
            ("community *:*", &[0]),
            ("community 65000:666 and (community 65535:*)", &[0]),
            ("community lc:1:*:3", &[1]),
            ("community lc:*:*:*", &[1]),
            ("community lc:1:2:4", &[]),
            ("community ext:target:65000:1", &[2]),
            ("extcommunity target:65000:1", &[2]),
            ("extcommunity target:65000:2", &[]),
            ("extc target:65000:2 target:65000:1", &[2]),
            ("aspath _(64500|64501)$", &[0, 2, 3]),
            ("aspath _64512_", &[3]),
            ("aspath _64513_", &[3]),
            ("aspath ^65001_64500$", &[0]),
            ("aspath \"[_ ]70000$\"", &[1]),
            ("ipv 6", &[3]),
            ("ipv 4", &[0, 1, 2, 4]),
            ("ipversion 4 6", &[0, 1, 2, 3, 4]),
            ("pref exact 10.0.0.0/8 more 2000::/3", &[0, 3]),
            ("prefix less 10.1.128.0/17 exact 10.2.0.0/16", &[0, 1, 4]),
            ("rib adj-in-pre", &[0, 1, 2, 3, 4, 5]),
            ("rib loc adj-out-post", &[]),
            ("type updates", &[0, 1, 2, 3, 4, 5]),
            ("type ribs", &[]),
            ("resourcetype stream", &[0, 1, 2, 3, 4, 5]),
            ("not peer 65001", &[1, 2, 4]),
            ("not origin 64500-64501", &[1, 4, 5]),
            ("not not origin 1.4464", &[1]),
            ("peer 70001 or ipversion 6", &[2, 3]),
            (
                "peer 65002 and (origin 70000 or elemtype withdrawals)",
                &[1, 4],
            ),
            ("peer 65001 and not community no-export", &[3, 5]),
            ("not (peer 65001 or origin 1.4464)", &[2, 4]),
            ("peer 70001 or peer 65002 and elemtype withdrawals", &[2, 4]),
            ("(peer 70001 or peer 65002) and elemtype withdrawals", &[4]),
            ("peer\t65002\nand\r\nelemtype\twithdrawals", &[4]),
        ],
    );
}

#[test]
fn tables_and_routers_of_bmp_are_chosen() {
    let local = PeerHeader {
        kind: PeerType::LOC_RIB,
        ..peer(0)
    };
    let post = PeerHeader::POST_POLICY;
    let out = PeerHeader::ADJ_RIB_OUT;
    let bytes = [
        router("edge"),
        route(peer(post), &[16, 10, 1]),
        route(peer(out), &[16, 10, 2]),
        route(peer(out | post), &[16, 10, 3]),
        route(local, &[16, 10, 4]),
    ]
    .concat();
    let all = [
        "S|",
        "A|198.51.100.0/24",
        "S|",
        "A|10.1.0.0/16",
        "A|10.2.0.0/16",
        "A|10.3.0.0/16",
        "A|10.4.0.0/16",
    ];
    check(
        &bytes,
        &all,
        &[
            ("rib adj-in-pre", &[0, 1, 2]),
            ("rib adj-in-post", &[3]),
            ("rib adj-out-pre", &[4]),
            ("rib adj-out-post", &[5]),
            ("rib loc", &[6]),
            ("rib loc adj-in-post", &[3, 6]),
            (
                "not rib adj-in-pre and elemtype announcements",
                &[3, 4, 5, 6],
            ),
            ("router edge", &[0, 1, 2, 3, 4, 5, 6]),
            ("router core edge and rib loc", &[6]),
            ("rout core", &[]),
        ],
    );
}

#[test]
fn the_origin_of_files_is_chosen() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut list = String::new();
    for (number, project, kind, collector) in [
        (1, "ris", "updates", "rrc01"),
        (2, "ris", "updates", "rrc02"),
        (3, "routeviews", "updates", "rrc01"),
    ] {
        std::fs::write(folder.path().join(number.to_string()), announce(1, number))
            .expect("writes");
        list += &format!("{number},{project},{kind},{collector},1000,300,1\n");
    }
    let path = folder.path().join("list.csv");
    std::fs::write(&path, list).expect("writes");
    for (filter, wanted) in [
        ("project ris", &["1", "2"][..]),
        ("proj ris routeviews", &["1", "2", "3"]),
        ("collector rrc01", &["1", "3"]),
        ("coll rrc01 and proj ris", &["1"]),
        ("not collector rrc01", &["2"]),
        ("collector rrc01 and not project routeviews", &["1"]),
        ("project routeviews or collector rrc02", &["2", "3"]),
        ("project RIS", &[]),
    ] {
        let builder = Stream::builder().list(&path).expect("a list");
        let text = print(builder.filter(filter).expect(filter), Format::Elems);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = columns(&lines, &[10]);
        let mut found: Vec<_> = found
            .iter()
            .map(|prefix| prefix.trim_start_matches("10.").trim_end_matches(".0.0/16"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "{filter}");
    }
}

#[test]
fn what_several_filters_ask_of_one_term_are_alternatives() {
    let small = attribute(0xC0, 8, &[0, 1, 0, 2]);
    let extended = attribute(0xC0, 16, &[0, 2, 0xFD, 0xE8, 0, 0, 0, 1]);
    let both = [&common(&[1, 3, 5])[..], &small, &extended].concat();
    let bytes = [
        message(1, &update(&[], &both, &[16, 10, 1])),
        message(
            2,
            &update(&[], &[common(&[2, 3, 6]), small].concat(), &[16, 10, 2]),
        ),
        message(3, &update(&[], &common(&[3, 4, 7]), &[16, 10, 3])),
        message(4, &update(&[16, 10, 4], &[], &[])),
    ]
    .concat();
    let file = super::file(&bytes);
    for (filters, wanted) in [
        (&["peer 1", "peer 2"][..], &[1, 2][..]),
        (&["peer 1", "peer 2", "peer 4"], &[1, 2, 4]),
        (&["peer 1 2", "origin 6", "peer 3"], &[2]),
        (&["origin 5", "origin 7-9"], &[1, 3]),
        (&["prefix 10.1.0.0/16", "prefix exact 10.4.0.0/16"], &[1, 4]),
        (
            &["prefix exact 10.0.0.0/8", "prefix more 10.0.0.0/14"],
            &[1, 2, 3],
        ),
        (
            &["elemtype withdrawals", "elemtype announcements"],
            &[1, 2, 3, 4],
        ),
        (&["ipversion 6", "ipversion 4"], &[1, 2, 3, 4]),
        (&["type ribs", "type updates"], &[1, 2, 3, 4]),
        (&["rib loc", "rib adj-in-pre"], &[1, 2, 3, 4]),
        (&["community 9:9", "community 1:2"], &[1, 2]),
        (&["peer 1 and origin 5", "origin 6 and peer 2"], &[1, 2]),
        // Patterns of paths, and terms of our own, have to pass.
        (&["aspath _3_", "aspath _6_"], &[2]),
        (&["community 1:2", "extcommunity target:65000:1"], &[1]),
        (&["peer 1", "peer 1 or peer 2"], &[1]),
        (&["peer 1 2", "not peer 1"], &[2]),
        (&["peer 1 2", "(peer 2 3) and (peer 2 4)"], &[2]),
        (&["not peer 1", "not peer 2"], &[3, 4]),
    ] {
        let mut builder = Stream::builder().path(file.path()).expect("a file");
        for filter in filters {
            builder = builder.filter(filter).expect(filter);
        }
        let lines = print(builder, Format::Elems);
        let wanted: Vec<_> = wanted.iter().map(|n| format!("10.{n}.0.0/16")).collect();
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        assert_eq!(columns(&lines, &[10]), wanted, "{filters:?}");
    }
}
