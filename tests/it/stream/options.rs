//! Options of the command line that are easily got wrong: those that repeat, exclude or need each other, and exit codes.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::build::{announce, common, message, record, update};
use super::feeds::{peer, route};
use super::file;
use crate::cli::texts;

/// Exit code, standard output and standard error.
type Ran = (i32, String, String);

fn oxabgp(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .arg("stream")
        .args(arguments)
        .output();
    texts(output.expect("the program runs"))
}

/// Runs the program by another name.
fn named(name: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join(name);
    symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).expect("a link");
    texts(Command::new(link).args(arguments).output().expect("runs"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn the_last_of_several_options_counts() {
    let file = file(&[announce(1, 1), announce(2, 2), announce(3, 3)].concat());
    let path = text(file.path());
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let once = named("bgpdump", &["-m", "-p", "-l", "-t", "change", path]);
    assert_eq!((once.0, once.1.lines().count()), (0, 3));
    let repeated = [
        "-H", "-m", "-p", "-p", "-l", "-l", "-t", "dump", "-t", "change", path,
    ];
    assert_eq!(named("bgpdump", &repeated), once);
    assert_eq!(
        named("bgpdump", &["-m", "-plp", "-l", "--", path]).1,
        once.1
    );
    let outputs = ["-m", "-O", text(&first), "-O", text(&second), path];
    assert_eq!(
        named("bgpdump", &outputs),
        (0, String::new(), String::new())
    );
    assert!(!first.exists() && second.exists());
    for (arguments, lines) in [
        (&["-e", "-e"][..], 3),
        (&["-r", "-r"], 3),
        (&["-m", "-m"], 3),
        (&["-n", "1", "-n", "2"], 2),
        (&["-w", "1,1", "-w", "1,2"], 2),
        (&["-P", "1", "-P", "2"], 3),
        (&["-i", "-i", "-m"], 3),
    ] {
        let arguments = [arguments, &[path]].concat();
        let (code, out, err) = named("bgpreader", &arguments);
        assert_eq!(
            (code, out.lines().count()),
            (0, lines),
            "{arguments:?} {err}"
        );
        assert_eq!(oxabgp(&arguments).1, out);
    }
}

#[test]
fn bgpdump_s_options_end_at_two_hyphens() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("-m"), announce(1, 1)).expect("writes");
    let link = folder.path().join("bgpdump");
    symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).expect("a link");
    let output = Command::new(link)
        .args(["-M", "--", "-m"])
        .current_dir(folder.path())
        .output();
    let (code, out, err) = texts(output.expect("runs"));
    assert!(
        code == 0 && out.contains("|01/01/70 00:00:01|"),
        "{out}{err}"
    );
}

#[test]
fn bgpreader_s_long_options_may_be_abbreviated() {
    let file = file(&[announce(1, 1), announce(2, 2)].concat());
    let path = text(file.path());
    for arguments in [
        &["--cou", "1"][..],
        &["--count", "1"],
        &["--coun=1"],
        &["--peer", "65001", "--count", "1"],
        &["--rec", "updates", "-n1"],
        &["--time=1,1"],
    ] {
        let arguments = [arguments, &[path]].concat();
        let (code, out, err) = named("bgpreader", &arguments);
        assert_eq!((code, out.lines().count()), (0, 1), "{arguments:?} {err}");
    }
    assert_eq!(named("bgpreader", &["--peer", "1", path]).1, "");
    assert_eq!(named("bgpreader", &["--co", "1", path]).0, 2);
    // A count that is no number is none.
    assert_eq!(
        named("bgpreader", &["--count", "x", path])
            .1
            .lines()
            .count(),
        2
    );
    assert_eq!(named("bgpreader", &["--count", path]).0, 2);
}

#[test]
fn readers_are_sub_commands_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    // Files of these names do not change what the words mean.
    for name in ["a", "bgpdump", "bgpreader"] {
        let bytes = [announce(1, 1), announce(2, 2)].concat();
        std::fs::write(folder.path().join(name), bytes).expect("writes");
    }
    std::fs::write(folder.path().join("env"), "").expect("writes");
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        let command = command.args(arguments).current_dir(folder.path());
        texts(command.output().expect("runs"))
    };
    let program = Path::new(env!("CARGO_BIN_EXE_oxabgp"));
    for (name, arguments, lines) in [
        ("bgpreader", &["-n", "1", "a"][..], 1),
        (
            "bgpreader",
            &["--peer", "65001", "--cou", "1", "bgpreader"],
            1,
        ),
        ("bgpreader", &["-m", "a"], 2),
        ("bgpreader", &["-o?"], 5),
        ("bgpdump", &["-m", "a"], 2),
        ("bgpdump", &["-mp", "-t", "change", "bgpdump"], 2),
        ("bgpdump", &["a"], 20),
    ] {
        let link = folder.path().join(format!("links/{name}"));
        std::fs::create_dir_all(folder.path().join("links")).expect("a folder");
        if !link.exists() {
            symlink(program, &link).expect("a link");
        }
        let linked = run(&link, arguments);
        assert_eq!(linked.0, 0, "{linked:?}");
        assert!(linked.1.lines().count() >= lines, "{linked:?}");
        assert_eq!(run(program, &[&[name], arguments].concat()), linked);
        let settings = [&["--env-file", "env", name], arguments].concat();
        assert_eq!(run(program, &settings), linked);
        for arguments in [&[name, "--help"][..], &[name, "-h"], &["help", name]] {
            let (code, out, err) = run(program, arguments);
            assert_eq!(code, 0, "{err}");
            assert!(out.contains(&format!("Usage: oxabgp {name} ")), "{out}");
        }
    }
    for (arguments, wanted) in [
        (
            &["bgpreader", "--nonsense", "a"][..],
            "Usage: oxabgp bgpreader ",
        ),
        (&["bgpdump", "--json", "a"], "try `oxabgp bgpdump -h`"),
        (&["bgpdum", "a"], "did you mean `bgpdump`?"),
    ] {
        let (code, _, err) = run(program, arguments);
        assert!(code == 2 && err.contains(wanted), "{code} {err}");
    }
}

#[test]
fn formats_are_explained_as_they_are_mixed() {
    let file = file(&announce(1, 1));
    let path = text(file.path());
    for (options, record, elem) in [
        (&["-i"][..], false, true),
        (&["-i", "-r"], true, false),
        (&["-i", "-r", "-e"], true, true),
        (&["-i", "-m"], false, false),
        (&["-i", "-r", "-m"], true, false),
        (&["-i", "--json"], false, false),
        (&["-i", "--count-only"], false, false),
        (&["-i", "--stats"], false, false),
        (&["--csv", "--count-only"], false, false),
    ] {
        let (code, out, err) = oxabgp(&[options, &[path]].concat());
        assert_eq!(code, 0, "{err}");
        assert_eq!(
            out.contains("# Record format:"),
            record,
            "{options:?} {out}"
        );
        assert_eq!(out.contains("# Elem format:"), elem, "{options:?} {out}");
    }
    let (_, out, _) = oxabgp(&["--csv", path]);
    assert!(out.starts_with("record_type,") && out.lines().count() == 2);
    // Lines with bars are neither JSON nor CSV.
    for format in ["--json", "--csv"] {
        let (code, out, err) = oxabgp(&["-r", format, path]);
        assert!(code == 2 && out.is_empty() && err.contains(format), "{err}");
    }
}

#[test]
fn options_without_effect_are_refused() {
    let file = file(&announce(1, 1));
    let path = text(file.path());
    for options in [
        &["-I", "3 h", "-w", "1,2"][..],
        &["--local-as", "1"],
        &["--peer-as", "1"],
        &["--local-address", "192.0.2.1"],
        &["--router-id", "192.0.2.1"],
        &["--family", "ipv4 unicast"],
        &["--hold-time", "9"],
        &["--md5", "x"],
        &["--listen", "127.0.0.1:0"],
        &["--top", "3"],
        &["--packet-index"],
        &["--large-communities", "--json"],
        &["--route-time", "change"],
    ] {
        let (code, out, err) = oxabgp(&[options, &[path]].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{options:?} {err}");
    }
    #[cfg(feature = "kafka")]
    assert_eq!(oxabgp(&["--kafka-topic", "x", path]).0, 2);
    assert_eq!(oxabgp(&["--stats", "--top", "3", path]).0, 0);
}

#[test]
fn an_input_is_never_the_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("a");
    std::fs::write(&input, announce(1, 1)).expect("writes");
    let link = folder.path().join("b");
    symlink(&input, &link).expect("a link");
    let hard = folder.path().join("c");
    std::fs::hard_link(&input, &hard).expect("a link");
    let list = folder.path().join("list.csv");
    std::fs::write(&list, "a\n").expect("writes");
    let intact = || std::fs::read(&input).expect("reads") == announce(1, 1);
    for output in [&input, &link, &hard] {
        for source in [&["a"][..], &["--csv-file", "list.csv"]] {
            let ran = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
                .args(["stream", "--output", text(output)])
                .args(source)
                .current_dir(folder.path())
                .output();
            let (code, _, err) = texts(ran.expect("runs"));
            assert!(code == 1 && intact(), "{err}");
            assert!(err.contains(text(output)) && err.contains("`a`"), "{err}");
        }
        assert_eq!(
            named("bgpdump", &["-m", "-O", text(output), text(&input)]).0,
            1
        );
        assert!(intact());
    }
    let (code, _, err) = oxabgp(&["--output", text(&list), "--csv-file", text(&list)]);
    assert!(code == 1 && err.contains("list.csv"), "{err}");
    let ran = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "--output", text(&input), "-"])
        .stdin(std::fs::File::open(&input).expect("opens"))
        .output();
    let (code, _, err) = texts(ran.expect("runs"));
    assert!(
        code == 1 && err.contains("standard input") && intact(),
        "{err}"
    );
    // Another file, and a device, may be written.
    let other = folder.path().join("d");
    assert_eq!(oxabgp(&["--output", text(&other), text(&input)]).0, 0);
    let ran = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "--output", "/dev/null", "-"])
        .stdin(Stdio::null())
        .output();
    assert_eq!(texts(ran.expect("runs")).0, 0);
}

#[test]
fn names_cannot_break_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.csv");
    std::fs::write(folder.path().join("a"), announce(1, 1)).expect("writes");
    std::fs::write(&list, "a,r|s,updates,rrc\t1\n").expect("writes");
    let (_, out, _) = oxabgp(&["--csv-file", text(&list)]);
    assert!(out.starts_with("U|A|1.000000|r_s|rrc_1|"), "{out}");
    for name in ["n|a.b|c.updates.1", "n\na.b\u{1}c.updates.1"] {
        let path = folder.path().join(name);
        std::fs::write(&path, announce(1, 1)).expect("writes");
        let (_, out, _) = oxabgp(&[text(&path)]);
        assert!(out.starts_with("U|A|1.000000|n_a|b_c|"), "{out}");
    }
}

#[test]
fn columns_of_a_list_may_be_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a,\"b"), announce(1, 1)).expect("writes");
    let list = folder.path().join("list.csv");
    let run = |row: &str| {
        std::fs::write(&list, row).expect("writes");
        oxabgp(&["--csv-file", text(&list)])
    };
    let row = "\"a,\"\"b\" , \"ris\",\"updates\",\"\",1000,\"300\",1\n";
    let (code, out, err) = run(row);
    assert!(
        code == 0 && out.starts_with("U|A|1.000000|ris||"),
        "{out}{err}"
    );
    for (row, reason) in [
        ("\"a", "closing quote"),
        ("\"a\"b,ris", "comma"),
        ("a,b,updates,c,1,1,1,1", "7 columns"),
    ] {
        let (code, _, err) = run(row);
        assert!(
            code == 1 && err.contains("line 1") && err.contains(reason),
            "{err}"
        );
    }
}

/// Exit code and standard error for a file with these bytes.
fn read(bytes: &[u8]) -> (i32, String) {
    let file = file(bytes);
    let (code, _, err) = oxabgp(&[text(file.path())]);
    (code, err)
}

#[test]
fn a_file_without_a_record_is_exit_code_3() {
    let unfinished = route(peer(0), &[8, 10]);
    for bytes in [
        &b"{\"a\":1}\n{\"b\":2}\n"[..],
        b"{\"a\"",
        b"V: 1\nthis is not OpenBMP\n\n",
        &unfinished[..unfinished.len() - 1],
    ] {
        let (code, err) = read(bytes);
        assert!(
            code == 3 && err.contains("no record was found"),
            "{code} {err}"
        );
    }
    let good = b"{\"type\":\"ping\"}\n{\"a\":1}\n";
    assert_eq!(read(good).0, 0);
    assert_eq!(read(&[&route(peer(0), &[8, 10])[..], b"xyz"].concat()).0, 0);
    // An empty file lacks nothing.
    assert_eq!(read(&[]), (0, String::new()));
    assert_eq!(read(&gzip(&[])), (0, String::new()));
    let (_, help, _) = oxabgp(&["--help"]);
    assert!(help.contains("the output could not be written"), "{help}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, bytes).expect("writes");
    out.finish().expect("writes")
}

fn bzip2(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = file(bytes);
    let output = Command::new("bzip2").arg("-c").arg(file.path()).output();
    match output {
        Ok(output) => Some(output.stdout),
        Err(_) => {
            super::skipped("bzip2");
            None
        }
    }
}

#[test]
fn zeros_after_a_compressed_member_are_padding() {
    let (one, two) = (announce(1, 1), announce(2, 2));
    let mut forms = vec![(gzip(&one), gzip(&two))];
    if let (Some(one), Some(two)) = (bzip2(&one), bzip2(&two)) {
        forms.push((one, two));
    }
    for (one, two) in forms {
        for padding in [1, 511, 200_000] {
            let zeros = vec![0; padding];
            for (bytes, lines) in [
                ([&one[..], &zeros].concat(), 1),
                ([&one[..], &zeros, &two, &zeros].concat(), 2),
            ] {
                let file = file(&bytes);
                let (code, out, err) = oxabgp(&[text(file.path())]);
                assert_eq!((code, out.lines().count(), err.as_str()), (0, lines, ""));
            }
        }
        let garbage = file(&[&one[..], &[0, 0, b'x', 0]].concat());
        let (code, out, err) = oxabgp(&[text(garbage.path())]);
        assert_eq!((code, out.lines().count()), (3, 1), "{err}");
        assert!(err.contains("garbage after a"), "{err}");
    }
}

#[test]
fn reasons_are_for_people() {
    // lzma's own format, as `xz --format=lzma` writes it.
    let lzma = [&[0x5D, 0, 0, 0x80, 0][..], &[0xFF; 8], &[0; 20]].concat();
    let (code, err) = read(&lzma);
    assert!(code == 1 && err.contains("lzma compression"), "{err}");
    // A zstd frame with a reserved block type.
    let zstd = [0x28, 0xB5, 0x2F, 0xFD, 0x24, 5, 0xFF, 0xFF, 0xFF, 1, 2, 3];
    let (code, err) = read(&zstd);
    assert!(
        code == 3 && err.contains("zstd data that is damaged"),
        "{err}"
    );
    let bad = record(2, 16, 4, &[0; 10]);
    let (_, err) = read(&[announce(1, 1), bad, announce(3, 1)].concat());
    assert!(err.contains("are skipped: expected "), "{err}");
    let attributes = [common(&[1]), vec![0x80, 4, 1, 7]].concat();
    let (_, err) = read(&message(1, 4, &update(&[], &attributes, &[8, 10])));
    assert!(err.contains("at offset 0 is malformed in part"), "{err}");
    let hop = r#"{"type":"ris_message","data":{"timestamp":1,"type":"UPDATE","path":[{"x":1}]}}"#;
    let (_, err) = read(hop.as_bytes());
    assert!(err.contains("expected an AS number, or the list"), "{err}");
}
