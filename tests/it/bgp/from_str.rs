//! Values from their texts.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use oxabgp::bgp::attribute::as_path::AsPath;
use oxabgp::bgp::attribute::community::Community;
use oxabgp::bgp::attribute::ext_community::ExtCommunity;
use oxabgp::bgp::attribute::large_community::LargeCommunity;
use oxabgp::bgp::{Asn, Family, ParseError, RouteDistinguisher};

/// These are values and others are not.
fn reads<T: FromStr<Err = ParseError> + PartialEq + Debug>(good: &[(&str, T)], bad: &[&str]) {
    for (text, value) in good {
        assert_eq!(text.parse().as_ref(), Ok(value), "{text}");
    }
    for text in bad {
        let error = text.parse::<T>().expect_err(text).to_string();
        assert!(
            !error.is_empty() && !error.ends_with('.'),
            "{text}: {error}"
        );
    }
}

/// What is printed can be read.
fn reads_back<T: FromStr<Err = ParseError> + PartialEq + Debug + Display>(values: &[T]) {
    for value in values {
        assert_eq!(value.to_string().parse().as_ref(), Ok(value));
    }
}

#[test]
fn texts_become_values() {
    reads(
        &[("65001", Asn(65001)), ("1.10", Asn(65546))],
        &["", "AS1", "4294967296", "1.65536", " 1"],
    );
    assert_eq!(u32::from(Asn(7)), 7);
    reads(
        &[
            ("ipv4 unicast", Family::IPV4_UNICAST),
            ("ipv6/unicast", Family::IPV6_UNICAST),
        ],
        &["", "ipv4", "ipv5 unicast", "ipv4 unicast 1"],
    );
    reads(
        &[("65001:100", Community::from((65001, 100)))],
        &["", "65001:100 65001:101", "65001:65536", "no-exporta"],
    );
    reads(
        &[("1:2:3", LargeCommunity([1, 2, 3]))],
        &["", "1:2", "1:2:3:4"],
    );
    reads(
        &[(
            "target:65000:1",
            ExtCommunity([0, 2, 0xFD, 0xE8, 0, 0, 0, 1]),
        )],
        &["", "target", "target:65000:1 x"],
    );
    reads(
        &[(
            "65000:1",
            RouteDistinguisher([0, 0, 0xFD, 0xE8, 0, 0, 0, 1]),
        )],
        &["", "65000", "x:1"],
    );
    let path = AsPath::sequence([Asn(1), Asn(70_000)]);
    reads(
        &[
            ("1 70000", path.clone()),
            ("[ 1 70000 ]", path),
            ("", AsPath::default()),
        ],
        &["[ 1", "1 ]", "x", "[ 1 ] x", "( 1"],
    );
}

#[test]
fn printed_values_can_be_read() {
    reads_back(&[Asn(0), Asn(u32::MAX)]);
    reads_back(&[Family::IPV4_UNICAST, Family::IPV6_FLOW, Family::BGP_LS]);
    reads_back(&[Community(0xFFFF_FF01), Community(7)]);
    reads_back(&[LargeCommunity([u32::MAX; 3])]);
    reads_back(&[ExtCommunity([0, 2, 0xFD, 0xE8, 0, 0, 0, 1])]);
    reads_back(&[RouteDistinguisher([0, 1, 192, 0, 2, 1, 0, 1])]);
}
