//! Started by ExaBGP's names.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::run;
use crate::daemon::control::start;
use crate::daemon::{listener, neighbor};
use crate::support::daemon::{Lab, oxabgp, terminate, wait_for};

/// The program under another name, with the settings of tests.
fn called(lab: &Lab, name: &str, arguments: &[&str]) -> Command {
    let link = lab.path(name);
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).expect("a link");
    }
    let mut command = Command::new(link);
    command.args(arguments);
    for (key, value) in oxabgp(&[]).get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command
        .env_remove("EXABGP_ROOT")
        .env_remove("exabgp_version");
    command
}

#[test]
fn the_version_is_exabgps_in_the_first_line() {
    let lab = Lab::new();
    for arguments in [&["--version"][..], &["-v"], &["version"]] {
        let (code, out, _) = run(&mut called(&lab, "exabgp", arguments), "");
        assert_eq!((code, out.lines().next()), (0, Some("ExaBGP : 5.0.15")));
    }
    let (_, out, _) = run(
        called(&lab, "exabgp", &["--version"]).env("exabgp_version", "4.2.22"),
        "",
    );
    assert_eq!(out.lines().next(), Some("ExaBGP : 4.2.22"));
    let (_, out, _) = run(&mut oxabgp(&["--version"]), "");
    assert!(out.starts_with("oxabgp : "), "{out}");
}

#[test]
fn options_of_4_x_work() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    std::fs::create_dir_all(lab.path("etc/exabgp")).expect("a folder");
    lab.write("etc/exabgp/x.conf", &neighbor(port, ""));
    lab.write("etc/exabgp/bad.conf", "neighbor {");
    lab.write("etc/exabgp/my.env", "[exabgp.tcp]\nport = 1790\n");
    let root = lab.path("").display().to_string();
    let validate = |file: &str| {
        let arguments = ["-f", &root, "-d", "--validate", file];
        run(&mut called(&lab, "exabgp", &arguments), "").0
    };
    assert_eq!(validate("etc/exabgp/x.conf"), 0);
    assert_eq!(validate("etc/exabgp/bad.conf"), 1);
    let arguments = ["--root", &root, "-e", "my.env", "--diff-env"];
    let (code, out, err) = run(&mut called(&lab, "exabgp", &arguments), "");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("exabgp.tcp.port=1790\n"), "{out}");
    let update = "0000 0014 400101 00 400206 0201 0000FDE9 400304 01020304 180A0001";
    let (code, out, err) = run(&mut called(&lab, "exabgp", &["--decode", update]), "");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("10.0.1.0/24"), "{out}");
}

#[test]
fn a_configuration_alone_is_run() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let file = lab.write("x.conf", &neighbor(port, ""));
    let file = file.to_str().expect("UTF-8");
    let mut child = super::start(&mut called(&lab, "exabgp", &["-d", file]));
    drop(crate::daemon::session(&listener));
    terminate(&child);
    let status = wait_for("its end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_command_line_client_has_its_own_names() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start(&lab, port);
    for name in ["exabgp-cli", "exabgpcli"] {
        let mut command = called(&lab, name, &["version"]);
        let (code, out, _) = run(
            command.env("oxabgp_api_socketpath", lab.path("control.sock")),
            "",
        );
        assert_eq!((code, out.as_str()), (0, "exabgp 5.0.15\n"));
    }
    let mut command = called(&lab, "exabgp", &["cli"]);
    let (code, out, _) = run(
        command.env("oxabgp_api_socketpath", lab.path("control.sock")),
        "",
    );
    assert!(
        out.starts_with("no commmand provided, sending \"help\"\n") && code == 0,
        "{out}"
    );
    assert!(out.contains("announce route"), "{out}");
}
