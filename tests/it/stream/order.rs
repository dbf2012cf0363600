//! Positions, intervals, peer tables, and several sources (D1, D2, D4, D5).

use std::io::{BufRead as _, BufReader, Write as _};

use oxabgp::stream::format::Format;
use oxabgp::stream::{Notes, Stream};

use super::build::{announce, common, entry, peers, record, rib};
use super::{columns, elems, file, print, records};

fn positions(bytes: &[u8]) -> String {
    records(bytes)
        .iter()
        .map(|one| one.position.letter())
        .collect()
}

#[test]
fn positions_count_records_and_not_peer_tables() {
    assert_eq!(
        positions(&[announce(1, 1), announce(2, 2), announce(3, 3)].concat()),
        "BME"
    );
    assert_eq!(positions(&announce(1, 1)), "E");
    let table = [
        peers(1, &[1]),
        rib(1, 2, &[8, 10], &[entry(0, None, &common(&[1]))]),
    ]
    .concat();
    assert_eq!(positions(&table), "E");
}

#[test]
fn an_interval_has_both_ends_and_loses_nothing() {
    let bytes = [
        announce(100, 1),
        announce(105, 2),
        announce(101, 3),
        announce(102, 4),
    ]
    .concat();
    let file = file(&bytes);
    let stream = |from, until| {
        let builder = Stream::builder().path(file.path()).expect("a file");
        print(builder.interval(from, until), Format::Records)
    };
    let seconds = |text: &str| -> Vec<String> {
        let field = |line: &str| line.split('|').nth(2).unwrap_or_default().to_owned();
        text.lines().map(field).collect()
    };
    assert_eq!(seconds(&stream(101, 102)), ["101.000000", "102.000000"]);
    assert_eq!(stream(1, 2), "U|E|0.000000|||||F|0\n");
    let wrong = Stream::builder()
        .path(file.path())
        .expect("a file")
        .interval(2, 1)
        .build();
    assert!(wrong.is_err());
}

#[test]
fn a_peer_table_belongs_to_the_records_after_it() {
    let one = |peer| [entry(peer, None, &common(&[1]))];
    let bytes = [
        rib(1, 2, &[8, 9], &one(0)),
        peers(2, &[65_001]),
        rib(2, 2, &[8, 10], &one(0)),
        peers(3, &[65_002]),
        rib(3, 2, &[8, 11], &one(0)),
        rib(3, 2, &[8, 12], &[one(7), one(0)].concat()),
    ]
    .concat();
    let lines = elems(&bytes);
    assert_eq!(
        columns(&lines, &[8, 10]),
        ["65001|10.0.0.0/8", "65002|11.0.0.0/8", "65002|12.0.0.0/8"]
    );
    let found = records(&bytes);
    assert!(
        found[0].notes.contains(Notes::UNKNOWN_PEER)
            && found[3].notes.contains(Notes::UNKNOWN_PEER)
    );
}

fn et(seconds: u32, micros: u32, n: u8) -> Vec<u8> {
    let plain = announce(seconds, n);
    record(
        seconds,
        17,
        4,
        &[&micros.to_be_bytes(), &plain[12..]].concat(),
    )
}

#[test]
fn sources_merge_by_microseconds_and_tables_come_first() {
    let first = file(&[et(100, 1, 1), et(100, 3, 3), et(101, 0, 4)].concat());
    let second = file(&[et(100, 2, 2), et(99, 0, 9), et(101, 0, 5)].concat());
    let table = file(
        &[
            peers(101, &[1]),
            rib(101, 2, &[16, 10, 77], &[entry(0, None, &common(&[1]))]),
        ]
        .concat(),
    );
    let mut builder = Stream::builder();
    for one in [&first, &second, &table] {
        builder = builder.path(one.path()).expect("a file");
    }
    let lines: Vec<String> = print(builder, Format::Elems)
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        columns(&lines, &[10]),
        [
            "10.1.0.0/16",
            "10.2.0.0/16",
            "10.9.0.0/16",
            "10.3.0.0/16",
            "10.77.0.0/16",
            "10.4.0.0/16",
            "10.5.0.0/16"
        ]
    );
}

#[test]
fn many_files_are_opened_when_their_time_comes() {
    let files: Vec<_> = (0..40u8)
        .rev()
        .map(|n| file(&et(100 + u32::from(n), 0, n)))
        .collect();
    let mut builder = Stream::builder();
    for one in &files {
        builder = builder.path(one.path()).expect("a file");
    }
    let text = print(builder, Format::Elems);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let wanted: Vec<_> = (0..40).map(|n| format!("10.{n}.0.0/16")).collect();
    assert_eq!(columns(&lines, &[10]), wanted);
}

#[test]
fn the_rib_period_leaves_out_tables_of_the_same_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, asn) in [
        ("ris.rrc00.ribs.1000", 1),
        ("ris.rrc00.ribs.1100", 2),
        ("ris.rrc00.ribs.2000", 3),
        ("ris.rrc01.ribs.1100", 4),
    ] {
        let bytes = [
            peers(1, &[asn]),
            rib(1, 2, &[8, 10], &[entry(0, None, &common(&[1]))]),
        ]
        .concat();
        std::fs::write(folder.path().join(name), bytes).expect("writes");
    }
    let builder = Stream::builder()
        .path(folder.path())
        .expect("files")
        .rib_period(900);
    let lines: Vec<String> = print(builder, Format::Elems)
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        columns(&lines, &[4, 5, 8]),
        ["ris|rrc00|1", "ris|rrc01|4", "ris|rrc00|3"]
    );
}

#[test]
fn more_compressed_files_than_threads_merge_as_plain_ones_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = |n: u32| -> Vec<u8> {
        (0..400)
            .flat_map(|at| et(100 + at, n, u8::try_from(at % 200).expect("small")))
            .collect()
    };
    let (mut plain, mut packed) = (Stream::builder(), Stream::builder());
    for n in 0..40 {
        let path = folder.path().join(format!("plain{n:02}"));
        std::fs::write(&path, part(n)).expect("writes");
        plain = plain.path(&path).expect("a file");
        let path = folder.path().join(format!("packed{n:02}"));
        let file = std::fs::File::create(&path).expect("a file");
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(&part(n)).expect("writes");
        gzip.finish().expect("writes");
        packed = packed.path(&path).expect("a file");
    }
    let (plain, packed) = (print(plain, Format::Elems), print(packed, Format::Elems));
    assert_eq!(plain.lines().count(), 16_000);
    assert_eq!(plain, packed);
}

/// The most memory that a process has had resident, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn hundreds_of_compressed_files_that_overlap_take_little_memory_each() {
    const FILES: u32 = 500;
    // So many that even the few files print more than a pipe and our buffer hold: the reader is
    // still running when its memory is read.
    const RECORDS: u32 = 100;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |count: u32| {
        let names = (0..count).map(|n| folder.path().join(format!("f{n:03}")));
        let names: Vec<_> = names.collect();
        for (n, name) in (0..).zip(&names) {
            let part: Vec<u8> = (0..RECORDS).flat_map(|at| et(100 + at, n, 7)).collect();
            let file = std::fs::File::create(name).expect("a file");
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gzip.write_all(&part).expect("writes");
            gzip.finish().expect("writes");
        }
        names
    };
    // While its output is not read, all files are open.
    let measure = |names: &[std::path::PathBuf]| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .arg("stream")
            .args(names)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let peak = (0..names.len() + 1).fold(0, |_, _| {
            let line = lines.next().expect("a line").expect("text");
            assert!(line.contains("10.7.0.0/16"), "{line}");
            peak(child.id())
        });
        let rest = lines.count();
        assert_eq!(rest + names.len() + 1, names.len() * RECORDS as usize);
        assert!(child.wait().expect("it ends").success());
        peak
    };
    let all = write(FILES);
    let (few, many) = (measure(&all[..40]), measure(&all));
    let each = many.saturating_sub(few) / u64::from(FILES - 40);
    assert!(
        each < 150,
        "{few} KiB, {many} KiB: {each} KiB for each file"
    );
}

#[test]
fn the_last_route_is_the_end_of_a_dump_if_a_table_follows_it() {
    let route = |n| rib(1, 2, &[8, n], &[entry(0, None, &common(&[1]))]);
    let dump = [peers(1, &[1]), route(10), route(11)].concat();
    assert_eq!(positions(&dump), "BE");
    assert_eq!(positions(&[&dump[..], &peers(2, &[2])].concat()), "BE");
    assert_eq!(positions(&[&dump[..], &dump].concat()), "BMME");
    // Half a table is damage, which is a record.
    let table = peers(2, &[2]);
    let cut = [&dump[..], &table[..table.len() - 1]].concat();
    assert_eq!(positions(&cut), "BME");
    let one = [peers(1, &[1]), route(10), peers(2, &[2])].concat();
    assert_eq!(positions(&one), "E");
}
