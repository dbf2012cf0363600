//! NOTIFICATIONs of speakers that reset the session for every error (RFC 4271 section 6.3), and names of what is decoded.

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::iana::{afi, attribute, capability, safi};
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Afi, Asn, Codec, Safi};
use oxabgp::speaker::UpdateDecoder;

/// Attributes that are good together.
const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const TEN: &[u8] = &[8, 10];

fn body(attributes: &[&[u8]], nlri: &[u8]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = u16::try_from(attributes.len()).expect("short");
    [&[0, 0], &length.to_be_bytes()[..], &attributes, nlri].concat()
}

/// The subcode and data of the reset for a body.
fn reset(body: &[u8]) -> (u8, Vec<u8>) {
    let decoder = UpdateDecoder::<()>::new()
        .nlri(|(), _| Ok(()))
        .attributes(|(), raw| raw.decode().map(drop));
    let codec = Codec {
        ibgp: true,
        ..Codec::default()
    };
    let errors = decoder.decode(&mut (), body, &codec).expect_err("an error");
    let notification = errors.as_reset();
    assert_eq!(notification.code, 3);
    (notification.subcode, notification.data)
}

#[test]
fn every_error_has_the_subcode_of_rfc_4271_and_the_attribute_as_data() {
    let wrong: &[(u8, &[u8], &[u8])] = &[
        // subcode, the wrong attribute, the good one that it stands for
        (6, &[0x40, 1, 1, 9], ORIGIN),
        (5, &[0x40, 1, 2, 0, 0], ORIGIN),
        (5, &[0x40, 1, 0], ORIGIN),
        (4, &[0xC0, 1, 1, 0], ORIGIN),
        (11, &[0x40, 2, 2, 9, 0], AS_PATH),
        (11, &[0x40, 2, 6, 2, 2, 0, 0, 0xFD, 0xE9], AS_PATH),
        (4, &[0x80, 2, 6, 2, 1, 0, 0, 0xFD, 0xE9], AS_PATH),
        (5, &[0x40, 3, 3, 1, 2, 3], NEXT_HOP),
        (5, &[0x80, 4, 3, 0, 0, 0], &[]),
        (4, &[0x40, 4, 4, 0, 0, 0, 0], &[]),
        (5, &[0x40, 5, 1, 0], &[]),
        (5, &[0x40, 6, 1, 0], &[]),
        (5, &[0xC0, 7, 3, 0, 0, 0], &[]),
        (5, &[0xC0, 8, 3, 0, 0, 0], &[]),
        (5, &[0x80, 9, 3, 0, 0, 0], &[]),
        (5, &[0x80, 10, 3, 0, 0, 0], &[]),
        (5, &[0xC0, 16, 7, 0, 0, 0, 0, 0, 0, 0], &[]),
        (5, &[0xC0, 32, 4, 0, 0, 0, 0], &[]),
        (9, &[0xC0, 23, 5, 0, 1, 0, 9, 0], &[]),
        (2, &[0x40, 99, 1, 0], &[]),
    ];
    for (subcode, attribute, instead) in wrong {
        let good = [ORIGIN, AS_PATH, NEXT_HOP]
            .map(|good| if good == *instead { *attribute } else { good });
        let mut all = good.to_vec();
        if instead.is_empty() {
            all.push(attribute);
        }
        let (got, data) = reset(&body(&all, TEN));
        assert_eq!((got, &data[..]), (*subcode, *attribute), "{attribute:?}");
    }
}

#[test]
fn missing_attributes_and_wrong_prefixes_have_theirs() {
    assert_eq!(reset(&body(&[AS_PATH, NEXT_HOP], TEN)), (3, vec![1]));
    assert_eq!(reset(&body(&[ORIGIN, NEXT_HOP], TEN)), (3, vec![2]));
    assert_eq!(reset(&body(&[ORIGIN, AS_PATH], TEN)), (3, vec![3]));
    let (subcode, _) = reset(&body(&[ORIGIN, AS_PATH, NEXT_HOP], &[33, 1, 2, 3, 4, 5]));
    assert_eq!(subcode, 10);
    let (subcode, _) = reset(&[0, 9, 0, 0]);
    assert_eq!(subcode, 1);
}

#[test]
fn a_decoded_update_has_typed_attributes() {
    let attributes: &[&[u8]] = &[
        ORIGIN,
        AS_PATH,
        NEXT_HOP,
        &[0x80, 4, 4, 0, 0, 0, 7],
        &[0x40, 5, 4, 0, 0, 0, 100],
        &[0x40, 6, 0],
        &[0xC0, 7, 8, 0, 0, 0xFD, 0xE9, 10, 0, 0, 1],
        &[0xC0, 8, 4, 0xFD, 0xE9, 0, 1],
        &[0x80, 9, 4, 10, 0, 0, 2],
        &[0x80, 10, 4, 10, 0, 0, 3],
        &[0xC0, 16, 8, 0, 2, 0xFD, 0xE9, 0, 0, 0, 1],
        &[0xC0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        &[0x80, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0xC0, 35, 4, 0, 0, 0xFD, 0xE9],
        &[0xC0, 99, 2, 1, 2],
    ];
    let body = body(attributes, TEN);
    let codec = Codec {
        ibgp: true,
        aigp: true,
        ..Codec::default()
    };
    let content = Update::new(&body)
        .and_then(|update| update.content(&codec, &mut DecodeEach))
        .expect("a good UPDATE");
    let set = &content.attributes;
    assert_eq!(set.origin().map(|origin| origin.name()), Some("igp"));
    let path = set.as_path().expect("a path");
    assert_eq!(*path.segments()[0].asns, [Asn(65001)]);
    assert_eq!((set.med(), set.local_pref()), (Some(7), Some(100)));
    assert!(set.atomic_aggregate());
    assert_eq!(set.aggregator().map(|one| one.asn), Some(Asn(65001)));
    assert_eq!(set.communities(), [(65001, 1).into()]);
    assert_eq!(set.originator_id(), Some([10, 0, 0, 2].into()));
    assert_eq!(
        set.cluster_list(),
        [std::net::Ipv4Addr::from([10, 0, 0, 3])]
    );
    assert_eq!(set.ext_communities().len(), 1);
    assert_eq!(set.large_communities(), [(1, 2, 3).into()]);
    assert_eq!(set.aigp(), Some(9));
    assert_eq!(set.only_to_customer(), Some(Asn(65001)));
    assert_eq!(set.generic(99).map(|one| &*one.value), Some(&[1, 2][..]));
    assert!(set.prefix_sid().is_none() && set.ext_communities_ipv6().is_empty());
    let prefixes: Vec<_> = content
        .announced()
        .flat_map(|field| field.routes.flatten())
        .filter_map(|nlri| nlri.prefix())
        .collect();
    assert_eq!(prefixes, ["10.0.0.0/8".parse().expect("a prefix")]);
}

#[test]
fn flags_and_code_points_have_names() {
    let decoder = UpdateDecoder::<Vec<String>>::new().attributes(|names, raw| {
        names.push(raw.attribute_flags().to_string());
        Ok(())
    });
    let mut names = Vec::new();
    let attributes: &[&[u8]] = &[ORIGIN, AS_PATH, NEXT_HOP, &[0xF0, 99, 0, 1, 5]];
    let body = body(attributes, TEN);
    decoder
        .decode(&mut names, &body, &Codec::default())
        .expect("a good UPDATE");
    assert_eq!(names[3], "optional transitive partial extended-length");
    assert_eq!(names[0], "transitive");
    assert_eq!((afi::IPV6, safi::FLOW), (Afi::IPV6, Safi::FLOW));
    assert_eq!((attribute::ATTR_SET, capability::BGPSEC), (128, 7));
}
