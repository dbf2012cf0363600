#!/bin/sh
# zettabgp 0.6.0 reads the IPv6 next hop of an IPv4 route as an IPv4 address, 32.1.13.184 for 2001:db8::1, without an error.
#
# RFC 8950: an IPv4 route may have a next hop of 16 or 32 octets, which tell that it is an IPv6 address; BGP unnumbered has no others,
# and RFC 4760 section 3 gives the length in the message. zettabgp's own type for next hops has IPv6 addresses, and takes them from
# IPv6 routes. One would expect 2001:db8::1, or an error. Seen: its first four octets, which are the address of someone else.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
zettabgp = "=0.6.0"
[workspace]
TOML
cat >src/main.rs <<'RUST'
use zettabgp::message::attributes::BgpAttrItem;
use zettabgp::prelude::*;

fn main() {
    let next_hop = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let capabilities = vec![BgpCapability::SafiIPv4u, BgpCapability::SafiIPv6u, BgpCapability::CapASN32(65001)];
    let session = BgpSessionParams::new(65001, 90, BgpTransportMode::IPv6, [192, 0, 2, 1].into(), capabilities);
    for (family, nlri) in [(1, vec![24, 203, 0, 113]), (2, vec![32, 0x20, 0x01, 0x0d, 0xb8])] {
        let reach = [&[0, family, 1, 16][..], &next_hop, &[0], &nlri].concat();
        let path = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea];
        let attributes = [&[0x40, 1, 1, 0][..], &path, &[0x80, 14, reach.len() as u8], &reach].concat();
        let body = [&[0, 0, 0, attributes.len() as u8][..], &attributes].concat();
        let mut update = BgpUpdateMessage::new();
        let result = update.decode_from(&session, &body);
        for attribute in &update.attrs {
            if let BgpAttrItem::MPUpdates(reach) = attribute {
                println!("{result:?}: {:?} next hop {:?}", reach.addrs, reach.nexthop);
            }
        }
    }
}
RUST
cargo build --quiet --target-dir target >log 2>&1 || { cat log; exit 77; }
target/debug/try >found
echo "zettabgp 0.6.0, an IPv4 and an IPv6 route with the next hop 2001:db8::1:"
cat found
cmp -s found - <<'TEXT'
Ok(()): IPV4U([BgpAddrV4 { addr: 203.0.113.0, prefixlen: 24 }]) next hop V4(32.1.13.184)
Ok(()): IPV6U([BgpAddrV6 { addr: 2001:db8::, prefixlen: 32 }]) next hop V6(2001:db8::1)
TEXT
