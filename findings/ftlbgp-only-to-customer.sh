#!/bin/sh
# ftlbgp 1.0.5 gives the attribute Only to Customer as true or false, and loses the AS number that it holds.
#
# RFC 9234 section 5: the value is the AS number of four octets that added the attribute, and a route leak is found by comparing it with
# the neighbor's. ftlbgp takes it for the attribute without a value of an old draft. One would expect 65002 and 65009 below.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet ftlbgp==1.0.5; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
from ftlbgp import BgpParser

def record(otc, prefix):
    attributes = bytes.fromhex("40010100 400206 0201 0000fdea 400304 c0000202 c02304") + struct.pack("!I", otc)
    body = bytes(2) + struct.pack("!H", len(attributes)) + attributes + prefix
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    session = struct.pack("!IIHH", 65002, 65001, 0, 1) + bytes([192, 0, 2, 2, 192, 0, 2, 1])
    return struct.pack("!IHHI", 1700000000, 16, 4, len(session + message)) + session + message

with open("updates", "wb") as out:
    out.write(record(65002, bytes([24, 203, 0, 113])) + record(65009, bytes([24, 198, 51, 100])))
route = BgpParser.bgp.route
with BgpParser(bgp_records=BgpParser.bgp.records.route,
               bgp_route=route.human.prefix | route.only_to_customer | route.attrs_unknown) as parse:
    found = [record._asdict() for record in parse("updates")]
print("ftlbgp 1.0.5, Only to Customer 65002 and 65009:", *found)
sys.exit([one["only_to_customer"] for one in found] != [True, True] or any("65002" in str(one) for one in found))
PYTHON
venv/bin/python try.py
