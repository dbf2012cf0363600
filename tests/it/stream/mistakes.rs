//! What is easily got wrong on the command line of the stream reader, and what is said then.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::build::announce;
use super::feeds::{peer, route};
use crate::cli::texts;

/// A folder with a file `a` of one announcement.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), announce(1, 1)).expect("writes");
    folder
}

/// Exit code, standard output and standard error of a command line, in a folder.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oxabgp"));
    let command = command.args(arguments).current_dir(folder);
    texts(command.stdin(Stdio::null()).output().expect("runs"))
}

#[test]
fn mistakes_have_exit_codes_and_ways_out() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    fs::write(folder.path().join("three.csv"), "a,b,c\n").expect("writes");
    fs::write(folder.path().join("web.csv"), "http://127.0.0.1/a\n").expect("writes");
    for (arguments, code, said) in [
        (
            &["stream"][..],
            2,
            &[
                "no file is given",
                "Usage: oxabgp stream [",
                "try `oxabgp stream --help`",
            ][..],
        ),
        (
            &["bgpreader"],
            2,
            &["Usage: oxabgp bgpreader [", "try `oxabgp bgpreader --help`"],
        ),
        (
            &["bgpdump", "-m"],
            2,
            &["Usage: oxabgp bgpdump [", "try `oxabgp bgpdump --help`"],
        ),
        (
            &["stream", "-n", "a"],
            2,
            &["`a` after `-n`", "no number", "no file is given"],
        ),
        (
            &["stream", "-n", "a", "a"],
            0,
            &["`a` after `-n`", "all are read"],
        ),
        (
            &["stream", "empty"],
            1,
            &[
                "skipped empty: a folder without files",
                "error: there is no file to read",
            ],
        ),
        (
            &["stream", "empty", "a"],
            0,
            &["skipped empty: a folder without files"],
        ),
        (
            &["replay", "empty", "--commands"],
            1,
            &["there is no file to read"],
        ),
        (
            &["stream", "https://example.net/a.gz"],
            1,
            &[
                "`https://example.net/a.gz`: URLs are not read",
                "standard input",
            ],
        ),
        (
            &["stream", "-o", "upd-file=http://127.0.0.1/a"],
            1,
            &["URLs are not read"],
        ),
        (
            &["stream", "--csv-file", "https://127.0.0.1/a"],
            1,
            &["URLs are not read"],
        ),
        (
            &["stream", "--csv-file", "web.csv"],
            1,
            &["URLs are not read"],
        ),
        (
            &["replay", "https://127.0.0.1/a", "--commands"],
            1,
            &["URLs are not read"],
        ),
        (&["stream", "no/such"], 1, &["`no/such`: No such file"]),
        (
            &["stream", "-j", "1,2", "a"],
            1,
            &["^^^^^", "several values are several options"],
        ),
        (
            &["stream", "-k", "10.0.0.0/8,11.0.0.0/8", "a"],
            1,
            &["several values are several options"],
        ),
        (
            &["stream", "-y", "1:1,2:2", "a"],
            1,
            &["several values are several options"],
        ),
        (
            &["stream", "-c", "rrc00,rrc06", "a"],
            0,
            &["`rrc00,rrc06` is one name"],
        ),
        (
            &["stream", "-w", "x", "a"],
            1,
            &["`2015-04-01 00:05:00`", "(UTC)", "found `x`"],
        ),
        (
            &["stream", "-w", "1,x", "a"],
            1,
            &["`2015-04-01 00:05:00`", "found `x`"],
        ),
        (
            &["replay", "-w", "x", "--commands", "a"],
            1,
            &["`2015-04-01 00:05:00`", "found `x`"],
        ),
        (
            &["stream", "--csv-file", "three.csv"],
            1,
            &[
                "line 1",
                "third of the 7 columns",
                "collector, time",
                "found `c`",
            ],
        ),
        (
            &["stream", "--csv-file", "-", "-"],
            2,
            &["a list and a file at once"],
        ),
        (
            &["stream", "-o", "csv-file=-", "-"],
            2,
            &["a list and a file at once"],
        ),
        (
            &["stream", "--csv-file", "-", "-o", "csv-file=-"],
            2,
            &["read once", "or two"],
        ),
        (&["stream", "-A", "_(1{1,2}_", "a"], 1, &["unclosed group"]),
        (
            &["stream", "-e", "--json", "a"],
            2,
            &["--json", "Usage: oxabgp stream [OPTIONS] [FILE]..."],
        ),
        (&["stream", "--bmp", "x"], 2, &["ADDRESS:PORT or a port"]),
        (
            &["stream", "--bmp", "127.0.0.1"],
            2,
            &["ADDRESS:PORT or a port"],
        ),
        (
            &[
                "stream",
                "--listen",
                "7",
                "--peer",
                "127.0.0.1",
                "--local-as",
                "1",
            ],
            2,
            &["expected ADDRESS:PORT such as"],
        ),
    ] {
        let (found, out, err) = run(folder.path(), arguments);
        assert_eq!(found, code, "{arguments:?}: {out}{err}");
        for said in said {
            assert!(err.contains(said), "{arguments:?}: {said}: {err}");
        }
    }
    // What is right has no such words.
    for arguments in [
        &["stream", "-n", "1", "a"][..],
        &["stream", "-w", "1,2", "-j", "65001", "-j", "2", "a"],
        &["stream", "-A", "1{1,2}", "a"],
    ] {
        let (code, _, err) = run(folder.path(), arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_filter_by_what_no_name_tells_is_warned_about() {
    let folder = folder();
    let name = "updates.20160811.1600.mrt";
    let (known, other) = (format!("ris.rrc06.{name}"), format!("ris.rrc00.{name}"));
    for name in [name, &known, &other] {
        fs::write(folder.path().join(name), announce(1, 1)).expect("writes");
    }
    let row = format!("{name},ris,updates,rrc06\n");
    fs::write(folder.path().join("list.csv"), row).expect("writes");
    let warning = format!("warning: `{name}` passes no filter by project or collector");
    for (arguments, lines, warned) in [
        (&["-c", "rrc06", name][..], 0, true),
        (&["-p", "ris", name], 0, true),
        (&["-f", "collector rrc06 and peer 65001", name], 0, true),
        (&["-f", "collector rrc06 or collector rrc00", name], 0, true),
        (&["-c", "rrc06", name, &known], 1, true),
        (&["-c", "rrc06", "--quiet", name], 0, false),
        // The name tells, it may pass, or nobody asks.
        (&["-c", "rrc06", &known, &other], 1, false),
        (&["-f", "collector rrc06 or peer 65001", name], 1, false),
        (&["-f", "not collector rrc06", name], 1, false),
        (&["-j", "65001", name], 1, false),
        (&["-c", "rrc06", "--csv-file", "list.csv"], 1, false),
        (&["-d", "singlefile", "-c", "rrc06", name], 1, false),
    ] {
        let (code, out, err) = run(folder.path(), &[&["stream"], arguments].concat());
        assert_eq!(
            (code, out.lines().count()),
            (0, lines),
            "{arguments:?} {err}"
        );
        assert_eq!(err.contains(&warning), warned, "{arguments:?} {err}");
        assert_eq!(err.contains("--csv-file"), warned, "the way out: {err}");
    }
    let (_, _, err) = run(folder.path(), &["stream", "-c", "rrc06", name, "a", &known]);
    assert!(err.contains("and 1 more files, passes no filter"), "{err}");
    let replay = ["replay", "--commands", "-f", "collector rrc06", name];
    assert!(run(folder.path(), &replay).2.contains(&warning));
}

#[test]
fn a_list_may_come_from_standard_input() {
    let folder = folder();
    for option in [&["--csv-file", "-"][..], &["-o", "csv-file=-"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .arg("stream")
            .args(option)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(b"a,ris,updates,rrc06\n").expect("writes");
        drop(input);
        let (code, out, err) = texts(child.wait_with_output().expect("runs"));
        assert_eq!(code, 0, "{err}");
        assert!(out.starts_with("U|A|1.000000|ris|rrc06|"), "{out}{err}");
    }
    // The list is not the output.
    let list = folder.path().join("list.csv");
    fs::write(&list, "a\n").expect("writes");
    let ran = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "--csv-file", "-", "--output", "list.csv"])
        .current_dir(folder.path())
        .stdin(fs::File::open(&list).expect("opens"))
        .output();
    let (code, _, err) = texts(ran.expect("runs"));
    assert!(code == 1 && err.contains("standard input"), "{err}");
    assert_eq!(fs::read(&list).expect("reads"), b"a\n");
}

#[test]
fn routers_find_a_port_on_all_addresses_and_by_name() {
    for (given, host) in [
        ("0", "127.0.0.1"),
        ("0", "::1"),
        ("localhost:0", "127.0.0.1"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .args(["stream", "--bmp", given, "-n", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        err.read_line(&mut line).expect("a line");
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("{line}"));
        let Ok(mut router) = TcpStream::connect((host, port)) else {
            // A host without IPv6 listens on IPv4.
            assert!(host == "::1" && line.contains("0.0.0.0"), "{line}");
            child.kill().expect("ends");
            child.wait().expect("ends");
            continue;
        };
        router.write_all(&route(peer(0), &[8, 10])).expect("writes");
        let output = child.wait_with_output().expect("ends");
        let (code, out, _) = texts(output);
        assert!(code == 0 && out.contains("|10.0.0.0/8|"), "{out}");
    }
}
