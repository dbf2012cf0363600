//! The same lines as Debian's bgpdump, on real archives and on files made here.

use std::process::Command;

use oxabgp::stream::format::{Bgpdump, Clock, Columns, Format, TimeStyle};
use oxabgp::stream::{Sent, Stream};

use super::build::{
    announce, attribute, common, entry, message, peer4, peers, record, rib, update,
};
use super::{archives, file, print};

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
    for (options, style, columns) in [
        (&["-m"][..], TimeStyle::Unix, Columns::default()),
        (&["-M"], TimeStyle::Human, Columns::default()),
        (&["-m", "-p", "-l", "-u"], TimeStyle::Unix, all),
    ] {
        let Some(wanted) = bgpdump(options, path) else {
            return;
        };
        let format = Format::Bgpdump(Bgpdump {
            style,
            clock: Clock::Dump,
            columns,
        });
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
}

#[test]
fn real_archives_print_as_with_bgpdump() {
    let Some(folder) = archives() else {
        return;
    };
    for name in [
        "bview.ipv4_unicast_add_path.gz",
        "ris.rrc06.updates.1427846400.gz",
        "updates.20071015.1505.gz",
        "updates.20160811.1600.gz",
    ] {
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
}
