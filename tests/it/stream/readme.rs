//! The command lines of README's chapter about the stream reader, as they stand there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::build::{announce, attribute, common, entry, message, peers, rib, sequence, update};
use super::feeds::router;
use crate::cli::texts;

/// The command lines of the chapter: each begins after a remark.
fn lines() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("README.md");
    let chapter = text.split("\n## Reading BGP data\n").nth(1);
    let chapter = chapter.and_then(|rest| rest.split("\n## ").next());
    let blocks = chapter.expect("the chapter").split("\n```sh\n").skip(1);
    let mut lines = Vec::new();
    for block in blocks {
        let block = block.split("\n```").next().expect("its end");
        for line in block.lines() {
            match (line.starts_with('#'), lines.last_mut()) {
                (true, _) => lines.push(String::new()),
                (false, Some(last)) => *last += &format!("{line}\n"),
                (false, None) => panic!("`{line}` has no remark"),
            }
        }
    }
    lines
}

/// 16:00 on 11 August 2016.
const START: u32 = 1_470_931_200;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, bytes).expect("memory");
    out.finish().expect("memory")
}

/// A route to 192.0.2.0/24 with this path.
fn route(time: u32, path: &[u8]) -> Vec<u8> {
    let attributes = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, path),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat();
    message(time, 4, &update(&[], &attributes, &[24, 192, 0, 2]))
}

/// Runs the line with this number on files with these names. Returns what it prints, sorted.
fn run(line: &str, files: &[(&str, Vec<u8>)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("writes");
    }
    let programs = tempfile::tempdir().expect("a folder");
    symlink(env!("CARGO_BIN_EXE_oxabgp"), programs.path().join("oxabgp")).expect("a link");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PATH", format!("{}:{path}", programs.path().display()))
        .current_dir(folder.path())
        .output();
    let (code, out, err) = texts(output.expect("a shell"));
    assert_eq!((code, err.as_str()), (0, ""), "{line}");
    let mut found: Vec<String> = out.lines().map(str::to_owned).collect();
    found.sort_unstable();
    found
}

#[test]
fn the_command_lines_of_the_readme_do_what_is_said() {
    let lines = lines();
    let [origins, leak, table, watch, replay] = &lines[..] else {
        panic!("{lines:#?}");
    };

    let set = [sequence(&[65_001]), vec![1, 2, 0, 0, 0, 3, 0, 0, 0, 4]].concat();
    let first = [
        route(1, &sequence(&[65_001, 64_500])),
        route(2, &sequence(&[65_001, 7, 64_500])),
        route(3, &set),
    ]
    .concat();
    let second = [
        route(4, &set),
        route(5, &sequence(&[65_001, 64_501])),
        message(
            6,
            4,
            &update(&[], &common(&[65_001, 1]), &[25, 192, 0, 2, 0]),
        ),
        message(7, 4, &update(&[24, 192, 0, 2], &[], &[])),
    ]
    .concat();
    assert_eq!(
        run(
            origins,
            &[
                ("updates.1.gz", gzip(&first)),
                ("updates.2.gz", gzip(&second))
            ]
        ),
        [
            "1.000000 192.0.2.2 64500",
            "3.000000 192.0.2.2 {3,4}",
            "5.000000 192.0.2.2 64501"
        ]
    );

    let paths: &[&[u32]] = &[
        &[1, 64_500, 64_501, 64_502],
        &[64_500, 64_501, 64_502, 9],
        &[64_500, 64_501, 9, 64_502],
        &[164_500, 64_501, 64_502],
        &[64_502, 64_501, 64_500],
    ];
    let updates: Vec<u8> = (1u8..)
        .zip(paths)
        .flat_map(|(n, path)| message(START, 4, &update(&[], &common(path), &[16, 10, n])))
        .collect();
    let leaks = run(leak, &[("updates.20160811.1600.gz", gzip(&updates))]);
    let prefixes: Vec<_> = leaks.iter().map(|line| line.split('|').nth(9)).collect();
    assert_eq!(prefixes, [Some("10.1.0.0/16"), Some("10.2.0.0/16")]);

    let entries = [
        entry(0, None, &common(&[65_001, 1])),
        entry(1, None, &common(&[65_002, 2])),
    ];
    let before = [
        peers(START, &[65_002, 65_001]),
        rib(START, 2, &[16, 10, 1], &entries),
        rib(START, 2, &[16, 10, 2], &entries),
        rib(START, 2, &[16, 10, 3], &entries),
    ]
    .concat();
    let since = [
        // 10.2.0.0/16 of 192.0.2.2 is replaced, 10.3.0.0/16 withdrawn, 10.4.0.0/16 new; what is later does not count.
        announce(START + 30, 2),
        message(START + 60, 4, &update(&[16, 10, 3], &[], &[])),
        announce(START + 90, 4),
        announce(START + 120, 5),
        message(START + 240, 4, &update(&[16, 10, 5], &[], &[])),
        message(START + 241, 4, &update(&[16, 10, 1], &[], &[])),
    ]
    .concat();
    let found = run(
        table,
        &[
            ("bview.20160811.1600.gz", gzip(&before)),
            ("updates.20160811.1600.gz", gzip(&since)),
        ],
    );
    let mut found: Vec<_> = found
        .iter()
        .map(|line| {
            let columns: Vec<_> = line.split('|').collect();
            format!("{} {} {}", columns[8], columns[9], columns[11])
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "192.0.2.1 10.1.0.0/16 65001 1",
            "192.0.2.1 10.2.0.0/16 65001 1",
            "192.0.2.1 10.3.0.0/16 65001 1",
            "192.0.2.2 10.1.0.0/16 65002 2",
            "192.0.2.2 10.2.0.0/16 65001 64500",
            "192.0.2.2 10.4.0.0/16 65001 64500",
        ]
    );

    // What routers report is in a file here, and the feed ends with it.
    assert!(watch.contains(" --bmp 0.0.0.0:11019 "), "{watch}");
    if Command::new("jq").arg("--version").output().is_ok() {
        let file = watch.replace("--bmp 0.0.0.0:11019", "reported.bmp");
        let reported = run(&file, &[("reported.bmp", router("edge"))]);
        assert_eq!(reported, ["198.51.100.0/24"]);
    } else {
        super::skipped("jq");
    }

    // It needs a neighbor: tests of `replay` have one.
    assert!(replay.starts_with("oxabgp replay rib."), "{replay}");
}
