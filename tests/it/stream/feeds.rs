//! Sources that are not MRT: BMP files and routers, RIS Live messages, sessions of our own, asynchronous programs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{self, MessageType};
use oxabgp::bgp::{Asn, Negotiated, Notification, RouteDistinguisher};
use oxabgp::bmp::{Information, Message, Mirrored, PeerDown, PeerHeader, PeerType, PeerUp, Tlvs};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};
use oxabgp::stream::format::Format;
use oxabgp::stream::source::{BmpListener, Sessions};
use oxabgp::stream::{
    Detection, Direction, ElemKind, Notes, Record, RibView, Sent, Status, Stream,
};

use super::build::{bgp, common, update};
use super::{archives, columns, elems, file, print, records};

/// A peer of the routers here.
pub(super) fn peer(flags: u8) -> PeerHeader {
    PeerHeader {
        kind: PeerType::GLOBAL,
        flags,
        distinguisher: RouteDistinguisher([0; 8]),
        address: Ipv4Addr::new(192, 0, 2, 1).into(),
        asn: Asn(65001),
        bgp_id: Ipv4Addr::new(10, 0, 0, 1),
        seconds: 100,
        microseconds: 5,
    }
}

pub(super) fn bytes(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// An OPEN with these capabilities.
fn open(asn: u16, capabilities: &[u8]) -> Vec<u8> {
    let mut parameters = Vec::new();
    if !capabilities.is_empty() {
        parameters.extend_from_slice(&[2, u8::try_from(capabilities.len()).expect("short")]);
        parameters.extend_from_slice(capabilities);
    }
    let mut out = Vec::new();
    message::encode(&mut out, MessageType::OPEN, |w| {
        w.u8(4);
        w.u16(asn);
        w.bytes(&[0, 90, 10, 0, 0, 1]);
        w.len8(|w| w.bytes(&parameters));
    });
    out
}

/// ADD-PATH for IPv4 unicast, both directions.
const ADD_PATH: &[u8] = &[69, 4, 0, 1, 1, 3];

/// An Initiation message of a router with this name.
pub(super) fn initiation(name: &str) -> Vec<u8> {
    let mut tlvs = Vec::new();
    Tlvs::write(&mut tlvs, Information::SYS_NAME, name.as_bytes());
    let mut reader = oxabgp::wire::Reader::new(&tlvs);
    bytes(&Message::Initiation(
        Tlvs::decode(&mut reader).expect("a list"),
    ))
}

fn up(header: PeerHeader, capabilities: &[u8]) -> Vec<u8> {
    let (sent, received) = (open(65000, capabilities), open(65001, capabilities));
    bytes(&Message::PeerUp {
        peer: header,
        up: PeerUp {
            local_address: Ipv4Addr::new(192, 0, 2, 9).into(),
            local_port: 179,
            remote_port: 40_000,
            sent_open: &sent,
            received_open: &received,
            information: Tlvs::default(),
        },
    })
}

pub(super) fn route(header: PeerHeader, nlri: &[u8]) -> Vec<u8> {
    let update = bgp(2, &update(&[], &common(&[65001, 64500]), nlri));
    bytes(&Message::RouteMonitoring {
        peer: header,
        update: &update,
    })
}

fn down(header: PeerHeader) -> Vec<u8> {
    bytes(&Message::PeerDown {
        peer: header,
        reason: PeerDown::RemoteClosed,
    })
}

/// What a router with one peer sends.
pub(super) fn router(name: &str) -> Vec<u8> {
    [
        initiation(name),
        up(peer(0), &[]),
        route(peer(0), &[24, 198, 51, 100]),
        down(peer(0)),
    ]
    .concat()
}

#[test]
fn a_bmp_file_is_recognized_and_names_the_router() {
    let lines = elems(&router("edge|1"));
    assert_eq!(
        lines,
        [
            "U|S|100.000005|||edge_1||65001|192.0.2.1||||||||ESTABLISHED",
            "U|A|100.000005|||edge_1||65001|192.0.2.1|198.51.100.0/24|192.0.2.1|65001 64500|64500|||",
            "U|S|100.000005|||edge_1||65001|192.0.2.1||||||||IDLE",
        ]
        .map(|line| line.replace("||||||||", "|||||||")),
    );
    assert_eq!(records(&router("a")).len(), 4);
}

#[test]
fn the_opens_of_a_peer_decide_about_path_identifiers() {
    // Valid in both forms; only the OPENs tell.
    let field = [0, 0, 0, 24, 8, 10];
    let plain = [up(peer(0), &[]), route(peer(0), &field)].concat();
    let with_ids = [up(peer(0), ADD_PATH), route(peer(0), &field)].concat();
    // The session has no path identifiers, and as prefixes the field ends in the middle of one.
    assert!(
        columns(&elems(&plain)[1..], &[10])
            .iter()
            .all(|one| one == "0.0.0.0/0")
    );
    let found = records(&with_ids);
    let elem = &found[1].elems()[0];
    assert_eq!(elem.path_id(), Some(24));
    assert_eq!(
        elem.prefix().map(|one| one.to_string()).as_deref(),
        Some("10.0.0.0/8")
    );
}

/// Routes of three tables: of an instance's Adj-RIB-Out, of the Loc-RIB, and of an Adj-RIB-In after policy.
pub(super) fn tables() -> Vec<u8> {
    let out = PeerHeader {
        kind: PeerType::RD,
        distinguisher: RouteDistinguisher([0, 0, 0xFD, 0xE8, 0, 0, 0, 7]),
        ..peer(PeerHeader::ADJ_RIB_OUT | PeerHeader::POST_POLICY)
    };
    let loc = PeerHeader {
        kind: PeerType::LOC_RIB,
        address: Ipv4Addr::UNSPECIFIED.into(),
        ..peer(0)
    };
    [
        route(out, &[8, 10]),
        route(loc, &[8, 11]),
        route(peer(PeerHeader::POST_POLICY), &[8, 12]),
    ]
    .concat()
}

#[test]
fn elems_know_the_table_and_the_instance() {
    let stream = tables();
    let found = records(&stream);
    let elem = |at: usize| &found[at].elems()[0];
    assert_eq!(elem(0).rib, RibView::AdjOutPost);
    assert_eq!(
        elem(0).distinguisher.map(|one| one.to_string()).as_deref(),
        Some("65000:7")
    );
    assert_eq!((elem(1).rib, elem(1).peer_address), (RibView::Loc, None));
    assert_eq!(elem(2).rib, RibView::AdjInPost);
    assert_eq!(
        elem(2).originated.map(|time| time.to_string()).as_deref(),
        Some("100.000005")
    );
    let input = file(&stream);
    let builder = Stream::builder().path(input.path()).expect("a file");
    let chosen = builder.filter("rib loc adj-in-post").expect("a filter");
    assert_eq!(print(chosen, Format::Elems).lines().count(), 2);
    let json = print(
        Stream::builder().path(input.path()).expect("a file"),
        Format::Json,
    );
    assert!(
        json.contains(r#""rib":"adj-out-post","distinguisher":"65000:7""#),
        "{json}"
    );
}

/// A message that a router mirrors.
pub(super) fn mirrored() -> Vec<u8> {
    let update = bgp(2, &update(&[], &common(&[65001]), &[8, 10]));
    let mut tlvs = Vec::new();
    Tlvs::write(&mut tlvs, Mirrored::MESSAGE, &update);
    let mut reader = oxabgp::wire::Reader::new(&tlvs);
    bytes(&Message::RouteMirroring {
        peer: peer(0),
        values: Tlvs::decode(&mut reader).expect("a list"),
    })
}

#[test]
fn mirrored_messages_are_elems_only_if_asked_for() {
    let message = mirrored();
    assert_eq!(elems(&message).len(), 0);
    let input = file(&message);
    let builder = Stream::builder().path(input.path()).expect("a file");
    let found: Vec<_> = builder
        .sent(Sent::Include)
        .build()
        .expect("a stream")
        .elems()
        .collect();
    assert_eq!(found[0].direction, Direction::Mirrored);
}

#[test]
fn damage_in_a_bmp_file_is_skipped_up_to_the_next_messages() {
    let good = router("a");
    let mut input = route(peer(0), &[8, 10]);
    let garbage = [9; 50];
    input.extend_from_slice(&garbage);
    let offset = input.len() as u64 - 50;
    input.extend_from_slice(&good);
    let found = records(&input);
    let statuses: String = found.iter().map(|one| one.status.letter()).collect();
    assert_eq!(statuses, "VRVVVV");
    assert!(found[1].damage.is_some());
    let input = file(&input);
    let (_, _, err) = crate::cli::texts(
        Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .arg("stream")
            .arg(input.path())
            .output()
            .expect("the program runs"),
    );
    assert!(
        err.contains(&format!("50 bytes at offset {offset}")),
        "{err}"
    );
}

/// A message behind OpenBMP's header in text.
pub(super) fn openbmp(message: &[u8]) -> Vec<u8> {
    let head = b"V: 1.6\nADMIN_ID: station\nR_IP: 198.51.100.7\nR_NAME: core\nL: 1\n\n";
    [head, message].concat()
}

#[test]
fn openbmp_headers_name_collector_and_router() {
    let message = route(peer(0), &[8, 10]);
    let text = openbmp(&message);
    let mut binary = b"OBMP\x01\x07".to_vec();
    let collector = b"station";
    let header = 12 + 2 + 8 + 16 + 2 + collector.len() + 16 + 16 + 2 + 4 + 4;
    binary.extend_from_slice(&u16::try_from(header).expect("short").to_be_bytes());
    binary.extend_from_slice(&u32::try_from(message.len()).expect("short").to_be_bytes());
    binary.extend_from_slice(&[0x80, 12, 0, 0, 0, 9, 0, 0, 0, 0]);
    binary.extend_from_slice(&[0; 16]);
    binary.extend_from_slice(&[0, 7]);
    binary.extend_from_slice(collector);
    binary.extend_from_slice(&[0; 16]);
    binary.extend_from_slice(&[198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    binary.extend_from_slice(&[0, 4, b'c', b'o', b'r', b'e', 0, 0, 0, 1]);
    binary.extend_from_slice(&message);
    for form in [text.repeat(2), binary.repeat(2), [text, binary].concat()] {
        assert_eq!(
            columns(&elems(&form), &[5, 6, 7, 10]),
            ["station|core|198.51.100.7|10.0.0.0/8"; 2]
        );
    }
}

/// No byte of a file makes it panic, hang or forget what is whole before the damage.
#[test]
fn any_byte_of_bmp_and_ris_live_may_be_wrong() {
    let ris = br#"{"type":"ris_message","data":{"timestamp":1.5,"peer":"192.0.2.1","peer_asn":"1","host":"rrc00.ripe.net","type":"UPDATE","path":[1,[2,3]],"announcements":[{"next_hop":"192.0.2.1","prefixes":["10.0.0.0/8"]}]}}
"#;
    for whole in [router("a"), ris.repeat(2)] {
        let wanted = records(&whole).len();
        for at in 1..whole.len() {
            assert!(records(&whole[..at]).len() <= wanted + 1, "{at}");
            for change in [1, 0x80, 0xFF] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                assert!(records(&changed).len() <= wanted + 60, "{at}");
            }
        }
    }
}

#[test]
fn a_router_that_sends_garbage_loses_its_connection_and_no_other_does() {
    let listener = BmpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr();
    let live = listener.start(Detection::On).expect("a feed");
    let mut stream = Stream::builder().live(live).build().expect("a stream");
    let mut good = TcpStream::connect(address).expect("connects");
    good.write_all(&[initiation("good"), up(peer(0), &[])].concat())
        .expect("writes");
    let mut next = || stream.next().expect("a record");
    assert_eq!(
        (next().status, next().origin.router.clone()),
        (Status::Valid, "good".into())
    );
    let mut bad = TcpStream::connect(address).expect("connects");
    bad.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    bad.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("writes");
    let lost = next();
    assert_eq!(lost.status, Status::CorruptedRecord);
    assert!(lost.damage.expect("a reason").contains("closed"));
    assert!(
        !matches!(bad.read(&mut [0; 1]), Ok(1..)),
        "nothing is ever sent to a router"
    );
    // A message that is framed well and malformed inside costs only itself.
    let mut wrong = route(peer(0), &[8, 10]);
    let length = wrong.len();
    wrong[length - 30] ^= 0xFF;
    wrong[50] = 0;
    good.write_all(&[wrong, route(peer(0), &[8, 11])].concat())
        .expect("writes");
    next();
    let record = next();
    assert_eq!(record.elems().len(), 1, "{record:?}");
    assert_eq!(record.origin.router_ip, Some(Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn the_command_line_listens_for_routers() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["stream", "--bmp", "127.0.0.1:0", "-n", "4"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut err = BufReader::new(child.stderr.take().expect("standard error"));
    let mut line = String::new();
    err.read_line(&mut line).expect("a line");
    let address: SocketAddr = line
        .trim()
        .strip_prefix("listening for BMP on ")
        .and_then(|text| text.parse().ok())
        .expect(&line);
    let mut router_end = TcpStream::connect(address).expect("connects");
    router_end.write_all(&router("edge")).expect("writes");
    let mut out = String::new();
    child
        .stdout
        .take()
        .expect("standard output")
        .read_to_string(&mut out)
        .expect("text");
    assert!(child.wait().expect("ends").success());
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.contains("|edge|127.0.0.1|65001|"), "{out}");
}

#[test]
fn json_has_the_microseconds_of_a_router() {
    let input = file(&route(peer(0), &[8, 10]));
    let builder = Stream::builder().path(input.path()).expect("a file");
    let json = print(builder, Format::Json);
    assert!(json.contains("\"orig_time\":100.000005,"), "{json}");
    let elem = records(&route(peer(0), &[8, 10])).remove(0).into_elems();
    let typed = serde_json::to_value(&elem[0]).expect("JSON");
    assert_eq!(typed["orig_time"], 100.000_005);
}

fn ris(data: &str) -> Vec<u8> {
    format!(r#"{{"type":"ris_message","data":{{"timestamp":1558620047.08,"peer":"2001:db8::9","peer_asn":"64500","host":"rrc25.ripe.net",{data}}}}}"#)
        .into_bytes()
}

/// A message whose routes have a link-local next hop beside the global one.
pub(super) fn doubled() -> Vec<u8> {
    ris(
        r#""type":"UPDATE","path":[64500,[1,2]],"origin":"IGP","community":[[64500,1]],"announcements":[
        {"next_hop":"2001:db8::9","prefixes":["2001:db8:bb:0:0:0:0:0/48","2001:db8:aa::/48"]},
        {"next_hop":"fe80::9","prefixes":["2001:db8:aa::/48","2001:db8:bb::/48"]}],
        "withdrawals":["2001:db8:1::/48","198.51.100.0/24","eor"]"#
            .replace('\n', "")
            .as_str(),
    )
}

#[test]
fn a_next_hop_of_32_octets_is_one_elem() {
    let doubled = doubled();
    let lines = elems(&doubled);
    assert_eq!(
        columns(&lines, &[2, 3, 4, 5, 8, 9, 10, 11, 12, 14]),
        [
            "W|1558620047.080000|ris-live|rrc25|64500|2001:db8::9|198.51.100.0/24|||",
            "W|1558620047.080000|ris-live|rrc25|64500|2001:db8::9|2001:db8:1::/48|||",
            "A|1558620047.080000|ris-live|rrc25|64500|2001:db8::9|2001:db8:bb::/48|2001:db8::9|64500 {1,2}|64500:1",
            "A|1558620047.080000|ris-live|rrc25|64500|2001:db8::9|2001:db8:aa::/48|2001:db8::9|64500 {1,2}|64500:1",
        ]
    );
    let elem = records(&doubled).remove(0).into_elems().remove(2);
    assert_eq!(
        elem.next_hop
            .link_local
            .map(|one| one.to_string())
            .as_deref(),
        Some("fe80::9")
    );
}

#[test]
fn states_other_messages_and_wrong_lines() {
    let input = [
        ris(r#""type":"RIS_PEER_STATE","state":"connected""#),
        ris(r#""type":"OPEN","asn":1,"hold_time":90"#),
        b"{\"type\":\"pong\",\"data\":null}".to_vec(),
        b"{\"type\":\"ris_error\",\"data\":{\"message\":\"too | many\"}}".to_vec(),
        b"{oops".to_vec(),
        ris(r#""type":"UPDATE","raw":"xx""#),
        ris(r#""type":"RIS_PEER_STATE","state":"down""#),
    ]
    .join(&b'\n');
    let found = records(&input);
    let statuses: String = found.iter().map(|one| one.status.letter()).collect();
    assert_eq!(statuses, "VURRRV");
    assert!(
        found[2]
            .damage
            .as_deref()
            .expect("a reason")
            .contains("too _ many")
    );
    let positions: String = found.iter().map(|one| one.position.letter()).collect();
    assert_eq!(positions, "BBBBBB");
    assert_eq!(
        columns(&elems(&input), &[2, 15, 16]),
        ["S||CONNECT", "S||IDLE"]
    );
}

#[test]
fn raw_bytes_win_and_a_difference_is_noted() {
    let raw = bgp(2, &update(&[], &common(&[64500]), &[8, 10]));
    let hex: String = raw.iter().map(|byte| format!("{byte:02X}")).collect();
    let message = |prefix: &str| {
        ris(&format!(
            r#""type":"UPDATE","raw":"{hex}","path":[1],"announcements":[{{"next_hop":"192.0.2.1","prefixes":["{prefix}"]}}]"#
        ))
    };
    let same = records(&message("10.0.0.0/8"));
    assert_eq!(same[0].notes, Notes::NONE);
    let other = records(&message("11.0.0.0/8"));
    assert!(other[0].notes.contains(Notes::DISAGREES));
    assert_eq!(
        other[0].elems()[0]
            .prefix()
            .map(|one| one.to_string())
            .as_deref(),
        Some("10.0.0.0/8")
    );
}

#[test]
fn real_messages_are_the_same_with_and_without_their_bytes() {
    let Some(folder) = archives() else { return };
    let text = std::fs::read_to_string(folder.join("ris-live-10.jsonl")).expect("a file");
    let stripped: Vec<String> = text
        .lines()
        .map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value["data"]
                .as_object_mut()
                .expect("an object")
                .remove("raw");
            value.to_string()
        })
        .collect();
    let stripped = stripped.join("\n");
    let wanted: &[usize] = &[1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14];
    let mut with = columns(&elems(text.as_bytes()), wanted);
    let mut without = columns(&elems(stripped.as_bytes()), wanted);
    assert!(with.len() >= 10, "{with:?}");
    with.sort();
    without.sort();
    assert_eq!(with, without);
    assert!(
        records(text.as_bytes())
            .iter()
            .all(|one| one.notes.is_empty())
    );
}

/// Announces one route once its session is up.
struct Announcer;

impl Plugin for Announcer {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, writer: UpdateWriter) {
        tokio::task::spawn_local(async move {
            let body = update(&[], &common(&[65001]), &[24, 203, 0, 113]);
            writer.write(&body).await.expect("it is sent");
        });
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

/// A speaker of AS 65001 on a thread, which ends when the returned sender is dropped.
fn announcer() -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("a runtime");
        runtime.block_on(async {
            let server = Server::new(Ipv4Addr::new(192, 0, 2, 1));
            let address = server
                .listen("127.0.0.1:0".parse().expect("an address"))
                .expect("a listener");
            let mut config = PeerConfig::new(address.ip(), Asn(65001));
            config.passive = true;
            server.add_peer(config, Announcer).expect("a peer");
            server.start();
            tell.send(address).expect("somebody waits");
            let _ = stopped.await;
            server.shutdown(Cease::Removed).await;
        });
    });
    (told.recv().expect("an address"), stop)
}

#[test]
fn sessions_of_our_own_are_a_source() {
    let (address, _stop) = announcer();
    let mut sessions = Sessions::new(Ipv4Addr::new(192, 0, 2, 2));
    let mut config = PeerConfig::new(address.ip(), Asn(65002));
    config.port = address.port();
    config.peer_as = Some(Asn(65001));
    sessions.peer(config);
    let live = sessions.start(Detection::On).expect("a feed");
    let stream = Stream::builder().live(live).build().expect("a stream");
    let mut states = Vec::new();
    let route = stream
        .elems()
        .inspect(|elem| states.extend(elem.new_state))
        .find(|elem| elem.kind == ElemKind::Announcement)
        .expect("a route");
    assert_eq!(
        route.prefix().map(|one| one.to_string()).as_deref(),
        Some("203.0.113.0/24")
    );
    assert_eq!(
        (route.peer_asn, route.peer_address),
        (Asn(65001), Some(address.ip()))
    );
    assert_eq!(states.last().map(|state| state.name()), Some("ESTABLISHED"));
}

#[test]
fn the_command_line_has_sessions() {
    let (address, _stop) = announcer();
    let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args([
            "stream",
            "--peer",
            &address.to_string(),
            "--local-as",
            "65002",
            "-f",
            "elemtype announcements",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("standard output"))
        .read_line(&mut line)
        .expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("ends");
    assert!(line.contains("|65001|127.0.0.1|203.0.113.0/24|"), "{line}");
}

#[test]
fn a_wrong_neighbor_is_refused_before_anything_runs() {
    let mut sessions = Sessions::new(Ipv4Addr::new(192, 0, 2, 2));
    sessions.peer(PeerConfig::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), Asn(1)));
    assert!(sessions.start(Detection::On).is_err());
}

#[tokio::test]
async fn an_asynchronous_program_awaits_records() {
    let input = file(&router("a").repeat(100));
    let stream = Stream::builder().path(input.path()).expect("a file");
    let mut stream = stream
        .build()
        .expect("a stream")
        .into_async()
        .expect("a thread");
    let mut found: Vec<Record> = Vec::new();
    while let Some(record) = stream.next().await {
        found.push(record);
    }
    assert_eq!(found.len(), 400);
    assert_eq!(found[2].elems().len(), 1);
}

/// The server of RIS Live as a script: it checks the subscription, sends messages, and loses the first connection.
#[cfg(feature = "ris-live")]
#[test]
fn the_websocket_client_subscribes_and_comes_back() {
    use oxabgp::stream::source::{RisLiveClient, Subscription};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let url = format!("ws://{}/v1/ws/", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        for state in ["up", "down"] {
            let (stream, _) = listener.accept().expect("a client");
            let mut socket = tungstenite::accept(stream).expect("a handshake");
            let request = socket.read().expect("a message").into_text().expect("text");
            let request: serde_json::Value = serde_json::from_str(&request).expect("JSON");
            assert_eq!(request["type"], "ris_subscribe");
            assert_eq!(request["data"]["host"], "rrc25");
            assert_eq!(request["data"]["socketOptions"]["includeRaw"], true);
            assert!(request["data"].get("prefix").is_none());
            let message = ris(&format!(r#""type":"RIS_PEER_STATE","state":"{state}""#));
            let text = String::from_utf8(message).expect("text");
            socket
                .send(tungstenite::Message::text(text))
                .expect("sends");
            socket.flush().expect("sends");
        }
    });
    let subscription = Subscription {
        host: Some("rrc25".to_owned()),
        ..Subscription::default()
    };
    let live = RisLiveClient::connect(&url, &[subscription])
        .and_then(|client| client.start(Detection::On))
        .expect("a feed");
    let stream = Stream::builder().live(live).build().expect("a stream");
    let statuses: Vec<String> = stream
        .take(3)
        .map(|record| {
            let state = record.elems().first().and_then(|elem| elem.new_state);
            format!(
                "{}{}",
                record.status,
                state.map_or("", |state| state.name())
            )
        })
        .collect();
    assert_eq!(statuses, ["VESTABLISHED", "R", "VIDLE"]);
    server.join().expect("the server was satisfied");
}

/// Feeds come as they come: none waits for another, and what files hold comes first.
#[test]
fn several_feeds_and_files_are_one_stream() {
    let listeners: Vec<_> = (0..2)
        .map(|_| BmpListener::bind("127.0.0.1:0").expect("a listener"))
        .collect();
    let addresses: Vec<_> = listeners.iter().map(BmpListener::local_addr).collect();
    let input = file(&router("file"));
    let mut builder = Stream::builder().path(input.path()).expect("a file");
    for listener in listeners {
        builder = builder.live(listener.start(Detection::On).expect("a feed"));
    }
    let mut stream = builder.build().expect("a stream");
    let mut next = || stream.next().expect("a record").origin.router.clone();
    assert_eq!(next(), "file");
    for _ in 0..3 {
        next();
    }
    for (address, name) in [(addresses[1], "second"), (addresses[0], "first")] {
        let mut connection = TcpStream::connect(address).expect("connects");
        connection.write_all(&initiation(name)).expect("writes");
        assert_eq!(next(), name);
    }
}

#[test]
fn what_is_recent_has_no_end_in_a_feed() {
    let listener = BmpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr();
    let live = listener.start(Detection::On).expect("a feed");
    let builder = Stream::builder().recent("1 h").expect("a span").live(live);
    let stream = builder.build().expect("a stream");
    let (sender, elems) = std::sync::mpsc::channel();
    std::thread::spawn(move || stream.elems().all(|elem| sender.send(elem).is_ok()));
    let at = |seconds| up(PeerHeader { seconds, ..peer(0) }, &[]);
    let mut connection = TcpStream::connect(address).expect("connects");
    let messages = [initiation("edge"), at(100), at(4_000_000_000)].concat();
    connection.write_all(&messages).expect("writes");
    let elem = elems
        .recv_timeout(Duration::from_secs(20))
        .expect("an elem");
    assert_eq!((elem.time.seconds, elem.router()), (4_000_000_000, "edge"));
}

/// Waits for nothing: a bound on the time that a hostile file may take.
#[test]
fn a_long_line_and_a_long_name_cost_no_memory() {
    let started = Instant::now();
    let mut input = b"{\"type\":\"".to_vec();
    input.resize(5 << 20, b'x');
    input.extend_from_slice(b"\n");
    input.extend_from_slice(&ris(r#""type":"RIS_PEER_STATE","state":"up""#));
    let found = records(&input);
    let statuses: String = found.iter().map(|one| one.status.letter()).collect();
    assert_eq!(statuses, "RV");
    let name = "n".repeat(60_000);
    assert_eq!(records(&initiation(&name))[0].origin.router.len(), 255);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// The messages as packets of TCP to port 11019, in a capture file of raw IP.
fn capture(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0xA1B2_C3D4u32, 0x0004_0002, 0, 0, 65_535, 101]
        .map(u32::to_le_bytes)
        .concat();
    let mut sequence = 1u32;
    for message in messages {
        let total = u32::try_from(40 + message.len()).expect("short");
        out.extend([1, 0, total, total].map(u32::to_le_bytes).concat());
        let length = u16::try_from(total).expect("short").to_be_bytes();
        out.extend([0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0]);
        out.extend([192, 0, 2, 1, 192, 0, 2, 9]);
        out.extend(40_000u16.to_be_bytes());
        out.extend(11_019u16.to_be_bytes());
        out.extend(sequence.to_be_bytes());
        out.extend([0, 0, 0, 1, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        out.extend(message);
        sequence += total - 40;
    }
    out
}

#[test]
fn tshark_dissects_the_bmp_that_we_write() {
    let mut tlvs = Vec::new();
    oxabgp::bmp::Statistic {
        kind: 7,
        family: None,
        value: 3,
    }
    .write(&mut tlvs);
    let mut reader = oxabgp::wire::Reader::new(&tlvs);
    let statistics = bytes(&Message::StatisticsReport {
        peer: peer(0),
        statistics: Tlvs::decode(&mut reader).expect("a list"),
    });
    let messages = [
        initiation("edge"),
        up(peer(0), ADD_PATH),
        route(peer(0), &[0, 0, 0, 1, 24, 198, 51, 100]),
        route(peer(PeerHeader::POST_POLICY), &[0, 0, 0, 1, 8, 10]),
        statistics,
        down(peer(0)),
    ];
    let input = file(&capture(&messages));
    let output = Command::new("tshark")
        .arg("-r")
        .arg(input.path())
        .args(["-d", "tcp.port==11019,bmp", "-V"])
        .output();
    let Ok(output) = output else {
        super::skipped("tshark");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text.matches("BGP Monitoring Protocol").count();
    assert_eq!(count, messages.len(), "{text}");
    for wrong in ["Malformed", "Expert Info (Error", "Expert Info (Warn"] {
        assert!(!text.contains(wrong), "{text}");
    }
}
