//! `oxabgp cli` and `oxabgp run`, over the socket and over named pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::mpsc;

use super::run;
use crate::daemon::control::{pipes, start, start_set};
use crate::daemon::{announced, listener, neighbor, session};
use crate::support::daemon::{Lab, copy_environment, oxabgp};
use crate::support::peer::LIMIT;

/// A command that connects to the lab's daemon over its socket.
fn client(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = oxabgp(arguments);
    command
        .env("oxabgp_api_socketpath", lab.path("control.sock"))
        .env("EXABGP_ROOT", lab.path("root"))
        .env("XDG_STATE_HOME", lab.path("state"));
    command
}

#[test]
fn one_command_is_spelt_out_shown_and_answered() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let _peer = session(&listener);
    let (code, out, err) = run(&mut client(&lab, &["cli", "s", "n", "s"]), "");
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("command: show neighbor summary"));
    assert!(lines.any(|line| line.starts_with("127.0.0.1")), "{out}");
    assert_eq!((code, err.as_str()), (0, ""));
    // Without a form, which ExaBGP requires, there is a table.
    for program in ["cli", "run"] {
        let (code, out, err) = run(&mut client(&lab, &[program, "show", "neighbor"]), "");
        assert!(out.starts_with("Neighbor      AS  State"), "{out}");
        assert!(out.contains("\n127.0.0.1  65001  established"), "{out}");
        assert_eq!((code, err.as_str()), (0, ""));
    }
    // Full words are not echoed, and the last word of the answer is not shown.
    let (code, out, _) = run(&mut client(&lab, &["cli", "version"]), "");
    assert_eq!((code, out.as_str()), (0, "exabgp 5.0.15\n"));
    // As with ExaBGP, a refused command does not change the exit code, but the reason is shown.
    let (code, out, err) = run(&mut client(&lab, &["cli", "anounce", "route"]), "");
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("did you mean `announce route`?"), "{err}");
    // A missing answer is not waited for.
    let (code, out, err) = run(&mut client(&lab, &["cli", "reset"]), "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
}

#[test]
fn standard_input_is_one_command_a_line() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start(&lab, port);
    let (code, out, err) = run(
        &mut client(&lab, &["cli"]),
        "version\n\nnonsense\n# a remark\nversion\n",
    );
    assert_eq!((code, out.as_str()), (0, "exabgp 5.0.15\nexabgp 5.0.15\n"));
    assert!(
        err.starts_with("error: there is no command `nonsense`"),
        "{err}"
    );
}

#[test]
fn scripts_see_by_the_exit_code_what_became_of_a_command() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start(&lab, port);
    let mut peer = session(&listener);
    let route = [
        "run",
        "announce",
        "route",
        "10.7.0.0/16",
        "next-hop",
        "192.0.2.1",
    ];
    let (code, out, err) = run(&mut client(&lab, &route), "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    announced(&mut peer, &[16, 10, 7]);
    let (code, out, err) = run(
        &mut client(&lab, &["run", "announce", "route", "10.7.0.0/99"]),
        "",
    );
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: "), "{err}");
    let (code, _, _) = run(&mut client(&lab, &["run"]), "version\nnonsense\nversion\n");
    assert_eq!(code, 1);
    daemon.stop();
    let (code, _, err) = run(&mut client(&lab, &["run", "version"]), "");
    assert_eq!(code, 3, "{err}");
}

#[test]
fn an_argument_is_no_second_command() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let mut daemon = start(&lab, port);
    for words in [
        &["version\nshutdown"][..],
        &["version", "\nshutdown"],
        &["version\r"],
        &["\x1e"],
    ] {
        for program in ["run", "cli"] {
            let arguments = [&[program], words].concat();
            let (code, out, err) = run(&mut client(&lab, &arguments), "");
            assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
            assert!(err.contains("it contains the control character"), "{err}");
        }
    }
    // A line of a batch that looks like the end of an answer.
    let (code, out, err) = run(&mut client(&lab, &["run"]), "version\n\x1e\nversion\n");
    assert_eq!((code, out.as_str()), (1, "exabgp 5.0.15\nexabgp 5.0.15\n"));
    assert!(
        err.starts_with("line 2: error: a command is one line"),
        "{err}"
    );
    let path = lab.write("a\nshutdown", &neighbor(port, ""));
    let socket = lab.path("control.sock");
    let mut preview = client(&lab, &["validate", "--against", "running", "--socket"]);
    let (code, _, err) = run(preview.args([&socket, &path]), "");
    assert_eq!(code, 1, "{err}");
    assert!(daemon.is_running());
    let (code, ..) = run(&mut client(&lab, &["run", "version"]), "");
    assert_eq!(code, 0);
}

#[test]
fn json_is_asked_for_where_there_is_some() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let _peer = session(&listener);
    let set = "set edge replace revision 1\nroute 10.7.0.0/16 next-hop 192.0.2.1\nset edge end\n";
    assert_eq!(run(&mut client(&lab, &["run"]), set).0, 0);
    for words in [
        "show neighbor",
        "show neighbor summary",
        "version",
        "show adj-rib out",
        "show checks",
        "show leases",
        "show set",
        "show set edge",
        "reload preview",
        // What is spelt out is not shown.
        "s n s",
    ] {
        let mut arguments = vec!["run", "--json"];
        arguments.extend(words.split(' '));
        let (code, out, err) = run(&mut client(&lab, &arguments), "");
        assert_eq!((code, err.as_str()), (0, ""), "{words}");
        assert!(!out.is_empty(), "{words}");
        for line in out.lines() {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|cause| panic!("{words}: {cause}: {line}"));
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn at_a_terminal_lines_are_edited_and_completed() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start(&lab, port);
    let program = format!("{} cli", env!("CARGO_BIN_EXE_oxabgp"));
    let mut script = Command::new("script");
    script.args(["-qec", &program, "/dev/null"]);
    copy_environment(&client(&lab, &[]), &mut script);
    script.env("TERM", "xterm");
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("SKIP: there is no `script` that makes a terminal");
        return;
    }
    let mut child = super::start(&mut script);
    let (mut keys, mut screen) = (
        child.stdin.take().expect("a pipe"),
        child.stdout.take().expect("a pipe"),
    );
    let (sender, shown) = mpsc::channel();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut chunk) {
            if sender.send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut all = String::new();
    let mut until = |wanted: &str| loop {
        if let Some(at) = all.find(wanted) {
            all.drain(..at + wanted.len());
            return;
        }
        let more = shown.recv_timeout(LIMIT);
        let more = more.unwrap_or_else(|_| panic!("no {wanted:?} after {all:?}"));
        all += &String::from_utf8_lossy(&more);
    };
    for (typed, wanted) in [
        (&b"vers\t\n"[..], "exabgp 5.0.15"),
        (b"nonsense\n", "error: there is no command `nonsense`"),
        // The terminal has another encoding.
        (b"caf\xe9 \n", "is not valid UTF-8"),
        // The previous line again.
        (b"\x1b[A\x1b[A\n", "exabgp 5.0.15"),
    ] {
        // Input before the prompt is lost.
        until("oxabgp> ");
        keys.write_all(typed).expect("written");
        until(wanted);
    }
    until("oxabgp> ");
    keys.write_all(b"exit\n").expect("written");
    assert!(child.wait().expect("it ends").success());
    // All of it is available the next time, to its owner only.
    let history = lab.path("state/oxabgp/history");
    let text = std::fs::read_to_string(&history).expect("a file");
    assert_eq!(text, "version\nnonsense\nversion\nexit\n");
    let facts = std::fs::metadata(history).expect("facts");
    assert_eq!(PermissionsExt::mode(&facts.permissions()) & 0o777, 0o600);
}

#[test]
fn a_file_of_commands_is_carried_out_to_its_end() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let mut peer = session(&listener);
    let lines = "# all of these\n\nannounce route 10.7.0.0/16 next-hop 192.0.2.1\nnonsense\n  #more\n\
        announce route 10.8.0.0/16 next-hop 192.0.2.1\n";
    let file = lab.write("commands", lines);
    let file = file.to_str().expect("UTF-8");
    let (code, out, err) = run(&mut client(&lab, &["run", "--batch", file]), "");
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(
        err.starts_with("line 4: error: there is no command `nonsense`"),
        "{err}"
    );
    announced(&mut peer, &[16, 10, 7]);
    announced(&mut peer, &[16, 10, 8]);
    // From standard input; all or nothing.
    let all = "begin\nannounce route 10.9.0.0/16 next-hop 192.0.2.1\nannounce route 10.9.0.0/99\ncommit\n";
    let (code, _, err) = run(&mut client(&lab, &["run", "--batch", "-"]), all);
    assert_eq!(code, 1, "{err}");
    let (code, out, _) = run(&mut client(&lab, &["run", "show", "adj-rib", "out"]), "");
    assert!(code == 0 && !out.contains("10.9."), "{out}");
    let good = all.replace("10.9.0.0/99", "10.10.0.0/16 next-hop 192.0.2.1");
    let (code, _, err) = run(&mut client(&lab, &["run", "--batch", "-"]), &good);
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, _, err) = run(&mut client(&lab, &["run", "--batch", "/no/such/file"]), "");
    assert_eq!(code, 1);
    assert!(err.contains("/no/such/file"), "{err}");
    let (code, _, _) = run(&mut client(&lab, &["run", "--batch", "-", "version"]), "");
    assert_eq!(code, 2, "a file or a command");
}

#[test]
fn without_a_daemon_three_lines_on_standard_error_report_where_was_looked() {
    let lab = Lab::new();
    for (name, wanted) in [("cli", 1), ("run", 3)] {
        let mut command = oxabgp(&[name, "--pipename", "oxabgp-nobody", "version"]);
        let (code, out, err) = run(command.env("EXABGP_ROOT", lab.path("root")), "");
        assert_eq!((code, out.as_str()), (wanted, ""), "{err}");
        assert_eq!(err.lines().count(), 3, "{err}");
        for part in [
            "error: ",
            "`oxabgp-nobody.sock`",
            "`oxabgp-nobody.in`",
            "/run/exabgp ",
            "\nhelp: ",
        ] {
            assert!(err.contains(part), "{part} in {err}");
        }
    }
    // A socket that is no longer served.
    let dead = lab.path("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("a socket"));
    for (name, wanted) in [("cli", 1), ("run", 3)] {
        let (code, out, err) = run(&mut client(&lab, &[name, "version"]), "");
        assert_eq!((code, out.as_str()), (wanted, ""), "{err}");
        assert!(
            err.starts_with("error: ") && err.lines().count() <= 3,
            "{err}"
        );
    }
}

#[test]
fn a_daemon_whose_name_only_begins_alike_is_another_one() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let edge = lab.path("control-edge.sock");
    let settings = [("oxabgp_api_socketpath", edge.to_str().expect("UTF-8"))];
    let mut daemon = start_set(&lab, &neighbor(port, ""), &settings);
    let named = lab.path("control.sock");
    let named = [
        "run",
        "--socket",
        named.to_str().expect("UTF-8"),
        "shutdown",
    ];
    for (arguments, wanted) in [
        (&["run", "shutdown"][..], 3),
        (&["cli", "shutdown"], 1),
        (&named, 3),
    ] {
        let (code, out, err) = run(&mut client(&lab, arguments), "");
        assert_eq!((code, out.as_str()), (wanted, ""), "{arguments:?}: {err}");
    }
    // Nor if a daemon that no longer runs has left its socket behind.
    let dead = lab.path("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("a socket"));
    let (code, _, err) = run(&mut client(&lab, &["run", "shutdown"]), "");
    assert_eq!(code, 3, "{err}");
    assert!(daemon.is_running());
    let edge = ["run", "--socket", edge.to_str().expect("UTF-8"), "version"];
    assert_eq!(run(&mut client(&lab, &edge), "").0, 0);
}

#[test]
fn a_wrong_setting_is_no_missing_daemon() {
    let lab = Lab::new();
    for name in ["cli", "run"] {
        let mut command = client(&lab, &["--env-file", "/no/such/file", name, "version"]);
        assert_eq!(run(&mut command, "").0, 1, "{name}");
        let mut command = client(&lab, &[name, "version"]);
        let (code, _, err) = run(command.env("oxabgp_tcp_port", "abc"), "");
        assert_eq!(code, 1, "{name}: {err}");
    }
    // It has no directory to work in.
    let mut command = oxabgp(&["demo"]);
    let (code, _, err) = run(command.env("TMPDIR", "/no/such/directory"), "");
    assert_eq!(code, 1, "{err}");
}

/// A daemon that answers the client's first request, and then exits in the middle of an answer.
fn dying(lab: &Lab) -> std::thread::JoinHandle<()> {
    let socket = lab.path("control.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        let mut next = || lines.next().expect("a line").expect("text");
        next();
        let frame = next();
        let mut stream = stream;
        write!(stream, "done\n{frame}\n").expect("written");
        next();
        next();
        write!(stream, "first\nsecond\nthird\nfou").expect("written");
    })
}

#[test]
fn a_daemon_that_dies_in_the_middle_of_an_answer_is_reported() {
    for (name, wanted) in [("cli", 1), ("run", 3)] {
        for (words, input) in [(&["help"][..], ""), (&[], "help\nhelp\n")] {
            let lab = Lab::new();
            let daemon = dying(&lab);
            let arguments: Vec<&str> = std::iter::once(name).chain(words.iter().copied()).collect();
            let (code, out, err) = run(&mut client(&lab, &arguments), input);
            assert_eq!(code, wanted, "{name}: {err}");
            assert!(out.starts_with("first\n"), "{out}");
            assert!(
                err.starts_with("error: the daemon has closed the connection"),
                "{name}: {err}"
            );
            daemon.join().expect("a client");
        }
    }
}

#[test]
fn commands_are_carried_out_even_if_their_answers_are_not_read() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let mut peer = session(&listener);
    let mut command = client(&lab, &["run"]);
    let mut child = super::start(&mut command);
    drop(child.stdout.take());
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(
        input,
        "help\nversion\nannounce route 10.7.0.0/16 next-hop 192.0.2.1"
    )
    .expect("written");
    drop(input);
    let (code, _, err) = super::texts(child.wait_with_output().expect("it ends"));
    assert_eq!((code, err.as_str()), (0, ""));
    announced(&mut peer, &[16, 10, 7]);
}

#[test]
fn over_named_pipes_it_is_as_exabgps_own() {
    let lab = Lab::new();
    let (commands, _answers) = pipes(&lab);
    let (_listener, port) = listener();
    let mut daemon = start(&lab, port);
    daemon.logged("to send commands");
    let ask = |words: &[&str]| {
        let mut arguments = vec!["cli", "--pipename", "oxabgp-test"];
        arguments.extend(words);
        run(&mut client(&lab, &arguments), "")
    };
    for _ in 0..3 {
        let (code, out, err) = ask(&["version"]);
        assert_eq!(
            (code, out.as_str(), err.as_str()),
            (0, "exabgp 5.0.15\n", "")
        );
    }
    let (code, out, err) = ask(&["s", "nonsense"]);
    assert_eq!((code, out.as_str()), (0, "command: show nonsense\n"));
    assert_eq!(
        err,
        "ExaBGP returns an error (see ExaBGP's logs for more information)\nuse help for a list of available commands\n"
    );
    assert_eq!(ask(&["reset"]).0, 0);
    let (code, out, _) = ask(&["shutdown"]);
    assert_eq!((code, out.as_str()), (0, "shutdown in progress\n"));
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(commands.exists(), "the pipes are not ours to remove");
    // The other end is closed.
    let (code, _, err) = ask(&["version"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("could not send command to ExaBGP (command timeout)"),
        "{err}"
    );
}
