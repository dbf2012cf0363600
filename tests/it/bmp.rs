//! BMP: every message both ways, framing, codecs from the OPENs of a Peer Up, OpenBMP headers, hostile bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{self, MessageType as BgpType};
use oxabgp::bgp::{Afi, Asn, Family, Notification, RouteDistinguisher, Safi};
use oxabgp::bmp::{
    self, Information, MAX, MAX_PEERS, Message, MessageType, Mirrored, OpenBmp, PeerDown,
    PeerHeader, PeerType, PeerUp, Peers, Rib, Statistic, Tlvs,
};
use proptest::prelude::*;

fn peer(flags: u8) -> PeerHeader {
    let address = if flags & PeerHeader::IPV6 != 0 {
        IpAddr::V6("2001:db8::1".parse().expect("an address"))
    } else {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))
    };
    PeerHeader {
        kind: PeerType::GLOBAL,
        flags,
        distinguisher: RouteDistinguisher([0, 0, 0xFD, 0xE8, 0, 0, 0, 7]),
        address,
        asn: Asn(4_200_000_000),
        bgp_id: Ipv4Addr::new(10, 0, 0, 1),
        seconds: 1_700_000_000,
        microseconds: 42,
    }
}

/// An OPEN of AS 65000 with these capabilities, each a code and its value.
fn open(capabilities: &[(u8, &[u8])]) -> Vec<u8> {
    let mut parameters = Vec::new();
    for (code, value) in capabilities {
        let length = u8::try_from(value.len()).expect("a short value");
        parameters.extend_from_slice(&[2, length + 2, *code, length]);
        parameters.extend_from_slice(value);
    }
    let mut out = Vec::new();
    message::encode(&mut out, BgpType::OPEN, |w| {
        w.bytes(&[4, 0xFD, 0xE8, 0, 90, 10, 0, 0, 1]);
        w.len8(|w| w.bytes(&parameters));
    });
    out
}

fn up<'a>(sent_open: &'a [u8], received_open: &'a [u8]) -> PeerUp<'a> {
    PeerUp {
        local_address: Ipv4Addr::new(192, 0, 2, 2).into(),
        local_port: 179,
        remote_port: 40_000,
        sent_open,
        received_open,
        information: Tlvs::default(),
    }
}

fn list(values: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, value) in values {
        Tlvs::write(&mut out, *kind, value);
    }
    out
}

/// Every message, with both kinds of addresses and every reason of Peer Down.
fn with_each_message(mut check: impl FnMut(&Message<'_>)) {
    let keepalive = message::keepalive();
    let notification = Notification::cease(2).encode();
    let (sent, received) = (open(&[(65, &[0, 1, 0, 0])]), open(&[(1, &[0, 1, 0, 1])]));
    let names = list(&[
        (Information::SYS_DESCR, b"a router"),
        (Information::SYS_NAME, b"edge-1"),
        (Information::STRING, b""),
    ]);
    let table = list(&[(Information::TABLE_NAME, b"blue")]);
    let mirrored = list(&[
        (Mirrored::MESSAGE, &keepalive),
        (Mirrored::INFORMATION, &[0, 1]),
    ]);
    let mut counters = Vec::new();
    for (kind, family) in [
        (Statistic::REJECTED, None),
        (Statistic::ADJ_RIB_IN, None),
        (
            Statistic::ADJ_RIB_OUT_POST_BY_FAMILY,
            Some(Family::IPV6_UNICAST),
        ),
    ] {
        let value = 7;
        Statistic {
            kind,
            family,
            value,
        }
        .write(&mut counters);
    }
    let tlvs = |bytes| Tlvs::new(bytes).expect("whole values");
    for flags in [0, PeerHeader::IPV6 | PeerHeader::POST_POLICY] {
        let peer = peer(flags);
        check(&Message::RouteMonitoring {
            peer,
            update: &keepalive,
        });
        check(&Message::StatisticsReport {
            peer,
            statistics: tlvs(&counters),
        });
        let local_address = peer.address;
        check(&Message::PeerUp {
            peer,
            up: PeerUp {
                local_address,
                information: tlvs(&table),
                ..up(&sent, &received)
            },
        });
        for reason in [
            PeerDown::LocalNotification(&notification),
            PeerDown::LocalEvent(18),
            PeerDown::RemoteNotification(&notification),
            PeerDown::RemoteClosed,
            PeerDown::NotMonitored,
            PeerDown::LocalSystemClosed(tlvs(&table)),
            PeerDown::Other {
                reason: 200,
                data: b"more",
            },
        ] {
            check(&Message::PeerDown { peer, reason });
        }
        check(&Message::RouteMirroring {
            peer,
            values: tlvs(&mirrored),
        });
    }
    check(&Message::Initiation(tlvs(&names)));
    let reason = list(&[(Information::TERMINATION_REASON, &[0, 3])]);
    check(&Message::Termination(tlvs(&reason)));
    check(&Message::Unknown {
        kind: MessageType(99),
        body: b"later",
    });
}

#[test]
fn each_message_reads_back_as_it_was_written() {
    with_each_message(|message| {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        assert_eq!(bmp::frame(&bytes), Ok(Some(bytes.len())), "{message:?}");
        assert_eq!(bmp::decode(&bytes), Ok(*message));
    });
}

#[test]
fn a_message_that_is_cut_is_refused_or_awaited() {
    with_each_message(|message| {
        let mut whole = Vec::new();
        message.encode(&mut whole);
        for length in 0..whole.len() {
            assert_eq!(bmp::frame(&whole[..length]), Ok(None), "{message:?}");
            assert!(bmp::decode(&whole[..length]).is_err());
            // The same with a length that claims to be whole.
            if length >= bmp::HEADER {
                let mut cut = whole[..length].to_vec();
                let output = u32::try_from(length).expect("a small message");
                cut[1..5].copy_from_slice(&output.to_be_bytes());
                // It may still be a message, for lists have no end of their own.
                if let Ok(shorter) = bmp::decode(&cut) {
                    assert_ne!(&shorter, message);
                }
            }
        }
    });
}

#[test]
fn a_stream_that_cannot_be_followed_is_an_error() {
    for version in [0, 1, 2, 4, 255] {
        assert_eq!(bmp::frame(&[version]).map_err(|error| error.offset), Err(0));
    }
    let header = |length: u32| {
        let mut bytes = vec![3];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(0);
        bytes
    };
    let too_long = u32::try_from(MAX).expect("a small limit") + 1;
    for length in [0, 5, too_long, u32::MAX] {
        assert_eq!(
            bmp::frame(&header(length)).map_err(|error| error.offset),
            Err(1),
            "{length}"
        );
    }
    assert_eq!(bmp::frame(&header(too_long - 1)), Ok(None));
}

#[test]
fn flags_name_the_table() {
    for (flags, rib) in [
        (0, Rib::InPre),
        (PeerHeader::POST_POLICY, Rib::InPost),
        (PeerHeader::ADJ_RIB_OUT, Rib::OutPre),
        (
            PeerHeader::ADJ_RIB_OUT | PeerHeader::POST_POLICY,
            Rib::OutPost,
        ),
    ] {
        assert_eq!(peer(flags).rib(), rib);
    }
    // In a Loc-RIB header the bits mean something else (RFC 9069 section 4.2).
    let loc = PeerHeader {
        kind: PeerType::LOC_RIB,
        ..peer(PeerHeader::FILTERED | PeerHeader::AS2)
    };
    assert_eq!((loc.rib(), loc.has_as2()), (Rib::Loc, false));
}

#[test]
fn a_loc_rib_peer_has_no_ipv6_flag() {
    let mut bytes = Vec::new();
    Message::PeerDown {
        peer: PeerHeader {
            kind: PeerType::LOC_RIB,
            flags: PeerHeader::FILTERED,
            address: Ipv4Addr::UNSPECIFIED.into(),
            ..peer(0)
        },
        reason: PeerDown::LocalSystemClosed(Tlvs::default()),
    }
    .encode(&mut bytes);
    let message = bmp::decode(&bytes).expect("a message");
    let peer = message.peer().expect("a peer");
    assert_eq!(peer.address, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

#[test]
fn statistics_are_read_by_their_length() {
    let mut bytes = Vec::new();
    let written = [
        Statistic {
            kind: Statistic::TREATED_AS_WITHDRAW,
            family: None,
            value: 3,
        },
        Statistic {
            kind: Statistic::LOC_RIB,
            family: None,
            value: 1 << 40,
        },
        Statistic {
            kind: Statistic::ADJ_RIB_IN_BY_FAMILY,
            family: Some(Family {
                afi: Afi::IPV4,
                safi: Safi(200),
            }),
            value: 9,
        },
    ];
    for statistic in written {
        statistic.write(&mut bytes);
    }
    Tlvs::write(&mut bytes, 7, &[1, 2, 3]);
    let tlvs = Tlvs::new(&bytes).expect("whole values");
    let read: Vec<_> = tlvs.iter().map(Statistic::decode).collect();
    assert_eq!(
        read,
        [Some(written[0]), Some(written[1]), Some(written[2]), None]
    );
}

#[test]
fn notifications_of_a_peer_down_are_read() {
    let bytes = Notification::cease(4).encode();
    for down in [
        PeerDown::LocalNotification(&bytes),
        PeerDown::RemoteNotification(&bytes),
    ] {
        assert_eq!(down.notification(), Some(Notification::cease(4)));
    }
    assert_eq!(PeerDown::RemoteClosed.notification(), None);
}

/// ADD-PATH has a direction: what the router received is read with its "receive" and the peer's "send", what it sent with
/// the reverse.
#[test]
fn the_codec_of_a_peer_follows_its_opens() {
    let (send, receive) = ([0, 1, 1, 2], [0, 1, 1, 1]);
    let router = open(&[(65, &[0, 0, 0xFD, 0xE8]), (69, &receive)]);
    let other = open(&[(65, &[0, 0, 0xFD, 0xE8]), (69, &send)]);
    let mut peers = Peers::new();
    let header = peer(0);
    assert!(peers.codec(&header).is_none());
    assert!(peers.up(&header, &up(&router, &other)));
    let codec = |flags: u8| peers.codec(&peer(flags)).expect("a peer that is up");
    let ipv4 = Family::IPV4_UNICAST;
    for (flags, add_path) in [
        (0, true),
        (PeerHeader::POST_POLICY, true),
        (PeerHeader::ADJ_RIB_OUT, false),
        (PeerHeader::ADJ_RIB_OUT | PeerHeader::POST_POLICY, false),
    ] {
        assert_eq!(codec(flags).add_path_receive.contains(ipv4), add_path);
    }
    assert!(codec(0).asn4);
    assert!(!codec(PeerHeader::AS2).asn4);
    // A router may report families that our own sessions would not have.
    assert!(codec(0).families.contains(Family::IPV6_UNICAST));

    let mut reversed = Peers::new();
    reversed.up(&header, &up(&other, &router));
    let sent = reversed.codec(&peer(PeerHeader::ADJ_RIB_OUT));
    assert!(sent.expect("a peer").add_path_receive.contains(ipv4));
    let received = reversed.codec(&header);
    assert!(!received.expect("a peer").add_path_receive.contains(ipv4));

    assert!(peers.down(&header));
    assert!(!peers.down(&header));
    assert!(peers.is_empty());
}

#[test]
fn peers_of_different_instances_are_different() {
    let mut peers = Peers::new();
    let session = open(&[]);
    peers.up(&peer(0), &up(&session, &session));
    let other = PeerHeader {
        distinguisher: RouteDistinguisher::default(),
        ..peer(0)
    };
    assert!(peers.codec(&other).is_none());
    assert!(Peers::guess(&other).asn4);
    assert!(!Peers::guess(&peer(PeerHeader::AS2)).asn4);
}

#[test]
fn an_open_that_no_session_would_accept_costs_only_its_facts() {
    // An ADD-PATH capability without tuples, as FRR 8.0 sends.
    let empty_add_path = open(&[(65, &[0, 0, 0xFD, 0xE8]), (69, &[])]);
    assert!(Open::decode(&empty_add_path[message::HEADER..]).is_ok());
    let mut broken = open(&[]);
    broken[message::HEADER] = 9;
    let mut peers = Peers::new();
    for session in [&empty_add_path, &broken] {
        assert!(peers.up(&peer(0), &up(session, session)));
        let codec = peers.codec(&peer(0)).expect("a peer that is up");
        assert!(codec.asn4 && codec.add_path_receive.is_empty());
    }
}

#[test]
fn the_table_of_peers_is_bounded() {
    let session = open(&[]);
    let up = up(&session, &session);
    let mut peers = Peers::new();
    let numbered = |number: u128| PeerHeader {
        address: Ipv6Addr::from(number).into(),
        ..peer(PeerHeader::IPV6)
    };
    let limit = MAX_PEERS as u128;
    for number in 0..limit {
        assert!(peers.up(&numbered(number), &up));
    }
    assert!(!peers.up(&numbered(limit), &up));
    assert!(peers.up(&numbered(0), &up), "it is known already");
    assert_eq!(peers.len(), MAX_PEERS);
}

fn binary_header(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend_from_slice(b"OBMP\x01\x07\0\0\0\0\0\x06\x80\x0c");
    header.extend_from_slice(&1_700_000_000_u32.to_be_bytes());
    header.extend_from_slice(&5_u32.to_be_bytes());
    header.extend_from_slice(&[1; 16]);
    header.extend_from_slice(b"\0\x03noc");
    header.extend_from_slice(&[2; 16]);
    header.extend_from_slice(&[192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.extend_from_slice(b"\0\x04edge\0\0\0\x01");
    let length = u16::try_from(header.len()).expect("a short header");
    header[6..8].copy_from_slice(&length.to_be_bytes());
    change(&mut header);
    header.extend_from_slice(&[3, 0, 0, 0, 6, 4]);
    header
}

#[test]
fn openbmp_headers_name_collector_and_router() {
    let bytes = binary_header(|_| {});
    let unwrapped = OpenBmp::unwrap(&bytes).expect("a header");
    assert_eq!(
        unwrapped.header,
        Some(OpenBmp {
            collector: "noc".to_owned(),
            router: "edge".to_owned(),
            router_ip: Some(Ipv4Addr::new(192, 0, 2, 9).into()),
            seconds: 1_700_000_000,
            microseconds: 5,
        })
    );
    assert_eq!(unwrapped.bmp, [3, 0, 0, 0, 6, 4]);
    let text = b"V: 1.6\nC_HASH_ID: 00\nR_IP: 192.0.2.9\nT: BMP_RAW\n\n\x03\0\0\0\x06\x04";
    let unwrapped = OpenBmp::unwrap(text).expect("a header");
    assert_eq!(unwrapped.bmp, [3, 0, 0, 0, 6, 4]);
    let header = unwrapped.header.expect("a header");
    assert_eq!(header.router_ip, Some(Ipv4Addr::new(192, 0, 2, 9).into()));
    let plain = OpenBmp::unwrap(&[3, 0, 0, 0, 6, 4]).expect("no header");
    assert_eq!(plain.header, None);
}

#[test]
fn openbmp_headers_of_other_kinds_are_named_errors() {
    for (at, value, offset) in [(5, 8, 4), (12, 0, 12), (13, 1, 12)] {
        let bytes = binary_header(|header| header[at] = value);
        assert_eq!(
            OpenBmp::unwrap(&bytes).map_err(|error| error.offset),
            Err(offset)
        );
    }
    let whole = binary_header(|_| {});
    for length in 4..whole.len() {
        assert!(OpenBmp::unwrap(&whole[..length]).is_err(), "{length}");
    }
    assert!(OpenBmp::unwrap(b"V: 1\nno end").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(kind in 0u8..8, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = vec![3, 0, 0, 0, 0, kind];
        bytes.extend_from_slice(&body);
        let length = u32::try_from(bytes.len()).expect("a short message");
        bytes[1..5].copy_from_slice(&length.to_be_bytes());
        if let Ok(message) = bmp::decode(&bytes) {
            let mut again = Vec::new();
            message.encode(&mut again);
            // The twelve bytes before an IPv4 address and the count of statistics are not kept.
            prop_assert_eq!(again.len(), bytes.len());
            let read = bmp::decode(&again);
            prop_assert_eq!(read, Ok(message));
        }
        let _ = OpenBmp::unwrap(&body);
    }
}
