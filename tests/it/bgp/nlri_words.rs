//! The grammar reads back the text of every NLRI as the same bytes: any route of any family and known type.

use oxabgp::bgp::message::update::Direction;
use oxabgp::bgp::nlri::frame;
use oxabgp::bgp::{Family, FamilySet, Nlri};
use oxabgp::wire::Reader;
use proptest::collection::vec;
use proptest::prelude::*;

use super::nlri::{body, decode, trip};

type Bytes = BoxedStrategy<Vec<u8>>;

fn octets(count: usize) -> Bytes {
    vec(any::<u8>(), count).boxed()
}

/// Concatenates all parts.
fn all(parts: Vec<Bytes>) -> Bytes {
    parts.prop_map(|parts| parts.concat()).boxed()
}

fn one_of(list: Vec<Bytes>) -> Bytes {
    proptest::strategy::Union::new(list).boxed()
}

fn just(bytes: &[u8]) -> Bytes {
    Just(bytes.to_vec()).boxed()
}

/// `head`, the length of `value` in one octet, `value`.
fn len8(head: &[u8], value: Bytes) -> Bytes {
    let head = head.to_vec();
    value
        .prop_map(move |value| {
            let length = u8::try_from(value.len()).expect("a short value");
            [&head[..], &[length], &value].concat()
        })
        .boxed()
}

fn len16(head: &[u8], value: Bytes) -> Bytes {
    let head = head.to_vec();
    value
        .prop_map(move |value| {
            let length = u16::try_from(value.len())
                .expect("a short value")
                .to_be_bytes();
            [&head[..], &length, &value].concat()
        })
        .boxed()
}

/// Route distinguishers of the known types, with small and large AS numbers, and of unknown ones.
fn rd() -> Bytes {
    one_of(vec![
        all(vec![
            just(&[0]),
            one_of(vec![just(&[0]), just(&[1]), just(&[2])]),
            octets(6),
        ]),
        all(vec![just(&[0, 2, 0, 0]), octets(4)]),
        octets(8),
    ])
}

/// A length in bits from `least` to `most`, and as many octets; bits beyond are zero.
fn bits(least: u8, most: u8) -> Bytes {
    (least..=most, octets(32))
        .prop_map(|(bits, mut octets)| {
            octets.truncate(usize::from(bits.div_ceil(8)));
            if let Some(last) = octets.last_mut() {
                *last &= 0xFF << ((8 - bits % 8) % 8);
            }
            [vec![bits], octets].concat()
        })
        .boxed()
}

/// A prefix preceded by `ahead`, whose bits are included in the length.
fn behind(ahead: Bytes, most: u8) -> Bytes {
    (ahead, bits(0, most))
        .prop_map(|(ahead, prefix)| {
            let bits = u8::try_from(ahead.len() * 8).expect("few labels") + prefix[0];
            [&[bits][..], &ahead, &prefix[1..]].concat()
        })
        .boxed()
}

/// Label stacks as we write them, those of withdrawals, and any.
fn labels() -> Bytes {
    let stack = vec(0..1u32 << 20, 1..3).prop_map(|labels| oxabgp::bgp::label::stack(&labels));
    one_of(vec![
        stack.boxed(),
        just(&[0x80, 0, 0]),
        just(&[0, 0, 0]),
        octets(3),
    ])
}

/// An address with its length in bits.
fn address() -> Bytes {
    one_of(vec![
        all(vec![just(&[32]), octets(4)]),
        all(vec![just(&[128]), octets(16)]),
    ])
}

fn flow(ipv6: bool, rd: Bytes) -> Bytes {
    let term = (any::<u8>(), any::<[u8; 8]>(), 0..4u8).prop_map(|(operator, value, zeros)| {
        let count = 1usize << (operator >> 4 & 3);
        let mut value = value[..count].to_vec();
        value
            .iter_mut()
            .take(zeros.into())
            .for_each(|octet| *octet = 0);
        (operator, value)
    });
    let terms = vec(term, 1..4).prop_map(|terms| {
        let last = terms.len() - 1;
        let each = terms
            .into_iter()
            .enumerate()
            .map(|(index, (operator, value))| {
                let end = if index == last { 0x80 } else { 0 };
                [vec![operator & 0x7F | end], value].concat()
            });
        each.collect::<Vec<_>>().concat()
    });
    let prefix = if ipv6 {
        (0..=128u8, 0..=128u8, octets(16))
            .prop_map(|(one, other, octets)| {
                let (offset, length) = if one == other {
                    (0, one)
                } else {
                    (one.min(other), one.max(other))
                };
                let count = length - offset;
                let mut octets = octets[..usize::from(count.div_ceil(8))].to_vec();
                if let Some(last) = octets.last_mut() {
                    *last &= 0xFF << ((8 - count % 8) % 8);
                }
                [vec![length, offset], octets].concat()
            })
            .boxed()
    } else {
        bits(0, 32)
    };
    let part = move |code: u8| -> Bytes {
        let value = if code < 3 {
            prefix.clone()
        } else {
            terms.clone().boxed()
        };
        one_of(vec![just(&[]), just(&[]), all(vec![just(&[code]), value])])
    };
    let parts: Vec<Bytes> = (1..=14).map(part).collect();
    (rd, all(parts))
        .prop_map(|(rd, parts)| {
            let body = [rd, parts].concat();
            let length = u16::try_from(body.len()).expect("a short rule");
            let head = if length < 0xF0 {
                vec![length.to_be_bytes()[1]]
            } else {
                (0xF000 | length).to_be_bytes().to_vec()
            };
            [head, body].concat()
        })
        .boxed()
}

fn evpn() -> Bytes {
    let ip = one_of(vec![just(&[0]), address()]);
    let five = |size: usize, most: u8| {
        all(vec![
            rd(),
            octets(14),
            (0..=most).prop_map(|bits| vec![bits]).boxed(),
            octets(2 * size + 3),
        ])
    };
    one_of(vec![
        len8(&[1], all(vec![rd(), octets(17)])),
        len8(
            &[2],
            all(vec![
                rd(),
                octets(14),
                just(&[48]),
                octets(6),
                ip.clone(),
                octets(3),
            ]),
        ),
        len8(
            &[2],
            all(vec![
                rd(),
                octets(14),
                just(&[48]),
                octets(6),
                ip,
                octets(6),
            ]),
        ),
        len8(&[3], all(vec![rd(), octets(4), address()])),
        len8(&[4], all(vec![rd(), octets(10), address()])),
        len8(&[5], five(4, 32)),
        len8(&[5], five(16, 128)),
        len8(&[6], octets(22)),
        len8(&[9], octets(30)),
    ])
}

fn mvpn() -> Bytes {
    one_of(vec![
        len8(&[1], octets(12)),
        len8(&[5], all(vec![rd(), address(), address()])),
        len8(&[6], all(vec![rd(), octets(4), address(), address()])),
        len8(&[7], all(vec![rd(), octets(4), address(), address()])),
    ])
}

fn mup(size: usize) -> Bytes {
    let most = u8::try_from(size * 8).expect("bits of an address");
    let tunnel = all(vec![rd(), bits(0, most), octets(5), address()]);
    let teid = (0..=32u8, octets(size), octets(4)).prop_map(move |(bits, endpoint, teid)| {
        [
            &[most + bits][..],
            &endpoint,
            &teid[..usize::from(bits.div_ceil(8))],
        ]
        .concat()
    });
    one_of(vec![
        len8(&[1, 0, 1], all(vec![rd(), bits(0, most)])),
        len8(&[1, 0, 2], all(vec![rd(), octets(size)])),
        len8(&[1, 0, 3], tunnel.clone()),
        len8(&[1, 0, 3], all(vec![tunnel.clone(), just(&[0])])),
        len8(&[1, 0, 3], all(vec![tunnel, address()])),
        len8(&[1, 0, 4], all(vec![rd(), teid.boxed()])),
        len8(&[1, 0, 5], octets(9)),
        len8(&[2, 0, 1], octets(9)),
    ])
}

fn bgp_ls(rd: Bytes) -> Bytes {
    let tlv = |code: u16, value: Bytes| len16(&code.to_be_bytes(), value);
    let maybe = |bytes: Bytes| one_of(vec![just(&[]), bytes]);
    let node = move |code: u16| {
        let router = one_of(vec![octets(4), octets(6), octets(7), octets(8)]);
        tlv(
            code,
            all(vec![
                maybe(tlv(512, octets(4))),
                maybe(tlv(513, octets(4))),
                maybe(tlv(514, one_of(vec![octets(4), octets(16)]))),
                maybe(tlv(515, router)),
                maybe(tlv(516, octets(4))),
                maybe(tlv(999, octets(3))),
            ]),
        )
    };
    let prefix = maybe(tlv(265, bits(0, 128)));
    (0..8u16, rd, 0..10u8, octets(8))
        .prop_flat_map(move |(code, rd, protocol, identifier)| {
            let value = all(vec![
                just(&rd),
                just(&[protocol]),
                just(&identifier),
                maybe(node(256)),
                maybe(node(257)),
                maybe(tlv(258, octets(8))),
                maybe(tlv(259, octets(4))),
                maybe(tlv(260, octets(4))),
                maybe(tlv(261, octets(16))),
                maybe(tlv(262, octets(16))),
                maybe(tlv(263, octets(2))),
                maybe(tlv(264, octets(1))),
                prefix.clone(),
                maybe(tlv(518, octets(16))),
                maybe(tlv(999, octets(2))),
            ]);
            len16(&code.to_be_bytes(), value)
        })
        .boxed()
}

fn nlri(family: Family) -> Bytes {
    let most = if family.afi.0 == 1 { 32 } else { 128 };
    match family.safi.0 {
        1 | 2 => bits(0, most),
        4 => behind(labels(), most),
        5 => mvpn(),
        65 => one_of(
            vec![12, 15, 16, 17, 17, 20]
                .into_iter()
                .map(|size| len16(&[], all(vec![rd(), octets(size - 8)])))
                .collect(),
        ),
        70 => evpn(),
        71 => bgp_ls(just(&[])),
        72 => bgp_ls(rd()),
        73 => all(vec![just(&[64 + most]), octets(8 + usize::from(most / 8))]),
        85 => mup(usize::from(most / 8)),
        128 => behind(all(vec![labels(), rd()]), most),
        132 => bits(0, 96),
        133 => flow(family.afi.0 == 2, just(&[])),
        134 => flow(family.afi.0 == 2, rd()),
        other => panic!("no NLRI of SAFI {other}"),
    }
}

/// Returns `true` if the text form of the family has path identifiers.
fn has_paths(family: Family) -> bool {
    matches!(family.safi.0, 1 | 4 | 128 | 133 | 134)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(
        path_id in proptest::option::of(any::<u32>()),
        list in Family::KNOWN.map(|family| nlri(family).prop_map(move |bytes| (family, bytes))).to_vec(),
    ) {
        for (family, bytes) in list {
            let mut r = Reader::new(&bytes);
            let Ok(framed) = frame(family, &mut r) else {
                continue;
            };
            // What peers would discard is neither kept nor announced.
            let body = body(Direction::Withdraw, family, framed);
            if decode(&body, FamilySet::EMPTY).is_ok_and(|content| content.fields.is_empty()) {
                continue;
            }
            let path_id = path_id.filter(|_| has_paths(family));
            let nlri = Nlri::new(family, path_id, framed);
            if let Err(error) = trip(&nlri) {
                prop_assert!(false, "{family}: {error}");
            }
        }
    }
}
