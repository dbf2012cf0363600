//! What the options of the command line that choose do to what is printed: none may stand for another.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::build::{announce, attribute, bgp, common, entry, message, peers, record, rib, update};
use super::feeds::router;
use super::file;
use crate::cli::texts;

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .arg("stream")
        .args(arguments)
        .output();
    texts(output.expect("the program runs"))
}

/// The prefixes that are printed, sorted.
fn prefixes(arguments: &[&str]) -> Vec<String> {
    let (code, out, err) = run(arguments);
    // Of names that tell no project or collector there may be a warning, with its help.
    let warned = err.lines().step_by(2);
    let is_about_names = |line: &str| line.contains("passes no filter by project or collector");
    assert!(
        code == 0 && warned.into_iter().all(is_about_names),
        "{arguments:?}: {err}"
    );
    let prefix = |line: &str| line.split('|').nth(9).unwrap_or_default().to_owned();
    let mut found: Vec<String> = out.lines().map(prefix).collect();
    found.sort_unstable();
    found
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// An UPDATE of AS `asn` that announces 10.N.0.0/16 with a path and a community.
fn route(asn: u32, n: u8, path: &[u32], community: [u8; 4]) -> Vec<u8> {
    let session = [0, 0, 0xFD, 0xE7, 0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 9];
    let attributes = [common(path), attribute(0xC0, 8, &community)].concat();
    let update = bgp(2, &update(&[], &attributes, &[16, 10, n]));
    record(
        1,
        16,
        4,
        &[&asn.to_be_bytes()[..], &session, &update].concat(),
    )
}

#[test]
fn each_option_of_bgpreader_chooses_by_its_own_term() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("writes");
    };
    write(
        "1",
        &route(65_001, 1, &[65_001, 3356, 64_500], [0, 1, 0, 2]),
    );
    write("2", &route(65_002, 2, &[65_002, 64_501], [0, 1, 0, 3]));
    write(
        "3",
        &route(65_003, 3, &[65_003, 3356, 174, 65_001], [0, 4, 0, 2]),
    );
    let table = rib(1, 2, &[16, 10, 4], &[entry(0, None, &common(&[65_004]))]);
    write("4", &[peers(1, &[65_004]), table].concat());
    write("5", &router("edge"));
    let list = folder.path().join("list.csv");
    let rows = "1,ris,updates,rrc01,1000,300,1\n\
                2,ris,updates,rrc02,1000,300,1\n\
                3,routeviews,updates,linx,1000,300,1\n\
                4,routeviews,ribs,sydney,1000,300,1\n";
    std::fs::write(&list, rows).expect("writes");
    let bmp = folder.path().join("5");
    // Two of the router's elems are states.
    for (options, wanted) in [
        (&[][..], &["", "", "1", "2", "3", "4", "edge"][..]),
        (&["-p", "ris"], &["1", "2"]),
        (
            &["--project", "ris", "-p", "routeviews"],
            &["1", "2", "3", "4"],
        ),
        (&["-c", "linx"], &["3"]),
        (&["--collector", "rrc01", "-c", "sydney"], &["1", "4"]),
        (&["-R", "edge"], &["", "", "edge"]),
        (&["--router", "core", "-R", "edge"], &["", "", "edge"]),
        (&["-t", "ribs"], &["4"]),
        (
            &["--record-type", "updates"],
            &["", "", "1", "2", "3", "edge"],
        ),
        (
            &["-t", "updates", "-t", "ribs", "-p", "routeviews"],
            &["3", "4"],
        ),
        (&["-T", "stream"], &["", "", "1", "2", "3", "4", "edge"]),
        (&["--resource-type", "batch", "-j", "65002"], &["2"]),
        (&["-j", "65001"], &["", "", "1", "edge"]),
        (&["--peer-asn", "65002", "-j", "65003"], &["2", "3"]),
        (&["-J", "65001"], &["2", "3", "4"]),
        (&["--not-peer-asn", "65001", "-J", "65003"], &["2", "4"]),
        (&["-a", "64500"], &["1", "edge"]),
        (&["--origin-asn", "64501", "-a", "65001"], &["2", "3"]),
        (&["-k", "10.2.0.0/15"], &["2", "3"]),
        (
            &["--prefix", "10.1.0.0/16", "-k", "10.4.0.0/14"],
            &["1", "4"],
        ),
        (&["-y", "1:*"], &["1", "2"]),
        (&["--community", "*:2"], &["1", "3"]),
        (&["-y", "1:3", "-y", "4:2"], &["2", "3"]),
        (&["-A", "_3356_"], &["1", "3"]),
        (&["--aspath", "_3356_", "-A", "_174_"], &["3"]),
        (&["-A", "!_3356_"], &["2", "4", "edge"]),
        (&["-p", "ris", "-a", "64500", "-y", "1:*"], &["1"]),
        // Alternatives, unless the filter has `or` or `not`.
        (&["-f", "peer 65002", "-j", "65003"], &["2", "3"]),
        (
            &[
                "-k",
                "10.1.0.0/16",
                "--filter",
                "prefix 10.2.0.0/16",
                "-p",
                "ris",
            ],
            &["1", "2"],
        ),
        (&["-f", "peer 65002 or peer 65003", "-j", "65003"], &["3"]),
        (&["-f", "not peer 65001", "-J", "65002"], &["3", "4"]),
    ] {
        let all = ["--csv-file", text(&list), text(&bmp)];
        let wanted: Vec<String> = wanted
            .iter()
            .map(|name| match *name {
                "" => String::new(),
                "edge" => "198.51.100.0/24".to_owned(),
                number => format!("10.{number}.0.0/16"),
            })
            .collect();
        assert_eq!(
            prefixes(&[&all[..], options].concat()),
            wanted,
            "{options:?}"
        );
    }
    for wrong in [
        ["-t", "stream"],
        ["-T", "updates"],
        ["-a", "1:2"],
        ["-y", "1"],
    ] {
        let (code, out, err) = run(&[&wrong[..], &["--csv-file", text(&list)]].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{wrong:?} {err}");
    }
}

#[test]
fn the_interval_ends_now() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u32::try_from(since.expect("after 1970").as_secs()).expect("before 2106");
    let file = file(
        &[
            announce(now - 172_800, 1),
            announce(now - 7_200, 2),
            announce(now - 600, 3),
            announce(now + 3_600, 4),
        ]
        .concat(),
    );
    let path = text(file.path());
    for (span, wanted) in [
        ("5 h", &["10.2.0.0/16", "10.3.0.0/16"][..]),
        ("30m", &["10.3.0.0/16"]),
        ("1 s", &[]),
        ("3 d", &["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]),
    ] {
        for option in ["-I", "--interval"] {
            assert_eq!(prefixes(&[option, span, path]), wanted, "{span}");
        }
    }
    assert_eq!(run(&["-I", "3 hours", path]).0, 1);
}

#[test]
fn the_rib_period_is_that_of_each_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, (collector, time)) in (1u8..).zip([
        ("rrc00", 1000),
        ("rrc00", 1100),
        ("rrc00", 1200),
        ("rrc01", 1100),
    ]) {
        let entries = [entry(0, None, &common(&[1]))];
        let table = [peers(time, &[1]), rib(time, 2, &[16, 10, number], &entries)].concat();
        let name = format!("ris.{collector}.ribs.{time}");
        std::fs::write(folder.path().join(name), table).expect("writes");
    }
    // Updates have no period.
    let name = folder.path().join("ris.rrc00.updates.1100");
    std::fs::write(name, announce(1100, 5)).expect("writes");
    let path = text(folder.path());
    for (period, wanted) in [
        ("100", &[1, 2, 3, 4, 5][..]),
        ("101", &[1, 3, 4, 5]),
        ("200", &[1, 3, 4, 5]),
        ("201", &[1, 4, 5]),
    ] {
        let wanted: Vec<_> = wanted.iter().map(|n| format!("10.{n}.0.0/16")).collect();
        for option in ["-P", "--rib-period"] {
            assert_eq!(prefixes(&[option, period, path]), wanted, "{period}");
        }
    }
}

#[test]
fn statistics_list_what_there_is_most_of() {
    let two = [common(&[65_001, 64_500]), attribute(0xC0, 8, &[0, 1, 0, 2])].concat();
    let set = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[1, 2, 0, 0, 0, 7, 0, 0, 0, 8]),
    ]
    .concat();
    let state = [0, 6, 0, 1];
    let session = [
        0, 0, 0xFD, 0xEA, 0, 0, 0xFD, 0xE7, 0, 0, 0, 1, 192, 0, 2, 3, 192, 0, 2, 9,
    ];
    let entries = [
        entry(0, None, &common(&[65_001, 64_500])),
        entry(1, None, &common(&[65_002, 64_501])),
    ];
    let file = file(
        &[
            peers(1, &[65_009, 65_008]),
            rib(1, 2, &[16, 10, 1], &entries),
            message(2, 4, &update(&[16, 10, 9], &two, &[16, 10, 1, 16, 10, 2])),
            message(3, 4, &update(&[], &set, &[16, 10, 2])),
            message(4, 4, &update(&[], &common(&[64_502]), &[16, 10, 1])),
            record(5, 16, 5, &[&session[..], &state].concat()),
        ]
        .concat(),
    );
    let path = text(file.path());
    let (code, out, err) = run(&["--stats", path]);
    assert_eq!((code, err.as_str()), (0, ""));
    let wanted = "           2  rib
           4  announcement
           1  withdrawal
           1  peerstate

peers (4)
           5  AS65001 192.0.2.2
           1  AS65002 192.0.2.3
           1  AS65008 192.0.2.2
           1  AS65009 192.0.2.1

origins (3)
           3  AS64500
           1  AS64501
           1  AS64502

prefixes (3)
           4  10.1.0.0/16
           2  10.2.0.0/16
           1  10.9.0.0/16
";
    assert_eq!(out, wanted);
    // What is left out of the lists is still counted in their titles.
    let (_, out, _) = run(&["--stats", "--top", "1", path]);
    let wanted = "           2  rib
           4  announcement
           1  withdrawal
           1  peerstate

peers (4)
           5  AS65001 192.0.2.2

origins (3)
           3  AS64500

prefixes (3)
           4  10.1.0.0/16
";
    assert_eq!(out, wanted);
    let (_, out, _) = run(&["--stats", "-j", "65009", "--top", "0", path]);
    assert!(
        out.ends_with("\npeers (1)\n\norigins (1)\n\nprefixes (1)\n"),
        "{out}"
    );
}

#[test]
fn of_single_files_nobody_told_project_or_collector() {
    let file = file(&announce(1, 1));
    let option = format!("upd-file={}", text(file.path()));
    for filter in [
        "project ris",
        "not project ris",
        "not (collector rrc00 and type ribs)",
        "peer 65001 and not type updates",
        "not (peer 1 or project ris)",
    ] {
        let arguments = ["-d", "singlefile", "-o", &option, "-f", filter];
        assert_eq!(prefixes(&arguments), ["10.1.0.0/16"], "{filter}");
    }
    let arguments = ["-d", "singlefile", "-o", &option, "-f", "not peer 65001"];
    assert_eq!(prefixes(&arguments), Vec::<String>::new());
}
