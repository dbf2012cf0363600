#!/bin/sh
# bgpkit-parser 0.23.0 gives a flow specification, and VPN routes of IPv6, as announcements of prefixes that nobody has announced.
#
# RFC 8955 section 4: the NLRI of SAFI 133 is a filter, here for fragments to 203.0.113.0/24; RFC 4659: that of AFI 2, SAFI 128 has a
# label and a route distinguisher before the prefix, here 2001:db8::/32. The documentation lists RFC 8955 as supported, and the
# value of the attribute has a field for flow specifications. One would expect no elem, or the route. Seen: elems of type
# announcement for 1.0.0.0/8, 203.0.113.0/24, 128.6.0.0/12 and 6:4100:fd:ea00:0:120:10d:b800/120, without a warning.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 - <<'PYTHON'
import struct

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

# destination 203.0.113.0/24 and the fragment bits 0x06; then a route with the label 100 and the route distinguisher 65002:1
flow = bytes.fromhex("0001 85 00 00 08 01 18 cb0071 0c 80 06")
vpn = bytes.fromhex("0002 80 18 0000000000000000 20010db8000000000000000000000002 00 78 000641 0000fdea00000001 20010db8")
head = struct.pack("!IIHH", 65002, 65001, 0, 1) + bytes([192, 0, 2, 2, 192, 0, 2, 1])
with open("updates", "wb") as out:
    for reach in flow, vpn:
        attributes = attribute(0x40, 1, b"\0") + attribute(0x40, 2, bytes.fromhex("0201 0000fdea")) + attribute(0x80, 14, reach)
        body = struct.pack("!HH", 0, len(attributes)) + attributes
        message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
        out.write(struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message)
PYTHON
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
bgpkit-parser = { version = "=0.23.0", default-features = false, features = ["parser"] }
[workspace]
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let input = std::fs::File::open("updates").unwrap();
    for elem in bgpkit_parser::BgpkitParser::from_reader(input) {
        println!("{:?} {} by {}", elem.elem_type, elem.prefix.prefix, elem.peer_ip);
    }
}
RUST
cargo build --quiet --target-dir target >log 2>&1 || { cat log; exit 77; }
target/debug/try >found
echo "bgpkit-parser 0.23.0, a flow specification and a VPN route:"
cat found
cmp -s found - <<'TEXT'
ANNOUNCE 1.0.0.0/8 by 192.0.2.2
ANNOUNCE 203.0.113.0/24 by 192.0.2.2
ANNOUNCE 128.6.0.0/12 by 192.0.2.2
ANNOUNCE 6:4100:fd:ea00:0:120:10d:b800/120 by 192.0.2.2
TEXT
