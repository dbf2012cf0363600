//! Monitoring stations of a running daemon: a scripted station reads what it is sent.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Family};
use oxabgp::bmp::{self, Information, Message, PeerHeader, Rib, Statistic};

use super::control;
use super::{announced, dialed, listener, neighbor, passive_neighbor, session};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{LIMIT, RawPeer, announcement, open};

const STATIC: &str = "static { route 10.1.0.0/16 next-hop 192.0.2.1; }";

/// One connection of the daemon to a station.
struct Station {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Station {
    fn new(stream: TcpStream) -> Self {
        stream.set_nonblocking(false).expect("a mode");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    fn accept(listener: &TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a mode");
        Self::new(wait_for("a connection to the station", || {
            Some(listener.accept().ok()?.0)
        }))
    }

    /// The bytes of the next message; `None` if the daemon has closed.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = bmp::frame(&self.buffer).expect("BMP") {
                return Some(self.buffer.drain(..length).collect());
            }
            let mut piece = [0; 65_536];
            let count = self.stream.read(&mut piece).expect("a message in time");
            if count == 0 {
                assert!(self.buffer.is_empty(), "half a message");
                return None;
            }
            self.buffer.extend_from_slice(&piece[..count]);
        }
    }

    /// A line for the next message.
    fn line(&mut self) -> String {
        self.bytes()
            .map_or_else(|| "closed".to_owned(), |bytes| line(&bytes))
    }

    /// Lines up to one that is `last`, included.
    fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let done = line == last || line == "closed";
            lines.push(line);
            if done {
                assert!(lines.last().is_some_and(|line| line == last), "{lines:?}");
                return lines;
            }
        }
    }
}

/// What a message says: `in + 24 192.0.2`, `in eor ipv4 unicast`, `up`, `down 3`.
fn line(bytes: &[u8]) -> String {
    match bmp::decode(bytes).expect("a good message") {
        Message::RouteMonitoring { peer, update } => {
            check(&peer);
            let side = match peer.rib() {
                Rib::InPre => "in",
                Rib::OutPost => "out",
                other => panic!("{other}"),
            };
            let update = Update::new(&update[19..]).expect("an UPDATE");
            match update.end_of_rib() {
                Some(family) => format!("{side} eor {family}"),
                None => format!("{side} +{:?} -{:?}", update.nlri, update.withdrawn),
            }
        }
        Message::PeerUp { peer, up } => {
            check(&peer);
            assert_eq!(
                peer.flags & PeerHeader::ADJ_RIB_OUT,
                0,
                "RFC 8671 section 5"
            );
            for (bytes, asn) in [(up.sent_open, 65_000), (up.received_open, 65_001)] {
                assert_eq!(bytes[18], 1);
                let open = Open::decode(&bytes[19..]).expect("an OPEN");
                assert_eq!(open.speaker_as(), Asn(asn));
            }
            let label = up.information.find(Information::ADMIN_LABEL);
            label.map_or_else(|| "up".to_owned(), |label| format!("up {}", label.text()))
        }
        Message::PeerDown { peer, reason } => {
            check(&peer);
            let code = reason.notification().map(|one| (one.code, one.subcode));
            match code {
                Some((code, subcode)) => format!("down {} {code}/{subcode}", reason.reason()),
                None => format!("down {}", reason.reason()),
            }
        }
        Message::Initiation(tlvs) => {
            let text = |kind| tlvs.find(kind).map(|tlv| tlv.text().into_owned());
            let description = text(Information::SYS_DESCR).expect("sysDescr");
            assert!(description.starts_with("oxabgp "), "{description}");
            format!(
                "initiation {}",
                text(Information::SYS_NAME).expect("sysName")
            )
        }
        Message::Termination(tlvs) => {
            let reason = tlvs.find(Information::TERMINATION_REASON);
            format!("termination {:?}", reason.expect("a reason").value)
        }
        Message::StatisticsReport { peer, statistics } => {
            check(&peer);
            let values = statistics.iter().filter_map(Statistic::decode);
            let words = values.map(|one| {
                let family = one
                    .family
                    .map_or(String::new(), |family| format!("/{family}"));
                format!(" {}{family}={}", one.kind, one.value)
            });
            format!("stats{}", words.collect::<String>())
        }
        other => panic!("{other:?}"),
    }
}

fn check(peer: &PeerHeader) {
    assert_eq!(peer.address, std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    assert_eq!(peer.asn, Asn(65_001));
    assert_eq!(peer.bgp_id, Ipv4Addr::new(10, 0, 0, 2));
    // When the routes of a table were sent is not known.
    let unknown = peer.rib() == Rib::OutPost && peer.seconds == 0;
    assert!(unknown || peer.seconds > 1_700_000_000, "the time of day");
}

/// A station's listener, and the section that reports to it.
fn station(more: &str) -> (TcpListener, String) {
    let (listener, port) = listener();
    let section = format!(
        "bmp noc {{ connect 127.0.0.1 port {port}; name edge-1; retry 1 1; stats 0; {more} }}\n"
    );
    (listener, section)
}

#[test]
fn a_station_sees_the_session_its_tables_and_what_happens() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("");
    let body = format!("description \"transit\"; {STATIC}");
    let mut daemon = Daemon::start(&lab, &(neighbor(port, &body) + &section));
    let mut first = Station::accept(&stations);
    assert_eq!(first.line(), "initiation edge-1");
    let mut peer = session(&bgp);
    assert_eq!(first.line(), "up transit");
    assert_eq!(first.line(), "out +[16, 10, 1] -[]");
    assert_eq!(first.line(), "out eor ipv4 unicast");
    assert_eq!(first.line(), "out eor ipv6 unicast");
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 2]));
    assert_eq!(first.line(), "in +[24, 192, 0, 2] -[]");
    peer.send(MessageType::UPDATE, &[0, 0, 0, 0]);
    assert_eq!(first.line(), "in eor ipv4 unicast");
    // A station that connects later is sent the tables first.
    drop(first);
    let mut second = Station::accept(&stations);
    let seen = second.until("out eor ipv6 unicast");
    assert_eq!(
        seen,
        [
            "initiation edge-1",
            "up transit",
            "in +[24, 192, 0, 2] -[]",
            "in eor ipv4 unicast",
            "in eor ipv6 unicast",
            "out +[16, 10, 1] -[]",
            "out eor ipv4 unicast",
            "out eor ipv6 unicast",
        ]
    );
    peer.send(MessageType::UPDATE, &[0, 4, 24, 192, 0, 2, 0, 0]);
    assert_eq!(second.line(), "in +[] -[24, 192, 0, 2]");
    daemon.signal("TERM");
    assert_eq!(second.line(), "down 1 6/2");
    assert_eq!(second.line(), "termination [0, 0]");
    assert_eq!(second.line(), "closed");
    assert!(daemon.ended().success());
}

#[test]
fn the_messages_are_those_of_the_wire() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("monitor [ rib-in ];");
    let _daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &section));
    let mut station = Station::accept(&stations);
    let mut peer = RawPeer::accept(&bgp);
    let ours = open(65001, [10, 0, 0, 2]);
    let sent = ours.encode().expect("an OPEN");
    peer.establish(&ours);
    assert_eq!(station.line(), "initiation edge-1");
    let up = station.bytes().expect("a Peer Up");
    let Message::PeerUp { up, .. } = bmp::decode(&up).expect("good") else {
        panic!("no Peer Up");
    };
    assert_eq!(up.received_open, sent, "the OPEN to the byte");
    assert_eq!(up.remote_port, port);
    let body = announcement(65001, &[24, 192, 0, 2]);
    peer.send(MessageType::UPDATE, &body);
    let message = station.bytes().expect("a route");
    let Message::RouteMonitoring { update, .. } = bmp::decode(&message).expect("good") else {
        panic!("no route");
    };
    assert_eq!(update[19..], body);
}

#[test]
fn an_update_with_an_error_is_reported_as_the_withdrawal_that_it_is() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("monitor [ rib-in ];");
    let _daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &section));
    let mut station = Station::accept(&stations);
    let mut peer = session(&bgp);
    station.until("up");
    let mut body = announcement(65001, &[24, 192, 0, 2]);
    // An ORIGIN of 9 (RFC 7606 section 7.1).
    body[7] = 9;
    peer.send(MessageType::UPDATE, &body);
    assert_eq!(station.line(), "in +[] -[24, 192, 0, 2]");
}

/// Seconds since 1970.
fn seconds() -> u32 {
    let now: oxabgp::mrt::Timestamp = std::time::SystemTime::now().into();
    now.seconds
}

/// What a table has of a session with two-octet AS numbers: AS4_PATH and AS4_AGGREGATOR again for a station, wide numbers in
/// a file, and the time at which each route was received.
#[test]
fn a_table_has_the_time_and_the_aggregator_of_each_route() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("");
    let body = format!("adj-rib-in true; {STATIC}");
    let daemon = control::start_with(&lab, &neighbor(port, &body));
    let mut peer = RawPeer::accept(&bgp);
    let mut ours = open(65001, [10, 0, 0, 2]);
    ours.capabilities = Offer {
        families: vec![Family::IPV4_UNICAST],
        ..Offer::default()
    }
    .capabilities();
    peer.establish(&ours);
    announced(&mut peer, &[16, 10, 1]);
    // AS_PATH [ 65001 23456 ], AGGREGATOR 23456, AS4_PATH [ 65001 4200000077 ], AS4_AGGREGATOR 4200000077.
    let path = [0x40, 2, 6, 2, 2, 0xFD, 0xE9, 0x5B, 0xA0];
    let aggregator = [0xC0, 7, 6, 0x5B, 0xA0, 9, 9, 9, 9];
    let path4 = [0xC0, 17, 10, 2, 2, 0, 0, 0xFD, 0xE9, 0xFA, 0x56, 0xEA, 0x4D];
    let aggregator4 = [0xC0, 18, 8, 0xFA, 0x56, 0xEA, 0x4D, 9, 9, 9, 9];
    let attributes = [
        &[0x40, 1, 1, 0][..],
        &path,
        &[0x40, 3, 4, 192, 0, 2, 1],
        &aggregator,
        &path4,
        &aggregator4,
    ]
    .concat();
    let length = u8::try_from(attributes.len()).expect("short");
    let before = seconds();
    for second in 0..2 {
        wait_for("another second", || {
            (seconds() >= before + second).then_some(())
        });
        let prefix = [24, 192, 0, u8::try_from(second).expect("small")];
        let body = [&[0, 0, 0, length][..], &attributes, &prefix].concat();
        peer.send(MessageType::UPDATE, &body);
    }
    let mut client = control::Client::new(&lab);
    wait_for("the routes", || {
        let listed = client.ask("show adj-rib in");
        (listed.matches("192.0.").count() >= 2).then_some(())
    });
    let received = seconds();
    wait_for("another second", || (seconds() > received).then_some(()));
    lab.write("oxabgp.conf", &(neighbor(port, &body) + &section));
    daemon.signal("USR1");
    let mut station = Station::accept(&stations);
    let (mut times, mut sent) = (Vec::new(), 0);
    while times.len() < 2 || sent == 0 {
        let message = station.bytes().expect("a message");
        let (peer, update) = match bmp::decode(&message).expect("good") {
            Message::RouteMonitoring { peer, update } => (peer, update),
            Message::PeerUp { peer, .. } => {
                assert!(peer.seconds <= received, "when the session came up");
                continue;
            }
            _ => continue,
        };
        let decoded = Update::new(&update[19..]).expect("an UPDATE");
        if decoded.end_of_rib().is_some() {
            continue;
        }
        if peer.rib() == Rib::OutPost {
            assert_eq!(peer.seconds, 0, "not known");
            sent += 1;
            continue;
        }
        for wanted in [&path[..], &aggregator, &path4, &aggregator4] {
            let found = update.windows(wanted.len()).any(|part| part == wanted);
            assert!(found, "{wanted:02x?} in {update:02x?}");
        }
        times.push(peer.seconds);
    }
    assert!(before <= times[0] && times[0] < times[1] && times[1] <= received);
    let file = lab.path("in.mrt");
    assert_eq!(
        client.ask(&format!("mrt dump {}", file.display())),
        "done\n"
    );
    let table = std::fs::read(&file).expect("a table");
    let wanted = [0xC0, 7, 8, 0xFA, 0x56, 0xEA, 0x4D, 9, 9, 9, 9];
    let found = table.windows(11).filter(|part| *part == wanted).count();
    assert_eq!(found, 2, "{table:02x?}");
}

#[test]
fn the_end_of_a_session_has_its_reason() {
    let lab = Lab::new();
    let (neighbor, bgp) = passive_neighbor(STATIC);
    let (stations, section) = station("monitor [ rib-in ];");
    let daemon = Daemon::start(&lab, &(neighbor + &section));
    daemon.logged("is running");
    let mut station = Station::accept(&stations);
    assert_eq!(station.line(), "initiation edge-1");
    let mut peer = dialed(bgp);
    assert_eq!(station.line(), "up");
    peer.send(MessageType::NOTIFICATION, &[6, 4]);
    assert_eq!(station.line(), "down 3 6/4");
    peer = dialed(bgp);
    assert_eq!(station.line(), "up");
    drop(peer);
    assert_eq!(station.line(), "down 4");
    peer = dialed(bgp);
    assert_eq!(station.line(), "up");
    peer.send(MessageType::UPDATE, &[0, 9, 0, 0]);
    assert_eq!(station.line(), "down 1 3/1");
    // A session that does not come up is not reported.
    let mut peer = RawPeer::connect(bgp);
    peer.send_bytes(&[0; 19]);
    peer.expect_notification();
    let _up = dialed(bgp);
    assert_eq!(station.line(), "up");
}

#[test]
fn a_slow_station_costs_its_connection_and_gets_the_tables_again() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("monitor [ rib-in ]; buffer 1;");
    let daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &section));
    let mut slow = Station::accept(&stations);
    let mut peer = session(&bgp);
    slow.until("up");
    // It stops reading. More than the sockets and the buffer hold:
    let nlri: Vec<u8> = (0..=255).flat_map(|number| [24, 192, 0, number]).collect();
    let message = announcement(65001, &nlri);
    let log = wait_for("the end of the slow station", || {
        for _ in 0..1_000 {
            peer.send(MessageType::UPDATE, &message);
        }
        let log = daemon.log();
        log.contains("is too slow").then_some(log)
    });
    assert_eq!(log.matches("is too slow").count(), 1, "{log}");
    drop(slow);
    let mut again = Station::accept(&stations);
    let seen = again.until("in eor ipv6 unicast");
    let routes: usize = seen
        .iter()
        .map(|line| line.matches("24, 192, 0").count())
        .sum();
    assert!(routes >= 256, "{routes} routes of the table");
    // The session has not noticed.
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
    assert!(!daemon.log().contains("session closed"), "{}", daemon.log());
}

#[test]
fn stations_come_and_go_with_a_reload_and_sessions_stay() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let (stations, section) = station("");
    let daemon = Daemon::start(&lab, &neighbor(port, STATIC));
    let mut peer = session(&bgp);
    announced(&mut peer, &[16, 10, 1]);
    peer.send(MessageType::UPDATE, &announcement(65001, &[24, 192, 0, 2]));
    let reload = |text: &str| {
        lab.write("oxabgp.conf", text);
        daemon.signal("USR1");
    };
    reload(&(neighbor(port, STATIC) + &section));
    let mut station = Station::accept(&stations);
    let seen = station.until("out eor ipv6 unicast");
    assert!(
        seen.contains(&"in +[24, 192, 0, 2] -[]".to_owned()),
        "{seen:?}"
    );
    // Another buffer: begun again.
    let changed = section.replace("stats 0;", "stats 0; buffer 2;");
    reload(&(neighbor(port, STATIC) + &changed));
    assert_eq!(
        station.until("closed").len(),
        2,
        "a Termination and the end"
    );
    let mut station = Station::accept(&stations);
    station.until("out eor ipv6 unicast");
    reload(&neighbor(port, STATIC));
    assert_eq!(station.line(), "termination [0, 0]");
    assert_eq!(station.line(), "closed");
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    announced(&mut peer, &[16, 10, 1]);
}

#[test]
fn a_station_may_connect_to_us_and_gets_statistics() {
    let lab = Lab::new();
    let (bgp, port) = listener();
    let free = listener().1;
    let section = format!("bmp noc {{ listen 127.0.0.1 port {free}; name edge-1; stats 1; }}\n");
    let daemon = Daemon::start(&lab, &(neighbor(port, STATIC) + &section));
    daemon.logged("listening for monitoring stations");
    let mut peer = session(&bgp);
    announced(&mut peer, &[16, 10, 1]);
    peer.send(
        MessageType::UPDATE,
        &announcement(65001, &[24, 192, 0, 2, 24, 192, 0, 3]),
    );
    let connect = || Station::new(TcpStream::connect(("127.0.0.1", free)).expect("a connection"));
    let (mut one, mut other) = (connect(), connect());
    for station in [&mut one, &mut other] {
        let wanted = format!("stats 7=2 9/{0}=2 15=1 17/{0}=1", Family::IPV4_UNICAST);
        let seen = station.until(&wanted);
        assert_eq!(seen[0], "initiation edge-1");
        assert_eq!(seen[1], "up");
    }
}
