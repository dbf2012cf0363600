#!/bin/sh
# mrtparse 2.2.0 reports the three octets of a label entry as the label: 1601 for the label 100.
#
# RFC 8277 section 2.2: a label has 20 bits, behind them come three bits of traffic class and the bottom-of-stack bit. Each VPN or
# labeled route ends its stack with that bit, so that each label is reported as 16 times its value, plus 1. One would expect the label.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet mrtparse==2.2.0; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
import mrtparse

# 203.0.113.0/24 of the route distinguisher 65001:1 with the label 100, next hop 192.0.2.1
nlri = bytes([24 + 64 + 24]) + (100 << 4 | 1).to_bytes(3, "big") + bytes.fromhex("0000 fde9 00000001") + bytes([203, 0, 113])
reach = bytes.fromhex("0001 80 0c 0000000000000000 c0000201 00") + nlri
attributes = bytes.fromhex("400101 00 400206 0201 0000fde9") + bytes([0x80, 14, len(reach)]) + reach
body = struct.pack("!HH", 0, len(attributes)) + attributes
message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
head = struct.pack("!IIHH", 65001, 65002, 0, 1) + bytes([192, 0, 2, 1, 192, 0, 2, 2])
with open("updates", "wb") as out:
    out.write(struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message)
entry = next(iter(mrtparse.Reader("updates")))
route = entry.data["bgp_message"]["path_attributes"][2]["value"]["nlri"][0]
print(f"mrtparse 2.2.0: label 100 is reported as {route['label']} of {route['prefix']}")
sys.exit(0 if route["label"] == [1601] else 1)
PYTHON
venv/bin/python try.py
