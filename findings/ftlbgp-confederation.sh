#!/bin/sh
# ftlbgp 1.0.5 gives the members of a confederation in an AS_PATH as ordinary AS numbers.
#
# RFC 5065 section 3 has segment types of their own for them, since they are private to the confederation and do not count for the length
# of the path. ftlbgp keeps AS_SETs apart as lists inside of the list, but the two paths below come out the same. One would
# expect that they differ.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet ftlbgp==1.0.5; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
from ftlbgp import BgpParser

def record(*segments):
    path = b"".join(struct.pack("!BB", kind, len(asns)) + struct.pack(f"!{len(asns)}I", *asns) for kind, asns in segments)
    attributes = bytes.fromhex("40010100 400304 c0000202") + bytes([0x40, 2, len(path)]) + path
    body = bytes(2) + struct.pack("!H", len(attributes)) + attributes + bytes([24, 203, 0, 113])
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    session = struct.pack("!IIHH", 65002, 65001, 0, 1) + bytes([192, 0, 2, 2, 192, 0, 2, 1])
    return struct.pack("!IHHI", 1700000000, 16, 4, len(session + message)) + session + message

with open("updates", "wb") as out:
    out.write(record((3, (65002, 65003)), (2, (64500,)))    # AS_CONFED_SEQUENCE, AS_SEQUENCE
              + record((2, (65002, 65003, 64500)))          # AS_SEQUENCE
              + record((2, (65002,)), (1, (65003, 64500)))) # AS_SEQUENCE, AS_SET
with BgpParser(bgp_records=BgpParser.bgp.records.route) as parse:
    confederation, plain, sets = (record.aspath for record in parse("updates"))
print(f"ftlbgp 1.0.5, (65002 65003) 64500: {confederation}; 65002 65003 64500: {plain}; 65002 {{65003,64500}}: {sets}")
sys.exit(not confederation == plain != sets)
PYTHON
venv/bin/python try.py
