//! The neighbors of a running daemon as a source of the stream reader: `watch mrt`, `oxabgp stream --daemon` and its twin in the
//! library.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};

use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::capability::{AddPath, Offer};
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Asn, Capability};
use oxabgp::mrt::{Content, Header, Item, Reader, kind};
use oxabgp::stream::source::{Daemon as Neighbors, DaemonError};
use oxabgp::stream::{Direction, ElemKind, Record, RecordKind, RibView, Sent, Status, Stream};

use super::control::{Client, start_with};
use super::scene::{Scene, V4};
use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Lab, oxabgp, run, wait_for};
use crate::support::peer::{LIMIT, announcement, open};

const STATIC: &str = "adj-rib-in true; static { route 10.1.0.0/16 next-hop 192.0.2.1; }";

/// The lines of `oxabgp stream --daemon`.
fn reader(lab: &Lab, more: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let socket = format!("--daemon={}", lab.path("control.sock").display());
    let mut child = oxabgp(&[&["stream", &socket], more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (child, lines.map(|line| line.expect("readable")))
}

/// What a line says: type, kind, prefix, AS path, states.
fn short(line: &str) -> String {
    let fields: Vec<&str> = line.split('|').collect();
    let chosen = [0, 1, 7, 8, 9, 11, 14, 15].map(|at| fields[at]);
    chosen.join("|").trim_end_matches('|').to_owned()
}

#[test]
fn a_table_and_what_happens_after_it_are_elems() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let mut daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let prefixes = [24, 192, 0, 2, 24, 192, 0, 3];
    peer.send(MessageType::UPDATE, &announcement(65001, &prefixes));
    wait_for("the routes in the table", || {
        let listed = Client::new(&lab).ask("show adj-rib in");
        (listed.matches("192.0.").count() >= 2).then_some(())
    });
    let (mut child, mut lines) = reader(&lab, &[]);
    let mut next = || short(&lines.next().expect("a line"));
    assert_eq!(next(), "R|R|65001|127.0.0.1|192.0.2.0/24|65001");
    assert_eq!(next(), "R|R|65001|127.0.0.1|192.0.3.0/24|65001");
    peer.send(MessageType::UPDATE, &[0, 4, 24, 192, 0, 2, 0, 0]);
    assert_eq!(next(), "U|W|65001|127.0.0.1|192.0.2.0/24");
    peer.send(MessageType::UPDATE, &announcement(65009, &[8, 11]));
    assert_eq!(next(), "U|A|65001|127.0.0.1|11.0.0.0/8|65009");
    // What the neighbor is sent was not asked for.
    Client::new(&lab).ask("announce route 10.2.0.0/16 next-hop 192.0.2.1");
    announced(&mut peer, &[16, 10, 2]);
    daemon.signal("TERM");
    assert_eq!(next(), "U|S|65001|127.0.0.1|||ESTABLISHED|IDLE");
    assert_eq!(lines.next(), None);
    let mut text = String::new();
    let mut errors = child.stderr.take().expect("a pipe");
    errors.read_to_string(&mut text).expect("text");
    assert!(text.contains("the daemon has ended"), "{text}");
    assert_eq!(child.wait().expect("ends").code(), Some(3));
    assert!(daemon.ended().success());
}

#[test]
fn what_a_neighbor_is_sent_is_given_if_asked_for() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let (mut child, mut lines) = reader(&lab, &["--sent", "--json"]);
    let mut next = || -> serde_json::Value {
        let line = lines.next().expect("a line");
        serde_json::from_str(&line).expect("JSON")
    };
    let table = next();
    assert_eq!(
        (&table["type"], &table["prefix"], &table["rib"]),
        (&"rib".into(), &"10.1.0.0/16".into(), &"adj-out-post".into()),
        "{table}"
    );
    Client::new(&lab).ask("announce route 10.2.0.0/16 next-hop 192.0.2.1");
    let update = next();
    assert_eq!(update["prefix"], "10.2.0.0/16", "{update}");
    assert_eq!(update["direction"], "sent", "{update}");
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 2]));
    assert_eq!(next()["prefix"], "192.0.2.0/24");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// The first record that a test is about.
fn find(stream: &mut Stream, wanted: impl Fn(&Record) -> bool) -> Record {
    let found = stream.by_ref().find(|record| wanted(record));
    found.expect("a record")
}

#[test]
fn the_library_reads_a_daemon_with_path_identifiers() {
    let scene = Scene::new("add-path receive;", "adj-rib-in true;");
    let mut ours = open(65001, [10, 0, 0, 2]);
    ours.capabilities = Offer {
        families: vec![V4],
        asn4: Some(Asn(65001)),
        ..Offer::default()
    }
    .capabilities();
    let offer = AddPath(vec![(V4, AddPathMode::SEND)]);
    ours.capabilities.push(Capability::AddPath(offer));
    let (mut peer, _) = scene.session(&ours);
    let routes = [0, 0, 0, 7, 24, 192, 0, 2];
    peer.send(MessageType::UPDATE, &announcement(65001, &routes));
    scene.holds(&["192.0.2.0/24"]);
    let path = scene.lab.path("control.sock");
    let live = Neighbors::new(&path)
        .neighbors("neighbor 127.0.0.1")
        .start()
        .expect("a feed");
    let mut stream = Stream::builder().live(live).build().expect("a stream");
    let table = find(&mut stream, |record| record.kind == RecordKind::Rib);
    let elem = &table.elems()[0];
    assert_eq!((elem.kind, elem.path_id()), (ElemKind::Rib, Some(7)));
    assert_eq!(elem.rib, RibView::AdjInPre);
    assert!(
        elem.originated
            .is_some_and(|time| time.seconds > 1_700_000_000)
    );
    assert_eq!(&*table.origin.name, path.to_str().expect("UTF-8"));
    let routes = [0, 0, 0, 8, 24, 192, 0, 2];
    peer.send(MessageType::UPDATE, &announcement(65001, &routes));
    let update = find(&mut stream, |record| !record.elems().is_empty());
    assert_eq!(update.elems()[0].path_id(), Some(8));
    assert_eq!(update.elems()[0].direction, Direction::Received);
    assert!(update.time.micros < 1_000_000 && update.header.is_some());
    // Neighbors that are not selected, and tables that are not wanted, do not appear.
    let live = Neighbors::new(&path)
        .neighbors("neighbor 127.0.0.9")
        .start()
        .expect("a feed");
    let mut others = Stream::builder().live(live).build().expect("a stream");
    let live = Neighbors::new(&path)
        .without_tables()
        .with_sent()
        .start()
        .expect("a feed");
    let builder = Stream::builder().live(live).sent(Sent::Include);
    let mut changes = builder.build().expect("a stream");
    scene.daemon.signal("TERM");
    let last = others.next().expect("a record");
    assert_eq!(last.status, Status::CorruptedSource);
    let reason = last.damage.expect("a reason");
    assert!(reason.contains("the daemon has ended"), "{reason}");
    assert!(others.next().is_none());
    let first = changes.next().expect("a record");
    assert_eq!(first.kind, RecordKind::Update);
}

/// A client that has asked for records, and what it was answered.
fn watch(lab: &Lab, command: &str) -> (UnixStream, String) {
    let mut stream = UnixStream::connect(lab.path("control.sock")).expect("a socket");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream
        .write_all(format!("{command}\n").as_bytes())
        .expect("a daemon that reads");
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).expect("an answer") > 0 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    (stream, String::from_utf8(line).expect("text"))
}

/// The records up to the end of the connection: how many, and the text of the last one.
fn rest(stream: UnixStream) -> (usize, String) {
    let mut reader = Reader::new(stream);
    let (mut count, mut text) = (0, String::new());
    while reader.advance() {
        let Some(Item::Frame(frame)) = reader.item() else {
            panic!("{:?}", reader.item());
        };
        count += 1;
        if frame.header.kind == kind::I_AM_DEAD {
            text = String::from_utf8_lossy(frame.body).into_owned();
        } else {
            Content::parse(&frame.header, frame.body).expect("a good record");
        }
    }
    (count, text)
}

#[test]
fn a_reader_that_never_reads_costs_its_connection_only() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let (slow, answer) = watch(&lab, "watch mrt no-table");
    assert_eq!(answer, "done");
    let (good, _) = watch(&lab, "watch mrt neighbor 127.0.0.1 no-table");
    let drain = std::thread::spawn(move || rest(good));
    // More than the sockets and the queue hold:
    let nlri: Vec<u8> = (0..=255).flat_map(|number| [24, 192, 0, number]).collect();
    let message = announcement(65001, &nlri);
    let log = wait_for("the end of the slow reader", || {
        for _ in 0..1_000 {
            peer.send(MessageType::UPDATE, &message);
        }
        let log = daemon.log();
        log.contains("too slow").then_some(log)
    });
    assert_eq!(log.matches("too slow").count(), 1, "{log}");
    // Whole records, and then the reason.
    let (count, reason) = rest(slow);
    assert!(count > 100, "{count}");
    assert_eq!(reason, "it reads too slowly");
    // Neither the session nor the other reader has noticed.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
    assert!(!daemon.log().contains("session closed"), "{}", daemon.log());
    daemon.signal("TERM");
    let (seen, reason) = drain.join().expect("a reader");
    assert!(seen > count, "{seen}");
    assert_eq!(reason, "the daemon has ended");
}

#[test]
fn a_reader_may_leave_and_another_may_come() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let all: Vec<UnixStream> = (0..8).map(|_| watch(&lab, "watch mrt sent").0).collect();
    // The answer precedes the place that a reader takes.
    wait_for("a reader too many", || {
        let (stream, _) = watch(&lab, "watch mrt");
        let mut head = [0; Header::SIZE];
        (&stream).read_exact(&mut head).ok()?;
        (Header::parse(head).kind == kind::I_AM_DEAD).then_some(())
    });
    drop(all);
    wait_for("a place", || {
        let (mut stream, _) = watch(&lab, "watch mrt");
        let mut head = [0; Header::SIZE];
        stream.read_exact(&mut head).ok()?;
        (Header::parse(head).kind == kind::TABLE_DUMP_V2).then_some(())
    });
    assert!(!daemon.log().contains("session closed"));
}

#[test]
fn records_are_for_the_socket_and_a_reader() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script =
        "echo watch mrt; read answer; echo \"debug got $answer\"; while read x; do :; done";
    let configuration =
        super::process(&lab, "helper", script) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    daemon.logged("records are sent over the control socket only");
    daemon.logged("got error");
    let socket = lab.path("control.sock");
    let socket = socket.to_str().expect("UTF-8");
    for program in ["cli", "run"] {
        let (_, out, errors) = run(&[program, "--socket", socket, "watch", "mrt"], "");
        assert!(errors.contains("use `oxabgp stream --daemon`"), "{errors}");
        assert!(!out.contains('\u{0}'), "{out}");
    }
    let (_, answer) = watch(&lab, "session reasons enable\nwatch mrt forever");
    assert_eq!(answer, "done");
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    let answer = client.ask("watch mrt forever");
    assert!(answer.starts_with("error: `watch mrt` takes"), "{answer}");
    assert!(answer.ends_with("error\n"), "{answer}");
}

#[test]
fn a_wrong_socket_is_refused() {
    let lab = Lab::new();
    let path = lab.path("nothing.sock");
    let option = format!("--daemon={}", path.display());
    let (code, out, errors) = run(&["stream", &option], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(errors.contains("nothing.sock`: No such file"), "{errors}");
    let file = lab.write("file", "");
    let error = Neighbors::new(&file).start().expect_err("no socket");
    assert!(matches!(error, DaemonError::Connect(..)), "{error}");
    // Another program, which answers something else, or leaves.
    let listener = UnixListener::bind(lab.path("other.sock")).expect("a socket");
    let other = std::thread::spawn(move || {
        for answer in ["220 hello\n", ""] {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.write_all(answer.as_bytes()).expect("a client");
            let mut request = [0; 16];
            let _ = stream.read(&mut request);
        }
    });
    let option = format!("--daemon={}", lab.path("other.sock").display());
    let (code, _, errors) = run(&["stream", &option], "");
    assert_eq!(code, 1, "{errors}");
    assert!(
        errors.contains("is not the control socket of a daemon"),
        "{errors}"
    );
    let error = Neighbors::new(lab.path("other.sock")).start();
    assert!(matches!(
        error,
        Err(DaemonError::NoDaemon(_) | DaemonError::Connect(..))
    ));
    other.join().expect("ends");
    // Without a path, the daemon is searched for.
    let (code, _, errors) = oxabgp_without_daemon();
    assert_eq!(code, Some(1));
    assert!(errors.contains("no daemon found"), "{errors}");
}

fn oxabgp_without_daemon() -> (Option<i32>, String, String) {
    let output = oxabgp(&["stream", "--daemon"])
        .env("oxabgp_api_socketname", "oxabgp-there-is-none")
        .env("exabgp_api_pipename", "oxabgp-there-is-none")
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_daemon_is_found_by_its_settings() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, STATIC));
    let mut peer = session(&listener);
    announced(&mut peer, &[16, 10, 1]);
    let output = oxabgp(&["stream", "--daemon", "--sent", "-n", "1"])
        .env("oxabgp_api_socketpath", lab.path("control.sock"))
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    assert_eq!(
        short(text.trim_end()),
        "R|R|65001|127.0.0.1|10.1.0.0/16|65000"
    );
}
