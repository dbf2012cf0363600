//! `oxabgp stream`, and the names `bgpreader` and `bgpdump`.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::build::{announce, common, message, record, update};
use super::file;
use crate::cli::texts;

fn oxabgp(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .arg("stream")
        .args(arguments)
        .output();
    texts(output.expect("the program runs"))
}

#[test]
fn elems_are_printed_and_counted() {
    let file = file(
        &[
            announce(1, 1),
            announce(2, 2),
            record(3, 16, 4, &[0; 10]),
            announce(4, 3),
        ]
        .concat(),
    );
    let path = file.path().to_str().expect("a path");
    let (code, out, err) = oxabgp(&[path]);
    assert_eq!((code, out.lines().count()), (0, 3));
    assert!(err.contains("offset") && err.contains(path), "{err}");
    let (_, out, _) = oxabgp(&["--count", path]);
    assert_eq!(out, "4 records, 3 elems\n");
    let (_, out, _) = oxabgp(&["-n", "2", path]);
    assert_eq!(out.lines().count(), 2);
    let (_, out, _) = oxabgp(&["-r", path]);
    assert_eq!(out.lines().nth(2), Some("U|M|3.000000|||||R|0"));
    let (_, out, _) = oxabgp(&["-w", "2,2", "-k", "10.0.0.0/8", "-j", "65001", path]);
    assert_eq!(out.lines().count(), 1);
    for open in ["2", "2,", "2,0"] {
        let (code, out, _) = oxabgp(&["-w", open, path]);
        assert_eq!((code, out.lines().count()), (0, 2), "{open}");
    }
    assert_eq!(oxabgp(&["-w", "2,1", path]).0, 1);
    let (_, out, _) = oxabgp(&["-J", "65001", path]);
    assert_eq!(out, "");
    let (_, out, _) = oxabgp(&["--stats", path]);
    assert!(out.contains("AS65001 192.0.2.2"), "{out}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let file = file(&announce(1, 1));
    let path = file.path().to_str().expect("a path");
    let (code, out, err) = oxabgp(&["-f", "peer 1 and pear 2", path]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("^^^^") && err.contains("did you mean `peer`"),
        "{err}"
    );
    let (code, _, err) = oxabgp(&["/nowhere/x.gz"]);
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere/x.gz"), "{err}");
    assert_eq!(oxabgp(&[]).0, 2);
    assert_eq!(oxabgp(&["--no-such-option", path]).0, 2);
    assert_eq!(oxabgp(&["-e", "-m", path]).0, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let many: Vec<u8> = (0..20_000u32).flat_map(|n| announce(n, 1)).collect();
    let file = file(&many);
    let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .arg("stream")
        .arg(file.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let (code, _, err) = texts(child.wait_with_output().expect("ends"));
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn it_takes_the_places_of_bgpreader_and_bgpdump() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(&announce(1, 1));
    let path = file.path().to_str().expect("a path");
    let run = |name: &str, arguments: &[&str]| {
        let link = folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).ok();
        texts(Command::new(link).args(arguments).output().expect("runs"))
    };
    let option = format!("upd-file={path}");
    let (code, out, _) = run(
        "bgpreader",
        &["-d", "singlefile", "-o", &option, "-e", "-c", "rrc00"],
    );
    assert_eq!(code, 0);
    assert_eq!(
        out,
        "U|A|1.000000|singlefile|singlefile|||65001|192.0.2.2|10.1.0.0/16|192.0.2.1|65001 64500|64500|||\n"
    );
    assert_eq!(run("bgpreader", &["-d", "broker"]).0, 1);
    let (code, out, _) = run("bgpdump", &["-m", path]);
    assert_eq!(
        (code, out.as_str()),
        (
            0,
            "BGP4MP|1|A|192.0.2.2|65001|10.1.0.0/16|65001 64500|IGP|192.0.2.1|0|0||NAG||\n"
        )
    );
    let (_, out, _) = run("bgpdump", &["-M", path]);
    assert_eq!(
        out,
        "BGP4MP|01/01/70 00:00:01|A|192.0.2.2|65001|10.1.0.0/16|65001 64500|IGP\n"
    );
}

#[test]
fn lists_tell_project_and_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), announce(1, 1)).expect("writes");
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "a,ris,updates,rrc77,1000,300,1\n").expect("writes");
    let (_, out, _) = oxabgp(&["--csv-file", list.to_str().expect("a path"), "-c", "rrc77"]);
    assert!(out.starts_with("U|A|1.000000|ris|rrc77|"), "{out}");
    std::fs::write(&list, "a,ris,tables,rrc77\n").expect("writes");
    let (code, _, err) = oxabgp(&["--csv-file", list.to_str().expect("a path")]);
    assert_eq!(code, 1);
    assert!(err.contains("line 1") && err.contains("tables"), "{err}");
}

#[test]
fn what_is_no_regular_file_in_a_folder_is_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("updates.mrt");
    std::fs::write(&whole, announce(1, 1)).expect("written");
    let pipe = folder.path().join("pipe.mrt");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let pattern = folder.path().join("*.mrt");
    for path in [folder.path(), &pattern] {
        let (code, out, err) = oxabgp(&[path.to_str().expect("UTF-8")]);
        assert_eq!((code, out.lines().count()), (0, 1), "{err}");
        let wanted = format!("warning: skipped {}: not a regular file\n", pipe.display());
        assert_eq!(err, wanted);
    }
}

#[test]
fn what_cannot_be_read_and_was_not_named_is_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = |name: &str| folder.path().join(name);
    std::fs::write(below("a.mrt"), announce(1, 1)).expect("written");
    symlink("nowhere", below("gone.mrt")).expect("a link");
    symlink("loop.mrt", below("loop.mrt")).expect("a link");
    let lzma = [&[0x5D, 0, 0, 0x80, 0][..], &[0xFF; 8], &[0; 20]].concat();
    std::fs::write(below("old.mrt"), lzma).expect("written");
    for path in [folder.path(), &below("*.mrt")] {
        let (code, out, err) = oxabgp(&[path.to_str().expect("UTF-8")]);
        assert_eq!((code, out.lines().count()), (0, 1), "{err}");
        for (name, reason) in [
            ("gone.mrt", "a link that leads nowhere"),
            ("loop.mrt", ""),
            ("old.mrt", "lzma compression is not supported"),
        ] {
            let wanted = format!("warning: skipped {}: {reason}", below(name).display());
            assert!(err.contains(&wanted), "{err}");
        }
        assert_eq!(err.lines().count(), 3, "{err}");
    }
    // What is named is wanted.
    for name in ["gone.mrt", "loop.mrt", "old.mrt"] {
        assert_eq!(oxabgp(&[below(name).to_str().expect("UTF-8")]).0, 1);
    }
}

/// Runs `oxabgp stream` on a folder with a limit of open files, as `ulimit` sets it.
fn limited(limit: &str, folder: &Path) -> (i32, String, String) {
    let script = format!("ulimit {limit} && exec \"$0\" stream \"$1\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_oxabgp")])
        .arg(folder)
        .output();
    texts(output.expect("the program runs"))
}

#[test]
fn files_that_overlap_need_as_many_descriptors() {
    let overlapping = tempfile::tempdir().expect("a folder");
    let series = tempfile::tempdir().expect("a folder");
    for number in 0..40_u8 {
        let both = [announce(1, number), announce(100, number)].concat();
        std::fs::write(overlapping.path().join(format!("{number}.mrt")), both).expect("written");
        let name = format!("updates.20150401.{:02}{:02}", number / 12, number % 12 * 5);
        let time = 1_427_846_400 + u32::from(number) * 300;
        std::fs::write(series.path().join(name), announce(time, number)).expect("written");
    }
    let (code, out, err) = limited("-Sn 32", overlapping.path());
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 80, ""));
    let (code, out, err) = limited("-n 32", overlapping.path());
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("the limit of open files is 32"), "{err}");
    let (code, out, err) = limited("-n 32", series.path());
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 40, ""));
}

#[test]
fn what_is_damaged_is_told_with_its_place() {
    let odd = {
        let attributes = [common(&[1]), vec![0x80, 4, 1, 7]].concat();
        message(1, 4, &update(&[], &attributes, &[8, 10]))
    };
    let (one, length) = (announce(1, 1), announce(1, 1).len());
    let damaged = file(&[one, odd.repeat(10)].concat());
    let (code, out, err) = oxabgp(&[damaged.path().to_str().expect("UTF-8")]);
    assert_eq!((code, out.lines().count()), (0, 11));
    let first =
        format!("the record at offset {length} is malformed in part: a malformed attribute");
    assert!(err.contains(&first), "{err}");
    assert_eq!(err.lines().count(), 9, "{err}");
    assert!(
        err.contains("2 more records are malformed in part"),
        "{err}"
    );
    // Half of a second member follows a whole one.
    let member = {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, &announce(1, 1)).expect("memory");
        out.finish().expect("memory")
    };
    let cut = file(&[&member[..], &member[..12]].concat());
    let (code, _, err) = oxabgp(&[cut.path().to_str().expect("UTF-8")]);
    let wanted = format!("nothing after offset {length} can be read: ");
    assert!(code == 3 && err.contains(&wanted), "{err}");
}

#[test]
fn help_is_about_the_name_that_the_program_was_started_by() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |name: &str, option: &str| {
        let link = folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).ok();
        texts(Command::new(&link).arg(option).output().expect("runs"))
    };
    let usage = "Usage: bgpreader [OPTIONS] [FILE]...\n";
    for option in ["-h", "--help"] {
        let (code, out, _) = run("bgpreader", option);
        assert!(code == 0 && out.contains(usage), "{out}");
        // That would be `--peer-asn`.
        assert!(
            !out.contains("--peer ") && !out.contains("--local-as"),
            "{out}"
        );
        assert!(!out.contains("oxabgp stream"), "{out}");
        let (code, out, _) = run("bgpdump", option);
        assert!(code == 0 && out.contains("-t change"), "{out}");
        assert!(!out.contains("--filter") && !out.contains("-k"), "{out}");
    }
    let (code, _, err) = run("bgpreader", "--no-such");
    assert!(code == 2 && err.contains(usage), "{err}");
    // Long options may still be abbreviated.
    assert_eq!(run("bgpreader", "--vers").0, 0);
    let (code, out, err) = run("bgpdump", "--filter");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("no option `--filter`") && err.contains("bgpdump -h"),
        "{err}"
    );
}

#[test]
fn options_belong_to_their_data_interface() {
    let file = file(&announce(1, 1));
    let path = file.path().to_str().expect("a path");
    let names = |out: &str| -> Vec<String> {
        out.lines()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect()
    };
    let single = ["upd-file", "upd-type", "rib-file", "rib-type"];
    let (code, out, _) = oxabgp(&["-d", "singlefile", "-o", "?"]);
    assert_eq!((code, names(&out)), (0, single.map(str::to_owned).to_vec()));
    let (code, out, _) = oxabgp(&["-o?", "-d", "csvfile"]);
    assert_eq!((code, names(&out)), (0, vec!["csv-file".to_owned()]));
    let (code, out, _) = oxabgp(&["-o", "?"]);
    let all = if cfg!(feature = "kafka") { 12 } else { 5 };
    assert_eq!((code, names(&out).len()), (0, all));
    assert_eq!(oxabgp(&["-d", "broker", "-o", "?"]).0, 1);
    for (interface, option) in [
        ("csvfile", format!("upd-file={path}")),
        ("csvfile", "upd-type=mrt".to_owned()),
        ("singlefile", format!("csv-file={path}")),
    ] {
        let (code, out, err) = oxabgp(&["-d", interface, "-o", &option, path]);
        assert_eq!((code, out.as_str()), (1, ""), "{interface} {option}");
        assert!(
            err.contains(interface) && err.contains("has no option"),
            "{err}"
        );
    }
    assert_eq!(oxabgp(&["-o", &format!("upd-file={path}")]).0, 0);
}

#[test]
fn a_quote_in_the_value_of_an_option_stands_for_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), announce(1, 1)).expect("writes");
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "a,ris,updates,rr\"c,1000,300,1\n").expect("writes");
    let list = list.to_str().expect("a path");
    let (code, out, err) = oxabgp(&["--csv-file", list, "-c", "rr\"c"]);
    assert_eq!((code, out.lines().count()), (0, 1), "{err}");
    let (code, out, err) = oxabgp(&["--csv-file", list, "-c", "rr", "-c", "x\" or peer \"1"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    // A keyword is no keyword there, and a mistake is shown in its place.
    let (code, _, err) = oxabgp(&["--csv-file", list, "-k", "exact"]);
    assert!(code == 1 && err.contains("^^^^^^^"), "{err}");
}

#[test]
fn what_cannot_be_read_to_its_end_is_exit_code_3() {
    let whole: Vec<u8> = (0..200u8).flat_map(|n| announce(n.into(), n)).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &whole).expect("writes");
    let packed = gzip.finish().expect("writes");
    let run = |bytes: &[u8], more: &[&str]| {
        let file = file(bytes);
        let path = file.path().to_str().expect("a path").to_owned();
        let (code, out, err) = oxabgp(&[&[path.as_str()], more].concat());
        (code, out.lines().count(), err)
    };
    let (code, lines, err) = run(&packed[..packed.len() - 20], &[]);
    assert!(
        code == 3 && lines > 50 && err.lines().count() == 1,
        "{lines} {err}"
    );
    // The interval hides no failure.
    assert_eq!(run(&packed[..packed.len() - 20], &["-w", "1,2"]).0, 3);
    let cut_json = b"{\"type\":\"ping\"}\n".repeat(5_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &cut_json).expect("writes");
    let packed = gzip.finish().expect("writes");
    assert_eq!(run(&packed[..packed.len() - 20], &[]).0, 3);
    for none in [&b"hello, world\n"[..], b"hello", &[0x5A; 30_000]] {
        for more in [&[][..], &["-w", "100,200"], &["--count"]] {
            let (code, _, err) = run(none, more);
            assert!(
                code == 3 && err.contains("no record was found"),
                "{code} {err}"
            );
        }
    }
    // Damage costs records, and an empty file lacks nothing.
    assert_eq!(run(&whole[..whole.len() - 3], &[]).0, 0);
    assert_eq!(run(&[&[0x5A; 40][..], &whole].concat(), &[]).0, 0);
    assert_eq!(run(&[], &[]).0, 0);
}

#[test]
fn rows_of_lists_that_are_not_due_are_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a"), announce(1, 1)).expect("writes");
    let list = folder.path().join("list.csv");
    let text = "a,ris,updates,rrc00,1000,300,1\n\
                missing,ris,updates,rrc01,1000,300,0\n\
                missing,ris,updates,rrc02,1000,300,4294967295\n\
                missing,ris,updates,rrc03,1000,300,4294967296\n\
                missing,ris,updates,rrc04,1000,300,99999999999999999999999\n\
                a,ris,updates,rrc05,1000,300,\n\
                a,ris,updates,rrc06,1000,300\n";
    std::fs::write(&list, text).expect("writes");
    let (code, out, err) = oxabgp(&["--csv-file", list.to_str().expect("a path")]);
    assert_eq!((code, out.lines().count()), (0, 3), "{err}");
    assert_eq!(err.matches("warning: skipped").count(), 4, "{err}");
    for wrong in ["-1", "now", "4294967296,1"] {
        std::fs::write(&list, format!("a,ris,updates,rrc00,1000,{wrong}\n")).expect("writes");
        let (code, _, err) = oxabgp(&["--csv-file", list.to_str().expect("a path")]);
        assert!(code == 1 && err.contains("line 1"), "{err}");
    }
}
