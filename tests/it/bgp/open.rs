//! OPEN: which ones of the peer are rejected, and the wire form of ours.

use oxabgp::bgp::asn::Asn;
use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::capability::{Asn4, Multiprotocol, Offer};
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{HEADER, MAX, MessageType, encode, keepalive};
use oxabgp::bgp::{Capability, Family};
use oxabgp::fsm::{Config, ConnId, Direction, Output, State};

use crate::support::pair::{Solo, config, notification, up};

const OURS: [u8; 4] = [10, 0, 0, 1];
const THEIRS: [u8; 4] = [10, 0, 0, 2];

fn asn4(asn: u32) -> Capability {
    Capability::Asn4(Asn4(Asn(asn)))
}

fn open(field: u16, capabilities: Vec<Capability>) -> Open {
    Open {
        version: 4,
        asn: field,
        hold_time: 9,
        router_id: THEIRS.into(),
        capabilities,
    }
}

/// Our answer to `theirs` as AS 65001 that expects `peer_as`: a NOTIFICATION, or the AS of the session.
fn answer(ours: Config, theirs: &Open) -> Result<Asn, (u8, u8)> {
    let mut solo = Solo::new(ours);
    let id = solo.dialed();
    let outputs = solo.feed(id, &theirs.encode().expect("a short OPEN"));
    if let Some(refused) = notification(&outputs) {
        return Err(refused);
    }
    let outputs = solo.feed(id, &keepalive());
    Ok(up(&outputs).expect("a session").peer_as)
}

fn expecting(peer_as: Option<u32>) -> Config {
    Config {
        peer_as: peer_as.map(Asn),
        ..config(65001, OURS)
    }
}

#[test]
fn the_as_of_the_capability_counts_in_place_of_the_field() {
    let bad = Err((2, 2));
    // The AS that we expect, the field, the capability, the result.
    type Case = (Option<u32>, u16, Option<u32>, Result<u32, (u8, u8)>);
    let cases: [Case; 17] = [
        (Some(65000), 65000, Some(65000), Ok(65000)),
        (Some(65000), 65000, None, Ok(65000)),
        // RFC 6793 4.1
        (Some(65000), 65000, Some(65002), bad),
        (Some(65000), 65000, Some(4_200_000_000), bad),
        (Some(65002), 65000, Some(65002), Ok(65002)),
        (Some(65002), 23456, Some(65002), Ok(65002)),
        (
            Some(4_200_000_000),
            23456,
            Some(4_200_000_000),
            Ok(4_200_000_000),
        ),
        (Some(4_200_000_000), 23456, Some(4_200_000_001), bad),
        (Some(4_200_000_000), 23456, None, bad),
        (
            Some(4_200_000_000),
            65000,
            Some(4_200_000_000),
            Ok(4_200_000_000),
        ),
        (None, 65000, Some(65002), Ok(65002)),
        // RFC 7607 2
        (Some(65000), 65000, Some(0), bad),
        (Some(65000), 0, Some(65000), bad),
        (None, 0, None, bad),
        (None, 23456, Some(0), bad),
        // AS_TRANS only stands in for other numbers.
        (None, 23456, Some(23456), bad),
        (Some(23456), 23456, Some(23456), bad),
    ];
    for (expected, field, four, wanted) in cases {
        let capabilities = four.map(asn4).into_iter().collect();
        let got = answer(expecting(expected), &open(field, capabilities));
        let case = format!("peer-as {expected:?}, My AS {field}, capability {four:?}");
        assert_eq!(got, wanted.map(Asn), "{case}");
    }
}

#[test]
fn a_speaker_without_the_capability_knows_a_four_octet_peer_as_as_trans() {
    let old = |peer_as| Config {
        capabilities: Vec::new(),
        ..expecting(peer_as)
    };
    let theirs = open(23456, vec![asn4(70_000)]);
    assert_eq!(answer(old(Some(23456)), &theirs), Ok(Asn(70_000)));
    assert_eq!(answer(old(Some(70_000)), &theirs), Ok(Asn(70_000)));
    assert_eq!(answer(old(Some(65002)), &theirs), Err((2, 2)));
    // An OLD speaker only evaluates the field of a peer that has a two-octet number.
    let theirs = open(65002, vec![asn4(65003)]);
    assert_eq!(answer(old(Some(65002)), &theirs), Ok(Asn(65002)));
    assert_eq!(answer(old(Some(65003)), &theirs), Err((2, 2)));
}

#[test]
fn an_as_that_cannot_be_mirrored_is_refused_before_our_open() {
    for (field, capability) in [(0, None), (65002, Some(0)), (23456, Some(23456))] {
        let mut solo = Solo::new(Config {
            local_as: None,
            capabilities: vec![asn4(0)],
            ..config(0, OURS)
        });
        let id = solo.dialed();
        let theirs = open(field, capability.map(asn4).into_iter().collect());
        let outputs = solo.feed(id, &theirs.encode().expect("a short OPEN"));
        assert_eq!(notification(&outputs), Some((2, 2)));
        let sent = opens(&solo.outputs);
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[test]
fn malformed_opens_name_their_notification() {
    let good = open(65002, vec![asn4(65002)])
        .encode()
        .expect("a short OPEN");
    let body = &good[HEADER..];
    let (fixed, parameters) = (&body[..9], &body[10..]);
    let with = |parameters: &[u8]| [fixed, parameters].concat();
    let cases: [(&str, Vec<u8>, (u8, u8)); 12] = [
        ("octets after the parameters", [body, &[0]].concat(), (2, 0)),
        ("no parameters but octets", with(&[0, 2, 0]), (2, 0)),
        (
            "more than there is",
            with(&[&[9], parameters].concat()),
            (2, 0),
        ),
        ("half a parameter", with(&[1, 2]), (2, 0)),
        (
            "a parameter beyond the end",
            with(&[4, 2, 9, 65, 4]),
            (2, 0),
        ),
        (
            "a capability beyond its parameter",
            with(&[4, 2, 2, 65, 4]),
            (2, 0),
        ),
        (
            "an AS of three octets",
            with(&[7, 2, 5, 65, 3, 0, 1, 2]),
            (2, 0),
        ),
        ("authentication", with(&[3, 1, 1, 0]), (2, 5)),
        ("an unknown parameter", with(&[3, 9, 1, 0]), (2, 4)),
        (
            "an extended length beyond the end",
            with(&[255, 255, 0, 9, 2, 0, 0]),
            (2, 0),
        ),
        (
            "an extended parameter without its length",
            with(&[255, 255, 0, 2, 2, 0]),
            (2, 0),
        ),
        (
            "octets after extended parameters",
            with(&[255, 255, 0, 3, 2, 0, 0, 7]),
            (2, 0),
        ),
    ];
    for (name, body, wanted) in cases {
        let mut solo = Solo::new(config(65001, OURS));
        let id = solo.dialed();
        let mut bytes = Vec::new();
        encode(&mut bytes, MessageType::OPEN, |w| w.bytes(&body));
        let outputs = solo.feed(id, &bytes);
        assert_eq!(notification(&outputs), Some(wanted), "{name}");
    }
}

/// The OPENs that we sent.
fn opens(outputs: &[Output]) -> Vec<Vec<u8>> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Message {
            direction: Direction::Send,
            message,
            ..
        } if message.kind == MessageType::OPEN => Some(message.bytes.to_vec()),
        _ => None,
    });
    sent.collect()
}

/// Unassigned capabilities whose values have these lengths.
fn sized(lengths: &[usize]) -> Vec<Capability> {
    let sized = |(at, length): (u8, &usize)| Capability::Unknown {
        code: 100 + at,
        value: vec![at; *length].into(),
    };
    (0..).zip(lengths).map(sized).collect()
}

#[test]
fn the_classic_form_is_used_as_long_as_it_fits() {
    // Lengths of values, and the octets from Opt Parm Len on.
    let cases: [(&[usize], &[u8]); 7] = [
        (&[], &[0]),
        (&[1, 2], &[11, 2, 3, 100, 1, 0, 2, 4, 101, 2, 1, 1]),
        // ExaBGP's form has at most 254 octets,
        (&[120, 126], &[254, 2, 122, 100, 120]),
        // one parameter with all of them 255,
        (&[120, 127], &[253, 2, 251, 100, 120]),
        (&[120, 129], &[255, 2, 253, 100, 120]),
        (&[251], &[255, 2, 253, 100, 251]),
        // and beyond that the extended form is used.
        (&[120, 130], &[255, 255, 1, 4, 2, 0, 122, 100, 120]),
    ];
    for (lengths, wanted) in cases {
        let ours = open(65001, sized(lengths));
        let bytes = ours.encode().expect("less than 4,096 octets");
        let got = &bytes[HEADER + 9..];
        assert_eq!(got[..wanted.len()], *wanted, "{lengths:?}");
        assert_eq!(Open::decode(&bytes[HEADER..]), Ok(ours), "{lengths:?}");
    }
}

#[test]
fn all_families_with_add_path_and_graceful_restart_fit_in_one_parameter() {
    let families: Vec<Family> = Family::defaults().collect();
    // Those that a configuration offers without naming them.
    let paths = families.iter().copied();
    let paths = paths.filter(|one| matches!((one.afi.0, one.safi.0), (1 | 2, 1 | 4 | 128)));
    let offer = Offer {
        asn4: Some(Asn(65001)),
        add_path: Some((AddPathMode::BOTH, paths.collect())),
        extended_message: true,
        graceful_restart: Some(120),
        families: families[..18].to_vec(),
        ..Offer::default()
    };
    let bytes = open(65001, offer.capabilities()).encode().expect("an OPEN");
    assert_eq!(
        bytes[HEADER + 10],
        2,
        "a capabilities parameter: {bytes:02x?}"
    );
    assert_eq!(usize::from(bytes[HEADER + 9]), bytes.len() - HEADER - 10);
    assert_eq!(usize::from(bytes[HEADER + 11]), bytes.len() - HEADER - 12);
}

/// A neighbor whose full OPEN needs the extended form, and whose reduced one does not.
fn long() -> Config {
    Config {
        capabilities: [vec![asn4(65001)], sized(&[200, 200])].concat(),
        reduced: Some([vec![asn4(65001)], sized(&[20])].concat()),
        ..config(65001, OURS)
    }
}

/// Rejects the OPEN of the connection `id` with `answer`. Returns the next connection.
fn refused(solo: &mut Solo, id: ConnId, answer: (u8, u8)) -> ConnId {
    let answer = Notification::new(answer.0, answer.1, Vec::new());
    solo.feed(id, &answer.encode());
    let (_, outputs) = solo.expire();
    solo.answer(&outputs)
}

/// Returns `true` if the last OPEN that was sent uses the extended form.
fn is_long(solo: &Solo) -> bool {
    let sent = opens(&solo.outputs);
    sent.last().is_some_and(|bytes| bytes.len() > 400)
}

#[test]
fn a_peer_that_refuses_the_long_form_is_tried_once_without_what_is_not_configured() {
    for answer in [(1, 2), (2, 0), (2, 4)] {
        let mut solo = Solo::new(long());
        let id = solo.dialed();
        assert!(is_long(&solo));
        let id = refused(&mut solo, id, answer);
        assert!(!is_long(&solo), "{answer:?}");
        assert!(solo.outputs.contains(&Output::Reduced));
        // The form was not the cause: the full one again, from now on.
        let id = refused(&mut solo, id, answer);
        assert!(is_long(&solo));
        refused(&mut solo, id, answer);
        assert!(is_long(&solo));
        // Another configuration causes another attempt.
        solo.peer.configure(long());
        let outputs = solo.handle(oxabgp::fsm::Input::Bounce(Notification::cease(6)));
        let id = solo.answer(&outputs);
        refused(&mut solo, id, answer);
        assert!(!is_long(&solo));
    }
}

#[test]
fn what_is_offered_anew_is_in_the_next_open() {
    let mut solo = Solo::new(config(65001, OURS));
    let Config {
        capabilities,
        reduced,
        ..
    } = long();
    solo.peer.offer(capabilities, reduced);
    let id = solo.dialed();
    assert!(is_long(&solo));
    refused(&mut solo, id, (2, 4));
    assert!(!is_long(&solo));
}

#[test]
fn the_reduced_open_stays_with_a_peer_that_takes_it() {
    let mut solo = Solo::new(long());
    let id = solo.dialed();
    let id = refused(&mut solo, id, (2, 4));
    let theirs = open(65002, vec![asn4(65002)]);
    solo.feed(id, &theirs.encode().expect("a short OPEN"));
    assert!(up(&solo.feed(id, &keepalive())).is_some());
    refused(&mut solo, id, (2, 4));
    assert!(!is_long(&solo), "a session that was up is no refusal");
}

#[test]
fn nothing_is_left_out_for_other_reasons() {
    for (config, answer) in [
        (long(), (2, 2)),
        (long(), (6, 5)),
        (
            Config {
                reduced: None,
                ..long()
            },
            (2, 4),
        ),
        // The reduced one would be extended, too.
        (
            Config {
                reduced: Some(sized(&[250, 20])),
                ..long()
            },
            (2, 4),
        ),
    ] {
        let mut solo = Solo::new(config);
        let id = solo.dialed();
        refused(&mut solo, id, answer);
        assert!(is_long(&solo));
        assert!(!solo.outputs.contains(&Output::Reduced));
    }
    // The classic form was rejected: omitting something would not help.
    let mut solo = Solo::new(Config {
        capabilities: [vec![asn4(65001)], sized(&[100])].concat(),
        ..long()
    });
    let id = solo.dialed();
    refused(&mut solo, id, (2, 4));
    assert!(!solo.outputs.contains(&Output::Reduced));
}

#[test]
fn open_and_keepalive_have_at_most_4096_octets_after_extended_messages_were_negotiated() {
    // RFC 8654 4: "A BGP speaker that advertises the BGP Extended Message Capability […] applies to all messages except for
    // OPEN and KEEPALIVE".
    let extended = |local_as| Config {
        capabilities: Offer {
            families: vec![Family::IPV4_UNICAST],
            asn4: Some(Asn(local_as)),
            extended_message: true,
            ..Offer::default()
        }
        .capabilities(),
        ..config(local_as, OURS)
    };
    let up = || {
        let mut solo = Solo::new(extended(65001));
        let id = solo.dialed();
        let theirs = open(65002, extended(65002).capabilities);
        solo.feed(id, &theirs.encode().expect("a short OPEN"));
        solo.feed(id, &keepalive());
        assert!(
            solo.peer
                .negotiated()
                .is_some_and(|both| both.codec.extended_message)
        );
        (solo, id)
    };
    let sized = |kind: MessageType, size: usize| {
        let mut out = Vec::new();
        encode(&mut out, kind, |w| w.bytes(&vec![0; size - HEADER]));
        out
    };
    for (kind, size, wanted) in [
        (MessageType::OPEN, MAX + 1, Some((1, 2))),
        // Unexpected, but within the size limit.
        (MessageType::OPEN, MAX, Some((5, 3))),
        (MessageType::KEEPALIVE, MAX + 1, Some((1, 2))),
        (MessageType::UPDATE, MAX + 1, None),
    ] {
        let (mut solo, id) = up();
        let outputs = solo.feed(id, &sized(kind, size));
        assert_eq!(notification(&outputs), wanted, "{kind} of {size} octets");
        // The data is the wrong length (RFC 4271 6.1).
        let data = outputs.iter().find_map(|output| match output {
            Output::Transmit(_, bytes) if wanted == Some((1, 2)) => Some(bytes[21..].to_vec()),
            _ => None,
        });
        let length = u16::try_from(size).expect("a short message").to_be_bytes();
        assert_eq!(data, (wanted == Some((1, 2))).then(|| length.to_vec()));
        assert_eq!(solo.peer.state() == State::Established, wanted.is_none());
    }
    // Our messages comply, too.
    let big = open(65001, self::sized(&[250; 17]));
    assert!(big.encode().is_err());
    let multiprotocol = Capability::Multiprotocol(Multiprotocol(Family::IPV4_UNICAST));
    assert!(open(65001, vec![multiprotocol]).encode().is_ok());
}
