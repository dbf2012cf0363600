//! Event lines, each as ExaBGP 5.0.15 printed it.

use oxabgp::api::{
    Direction, Encoder, Event, EventHead, Form, HelperId, Identity, Kind, Message, MessageKinds,
    MessageWish, Printer, Raw, Stamp, Style, Subscriptions, Version, Wish,
};
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::refresh::RouteRefresh;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Codec, Family};
use oxabgp::json::JsonWriter;

use crate::support::hex::bytes;

const H: &str = r#"{ "exabgp": "5.0.0", "time": 1795205120.1029592, "host" : "vm", "pid" : 15893, "ppid" : 15847, "counter": 1, "#;
const N: &str = r#""neighbor": { "address": { "local": "127.0.0.1", "peer": "127.0.0.2" }, "asn": { "local": 65000, "peer": 65001 }, "router-id": "10.0.0.1" ,"#;

fn identity() -> Identity {
    Identity {
        local_address: "127.0.0.1".parse().ok(),
        peer_address: [127, 0, 0, 2].into(),
        zone: None,
        local_as: Some(Asn(65000)),
        peer_as: Some(Asn(65001)),
        router_id: Some([10, 0, 0, 1].into()),
    }
}

fn stamp() -> Stamp {
    let mut stamp = Stamp::new("vm", 15893, 15847);
    stamp.set_time(1_795_205_120.102_959_2);
    stamp
}

/// The line for an event in JSON and in text.
fn lines(event: &Event<'_>, form: Form, negotiated: bool, raw: Raw<'_>) -> (String, String) {
    let line = |encoder| {
        let mut out = JsonWriter::new();
        let style = Style {
            encoder,
            form,
            negotiated,
        };
        style.encode(
            &mut EventHead::new(identity()),
            event,
            raw,
            &mut stamp(),
            &mut out,
        );
        out.into_string()
    };
    (line(Encoder::JSON), line(Encoder::TEXT))
}

#[test]
fn addresses_are_those_of_the_configuration() {
    let text = "neighbor 2A02:B80:0:0:0:0:0:1 { local-address 2A02:0B80::0003; local-as 65000; peer-as 65001; \
                router-id 10.0.0.1; }";
    let env = oxabgp::config::Env::default();
    let folder = std::path::Path::new(".");
    let (config, _) = oxabgp::config::Config::parse("test", text, folder, &env).expect("no fault");
    let neighbor = &config.neighbors[0];
    assert_eq!(
        neighbor.name(),
        "neighbor 2A02:B80:0:0:0:0:0:1 local-ip 2A02:0B80::0003 local-as 65000 peer-as 65001 router-id 10.0.0.1 \
         family-allowed in-open"
    );
    let session = &neighbor.session;
    let identity = Identity {
        local_address: session.local_address,
        peer_address: session.peer_address,
        ..identity()
    };
    let mut head = EventHead::new(identity).spelled(session.spelling.clone());
    let mut line = |encoder| {
        let mut out = JsonWriter::new();
        let style = Style {
            encoder,
            form: Form::Parsed,
            negotiated: false,
        };
        let event = Event::Up;
        style.encode(&mut head, &event, Raw::default(), &mut stamp(), &mut out);
        out.into_string()
    };
    let json = line(Encoder::JSON);
    let shown = r#""address": { "local": "2A02:0B80::0003", "peer": "2A02:B80:0:0:0:0:0:1" }"#;
    assert!(json.contains(shown), "{json}");
    let text = line(Encoder::TEXT);
    assert!(
        text.starts_with("neighbor 2A02:B80:0:0:0:0:0:1 up"),
        "{text}"
    );
}

#[test]
fn states_and_messages_without_routes() {
    let notification = Notification::new(6, 9, vec![0x62, 0x79, 0x65]);
    let refresh = RouteRefresh {
        family: Family::IPV4_UNICAST,
        subtype: 0,
    };
    for (event, json, text) in [
        (
            Event::Connected,
            r#""type": "state", ⟨N⟩ "state": "connected" } }"#,
            "connected",
        ),
        (Event::Up, r#""type": "state", ⟨N⟩ "state": "up" } }"#, "up"),
        (
            Event::Down {
                reason: "notification received (6,2)",
            },
            r#""type": "state", ⟨N⟩ "state": "down", "reason": "notification received (6,2)" } }"#,
            "down - notification received (6,2)",
        ),
        (
            Event::Fsm { state: "OPENSENT" },
            r#""type": "fsm", ⟨N⟩ "state": "OPENSENT" } }"#,
            "",
        ),
        (
            Event::Signal {
                code: 10,
                name: "SIGUSR1",
            },
            r#""type": "signal", ⟨N⟩ "code": "10", "name": "SIGUSR1" } }"#,
            "",
        ),
        (
            Event::Message(Direction::Receive, Message::Keepalive),
            r#""type": "keepalive", ⟨N⟩ "direction": "receive"  } }"#,
            "receive keepalive",
        ),
        (
            Event::Message(Direction::Receive, Message::Refresh(&refresh)),
            r#""type": "refresh", ⟨N⟩ "direction": "receive", "route-refresh": { "afi": "ipv4", "safi": "unicast", "subtype": "query" } } }"#,
            "receive route-refresh afi ipv4 safi unicast query",
        ),
        (
            Event::Message(Direction::Receive, Message::Notification(&notification)),
            r#""type": "notification", ⟨N⟩ "direction": "receive", "notification": { "code": 6, "subcode": 9, "data": "0x627965", "message": "bye" }  } }"#,
            "receive notification code 6 subcode 9 data 0x627965",
        ),
        (
            Event::Message(Direction::Receive, Message::EndOfRib(Family::IPV6_UNICAST)),
            r#""type": "update", ⟨N⟩ "direction": "receive", "message": { "eor": { "afi" : "ipv6", "safi" : "unicast" } } } }"#,
            "receive update start\nneighbor 127.0.0.2 receive update route eor 2/1 (ipv6 unicast)\nneighbor 127.0.0.2 receive update end",
        ),
        (
            Event::Negotiated,
            r#""type": "negotiated", ⟨N⟩ "negotiated": { "message_size": 4096, "hold_time": 0, "asn4": false, "multisession": false, "operational": false, "refresh": "absent", "families": [], "nexthop": [], "add_path": {"send": [], "receive": []} }  } }"#,
            "",
        ),
    ] {
        let (got_json, got_text) = lines(&event, Form::Parsed, true, Raw::default());
        let wanted = if matches!(event, Event::Message(_, Message::EndOfRib(_))) {
            // The negotiated object was requested and follows the content of an UPDATE.
            let body = got_json
                .split_once(", \"negotiated\"")
                .map(|(before, _)| format!("{before} }} }}\n"));
            assert_eq!(body, Some(format!("{H}{}\n", json.replace("⟨N⟩", N))));
            got_json.clone()
        } else {
            format!("{H}{}\n", json.replace("⟨N⟩", N))
        };
        assert_eq!(got_json, wanted);
        let wanted = if text.is_empty() {
            String::new()
        } else {
            format!("neighbor 127.0.0.2 {text}\n\n")
        };
        assert_eq!(got_text, wanted);
        serde_json::from_str::<serde_json::Value>(&got_json).expect("valid JSON");
    }
}

#[test]
fn packets_and_consolidated() {
    let keepalive = oxabgp::bgp::message::keepalive();
    let event = Event::Message(Direction::Send, Message::Keepalive);
    let header = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001304";
    let (json, text) = lines(&event, Form::Packets, false, Raw::new(&keepalive));
    assert_eq!(
        json,
        format!(
            "{H}\"type\": \"keepalive\", {N} \"direction\": \"send\", \"message\": {{ \"category\": 4, \"header\": \"0x{header}\", \"body\": \"0x\" }}  }} }}\n"
        )
    );
    assert_eq!(
        text,
        format!("neighbor 127.0.0.2 send 4 header 0x{header}\n\n")
    );
    let (json, text) = lines(&event, Form::Consolidated, false, Raw::new(&keepalive));
    assert_eq!(
        json,
        format!(
            "{H}\"type\": \"keepalive\", \"header\": \"0x{header}\", {N} \"direction\": \"send\"  }} }}\n"
        )
    );
    assert_eq!(
        text,
        format!("neighbor 127.0.0.2 send keepalive header 0x{header}\n\n")
    );
}

#[test]
fn what_is_not_known_is_null_and_the_line_stays_json() {
    let mut head = EventHead::new(Identity {
        local_address: None,
        local_as: None,
        peer_as: None,
        router_id: None,
        ..identity()
    });
    let mut out = JsonWriter::new();
    let style = Style {
        encoder: Encoder::JSON,
        form: Form::Parsed,
        negotiated: false,
    };
    style.encode(
        &mut head,
        &Event::Up,
        Raw::default(),
        &mut stamp(),
        &mut out,
    );
    let value: serde_json::Value = serde_json::from_str(out.as_str()).expect("valid JSON");
    assert!(
        value["neighbor"]["asn"]["local"].is_null() && value["neighbor"].get("router-id").is_none()
    );
    // A host name cannot break out of its string.
    let mut stamp = Stamp::new("a\"b", 1, 2);
    out.clear();
    Encoder::JSON.shutdown(&mut stamp, &mut out);
    assert_eq!(
        out.as_str(),
        "{ \"exabgp\": \"5.0.0\", \"time\": 0.0, \"host\" : \"a\\\"b\", \"pid\" : 1, \"ppid\" : 2, \"type\": \"notification\", \"notification\": \"shutdown\" }\n"
    );
    out.clear();
    Encoder::TEXT.shutdown(&mut stamp, &mut out);
    assert_eq!(out.as_str(), "shutdown 1 2\n\n");
}

fn wish(helper: u32, encoder: Encoder) -> Wish {
    Wish {
        helper: HelperId(helper),
        encoder,
        neighbor_changes: false,
        negotiated: false,
        fsm: false,
        signal: false,
        send: MessageWish::default(),
        receive: MessageWish::default(),
    }
}

/// Which helpers receive which text, in order.
fn reported(subscriptions: &Subscriptions, event: &Event<'_>) -> Vec<(Vec<u32>, String)> {
    let keepalive = oxabgp::bgp::message::keepalive();
    let mut got = Vec::new();
    subscriptions.publish(
        &mut EventHead::new(identity()),
        event,
        Raw::new(&keepalive),
        &mut Printer::new(stamp()),
        |helpers, line| {
            got.push((
                helpers.iter().map(|helper| helper.0).collect(),
                line.to_owned(),
            ));
        },
    );
    got
}

#[test]
fn each_helper_gets_what_it_asked_for_and_no_more() {
    let keepalives = MessageKinds::default().with(MessageType::KEEPALIVE);
    let parsed = MessageWish {
        parsed: true,
        kinds: keepalives,
        ..MessageWish::default()
    };
    let both = MessageWish {
        packets: true,
        ..parsed
    };
    let updates = MessageWish {
        parsed: true,
        packets: true,
        kinds: MessageKinds::default().with(MessageType::UPDATE),
        ..parsed
    };
    let formless = MessageWish {
        kinds: keepalives,
        ..MessageWish::default()
    };
    let subscriptions = Subscriptions::new(&[
        Wish {
            receive: parsed,
            ..wish(1, Encoder::TEXT)
        },
        Wish {
            receive: both,
            ..wish(2, Encoder::TEXT)
        },
        Wish {
            receive: updates,
            ..wish(3, Encoder::TEXT)
        },
        Wish {
            receive: formless,
            ..wish(4, Encoder::TEXT)
        },
        Wish {
            receive: MessageWish {
                consolidate: true,
                ..parsed
            },
            ..wish(5, Encoder::JSON)
        },
    ]);
    let got = reported(
        &subscriptions,
        &Event::Message(Direction::Receive, Message::Keepalive),
    );
    let short: Vec<_> = got
        .iter()
        .map(|(helpers, line)| {
            (
                &helpers[..],
                line.contains(" 4 header"),
                line.starts_with('{'),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (&[2][..], true, false),
            (&[1, 2], false, false),
            // It specifies no format: the other one's is used.
            (&[4], false, false),
            (&[5], false, true)
        ]
    );
    assert!(got[3].1.contains("\"header\": \"0xFF"));
    assert!(!subscriptions.wants(Kind::Message(Direction::Send, MessageType::KEEPALIVE)));
    assert!(!subscriptions.wants(Kind::Fsm));
    assert!(subscriptions.wants_decoded(Kind::Message(Direction::Receive, MessageType::UPDATE)));
}

#[test]
fn a_helper_named_twice_gets_each_event_once() {
    let changes = Wish {
        neighbor_changes: true,
        ..wish(7, Encoder::JSON)
    };
    let subscriptions = Subscriptions::new(&[changes, changes]);
    assert_eq!(reported(&subscriptions, &Event::Up).len(), 1);
    assert_eq!(reported(&subscriptions, &Event::Up)[0].0, [7]);
}

#[test]
fn what_we_send_shows_its_bytes_only_if_packets_are_asked_for_too() {
    let kinds = MessageKinds::default().with(MessageType::KEEPALIVE);
    for (packets, shown) in [(false, false), (true, true)] {
        let send = MessageWish {
            consolidate: true,
            packets,
            kinds,
            ..MessageWish::default()
        };
        let subscriptions = Subscriptions::new(&[Wish {
            send,
            ..wish(1, Encoder::JSON)
        }]);
        let got = reported(
            &subscriptions,
            &Event::Message(Direction::Send, Message::Keepalive),
        );
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].1.contains("\"header\""), shown);
    }
}

#[test]
fn numbers_count_up_and_4_2_claims_its_version() {
    let mut head = EventHead::new(identity());
    let mut out = JsonWriter::new();
    let style = Style {
        encoder: Encoder::Json {
            version: Version::V4,
            compact: false,
        },
        form: Form::Parsed,
        negotiated: false,
    };
    for _ in 0..2 {
        style.encode(
            &mut head,
            &Event::Up,
            Raw::default(),
            &mut stamp(),
            &mut out,
        );
    }
    let counters: Vec<_> = out
        .as_str()
        .lines()
        .map(|line| line.contains("\"counter\": 2"))
        .collect();
    assert_eq!(counters, [false, true]);
    assert!(out.as_str().starts_with("{ \"exabgp\": \"4.0.1\""));
}

/// What 4.2.25 printed for the same bytes.
#[test]
fn updates_in_the_shape_of_4_2() {
    let attributes =
        "400101004002140202 0000FDE9 0000FDEA 0102 00000001 00000002 4003040A00000280040400000032";
    let confederation = "40010100 40020C 0301 0000FDE9 0201 0000FDEA 4003040A000002";
    for (attributes, nlri, wanted) in [
        (
            attributes,
            "180A0001",
            r#""attribute": { "origin": "igp", "as-path": [ 65001, 65002 ], "as-set": [ 1, 2 ], "confederation-path": [], "med": 50 }, "announce": { "ipv4 unicast": { "10.0.0.2": [ { "nlri": "10.0.1.0/24" } ] } }"#,
        ),
        (
            "40010100 400200 4003040A000002",
            "180A0001",
            r#""attribute": { "origin": "igp" }, "announce": { "ipv4 unicast": { "10.0.0.2": [ { "nlri": "10.0.1.0/24" } ] } }"#,
        ),
        (
            confederation,
            "180A0001",
            r#""attribute": { "origin": "igp", "as-path": [ 65002 ], "confederation-path": [ 65001 ] }, "announce": { "ipv4 unicast": { "10.0.0.2": [ { "nlri": "10.0.1.0/24" } ] } }"#,
        ),
        (
            "40010100 400206 0201 0000FDE9 4003040A000002 C01010 0002000100000005 0202000000010005",
            "180A0001",
            r#""attribute": { "origin": "igp", "as-path": [ 65001 ], "confederation-path": [], "extended-community": [ { "value": 562954248388613, "string": "target:1:5" }, { "value": 144678138029342725, "string": "target:1L:5" } ] }, "announce": { "ipv4 unicast": { "10.0.0.2": [ { "nlri": "10.0.1.0/24" } ] } }"#,
        ),
    ] {
        let (attributes, nlri) = (bytes(attributes), bytes(nlri));
        let encoder = Encoder::Json {
            version: Version::V4,
            compact: false,
        };
        let line = printed_update(encoder, &attributes, &nlri);
        let (_, neighbor) = line.split_once("\"neighbor\": ").expect("a neighbor");
        assert_eq!(
            neighbor,
            format!(
                "{{ \"address\": {{ \"local\": \"127.0.0.1\", \"peer\": \"127.0.0.2\" }}, \"asn\": {{ \"local\": 65000, \"peer\": 65001 }} , \"direction\": \"receive\", \"message\": {{ \"update\": {{ {wanted} }} }} }} }}\n"
            )
        );
    }
    let notification = Notification::new(6, 9, b"bye".to_vec());
    let event = Event::Message(Direction::Receive, Message::Notification(&notification));
    let line = printed(
        Encoder::Json {
            version: Version::V4,
            compact: false,
        },
        &event,
    );
    assert!(
        line.ends_with(
            "\"notification\": { \"code\": 6, \"subcode\": 9, \"data\": \"0x627965\" }  } }\n"
        ),
        "{line}"
    );
}

/// The event of a received UPDATE.
fn printed_update(encoder: Encoder, attributes: &[u8], nlri: &[u8]) -> String {
    let update = Update {
        withdrawn: &[],
        attributes,
        nlri,
        body: &[],
    };
    let cx = Codec {
        asn4: true,
        ibgp: true,
        families: Family::KNOWN.into_iter().collect(),
        ..Codec::default()
    };
    let content = update.content(&cx, &mut DecodeEach).expect("an UPDATE");
    printed(
        encoder,
        &Event::Message(Direction::Receive, Message::update(&content)),
    )
}

fn printed(encoder: Encoder, event: &Event<'_>) -> String {
    let mut out = JsonWriter::new();
    let style = Style {
        encoder,
        form: Form::Parsed,
        negotiated: false,
    };
    style.encode(
        &mut EventHead::new(identity()),
        event,
        Raw::default(),
        &mut stamp(),
        &mut out,
    );
    out.into_string()
}

#[test]
fn compact_prefixes_are_bare_strings_and_6_0_always_tells_what_was_negotiated() {
    let (attributes, nlri) = (
        bytes("40010100 400200 4003040A000002"),
        bytes("180A0001 180A0002"),
    );
    let update = Update {
        withdrawn: &bytes("180A0003 180A0004"),
        attributes: &attributes,
        nlri: &nlri,
        body: &[],
    };
    let content = update
        .content(
            &Codec {
                asn4: true,
                ibgp: true,
                ..Codec::default()
            },
            &mut DecodeEach,
        )
        .expect("an UPDATE");
    let event = Event::Message(Direction::Receive, Message::update(&content));
    let line = printed(
        Encoder::Json {
            version: Version::V5,
            compact: true,
        },
        &event,
    );
    assert!(
        line.contains(
            r#""announce": { "ipv4 unicast": { "10.0.0.2": [ "10.0.1.0/24", "10.0.2.0/24" ] } }"#
        ),
        "{line}"
    );
    assert!(
        line.contains(r#""withdraw": { "ipv4 unicast": [ "10.0.3.0/24", "10.0.4.0/24" ] }"#),
        "{line}"
    );
    let line = printed(
        Encoder::Json {
            version: Version::V6,
            compact: false,
        },
        &event,
    );
    assert!(
        line.starts_with("{ \"exabgp\": \"6.0.0\"")
            && line.contains("\"negotiated\": { \"message_size\""),
        "{line}"
    );
}

/// The AS path and long AS numbers in the text of 4.2, as printed by 4.2.22 for the same bytes.
#[test]
fn text_in_the_words_of_4_2() {
    for (attributes, wanted) in [
        ("40020A 0202 0000FDE9 0000FDEA", "as-path [ 65001 65002 ]"),
        (
            "400210 0201 0000FDE9 0102 00000001 00000002",
            "as-path [ 65001 ( 1 2 ) ]",
        ),
        ("40020A 0102 00000001 00000002", "as-path [ ( 1 2 )]"),
        (
            "40020C 0301 0000FDE9 0201 0000FDEA",
            "as-path [ 65002 ][ 65001 ]",
        ),
        (
            "400206 0201 0000FDE9 C01010 0202000111700005 0002FDE800000001",
            "as-path [ 65001 ] extended-community [ target:65000:1 target:70000L:5 ]",
        ),
        (
            "400206 0201 0000FDE9 C01010 0002000100000005 0202000000010005",
            "as-path [ 65001 ] extended-community [ target:1:5 target:1L:5 ]",
        ),
    ] {
        let attributes = bytes(&format!("40010100 4003040A000002 {attributes}"));
        let nlri = bytes("180A0001");
        let version = Version::V4;
        let text = printed_update(Encoder::Text { version }, &attributes, &nlri);
        let line = format!(
            "neighbor 127.0.0.2 receive update announced 10.0.1.0/24 next-hop 10.0.0.2 origin igp {wanted}\n"
        );
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn text_events_have_the_routes_of_all_families() {
    let rd = "0000FDE800000001";
    for (afi, safi, hop, nlri, wanted) in [
        (
            25,
            70,
            "0A000002",
            format!("0311 {rd} 00000000 20 0A000002"),
            "afi l2vpn safi evpn multicast rd 65000:1 ethernet-tag 0 ip 10.0.0.2",
        ),
        (
            1,
            132,
            "0A000002",
            "60 0000FDE8 0002FDE800000001".to_owned(),
            "afi ipv4 safi rtc origin 65000 target target:65000:1",
        ),
        (
            1,
            5,
            "0A000002",
            format!("0512 {rd} 20 0A63C701 20 EFFBFFE4"),
            "afi ipv4 safi mcast-vpn source-ad source 10.99.199.1 group 239.251.255.228 rd 65000:1",
        ),
        (
            1,
            85,
            "0A000002",
            format!("0100010C {rd} 18 0A0001"),
            "afi ipv4 safi mup mup-isd 10.0.1.0/24 rd 65000:1",
        ),
        (
            0x4004,
            71,
            "0A000002",
            "00050004 DEADBEEF".to_owned(),
            "afi bgp-ls safi bgp-ls raw 0x00050004DEADBEEF",
        ),
        (
            25,
            70,
            "20010DB8000000000000000000000002",
            "0904 01020304".to_owned(),
            "afi l2vpn safi evpn raw 0x090401020304",
        ),
    ] {
        let (hop, nlri) = (bytes(hop), bytes(&nlri));
        let mp = |head: &[u8], body: &[u8]| {
            let family = [u16::to_be_bytes(afi)[0], u16::to_be_bytes(afi)[1], safi];
            [&family[..], head, body].concat()
        };
        let attribute = |code, value: &[u8]| {
            let length = u8::try_from(value.len()).expect("short");
            [&[0x80, code, length], value].concat()
        };
        let length = u8::try_from(hop.len()).expect("short");
        let head = [&[length], &hop[..], &[0]].concat();
        let reach = attribute(14, &mp(&head, &nlri));
        let announced = [bytes("40010100 400200"), reach].concat();
        let withdrawn = attribute(15, &mp(&[], &nlri));
        let hop = match hop.len() {
            4 => "10.0.0.2",
            _ => "2001:db8::2",
        };
        for (attributes, wanted) in [
            (
                announced,
                format!("announced {wanted} next-hop {hop} origin igp\n"),
            ),
            (withdrawn, format!("withdrawn {wanted}\n")),
        ] {
            let text = printed_update(Encoder::TEXT, &attributes, &[]);
            assert!(text.contains(&wanted), "{text} has no {wanted}");
        }
    }
}

#[test]
fn link_state_and_capabilities_have_the_keys_of_6_0() {
    let version = Version::V6;
    let encoder = Encoder::Json {
        version,
        compact: false,
    };
    let attributes = bytes(concat!(
        "40010100 400200 800E 37 4004 47 04 0A000002 00 ",
        "0003002A 030000000000000000 01000010 0202000400000000 020300040A000001 0108000101 01090004140A0100",
        "801D 5B 0403 0003 490001 0404 0004 0A000001 0405 0010 20010DB8000000000000000000000001 ",
        "044B 0007 30000000049308 044B 0007 30050000049309 0486 0008 4000000000000064 ",
        "045A 0004 8000000A 0447 0003 00000A 0447 0003 00000B",
    ));
    let line = printed_update(encoder, &attributes, &[]);
    serde_json::from_str::<serde_json::Value>(&line).expect(&line);
    for wanted in [
        r#""area-ids": ["4784129"]"#,
        r#""local-router-ids": ["10.0.0.1", "2001:db8::1"]"#,
        r#""sr-adjs": [{"flags": {"F": 0, "B": 0, "V": 1, "L": 1, "S": 0, "P": 0, "RSV": 0}, "sids": [299784], "weight": 0, "undecoded-sids": []}, {"#,
        r#""sr-prefix-sids": [{"flags": {"R": 0, "N": 1, "P": 0, "E": 0, "V": 0, "L": 0, "RSV": 0}, "sids": [100], "undecoded-sids": [], "sr-algorithm": 0}]"#,
        r#""unidirectional-link-delay": {"delay-us": 10, "anomalous": true}"#,
        r#""igp-metric": [10, 11]"#,
        r#""ip-reachability-tlv": "10.1.0.0/20", "ip-reach-prefix": "10.1.0.0/20", "ospf-route-type": 1 }"#,
    ] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
    let open = bytes(
        "04 FDE9 00B4 0A000002 1A 02 18 0104 00010001 4104 0000FDE9 0901 03 4C05 0001010005 4D00",
    );
    let open = Open::decode(&open).expect("an OPEN");
    let event = Event::Message(Direction::Receive, Message::Open(&open));
    let line = printed(encoder, &event);
    for wanted in [
        r#""9": { "name": "role", "role": "customer" }"#,
        r#""76": { "name": "paths-limit", "ipv4/unicast": 5 }"#,
        r#""77": { "name": "link-local-nexthop" }"#,
    ] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
}

#[test]
fn sent_opens_show_a_host_name_even_without_one() {
    // Captured from 5.0.15; the second has a software version.
    let parameters = |list: &[&str]| {
        let all: Vec<u8> = list
            .iter()
            .flat_map(|capability| {
                let capability = bytes(capability);
                [
                    &[2, u8::try_from(capability.len()).expect("short")][..],
                    &capability,
                ]
                .concat()
            })
            .collect();
        let mut body = bytes("04 FDE8 00B4 0A000001");
        body.push(u8::try_from(all.len()).expect("short"));
        body.extend(all);
        Open::decode(&body).expect("an OPEN")
    };
    const NONE: &str = r#""hostname": { "host-name": null, "domain-name": null }"#;
    for (capabilities, wanted) in [
        (
            &["0104 0001 0001", "0600"][..],
            format!(
                r#""extended-message": {{ "name": "extended-message", "size": 65535 }}, {NONE} }} }} }} }}"#
            ),
        ),
        (
            &["0600", "4B04 03414243"],
            format!(r#"{NONE}, "software-version": {{ "software": "ABC" }} }} }} }} }}"#),
        ),
        (
            &["4903 016800"],
            r#""capabilities": { "hostname": { "host-name": "h", "domain-name": "" } } } } }"#
                .to_owned(),
        ),
    ] {
        let open = parameters(capabilities);
        let line = printed(
            Encoder::JSON,
            &Event::Message(Direction::Send, Message::Open(&open)),
        );
        assert!(line.ends_with(&format!("{wanted}\n")), "{line}");
        let line = printed(
            Encoder::JSON,
            &Event::Message(Direction::Receive, Message::Open(&open)),
        );
        assert!(!line.contains("null"), "{line}");
        let line = printed(
            Encoder::TEXT,
            &Event::Message(Direction::Send, Message::Open(&open)),
        );
        assert_eq!(
            line.contains("hostname(none none)"),
            !capabilities[0].starts_with("49"),
            "{line}"
        );
    }
}

#[test]
fn what_was_negotiated_is_reported_to_those_who_asked() {
    let kinds = MessageKinds::default().with(MessageType::UPDATE);
    let receive = MessageWish {
        parsed: true,
        packets: true,
        kinds,
        ..MessageWish::default()
    };
    let subscriptions = Subscriptions::new(&[
        Wish {
            receive,
            negotiated: true,
            ..wish(1, Encoder::JSON)
        },
        Wish {
            receive,
            ..wish(2, Encoder::JSON)
        },
        Wish {
            receive,
            ..wish(3, Encoder::JSON)
        },
    ]);
    let got = reported(
        &subscriptions,
        &Event::Message(Direction::Receive, Message::EndOfRib(Family::IPV4_UNICAST)),
    );
    let short: Vec<_> = got
        .iter()
        .map(|(helpers, line)| {
            (
                &helpers[..],
                line.contains("\"category\""),
                line.contains("\"negotiated\""),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (&[1][..], true, true),
            (&[2, 3], true, false),
            (&[1], false, true),
            (&[2, 3], false, false)
        ]
    );
    assert_eq!(reported(&subscriptions, &Event::Negotiated).len(), 1);
}
