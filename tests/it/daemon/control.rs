//! Operators: the control socket with many clients, and ExaBGP's named pipes.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::Command;

use oxabgp::bgp::message::MessageType;

use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::LIMIT;

/// A daemon with one neighbor and its sockets and pipes inside the lab.
pub(crate) fn start(lab: &Lab, port: u16) -> Daemon {
    start_with(lab, &neighbor(port, ""))
}

/// A daemon with this configuration and its sockets and pipes inside the lab.
pub(crate) fn start_with(lab: &Lab, configuration: &str) -> Daemon {
    start_set(lab, configuration, &[])
}

/// The same with more settings.
pub(crate) fn start_set(lab: &Lab, configuration: &str, more: &[(&str, &str)]) -> Daemon {
    let [root, socket] = ["root", "control.sock"].map(|name| lab.path(name));
    let mut settings = vec![
        ("exabgp_api_cli", "true"),
        ("exabgp_api_pipename", "oxabgp-test"),
        ("EXABGP_ROOT", root.to_str().expect("UTF-8")),
        ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
    ];
    settings.extend(more);
    let daemon = Daemon::start_with(lab, configuration, &settings);
    daemon.logged("is running");
    daemon
}

/// The same with settings of the roles of other users, who reach the control socket. Root only.
pub(crate) fn start_for_users(lab: &Lab, configuration: &str, roles: &[(&str, &str)]) -> Daemon {
    let daemon = start_set(lab, configuration, roles);
    fs::set_permissions(lab.path(""), PermissionsExt::from_mode(0o755)).expect("a mode");
    daemon
}

/// One client of the socket.
pub(crate) struct Client {
    lines: BufReader<UnixStream>,
}

impl Client {
    pub(crate) fn new(lab: &Lab) -> Self {
        let stream = UnixStream::connect(lab.path("control.sock")).expect("a socket");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        Self {
            lines: BufReader::new(stream),
        }
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        self.lines.get_ref()
    }

    pub(crate) fn submit(&mut self, text: &str) {
        self.lines
            .get_mut()
            .write_all(text.as_bytes())
            .expect("a daemon that reads");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("an answer");
        line
    }

    /// The answer to a command, up to the last line.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.submit(&format!("{command}\n\x1e\n"));
        let mut all = String::new();
        loop {
            match self.line().as_str() {
                "\x1e\n" => return all,
                "" => panic!("the daemon hung up after {all:?}"),
                line => all.push_str(line),
            }
        }
    }

    /// Returns `true` if the daemon has closed the connection.
    fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.lines.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(cause) => cause.kind() == ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn clients_of_the_socket_get_their_own_answers_only() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let mut daemon = start(&lab, port);
    let facts = fs::metadata(lab.path("control.sock")).expect("a socket");
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    let talk = |command: &'static str, answer: &'static str| {
        let mut client = Client::new(&lab);
        std::thread::spawn(move || {
            for _ in 0..500 {
                client.submit(&format!("{command}\n"));
                for wanted in answer.lines() {
                    assert_eq!(client.line().trim_end(), wanted);
                }
            }
        })
    };
    let talks = [
        talk("version", "exabgp 5.0.15\ndone"),
        talk("nonsense", "error"),
        talk("ack-id 7 # remark", "done 7"),
        talk("version", "exabgp 5.0.15\ndone"),
    ];
    for talk in talks {
        talk.join().expect("each hears what is its own");
    }
    // A client that has closed its sending side also gets its answers.
    let mut client = Client::new(&lab);
    client.submit("version\nversion\n");
    client
        .stream()
        .shutdown(Shutdown::Write)
        .expect("a half-closed socket");
    let mut all = String::new();
    client.lines.read_to_string(&mut all).expect("all answers");
    assert_eq!(all, "exabgp 5.0.15\ndone\nexabgp 5.0.15\ndone\n");
    assert_eq!(
        Client::new(&lab).ask("shutdown"),
        "shutdown in progress\ndone\n"
    );
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!lab.path("control.sock").exists());
}

#[test]
fn routes_are_listed_by_neighbor_and_family() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let neighbor =
        |last: u8| neighbor(port, "").replacen("127.0.0.1", &format!("127.0.0.{last}"), 1);
    let _daemon = start_with(&lab, &(neighbor(1) + &neighbor(2)));
    let mut client = Client::new(&lab);
    for route in [
        "2001:db8:1::/48",
        "10.1.0.0/16",
        "2001:db8:2::/48",
        "10.2.0.0/16",
    ] {
        let hop = if route.contains(':') {
            "2001:db8::1"
        } else {
            "192.0.2.1"
        };
        let command = format!("announce route {route} next-hop {hop}");
        assert_eq!(client.ask(&command), "done\n");
    }
    let listed = client.ask("show adj-rib out");
    let listed: Vec<&str> = listed
        .lines()
        .map(|line| line.split(" next-hop").next().unwrap_or(line))
        .collect();
    let mut wanted = Vec::new();
    for neighbor in ["127.0.0.1", "127.0.0.2"] {
        for (family, prefixes) in [
            ("ipv4 unicast", ["10.1.0.0/16", "10.2.0.0/16"]),
            ("ipv6 unicast", ["2001:db8:1::/48", "2001:db8:2::/48"]),
        ] {
            wanted.extend(prefixes.map(|prefix| format!("{neighbor} {family} {prefix}")));
        }
    }
    wanted.push("done".to_owned());
    assert_eq!(listed, wanted);
}

#[test]
fn a_client_that_vanishes_in_mid_command_changes_nothing() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start(&lab, port);
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    client.submit("announce route 10.1.0.0/16 next-hop 192.0.2.1 med");
    drop(client);
    daemon.logged("in the middle of a command");
    let mut client = Client::new(&lab);
    assert_eq!(
        client.ask("announce route 10.2.0.0/16 next-hop 192.0.2.1"),
        "done\n"
    );
    announced(&mut peer, &[16, 10, 2]);
    let table = client.ask("show adj-rib out");
    assert!(table.contains("10.2.0.0/16") && !table.contains("10.1."));
}

#[test]
fn a_client_that_sends_too_much_is_disconnected_and_one_that_reads_nothing_harms_no_other() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = start(&lab, port);
    let mut loud = Client::new(&lab);
    // The daemon may close before all of it is written.
    let _ = loud.lines.get_mut().write_all(&vec![b'x'; 3 << 20]);
    assert!(loud.is_closed());
    daemon.logged("received a command larger than 1048576 bytes");
    let deaf = Client::new(&lab);
    deaf.stream().set_nonblocking(true).expect("a mode");
    let mut other = Client::new(&lab);
    let commands = "help\n".repeat(10_000);
    let before = daemon.memory();
    let mut refusals = 0;
    while refusals < 5 {
        match deaf.stream().write(commands.as_bytes()) {
            Ok(_) => refusals = 0,
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => refusals += 1,
            Err(cause) => panic!("{cause}"),
        }
        assert_eq!(other.ask("version"), "exabgp 5.0.15\ndone\n");
    }
    let grown = daemon.memory().saturating_sub(before);
    assert!(grown < 128 * 1024, "{grown} KiB");
}

#[test]
fn a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    // A socket that is no longer served.
    drop(std::os::unix::net::UnixListener::bind(lab.path("control.sock")).expect("a socket"));
    let _daemon = start(&lab, port);
    assert_eq!(Client::new(&lab).ask("# hello"), "done\n");
    let second = Lab::new();
    let socket = lab.path("control.sock");
    let daemon = Daemon::start_with(
        &second,
        &neighbor(port, ""),
        &[
            ("exabgp_api_cli", "true"),
            ("exabgp_api_pipename", "oxabgp-test"),
            ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
        ],
    );
    daemon.logged("another daemon has the control socket");
    daemon.stop();
    assert_eq!(Client::new(&lab).ask("# hello"), "done\n");
}

#[test]
fn an_answer_to_sync_waits_until_the_routes_are_with_the_socket() {
    let lab = Lab::new();
    let (listener, port) = listener();
    // A peer that accepts almost nothing as long as it does not read.
    socket2::SockRef::from(&listener)
        .set_recv_buffer_size(8192)
        .expect("a size");
    let _daemon = start(&lab, port);
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    let count = 2000;
    for number in 0..count {
        let data = format!("{number:08x}").repeat(900);
        client.submit(&format!(
            "announce route 10.{}.{}.0/24 next-hop 192.0.2.1 attribute [ 0x99 0xc0 0x{data} ]\n",
            number / 250,
            number % 250
        ));
        assert_eq!(client.line(), "done\n");
    }
    client
        .submit("ack-id 1 sync announce route 10.99.0.0/16 next-hop 192.0.2.1\nack-id 2 version\n");
    let mut other = Client::new(&lab);
    wait_for("the route to be there", || {
        other
            .ask("show adj-rib out")
            .contains("10.99.0.0/16")
            .then_some(())
    });
    client.stream().set_nonblocking(true).expect("a mode");
    let mut early = String::new();
    let nothing = client.lines.read_line(&mut early);
    assert!(
        nothing.is_err(),
        "{early:?} came before the peer took the routes"
    );
    client.stream().set_nonblocking(false).expect("a mode");
    // The peer starts reading, and the answers arrive in order.
    let mut updates = 0;
    while updates <= count {
        let body = peer.expect(MessageType::UPDATE);
        updates += usize::from(body.len() > 11);
    }
    assert_eq!(client.line(), "done 1\n");
    assert_eq!(client.line(), "exabgp 5.0.15\n");
    assert_eq!(client.line(), "done 2\n");
    // Without a session there is nothing to wait for.
    drop(peer);
    drop::<TcpListener>(listener);
    wait_for("the session to be gone", || {
        (!other.ask("show neighbor summary").contains("established")).then_some(())
    });
    assert_eq!(other.ask("sync withdraw route 10.99.0.0/16"), "done\n");
}

/// ExaBGP's pipes, in a directory below `EXABGP_ROOT`.
pub(crate) fn pipes(lab: &Lab) -> (std::path::PathBuf, std::path::PathBuf) {
    let root_directory = lab.path("root/run/exabgp");
    fs::create_dir_all(&root_directory).expect("a root_directory");
    let (commands, answers) = (
        root_directory.join("oxabgp-test.in"),
        root_directory.join("oxabgp-test.out"),
    );
    let made = Command::new("mkfifo")
        .args([&commands, &answers])
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    (commands, answers)
}

/// Opens a pipe without waiting for the other side, for future output.
pub(crate) fn reader(path: &std::path::Path) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .expect("a pipe")
}

/// Reads until the output ends with a complete answer.
pub(crate) fn answer(pipe: &mut File) -> String {
    let mut all = Vec::new();
    wait_for("an answer", || {
        let mut chunk = [0; 4096];
        match pipe.read(&mut chunk) {
            Ok(count) => all.extend_from_slice(&chunk[..count]),
            Err(cause) => assert_eq!(cause.kind(), ErrorKind::WouldBlock),
        }
        let text = String::from_utf8_lossy(&all).into_owned();
        (text.ends_with("done\n") || text.ends_with("error\n")).then_some(text)
    })
}

/// Writes into a pipe and closes it.
pub(crate) fn put(path: &std::path::Path, text: &str) {
    let mut pipe = OpenOptions::new().write(true).open(path).expect("a pipe");
    pipe.write_all(text.as_bytes())
        .expect("a daemon that reads");
}

#[test]
fn the_named_pipes_serve_one_client_after_the_other() {
    let lab = Lab::new();
    let (commands, answers) = pipes(&lab);
    let (listener, port) = listener();
    let daemon = start(&lab, port);
    daemon.logged("to send commands");
    let mut peer = session(&listener);
    for _ in 0..3 {
        let mut recorded = reader(&answers);
        put(&commands, "version\n");
        assert_eq!(answer(&mut recorded), "exabgp 5.0.15\ndone\n");
        put(&commands, "nonsense\n");
        assert_eq!(answer(&mut recorded), "error\n");
    }
    // A client that exits in the middle of a command, and one that never reads.
    put(
        &commands,
        "announce route 10.1.0.0/16 next-hop 192.0.2.1 med",
    );
    daemon.logged("in the middle of a command");
    put(&commands, "announce route 10.2.0.0/16 next-hop 192.0.2.1\n");
    announced(&mut peer, &[16, 10, 2]);
    // Its answer may be in the pipe, or have been dropped: a client that first empties the pipe reads only its own.
    let mut recorded = reader(&answers);
    put(&commands, "ack-id mine # remark\n");
    wait_for("my answer", || {
        let mut chunk = [0; 4096];
        let count = recorded.read(&mut chunk).unwrap_or(0);
        let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
        text.ends_with("done mine\n").then_some(())
    });
    // A command that is too long is dropped, the one after it is not.
    let long = format!("{}\nversion\n", "x".repeat(3 << 20));
    put(&commands, &long);
    assert_eq!(
        answer_until(&mut recorded, "done\n"),
        "error\nexabgp 5.0.15\ndone\n"
    );
}

#[test]
fn a_pipe_without_reader_stops_nothing() {
    let lab = Lab::new();
    let (commands, answers) = pipes(&lab);
    let (listener, port) = listener();
    let daemon = start(&lab, port);
    daemon.logged("to send commands");
    let mut peer = session(&listener);
    let before = daemon.memory();
    // Answers of tens of megabytes that are not read.
    put(&commands, &"help\n".repeat(20_000));
    put(&commands, "announce route 10.4.0.0/16 next-hop 192.0.2.1\n");
    announced(&mut peer, &[16, 10, 4]);
    let grown = daemon.memory().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
    let mut recorded = reader(&answers);
    put(&commands, "ack-id mine version\n");
    // Remaining answers to others may arrive first.
    let mut all = Vec::new();
    wait_for("my answer", || {
        let mut chunk = [0; 64 * 1024];
        while let Ok(count @ 1..) = recorded.read(&mut chunk) {
            all.extend_from_slice(&chunk[..count]);
        }
        all.ends_with(b"exabgp 5.0.15\ndone mine\n").then_some(())
    });
}

/// Reads until the output ends with `end`.
fn answer_until(pipe: &mut File, end: &str) -> String {
    let mut all = String::new();
    while !all.ends_with(end) {
        all += &answer(pipe);
    }
    all
}

#[test]
fn without_pipes_the_log_explains_how_to_make_them() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    // With a socket they are not needed.
    let daemon = start(&lab, port);
    assert!(!daemon.log().contains("mkfifo"), "{}", daemon.log());
    daemon.stop();
    let settings = [
        ("exabgp_api_cli", "true"),
        ("exabgp_api_pipename", "oxabgp-test"),
        ("EXABGP_ROOT", lab.path("root").to_str().expect("UTF-8")),
        ("oxabgp_api_socketpath", "/no/such/directory/control.sock"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let daemon = Daemon::start_with(&lab, &neighbor(port, ""), &settings);
    let log = daemon.logged("> chmod 600");
    for line in [
        "could not find the named pipes (oxabgp-test.in and oxabgp-test.out) required for the cli",
        "we scanned the following folders (the number is your UID):",
        " - /run/exabgp",
        "> mkfifo ",
    ] {
        assert!(log.contains(line), "{line:?} is not in\n{log}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn another_user_is_refused_even_if_the_socket_is_open_to_all() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = start(&lab, port);
    for (name, mode) in [("", 0o755), ("control.sock", 0o666)] {
        fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).expect("a mode");
    }
    // The user `nobody` may not be able to run our program: it only has to connect and to write.
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        s.settimeout(20)\ntry:\n    s.sendall(b'shutdown\\n')\n    print(s.recv(100))\nexcept OSError:\n    print(b'')";
    let mut other = Command::new("python3");
    other.args(["-c", script]).arg(lab.path("control.sock"));
    std::os::unix::process::CommandExt::uid(&mut other, 65534);
    let Ok(output) = other.output() else {
        eprintln!("SKIP: there is no python3");
        return;
    };
    let sent = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(sent, "b''\n", "{}", String::from_utf8_lossy(&output.stderr));
    daemon.logged("it is another user");
    // Its owner is, and so is root.
    assert_eq!(Client::new(&lab).ask("version"), "exabgp 5.0.15\ndone\n");
}

/// A client of the control socket with another user's credentials: a script of Python, whose first argument is the socket.
pub(super) fn client_as(user: u32, lab: &Lab, script: &str) -> Command {
    let mut client = Command::new("python3");
    client.args(["-c", script]).arg(lab.path("control.sock"));
    std::os::unix::process::CommandExt::uid(&mut client, user);
    std::os::unix::process::CommandExt::gid(&mut client, user);
    client
}

/// What a client with another user's credentials is answered to these lines.
pub(crate) fn ask_as(user: u32, lab: &Lab, lines: &str) -> Option<String> {
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        s.settimeout(20)\nanswer = b''\ntry:\n    s.sendall(sys.argv[2].encode())\n    s.shutdown(socket.SHUT_WR)\n\
        \x20   while chunk := s.recv(4096): answer += chunk\nexcept OSError: pass\nsys.stdout.buffer.write(answer)";
    let mut client = client_as(user, lab, script);
    client.arg(lines);
    let output = client.output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_reader_sees_everything_and_changes_nothing() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    let (listener, port) = listener();
    let roles = [
        ("oxabgp_api_read-only", "60001 @60002"),
        ("oxabgp_api_full_access", "60003"),
    ];
    let mut daemon = start_for_users(&lab, &neighbor(port, ""), &roles);
    let mut peer = session(&listener);
    const CHANGES: &str = "session reasons enable\nannounce route 10.9.0.0/16 next-hop 192.0.2.1\n\
        neighbor 127.0.0.1 teardown 2\nshutdown\nshow neighbor summary\nversion\n";
    for reader in [60001, 60002] {
        let Some(answers) = ask_as(reader, &lab, CHANGES) else {
            eprintln!("SKIP: there is no python3");
            return;
        };
        assert_eq!(answers.matches("read-only").count(), 3, "{answers}");
        assert!(
            answers.contains("`shutdown` needs the role full"),
            "{answers}"
        );
        assert!(answers.contains("127.0.0.1"), "{answers}");
        assert!(answers.ends_with("exabgp 5.0.15\ndone\n"), "{answers}");
    }
    daemon.logged("the role of this client is read-only");
    // Neither in the list nor the owner.
    assert_eq!(ask_as(60004, &lab, "version\n").as_deref(), Some(""));
    daemon.logged("it is another user");
    assert!(daemon.is_running());
    // One with the full role, and the owner.
    let line = "announce route 10.8.0.0/16 next-hop 192.0.2.1\n";
    assert_eq!(ask_as(60003, &lab, line).as_deref(), Some("done\n"));
    announced(&mut peer, &[16, 10, 8]);
    assert_eq!(
        Client::new(&lab).ask("shutdown"),
        "shutdown in progress\ndone\n"
    );
    assert_eq!(daemon.ended().code(), Some(0));
}

/// Routes of the long answer: about 15 MB of text.
const LISTED: usize = 120_000;

#[test]
fn a_long_answer_is_made_while_it_is_read_and_delays_nothing() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = start(&lab, port);
    let mut speaker = Client::new(&lab);
    let lines: String = (0..LISTED)
        .map(|number| {
            let [_, b, c, d] = u32::try_from(number).expect("small").to_be_bytes();
            format!("announce route 10.{b}.{c}.{d}/32 next-hop 192.0.2.1 med {number}\n")
        })
        .collect();
    let mut stream = speaker.stream().try_clone().expect("a second handle");
    let talk = std::thread::spawn(move || stream.write_all(lines.as_bytes()));
    for _ in 0..LISTED {
        assert_eq!(speaker.line(), "done\n");
    }
    talk.join().expect("no panic").expect("a daemon that reads");
    let before = daemon.memory();
    let mut slow = Client::new(&lab);
    slow.submit("show adj-rib out extensive\nversion\n");
    assert!(slow.line().contains(" med "), "it begins at once");
    for _ in 0..20 {
        assert_eq!(speaker.ask("version"), "exabgp 5.0.15\ndone\n");
    }
    let grown = daemon.memory().saturating_sub(before);
    assert!(
        grown < 8 * 1024,
        "{grown} KiB for an answer that is not read"
    );
    // The rest is complete, and later answers follow it.
    for _ in 1..LISTED {
        let line = slow.line();
        assert!(line.contains(" med "), "{line}");
    }
    let end: Vec<String> = (0..3).map(|_| slow.line()).collect();
    assert_eq!(end, ["done\n", "exabgp 5.0.15\n", "done\n"]);
}

#[test]
fn routes_that_are_announced_together_are_counted() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start(&lab, port);
    let mut client = Client::new(&lab);
    // The first line makes the selector known; the others are read as one run.
    client.ask("announce route 10.0.0.0/24 next-hop 192.0.2.1");
    let lines: String = (1..50)
        .map(|number| format!("announce route 10.0.{number}.0/24 next-hop 192.0.2.1\n"))
        .collect();
    client.submit(&lines);
    (1..50).for_each(|_| assert_eq!(client.line(), "done\n"));
    let status = client.ask("system status");
    assert!(status.contains("\"ipv4 unicast\": 50"), "{status}");
    client.ask("withdraw route 10.0.7.0/24");
    let status = client.ask("system status");
    assert!(status.contains("\"ipv4 unicast\": 49"), "{status}");
}
