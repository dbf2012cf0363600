//! What a source holds and where it lies: magic numbers that are times, pipes, folders, names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use oxabgp::stream::format::{Bgpdump, Columns, Format};
use oxabgp::stream::{Position, Record, RecordKind, Status, Stream};

use super::build::{announce, bgp, common, entry, peer4, peers, record, rib};
use super::{elems, file, print, records};
use crate::cli::texts;

/// What a test waits for at most before it fails.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn times_that_are_magic_numbers_are_times() {
    for magic in [
        *b"V: 4",
        *b"OBMP",
        *b"BZh9",
        *b"PK\x03\x04",
        *b"7z\xBC\xAF",
        *b"{\"ty",
        *b"  {\"",
        [0x28, 0xB5, 0x2F, 0xFD],
        [0x50, 0x2A, 0x4D, 0x18],
        [0x5F, 0x2A, 0x4D, 0x18],
        [0x1F, 0x8B, 8, 0],
        [0x1F, 0x9D, 0x90, 0],
        [0x04, 0x22, 0x4D, 0x18],
        [0xFD, b'7', b'z', b'X'],
    ] {
        let time = u32::from_be_bytes(magic);
        assert_eq!(elems(&announce(time, 1)).len(), 1, "{magic:?}");
        let two = [announce(time, 1), announce(time + 1, 2)].concat();
        assert_eq!(elems(&two).len(), 2, "{magic:?}");
    }
}

#[test]
fn a_skippable_frame_that_runs_past_the_end_is_reported() {
    let bytes = [
        &[0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0, 0][..],
        &announce(1, 1),
    ]
    .concat();
    let found = records(&bytes);
    assert_eq!(
        found.last().map(|one| one.status),
        Some(Status::CorruptedSource)
    );
}

#[test]
fn a_named_pipe_is_opened_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
    let (sender, receiver) = channel();
    let named = path.clone();
    thread::spawn(move || {
        let builder = Stream::builder().path(named).expect("a pipe");
        sender.send(None).expect("the test waits");
        let stream = builder.build().expect("a stream");
        sender.send(Some(stream.count())).expect("the test waits");
    });
    // Naming it waits for no writer.
    assert_eq!(receiver.recv_timeout(LONG), Ok(None));
    std::fs::write(&path, [announce(1, 1), announce(2, 2)].concat()).expect("written");
    assert_eq!(receiver.recv_timeout(LONG), Ok(Some(2)));
}

#[test]
fn many_pipes_give_all_that_was_written() {
    let mut builder = Stream::builder();
    let mut open = Vec::new();
    for n in 0..20 {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer
            .write_all(&[announce(n, 1), announce(n + 1, 2)].concat())
            .expect("written");
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        builder = builder.path(path).expect("a pipe");
        open.push(reader);
    }
    let stream = builder.build().expect("a stream");
    assert_eq!(stream.elems().count(), 40);
}

#[test]
fn folders_are_walked_once_whatever_links_lead_to_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("below");
    std::fs::create_dir(&below).expect("a folder");
    std::fs::write(folder.path().join("a"), announce(1, 1)).expect("written");
    std::fs::write(below.join("b"), announce(2, 2)).expect("written");
    symlink("..", below.join("up")).expect("a link");
    symlink("below", folder.path().join("again")).expect("a link");
    let builder = Stream::builder().path(folder.path()).expect("files");
    assert_eq!(builder.build().expect("a stream").count(), 2);
    // A link that leads out of the folder is followed.
    let out = tempfile::tempdir().expect("a folder");
    symlink(folder.path(), out.path().join("there")).expect("a link");
    let builder = Stream::builder().path(out.path()).expect("files");
    assert_eq!(builder.build().expect("a stream").count(), 2);
}

#[test]
fn a_relative_path_starts_in_a_folder_that_tells_the_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    for (collector, wanted) in [
        ("route-views.sg", "routeviews|route-views.sg"),
        ("amsix.ams", "routeviews|amsix.ams"),
        ("routeviews.org", "routeviews|route-views2"),
    ] {
        let place = folder.path().join(collector);
        let file = "bgpdata/2024.05/UPDATES/updates.20240501.0000";
        std::fs::create_dir_all(place.join(file).parent().expect("a parent")).expect("folders");
        std::fs::write(place.join(file), announce(1, 1)).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .args(["stream", file])
            .current_dir(&place)
            .output();
        let (code, out, err) = texts(output.expect("runs"));
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("|{wanted}|")), "{collector}: {out}");
    }
}

fn table() -> Vec<u8> {
    let entries = [entry(0, None, &common(&[1]))];
    [peers(5, &[1]), rib(5, 2, &[8, 10], &entries)].concat()
}

#[test]
fn the_rib_period_leaves_tables_of_unknown_time_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.rib.mrt", "b.rib.mrt"] {
        std::fs::write(folder.path().join(name), table()).expect("written");
    }
    let builder = Stream::builder().path(folder.path()).expect("files");
    let stream = builder.rib_period(1).build().expect("a stream");
    assert_eq!(stream.elems().count(), 2);
}

#[test]
fn records_without_content_are_of_the_kind_of_their_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ris.rrc00.ribs.1000");
    let bad = record(7, 13, 2, &[0; 3]);
    let kinds = |bytes: &[u8], interval: Option<(u32, u32)>| -> Vec<(RecordKind, char)> {
        std::fs::write(&path, bytes).expect("written");
        let mut builder = Stream::builder().path(&path).expect("a file");
        if let Some((from, until)) = interval {
            builder = builder.interval(from, until);
        }
        let shown = |one: Record| (one.kind, one.status.letter());
        builder.build().expect("a stream").map(shown).collect()
    };
    let rib = RecordKind::Rib;
    assert_eq!(kinds(&[], None), [(rib, 'E')]);
    assert_eq!(kinds(&table(), Some((100, 200))), [(rib, 'F')]);
    let bytes = [table(), bad].concat();
    assert_eq!(kinds(&bytes, None), [(rib, 'V'), (rib, 'R')]);
    let cut = [table(), table()[..8].to_vec()].concat();
    assert_eq!(kinds(&cut, None), [(rib, 'V'), (rib, 'R')]);
    // What precedes tells if the name does not.
    let cut = [table(), table()[..20].to_vec()].concat();
    let found = records(&cut);
    assert_eq!(
        found.last().map(|one| (one.kind, one.status)),
        Some((rib, Status::CorruptedRecord))
    );
    let option = format!("rib-file={}", path.display());
    std::fs::write(&path, []).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "-r", "-o", &option])
        .output();
    let (_, out, _) = texts(output.expect("runs"));
    assert!(out.starts_with("R|E|"), "{out}");
}

#[test]
fn the_packet_index_counts_what_could_be_read() {
    let refresh = bgp(5, &[0, 1, 0, 1]);
    let keepalive = bgp(4, &[]);
    let bytes = [
        announce(1, 1),
        record(1, 16, 4, &[0; 10]),
        announce(2, 2),
        record(2, 11, 0, &[0; 20]),
        announce(3, 3),
        record(3, 16, 4, &[peer4(), refresh].concat()),
        announce(4, 4),
        record(4, 16, 4, &[peer4(), keepalive].concat()),
        announce(5, 5),
    ]
    .concat();
    let input = file(&bytes);
    let format = Format::Bgpdump(Bgpdump {
        columns: Columns {
            index: true,
            ..Columns::default()
        },
        ..Bgpdump::default()
    });
    // An interval or a filter does not change the numbers.
    for narrow in [false, true] {
        let mut builder = Stream::builder().path(input.path()).expect("a file");
        if narrow {
            let filtered = builder.filter("prefix more 10.0.0.0/8");
            builder = filtered.expect("a filter").interval(3, 5);
        }
        let text = print(builder, format);
        let index = |line: &str| line.split('|').nth(1).map(str::to_owned);
        let found: Vec<_> = text.lines().filter_map(index).collect();
        let wanted = ["0", "1", "2", "3", "5"];
        assert_eq!(found, wanted[if narrow { 2 } else { 0 }..], "{text}");
    }
}

#[test]
fn live_records_are_printed_at_once() {
    let ris = |second: u32| {
        format!(
            "{{\"type\":\"ris_message\",\"data\":{{\"timestamp\":{second}.5,\"peer\":\"192.0.2.1\",\
             \"peer_asn\":\"1\",\"host\":\"rrc00\",\"type\":\"RIS_PEER_STATE\",\"state\":\"up\"}}}}\n"
        )
        .into_bytes()
    };
    for (first, second) in [(announce(1, 1), announce(2, 2)), (ris(1), ris(2))] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .args(["stream", "-l", "-r", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                if sender.send(line.expect("text")).is_err() {
                    return;
                }
            }
        });
        for (bytes, start) in [(first, "U|B|1."), (second, "U|")] {
            input.write_all(&bytes).expect("written");
            let line = lines.recv_timeout(LONG);
            assert!(
                line.as_ref().is_ok_and(|line| line.starts_with(start)),
                "{line:?}"
            );
        }
        drop(input);
        child.wait().expect("ends");
    }
}

#[test]
fn what_was_counted_of_a_live_feed_is_printed_when_it_is_interrupted() {
    for (mode, wanted) in [
        ("--count-only", "0 records, 0 elems\n"),
        ("--stats", " rib\n"),
    ] {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let mut child = crate::support::daemon::program()
                .args(["stream", mode, "--bmp", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let mut line = String::new();
            let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
            err.read_line(&mut line).expect("text");
            assert!(line.contains("listening for BMP"), "{line}");
            kill(Pid::from_raw(child.id().cast_signed()), signal).expect("sent");
            let output = child.wait_with_output().expect("ends");
            let (code, out, _) = texts(output);
            assert_eq!(code, 0);
            assert!(out.contains(wanted), "{out}");
        }
    }
}

#[test]
fn ris_live_messages_may_begin_in_several_ways_and_hold_null() {
    let message = "{\"type\":\"ris_message\",\"data\":{\"timestamp\":7.5,\"peer\":\"192.0.2.1\",\
        \"peer_asn\":\"1\",\"host\":\"rrc25.ripe.net\",\"type\":\"UPDATE\",\"path\":null,\"community\":null,\
        \"med\":null,\"withdrawals\":null,\"announcements\":[{\"next_hop\":\"192.0.2.1\",\"prefixes\":[\"10.0.0.0/8\"]}]}}\n";
    let withdrawal = message
        .replace("\"withdrawals\":null", "\"withdrawals\":[\"10.0.0.0/8\"]")
        .replace(
            "[{\"next_hop\":\"192.0.2.1\",\"prefixes\":[\"10.0.0.0/8\"]}]",
            "null",
        );
    for begin in ["", "\n", "\r\n\n", "\u{FEFF}", "\u{FEFF}\n  "] {
        let text = format!("{begin}{message}{withdrawal}");
        let found = elems(text.as_bytes());
        assert_eq!(found.len(), 2, "{begin:?}");
        assert!(
            found[0].starts_with("U|A|7.500000|ris-live|rrc25|"),
            "{found:?}"
        );
    }
    for begin in ["{\t", "{  ", "{\r"] {
        let text = message.replacen('{', begin, 1);
        assert_eq!(elems(text.as_bytes()).len(), 1, "{begin:?}");
    }
}

#[test]
fn a_malformed_message_of_ris_live_has_its_own_time_and_collector() {
    let good = "{\"type\":\"ris_message\",\"data\":{\"timestamp\":7,\"peer\":\"192.0.2.1\",\
        \"peer_asn\":\"1\",\"host\":\"rrc01\",\"type\":\"RIS_PEER_STATE\",\"state\":\"up\"}}\n";
    for (bad, time, collector) in [
        (
            good.replace(":7,", ":9.25,").replace("\"up\"", "\"odd\""),
            9,
            "rrc01",
        ),
        (
            good.replace(":7,", " : 9.25,").replace("}}", "}"),
            9,
            "rrc01",
        ),
        ("{\"type\":\n".to_owned(), 7, ""),
    ] {
        let found = records(format!("{good}{bad}").as_bytes());
        let last = found.last().expect("a record");
        assert_eq!(last.status, Status::CorruptedRecord);
        assert_eq!(last.position, Position::Start);
        assert_eq!(
            (last.time.seconds, last.origin.collector.as_str()),
            (time, collector),
            "{bad}"
        );
    }
}

#[test]
fn a_letter_after_a_quoted_value_is_a_mistake_with_a_place() {
    let file = file(&announce(1, 1));
    let path = file.path().to_str().expect("a path");
    let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "-f", "peer \"1\"é", path])
        .output();
    let (code, _, err) = texts(output.expect("runs"));
    assert!(code == 1 && err.contains("white space"), "{err}");
}

#[test]
fn messages_of_other_protocols_are_no_damage() {
    let ospf = |at| record(at, 11, 0, &[7; 100]);
    let letters = |bytes: &[u8]| -> String {
        let letter = |one: &Record| one.status.letter();
        records(bytes).iter().map(letter).collect()
    };
    let bytes = [announce(1, 1), ospf(2), ospf(2), announce(3, 2)].concat();
    assert_eq!(letters(&bytes), "VUUV");
    let bytes = [announce(1, 1), ospf(2).repeat(9), announce(3, 2)].concat();
    assert_eq!(letters(&bytes), "VUUUUUUUUUV");
    assert_eq!(letters(&[ospf(1), ospf(2)].concat()), "UU");
    // Zeros are no records of a type 0.
    let bytes = [announce(1, 1), record(2, 99, 0, &[7; 9]), vec![0; 60]].concat();
    assert_eq!(letters(&bytes), "VR");
}
