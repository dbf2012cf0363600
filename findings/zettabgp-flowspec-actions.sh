#!/bin/sh
# zettabgp 0.6.0 builds FlowSpec actions that mean something else: DSCP 0, no sampling, and a redirect to the target of another AS.
#
# The documentation of the functions names RFC 8955, whose section 7.5 has the DSCP in the last octet, section 7.3 the bits S and T at
# the end of it (0x02 and 0x01), and section 7.4 a type of its own, 0x8108, for a redirect by IPv4 address. One would expect the
# octets to the right below. Seen: the DSCP in the fifth octet and the bits in the seventh, which receivers ignore, and 0x8008, by
# which 192.0.2.1:100 reads as the route target 49152:33620068 of a two-octet AS.
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
use zettabgp::message::attributes::extcommunity::BgpExtCommunity;

fn main() {
    let actions = [
        ("remark DSCP 46", BgpExtCommunity::fs_redirect_remark_dscp(46), "800900000000002e"),
        ("sample", BgpExtCommunity::fs_action(true, false), "8007000000000002"),
        ("terminal action bit", BgpExtCommunity::fs_action(false, true), "8007000000000001"),
        ("redirect 192.0.2.1:100", BgpExtCommunity::fs_redirect_rt_ipn([192, 0, 2, 1].into(), 100), "8108c00002010064"),
        ("redirect 65001:100", BgpExtCommunity::fs_redirect_rt_asn(65001, 100), "8008fde900000064"),
    ];
    for (name, community, expected) in actions {
        let mut octets = [0; 8];
        community.encode_to(&mut octets).unwrap();
        let seen: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        println!("{name}: {seen}, RFC 8955 {expected}");
    }
}
RUST
cargo build --quiet --target-dir target >log 2>&1 || { cat log; exit 77; }
target/debug/try >found
echo "zettabgp 0.6.0:"
cat found
cmp -s found - <<'TEXT'
remark DSCP 46: 800900002e000000, RFC 8955 800900000000002e
sample: 8007000000004000, RFC 8955 8007000000000002
terminal action bit: 8007000000008000, RFC 8955 8007000000000001
redirect 192.0.2.1:100: 8008c00002010064, RFC 8955 8108c00002010064
redirect 65001:100: 8008fde900000064, RFC 8955 8008fde900000064
TEXT
