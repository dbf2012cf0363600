//! Closed pipes, full disks, and errors that new users make.

use std::fs::File;
use std::process::{Child, Stdio};

use crate::support::daemon::{Lab, copy_environment, oxabgp};

const UPDATE: &str = "0000001440010100400206020100 00FDE940030401020304180A0001";

/// Everything that prints and exits by itself.
fn commands(conf: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["env"],
        vec!["version"],
        vec!["--help"],
        vec!["decode", UPDATE],
        vec!["encode", "route", "192.0.2.0/24", "next-hop", "192.0.2.1"],
        vec!["validate", "--print", conf],
        vec!["validate", "--json", conf],
        vec!["migrate", conf],
        vec!["man"],
        vec!["completions", "bash"],
    ]
}

const CONFIGURATION: &str = "neighbor 192.0.2.1 {\n    local-as 65001;\n    peer-as 65000;\n    \
                             local-address 192.0.2.2;\n    router-id 192.0.2.2;\n}\n";

/// Exit code and standard error.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), err)
}

#[test]
fn with_json_the_changes_are_one_value() {
    let lab = Lab::new();
    let old = lab.write("old.conf", CONFIGURATION).display().to_string();
    let text = CONFIGURATION.replace("peer-as 65000", "peer-as 65002");
    let new = lab.write("new.conf", &text).display().to_string();
    let mut command = oxabgp(&["validate", "--json", "--against", &old, &new]);
    let (code, out, err) = super::run(&mut command, "");
    assert_eq!(code, 0, "{err}");
    let changes: serde_json::Value = serde_json::from_str(&out).expect("one value");
    assert!(changes[0]["change"].is_string(), "{out}");
}

#[test]
fn a_reader_that_closes_is_no_error() {
    let lab = Lab::new();
    let conf = lab.write("x.conf", CONFIGURATION).display().to_string();
    for arguments in commands(&conf) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = oxabgp(&arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn();
        let (code, err) = ended(child.expect("it starts"));
        assert_eq!(code, Some(0), "{arguments:?}: {err}");
        assert!(!err.contains("panicked") && !err.contains("error"), "{err}");
    }
}

#[test]
fn a_full_disk_is_an_error_in_one_line() {
    let lab = Lab::new();
    let conf = lab.write("x.conf", CONFIGURATION).display().to_string();
    for arguments in commands(&conf) {
        if arguments[0] == "--help" {
            continue;
        }
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("a device");
        let child = oxabgp(&arguments)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn();
        let (code, err) = ended(child.expect("it starts"));
        assert_eq!(code, Some(1), "{arguments:?}: {err}");
        let errors = err.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{arguments:?}: {err}");
        assert!(err.contains("standard output: "), "{err}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_terminal_without_colours_gets_none() {
    let lab = Lab::new();
    let conf = lab.write("x.conf", "neighbor {").display().to_string();
    let program = format!("{} server {conf}", env!("CARGO_BIN_EXE_oxabgp"));
    if std::process::Command::new("script")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("SKIP: there is no `script` that makes a terminal");
        return;
    }
    for (value, is_plain) in [("", false), ("1", true)] {
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &program, "/dev/null"]);
        copy_environment(&oxabgp(&[]), &mut script);
        let (_, out, _) = super::run(script.env("NO_COLOR", value), "");
        assert!(out.contains("nothing was started"), "{out}");
        assert_eq!(!out.contains('\x1b'), is_plain, "{out}");
    }
}

#[test]
fn a_closed_standard_error_changes_no_exit_code() {
    let lab = Lab::new();
    let conf = lab.write("x.conf", "neighbor {").display().to_string();
    for (arguments, wanted) in [
        (&["validate", &conf][..], 1),
        (&["decode", "zz"], 1),
        (&["run", "--pipename", "oxabgp-nobody", "version"], 3),
        (&["encode", "route", "nonsense"], 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = oxabgp(arguments)
            .stdout(Stdio::null())
            .stderr(writer)
            .spawn();
        assert_eq!(
            ended(child.expect("it starts")).0,
            Some(wanted),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_file_in_another_encoding_is_refused_with_its_line() {
    let lab = Lab::new();
    let path = lab.path("latin-1");
    std::fs::write(&path, b"# one\n# caf\xe9\n").expect("written");
    let file = path.to_str().expect("UTF-8");
    for arguments in [
        &["validate", file][..],
        &["migrate", file],
        &["healthcheck", "--config", file],
        &["--env-file", file, "env"],
    ] {
        let (code, _, err) = super::run(&mut oxabgp(arguments), "");
        assert_eq!(code, 1, "{arguments:?}: {err}");
        assert!(
            err.contains("line 2 is not valid UTF-8"),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn a_helper_that_may_not_be_executed_comes_with_the_way_out() {
    let lab = Lab::new();
    let helper = lab
        .write("announce.sh", "#!/bin/sh\n")
        .display()
        .to_string();
    let text = "process announce {\n    run ./announce.sh;\n    encoder json;\n}\n".to_owned()
        + CONFIGURATION;
    let conf = lab.write("x.conf", &text).display().to_string();
    let (code, _, err) = super::run(&mut oxabgp(&["validate", &conf]), "");
    assert_eq!(code, 1);
    assert!(err.contains("may not be executed by this user"), "{err}");
    let help = err.lines().find(|line| line.contains("= help: "));
    let help = help.unwrap_or_else(|| panic!("no help in {err}"));
    assert!(
        help.contains("chmod +x ") && help.contains("announce.sh"),
        "{help}"
    );
    let command = std::process::Command::new("chmod")
        .args(["+x", &helper])
        .status();
    assert!(command.expect("chmod runs").success());
    assert_eq!(super::run(&mut oxabgp(&["validate", &conf]), "").0, 0);
}

#[test]
fn the_demo_shows_everything_without_standard_error() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let output = oxabgp(&["demo"]).stderr(full).output().expect("it runs");
    let out = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{out}");
    let events = out
        .lines()
        .filter_map(|line| line.strip_prefix("helper    reads {"));
    let (announced, withdrawn): (Vec<&str>, Vec<&str>) = events
        .filter(|event| event.contains("203.0.113.0/24") || event.contains("withdraw"))
        .partition(|event| event.contains("203.0.113.0/24"));
    assert_eq!((announced.len(), withdrawn.len()), (1, 1), "{out}");
    assert!(
        out.contains("helper    sends announce route 192.0.2.0/24"),
        "{out}"
    );
}
