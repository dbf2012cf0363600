//! How attributes that a peer should not have sent are handled, according to the RFC of each; and roles (RFC 9234) in
//! both directions.

use oxabgp::bgp::attribute::AttributeFlags;
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::attribute::encode::EncodeError;
use oxabgp::bgp::attribute::otc::Otc;
use oxabgp::bgp::capability::BgpRole;
use oxabgp::bgp::message::update::{Direction, Update};
use oxabgp::bgp::role::LocalRole;
use oxabgp::bgp::{Asn, Attribute, AttributeSet, Codec, Family, Sender, Severity, UpdateError};

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const ROUTE: &[u8] = &[8, 10];

const EXTERNAL: Codec = {
    let mut cx = internal();
    cx.ibgp = false;
    cx.external = true;
    cx
};

const fn internal() -> Codec {
    Codec {
        asn4: true,
        extended_message: false,
        families: oxabgp::bgp::FamilySet::EMPTY,
        add_path_receive: oxabgp::bgp::FamilySet::EMPTY,
        add_path_send: oxabgp::bgp::FamilySet::EMPTY,
        ipv4_nexthop: oxabgp::bgp::FamilySet::EMPTY,
        link_local: None,
        extended_nexthop: oxabgp::bgp::FamilySet::EMPTY,
        aigp: false,
        ibgp: true,
        external: false,
        role: None,
        sent: false,
    }
}

/// The body of an UPDATE from its fields.
fn body(withdrawn: &[u8], attributes: &[&[u8]], nlri: &[u8]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    [
        &length(withdrawn)[..],
        withdrawn,
        &length(&attributes),
        &attributes,
        nlri,
    ]
    .concat()
}

/// Attributes as text, severity, and the routes as `+10.0.0.0/8` and `-10.0.0.0/8`.
type Outcome = (Vec<String>, Option<Severity>, Vec<String>);

fn decode(body: &[u8], cx: &Codec) -> Result<Outcome, UpdateError> {
    let content = Update::new(body)?.content(cx, &mut DecodeEach)?;
    let attributes = content.attributes.list().iter().map(ToString::to_string);
    let routes = content.fields.iter().flat_map(|field| {
        let sign = if field.direction == Direction::Announce {
            '+'
        } else {
            '-'
        };
        field
            .routes
            .flatten()
            .map(move |nlri| format!("{sign}{nlri}"))
    });
    Ok((
        attributes.collect(),
        content.attributes.error().map(|error| error.severity),
        routes.collect(),
    ))
}

/// A route with the usual attributes and these, as received on some session.
fn with(more: &[&[u8]], cx: &Codec) -> Result<Outcome, UpdateError> {
    let attributes = [&[ORIGIN, AS_PATH, NEXT_HOP], more].concat();
    decode(&body(&[], &attributes, ROUTE), cx)
}

/// A route with this path.
fn path(path: &[u8], cx: &Codec) -> Option<Severity> {
    let attributes: &[&[u8]] = &[ORIGIN, path, NEXT_HOP];
    decode(&body(&[], attributes, ROUTE), cx)
        .expect("no reset")
        .1
}

#[test]
fn an_unrecognized_well_known_attribute_ends_the_session_and_is_the_data() {
    for cx in [EXTERNAL, internal()] {
        let error = with(&[&[0x40, 0x63, 1, 0x61]], &cx).expect_err("a reset");
        assert_eq!((error.severity, error.subcode), (Severity::Reset, 2));
        assert_eq!(error.data, [0x40, 0x63, 1, 0x61]);
    }
    let optional = with(&[&[0xC0, 0x63, 1, 0x61]], &EXTERNAL).expect("a route");
    assert_eq!(optional.1, None);
}

#[test]
fn an_ipv4_next_hop_of_an_ipv6_route_is_accepted_where_it_was_negotiated() {
    let reach = [
        0x80, 14, 16, 0, 2, 1, 4, 192, 0, 2, 1, 0, 48, 0x20, 1, 0xD, 0xB8, 0, 1,
    ];
    let update = body(&[], &[ORIGIN, AS_PATH, &reach], &[]);
    let mut cx = EXTERNAL;
    cx.families.insert(Family::IPV6_UNICAST);
    let error = decode(&update, &cx).expect_err("a reset");
    assert_eq!(error.data, b"invalid ipv6 unicast next-hop length 4");
    cx.ipv4_nexthop.insert(Family::IPV6_UNICAST);
    let (_, error, routes) = decode(&update, &cx).expect("a route");
    assert_eq!((error, routes), (None, vec!["+2001:db8:1::/48".to_owned()]));
}

#[test]
fn empty_segments_and_as_zero_are_malformed() {
    let withdraw = Some(Severity::TreatAsWithdraw);
    let cx = EXTERNAL;
    assert_eq!(path(&[0x40, 2, 2, 2, 0], &cx), withdraw);
    assert_eq!(path(&[0x40, 2, 8, 2, 1, 0, 0, 0, 1, 1, 0], &cx), withdraw);
    assert_eq!(path(&[0x40, 2, 6, 2, 1, 0, 0, 0, 0], &cx), withdraw);
    assert_eq!(path(&[0x40, 2, 0], &cx), None);
    let narrow = Codec { asn4: false, ..cx };
    let narrow_path: &[u8] = &[0x40, 2, 6, 2, 2, 0x5B, 0xA0, 0x5B, 0xA0];
    let four = |value: &[u8]| {
        let four = [
            &[0xC0, 17, u8::try_from(value.len()).expect("short")],
            value,
        ]
        .concat();
        let attributes: &[&[u8]] = &[ORIGIN, narrow_path, NEXT_HOP, &four];
        decode(&body(&[], attributes, ROUTE), &narrow).expect("no reset")
    };
    assert_eq!(four(&[2, 1, 0, 0, 0, 0]).1, withdraw);
    // RFC 6793 6: a syntax error discards only AS4_PATH.
    let discarded = four(&[2, 0]);
    assert_eq!(discarded.1, Some(Severity::Discard));
    assert_eq!(discarded.0[1], "as-path [ 23456 23456 ]");
    // And confederation segments in it are discarded alone.
    let confederation = [3, 1, 0, 0, 0xFD, 0xE9, 2, 1, 0, 1, 0x11, 0x70];
    assert_eq!(four(&confederation).0[1], "as-path [ 23456 70000 ]");
    for aggregator in [
        &[0xC0, 7, 8, 0, 0, 0, 0, 1, 1, 1, 1][..],
        &[0xC0, 7, 6, 0, 0, 1, 1, 1, 1],
    ] {
        let cx = if aggregator.len() == 11 { cx } else { narrow };
        let path: &[u8] = if cx.asn4 { AS_PATH } else { narrow_path };
        let attributes: &[&[u8]] = &[ORIGIN, path, NEXT_HOP, aggregator];
        let (list, error, routes) = decode(&body(&[], attributes, ROUTE), &cx).expect("a route");
        assert_eq!(error, Some(Severity::Discard));
        assert_eq!(routes, ["+10.0.0.0/8"]);
        assert!(
            !list.iter().any(|word| word.starts_with("aggregator")),
            "{list:?}"
        );
    }
}

#[test]
fn confederation_segments_are_not_for_external_peers() {
    let confederation = [0x40, 2, 12, 3, 1, 0, 0, 0, 9, 2, 1, 0, 0, 0, 8];
    assert_eq!(
        path(&confederation, &EXTERNAL),
        Some(Severity::TreatAsWithdraw)
    );
    assert_eq!(path(&confederation, &internal()), None);
    assert_eq!(
        path(
            &confederation,
            &Codec {
                external: false,
                ..EXTERNAL
            }
        ),
        None
    );
}

#[test]
fn attributes_of_an_as_are_discarded_from_an_external_peer() {
    let inside: [(&[u8], &str); 3] = [
        (&[0x40, 5, 4, 0, 0, 0, 7], "local-preference 7"),
        (&[0x80, 9, 4, 1, 2, 3, 4], "originator-id 1.2.3.4"),
        (&[0x80, 10, 4, 1, 2, 3, 4], "cluster-list [ 1.2.3.4 ]"),
    ];
    for (bytes, words) in inside {
        let (list, error, routes) = with(&[bytes], &EXTERNAL).expect("a route");
        assert_eq!((list.len(), error), (3, None), "{words}");
        assert_eq!(routes, ["+10.0.0.0/8"]);
        let (list, _, _) = with(&[bytes], &internal()).expect("a route");
        assert!(list.contains(&words.to_owned()), "{list:?}");
        // Malformed: discarded from external peers, treat-as-withdraw from internal ones.
        let short = [&bytes[..2], &[3, 1, 1, 1]].concat();
        let error = with(&[&short], &EXTERNAL).expect("a route").1;
        assert_eq!(error, Some(Severity::Discard), "{words}");
        let error = with(&[&short], &internal()).expect("a route").1;
        assert_eq!(error, Some(Severity::TreatAsWithdraw), "{words}");
    }
}

#[test]
fn tunnel_encapsulations_are_framed() {
    let good: &[u8] = &[0xC0, 23, 12, 0, 15, 0, 8, 12, 6, 0, 0, 0, 0, 0, 100];
    let cut: &[u8] = &[0xC0, 23, 12, 0, 15, 0, 8, 12, 7, 0, 0, 0, 0, 0, 100];
    let (list, error, _) = with(&[good], &EXTERNAL).expect("a route");
    assert_eq!((list.len(), error), (4, None));
    let error = with(&[cut], &EXTERNAL).expect("a route").1;
    assert_eq!(error, Some(Severity::TreatAsWithdraw));
    // RFC 9012 13: no TLV, or not transitive: discarded.
    for discarded in [&[0xC0, 23, 0][..], &[&[0x80], &good[1..]].concat()] {
        let (list, error, _) = with(&[discarded], &EXTERNAL).expect("a route");
        assert_eq!((list.len(), error), (3, None));
    }
    // RFC 7606 3(c): the Optional bit in conflict.
    for flags in [0x40, 0x60] {
        let wrong: &[u8] = &[&[flags], &good[1..]].concat();
        let error = with(&[wrong], &EXTERNAL).expect("a route").1;
        assert_eq!(error, Some(Severity::TreatAsWithdraw), "{flags:#x}");
    }
}

#[test]
fn an_announcement_stands_beside_a_withdrawal_of_the_same_route() {
    let attributes: &[&[u8]] = &[ORIGIN, AS_PATH, NEXT_HOP];
    let mixed = body(&[8, 9, 8, 10, 8, 11], attributes, &[8, 10, 8, 12]);
    let (_, _, routes) = decode(&mixed, &EXTERNAL).expect("routes");
    assert_eq!(
        routes,
        ["-9.0.0.0/8", "-11.0.0.0/8", "+10.0.0.0/8", "+12.0.0.0/8"]
    );
    let unreach: &[u8] = &[0x80, 15, 7, 0, 1, 1, 8, 10, 8, 13];
    let attributes: &[&[u8]] = &[ORIGIN, AS_PATH, NEXT_HOP, unreach];
    let (_, _, routes) = decode(&body(&[], attributes, ROUTE), &EXTERNAL).expect("routes");
    assert_eq!(routes, ["+10.0.0.0/8", "-13.0.0.0/8"]);
    // An error withdraws both.
    let zero: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0, 0];
    let attributes: &[&[u8]] = &[ORIGIN, zero, NEXT_HOP];
    let (_, _, routes) = decode(&body(ROUTE, attributes, ROUTE), &EXTERNAL).expect("routes");
    assert!(
        routes.iter().all(|route| route == "-10.0.0.0/8"),
        "{routes:?}"
    );
}

const ROLES: [BgpRole; 5] = [
    BgpRole::PROVIDER,
    BgpRole::RS,
    BgpRole::RS_CLIENT,
    BgpRole::CUSTOMER,
    BgpRole::PEER,
];

fn received(role: BgpRole, otc: Option<u32>, strict: bool) -> (String, Option<Severity>) {
    let cx = Codec {
        role: Some(LocalRole::new(role, Asn(65001), strict)),
        ..EXTERNAL
    };
    let attribute = otc.map(|asn| [&[0xC0, 35, 4][..], &asn.to_be_bytes()].concat());
    let more: Vec<&[u8]> = attribute.iter().map(Vec::as_slice).collect();
    let attributes = [&[ORIGIN, AS_PATH, NEXT_HOP], &more[..]].concat();
    let body = body(&[], &attributes, ROUTE);
    let content = Update::new(&body).and_then(|update| update.content(&cx, &mut DecodeEach));
    let attributes = content.expect("a route").attributes;
    let json = attributes.json();
    let otc = json.find("\"otc\"").map_or("", |at| &json[at..]);
    (
        otc.to_owned(),
        attributes.error().map(|error| error.severity),
    )
}

#[test]
fn received_routes_are_marked_by_role() {
    let leak = |asn: u32| format!("\"otc\": {asn}, \"route-leak\": true");
    for role in ROLES {
        let (none, _) = received(role, None, false);
        let (own, _) = received(role, Some(65001), false);
        let (other, _) = received(role, Some(7), false);
        let wanted = match role {
            BgpRole::PROVIDER | BgpRole::RS => (String::new(), leak(65001), leak(7)),
            BgpRole::PEER => ("\"otc\": 65001".into(), "\"otc\": 65001".into(), leak(7)),
            _ => (
                "\"otc\": 65001".into(),
                "\"otc\": 65001".into(),
                "\"otc\": 7".into(),
            ),
        };
        assert_eq!((none, own, other), wanted, "{role}");
        let (text, error) = received(role, Some(7), true);
        let leaked = text.contains("route-leak");
        assert_eq!(leaked, error == Some(Severity::TreatAsWithdraw), "{role}");
        assert_eq!(received(role, Some(7), false).1, None);
    }
    let (_, error) = received(BgpRole::CUSTOMER, None, true);
    assert_eq!(error, None);
    let short: &[u8] = &[0xC0, 35, 3, 0, 0, 1];
    let error = with(&[short], &EXTERNAL).expect("a route").1;
    assert_eq!(error, Some(Severity::TreatAsWithdraw));
}

#[test]
fn without_a_role_events_show_what_exabgp_shows() {
    let body = body(
        &[],
        &[ORIGIN, AS_PATH, NEXT_HOP, &[0xC0, 35, 4, 0, 0, 0, 7]],
        ROUTE,
    );
    let content = Update::new(&body).and_then(|update| update.content(&EXTERNAL, &mut DecodeEach));
    let json = content.expect("a route").attributes.json().to_owned();
    assert!(
        json.ends_with("\"attribute-0x23-0xE0\": \"0x00000007\""),
        "{json}"
    );
}

#[test]
fn sent_routes_carry_otc_or_are_kept_back_by_role() {
    let sent = |role, otc: Option<u32>, family| {
        let sender = Sender {
            codec: Codec {
                role: Some(LocalRole::new(role, Asn(0), false)),
                ..EXTERNAL
            },
            local_as: Asn(65000),
            local_address: [127, 0, 0, 1].into(),
            router_id: [127, 0, 0, 1].into(),
            group_updates: true,
        };
        let list = otc.map(|asn| Attribute::Otc(Otc::new(Asn(asn))));
        let mut out = Vec::new();
        let set = AttributeSet::new(list.into_iter().collect());
        set.encode(&mut out, &sender, family).map(|()| {
            let at = out.windows(3).position(|head| head == [0xC0, 35, 4]);
            at.map(|at| u32::from_be_bytes(out[at + 3..at + 7].try_into().expect("four")))
        })
    };
    for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
        for role in ROLES {
            let added = matches!(role, BgpRole::PROVIDER | BgpRole::RS | BgpRole::PEER);
            assert_eq!(
                sent(role, None, family),
                Ok(added.then_some(65000)),
                "{role}"
            );
            let kept = matches!(role, BgpRole::CUSTOMER | BgpRole::RS_CLIENT | BgpRole::PEER);
            let wanted = if kept {
                Err(EncodeError::OnlyToCustomer)
            } else {
                Ok(Some(7))
            };
            assert_eq!(sent(role, Some(7), family), wanted, "{role}");
        }
    }
    for role in ROLES {
        assert_eq!(sent(role, None, Family::IPV4_MULTICAST), Ok(None));
        assert_eq!(sent(role, Some(7), Family::IPV4_MULTICAST), Ok(Some(7)));
    }
}

#[test]
fn wrong_flags_withdraw_the_routes_unless_the_attribute_has_a_rule_for_them() {
    let aggregator: &[u8] = &[0xC0, 7, 8, 0, 0, 0xFD, 0xE9, 1, 1, 1, 1];
    let prefix_sid: &[u8] = &[0xC0, 40, 10, 1, 0, 7, 0, 0, 0, 0, 0, 0, 77];
    let link_state: &[u8] = &[0x80, 29, 6, 4, 2, 0, 2, 114, 49];
    for good in [&[0x40, 6, 0][..], aggregator, prefix_sid, link_state] {
        assert_eq!(with(&[good], &EXTERNAL).expect("a route").1, None);
        for bits in [0x80, 0x40, 0xC0] {
            let wrong = [&[good[0] ^ bits], &good[1..]].concat();
            let (_, error, routes) = with(&[&wrong], &EXTERNAL).expect("no reset");
            assert_eq!(error, Some(Severity::TreatAsWithdraw), "{wrong:x?}");
            assert_eq!(routes, ["-10.0.0.0/8"]);
        }
    }
    // RFC 6793 6 knows only malformed values of these.
    let narrow = Codec {
        asn4: false,
        ..EXTERNAL
    };
    let as4_path: &[u8] = &[0x80, 17, 6, 2, 1, 0, 0, 0, 9];
    let narrow_path: &[u8] = &[0x40, 2, 4, 2, 1, 0x5B, 0xA0];
    let attributes: &[&[u8]] = &[ORIGIN, narrow_path, NEXT_HOP, as4_path];
    let (_, error, _) = decode(&body(&[], attributes, ROUTE), &narrow).expect("no reset");
    assert_eq!(error, Some(Severity::TreatAsWithdraw));
    // RFC 7311 3.2 discards a transitive AIGP.
    let aigp = Codec {
        aigp: true,
        ..EXTERNAL
    };
    let metric = [26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 50];
    for (flags, wanted) in [
        (0x80, "+10.0.0.0/8"),
        (0xC0, "+10.0.0.0/8"),
        (0x00, "-10.0.0.0/8"),
    ] {
        let (list, _, routes) = with(&[&[&[flags], &metric[..]].concat()], &aigp).expect("a route");
        assert_eq!(routes, [wanted], "{flags:#x}");
        assert_eq!(list.len(), if flags == 0x80 { 4 } else { 3 }, "{flags:#x}");
    }
}

#[test]
fn a_cut_list_of_routes_resets_the_session() {
    // RFC 7606 3(j): the routes must be known to be withdrawn.
    for code in [14, 15] {
        let cut: &[u8] = &[0x80, code, 30, 0, 2, 1];
        let error = with(&[cut], &EXTERNAL).expect_err("a reset");
        assert_eq!(error.severity, Severity::Reset, "{code}");
    }
    let error = with(&[&[0xC0, 8, 30, 0, 2]], &EXTERNAL).expect("a route").1;
    assert_eq!(error, Some(Severity::TreatAsWithdraw));
}

#[test]
fn tunnels_for_multicast_have_the_identifiers_of_their_types() {
    for (kind, length, valid) in [
        (6, 4, true),
        (6, 16, true),
        (6, 3, false),
        (3, 8, true),
        (5, 32, true),
        (4, 4, false),
        (1, 12, true),
        (0x60, 3, true),
    ] {
        let value = [&[0, kind, 0, 0x10, 0][..], &vec![7; length]].concat();
        let pmsi = [
            &[0xC0, 22, u8::try_from(value.len()).expect("short")][..],
            &value,
        ]
        .concat();
        let error = with(&[&pmsi], &EXTERNAL).expect("a route").1;
        let wanted = (!valid).then_some(Severity::TreatAsWithdraw);
        assert_eq!(error, wanted, "{kind} {length}");
    }
}

fn error(body: &[u8], cx: &Codec) -> UpdateError {
    match Update::new(body).and_then(|update| update.content(cx, &mut DecodeEach)) {
        Ok(content) => content.attributes.error().expect("an error").clone(),
        Err(error) => error,
    }
}

#[test]
fn an_error_has_the_subcode_and_the_data_of_its_notification() {
    // RFC 4271 6.3: the erroneous attribute. RFC 7606 5.2: without routes each of them resets the session.
    let cases: [(&[u8], u8); 6] = [
        (&[0x40, 1, 1, 9], 6),
        (&[0x40, 1, 2, 0, 0], 5),
        (&[0x40, 2, 2, 2, 0], 11),
        (&[0x40, 3, 3, 1, 1, 1], 5),
        (&[0x40, 4, 4, 0, 0, 0, 1], 4),
        (&[0x40, 23, 12, 0, 15, 0, 8, 12, 6, 0, 0, 0, 0, 0, 100], 4),
    ];
    for (attribute, subcode) in cases {
        let error = error(&body(&[], &[attribute], &[]), &EXTERNAL);
        assert_eq!(
            (error.severity, error.subcode, &error.data[..]),
            (Severity::Reset, subcode, attribute)
        );
        assert_eq!(error.attribute, Some(attribute[1]));
    }
    let unrecognized = error(&body(&[], &[&[0x40, 0x63, 1, 0x61]], ROUTE), &EXTERNAL);
    assert_eq!(unrecognized.attribute, Some(0x63));
    let missing: [([&[u8]; 2], u8); 3] = [
        ([AS_PATH, NEXT_HOP], 1),
        ([ORIGIN, NEXT_HOP], 2),
        ([ORIGIN, AS_PATH], 3),
    ];
    for (attributes, code) in missing {
        let error = error(&body(&[], &attributes, ROUTE), &EXTERNAL);
        assert_eq!(
            (error.severity, error.subcode, &error.data[..]),
            (Severity::TreatAsWithdraw, 3, &[code][..])
        );
    }
}

#[test]
fn an_error_of_a_next_hop_tells_what_is_wrong() {
    let nlri = [0x70, 0, 6, 0x41, 0, 0, 0xFD, 0xE8, 0, 0, 0, 1, 10, 0, 1];
    let told = |hop: &[u8]| {
        let length = [u8::try_from(hop.len()).expect("short")];
        let value = [&[0, 1, 128][..], &length, hop, &[0], &nlri].concat();
        let head = [0x80, 14, u8::try_from(value.len()).expect("short")];
        let reach = [&head[..], &value].concat();
        let error = error(&body(&[], &[ORIGIN, AS_PATH, &reach], &[]), &EXTERNAL);
        assert_eq!((error.severity, error.subcode), (Severity::Reset, 9));
        String::from_utf8(error.data).expect("a text")
    };
    let distinguished = told(&[0, 0, 0xFD, 0xE8, 0, 0, 0, 1, 10, 0, 0, 2]);
    assert_eq!(
        distinguished,
        "MP_REACH_NLRI next-hop's route-distinguisher must be zero"
    );
    let without = told(&[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(without, "invalid ipv4 mpls-vpn next-hop length 16");
}

#[test]
fn a_role_concerns_unicast_routes_only() {
    let cx = Codec {
        role: Some(LocalRole::new(BgpRole::CUSTOMER, Asn(65001), false)),
        ..EXTERNAL
    };
    // RFC 9234 5: "The Only to Customer (OTC) Attribute […] applies only to AFI 1 (IPv4) and AFI 2 (IPv6) with SAFI 1".
    for (safi, marked) in [(1, true), (2, false)] {
        let reach: &[u8] = &[0x80, 14, 11, 0, 1, safi, 4, 192, 0, 2, 1, 0, 8, 10];
        let body = body(&[], &[ORIGIN, AS_PATH, reach], &[]);
        let content = Update::new(&body).and_then(|update| update.content(&cx, &mut DecodeEach));
        let attributes = content.expect("a route").attributes;
        assert_eq!(attributes.find(35).is_some(), marked, "SAFI {safi}");
    }
}

#[test]
fn what_we_have_sent_is_shown_as_announced_whatever_is_wrong_with_it() {
    let cx = Codec {
        families: [Family::IPV4_UNICAST].into_iter().collect(),
        ..EXTERNAL
    };
    let hop6 = [&[0x20, 1, 0x0D, 0xB8][..], &[0; 12]].concat();
    let reach = [&[0x80, 14, 23, 0, 1, 1, 16][..], &hop6, &[0], ROUTE].concat();
    for (attributes, nlri, marked) in [
        // A well-known attribute that nobody knows, a malformed one, a missing one, wrong flags, and a next hop of RFC 8950.
        (
            &[ORIGIN, AS_PATH, NEXT_HOP, &[0x40, 99, 1, 1]][..],
            ROUTE,
            None,
        ),
        (
            &[ORIGIN, AS_PATH, NEXT_HOP, &[0xC0, 32, 2, 0, 1]],
            ROUTE,
            Some(Severity::TreatAsWithdraw),
        ),
        (&[AS_PATH, NEXT_HOP], ROUTE, None),
        // A Tunnel Encapsulation and an Only to Customer that are cut.
        (
            &[ORIGIN, AS_PATH, NEXT_HOP, &[0xC0, 23, 2, 0, 1]],
            ROUTE,
            None,
        ),
        (
            &[ORIGIN, AS_PATH, NEXT_HOP, &[0xC0, 35, 2, 0, 0]],
            ROUTE,
            None,
        ),
        (
            &[ORIGIN, AS_PATH, NEXT_HOP, &[0xC0, 4, 4, 0, 0, 0, 9]],
            ROUTE,
            Some(Severity::TreatAsWithdraw),
        ),
        (&[ORIGIN, AS_PATH, &reach], &[], None),
    ] {
        let body = body(&[], attributes, nlri);
        let (_, severity, routes) = decode(&body, &cx.of_sent()).expect("it is never refused");
        assert_eq!(
            (severity, &routes[..]),
            (marked, &["+10.0.0.0/8".to_owned()][..])
        );
        let judged = decode(&body, &cx).map(|(_, _, routes)| routes);
        assert_ne!(judged, Ok(vec!["+10.0.0.0/8".to_owned()]), "{body:?}");
    }
}

#[test]
fn each_flag_is_a_bit_of_its_own() {
    let read = |flags: AttributeFlags| {
        let bits = [
            flags.is_optional(),
            flags.is_transitive(),
            flags.is_partial(),
            flags.has_extended_length(),
        ];
        bits.into_iter()
            .fold(0, |all, bit| all << 1 | u8::from(bit))
    };
    for flags in 0..=u8::MAX {
        assert_eq!(read(AttributeFlags(flags)), flags >> 4);
    }
}

#[test]
fn aigp_is_accepted_from_internal_peers_and_from_others_where_configured() {
    let aigp: &[u8] = &[0x80, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 7];
    let has = |cx: &Codec| {
        let (attributes, ..) = with(&[aigp], cx).expect("a route");
        attributes.iter().any(|one| one.starts_with("aigp"))
    };
    assert!(has(&internal()));
    assert!(!has(&EXTERNAL));
    let mut configured = EXTERNAL;
    configured.aigp = true;
    assert!(has(&configured));
}
