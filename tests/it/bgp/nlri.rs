//! NLRI of every family: which errors do not reset the session, how host bits are printed, and that the grammar reads
//! back what is printed.

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::{Content, Direction, Update};
use oxabgp::bgp::{Codec, Family, FamilySet, Nlri, NlriRef, Severity, UpdateError};
use oxabgp::grammar::{Verb, sentence};
use oxabgp::json::{JsonWriter, hex};
use oxabgp::text::{Cursor, tokenize, value};

use super::golden::{json, text};

fn family(name: &str) -> Family {
    Family::KNOWN
        .into_iter()
        .find(|family| family.to_string() == name)
        .unwrap_or_else(|| panic!("no family {name}"))
}

/// The bytes of hexadecimal digits; `~` stands for the length of what follows in one octet, `~~` in two.
fn bytes(digits: &str) -> Vec<u8> {
    let plain = |digits: &str| value::hex(&digits.replace(' ', "")).expect("hexadecimal digits");
    let Some((head, tail)) = digits.split_once('~') else {
        return plain(digits);
    };
    let (tail, wide) = tail
        .strip_prefix('~')
        .map_or((tail, false), |tail| (tail, true));
    let (mut out, tail) = (plain(head), bytes(tail));
    let length = u16::try_from(tail.len())
        .expect("a short value")
        .to_be_bytes();
    out.extend_from_slice(if wide { &length } else { &length[1..] });
    out.extend(tail);
    out
}

/// The body of an UPDATE that announces or withdraws `nlri`.
pub(super) fn body(direction: Direction, family: Family, nlri: &[u8]) -> Vec<u8> {
    let mut value = family.afi.0.to_be_bytes().to_vec();
    value.push(family.safi.0);
    let mut attributes = Vec::new();
    let code = match direction {
        Direction::Announce => {
            // A next hop of the family, with a route distinguisher where it has one.
            let rd = if matches!(family.safi.0, 72 | 128) {
                8
            } else {
                0
            };
            let hop: &[u8] = match (family.safi.0, family.afi.0) {
                (133 | 134, _) => &[],
                (_, 2) => &[0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                _ => &[192, 0, 2, 1],
            };
            let rd = if hop.is_empty() { 0 } else { rd };
            value.push(u8::try_from(rd + hop.len()).expect("a short next hop"));
            value.extend(std::iter::repeat_n(0, rd));
            value.extend_from_slice(hop);
            value.push(0);
            attributes.extend([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100]);
            if family.safi.0 == 73 {
                // NO_ADVERTISE, and a path without anything
                attributes.extend([0xC0, 8, 4, 0xFF, 0xFF, 0xFF, 2, 0xC0, 23, 4, 0, 15, 0, 0]);
            }
            14
        }
        Direction::Withdraw => 15,
    };
    value.extend_from_slice(nlri);
    attributes.extend([0x90, code]);
    attributes.extend(
        u16::try_from(value.len())
            .expect("a short value")
            .to_be_bytes(),
    );
    attributes.extend(value);
    let mut body = vec![0, 0];
    body.extend(
        u16::try_from(attributes.len())
            .expect("short attributes")
            .to_be_bytes(),
    );
    body.extend(attributes);
    body
}

pub(super) fn decode<'a>(body: &'a [u8], add_path: FamilySet) -> Result<Content<'a>, UpdateError> {
    let cx = Codec {
        asn4: true,
        ibgp: true,
        families: Family::KNOWN.into_iter().collect(),
        add_path_receive: add_path,
        ..Codec::default()
    };
    Update::new(body)?.content(&cx, &mut DecodeEach)
}

/// The NLRI of one direction, in hexadecimal.
fn routes(content: &Content<'_>, direction: Direction) -> Vec<String> {
    let fields = content
        .fields
        .iter()
        .filter(|field| field.direction == direction);
    fields
        .flat_map(|field| field.routes)
        .map(|nlri| hex(nlri.expect("framed").bytes))
        .collect()
}

fn json_of(nlri: &Nlri) -> String {
    let mut w = JsonWriter::new();
    nlri.as_ref().json(None, &mut w);
    let json = w.into_string();
    serde_json::from_str::<serde_json::Value>(&json)
        .unwrap_or_else(|error| panic!("{error}: {json}"));
    json
}

/// Parses the text of an NLRI.
fn read(words: &str, family: Family) -> Result<Nlri, String> {
    let tokens = tokenize(words);
    let mut c = Cursor::new(&tokens, words.len());
    if !matches!(family.safi.0, 1 | 2 | 4 | 128) {
        // The name of the family.
        c.next_token();
    }
    let text = sentence(&mut c, family, Verb::Withdraw)
        .and_then(|text| c.finish().map(|()| text))
        .map_err(|error| format!("`{words}`: {error}"))?;
    match &text.nlri[..] {
        [nlri] => Ok(nlri.clone()),
        list => Err(format!("`{words}` means {list:?}")),
    }
}

/// NLRI → text → NLRI.
pub(super) fn trip(nlri: &Nlri) -> Result<(), String> {
    json_of(nlri);
    let words = nlri.to_string();
    let back = read(&words, nlri.family)?;
    if back == *nlri {
        Ok(())
    } else {
        Err(format!(
            "`{words}` is {} instead of {}",
            hex(&back.bytes),
            hex(&nlri.bytes)
        ))
    }
}

/// One valid NLRI of a family, and others that are valid although we do not decode them, or only in part.
#[rustfmt::skip]
const UNCOMMON: &[(&str, &str, &[&str])] = &[
    ("l2vpn vpls", "~~ 0000FDE800000001 0005 0001 0008 00A001", &[
        // RFC 6074 3.2.2.2: auto-discovery.
        "~~ 0000FDE800000001 C0000201",
        // RFC 6624 4: a layer-2 VPN without TLVs.
        "~~ 0000FDE800000001 0005 0001 00A001",
    ]),
    ("l2vpn evpn", "03~ 0000FDE800000001 00000000 20 0A000002", &[
        // RFC 9251 9.1 to 9.3.
        "06~ 0000FDE800000001 00000000 00 20E0000001 200A000002 02",
        "07~ 0000FDE800000001 00010203040506070809 00000000 00 20E0000001 200A000002 00000000 02 00",
        "08~ 0000FDE800000001 00010203040506070809 00000000 00 20E0000001 200A000002 00000000 02",
        // RFC 9572 3.1 to 3.3.
        "09~ 0000FDE800000001 00000000 0102030405060708 200A000002",
        "0A~ 0000FDE800000001 00000000 20E0000001 20EF000001 200A000002",
        "0B~ 0311 0000FDE800000001 00000000 20 0A000002 200A000003",
        // RFC 9136 3.1: an IPv6 prefix with a gateway.
        "05~ 0000FDE800000001 00000000000000000000 00000000 40 20010DB8000000000000000000000000 20010DB8000000000000000000000001 000641",
        // RFC 7432 7.2: no IP address, two labels.
        "02~ 0000FDE800000001 00000000000000000000 00000000 30 001122334455 00 000641 000C81",
        "FF~", "C8~ 01",
    ]),
    ("ipv4 mcast-vpn", "05~ 0000FDE800000001 200A000001 20E0000001", &[
        // RFC 6514 4.1 to 4.4, RFC 6625 (wildcards), RFC 7441 (mLDP).
        "01~ 0000FDE800000001 0A000001", "02~ 0000FDE800000001 0000FDE8",
        "03~ 0000FDE800000001 00 00 0A000001", "04~ 0512 0000FDE800000001 200A000001 20E0000001 0A000002", "43~ 010203",
        "07~ 0000FDE800000001 0000FDE8 200A000001 20E0000001",
    ]),
    ("ipv6 mcast-vpn", "01~ 0000FDE800000001 20010DB8000000000000000000000001", &[
        "06~ 0000FDE800000001 0000FDE8 8020010DB8000000000000000000000001 80FF0E0000000000000000000000000001",
        // RFC 6514 11.1.3: addresses have the lengths in their length fields.
        "05~ 0000FDE800000001 200A000001 20E0000001",
    ]),
    ("ipv4 mup", "010002~ 0000FDE800000001 0A000001", &[
        // Other types and architectures, and a tunnel over IPv6.
        "010005~ 0000FDE800000001 01", "020001~ 0000FDE800000001 180A0001", "FFFFFF~",
        "010003~ 0000FDE800000001 200A000001 00000001 09 8020010DB8000000000000000000000001 00",
        "010004~ 0000FDE800000001 20 0A000001",
    ]),
    ("ipv6 mup", "010002~ 0000FDE800000001 20010DB8000000000000000000000001", &[
        "010003~ 0000FDE800000001 4020010DB800000000 00000001 09 200A000001 200A000002", "010009~ 00",
    ]),
    ("ipv4 sr-policy", "60 00000000 00000064 0A000001", &[]),
    ("ipv6 sr-policy", "C0 00000000 00000064 20010DB8000000000000000000000001", &[]),
    ("ipv4 rtc", "60 0000FDE8 0002FDE800000001", &[
        "00", "20 0000FDE8", "21 0000FDE8 00", "30 0000FDE8 0002", "40 0000FDE8 0002FDE8", "5F 0000FDE8 0002FDE800000002",
        // Too short for an origin.
        "08 00", "1F 0000FDE8",
    ]),
    ("bgp-ls bgp-ls", "0001~~ 02 0000000000000000 0100 000A 0203 0006 000000000001", &[
        // RFC 9857 (SR policies), and possible future types.
        "0005~~ 09 0000000000000000 0100 0008 0200 0004 0000FDE8 022A 0001 00", "0007~~ 02", "FFFF~~",
        // RFC 9552 8.2.2: not malformed "based on the inclusion/exclusion of TLVs".
        "0001~~ 03 0000000000000000", "0002~~ 03 0000000000000000", "0003~~ 03 0000000000000000",
        "0006~~ 02 0000000000000000 0100 000A 0203 0006 000000000001 0206 0010 FC000000000000000000000000000001",
    ]),
    ("bgp-ls bgp-ls-vpn", "0001~~ 0000FDE800000001 02 0000000000000000 0100 000A 0203 0006 000000000001", &[
        "0005~~ 0000FDE800000001 09 0000000000000000",
    ]),
    ("ipv4 nlri-mpls", "30 000641 0A0001", &[
        // RFC 8277 2.2: the S bit of a single label is ignored; 2.4: the values of withdrawals.
        "30 000640 0A0001", "18 000640", "18 000641", "18 800000", "18 000000", "30 800000 0A0002", "30 000000 0A0003",
        "48 000640 000C81 0A0004",
    ]),
    ("ipv6 nlri-mpls", "38 000641 20010DB8", &["18 000640", "38 800000 20010DB9", "50 000640 000C81 20010DBA"]),
    ("ipv4 mpls-vpn", "70 000641 0000FDE800000001 0A0001", &[
        "58 000640 0000FDE800000001", "70 800000 0000FDE800000002 0A0001", "58 000000 0000FDE800000003",
        "88 000640 000C81 0000FDE800000001 0A0004",
    ]),
    ("ipv6 mpls-vpn", "78 000641 0000FDE800000001 20010DB8", &["58 000640 0000FDE800000001"]),
];

#[test]
fn uncommon_routes_are_carried_beside_their_neighbors() {
    let mut count = 0;
    for (name, good, others) in UNCOMMON {
        let family = family(name);
        let good = bytes(good);
        for other in others.iter().map(|digits| bytes(digits)) {
            for direction in [Direction::Announce, Direction::Withdraw] {
                let body = body(direction, family, &[&good[..], &other, &good].concat());
                let content = decode(&body, FamilySet::EMPTY)
                    .unwrap_or_else(|error| panic!("{name} {}: {error}", hex(&other)));
                let wanted = [hex(&good), hex(&other), hex(&good)];
                assert_eq!(routes(&content, direction), wanted, "{name} {direction:?}");
                assert_eq!(content.attributes.error(), None, "{name} {}", hex(&other));
                serde_json::from_str::<serde_json::Value>(&json(&content)).expect("JSON");
                text(&content);
            }
            trip(&Nlri::new(family, None, &other)).expect(name);
            count += 1;
        }
        trip(&Nlri::new(family, None, &good)).expect(name);
    }
    assert!(count > 50, "only {count}");
}

#[test]
fn members_of_a_virtual_lan_are_discovered() {
    let family = family("l2vpn vpls");
    let nlri = Nlri::new(family, None, &bytes("000C 0000FDE800000001 C0000201"));
    assert_eq!(
        json_of(&nlri),
        r#"{ "rd": "65000:1", "pe-address": "192.0.2.1" }"#
    );
    let mut text = String::new();
    nlri.as_ref()
        .text(value::ip("192.0.2.9").map(Into::into), &mut text);
    assert_eq!(
        text,
        "vpls rd 65000:1 pe-address 192.0.2.1 next-hop 192.0.2.9"
    );
    assert_eq!(read(&nlri.to_string(), family), Ok(nlri));
}

#[test]
fn malformed_bgp_ls_is_discarded_alone() {
    let good = "0001~~ 02 0000000000000000 0100 000A 0203 0006 000000000001";
    let malformed = [
        // 515 before 512; 512 twice.
        "0001~~ 02 0000000000000000 0100 0012 0203 0006 000000000001 0200 0004 0000FDE8",
        "0001~~ 02 0000000000000000 0100 0010 0200 0004 0000FDE8 0200 0004 0000FDE9",
        // The remote node before the local one; the local one twice.
        "0002~~ 02 0000000000000000 0101 000A 0203 0006 000000000002 0100 000A 0203 0006 000000000001",
        "0001~~ 02 0000000000000000 0100 000A 0203 0006 000000000001 0100 000A 0203 0006 000000000002",
        // Addresses of one type in descending order.
        "0002~~ 02 0000000000000000 0103 0004 0A000002 0103 0004 0A000001",
        // Lengths: of an AS, of a TLV, of the whole; bits of a prefix.
        "0001~~ 02 0000000000000000 0100 0007 0200 0003 00FDE8",
        "0001~~ 02 0000000000000000 0100 000B 0203 0006 000000000001",
        "0001~~ 02 00000000",
        "0003~~ 02 0000000000000000 0109 0005 21 0A000001",
    ];
    let (family, good) = (family("bgp-ls bgp-ls"), bytes(good));
    for other in malformed.map(bytes) {
        for direction in [Direction::Announce, Direction::Withdraw] {
            let body = body(direction, family, &[&other[..], &good, &other].concat());
            let content = decode(&body, FamilySet::EMPTY).expect("no reset");
            assert_eq!(routes(&content, direction), [hex(&good)]);
            assert_eq!(content.fields.len(), 1);
            let error = content.attributes.error().expect("an error");
            assert_eq!(error.severity, Severity::Discard);
        }
        let body = body(Direction::Announce, family, &other);
        let content = decode(&body, FamilySet::EMPTY).expect("no reset");
        assert!(content.fields.is_empty() && json(&content).contains("\"error\": \"discard\""));
        assert!(read(&format!("bgp-ls raw 0x{}", hex(&other)), family).is_err());
    }
    // Without an end, the rest cannot be parsed.
    let cut = body(
        Direction::Announce,
        family,
        &[&good[..], &[0, 1, 0, 99]].concat(),
    );
    assert!(decode(&cut, FamilySet::EMPTY).is_err_and(|error| error.severity == Severity::Reset));
}

#[test]
fn malformed_flow_rules_are_withdrawn_alone() {
    let family = family("ipv4 flow");
    let good = bytes("~ 038106");
    // Components twice and in the wrong order; a prefix of 33 bits; nothing; a value without end.
    for other in [
        "~ 01080A 01080B",
        "~ 038106 038111",
        "~ 058150 038106",
        "~ 01210A00000000",
        "~",
        "~ 0301",
        // Components that this version does not know.
        "~ 0E8101",
        "~ 038106 7F0102030405",
        "~ FF",
    ] {
        let other = bytes(other);
        let body = body(
            Direction::Announce,
            family,
            &[&good[..], &other, &good].concat(),
        );
        let content = decode(&body, FamilySet::EMPTY).expect("no reset");
        assert_eq!(
            routes(&content, Direction::Announce),
            [hex(&good), hex(&good)]
        );
        assert_eq!(routes(&content, Direction::Withdraw), [hex(&other)]);
        let severity = content.attributes.error().map(|error| error.severity);
        assert_eq!(severity, Some(Severity::TreatAsWithdraw));
    }
}

#[test]
fn host_bits_are_never_printed() {
    for (name, digits, wanted, absent) in [
        ("ipv4 unicast", "14 0A01FF", "10.1.240.0/20", "10.1.255.0"),
        ("ipv6 unicast", "14 200FFF", "200f:f000::/20", "200f:ff00::"),
        ("ipv4 multicast", "0C EFFF", "239.240.0.0/12", "239.255.0.0"),
        (
            "ipv4 nlri-mpls",
            "2C 000641 0A01FF",
            "10.1.240.0/20",
            "10.1.255.0",
        ),
        (
            "ipv6 nlri-mpls",
            "2C 000641 200FFF",
            "200f:f000::/20",
            "200f:ff00::",
        ),
        (
            "ipv4 mpls-vpn",
            "6C 000641 0000FDE800000001 0A01FF",
            "10.1.240.0/20",
            "10.1.255.0",
        ),
        ("ipv4 flow", "~ 01140A01FF", "10.1.240.0/20", "10.1.255.0"),
        (
            "ipv6 flow",
            "~ 011400200FFF",
            "200f:f000::/20/0",
            "200f:ff00::",
        ),
        (
            "ipv4 mup",
            "010001~ 0000FDE800000001 140A01FF",
            "\"10.1.240.0\"",
            "10.1.255.0",
        ),
        (
            "l2vpn evpn",
            "05~ 0000FDE800000001 00000000000000000000 00000000 14 0A01FF05 00000000 000641",
            "\"10.1.240.0\"",
            "10.1.255.5",
        ),
        (
            "bgp-ls bgp-ls",
            "0003~~ 02 0000000000000000 0109 0004 14 0A01FF",
            "10.1.240.0/20",
            "10.1.255.0",
        ),
    ] {
        let (family, nlri) = (family(name), bytes(digits));
        for direction in [Direction::Announce, Direction::Withdraw] {
            let body = body(direction, family, &nlri);
            let content = decode(&body, FamilySet::EMPTY).expect(name);
            let reported = json(&content);
            assert!(
                reported.contains(wanted) && !reported.contains(absent),
                "{name}: {reported}"
            );
            let lines = text(&content).join(" ");
            assert!(!lines.contains(absent), "{name}: {lines}");
        }
    }
}

#[test]
fn short_route_targets_are_distinguished() {
    let family = family("ipv4 rtc");
    let mut seen = std::collections::HashSet::new();
    for bits in 0..=96u8 {
        let nlri: Vec<u8> = std::iter::once(bits)
            .chain((0..bits.div_ceil(8)).map(|_| 0))
            .collect();
        let nlri = Nlri::new(family, None, &nlri);
        assert!(seen.insert(json_of(&nlri)), "{bits} bits look like others");
        trip(&nlri).expect("words");
    }
    let nlri = Nlri::new(family, None, &bytes("40 0000FDE8 0002FDE8"));
    assert_eq!(
        json_of(&nlri),
        r#"{ "origin": 65000, "route-target": "0x0002FDE8/32" }"#
    );
    assert_eq!(nlri.to_string(), "rtc origin 65000 target 0x0002FDE8/32");
}

#[test]
fn flow_values_are_printed_as_the_rfcs_read_them() {
    for (name, digits, wanted) in [
        // RFC 8955 4.2.2.11: DSCP has six bits.
        ("ipv4 flow", "030B81CA", "flow dscp =10"),
        ("ipv6 flow", "030B81CA", "flow traffic-class =202"),
        // RFC 8955 4.2.2.12, RFC 8956 3.6: reserved bits are ignored.
        (
            "ipv4 flow",
            "030C80F5",
            "flow fragment dont-fragment+first-fragment",
        ),
        ("ipv6 flow", "030C80F5", "flow fragment first-fragment"),
        ("ipv6 flow", "030C8001", "flow fragment 0x0"),
        ("ipv4 flow", "03098000", "flow tcp-flags 0x0"),
        ("ipv4 flow", "0409904500", "flow tcp-flags ns+0x4500"),
    ] {
        let family = family(name);
        let nlri = Nlri::new(family, None, &bytes(digits));
        let mut text = String::new();
        nlri.as_ref().text(None, &mut text);
        assert_eq!(text, wanted);
        assert!(read(&text, family).is_ok(), "{text}");
        trip(&nlri).expect(digits);
    }
}

#[test]
fn flow_rules_have_path_identifiers() {
    let family = family("ipv4 flow");
    let add_path: FamilySet = [family].into_iter().collect();
    let body = body(
        Direction::Announce,
        family,
        &bytes("00000007 03 038106 00000008 03 038106"),
    );
    let content = decode(&body, add_path).expect("two paths of one rule");
    let reported = json(&content);
    assert!(
        reported.contains(r#""path-information": "0.0.0.7""#) && reported.contains("0.0.0.8"),
        "{reported}"
    );
    let lines = text(&content);
    assert!(
        lines[0].starts_with("announced flow protocol =tcp path-information 0.0.0.7"),
        "{lines:?}"
    );
    for nlri in content
        .fields
        .iter()
        .flat_map(|field| field.routes)
        .flatten()
    {
        trip(&nlri.to_nlri()).expect("words with a path identifier");
    }
}

/// Recorded from ExaBGP 5.0.15: `show adj-rib in`.
#[test]
fn evpn_routes_in_listings() {
    for (bytes, wanted) in [
        (
            "0221 0001010101010001 00000000000000000000 00000000 30 001122334455 00 000641",
            "macadv::1.1.1.1:1:-:0:00:11:22:33:44:55/48:: label 100 (1601)",
        ),
        (
            "0225 0001010101010001 00000000000000000000 00000000 30 001122334461 20 0A000001 000000",
            "macadv::1.1.1.1:1:-:0:00:11:22:33:44:61/48:10.0.0.1: label 0",
        ),
        (
            "0231 0001010101010001 00000000000000000000 00000000 30 001122334457 80 20010DB8000000000000000000000001 000641",
            "macadv::1.1.1.1:1:-:0:00:11:22:33:44:57/48:2001:db8::1: label 100 (1601)",
        ),
        (
            "0119 0001010101010001 03001122334455000001 FFFFFFFF 000000",
            "ethernetad::1.1.1.1:1:03:00:11:22:33:44:55:00:00:01:4294967295: label 0",
        ),
        (
            "0311 0001010101010001 00000000 20 0A000001",
            "multicast::1.1.1.1:1:0:10.0.0.1",
        ),
        (
            "0417 0001010101010001 00112233445566778899 20 0A000001",
            "segment::1.1.1.1:1:00:11:22:33:44:55:66:77:88:99:10.0.0.1",
        ),
        (
            "0522 0001010101010001 00000000000000000000 00000000 18 0A000100 0A000009 000000",
            "prfxadv::1.1.1.1:1:-:0:10.0.1.0/24:10.0.0.9: label 0",
        ),
        ("0903 010203", "unknown:0x010203"),
    ] {
        let nlri = NlriRef {
            family: Family::EVPN,
            path_id: None,
            bytes: &crate::support::hex::bytes(&bytes.replace(' ', "")),
            withdrawn: false,
        };
        let mut text = String::new();
        nlri.show(None, &mut text);
        assert_eq!(text, format!("evpn:{wanted}"));
    }
}

#[test]
fn explicit_null_starts_a_stack_where_routes_are_announced_and_ends_it_where_they_are_withdrawn() {
    let id = |direction, family: &str, nlri: &str| {
        let body = body(direction, self::family(family), &bytes(nlri));
        let content = decode(&body, FamilySet::EMPTY).expect(nlri);
        let [field] = &content.fields[..] else {
            panic!("one field of {nlri}");
        };
        assert_eq!(field.direction, direction);
        let nlri = field.routes.flatten().next().expect("a route");
        assert_eq!(nlri.to_nlri().as_ref().id(), nlri.id());
        let mut w = JsonWriter::new();
        nlri.json(None, &mut w);
        (nlri.id(), w.into_string())
    };
    // 10.0.1.5/32 looks like the bottom of a stack and eight bits of a prefix.
    for (family, announced, withdrawn) in [
        (
            "ipv4 nlri-mpls",
            "50 000000 000C81 0A000105",
            "38 000000 0A000105",
        ),
        (
            "ipv4 nlri-mpls",
            "48 000000 000C81 0A0001",
            "30 000000 0A0001",
        ),
        (
            "ipv4 mpls-vpn",
            "90 000000 000C81 0000FDE900000001 0A000105",
            "78 000000 0000FDE900000001 0A000105",
        ),
        (
            "ipv6 nlri-mpls",
            "60 000000 000C81 20010DB80001",
            "48 000000 20010DB80001",
        ),
    ] {
        let (route, json) = id(Direction::Announce, family, announced);
        assert!(json.contains(r#""label": [ [0], [200] ]"#), "{json}");
        let (gone, json) = id(Direction::Withdraw, family, withdrawn);
        assert!(json.contains(r#""label": [ [0] ]"#), "{json}");
        assert_eq!(route, gone, "{withdrawn}");
        // The value of RFC 8277 section 2.4.
        let (gone, _) = id(
            Direction::Withdraw,
            family,
            &withdrawn.replacen("000000", "800000", 1),
        );
        assert_eq!(route, gone, "{withdrawn}");
    }
}

#[test]
fn an_sr_policy_of_the_other_address_family_is_withdrawn_and_the_next_one_announced() {
    let wrong = "C0 00000000 00000064 20010DB8000000000000000000000001";
    let good = "60 00000000 00000064 0A000001";
    let family = family("ipv4 sr-policy");
    let both = [bytes(wrong), bytes(good)].concat();
    let announced = body(Direction::Announce, family, &both);
    let content = decode(&announced, FamilySet::EMPTY).expect("no reset");
    let plain = |digits: &str| digits.replace(' ', "");
    assert_eq!(routes(&content, Direction::Announce), [plain(good)]);
    assert_eq!(routes(&content, Direction::Withdraw), [plain(wrong)]);
    let short = body(
        Direction::Announce,
        family,
        &bytes("5F 00000000 00000064 0A000001"),
    );
    assert!(decode(&short, FamilySet::EMPTY).is_err());
}

#[test]
fn an_sr_policy_that_is_not_for_anyone_is_withdrawn() {
    let family = family("ipv4 sr-policy");
    let body = body(
        Direction::Announce,
        family,
        &bytes("60 00000000 00000064 0A000001"),
    );
    let content = decode(&body, FamilySet::EMPTY).expect("no reset");
    assert_eq!(content.fields[0].direction, Direction::Announce);
    // Another community in place of NO_ADVERTISE, another type of tunnel.
    for (from, to) in [([0xFF, 0xFF, 2], [0xFF, 0xFF, 3]), ([0, 15, 0], [0, 8, 0])] {
        let at = body.windows(3).position(|three| three == from).expect("it");
        let mut body = body.clone();
        body[at..at + 3].copy_from_slice(&to);
        let content = decode(&body, FamilySet::EMPTY).expect("no reset");
        assert_eq!(content.fields[0].direction, Direction::Withdraw);
        let error = content.attributes.error().map(|error| error.severity);
        assert_eq!(error, Some(Severity::TreatAsWithdraw));
    }
}

#[test]
fn the_length_and_the_padding_of_a_flow_rule_do_not_identify_it() {
    for (family, rules) in [
        (
            "ipv4 flow",
            [
                "~ 01140A0100 02080A 038106",
                "F00B 01140A010F 02080A 038106",
            ],
        ),
        (
            "ipv6 flow",
            ["~ 01210420010DB8 038106", "~ 01210420010DBF 038106"],
        ),
        (
            "ipv4 flow-vpn",
            [
                "~ 0000FDE800000001 01090A00 038106",
                "F00F 0000FDE800000001 01090A7F 038106",
            ],
        ),
    ] {
        let family = self::family(family);
        let key = |rule: &&str| Nlri::new(family, None, &bytes(rule)).as_ref().key();
        let keys: Vec<_> = rules.iter().map(key).collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let other = Nlri::new(family, None, &bytes("~ 01140A0110 038106"));
        assert_ne!(other.as_ref().key(), keys[0]);
    }
}
