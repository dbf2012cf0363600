//! The same lines as Debian's bgpdump, on real archives and on files made here.

use std::process::Command;

use oxabgp::stream::format::{Bgpdump, Clock, Columns, Format, TimeStyle};
use oxabgp::stream::{Sent, Stream};

use super::build::{
    announce, attribute, bgp, common, entry, message, peer4, peers, record, rib, update,
};
use super::{ARCHIVES, archives, file, print};

/// What bgpdump prints; `None` if it is not there.
fn bgpdump(options: &[&str], path: &std::path::Path) -> Option<String> {
    let output = Command::new("bgpdump")
        .arg("-q")
        .args(options)
        .arg(path)
        .output();
    match output {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(_) => {
            super::skipped("bgpdump");
            None
        }
    }
}

fn compare(path: &std::path::Path) {
    let all = Columns {
        index: true,
        large_communities: true,
        unknown: true,
    };
    let lines = |style, columns| {
        Format::Bgpdump(Bgpdump {
            style,
            clock: Clock::Dump,
            columns,
        })
    };
    for (options, format) in [
        (&["-m"][..], lines(TimeStyle::Unix, Columns::default())),
        (&["-M"], lines(TimeStyle::Human, Columns::default())),
        (&["-m", "-p", "-l", "-u"], lines(TimeStyle::Unix, all)),
        (&["-H"], Format::Paragraphs),
    ] {
        same(path, options, format);
    }
}

fn same(path: &std::path::Path, options: &[&str], format: Format) {
    let Some(wanted) = bgpdump(options, path) else {
        return;
    };
    let builder = Stream::builder()
        .path(path)
        .expect("a file")
        .sent(Sent::Include);
    let own = print(builder, format);
    for (index, (own, wanted)) in own.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(
            own,
            wanted,
            "{} {options:?} line {}",
            path.display(),
            index + 1
        );
    }
    assert_eq!(own.len(), wanted.len(), "{} {options:?}", path.display());
}

#[test]
fn real_archives_print_as_with_bgpdump() {
    let Some(folder) = archives() else {
        return;
    };
    for name in ARCHIVES {
        compare(&folder.join(name));
    }
}

#[test]
fn made_records_print_as_with_bgpdump() {
    let hop = [
        0x20, 1, 7, 0xF8, 0, 0x30, 0, 0, 0, 2, 0, 1, 0, 0, 0x84, 0x47,
    ];
    let six = [&[0, 2, 1, 16][..], &hop, &[0, 48, 0x20, 1, 0xD, 0xB8, 0, 0]].concat();
    let rich = [
        common(&[65_001, 4_200_000_000]),
        attribute(0x80, 4, &[0xFF, 0xFF, 0xFF, 0xFE]),
        attribute(0x40, 5, &[0, 0, 0, 200]),
        attribute(0x40, 6, &[]),
        attribute(0xC0, 7, &[0, 1, 0x11, 0x70, 192, 0, 2, 3]),
        attribute(
            0xC0,
            8,
            &[
                0xFF, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF, 2, 0xFF, 0xFF, 0xFF, 3, 0, 1, 0, 2,
            ],
        ),
        attribute(0xC0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        attribute(0xC0, 99, &[0xAB, 1]),
    ]
    .concat();
    let path = |value: &[u8]| {
        [
            attribute(0x40, 1, &[2]),
            attribute(0x40, 2, value),
            attribute(0x40, 3, &[192, 0, 2, 1]),
        ]
        .concat()
    };
    let set = [2, 1, 0, 0, 0, 7, 1, 2, 0, 0, 0, 8, 0, 0, 0, 9];
    let confederation = [
        3, 1, 0, 0, 0, 7, 4, 2, 0, 0, 0, 8, 0, 0, 0, 9, 2, 1, 0, 0, 0, 5,
    ];
    let et = announce(1, 4);
    let bytes = [
        message(1, 4, &update(&[8, 12], &rich, &[8, 10, 13, 11, 13])),
        message(
            2,
            4,
            &update(
                &[],
                &[rich.clone(), attribute(0x80, 14, &six)].concat(),
                &[],
            ),
        ),
        message(3, 4, &update(&[], &path(&set), &[8, 10])),
        message(4, 4, &update(&[], &path(&confederation), &[8, 10])),
        message(5, 4, &update(&[], &path(&[]), &[0])),
        message(6, 7, &update(&[], &path(&set), &[8, 10])),
        record(7, 17, 4, &[&[0, 0, 0, 9][..], &et[12..]].concat()),
        record(8, 16, 5, &[peer4(), vec![0, 6, 0, 1]].concat()),
        peers(9, &[65_001, 65_002]),
        rib(
            9,
            2,
            &[8, 10],
            &[entry(0, None, &rich), entry(1, None, &path(&set))],
        ),
    ]
    .concat();
    compare(file(&bytes).path());
    compare(file(&messages(&six)).path());
}

/// An attribute with a length of two octets.
fn long(code: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    [&[0xD0, code], &length[..], value].concat()
}

/// An UPDATE with a path of these segments, and other attributes.
fn with_path(segments: &[(u8, &[u32])], more: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    for (kind, asns) in segments {
        for chunk in asns.chunks(255) {
            path.extend([*kind, u8::try_from(chunk.len()).expect("short")]);
            path.extend(chunk.iter().flat_map(|asn| asn.to_be_bytes()));
        }
        if asns.is_empty() {
            path.extend([*kind, 0]);
        }
    }
    let attributes = [
        attribute(0x40, 1, &[0]),
        long(2, &path),
        attribute(0x40, 3, &[192, 0, 2, 1]),
        more.to_vec(),
    ]
    .concat();
    message(1, 4, &update(&[], &attributes, &[8, 10]))
}

#[test]
fn long_values_are_cut_as_by_bgpdump() {
    let mut bytes = Vec::new();
    let ones = |count: usize| vec![1u32; count];
    for count in [717, 718, 719, 720, 730] {
        for kind in 1..=4 {
            bytes.extend(with_path(&[(kind, &vec![4_200_000_000; count])], &[]));
        }
    }
    // Paths of 7,899 to 7,901 characters, and what may follow them.
    for first in [1, 10, 100] {
        for after in [&[][..], &[7], &[7, 7]] {
            let path = [&[first][..], &ones(3_949), after].concat();
            bytes.extend(with_path(&[(2, &path)], &[]));
        }
        let path = [&[first][..], &ones(3_949)].concat();
        for after in [&[][..], &[5], &[5, 6]] {
            bytes.extend(with_path(&[(2, &path), (1, after)], &[]));
            bytes.extend(with_path(&[(2, &path), (1, after), (2, &[7])], &[]));
        }
    }
    let communities = |list: &[(u16, u16)]| {
        let octets = |(a, b): &(u16, u16)| [a.to_be_bytes(), b.to_be_bytes()].concat();
        long(8, &list.iter().flat_map(octets).collect::<Vec<_>>())
    };
    let (export, local) = ((0xFFFF, 0xFF01), (0xFFFF, 0xFF03));
    for count in [1_022, 1_023, 1_024, 1_025] {
        for after in [
            &[][..],
            &[(1, 1)],
            &[export, (1, 1)],
            &[local, (64_500, 22)],
            &[(1, 22), export, (1, 1), (1, 1)],
        ] {
            let list = [&vec![(64_500, 1); count][..], after].concat();
            bytes.extend(with_path(&[(2, &[1])], &communities(&list)));
        }
    }
    for count in [818, 819, 820] {
        bytes.extend(with_path(&[(2, &[1])], &communities(&vec![export; count])));
    }
    for count in [247, 248, 249, 250] {
        let value = 4_200_000_000u32.to_be_bytes().repeat(3 * count);
        bytes.extend(with_path(&[(2, &[1])], &long(32, &value)));
    }
    compare(file(&bytes).path());
}

#[test]
fn old_and_rare_forms_print_as_with_bgpdump() {
    let body = update(&[], &common(&[1]), &[0, 0, 0, 5, 8, 10]);
    let hop = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let empty = attribute(0x80, 14, &[&[0, 2, 1, 16][..], &hop, &[0]].concat());
    let only_reach = [common(&[1]), empty.clone()].concat();
    let aggregator = [
        attribute(0x40, 2, &[2, 1, 0, 1]),
        attribute(0xC0, 18, &[0, 1, 0x11, 0x70, 192, 0, 2, 3]),
    ]
    .concat();
    let two = [
        super::build::peer2(),
        bgp(2, &update(&[], &aggregator, &[8, 10])),
    ]
    .concat();
    let bytes = [
        // A state change without addresses.
        record(1, 16, 0, &[0xFB, 0xF4, 0xFD, 0xE7, 0, 3, 0, 6]),
        // Sent with path identifiers.
        message(2, 11, &body),
        message(2, 11, &update(&[0, 0, 0, 5, 8, 10], &[], &[])),
        message(2, 9, &body),
        message(2, 7, &update(&[], &common(&[1]), &[8, 10])),
        // MP_REACH_NLRI without routes.
        message(3, 4, &update(&[], &only_reach, &[])),
        message(3, 4, &update(&[], &only_reach, &[8, 10])),
        message(3, 4, &update(&[8, 10], &empty, &[])),
        record(4, 16, 1, &two),
    ]
    .concat();
    compare(file(&bytes).path());
}

/// Messages that only paragraphs show, states, both tables of version 1, reflection, and attributes in MP forms.
fn messages(six: &[u8]) -> Vec<u8> {
    let of =
        |message_type, body: &[u8]| record(20, 16, 4, &[peer4(), bgp(message_type, body)].concat());
    let open = [
        4, 0xFD, 0xE9, 0, 180, 10, 0, 0, 1, 8, 2, 6, 1, 4, 0, 1, 0, 1,
    ];
    let mut out = [of(1, &open), of(4, &[])].concat();
    for code in 0..8 {
        for subcode in 0..12 {
            out.extend(of(3, &[code, subcode, b'x']));
        }
    }
    for state in 0..9 {
        out.extend(record(21, 16, 5, &[peer4(), vec![0, state, 0, 1]].concat()));
    }
    let reflected = [
        common(&[1]),
        attribute(0x80, 9, &[1, 2, 3, 4]),
        attribute(0x80, 10, &[1, 1, 1, 1, 2, 2, 2, 2]),
        attribute(0xC0, 16, &[0, 2, 0, 1, 0, 0, 0, 2]),
    ]
    .concat();
    out.extend(message(22, 4, &update(&[], &reflected, &[8, 10])));
    out.extend(message(22, 4, &update(&[], &[], &[])));
    let unreach = attribute(0x80, 15, &[0, 2, 1, 32, 0x20, 1, 0xD, 0xB8]);
    let both = [common(&[1]), attribute(0x80, 14, six), unreach].concat();
    out.extend(message(23, 4, &update(&[8, 9], &both, &[8, 10])));
    out.extend(message(
        23,
        4,
        &update(&[], &attribute(0x80, 15, &[0, 2, 1]), &[]),
    ));
    let v4 = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[2, 1, 0, 1]),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat();
    let entry1 = |prefix: &[u8], peer: &[u8], attributes: &[u8]| {
        let length = u16::try_from(attributes.len())
            .expect("short")
            .to_be_bytes();
        let parts = [
            &[0, 0, 0, 3],
            prefix,
            &[8, 1, 0, 0, 0, 9],
            peer,
            &[0, 7],
            &length,
            attributes,
        ];
        parts.concat()
    };
    out.extend(record(
        24,
        12,
        1,
        &entry1(&[10, 0, 0, 0], &[192, 0, 2, 1], &v4),
    ));
    let hop = &six[4..20];
    let whole = [&[0, 2, 1, 16][..], hop, &[0]].concat();
    let v6 = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[2, 1, 0, 1]),
        attribute(0x80, 14, &whole),
    ]
    .concat();
    out.extend(record(
        24,
        12,
        2,
        &entry1(&[&[0x20][..], &[0; 15]].concat(), hop, &v6),
    ));
    out.extend(peers(25, &[65_001]));
    let short = [&[16][..], hop].concat();
    let abbreviated = [common(&[1]), attribute(0x80, 14, &short)].concat();
    let nlri = [32, 0x20, 1, 0xD, 0xB8];
    out.extend(rib(25, 4, &nlri, &[entry(0, None, &abbreviated)]));
    out.extend(rib(25, 10, &nlri, &[entry(0, Some(7), &abbreviated)]));
    // The last: bgpdump does not count a ROUTE-REFRESH among the records that its option -p numbers.
    out.extend(of(5, &[0, 1, 0, 1]));
    out
}
