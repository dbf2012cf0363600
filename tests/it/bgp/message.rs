//! OPEN, NOTIFICATION and ROUTE-REFRESH, compared with ExaBGP 5.0.15's events for the same bytes.

use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::operational::Operational;
use oxabgp::bgp::message::refresh::RouteRefresh;
use oxabgp::bgp::message::{Direction, MAX, RawMessage, frame};
use oxabgp::json::JsonWriter;

use super::golden::{Case, cases};
use crate::support::hex::bytes;

fn raw(golden: &Case) -> RawMessage {
    frame(&mut golden.bytes().as_slice().into(), MAX)
        .expect("a right header")
        .expect("a whole message")
}

fn name(golden: &Case) -> &str {
    golden.get("name").expect("every block has a name")
}

/// The correct JSON line: ExaBGP's, or ours if ExaBGP is wrong.
fn right(golden: &Case) -> Option<&str> {
    golden.get("want-json").or_else(|| golden.get("json"))
}

/// The part of an event that starts with `key`, up to the braces that close the event.
fn part<'a>(line: &'a str, key: &str, tail: &str) -> &'a str {
    let at = line.find(key).expect("the key") + key.len();
    line[at..].strip_suffix(tail).expect("the closing braces")
}

/// The words of a text event after the direction.
fn words(line: &str) -> &str {
    line.split_once(" receive ").expect("a received message").1
}

#[test]
fn opens_read_as_exabgp_reads_them() {
    let mut seen = 0;
    for golden in cases("open") {
        let Some(json) = right(&golden) else {
            continue;
        };
        let open = Open::decode(raw(&golden).body())
            .unwrap_or_else(|error| panic!("{}: {error}", name(&golden)));
        let (mut w, mut text) = (JsonWriter::new(), String::new());
        open.json(Direction::Receive, &mut w);
        open.text(Direction::Receive, &mut text);
        assert_eq!(
            w.as_str(),
            part(json, "\"open\": ", " } }"),
            "{}",
            name(&golden)
        );
        if let Some(line) = golden.get("text") {
            assert_eq!(text, words(line), "{}", name(&golden));
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn malformed_opens_name_their_notification() {
    let code = |name: &str| {
        let goldens = cases("open");
        let golden = goldens.iter().find(|one| one.get("name") == Some(name));
        let golden = golden.expect("a case of that name");
        Open::decode(raw(golden).body()).map_err(|error| (error.code, error.subcode))
    };
    for (name, wanted) in [
        ("wrong-version", (2, 1)),
        ("parameter-authentication", (2, 5)),
        ("parameter-unknown", (2, 4)),
        ("parameter-overrun", (2, 0)),
        ("capability-overrun", (2, 0)),
    ] {
        assert_eq!(code(name), Err(wanted), "{name}");
    }
}

#[test]
fn no_cut_or_changed_open_panics_and_what_reads_writes() {
    for golden in cases("open") {
        let body = raw(&golden).body().to_vec();
        for end in 0..body.len() {
            let _ = Open::decode(&body[..end]);
        }
        for at in 0..body.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut changed = body.clone();
                changed[at] = value;
                if let Ok(open) = Open::decode(&changed) {
                    let wire = open.encode().expect("what fitted once fits again");
                    let back = Open::decode(&wire[19..]).expect("what we write reads");
                    // A multi-session capability is written as several, of which the first is used: this is not a
                    // fixed point.
                    if open
                        .capabilities
                        .iter()
                        .any(|one| matches!(one.code(), 68 | 131))
                    {
                        continue;
                    }
                    assert_eq!(back.encode().as_ref(), Ok(&wire), "{}", name(&golden));
                }
            }
        }
    }
}

#[test]
fn parameters_take_the_extended_form_beyond_255_bytes() {
    // RFC 9072: both sides of the limit, and short parameters in the extended form.
    use oxabgp::bgp::Capability;
    let open = |size: usize| Open {
        version: 4,
        asn: 1,
        hold_time: 0,
        router_id: [1, 1, 1, 1].into(),
        capabilities: vec![Capability::Unknown {
            code: 99,
            value: vec![7; size].into(),
        }],
    };
    for (size, head) in [
        (250, "FE02FC63FA"),
        (251, "FF02FD63FB"),
        (252, "FFFF0101 0200FE63FC"),
    ] {
        let wire = open(size).encode().expect("a short OPEN");
        let head = bytes(head);
        assert_eq!(wire[28..28 + head.len()], head, "{size}");
        assert_eq!(Open::decode(&wire[19..]), Ok(open(size)));
    }
    let short = bytes("04 0001 0000 01010101 FF FF 0006 02 0003 63 01 07");
    assert_eq!(Open::decode(&short), Ok(open(1)));
    let mut long = open(251);
    long.capabilities = vec![long.capabilities[0].clone(); 16];
    assert!(long.encode().is_err());
}

#[test]
fn notifications_read_as_exabgp_reads_them() {
    for golden in cases("notification") {
        let notification = Notification::decode(raw(&golden).body());
        let (mut w, mut text) = (JsonWriter::new(), String::new());
        notification.json(Direction::Receive, &mut w);
        notification.text(Direction::Receive, &mut text);
        let json = right(&golden).expect("every one is an event");
        assert_eq!(
            w.as_str(),
            part(json, "\"notification\": ", "  } }"),
            "{}",
            name(&golden)
        );
        if let Some(line) = golden.get("text") {
            assert_eq!(text, words(line), "{}", name(&golden));
        }
    }
}

#[test]
fn refreshes_read_as_exabgp_reads_them() {
    for golden in cases("refresh") {
        let refresh = RouteRefresh::decode(&raw(&golden)).expect("four bytes");
        let mut wire = Vec::new();
        refresh.encode(&mut wire);
        assert_eq!(wire, golden.bytes(), "{}", name(&golden));
        let Some(json) = golden.get("json") else {
            assert!(refresh.subtype > RouteRefresh::END, "{}", name(&golden));
            continue;
        };
        let (mut w, mut text) = (JsonWriter::new(), String::new());
        refresh.json(&mut w);
        refresh.text(&mut text);
        assert_eq!(
            w.as_str(),
            part(json, "\"route-refresh\": ", " } }"),
            "{}",
            name(&golden)
        );
        assert_eq!(
            text,
            words(golden.get("text").expect("a text")),
            "{}",
            name(&golden)
        );
    }
}

#[test]
fn a_short_operational_message_is_an_error_of_its_own() {
    let message = |body: &[u8]| {
        let length = u16::try_from(19 + body.len()).expect("short").to_be_bytes();
        [&[0xFF; 16][..], &length, &[6], body].concat()
    };
    for length in 0..7 {
        let wire = message(&[0, 1, 0, 3, 0, 1, 1][..length]);
        let message = frame(&mut wire.as_slice().into(), MAX)
            .expect("a right header")
            .expect("a whole message");
        let error = Operational::decode(message.body()).expect_err("too short");
        assert_eq!((error.code, error.subcode), (5, 0), "{length}");
    }
}

#[test]
fn each_registered_subcode_has_a_name() {
    // IANA's registries of BGP error subcodes.
    let highest = [
        (1, 3),
        (2, 11),
        (3, 11),
        (4, 0),
        (5, 3),
        (6, 10),
        (7, 2),
        (8, 0),
    ];
    for (code, highest) in highest {
        for subcode in 0..=u8::MAX {
            let name = Notification::new(code, subcode, Vec::new()).subcode_name();
            assert_eq!(name.is_some(), subcode <= highest, "{code}/{subcode}");
        }
    }
}

#[test]
fn the_code_of_an_error_is_named() {
    // RFC 4271 section 4.5, RFC 7313 section 5, RFC 9687 section 4.
    let names = [
        "Message header error",
        "OPEN message error",
        "UPDATE message error",
        "Hold timer expired",
        "State machine error",
        "Cease",
        "ROUTE-REFRESH message error",
        "Send hold timer expired",
        "unknown error",
    ];
    for (code, name) in (1..).zip(names) {
        let text = Notification::new(code, 99, Vec::new()).to_string();
        assert_eq!(text, format!("{name} / unknown reason"));
    }
}
