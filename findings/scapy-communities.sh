#!/bin/sh
# scapy 2.8.0 decodes only the first community of a COMMUNITIES attribute, and only the first one of LARGE_COMMUNITY.
#
# RFC 1997 makes the attribute a set of values of four octets, RFC 8092 one of twelve octets. scapy has fields for the value of an
# attribute (a list `segments` for large communities), and leaves all values after the first as raw bytes behind it. One would expect
# a list of all values, as it gives the segments of an AS_PATH.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet scapy==2.8.0; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
from scapy.contrib import bgp

bgp.bgp_module_conf.use_2_bytes_asn = False
communities = struct.pack("!6H", 65000, 1, 65000, 2, 65000, 3)
large = struct.pack("!6I", 65000, 1, 2, 65000, 3, 4)
attributes = (bytes.fromhex("40010100 400206 0201 0000fdea 400304 c0000202")
              + bytes([0xC0, 8, len(communities)]) + communities + bytes([0xC0, 32, len(large)]) + large)
body = bytes(2) + struct.pack("!H", len(attributes)) + attributes + bytes([24, 203, 0, 113])
update = bgp.BGP(b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body)
found = {one.type_code: one.attribute for one in update[bgp.BGPUpdate].path_attr}
print("scapy 2.8.0, communities 65000:1 65000:2 65000:3:", repr(found[8]))
print("scapy 2.8.0, large communities 65000:1:2 65000:3:4:", repr(found[32]))
first, segments = found[8].community, found[32].segments
sys.exit(not (first == 65000 << 16 | 1 and bytes(found[8].payload) == communities[4:]
              and len(segments) == 1 and bytes(segments[0].payload) == large[12:]))
PYTHON
venv/bin/python try.py 2>log || { code=$?; tail -n 3 log; exit $code; }
