//! `UpdateDecoder`: every field, every severity.

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{
    Attribute, Codec, Family, NextHop, NlriRef, Notification, Severity, UpdateError,
};
use oxabgp::speaker::UpdateDecoder;

const CODEC: Codec = Codec {
    asn4: true,
    ..DEFAULT
};
const DEFAULT: Codec = Codec {
    asn4: false,
    extended_message: false,
    families: oxabgp::bgp::FamilySet::EMPTY,
    add_path_receive: oxabgp::bgp::FamilySet::EMPTY,
    add_path_send: oxabgp::bgp::FamilySet::EMPTY,
    link_local: None,
    extended_nexthop: oxabgp::bgp::FamilySet::EMPTY,
    ipv4_nexthop: oxabgp::bgp::FamilySet::EMPTY,
    aigp: false,
    ibgp: false,
    external: false,
    role: None,
    sent: false,
};

/// The content of one UPDATE.
#[derive(Debug, Default, PartialEq)]
struct Said {
    withdrawn: Vec<String>,
    announced: Vec<String>,
    reachable: Vec<(Option<NextHop>, String)>,
    unreachable: Vec<String>,
    attributes: Vec<String>,
    raw: Vec<(u8, Vec<u8>)>,
}

fn decoder() -> UpdateDecoder<Said> {
    UpdateDecoder::new()
        .withdrawn(|sent: &mut Said, nlri| {
            sent.withdrawn.push(nlri.to_string());
            Ok(())
        })
        .nlri(|sent, nlri| {
            sent.announced.push(nlri.to_string());
            Ok(())
        })
        .attribute(8, |sent, raw| {
            sent.raw.push((raw.code, raw.value.to_vec()));
            Ok(())
        })
        .attributes(|sent, raw| {
            let attribute: Option<Attribute> = raw.decode()?;
            sent.attributes
                .extend(attribute.map(|attribute| attribute.to_string()));
            Ok(())
        })
        .reach(Family::IPV6_UNICAST, |sent, next_hop, nlri| {
            sent.reachable.push((next_hop, nlri.to_string()));
            Ok(())
        })
        .unreach(Family::IPV6_UNICAST, |sent, nlri| {
            sent.unreachable.push(nlri.to_string());
            Ok(())
        })
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

const ORIGIN: &[u8] = &[
    0x40, // flags: transitive
    1,    // type: ORIGIN
    1,    // length
    0,    // IGP
];
const AS_PATH: &[u8] = &[
    0x40, // flags: transitive
    2,    // type: AS_PATH
    6,    // length
    2, 1, // a sequence of one
    0, 0, 0xFD, 0xE9, // 65001
];
const NEXT_HOP: &[u8] = &[
    0x40, // flags: transitive
    3,    // type: NEXT_HOP
    4,    // length
    192, 0, 2, 1,
];
const COMMUNITY: &[u8] = &[
    0xC0, // flags: optional, transitive
    8,    // type: COMMUNITY
    4,    // length
    0xFD, 0xE9, 0, 1, // 65001:1
];
const REACH: &[u8] = &[
    0x80, // flags: optional
    14,   // type: MP_REACH_NLRI
    26,   // length
    0, 2, 1,  // IPv6 unicast
    16, // length of the next hop
    0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // 2001:db8::1
    0, // reserved
    32, 0x20, 0x01, 0x0D, 0xB9, // 2001:db9::/32
];
const UNREACH: &[u8] = &[
    0x80, // flags: optional
    15,   // type: MP_UNREACH_NLRI
    8,    // length
    0, 2, 1, // IPv6 unicast
    32, 0x20, 0x01, 0x0D, 0xBA, // 2001:dba::/32
];

#[test]
fn every_field_reaches_its_decoder() {
    let body = body(
        &[8, 10],
        &[ORIGIN, AS_PATH, NEXT_HOP, COMMUNITY, REACH, UNREACH],
        &[16, 10, 1, 24, 10, 2, 3],
    );
    let mut sent = Said::default();
    decoder()
        .decode(&mut sent, &body, &CODEC)
        .expect("no error");
    assert_eq!(sent.withdrawn, ["10.0.0.0/8"]);
    assert_eq!(sent.announced, ["10.1.0.0/16", "10.2.3.0/24"]);
    assert_eq!(sent.unreachable, ["2001:dba::/32"]);
    assert_eq!(sent.reachable.len(), 1);
    let (next_hop, nlri) = &sent.reachable[0];
    assert_eq!(nlri, "2001:db9::/32");
    assert_eq!(
        next_hop.map(|hop| hop.to_string()).as_deref(),
        Some("2001:db8::1")
    );
    assert_eq!(sent.raw, [(8, vec![0xFD, 0xE9, 0, 1])]);
    assert_eq!(sent.attributes.len(), 3, "{:?}", sent.attributes);
    assert_eq!(sent.attributes[0], "origin igp");
}

#[test]
fn a_decoder_that_looks_at_nothing_accepts_what_is_framed() {
    let decoder = UpdateDecoder::<()>::new();
    let body = body(&[99, 99], &[ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]);
    assert_eq!(decoder.decode(&mut (), &body, &CODEC), Ok(()));
}

/// Name, body, severity, NOTIFICATION.
type Case = (&'static str, Vec<u8>, Severity, Option<(u8, u8)>);

#[test]
fn severities_are_the_attributes_and_the_gravest_leads() {
    const BAD_ORIGIN: &[u8] = &[0x40, 1, 1, 9];
    const BAD_FLAGS: &[u8] = &[0x80, 1, 1, 0];
    const BAD_ATOMIC: &[u8] = &[0x40, 6, 1, 0];
    const SHORT_REACH: &[u8] = &[0x80, 14, 3, 0, 2, 1];
    const TWICE: &[u8] = UNREACH;
    const TRUNCATED: &[u8] = &[0x40, 5, 4, 0];
    let cases: [Case; 9] = [
        (
            "origin",
            body(&[], &[BAD_ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]),
            Severity::TreatAsWithdraw,
            None,
        ),
        (
            "flags",
            body(&[], &[BAD_FLAGS, AS_PATH, NEXT_HOP], &[8, 10]),
            Severity::TreatAsWithdraw,
            None,
        ),
        (
            "atomic aggregate",
            body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, BAD_ATOMIC], &[8, 10]),
            Severity::Discard,
            None,
        ),
        (
            "missing",
            body(&[], &[ORIGIN, AS_PATH], &[8, 10]),
            Severity::TreatAsWithdraw,
            None,
        ),
        (
            "truncated",
            body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, TRUNCATED], &[8, 10]),
            Severity::TreatAsWithdraw,
            None,
        ),
        (
            "short envelope",
            body(&[], &[ORIGIN, AS_PATH, BAD_ATOMIC, SHORT_REACH], &[]),
            Severity::Reset,
            Some((3, 9)),
        ),
        (
            "envelope twice",
            body(&[], &[UNREACH, TWICE], &[]),
            Severity::Reset,
            Some((3, 1)),
        ),
        (
            "prefix length",
            body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &[33, 10, 0, 0, 0, 0]),
            Severity::Reset,
            Some((3, 10)),
        ),
        (
            "field lengths",
            vec![0, 9, 0],
            Severity::Reset,
            Some((3, 1)),
        ),
    ];
    for (name, body, severity, notification) in cases {
        let mut sent = Said::default();
        let errors = decoder().decode(&mut sent, &body, &CODEC).expect_err(name);
        assert_eq!(errors.severity(), severity, "{name}: {errors}");
        let code = errors.notification().map(|n| (n.code, n.subcode));
        assert_eq!(code, notification, "{name}: {errors}");
    }
}

#[test]
fn a_closure_chooses_what_its_error_is_worth_and_the_rest_is_still_decoded() {
    let decoder = decoder().attribute(3, |_, _| {
        Err(UpdateError::attribute(
            Severity::AfiSafiDisable,
            3,
            "not a next hop of ours",
        ))
    });
    let mut sent = Said::default();
    let body = body(&[8, 9], &[ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]);
    let errors = decoder
        .decode(&mut sent, &body, &CODEC)
        .expect_err("an error");
    assert_eq!(errors.all().len(), 1);
    assert_eq!(errors.severity(), Severity::AfiSafiDisable);
    assert!(errors.notification().is_none());
    assert!(errors.to_string().contains("not a next hop of ours"));
    assert_eq!((sent.withdrawn.len(), sent.announced.len()), (1, 1));
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let good = body(
        &[8, 10],
        &[ORIGIN, AS_PATH, NEXT_HOP, COMMUNITY, REACH, UNREACH],
        &[16, 10, 1],
    );
    let decoder = decoder();
    let mut errors = 0;
    for at in 0..good.len() {
        let cut = decoder.decode(&mut Said::default(), &good[..at], &CODEC);
        errors += usize::from(cut.is_err());
        for value in 0..=u8::MAX {
            let mut changed = good.clone();
            changed[at] = value;
            let result = decoder.decode(&mut Said::default(), &changed, &CODEC);
            errors += usize::from(result.is_err());
        }
    }
    assert!(errors > good.len());
}

/// The same message decoded by the decoder and by the daemon: (attributes, severity).
fn both(body: &[u8], cx: &Codec) -> [(Vec<String>, Option<Severity>); 2] {
    let decoder: UpdateDecoder<Vec<String>> =
        UpdateDecoder::new().attributes(|list: &mut Vec<String>, raw| {
            list.extend(raw.decode()?.map(|attribute| attribute.to_string()));
            Ok(())
        });
    let mut list = Vec::new();
    let result = decoder.decode(&mut list, body, cx);
    list.sort();
    let by_field = (list, result.err().map(|errors| errors.severity()));
    let content = Update::new(body).and_then(|update| update.content(cx, &mut DecodeEach));
    let whole = match content {
        Ok(content) => {
            let list = content.attributes.list().iter();
            let mut list: Vec<String> = list.map(ToString::to_string).collect();
            list.sort();
            let error = content.attributes.error().map(|error| error.severity);
            (list, error)
        }
        Err(error) => (by_field.0.clone(), Some(error.severity)),
    };
    [by_field, whole]
}

#[test]
fn the_decoder_and_the_daemon_agree() {
    const EMPTY_MED: &[u8] = &[0x80, 4, 0];
    const BAD_AGGREGATOR_FLAGS: &[u8] = &[0x40, 7, 8, 0, 0, 0, 1, 1, 1, 1, 1];
    const BAD_ORIGIN: &[u8] = &[0x40, 1, 1, 9];
    const BAD_REACH_FLAGS: &[u8] = &[0xC0, 14, 3, 0, 2, 1];
    const NARROW_PATH: &[u8] = &[0x40, 2, 6, 2, 2, 0x5B, 0xA0, 0, 5];
    const WIDE_PATH: &[u8] = &[0xC0, 17, 10, 2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 5];
    const AGGREGATOR: &[u8] = &[0xC0, 7, 6, 0x5B, 0xA0, 1, 1, 1, 1];
    const OTHER_AGGREGATOR: &[u8] = &[0xC0, 7, 6, 0, 7, 1, 1, 1, 1];
    const WIDE_AGGREGATOR: &[u8] = &[0xC0, 18, 8, 0, 1, 0x11, 0x70, 1, 1, 1, 1];
    let cases: &[(&str, bool, Vec<u8>, Option<Severity>)] = &[
        (
            "an empty attribute",
            true,
            body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, EMPTY_MED], &[8, 10]),
            Some(Severity::TreatAsWithdraw),
        ),
        (
            "wrong flags of an attribute whose malformed values are discarded",
            true,
            body(
                &[],
                &[ORIGIN, AS_PATH, NEXT_HOP, BAD_AGGREGATOR_FLAGS],
                &[8, 10],
            ),
            Some(Severity::TreatAsWithdraw),
        ),
        (
            "an error without reachable routes",
            true,
            body(&[8, 10], &[BAD_ORIGIN], &[]),
            Some(Severity::Reset),
        ),
        (
            "wrong flags of an envelope",
            true,
            body(&[], &[ORIGIN, AS_PATH, BAD_REACH_FLAGS], &[]),
            Some(Severity::Reset),
        ),
        (
            "the four-octet path",
            false,
            body(&[], &[ORIGIN, NARROW_PATH, NEXT_HOP, WIDE_PATH], &[8, 10]),
            None,
        ),
        (
            "the four-octet aggregator",
            false,
            body(
                &[],
                &[
                    ORIGIN,
                    NARROW_PATH,
                    NEXT_HOP,
                    AGGREGATOR,
                    WIDE_PATH,
                    WIDE_AGGREGATOR,
                ],
                &[8, 10],
            ),
            None,
        ),
        (
            "an aggregator that forbids the four-octet forms",
            false,
            body(
                &[],
                &[
                    ORIGIN,
                    NARROW_PATH,
                    NEXT_HOP,
                    OTHER_AGGREGATOR,
                    WIDE_PATH,
                    WIDE_AGGREGATOR,
                ],
                &[8, 10],
            ),
            None,
        ),
        (
            "an attribute twice",
            true,
            body(
                &[],
                &[ORIGIN, AS_PATH, NEXT_HOP, ORIGIN, COMMUNITY],
                &[8, 10],
            ),
            None,
        ),
    ];
    for (name, asn4, body, severity) in cases {
        let cx = Codec {
            asn4: *asn4,
            ..DEFAULT
        };
        let [by_field, whole] = both(body, &cx);
        assert_eq!(by_field, whole, "{name}");
        assert_eq!(by_field.1, *severity, "{name}");
    }
    let narrow = Codec {
        asn4: false,
        ..DEFAULT
    };
    let [(list, _), _] = both(&cases[4].2, &narrow);
    assert!(list.contains(&"as-path [ 70000 5 ]".to_owned()), "{list:?}");
}

/// Name, body, NOTIFICATION, number of announced routes.
type RoutesCase = (&'static str, Vec<u8>, Option<(u8, u8)>, usize);

/// What a message says of routes, by the decoder and by the daemon: announced with next hops, withdrawn, and the NOTIFICATION.
type Routes = (Vec<String>, Vec<String>, Option<(u8, u8)>);

fn both_routes(body: &[u8], cx: &Codec, family: Family) -> [Routes; 2] {
    let show = |hop: Option<NextHop>, nlri: NlriRef<'_>| {
        let hop = hop.map_or_else(|| "none".to_owned(), |hop| hop.to_string());
        format!("{nlri} by {hop}")
    };
    let decoder = UpdateDecoder::<Routes>::new()
        .attributes(|_, raw| raw.decode().map(drop))
        .reach(family, move |said, hop, nlri| {
            said.0.push(show(hop, nlri));
            Ok(())
        })
        .unreach(family, |said, nlri| {
            said.1.push(nlri.to_string());
            Ok(())
        })
        .nlri(|said, nlri| {
            said.0.push(format!("{nlri} by 192.0.2.1"));
            Ok(())
        })
        .withdrawn(|said, nlri| {
            said.1.push(nlri.to_string());
            Ok(())
        });
    let mut by_field = Routes::default();
    let result = decoder.decode(&mut by_field, body, cx);
    let code = |end: &Notification| (end.code, end.subcode);
    by_field.2 = result
        .err()
        .and_then(|errors| errors.notification().as_ref().map(code));
    if by_field.2.is_some() {
        (by_field.0, by_field.1) = Default::default();
    }
    let mut whole = Routes::default();
    match Update::new(body).and_then(|update| update.content(cx, &mut DecodeEach)) {
        Ok(content) => {
            for field in content.announced() {
                let routes = field.routes.flatten();
                whole
                    .0
                    .extend(routes.map(|nlri| show(field.next_hop, nlri)));
            }
            for field in content.withdrawn() {
                whole
                    .1
                    .extend(field.routes.flatten().map(|nlri| nlri.to_string()));
            }
        }
        Err(error) => whole.2 = Some(code(&error.notification())),
    }
    for list in [&mut by_field.0, &mut by_field.1, &mut whole.0, &mut whole.1] {
        list.sort();
    }
    [by_field, whole]
}

/// An attribute MP_REACH_NLRI or MP_UNREACH_NLRI.
fn envelope(code: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = u8::try_from(value.len()).expect("short");
    [&[0x80, code, length][..], &value].concat()
}

/// The attributes that every route has, and others.
fn usual<'a>(attributes: &[&'a [u8]]) -> Vec<&'a [u8]> {
    [&[ORIGIN, AS_PATH], attributes].concat()
}

#[test]
fn the_decoder_and_the_daemon_agree_about_routes() {
    const V6: &[u8] = &[0, 2, 1];
    const V4: &[u8] = &[0, 1, 1];
    const FLOW: &[u8] = &[0, 1, 133];
    const PREFIX: &[u8] = &[32, 0x20, 0x01, 0x0D, 0xB9];
    const OTHER: &[u8] = &[32, 0x20, 0x01, 0x0D, 0xBA];
    // A rule for a destination, and one with a component that does not exist.
    const RULES: &[u8] = &[3, 1, 8, 10, 2, 200, 0];
    const HOP: &[u8] = &[
        16, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
    ];
    let reach = envelope(14, &[V6, HOP, PREFIX]);
    let no_hop = envelope(14, &[V6, &[0, 0], PREFIX]);
    let short_hop = envelope(14, &[V6, &[4, 192, 0, 2, 1, 0], PREFIX]);
    let no_nlri = envelope(14, &[V6, HOP]);
    let unframed = envelope(14, &[V6, HOP, &[129]]);
    let unreach = envelope(15, &[V6, PREFIX, OTHER]);
    let rules = envelope(14, &[FLOW, &[0, 0], RULES]);
    let native = envelope(14, &[V4, &[4, 192, 0, 2, 1, 0], &[8, 10]]);
    let cases: &[RoutesCase] = &[
        ("a route", body(&[], &usual(&[&reach]), &[]), None, 1),
        (
            "no next hop",
            body(&[], &usual(&[&no_hop]), &[]),
            Some((3, 9)),
            0,
        ),
        (
            "an IPv4 next hop",
            body(&[], &usual(&[&short_hop]), &[]),
            Some((3, 9)),
            0,
        ),
        (
            "no route",
            body(&[], &usual(&[&no_nlri]), &[]),
            Some((3, 9)),
            0,
        ),
        (
            "no framing",
            body(&[], &usual(&[&unframed]), &[]),
            Some((3, 10)),
            0,
        ),
        (
            "announced, then withdrawn",
            body(&[], &usual(&[&reach, &unreach]), &[]),
            None,
            1,
        ),
        (
            "withdrawn, then announced",
            body(&[], &usual(&[&unreach, &reach]), &[]),
            None,
            1,
        ),
        (
            "withdrawn and announced in the body",
            body(&[8, 10, 8, 11], &usual(&[NEXT_HOP]), &[8, 10]),
            None,
            1,
        ),
        (
            "withdrawn in the body, announced in an attribute",
            body(&[8, 10, 8, 11], &usual(&[&native]), &[]),
            None,
            1,
        ),
        (
            "a malformed rule",
            body(&[], &usual(&[&rules]), &[]),
            None,
            1,
        ),
    ];
    for (name, body, notification, announced) in cases {
        let family = match *name {
            "a malformed rule" => Family::IPV4_FLOW,
            "withdrawn in the body, announced in an attribute" => Family::IPV4_UNICAST,
            _ => Family::IPV6_UNICAST,
        };
        let [by_field, whole] = both_routes(body, &CODEC, family);
        assert_eq!(by_field, whole, "{name}");
        assert_eq!(by_field.2, *notification, "{name}");
        assert_eq!(by_field.0.len(), *announced, "{name}: {by_field:?}");
    }
    let other = Codec {
        families: [Family::IPV4_UNICAST].into_iter().collect(),
        ..CODEC
    };
    let [by_field, whole] = both_routes(&cases[5].1, &other, Family::IPV6_UNICAST);
    assert_eq!(by_field, whole, "a family that was not negotiated");
    assert_eq!(by_field, Routes::default());
}

#[test]
fn a_policy_without_its_attributes_is_treated_as_withdrawn() {
    let family = Family::IPV4_SR_POLICY;
    let cx = Codec {
        families: [family].into_iter().collect(),
        ..CODEC
    };
    let nlri = [96, 0, 0, 0, 1, 0, 0, 0, 100, 192, 0, 2, 9];
    let reach = envelope(14, &[&[0, 1, 73, 4, 192, 0, 2, 1, 0], &nlri]);
    // NO_ADVERTISE, and one path with a preference.
    let advertised = [0xC0, 8, 4, 0xFF, 0xFF, 0xFF, 2];
    let path = [0xC0, 23, 12, 0, 15, 0, 8, 12, 6, 0, 0, 0, 0, 0, 100];
    let decoder = UpdateDecoder::<Said>::new().reach(family, |_, _, _| Ok(()));
    for (attributes, is_whole) in [
        (&[&reach[..]][..], false),
        (&[&reach[..], &advertised], false),
        (&[&reach[..], &path], false),
        (&[&reach[..], &advertised, &path], true),
        (&[&advertised[..], &path, &reach], true),
    ] {
        let body = body(&[], &usual(attributes), &[]);
        let errors = decoder.decode(&mut Said::default(), &body, &cx);
        let severity = errors.map_err(|errors| errors.severity());
        let expected = match is_whole {
            true => Ok(()),
            false => Err(Severity::TreatAsWithdraw),
        };
        assert_eq!(severity, expected, "{attributes:?}");
        let update = Update::new(&body).expect("an UPDATE");
        let content = update.content(&cx, &mut DecodeEach).expect("no reset");
        assert_eq!(content.announced().count(), usize::from(is_whole));
    }
}

#[test]
fn a_decoder_can_be_used_in_any_thread() {
    fn in_any_thread<T: Send + Sync>(decoder: T) -> T {
        decoder
    }
    let decoder = in_any_thread(decoder());
    let body = body(&[8, 10], &[], &[]);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(decoder.decode(&mut Said::default(), &body, &CODEC), Ok(())));
    });
}
