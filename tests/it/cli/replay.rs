//! `oxabgp replay`: archives into a session, and as commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use oxabgp::bgp::capability::ExtendedNexthop;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::nlri::Routes;
use oxabgp::bgp::{Afi, Capability, Family};
use oxabgp::mrt::Timestamp;
use oxabgp::mrt::bgp4mp::{Direction, Session};
use oxabgp::mrt::table_dump::Peer;
use oxabgp::mrt::writer::{Entry, Portability, Records, Sent};

use crate::daemon::control::Client;
use crate::daemon::{announced, listener, neighbor, session, update};
use crate::support::daemon::{Lab, oxabgp, run, terminate};
use crate::support::peer::{RawPeer, announcement, encode, open};

/// ORIGIN, AS_PATH of four-octet numbers, NEXT_HOP 192.0.2.9.
fn attributes(path: &[u32]) -> Vec<u8> {
    let count = u8::try_from(path.len()).expect("short");
    let mut out = vec![0x40, 1, 1, 0, 0x40, 2, 2 + 4 * count, 2, count];
    path.iter().for_each(|asn| out.extend(asn.to_be_bytes()));
    out.extend([0x40, 3, 4, 192, 0, 2, 9]);
    out
}

/// A table of `routes` prefixes, all but the first with the same attributes; the second peer has a path to each, too.
fn table(lab: &Lab, routes: u32) -> PathBuf {
    let mut out = Vec::new();
    let mut records = Records::new(Portability::Full);
    let time = Timestamp::from_seconds(1_700_000_000);
    let peer = |number: u8| Peer {
        id: [10, 0, 0, number].into(),
        address: [192, 0, 2, number].into(),
        asn: 64_500 + u32::from(number),
    };
    let about = ([10, 0, 0, 9].into(), "");
    records
        .peers(&mut out, time, about, &[peer(1), peer(2)])
        .expect("fits");
    let (first, common) = (attributes(&[64_501, 7]), attributes(&[64_501, 8, 9]));
    for number in 0..routes {
        let prefix = (0x0100_0000 + (number << 8)).to_be_bytes();
        let nlri = [24, prefix[0], prefix[1], prefix[2]];
        let entry = |peer, attributes| Entry {
            peer,
            originated: 1,
            path_id: None,
            attributes,
        };
        let own = if number == 0 { &first } else { &common };
        let entries = [entry(0, own.as_slice()), entry(1, first.as_slice())];
        records
            .rib(&mut out, time, (Family::IPV4_UNICAST, &nlri), &entries)
            .expect("fits");
    }
    let path = lab.path("rib.mrt");
    std::fs::write(&path, out).expect("written");
    path
}

/// Messages of one peer at these milliseconds.
fn updates(lab: &Lab, messages: &[(u32, Vec<u8>)]) -> PathBuf {
    let mut out = Vec::new();
    let mut records = Records::new(Portability::Full);
    let session = Session {
        peer_asn: 64_501,
        local_asn: 64_999,
        interface: 0,
        peer: Some([192, 0, 2, 1].into()),
        local: Some([192, 0, 2, 99].into()),
    };
    for (millis, body) in messages {
        let time = Timestamp::new(1_700_000_000 + millis / 1000, millis % 1000 * 1000);
        let message = encode(MessageType::UPDATE, body);
        let what = Sent {
            direction: Direction::Received,
            add_path: false,
            asn4: true,
            message: &message,
        };
        records
            .message(&mut out, time, &session, what)
            .expect("fits");
    }
    let path = lab.path("updates.mrt");
    std::fs::write(&path, out).expect("written");
    path
}

fn replay(path: &Path, port: u16, options: &[&str]) -> Child {
    let port = port.to_string();
    let mut command = oxabgp(&["replay", path.to_str().expect("UTF-8")]);
    command
        .args([
            "--local-as",
            "65000",
            "--peer",
            "127.0.0.1",
            "--port",
            &port,
        ])
        .args(["--router-id", "10.0.0.1"])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// The session of the replay.
fn accept(listener: &TcpListener) -> RawPeer {
    let mut peer = RawPeer::accept(listener);
    peer.establish(&open(65001, [10, 0, 0, 2]));
    peer
}

/// The exit code and what was reported.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("an end");
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), text)
}

#[test]
fn a_table_is_sent_packed_with_our_as_in_front() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = table(&lab, 5_000);
    let child = replay(&path, port, &["--leave"]);
    let mut peer = accept(&listener);
    let (mut routes, mut messages) = (0, 0);
    while let Some((kind, body)) = peer.receive() {
        if kind != MessageType::UPDATE {
            continue;
        }
        let update = Update::new(&body).expect("an UPDATE");
        let here = Routes::new(Family::IPV4_UNICAST, false, update.nlri).count();
        // 65000 64501 …
        let start = [2_u8, 3, 0, 0, 0xFD, 0xE8, 0, 0, 0xFB, 0xF5];
        let other = [2_u8, 4, 0, 0, 0xFD, 0xE8, 0, 0, 0xFB, 0xF5];
        let has = |wanted: &[u8]| update.attributes.windows(10).any(|bytes| bytes == wanted);
        assert!(
            if here == 1 { has(&start) } else { has(&other) },
            "{body:?}"
        );
        assert!(update.attributes.ends_with(&[0x40, 3, 4, 192, 0, 2, 9]));
        routes += here;
        messages += 1;
    }
    assert_eq!(routes, 5_000);
    assert!(messages < 12, "{messages} messages");
    let (code, text) = ended(child);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("5000 routes announced"), "{text}");
    assert!(text.contains("5000 routes of other families or of further peers left out"));
    assert!(!text.contains("ERROR"), "{text}");
}

#[test]
fn a_route_that_comes_again_is_sent_again() {
    let lab = Lab::new();
    // Up, down, and back to the first with another path; then again, in order.
    let routes = [
        ([24, 192, 0, 2], 64_501),
        ([24, 192, 0, 9], 64_501),
        ([24, 192, 0, 1], 64_501),
        ([24, 192, 0, 2], 64_502),
        ([24, 192, 0, 2], 64_501),
        ([24, 192, 0, 3], 64_502),
        ([24, 192, 0, 3], 64_501),
    ];
    let messages: Vec<_> = routes
        .iter()
        .map(|(nlri, asn)| (0, announcement(*asn, nlri)))
        .collect();
    let path = updates(&lab, &messages);
    let (listener, port) = listener();
    let child = replay(
        &path,
        port,
        &["--leave", "--speed", "max", "--as-path", "keep"],
    );
    let mut peer = accept(&listener);
    let (mut last, mut count) = (BTreeMap::new(), 0);
    while let Some((kind, body)) = peer.receive() {
        if kind != MessageType::UPDATE {
            continue;
        }
        let update = Update::new(&body).expect("an UPDATE");
        let path = update.attributes.to_vec();
        for nlri in update.nlri.chunks(4) {
            last.insert(nlri.to_vec(), path.clone());
            count += 1;
        }
    }
    assert_eq!(ended(child).0, Some(0));
    assert_eq!(count, routes.len(), "nothing is merged");
    let of = |asn: u32, path: &[u8]| path.windows(4).any(|bytes| bytes == asn.to_be_bytes());
    for (nlri, path) in &last {
        assert!(of(64_501, path), "{nlri:?}: {path:?}");
    }
}

#[test]
fn next_hops_paths_filters_and_families_are_chosen() {
    let lab = Lab::new();
    let path = table(&lab, 2);
    for (options, wanted) in [
        (
            &["--next-hop", "self", "--as-path", "replace"][..],
            &[
                0x40, 2, 10, 2, 2, 0, 0, 0xFD, 0xE8, 0, 0, 0, 7, 0x40, 3, 4, 127, 0, 0, 1,
            ][..],
        ),
        (
            &[
                "--next-hop",
                "203.0.113.7",
                "--as-path",
                "keep",
                "--filter",
                "origin 9",
            ],
            &[
                0x40, 2, 14, 2, 3, 0, 0, 0xFB, 0xF5, 0, 0, 0, 8, 0, 0, 0, 9, 0x40, 3, 4, 203, 0,
                113, 7,
            ],
        ),
        (
            &["--as-path", "keep", "--filter", "peer 64502"],
            &[
                0x40, 2, 10, 2, 2, 0, 0, 0xFB, 0xF5, 0, 0, 0, 7, 0x40, 3, 4, 192, 0, 2, 9,
            ],
        ),
    ] {
        let (listener, port) = listener();
        let child = replay(&path, port, &[&["--leave"], options].concat());
        let mut peer = accept(&listener);
        let body = update(&mut peer);
        let attributes = Update::new(&body).expect("an UPDATE").attributes;
        assert_eq!(&attributes[4..], wanted, "{options:?}");
        peer.expect_close();
        assert_eq!(ended(child).0, Some(0));
    }
    let (listener, port) = listener();
    let child = replay(&path, port, &["--leave", "--family", "ipv6 unicast"]);
    let mut peer = accept(&listener);
    peer.expect_close();
    let (_, text) = ended(child);
    assert!(text.contains("0 routes announced"), "{text}");
}

#[test]
fn messages_come_at_their_time_and_in_their_order() {
    let lab = Lab::new();
    let announce = announcement(64_501, &[24, 192, 0, 2]);
    let withdraw = vec![0, 4, 24, 192, 0, 2, 0, 0];
    let path = updates(
        &lab,
        &[
            (0, announce.clone()),
            (1, withdraw.clone()),
            (2, announce),
            (4_000, withdraw),
        ],
    );
    for (speed, least) in [("max", 0), ("10", 390)] {
        let (listener, port) = listener();
        let child = replay(&path, port, &["--leave", "--speed", speed]);
        let mut peer = accept(&listener);
        let start = Instant::now();
        announced(&mut peer, &[24, 192, 0, 2]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let body = peer.expect(MessageType::UPDATE);
            kinds.push(body[1] > 0);
        }
        assert_eq!(kinds, [true, false, true], "nothing is merged or moved");
        let passed = start.elapsed();
        assert!(passed >= Duration::from_millis(least), "{passed:?}");
        assert_eq!(ended(child).0, Some(0));
    }
}

#[test]
fn a_route_without_next_hop_is_refused() {
    let lab = Lab::new();
    // An UPDATE of ORIGIN and AS_PATH alone.
    let mut bare = announcement(64_501, &[24, 192, 0, 2]);
    let hop = bare.windows(3).position(|bytes| bytes == [0x40, 3, 4]);
    let hop = hop.expect("a NEXT_HOP");
    bare.drain(hop..hop + 7);
    bare[3] -= 7;
    let path = updates(&lab, &[(0, bare)]);
    let file = path.to_str().expect("UTF-8");
    let (status, out, text) = run(&["replay", file, "--commands", "--leave"], "");
    assert_eq!((status, out.as_str()), (0, ""), "{text}");
    assert!(text.contains("no next hop"), "{text}");
    let own = [
        "replay",
        file,
        "--commands",
        "--leave",
        "--next-hop",
        "self",
    ];
    let (_, out, _) = run(&own, "");
    assert!(
        out.contains("192.0.2.0/24") && out.contains("next-hop self"),
        "{out}"
    );
}

#[test]
fn an_ipv6_next_hop_of_an_ipv4_route_needs_a_peer_that_accepts_it() {
    let lab = Lab::new();
    let mut hop = [0; 16];
    hop[..4].copy_from_slice(&[0x20, 1, 0xD, 0xB8]);
    let attributes = attributes(&[64_501]);
    let reach = [&[0x80, 14, 25, 0, 1, 1, 16][..], &hop, &[0, 24, 192, 0, 2]].concat();
    let bare = &attributes[..attributes.len() - 7];
    let length = u8::try_from(bare.len() + reach.len()).expect("short");
    let body = [&[0, 0, 0, length][..], bare, &reach].concat();
    let path = updates(
        &lab,
        &[(0, body), (0, announcement(64_501, &[24, 192, 0, 9]))],
    );
    for accepts in [false, true] {
        let (listener, port) = listener();
        let child = replay(&path, port, &["--leave"]);
        let mut peer = RawPeer::accept(&listener);
        let pair = (Family::IPV4_UNICAST, Afi::IPV6);
        let mut ours = open(65001, [10, 0, 0, 2]);
        if accepts {
            let pairs = ExtendedNexthop(vec![pair]);
            ours.capabilities.push(Capability::ExtendedNexthop(pairs));
        }
        peer.establish(&ours);
        let mut hops = Vec::new();
        while let Some((kind, body)) = peer.receive() {
            if kind == MessageType::UPDATE && body.len() > 11 {
                hops.push(body.windows(16).any(|bytes| bytes == hop));
            }
        }
        let (status, text) = ended(child);
        assert_eq!(status, Some(0), "{text}");
        let said = "1 routes can't be sent: the peer does not accept IPv6 next hops";
        assert_eq!(text.contains(said), !accepts, "{text}");
        hops.sort_unstable();
        let wanted: &[bool] = if accepts { &[false, true] } else { &[false] };
        assert_eq!(hops, wanted, "{text}");
    }
}

#[test]
fn the_session_is_kept_until_a_signal() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = table(&lab, 2);
    let child = replay(&path, port, &[]);
    let mut peer = accept(&listener);
    update(&mut peer);
    peer.send(MessageType::KEEPALIVE, &[]);
    update(&mut peer);
    terminate(&child);
    let end = peer.expect_notification();
    assert_eq!((end.code, end.subcode), (6, 2));
    assert_eq!(ended(child).0, Some(0));
}

#[test]
fn what_cannot_be_done_is_said() {
    let lab = Lab::new();
    let path = table(&lab, 1);
    let file = path.to_str().expect("UTF-8");
    let to = [
        "--local-as",
        "65000",
        "--peer",
        "127.0.0.1",
        "--router-id",
        "10.0.0.1",
    ];
    let code = |arguments: &[&str]| run(&[&["replay"], arguments].concat(), "");
    let (status, _, text) = code(&[&["/no/such.mrt"], &to[..]].concat());
    assert_eq!(status, 1);
    assert!(text.contains("/no/such.mrt"), "{text}");
    let (status, _, text) = code(&[&[file, "--filter", "peer nobody"], &to[..]].concat());
    assert_eq!(status, 1);
    assert!(text.contains("nobody"), "{text}");
    let (_, _, stream) = run(&["stream", file, "--filter", "peer nobody"], "");
    assert!(text.contains(" ^^^^^^"), "{text}");
    assert_eq!(text, stream, "the mistake has its place");
    for wrong in [
        &[file][..],
        &[file, "--peer", "127.0.0.1"],
        &[file, "--commands", "--speed", "0"],
        &[file, "--commands", "--as-path", "prepend"],
    ] {
        let (status, _, text) = code(wrong);
        assert_eq!(status, 2, "{wrong:?}: {text}");
    }
    // Nobody answers.
    let port = listener().1.to_string();
    let arguments = [&[file, "--timeout", "1", "--port", &port], &to[..]].concat();
    let (status, _, text) = code(&arguments);
    assert_eq!(status, 4, "{text}");
    // The peer leaves in the middle.
    let (listener, port) = listener();
    let child = replay(&path, port, &[]);
    drop(accept(&listener));
    assert_eq!(ended(child).0, Some(4));
}

#[test]
fn the_port_of_the_peer_may_follow_its_address() {
    let lab = Lab::new();
    let path = table(&lab, 1);
    let (listener, port) = listener();
    let to = format!("127.0.0.1:{port}");
    let run = |more: &[&str]| {
        let mut command = oxabgp(&["replay", path.to_str().expect("UTF-8")]);
        command
            .args(["--local-as", "65000", "--leave", "--router-id", "10.0.0.1"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        let mut peer = accept(&listener);
        update(&mut peer);
        peer.expect_close();
        assert_eq!(ended(child).0, Some(0), "{more:?}");
    };
    run(&["--peer", &to]);
    run(&["--peer", "127.0.0.1:1", "--port", &port.to_string()]);
}

#[test]
fn what_can_not_be_read_is_said_with_file_and_place() {
    let lab = Lab::new();
    let whole = std::fs::read(table(&lab, 2_000)).expect("a file");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&whole).expect("writes");
    let packed = gzip.finish().expect("writes");
    // A record that holds nothing it should, after a table of peers.
    let first = 12 + u32::from_be_bytes([whole[8], whole[9], whole[10], whole[11]]) as usize;
    let bad = [
        &[0, 0, 0, 1, 0, 16, 0, 4, 0, 0, 0, 2, 0, 0][..],
        &whole[first..],
    ]
    .concat();
    let damaged = [&whole[..first], &bad].concat();
    let place = format!("14 bytes at offset {first} are skipped");
    for (name, bytes, code, said) in [
        ("text.mrt", &b"hello, world\n"[..], 3, "no record was found"),
        (
            "cut.gz",
            &packed[..packed.len() - 40],
            3,
            "nothing after offset",
        ),
        ("damaged.mrt", &damaged, 0, &place),
    ] {
        let path = lab.path(name);
        std::fs::write(&path, bytes).expect("written");
        let file = path.to_str().expect("UTF-8");
        let (status, out, text) = run(&["replay", file, "--commands", "--leave"], "");
        assert_eq!(status, code, "{text}");
        let line = text
            .lines()
            .find(|line| line.contains(&format!("`{file}`")));
        assert!(line.is_some_and(|line| line.contains(said)), "{text}");
        assert_eq!(out.is_empty(), name == "text.mrt");
        let (listener, port) = listener();
        let child = replay(&path, port, &["--leave"]);
        let mut peer = accept(&listener);
        while peer.receive().is_some() {}
        let (status, text) = ended(child);
        assert_eq!(status, Some(code), "{text}");
        assert!(text.contains(file) && text.contains(said), "{text}");
    }
    // Of a lot of damage, the first records are described.
    let path = lab.path("more.mrt");
    std::fs::write(
        &path,
        [&whole[..first], &bad[..14].repeat(20), &whole[first..]].concat(),
    )
    .expect("written");
    let file = path.to_str().expect("UTF-8");
    let (status, _, text) = run(&["replay", file, "--commands", "--leave"], "");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("12 more damaged records"), "{text}");
}

#[test]
fn commands_are_those_of_a_helper() {
    let lab = Lab::new();
    let withdraw = vec![0, 4, 24, 192, 0, 2, 0, 0];
    let messages = [(0, announcement(64_501, &[24, 192, 0, 2])), (5, withdraw)];
    let path = updates(&lab, &messages);
    let file = path.to_str().expect("UTF-8");
    let (status, out, text) = run(&["replay", file, "--commands", "--next-hop", "self"], "");
    assert_eq!(status, 0, "{text}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "announce route 192.0.2.0/24 origin igp as-path [ 64501 ] next-hop self",
            "withdraw route 192.0.2.0/24",
        ]
    );
}

#[test]
fn a_daemon_runs_it_as_a_helper() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let path = table(&lab, 3);
    let helper = format!(
        "process replay {{ run {} replay --commands {}; encoder text; }}\n",
        env!("CARGO_BIN_EXE_oxabgp"),
        path.display()
    );
    let body = "api { processes [ replay ]; }";
    let daemon = crate::daemon::control::start_with(&lab, &(helper + &neighbor(port, body)));
    let mut peer = session(&listener);
    let mut seen = 0;
    while seen < 3 {
        let body = update(&mut peer);
        let nlri = Update::new(&body).expect("an UPDATE").nlri.to_vec();
        seen += Routes::new(Family::IPV4_UNICAST, false, &nlri).count();
    }
    // It stays: a helper that exits would be started again.
    let listed = Client::new(&lab).ask("show adj-rib out");
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(
        !daemon.log().contains("is started again"),
        "{}",
        daemon.log()
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let lab = Lab::new();
    let path = table(&lab, 20_000);
    let mut script = String::new();
    let program = env!("CARGO_BIN_EXE_oxabgp");
    let _ = write!(
        script,
        "{program} replay --commands {} --leave </dev/null | head -n 1; echo ${{PIPESTATUS[0]}}",
        path.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output();
    let Ok(output) = output else { return };
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("announce route 1.0.0.0/24 "), "{text}");
    assert!(text.ends_with("\n0\n"), "{text}");
}
