//! Started with ExaBGP's names.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::run;
use crate::daemon::control::start;
use crate::daemon::{listener, neighbor};
use crate::support::daemon::{Lab, copy_environment, oxabgp, terminate, wait_for};

/// The program under another name, with the settings of tests.
fn called(lab: &Lab, name: &str, arguments: &[&str]) -> Command {
    let link = lab.path(name);
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_oxabgp"), &link).expect("a link");
    }
    let mut command = Command::new(link);
    command.args(arguments);
    copy_environment(&oxabgp(&[]), &mut command);
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
    std::fs::create_dir_all(lab.path("etc/exabgp")).expect("a directory");
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
fn the_root_of_a_link_is_that_of_its_own_place() {
    let lab = Lab::new();
    for directory in ["bin", "etc/exabgp"] {
        std::fs::create_dir_all(lab.path(directory)).expect("a directory");
    }
    lab.write("etc/exabgp/exabgp.env", "[exabgp.tcp]\nport = 1790\n");
    let settings = |command: &mut Command| run(command, "").1;
    let by_path = settings(&mut called(&lab, "bin/exabgp", &["env", "-d"]));
    assert!(by_path.contains("port = 1790\n"), "{by_path}");
    // As a shell starts it that has found it in PATH, and as one that is in the folder.
    let mut named = called(&lab, "bin/exabgp", &["env", "-d"]);
    named.arg0("exabgp").env("PATH", lab.path("bin"));
    assert_eq!(settings(&mut named), by_path);
    let mut relative = called(&lab, "bin/exabgp", &["env", "-d"]);
    relative.arg0("bin/exabgp").current_dir(lab.path(""));
    assert_eq!(settings(&mut relative), by_path);
    let mut other = called(&lab, "bin/exabgp", &["env", "-d"]);
    other.arg0("exabgp").env("PATH", "/nowhere");
    let elsewhere = settings(&mut other);
    assert!(!elsewhere.contains("1790"), "{elsewhere}");
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
    // ExaBGP's hints, where `oxabgp cli` has a table.
    let mut command = called(&lab, "exabgpcli", &["show", "neighbor"]);
    let (code, out, _) = run(
        command.env("oxabgp_api_socketpath", lab.path("control.sock")),
        "",
    );
    assert!(out.starts_with("please specify summary"), "{out}");
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
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

#[test]
fn the_client_of_4_2_has_its_options_and_the_form_of_its_answers() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let mut peer = crate::daemon::session(&listener);
    let ask = |name: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = called(&lab, name, &words);
        command.env("oxabgp_api_socketpath", lab.path("control.sock"));
        run(&mut command, "")
    };
    let route = "announce route 10.7.0.0/16 next-hop 192.0.2.1";
    assert_eq!(ask("exabgpcli", route).0, 0);
    crate::daemon::announced(&mut peer, &[16, 10, 7]);
    let root = lab.path("root").display().to_string();
    let plain = "127.0.0.1 ipv4 unicast 10.7.0.0/16 next-hop 192.0.2.1\n";
    assert_eq!(ask("exabgp-cli", "show adj-rib out").1, plain);
    for words in [
        "show adj-rib out".to_owned(),
        format!("--root {root} show adj-rib out"),
        format!("-f {root} show adj-rib out"),
        format!("show adj-rib out --root={root}"),
    ] {
        let (code, out, err) = ask("exabgpcli", &words);
        assert_eq!((code, err.as_str()), (0, ""), "{words}");
        assert_eq!(out, format!("neighbor {plain}"), "{words}");
    }
    let (_, out, _) = ask("exabgpcli", "show adj-rib out extensive");
    assert!(out.starts_with("neighbor 127.0.0.1 local-ip "), "{out}");
    // Names of 4.2's environment files are relative to the root's.
    std::fs::create_dir_all(lab.path("root/etc/exabgp")).expect("a directory");
    lab.write(
        "root/etc/exabgp/my.env",
        "[exabgp.api]\npipename = 'of-the-file'\n",
    );
    for words in ["-e my.env", "--env my.env", "--env=my.env"] {
        let line = format!("version {words} --root {root}");
        let words: Vec<&str> = line.split(' ').collect();
        let (code, out, err) = run(&mut called(&lab, "exabgpcli", &words), "");
        assert_eq!(code, 1, "{err}");
        assert!(
            out.contains("(of-the-file.in and of-the-file.out)"),
            "{out}"
        );
        assert!(out.contains(&format!(" - {root}/run/exabgp/\n")), "{out}");
    }
    // Without a command it prints its usage.
    let (code, out, _) = run(&mut called(&lab, "exabgpcli", &[]), "");
    assert!(code == 0 && out.contains("Usage"), "{out}");
}

/// A command line, its exit code, and text that standard output and standard error must contain.
type Line<'a> = (&'a str, i32, &'a str, &'a str);

/// Every option of 5.0.15 and 4.2 with both of its names: it takes effect, or is reported to have no effect. `GOOD`
/// is a configuration whose peer refuses connections: with one attempt the daemon exits by itself.
const LINES: &[Line<'_>] = &[
    // 5.0: exabgp server
    ("server -1 GOOD", 0, "", "is running"),
    ("server --once GOOD", 0, "", "no more attempts"),
    ("server -1 -v GOOD", 0, "", "Z  INFO oxabgp"),
    ("server -1 --verbose GOOD", 0, "", "Z  INFO oxabgp"),
    ("server -1 -d GOOD", 0, "", "Z  INFO oxabgp"),
    ("server -1 --debug GOOD", 0, "", "Z  INFO oxabgp"),
    ("server -1 -m GOOD", 0, "", "`--memory` has no effect"),
    ("server -1 --memory GOOD", 0, "", "`--memory` has no effect"),
    ("server -1 -p GOOD", 0, "", "`--pdb` has no effect"),
    ("server -1 --pdb GOOD", 0, "", "`--pdb` has no effect"),
    (
        "server -1 --profile x GOOD",
        0,
        "",
        "`--profile` has no effect",
    ),
    ("server", 2, "", "Usage"),
    ("server --no-such GOOD", 2, "", "--no-such"),
    ("server -1 /no/such.conf", 1, "", "no/such.conf"),
    // 5.0: exabgp validate
    ("validate GOOD", 0, "", "good"),
    ("validate BAD", 1, "", "hold-time"),
    ("validate -n GOOD", 0, "", "good"),
    ("validate --neighbor GOOD", 0, "", "good"),
    ("validate -r GOOD", 0, "", "good"),
    ("validate --route GOOD", 0, "", "good"),
    ("validate -v GOOD", 0, "neighbor 127.0.0.1 {", "good"),
    ("validate --verbose GOOD", 0, "neighbor 127.0.0.1 {", "good"),
    ("validate -p GOOD", 0, "", "`--pdb` has no effect"),
    ("validate --pdb GOOD", 0, "", "`--pdb` has no effect"),
    ("validate GOOD BAD", 1, "", "hold-time"),
    // 5.0: exabgp env
    ("env", 0, "\n[exabgp.tcp]\nacl = false", ""),
    ("env -d", 0, "", ""),
    ("env --diff -e", 0, "exabgp.api.cli=false\n", ""),
    ("env --env", 0, "exabgp.tcp.port=179\n", ""),
    // 5.0: exabgp decode
    ("decode HEX", 0, "10.0.1.0/24", ""),
    ("decode -u HEX", 0, "10.0.1.0/24", ""),
    ("decode --update HEX", 0, "10.0.1.0/24", ""),
    ("decode -o HEX", 0, "10.0.1.0/24", ""),
    ("decode --open HEX", 0, "10.0.1.0/24", ""),
    ("decode -d HEX", 0, "10.0.1.0/24", "`--debug` has no effect"),
    (
        "decode --debug HEX",
        0,
        "10.0.1.0/24",
        "`--debug` has no effect",
    ),
    ("decode -p HEX", 0, "10.0.1.0/24", "`--pdb` has no effect"),
    (
        "decode --pdb HEX",
        0,
        "10.0.1.0/24",
        "`--pdb` has no effect",
    ),
    ("decode -c GOOD HEX", 0, "\"local\": 65000", ""),
    ("decode --configuration GOOD HEX", 0, "\"local\": 65000", ""),
    ("decode -f ipv4~unicast HEX", 0, "10.0.1.0/24", ""),
    (
        "decode --family ipv4~unicast -n 180A0001",
        0,
        "10.0.1.0/24",
        "",
    ),
    (
        "decode -f ipv4~unicast --nlri 180A0001",
        0,
        "10.0.1.0/24",
        "",
    ),
    (
        "decode -f ipv4~unicast -i -n 00000007180A0001",
        0,
        "0.0.0.7",
        "",
    ),
    (
        "decode -f ipv4~unicast --path-information -n 00000007180A0001",
        0,
        "0.0.0.7",
        "",
    ),
    ("decode zz", 1, "", "error"),
    // 5.0: the rest
    ("version", 0, "ExaBGP : 5.0.15\n", ""),
    (
        "cli --pipename oxabgp-nobody version",
        1,
        "(oxabgp-nobody.in and oxabgp-nobody.out)",
        "",
    ),
    ("--help", 0, "Usage", ""),
    ("-h", 0, "Usage", ""),
    ("", 1, "Usage", ""),
    ("--env-file ENV env -e", 0, "exabgp.bgp.openwait=7\n", ""),
    ("env -e --env-file=ENV", 0, "exabgp.bgp.openwait=7\n", ""),
    ("typo", 1, "", "typo"),
    // 4.2
    ("-1 GOOD", 0, "", "is running"),
    ("GOOD --once", 0, "", "is running"),
    ("--version", 0, "ExaBGP : 5.0.15\n", ""),
    ("-v", 0, "ExaBGP : 5.0.15\n", ""),
    ("-e ENV --fe", 0, "exabgp.bgp.openwait=7\n", ""),
    ("--env ENV --full-env", 0, "exabgp.bgp.openwait=7\n", ""),
    ("-e ENV --de", 0, "exabgp.bgp.openwait=7\n", ""),
    ("-e ENV --diff-env", 0, "exabgp.bgp.openwait=7\n", ""),
    ("-e ENV --fi", 0, "openwait = 7\n", ""),
    ("-e ENV --full-ini", 0, "openwait = 7\n", ""),
    ("-e ENV --di", 0, "openwait = 7\n", ""),
    ("-e ENV --diff-ini", 0, "openwait = 7\n", ""),
    ("-f ROOT --fe", 0, "exabgp.bgp.openwait=9\n", ""),
    ("--root ROOT --fe", 0, "exabgp.bgp.openwait=9\n", ""),
    ("-t GOOD", 0, "", "good"),
    ("--test BAD", 1, "", "hold-time"),
    ("--validate GOOD", 0, "", "good"),
    ("-x HEX", 0, "10.0.1.0/24", ""),
    ("--decode HEX", 0, "10.0.1.0/24", ""),
    ("--decode HEX GOOD", 0, "\"local\": 65000", ""),
    ("-1 -d GOOD", 0, "", "Z  INFO oxabgp"),
    ("-1 --debug GOOD", 0, "", "Z  INFO oxabgp"),
    ("-1 -s GOOD", 0, "", "`--memory` has no effect"),
    ("-1 --memory GOOD", 0, "", "`--memory` has no effect"),
    ("-1 -p GOOD", 0, "", "`--pdb` has no effect"),
    ("-1 --pdb GOOD", 0, "", "`--pdb` has no effect"),
    ("-1 --profile x GOOD", 0, "", "`--profile` has no effect"),
    (
        "--run cli --pipename oxabgp-nobody version",
        1,
        "(oxabgp-nobody.in",
        "",
    ),
    ("--run healthcheck --help", 0, "Usage", ""),
];

#[test]
fn every_option_of_exabgp_works_or_has_a_warning() {
    let lab = Lab::new();
    let (free, port) = listener();
    drop(free);
    let good = lab.write("good.conf", &neighbor(port, ""));
    let bad = lab.write("bad.conf", &neighbor(port, "hold-tiem 3;"));
    let env = lab.write("my.env", "[exabgp.bgp]\nopenwait = 7\n");
    std::fs::create_dir_all(lab.path("root/etc/exabgp")).expect("a directory");
    lab.write("root/etc/exabgp/exabgp.env", "[exabgp.bgp]\nopenwait = 9\n");
    let mut failures = Vec::new();
    for (line, wanted, on_out, on_err) in LINES {
        let words: Vec<String> = line
            .split_ascii_whitespace()
            .map(|word| {
                let path = match word {
                    "GOOD" => &good,
                    "BAD" => &bad,
                    "ENV" => &env,
                    "ROOT" => return lab.path("root").to_str().expect("UTF-8").to_owned(),
                    "HEX" => {
                        return "00000014400101004002060201 0000FDE9400304010203 04180A0001"
                            .to_owned();
                    }
                    word => {
                        let env = env.to_str().expect("UTF-8");
                        return word.replace('~', " ").replace("=ENV", &format!("={env}"));
                    }
                };
                path.to_str().expect("UTF-8").to_owned()
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (code, out, err) = run(&mut called(&lab, "exabgp", &words), "");
        let quiet = *wanted != 0 || !on_err.is_empty() || err.is_empty();
        if code != *wanted || !out.contains(on_out) || !err.contains(on_err) || !quiet {
            failures.push(format!(
                "exabgp {line}\n  code {code}\n  out {out}\n  err {err}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_passive_server_never_connects_and_a_signal_reloads_by_itself() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let file = lab.write("x.conf", &neighbor(port, ""));
    let file = file.to_str().expect("UTF-8");
    for option in ["-P", "--passive"] {
        for wait in ["-s", "--signal"] {
            let log = lab.path("log");
            let mut command = called(&lab, "exabgp", &["server", option, wait, "1", file]);
            command.stderr(std::fs::File::create(&log).expect("a file"));
            let mut child = command.spawn().expect("the program starts");
            lab.lines("log", |lines| {
                lines
                    .iter()
                    .any(|line| line.contains("the configuration is reloaded"))
            });
            listener.set_nonblocking(true).expect("a mode");
            assert!(listener.accept().is_err(), "{option}: it connects");
            terminate(&child);
            let status = wait_for("its end", || child.try_wait().expect("a status"));
            assert_eq!(status.code(), Some(0));
        }
    }
}

/// The exact output of `exabgp env` of 5.0.15.
const ENV_5_0_15: &str = "
[exabgp.api]
ack = true
chunk = 1
cli = true
compact = false
encoder = json
pipename = 'exabgp'
respawn = true
show-routes-format = v1
terminate = false

[exabgp.bgp]
openwait = 60
passive = false

[exabgp.cache]
attributes = true
nexthops = true

[exabgp.daemon]
daemonize = false
drop = true
pid = ''
umask = '0o137'
user = 'nobody'

[exabgp.log]
all = false
configuration = true
daemon = true
destination = 'stdout'
enable = true
level = INFO
message = false
network = true
packets = false
parser = false
processes = true
reactor = true
rib = false
routes = false
short = true
statistics = true
timers = false

[exabgp.pdb]
enable = false

[exabgp.profile]
enable = false
file = ''

[exabgp.reactor]
speed = 1.0

[exabgp.tcp]
acl = false
attempts = 0
bind = ''
delay = 0
once = false
port = 179
";

#[test]
fn settings_are_listed_to_the_byte_as_exabgp_lists_them() {
    let lab = Lab::new();
    let list = |options: &[&str], settings: &[(&str, &str)]| {
        let mut words = vec!["env"];
        words.extend(options);
        let mut command = called(&lab, "exabgp", &words);
        command.env_clear();
        command.envs(settings.iter().copied());
        let (code, out, err) = run(&mut command, "");
        assert_eq!((code, err.as_str()), (0, ""));
        out
    };
    assert_eq!(list(&[], &[]), ENV_5_0_15);
    assert_eq!(list(&["-d"], &[]), "");
    assert_eq!(list(&["-d", "-e"], &[]), "");
    let settings = [
        ("exabgp_tcp_port", "1790"),
        ("exabgp_log_level", "debug"),
        ("exabgp_daemon_umask", "0022"),
        ("exabgp_tcp_bind", "192.0.2.1 ::1"),
        ("exabgp_api_ack", "0"),
        ("exabgp_daemon_pid", "/tmp/x"),
    ];
    assert_eq!(
        list(&["-d"], &settings),
        "\n[exabgp.api]\nack = false\n\n[exabgp.daemon]\npid = '/tmp/x'\numask = '0o22'\n\n[exabgp.log]\nlevel = DEBUG\n\n[exabgp.tcp]\nbind = '192.0.2.1 ::1'\nport = 1790\n"
    );
    assert_eq!(
        list(&["-d", "-e"], &settings),
        "exabgp.daemon.pid='/tmp/x'\nexabgp.daemon.umask='0o22'\nexabgp.log.level=DEBUG\nexabgp.tcp.bind='192.0.2.1 ::1'\nexabgp.tcp.port=1790\nexabgp.api.ack=false\n"
    );
}
