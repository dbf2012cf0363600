//! Archives of a running daemon, read back by the stream reader.

use std::fs::{self, File};
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use oxabgp::bgp::capability::AddPath;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Asn, Capability, Family};
use oxabgp::mrt::bgp4mp::Direction;
use oxabgp::stream::{Elem, Sent, Stream};

use super::control::{Client, start_with};
use super::{announced, listener, neighbor, session, update};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement, open};

const STATIC: &str = "static { route 10.1.0.0/16 next-hop 192.0.2.1; }";

/// All elems of a file, in its order.
fn elems(path: &Path) -> Vec<Elem> {
    let builder = Stream::builder().path(path).expect("a file");
    let stream = builder.sent(Sent::Include).build().expect("a stream");
    stream.elems().map(Elem::from).collect()
}

/// One line for each elem: letter, prefix or state, path identifier, `sent`.
fn lines(path: &Path) -> Vec<String> {
    let line = |elem: &Elem| {
        let what = match (elem.prefix(), elem.new_state) {
            (Some(prefix), _) => prefix.to_string(),
            (None, Some(state)) => format!("{state}"),
            (None, None) => String::new(),
        };
        let id = elem.path_id().map_or(String::new(), |id| format!(" {id}"));
        let sent = match elem.direction {
            Direction::Sent => " sent",
            Direction::Received | Direction::Mirrored => "",
        };
        format!("{} {what}{id}{sent}", elem.kind.letter())
    };
    elems(path).iter().map(line).collect()
}

/// Runs Debian's bgpdump on a file, if it is installed.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
fn bgpdump(path: &Path) -> Option<String> {
    let Ok(output) = Command::new("bgpdump").arg("-m").arg(path).output() else {
        eprintln!("SKIPPED: no bgpdump");
        return None;
    };
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    // It logs the name of the file, and what it does not know.
    assert!(!log.contains("error") && !log.contains("UNKNOWN"), "{log}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn messages_and_states_of_a_session_are_archived_as_they_were_on_the_wire() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = lab.path("u.mrt");
    let archive = format!(
        "mrt {{ updates {{ file \"{}\"; rotate 0; }} }}\n",
        path.display()
    );
    let mut daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &archive));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 2]));
    peer.send(MessageType::UPDATE, &[0, 4, 24, 192, 0, 2, 0, 0]);
    // What follows a ROUTE-REFRESH was received before it.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    update(&mut peer);
    daemon.signal("TERM");
    assert!(daemon.ended().success());
    let seen = lines(&path);
    let wanted = [
        "A 10.1.0.0/16 sent",
        "A 192.0.2.0/24",
        "W 192.0.2.0/24",
        "A 10.1.0.0/16 sent",
    ];
    let routes: Vec<&String> = seen.iter().filter(|line| !line.starts_with('S')).collect();
    assert_eq!(routes, wanted);
    let states: Vec<&String> = seen.iter().filter(|line| line.starts_with('S')).collect();
    assert!(states.contains(&&"S ESTABLISHED".to_owned()), "{seen:?}");
    assert_eq!(states.last(), Some(&&"S IDLE".to_owned()), "{seen:?}");
    let first = &elems(&path)[0];
    assert_eq!(first.peer_asn, Asn(65001));
    assert_eq!(first.peer_address, Some(Ipv4Addr::LOCALHOST.into()));
    if let Some(text) = bgpdump(&path) {
        assert!(text.contains("|A|127.0.0.1|65001|192.0.2.0/24|65001|IGP|192.0.2.1|"));
        assert!(text.contains("|STATE|127.0.0.1|65001|"), "{text}");
    }
}

#[test]
fn path_identifiers_and_narrow_as_numbers_have_their_own_subtypes() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (path, portable) = (lab.path("u.mrt.gz"), lab.path("p.mrt"));
    let what = "rotate 0; messages [ received ]; types [ update ];";
    let archive = format!(
        "mrt {{ updates {{ file \"{}\"; compress gzip; {what} }} updates {{ file \"{}\"; portable; {what} }} }}\n",
        path.display(),
        portable.display()
    );
    let body = "capability { add-path receive; }";
    let mut daemon = Daemon::start(&lab, &(neighbor(port, body) + &archive));
    let mut peer = RawPeer::accept(&listener);
    let mut ours = open(65001, [10, 0, 0, 2]);
    ours.capabilities = Offer {
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        ..Offer::default()
    }
    .capabilities();
    ours.capabilities.push(Capability::AddPath(AddPath(vec![(
        Family::IPV4_UNICAST,
        AddPathMode::SEND,
    )])));
    peer.establish(&ours);
    let attributes = [
        0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xFD, 0xE9, 0x40, 3, 4, 192, 0, 2, 1,
    ];
    let body = [
        &[0, 0, 0, 18][..],
        &attributes,
        &[0, 0, 0, 7, 24, 192, 0, 2],
    ]
    .concat();
    peer.send(MessageType::UPDATE, &body);
    // An IPv6 route has none on this session, so that its record must not say so.
    let reach = [
        &[0x80, 14, 26, 0, 2, 1, 16][..],
        &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 32, 0x20, 1, 0xD, 0xB8],
    ]
    .concat();
    let length = u8::try_from(11 + reach.len()).expect("short");
    let body = [&[0, 0, 0, length][..], &attributes[..11], &reach].concat();
    peer.send(MessageType::UPDATE, &body);
    peer.send(MessageType::NOTIFICATION, &[6, 4]);
    daemon.logged("NOTIFICATION received");
    daemon.signal("TERM");
    assert!(daemon.ended().success());
    assert_eq!(lines(&path), ["A 192.0.2.0/24 7", "A 2001:db8::/32"]);
    let elem = &elems(&path)[0];
    assert_eq!(elem.origin_asn(), Some(Asn(65001)));
    let log = daemon.log();
    assert!(!log.contains("lost") && !log.contains("dropped"), "{log}");
    // Other readers do not know path identifiers.
    assert_eq!(lines(&portable), ["A 2001:db8::/32"]);
    let left_out = log
        .lines()
        .find(|line| line.contains("messages were left out"));
    assert!(
        left_out.is_some_and(|line| line.contains("left_out=1")),
        "{log}"
    );
}

#[test]
fn files_are_named_when_they_are_whole() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let folder = lab.path("a");
    let archive = format!(
        "mrt updates {{ file \"{}/%Y/u.%s.mrt\"; rotate 1; }}\n",
        folder.display()
    );
    let _daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &archive));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let file = wait_for("a whole file", || {
        let years = fs::read_dir(&folder).ok()?;
        let files = years.filter_map(|year| fs::read_dir(year.ok()?.path()).ok());
        let mut paths = files.flatten().map(|file| file.expect("a file").path());
        paths.find(|path| path.extension().is_some_and(|end| end == "mrt"))
    });
    assert!(!elems(&file).is_empty(), "{}", file.display());
    // Under the umask 0137, which is meant for files.
    for folder in file.ancestors().skip(1).take(2) {
        let mode = fs::metadata(folder).expect("facts").permissions().mode();
        assert_eq!(mode & 0o777, 0o750, "{}", folder.display());
    }
}

#[test]
fn a_disk_that_fails_costs_records_and_nothing_else() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let full = "/dev/full";
    let path = lab.path("no/u.mrt");
    lab.write("no", "a file where a folder is needed");
    let archives = format!(
        "mrt {{ updates {{ file \"{full}\"; rotate 0; }} updates {{ file \"{}\"; rotate 0; }} }}\n",
        path.display()
    );
    let daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &archives));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    for _ in 0..100 {
        peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 2]));
    }
    // The session goes on.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
    let lost = "records cannot be written and are lost";
    let both = || {
        let log = daemon.log();
        (log.matches(lost).count() >= 2).then_some(log)
    };
    let log = wait_for("both warnings", both);
    assert_eq!(log.matches(lost).count(), 2, "once for each: {log}");
    assert!(log.contains("No space left"), "{log}");
    // Once the folder can be made, the archive goes on.
    fs::remove_file(lab.path("no")).expect("removed");
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 3]));
    daemon.logged("records are written again");
    wait_for("the file", || {
        let bytes = fs::read(&path).ok()?;
        (!bytes.is_empty() && lines(&path).contains(&"A 192.0.3.0/24".to_owned())).then_some(())
    });
}

#[test]
fn a_disk_that_does_not_answer_costs_its_buffer() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let fifo = lab.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let archive = format!(
        "mrt updates {{ file \"{}\"; rotate 0; buffer 1; }}\n",
        fifo.display()
    );
    let daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &archive));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    // The thread waits for a reader of the pipe, and 2 MiB of records do not fit.
    let nlri: Vec<u8> = (0..=255).flat_map(|number| [24, 192, 0, number]).collect();
    let message = announcement(65001, &nlri);
    for _ in 0..2_000 {
        peer.send(MessageType::UPDATE, &message);
    }
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
    let log = daemon.logged("records are dropped");
    assert_eq!(log.matches("records are dropped").count(), 1, "{log}");
    let reader = std::thread::spawn({
        move || {
            let mut all = Vec::new();
            File::open(fifo)
                .and_then(|mut file| file.read_to_end(&mut all))
                .expect("bytes");
            all
        }
    });
    // With room again, the next message is written, and what was lost is counted.
    wait_for("the archive to go on", || {
        peer.send(
            MessageType::UPDATE,
            &announcement(65001, &[24, 198, 51, 100]),
        );
        daemon.log().contains("are written again").then_some(())
    });
    daemon.stop();
    let all = lab.path("all.mrt");
    fs::write(&all, reader.join().expect("all bytes")).expect("written");
    assert!(lines(&all).contains(&"A 198.51.100.0/24".to_owned()));
}

#[test]
fn tables_are_dumped_on_request_and_at_intervals() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let folder = lab.path("tables");
    let archive = format!(
        "mrt {{ table {{ file \"{0}/in.%s.mrt\"; every 1; }} table {{ file \"{0}/out.%s.mrt.gz\"; table adj-rib-out; compress gzip; }} }}\n",
        folder.display()
    );
    let daemon = start_with(&lab, &(neighbor(port, STATIC) + &archive));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 192, 0, 3, 16, 10, 2, 24, 192, 0, 2]),
    );
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    update(&mut peer);
    let mut client = Client::new(&lab);
    let file = lab.path("in.mrt");
    assert_eq!(
        client.ask(&format!("mrt dump {}", file.display())),
        "done\n"
    );
    assert_eq!(
        lines(&file),
        ["R 10.2.0.0/16", "R 192.0.2.0/24", "R 192.0.3.0/24"]
    );
    if let Some(text) = bgpdump(&file) {
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("|B|127.0.0.1|65001|10.2.0.0/16|65001|IGP|192.0.2.1|"));
    }
    let file = lab.path("out.mrt.gz");
    let answer = client.ask(&format!("ack-id 7 mrt dump {} out", file.display()));
    assert_eq!(answer, "done 7\n");
    assert_eq!(lines(&file), ["R 10.1.0.0/16"]);
    assert_eq!(elems(&file)[0].origin_asn(), Some(Asn(65000)));
    // Those of the configuration, too.
    assert_eq!(client.ask("mrt dump"), "done\n");
    let written = |prefix: &str| {
        let files = fs::read_dir(&folder).expect("a folder");
        let mut names = files.map(|file| file.expect("a file").path());
        names.any(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(prefix) && !name.ends_with(".tmp")
        })
    };
    assert!(written("in.") && written("out."));
    client.ask("session reasons enable");
    for (command, reason) in [
        ("mrt dump relative.mrt", "absolute path"),
        ("mrt dump /proc/no/such.mrt", "such.mrt"),
        ("mrt dump /tmp/x sideways", "sideways"),
    ] {
        let answer = client.ask(command);
        assert!(answer.contains(reason), "{answer}");
        assert!(answer.ends_with("error\n"), "{answer}");
    }
    // The answers stay in their order.
    client.submit(&format!(
        "mrt dump {}\nversion\n",
        lab.path("x.mrt").display()
    ));
    assert_eq!(client.line(), "done\n");
    assert_eq!(client.line(), "exabgp 5.0.15\n");
    daemon.stop();
}

#[test]
fn a_table_replaces_regular_files_only() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    let precious = lab.write("precious", "precious");
    let (link, temporary) = (lab.path("link"), lab.path("planted.mrt.tmp"));
    for name in [&link, &temporary] {
        std::os::unix::fs::symlink(&precious, name).expect("a link");
    }
    nix::unistd::mkfifo(&lab.path("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    fs::create_dir(lab.path("folder")).expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("socket")).expect("a socket");
    for (name, reason) in [
        ("link", "link` is a symbolic link"),
        ("planted.mrt", "planted.mrt.tmp` is a symbolic link"),
        ("pipe", "pipe` is a device, a pipe or a socket"),
        ("socket", "socket` is a device, a pipe or a socket"),
        ("folder", "folder` is a folder"),
    ] {
        let answer = client.ask(&format!("mrt dump {}", lab.path(name).display()));
        assert!(answer.contains(reason), "{answer}");
        assert!(answer.ends_with("error\n"), "{answer}");
    }
    assert_eq!(fs::read(&precious).expect("a file"), b"precious");
    assert_eq!(fs::read_link(&link).expect("a link"), precious);
    assert_eq!(fs::read_link(&temporary).expect("a link"), precious);
    let kind = |name: &str| fs::symlink_metadata(lab.path(name)).map(|found| found.file_type());
    assert!(kind("pipe").is_ok_and(|kind| kind.is_fifo()));
    assert!(kind("socket").is_ok_and(|kind| kind.is_socket()));
    assert!(kind("planted.mrt").is_err());
    // A file that is there is replaced, what an end of the program has left is removed, and missing folders are made.
    lab.write("precious.tmp", "half of a table");
    for file in [precious, lab.path("new/folder/out.mrt")] {
        let answer = client.ask(&format!("mrt dump {} out", file.display()));
        assert_eq!(answer, "done\n");
        assert_eq!(lines(&file), ["R 10.1.0.0/16"]);
    }
    assert!(kind("precious.tmp").is_err());
    daemon.stop();
}

#[test]
fn a_file_is_continued_after_a_restart_and_a_reload_within_its_period() {
    for compress in ["none", "gzip"] {
        let lab = Lab::new();
        let (listener, port) = listener();
        let folder = lab.path("a");
        // The longest period there is: a year.
        let section = |types: &str| {
            format!(
                "mrt updates {{ file \"{}/u.%s.mrt\"; rotate 31622400; messages received; types {types}; compress {compress}; }}\n",
                folder.display()
            )
        };
        for run in 1..=2 {
            let text = neighbor(port, STATIC) + &section("update");
            let mut daemon = Daemon::start(&lab, &text);
            let mut peer = session(&listener);
            announced(&mut peer, &[16, 10, 1]);
            peer.send(
                MessageType::UPDATE,
                &announcement(65001, &[24, 192, 0, run]),
            );
            peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
            update(&mut peer);
            // The archive changes, the session does not.
            lab.write(
                "oxabgp.conf",
                &(neighbor(port, STATIC) + &section("[ update open ]")),
            );
            daemon.signal("USR1");
            daemon.logged("the configuration is reloaded");
            peer.send(
                MessageType::UPDATE,
                &announcement(65001, &[24, 198, 0, run]),
            );
            peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
            update(&mut peer);
            daemon.signal("TERM");
            assert!(daemon.ended().success());
            let names: Vec<_> = fs::read_dir(&folder)
                .expect("a folder")
                .map(|file| file.expect("a file").path())
                .collect();
            assert_eq!(names.len(), 1, "{names:?}");
            let wanted: Vec<String> = (1..=run)
                .flat_map(|run| [format!("A 192.0.{run}.0/24"), format!("A 198.0.{run}.0/24")])
                .collect();
            assert_eq!(lines(&names[0]), wanted, "{compress}");
        }
    }
}
