//! Damage costs one record (D3, D16).

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use oxabgp::mrt::{Item, Reader, compression};
use oxabgp::stream::{Position, Record, Status, Stream};

use super::build::{announce, common, message, peers, record, rib, update};
use super::{ARCHIVES, elems, file, records};

fn statuses(bytes: &[u8]) -> Vec<(u32, char)> {
    records(bytes)
        .iter()
        .map(|record| (record.time.seconds, record.status.letter()))
        .collect()
}

#[test]
fn a_malformed_record_costs_itself_and_has_its_own_time() {
    let bad = record(101, 16, 4, &[0; 10]);
    let bytes = [announce(100, 1), bad, announce(102, 2)].concat();
    assert_eq!(statuses(&bytes), [(100, 'V'), (101, 'R'), (102, 'V')]);
    let zero = record(101, 16, 4, &[]);
    let bytes = [announce(100, 1), zero, announce(102, 2)].concat();
    assert_eq!(statuses(&bytes), [(100, 'V'), (101, 'R'), (102, 'V')]);
}

#[test]
fn an_unknown_type_is_one_unsupported_record() {
    let bytes = [
        announce(100, 1),
        record(101, 48, 0, b"ospf"),
        announce(102, 2),
    ]
    .concat();
    assert_eq!(statuses(&bytes), [(100, 'V'), (101, 'U'), (102, 'V')]);
}

#[test]
fn framing_is_found_after_bytes_are_lost_inside_a_header() {
    let mut bytes: Vec<u8> = (0..20)
        .flat_map(|n| announce(100 + u32::from(n), n))
        .collect();
    let length = announce(100, 0).len();
    bytes.drain(5 * length + 2..5 * length + 12);
    let found = statuses(&bytes);
    assert_eq!(
        found.iter().filter(|(_, status)| *status == 'V').count(),
        19,
        "{found:?}"
    );
    assert_eq!(
        found.iter().filter(|(_, status)| *status == 'R').count(),
        1,
        "{found:?}"
    );
    assert_eq!(found.last(), Some(&(119, 'V')));
}

#[test]
fn a_length_that_swallows_good_records_is_the_damage() {
    let mut bytes: Vec<u8> = (0..20)
        .flat_map(|n| announce(100 + u32::from(n), n))
        .collect();
    let length = announce(100, 0).len();
    bytes[3 * length + 9..3 * length + 12].copy_from_slice(&[0, 1, 77]);
    let found = statuses(&bytes);
    assert_eq!(
        found.iter().filter(|(_, status)| *status == 'V').count(),
        19,
        "{found:?}"
    );
}

#[test]
fn a_cut_tail_is_reported_after_what_is_whole() {
    let whole = [announce(100, 1), announce(101, 2)].concat();
    for cut in 1..announce(101, 2).len() {
        let found = statuses(&whole[..whole.len() - cut]);
        assert_eq!(found[0], (100, 'V'), "{cut}");
        assert_eq!(found.len(), 2, "{cut} {found:?}");
        assert_eq!(found[1].1, 'R', "{cut}");
    }
}

#[test]
fn what_is_whole_in_an_update_is_given() {
    let good = common(&[65_001]);
    // The second prefix has 40 bits.
    let bytes = message(100, 4, &update(&[], &good, &[8, 10, 40, 1, 2]));
    assert_eq!(elems(&bytes).len(), 1);
    // The last attribute runs past the end.
    let mut cut = good;
    cut.extend([0x40, 5, 4, 0]);
    let bytes = message(100, 4, &update(&[], &cut, &[8, 10]));
    let records = records(&bytes);
    assert_eq!(records[0].elems().len(), 1);
    assert!(records[0].notes.is_malformed());
    assert_eq!(
        records[0].elems()[0].as_path().map(|path| path.to_string()),
        Some("65001".into())
    );
}

/// The records of an undamaged archive: where each header stands, and what is given of it; nothing of a peer table.
fn parts(bytes: &[u8]) -> Vec<(usize, Option<Record>)> {
    let mut given = records(bytes).into_iter();
    let mut reader = Reader::new(bytes);
    let mut parts = Vec::new();
    while reader.advance() {
        let Some(Item::Frame(frame)) = reader.item() else {
            panic!("{:?}", reader.item());
        };
        let is_table = (frame.header.kind, frame.header.subtype) == (13, 1);
        let at = usize::try_from(frame.offset).expect("short");
        parts.push((at, (!is_table).then(|| given.next().expect("a record"))));
    }
    parts
}

fn lines(record: &Record) -> Vec<String> {
    let elems = record.elems().iter();
    elems.map(|elem| record.display(elem).to_string()).collect()
}

/// Which records are missing, and whether something is reported, of an archive that `damage` has changed.
fn missing(parts: &[(usize, Option<Record>)], damaged: &[u8]) -> (Vec<usize>, bool) {
    let found = records(damaged);
    let reported = found
        .iter()
        .any(|one| one.status != Status::Valid || one.notes.is_malformed());
    let mut found = found.into_iter().peekable();
    let mut missing = Vec::new();
    for (index, (_, record)) in parts.iter().enumerate() {
        let Some(record) = record else { continue };
        let mut rest = found.clone();
        let elems = lines(record);
        let is_same = |one: &Record| one.header == record.header && lines(one) == elems;
        match rest.any(|one| is_same(&one)) {
            true => found = rest,
            false => missing.push(index),
        }
    }
    (missing, reported)
}

/// A table and updates whose records have lengths of which one bit more is that of several records.
fn archive() -> Vec<u8> {
    let entry = |n| super::build::entry(0, None, &common(&[1, 2, 3, 4, n]));
    let rib = |n: u8| rib(100, 2, &[8, n], &[entry(n.into())]);
    let long: Vec<u32> = (1..14).collect();
    let announce = |n| message(101, 4, &update(&[], &common(&long), &[16, 10, n, 8, 12]));
    assert_eq!((rib(1).len(), announce(1).len()), (64, 128));
    let states = record(
        102,
        16,
        5,
        &[&super::build::peer4()[..], &[0, 1, 0, 6]].concat(),
    );
    [
        peers(100, &[1, 2]),
        (1..12).flat_map(rib).collect(),
        (1..12).flat_map(announce).collect(),
        states,
        (20..26).flat_map(announce).collect(),
    ]
    .concat()
}

/// Gives its parts one by one, as a pipe does.
struct Pipe(Vec<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(part) = self.0.first_mut() else {
            return Ok(0);
        };
        let length = part.len().min(into.len());
        into[..length].copy_from_slice(&part[..length]);
        part.drain(..length);
        if part.is_empty() {
            self.0.remove(0);
        }
        Ok(length)
    }
}

/// Where a read happens to end says nothing about where a message of type 5 does, whose fields do not tell that.
#[test]
fn what_comes_in_pieces_is_read_as_in_a_file() {
    let mut bare = record(103, 5, 1, &[0; 40]);
    // Its length is that of many records.
    bare[8..12].copy_from_slice(&5_000u32.to_be_bytes());
    let before: Vec<u8> = [announce(1, 1), bare].concat();
    let after = |from: u8| {
        (from..from + 60)
            .flat_map(|n| announce(n.into(), n))
            .collect()
    };
    let parts: [Vec<u8>; 3] = [before, after(2), after(70)];
    let count = |mut reader: Reader<&mut dyn Read>| {
        let mut whole = 0;
        while reader.advance() {
            whole += usize::from(matches!(reader.item(), Some(Item::Frame(_))));
        }
        whole
    };
    let file = parts.concat();
    assert_eq!(count(Reader::new(&mut &file[..])), 121);
    let [before, second, third] = parts;
    let mut pipe = Pipe(vec![[before, second].concat(), third]);
    assert_eq!(count(Reader::new(&mut pipe)), 121);
}

#[test]
fn no_bit_of_a_header_costs_other_records() {
    let mut archives = vec![archive()];
    if let Some(folder) = super::archives() {
        let file = File::open(folder.join(ARCHIVES[0])).expect("an archive");
        let (_, mut stream) = compression::open(file).expect("gzip");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("readable");
        archives.push(bytes);
    }
    for bytes in archives {
        let parts = parts(&bytes);
        for (index, (at, record)) in parts.iter().enumerate() {
            // Two bits of the time, and those of type, subtype and length.
            for bit in [0, 24].into_iter().chain(32..96) {
                let (byte, mask) = (bit / 8, 1 << (bit % 8));
                if record.is_none() && (4..8).contains(&byte) {
                    // What is not called a table is none, and without it the entries have no peers.
                    continue;
                }
                let mut damaged = bytes.clone();
                damaged[at + byte] ^= mask;
                let (missing, reported) = missing(&parts, &damaged);
                assert!(
                    missing.iter().all(|one| *one == index),
                    "{index}: bit {bit} costs {missing:?}"
                );
                // That a time is wrong does not show, nor that a known type is another one.
                assert!(reported || byte < 8, "{index}: bit {bit} is not reported");
            }
        }
    }
}

#[test]
fn no_byte_of_a_file_costs_other_records() {
    let entry = super::build::entry(0, None, &common(&[1, 2]));
    let bytes = [
        peers(100, &[1, 2]),
        rib(100, 2, &[8, 10], &[entry]),
        announce(101, 1),
        record(102, 12, 1, &[0; 22]),
        record(103, 5, 1, &[0; 40]),
        announce(104, 2),
    ]
    .concat();
    let parts = parts(&bytes);
    for at in 0..bytes.len() {
        let (of_cut, _) = missing(&parts, &bytes[..at]);
        let whole = |index: &usize| parts.get(index + 1).is_some_and(|(end, _)| *end <= at);
        assert!(!of_cut.iter().any(whole), "cut at {at}: {of_cut:?}");
        let index = parts.iter().filter(|(start, _)| *start <= at).count() - 1;
        if parts[index].1.is_none() {
            continue;
        }
        for change in [1, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            let (missing, _) = missing(&parts, &damaged);
            assert!(
                missing.iter().all(|one| *one == index),
                "{at} ^ {change}: {missing:?}"
            );
        }
    }
}

#[test]
fn an_empty_file_is_one_record() {
    let found = records(&[]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].status, found[0].position),
        (Status::EmptySource, Position::End)
    );
}

fn compressed(tool: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    run(tool, "-c", bytes)
}

/// What a tool writes for these bytes, with an error or without.
fn run(tool: &str, options: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(tool)
        .arg(options)
        .stdin(Stdio::from(file(bytes).reopen().expect("opens")))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        super::skipped(tool);
        return None;
    };
    Some(child.wait_with_output().expect("ends").stdout)
}

#[test]
fn all_members_of_all_compressions_are_read() {
    let parts = [announce(100, 1), announce(101, 2), announce(102, 3)];
    for tool in ["gzip", "bzip2", "xz", "zstd"] {
        let members: Option<Vec<_>> = parts.iter().map(|part| compressed(tool, part)).collect();
        let Some(members) = members else {
            continue;
        };
        assert_eq!(elems(&members.concat()).len(), 3, "{tool}");
    }
}

/// Announcements of prefixes without any order.
fn announcements(count: u32) -> Vec<u8> {
    let mut random = 1u32;
    let one = |n: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = random.to_be_bytes();
        message(
            n,
            4,
            &update(&[], &common(&[65_001, random]), &[24, a, b, c]),
        )
    };
    (0..count).flat_map(one).collect()
}

#[test]
fn a_cut_file_of_any_compression_gives_what_its_own_tool_gives() {
    let whole = announcements(12_000);
    for tool in ["gzip", "bzip2", "xz", "zstd"] {
        let Some(packed) = compressed(tool, &whole) else {
            continue;
        };
        for tenths in [5, 9] {
            let cut = &packed[..packed.len() * tenths / 10];
            let given = run(tool, "-dc", cut).expect("the tool is there");
            let expected = elems(&given).len();
            let found = records(cut);
            let valid = found
                .iter()
                .filter(|one| one.status == Status::Valid)
                .count();
            // The decoder of xz keeps back the last 20 bytes, since a symbol may need as many.
            let kept = if tool == "xz" { 10 } else { 0 };
            assert!(
                valid + kept >= expected,
                "{tool} {tenths}: {valid} of {expected}"
            );
            // A block of bzip2 is larger than half of them.
            assert!(valid > 1000 || tool == "bzip2", "{tool} {tenths}: {valid}");
            let last = found.last().map(|one| one.status);
            assert_eq!(last, Some(Status::CorruptedSource), "{tool} {tenths}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_reported_after_what_was_read() {
    let whole = announcements(100);
    for (tool, from_end) in [("gzip", 8), ("zstd", 4)] {
        let Some(mut packed) = compressed(tool, &whole) else {
            continue;
        };
        assert_eq!(elems(&packed).len(), 100, "{tool}");
        let at = packed.len() - from_end;
        packed[at] ^= 1;
        let found = records(&packed);
        assert_eq!(found.len(), 101, "{tool}");
        assert_eq!(found[99].status, Status::Valid, "{tool}");
        assert_eq!(found[100].status, Status::CorruptedSource, "{tool}");
    }
}

#[test]
fn an_unknown_compression_and_a_missing_file_are_named() {
    for (head, name) in [
        (&[0x1F, 0x9D, 0x90, 1, 2, 3][..], "compress (.Z)"),
        (b"LZIP\x01\x0C\0\0", "lzip"),
        (b"Rar!\x1A\x07\x01\0", "rar"),
        (b"Rar!\x1A\x07\0", "rar"),
    ] {
        let file = file(head);
        let error = Stream::builder().path(file.path()).err().expect("an error");
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = Stream::builder()
        .path("/nowhere/x")
        .err()
        .expect("an error");
    assert!(error.to_string().contains("/nowhere/x"), "{error}");
}

#[test]
fn framing_is_found_in_a_part_of_another_day() {
    let first: Vec<u8> = (0..5).flat_map(|n| announce(100, n)).collect();
    let mut second: Vec<u8> = (0..50).flat_map(|n| announce(900_000, n)).collect();
    second[8] = 0xFF;
    let third: Vec<u8> = (0..5).flat_map(|n| announce(101, n)).collect();
    let found = statuses(&[first.clone(), second.clone(), third].concat());
    let count = |found: &[(u32, char)], status| found.iter().filter(|one| one.1 == status).count();
    assert_eq!((count(&found, 'V'), count(&found, 'R')), (59, 1));
    // The last good record has a damaged time.
    let length = announce(100, 1).len();
    let mut wild = [first, second[length..].to_vec()].concat();
    wild[4 * length] = 0xE5;
    wild[5 * length + 8] = 0xFF;
    let found = statuses(&wild);
    assert_eq!((count(&found, 'V'), count(&found, 'R')), (53, 1));
    // One record is left.
    let end = [announce(100, 1), second[..2 * length].to_vec()].concat();
    let found = statuses(&end);
    assert_eq!((count(&found, 'V'), count(&found, 'R')), (2, 1));
}
