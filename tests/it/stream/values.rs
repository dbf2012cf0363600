//! Values: AS numbers of two sizes, several attributes, order, filters; text beside typed values (D11, D13, D14).

use oxabgp::bgp::attribute::Attribute;
use oxabgp::stream::filter::CommunityPattern;
use oxabgp::stream::format::Format;
use oxabgp::stream::{ElemKind, Position, RecordKind, Stream};

use super::build::{
    announce, attribute, bgp, common, message, peer2, peer4, record, sequence, sequence2, update,
};
use super::{archives, columns, dump, elems, file, print, records};

/// The AS path column of an UPDATE under a two-octet subtype.
fn path2(attributes: &[Vec<u8>]) -> String {
    let body = update(&[], &attributes.concat(), &[8, 10]);
    let bytes = record(1, 16, 1, &[peer2(), bgp(2, &body)].concat());
    columns(&elems(&bytes), &[12]).concat()
}

#[test]
fn two_octet_paths_are_merged_by_the_rule() {
    let two = attribute(0x40, 2, &sequence2(&[1, 23_456, 23_456]));
    let four = attribute(0xC0, 17, &sequence(&[70_000, 80_000]));
    assert_eq!(path2(&[two.clone(), four.clone()]), "1 70000 80000");
    // An aggregator that knows two octets only is newer than AS4_PATH.
    let old = attribute(0xC0, 7, &[0, 9, 192, 0, 2, 1]);
    let new = attribute(0xC0, 18, &[0, 1, 0x11, 0x70, 192, 0, 2, 1]);
    assert_eq!(
        path2(&[two.clone(), four.clone(), old.clone()]),
        "1 70000 80000"
    );
    assert_eq!(
        path2(&[two.clone(), four.clone(), old, new.clone()]),
        "1 23456 23456"
    );
    // OpenBGPD writes eight octets into such records.
    for (asn, path) in [
        ([0, 0, 0, 9], "1 23456 23456"),
        ([0, 0, 0x5B, 0xA0], "1 70000 80000"),
    ] {
        let wide = attribute(0xC0, 7, &[&asn[..], &[192, 0, 2, 1]].concat());
        assert_eq!(path2(&[two.clone(), four.clone(), wide, new.clone()]), path);
    }
    let trans = attribute(0xC0, 7, &[0x5B, 0xA0, 192, 0, 2, 1]);
    assert_eq!(path2(&[two.clone(), four, trans, new]), "1 70000 80000");
    // An AS4_PATH that is longer is ignored.
    let long = attribute(0xC0, 17, &sequence(&[1, 2, 3, 4]));
    assert_eq!(path2(&[two.clone(), long]), "1 23456 23456");
    // Confederation segments of AS4_PATH are discarded (RFC 6793 section 6).
    let confederation = [3, 1, 0, 0, 0xFD, 0xE9];
    let mixed = [&confederation[..], &sequence(&[70_000, 80_000])].concat();
    assert_eq!(
        path2(&[two.clone(), attribute(0xC0, 17, &mixed)]),
        "1 70000 80000"
    );
    assert_eq!(
        path2(&[two, attribute(0xC0, 17, &confederation)]),
        "1 23456 23456"
    );
}

#[test]
fn as4_aggregator_counts_only_next_to_an_aggregator() {
    let new = attribute(0xC0, 18, &[0, 1, 0x11, 0x70, 192, 0, 2, 3]);
    let trans = attribute(0xC0, 7, &[0x5B, 0xA0, 192, 0, 2, 3]);
    for (attributes, wanted) in [
        (vec![new.clone()], "NAG||"),
        (vec![trans, new], "NAG|70000 192.0.2.3|"),
    ] {
        let path = attribute(0x40, 2, &sequence2(&[1]));
        let body = update(&[], &[path, attributes.concat()].concat(), &[8, 10]);
        let bytes = record(1, 16, 1, &[peer2(), bgp(2, &body)].concat());
        let lines = dump(&bytes);
        assert!(lines[0].ends_with(wanted), "{lines:?}");
    }
}

#[test]
fn an_empty_set_at_the_end_is_the_origin() {
    let path = [&sequence(&[1, 2])[..], &[1, 0]].concat();
    let attributes = [attribute(0x40, 1, &[0]), attribute(0x40, 2, &path)].concat();
    let bytes = message(1, 4, &update(&[], &attributes, &[8, 10]));
    assert_eq!(columns(&elems(&bytes), &[12, 13]), ["1 2 {}|{}"]);
    assert!(passing(&bytes, "origin 2").is_empty());
    assert_eq!(records(&bytes)[0].elems()[0].origin_asn(), None);
    // An empty sequence has no text.
    let path = [&sequence(&[1, 2])[..], &[2, 0]].concat();
    let bytes = message(1, 4, &update(&[], &attribute(0x40, 2, &path), &[8, 10]));
    assert_eq!(columns(&elems(&bytes), &[12, 13]), ["1 2|2"]);
    assert_eq!(passing(&bytes, "origin 2").len(), 1);
}

#[test]
fn four_octet_records_ignore_as4_attributes() {
    let attributes = [common(&[1, 2]), attribute(0xC0, 17, &sequence(&[3, 4]))].concat();
    let bytes = message(1, 4, &update(&[], &attributes, &[8, 10]));
    assert_eq!(columns(&elems(&bytes), &[12]), ["1 2"]);
}

#[test]
fn the_width_of_as_numbers_is_the_one_that_parses() {
    assert_eq!(
        path2(&[attribute(0x40, 2, &sequence(&[70_000, 2, 3]))]),
        "70000 2 3"
    );
    let attributes = attribute(0x40, 2, &sequence2(&[7, 8, 9]));
    let bytes = message(1, 4, &update(&[], &attributes, &[8, 10]));
    assert_eq!(columns(&elems(&bytes), &[12]), ["7 8 9"]);
}

#[test]
fn several_reach_attributes_all_count_and_of_others_the_first() {
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let six = [&[0, 2, 1, 16][..], &hop, &[0, 32, 0x20, 1, 0xD, 0xB8]].concat();
    let four = [0, 1, 1, 4, 192, 0, 2, 5, 0, 8, 12];
    let attributes = [
        common(&[1]),
        attribute(0x80, 4, &[0, 0, 0, 1]),
        attribute(0x80, 4, &[0, 0, 0, 2]),
        attribute(0x80, 14, &six),
        attribute(0x80, 14, &four),
        attribute(0x80, 15, &[0, 2, 1, 16, 0x20, 2]),
    ]
    .concat();
    let bytes = message(1, 4, &update(&[8, 13], &attributes, &[8, 10]));
    assert_eq!(
        columns(&elems(&bytes), &[2, 10, 11]),
        [
            "W|13.0.0.0/8|",
            "W|2002::/16|",
            "A|10.0.0.0/8|192.0.2.1",
            "A|2001:db8::/32|2001:db8::1",
            "A|12.0.0.0/8|192.0.2.5",
        ]
    );
    assert!(dump(&bytes)[2].contains("|192.0.2.1|0|1|"));
}

#[test]
fn no_next_hop_is_never_the_one_before() {
    let none = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence(&[1])),
    ]
    .concat();
    let bytes = [announce(1, 1), message(2, 4, &update(&[], &none, &[8, 11]))].concat();
    assert_eq!(columns(&elems(&bytes), &[11]), ["192.0.2.1", ""]);
    assert!(dump(&bytes)[1].contains("|255.255.255.255|"));
}

/// The prefixes that pass a filter, each with the letter of its elem.
pub(super) fn passing(bytes: &[u8], filter: &str) -> Vec<String> {
    let file = file(bytes);
    let builder = Stream::builder()
        .path(file.path())
        .expect("a file")
        .filter(filter)
        .expect(filter);
    let lines: Vec<String> = print(builder, Format::Elems)
        .lines()
        .map(str::to_owned)
        .collect();
    columns(&lines, &[2, 10])
}

#[test]
fn filters_choose_elems() {
    let attributes = [
        common(&[65_001, 64_500]),
        attribute(0xC0, 8, &[0x0B, 0x62, 1, 0xA4]),
    ]
    .concat();
    let state = record(3, 16, 5, &[peer4(), vec![0, 6, 0, 1]].concat());
    let bytes = [
        message(
            1,
            4,
            &update(
                &[16, 10, 9],
                &attributes,
                &[8, 10, 16, 10, 1, 24, 192, 0, 2],
            ),
        ),
        message(
            2,
            4,
            &update(&[], &common(&[65_001, 3356, 64_501]), &[16, 172, 16]),
        ),
        state,
    ]
    .concat();
    let all = [
        "W|10.9.0.0/16",
        "A|10.0.0.0/8",
        "A|10.1.0.0/16",
        "A|192.0.2.0/24",
        "A|172.16.0.0/16",
        "S|",
    ];
    for (filter, wanted) in [
        ("peer 65001", &[0, 1, 2, 3, 4, 5][..]),
        ("peer 1", &[]),
        ("prefix 10.0.0.0/8", &[0, 1, 2]),
        ("prefix exact 10.0.0.0/8 192.0.2.0/24", &[1, 3]),
        ("prefix less 10.1.0.0/16", &[1, 2]),
        ("prefix any 10.0.0.0/12", &[0, 1, 2]),
        ("prefix exact 10.0.0.0/8 more 10.0.0.0/8", &[0, 1, 2]),
        ("prefix 0.0.0.0/0", &[0, 1, 2, 3, 4]),
        ("community 2914:420", &[1, 2, 3]),
        ("community *:420 and prefix 192.0.2.0/24", &[3]),
        ("community 2914:421", &[]),
        ("origin 64501", &[4]),
        ("aspath _3356_", &[4]),
        ("aspath !_3356_", &[1, 2, 3]),
        ("elemtype withdrawals peerstates", &[0, 5]),
        ("ipversion 6", &[]),
        ("ipversion 4 6", &[0, 1, 2, 3, 4]),
        ("not elemtype announcements", &[0, 5]),
        (
            "(prefix exact 10.0.0.0/8 or origin 64501) and elemtype announcements",
            &[1, 4],
        ),
        (
            "prefix exact 10.1.0.0/16 or prefix exact 192.0.2.0/24",
            &[2, 3],
        ),
    ] {
        let wanted: Vec<_> = wanted.iter().map(|index| all[*index]).collect();
        assert_eq!(passing(&bytes, filter), wanted, "{filter}");
    }
}

#[test]
fn json_has_what_bgpreader_leaves_out() {
    let attributes = [
        common(&[1]),
        attribute(0xC0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        attribute(0xC0, 16, &[0, 2, 0xFD, 0xE8, 0, 0, 0, 1]),
        attribute(0xC0, 35, &[0, 0, 0, 9]),
    ]
    .concat();
    let bytes = message(1, 9, &update(&[], &attributes, &[0, 0, 0, 5, 8, 10]));
    let file = file(&bytes);
    let builder = Stream::builder().path(file.path()).expect("a file");
    let json: serde_json::Value =
        serde_json::from_str(&print(builder, Format::Json)).expect("JSON");
    assert_eq!(json["type"], "announcement");
    assert_eq!(json["prefix"], "10.0.0.0/8");
    assert_eq!(json["path-id"], 5);
    assert_eq!(json["large-communities"][0], "1:2:3");
    assert_eq!(json["ext-communities"][0], "target:65000:1");
    assert_eq!(json["otc"], 9);
}

/// Records with all that BGP4MP can say.
pub(super) fn everything() -> Vec<u8> {
    let v6 = |safi: u8, nlri: &[u8]| {
        let hop = [&[0; 10][..], &[0, 0, 192, 0, 2, 1]].concat();
        let head = [&[0, 2, safi, 16][..], &hop, &[0]].concat();
        attribute(0x80, 14, &[&head[..], nlri].concat())
    };
    let dotted = [120, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
    let all = [
        common(&[1, 70_000]),
        attribute(0x80, 4, &[0, 0, 0, 7]),
        attribute(0x40, 5, &[0, 0, 0, 8]),
        attribute(0x40, 6, &[]),
        attribute(0xC0, 7, &[0, 0, 0, 9, 192, 0, 2, 3]),
        attribute(0xC0, 8, &[0, 1, 0, 2]),
        attribute(0x80, 9, &[192, 0, 2, 4]),
        attribute(0x80, 10, &[192, 0, 2, 5, 192, 0, 2, 6]),
        attribute(0xC0, 16, &[0, 2, 0xFD, 0xE8, 0, 0, 0, 1]),
        attribute(0xC0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        attribute(0xC0, 35, &[0, 0, 0, 9]),
    ]
    .concat();
    let flow = attribute(0x80, 14, &[0, 1, 133, 0, 0, 3, 1, 8, 10]);
    [
        message(1, 9, &update(&[], &all, &[0, 0, 0, 5, 8, 10])),
        message(2, 4, &update(&[8, 10], &[], &[])),
        message(
            3,
            4,
            &update(&[], &[common(&[1]), v6(1, &dotted)].concat(), &[]),
        ),
        message(
            4,
            4,
            &update(&[], &[common(&[1]), v6(2, &dotted)].concat(), &[]),
        ),
        message(5, 4, &update(&[], &[common(&[1]), flow].concat(), &[])),
        // An attribute twice: there is something to note.
        message(
            6,
            4,
            &update(&[], &[common(&[1]), common(&[2])].concat(), &[8, 10]),
        ),
        record(7, 16, 5, &[peer4(), vec![0, 6, 0, 1]].concat()),
    ]
    .concat()
}

#[test]
fn serde_has_the_keys_and_values_of_json_lines() {
    let bytes = everything();
    let file = file(&bytes);
    let builder = Stream::builder().path(file.path()).expect("a file");
    let lines = print(builder, Format::Json);
    let stream = Stream::builder().path(file.path()).expect("a file");
    let sourced = stream.build().expect("a stream").elems();
    for (line, elem) in lines.lines().zip(sourced) {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(serde_json::to_value(&elem).expect("JSON"), line);
    }
    let records = records(&bytes);
    let elems = records.iter().flat_map(|record| record.elems());
    let mut keys = std::collections::BTreeSet::new();
    for (line, elem) in lines.lines().zip(elems) {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let of_record = line.as_object_mut().expect("an object");
        for key in ["record_type", "project", "collector", "router", "router_ip"] {
            of_record.remove(key);
        }
        keys.extend(of_record.keys().cloned());
        assert_eq!(serde_json::to_value(elem).expect("JSON"), line);
    }
    assert_eq!(lines.lines().count(), 7, "{lines}");
    for key in [
        "notes",
        "family",
        "cluster-list",
        "originator-id",
        "new-state",
    ] {
        assert!(keys.contains(key), "{key}: {lines}");
    }
    assert!(lines.contains("\"::1.2.3.0/120\""), "{lines}");
}

/// Text is rendered from slices; typed values come from the decoder of sessions.
#[test]
fn text_agrees_with_typed_values_on_real_files() {
    let Some(folder) = archives() else {
        return;
    };
    let mut seen = 0;
    for name in [
        "ris.rrc06.updates.1427846400.gz",
        "updates.20071015.1505.gz",
    ] {
        let stream = Stream::builder()
            .path(folder.join(name))
            .expect("a file")
            .build()
            .expect("a stream");
        for elem in stream
            .elems()
            .filter(|elem| elem.kind == ElemKind::Announcement)
        {
            let set = elem
                .attribute_set()
                .expect("attributes")
                .expect("of an announcement");
            let typed = set.list().iter().find_map(|one| match one {
                Attribute::AsPath(path) => Some(path.clone()),
                _ => None,
            });
            let own: Vec<u32> = elem
                .as_path()
                .iter()
                .flat_map(|path| path.asns().map(|asn| asn.0).collect::<Vec<_>>())
                .collect();
            let typed: Vec<u32> = typed
                .iter()
                .flat_map(|path| path.segments())
                .flat_map(|one| one.asns.iter().map(|asn| asn.0))
                .collect();
            assert_eq!(own, typed);
            let communities = set.list().iter().find_map(|one| match one {
                Attribute::Communities(list) => Some(list.0.to_vec()),
                _ => None,
            });
            let mut own = elem.communities();
            own.sort_unstable();
            assert_eq!(own, communities.unwrap_or_default());
            seen += 1;
        }
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn records_display_as_in_python() {
    let text = records(&announce(1, 1))[0].to_string();
    assert_eq!(text, "update|end|1.000000|None|None|None|None|valid|0");
}

/// Updates in a file with the name of a collector.
fn named_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ris.rrc06.updates.1427846400");
    let bytes = [announce(100, 1), announce(200, 2), record(300, 48, 0, b"x")].concat();
    std::fs::write(&path, bytes).expect("writes");
    (folder, path)
}

#[test]
fn elems_of_a_stream_know_their_record() {
    let (_folder, path) = named_file();
    let builder = || Stream::builder().path(&path).expect("a file");
    let elems: Vec<_> = builder().build().expect("a stream").elems().collect();
    let texts: Vec<_> = elems.iter().map(ToString::to_string).collect();
    let head = "update|A|100.000000|ris|rrc06|None|None|65001|192.0.2.2|10.1.0.0/16";
    assert!(texts[0].starts_with(head), "{texts:?}");
    let records = builder().build().expect("a stream");
    let shown: Vec<_> = records
        .flat_map(|record| {
            let text = |elem| record.display(elem).to_string();
            record.elems().iter().map(text).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(texts, shown);
    let second = &elems[1];
    assert_eq!((second.project(), second.collector()), ("ris", "rrc06"));
    assert_eq!((second.router(), second.router_ip()), ("", None));
    assert_eq!(second.dump_time(), 1_427_846_400);
    assert_eq!(second.record_kind, RecordKind::Update);
    assert_eq!(second.dump_position, Position::Middle);
    assert_eq!(second.prefix(), second.clone().into_elem().prefix());
    let json = serde_json::to_value(second).expect("JSON");
    assert_eq!(json["collector"], "rrc06");
    assert_eq!(json["record_type"], "update");
}

#[test]
fn serde_of_records_has_the_names_of_python() {
    let (_folder, path) = named_file();
    let builder = Stream::builder().path(&path).expect("a file");
    let records: Vec<_> = builder
        .build()
        .expect("a stream")
        .map(|record| serde_json::to_value(&record).expect("JSON"))
        .collect();
    let wanted = serde_json::json!({
        "type": "update",
        "dump_position": "start",
        "time": 100.0,
        "project": "ris",
        "collector": "rrc06",
        "status": "valid",
        "dump_time": 1_427_846_400,
    });
    assert_eq!(records[0], wanted);
    assert_eq!(records[2]["status"], "unsupported-record");
    assert_eq!(records[2]["dump_position"], "end");
}

#[test]
fn times_of_a_stream_are_texts_or_spans() {
    let (_folder, path) = named_file();
    let builder = || Stream::builder().path(&path).expect("a file");
    let times = |builder: oxabgp::stream::Builder| -> Vec<u32> {
        let stream = builder.build().expect("a stream");
        stream.elems().map(|elem| elem.time.seconds).collect()
    };
    let minute = ["1970-01-01 00:01", "1970-01-01 00:02"];
    let between = builder().between(minute[0], minute[1]).expect("times");
    assert_eq!(times(between), [100]);
    let since = builder().since("1970-01-01T00:02:00Z").expect("a time");
    assert_eq!(times(since), [200]);
    let recent = |span| times(builder().recent(span).expect("a span"));
    assert_eq!(recent("3 h"), [0; 0]);
    assert_eq!(recent("40000 d"), [100, 200]);
    let error = builder().between("2015-04-01", "soon").err();
    assert_eq!(
        error.map(|error| error.to_string()).as_deref(),
        Some("expected a time such as `2015-04-01 00:05` or seconds since 1970, found `soon`")
    );
    let error = builder().recent("3 hours").err().expect("an error");
    assert!(error.to_string().contains("found `3 hours`"), "{error}");
}

#[test]
fn elems_display_as_in_python() {
    let text = |bytes: &[u8]| {
        let record = &records(bytes)[0];
        let lines: Vec<_> = record
            .elems()
            .iter()
            .map(|elem| record.display(elem).to_string())
            .collect();
        lines.join("\n")
    };
    let attributes = [
        common(&[65_001, 64_500]),
        attribute(0xC0, 8, &[0xFF, 0xFF, 0xFF, 1, 0, 1, 0, 2]),
    ]
    .concat();
    let body = update(&[16, 10, 2], &attributes, &[16, 10, 1]);
    assert_eq!(
        text(&message(1, 4, &body)),
        "update|W|1.000000|None|None|None|None|65001|192.0.2.2|10.2.0.0/16|None|None|None|None|None\n\
         update|A|1.000000|None|None|None|None|65001|192.0.2.2|10.1.0.0/16|192.0.2.1|65001 64500|65535:65281 1:2|None|None"
    );
    let state = [&peer4()[..], &[0, 3, 0, 6]].concat();
    assert_eq!(
        text(&record(1, 16, 5, &state)),
        "update|S|1.000000|None|None|None|None|65001|192.0.2.2|None|None|None|None|ACTIVE|ESTABLISHED"
    );
    // IPv6 addresses as in C, and the text of a family of another form.
    let found = records(&everything());
    let shown = |at: usize| found[at].display(&found[at].elems()[0]).to_string();
    assert_eq!(
        shown(2),
        "update|A|3.000000|None|None|None|None|65001|192.0.2.2|::1.2.3.0/120|::192.0.2.1|1||None|None"
    );
    assert!(shown(4).contains("|192.0.2.2|flow "), "{}", shown(4));
    let texts = records(&message(1, 4, &body))[0].elems()[1].community_texts();
    assert_eq!(Vec::from_iter(texts), ["1:2", "65535:65281"]);
}

#[test]
fn attributes_that_differ_are_not_taken_for_those_of_the_record_before() {
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let value = [&[0, 2, 1, 16][..], &hop, &[0, 32, 0x20, 1, 0xD, 0xB8]].concat();
    let reach = attribute(0x80, 14, &value);
    let aggregator = attribute(0xC0, 7, &[0xFB, 0xF4, 1, 2, 3, 4]);
    let common = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence2(&[64_500, 23_456])),
        aggregator,
        attribute(0xC0, 17, &sequence(&[64_500, 400_000])),
        reach,
    ]
    .concat();
    let forms: [Option<&[u8]>; 3] = [None, Some(&[]), Some(&[0, 6, 0x1A, 0x81, 1, 2, 3, 4])];
    let records: Vec<_> = forms
        .iter()
        .map(|as4| {
            let own = as4.map(|value| attribute(0xC0, 18, value));
            let attributes = [common.clone(), own.unwrap_or_default()].concat();
            let body = update(&[], &attributes, &[]);
            record(1, 16, 1, &[peer2(), bgp(2, &body)].concat())
        })
        .collect();
    for (first, second) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
        let (first, second) = (&records[first], &records[second]);
        let both = [&first[..], second].concat();
        assert_eq!(elems(&both), [elems(first), elems(second)].concat());
        assert_eq!(dump(&both), [dump(first), dump(second)].concat());
    }
}

#[test]
fn words_and_letters_of_records_and_values_that_are_keys() {
    for (kind, letter, word) in [
        (RecordKind::Update, "U", "update"),
        (RecordKind::Rib, "R", "rib"),
    ] {
        assert_eq!((kind.to_string().as_str(), kind.as_str()), (letter, word));
    }
    for (position, letter) in [
        (Position::Start, "B"),
        (Position::Middle, "M"),
        (Position::End, "E"),
    ] {
        assert_eq!(position.to_string(), letter);
    }
    let path = |asn| records(&announce(1, asn))[0].elems()[0].as_path();
    let paths: std::collections::BTreeSet<_> = [path(1), path(2)].into();
    assert_eq!(paths.len(), 1);
    let pattern = CommunityPattern::Plain(None, Some(1));
    let patterns = std::collections::HashSet::from([pattern.clone(), pattern]);
    assert_eq!(patterns.len(), 1);
}
