#!/bin/sh
# scapy 2.8.0, told that AS numbers have four octets, reads an AGGREGATOR of eight octets as one of six, and shows a wrong AS and address.
#
# RFC 6793 section 3: between speakers with four-octet AS numbers the attribute has eight octets, four of them the AS number. The
# setting `use_2_bytes_asn = False` makes scapy read the AS_PATH of the same UPDATE with four octets. One would expect 65000, 192.0.2.1.
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
attributes = bytes.fromhex("40010100 400206 0201 0000fdea 400304 c0000202 c00708 0000fde8 c0000201")
body = bytes(2) + struct.pack("!H", len(attributes)) + attributes + bytes([24, 203, 0, 113])
update = bgp.BGP(b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body)
found = {one.type_code: one.attribute for one in update[bgp.BGPUpdate].path_attr}
path, aggregator = found[2].segments[0].segment_value, found[7]
print(f"scapy 2.8.0, AS_PATH {path}, AGGREGATOR 65000 192.0.2.1: {aggregator.aggregator_asn} {aggregator.speaker_address}")
sys.exit(not (path == [65002] and (aggregator.aggregator_asn, aggregator.speaker_address) == (0, "253.232.192.0")))
PYTHON
venv/bin/python try.py 2>log || { code=$?; tail -n 3 log; exit $code; }
