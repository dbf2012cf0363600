#!/bin/sh
# os-ken 4.2.2 writes flow specifications that a receiver reads otherwise: those of 240 octets and more, and values it has read itself.
#
# RFC 8955 section 4: a length of 240 or more takes two octets, 0xfnnn, and two bits of an operator tell how many octets its value has.
# One would expect f0f6 before 246 octets, and for a specification with the port 80 in two octets (91 0050) the same octets again.
# Seen: f6, which with the octet behind it reads as the length 1537, and 91 50, whose value takes in the octet behind the end.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet os-ken==4.2.2; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import sys
from os_ken.lib.packet.bgp import FlowSpecIPv4NLRI

# the same few ports and many of them, each in two octets behind its operator
few, many = (FlowSpecIPv4NLRI.from_user(dst_prefix="203.0.113.0/24", dst_port=" | ".join(str(1000 + i) for i in range(n))).serialize()
             for n in (3, 80))
read = bytes.fromhex("0c 01 18 cb0071 03 81 11 05 91 0050")
written = FlowSpecIPv4NLRI.parser(read)[0].serialize()
print(f"os-ken 4.2.2, flow specification of {len(few) - 1} octets: {few[:6].hex()}..., of 246 octets: {many[:6].hex()}...")
print("read:", read.hex() + ", written:", written.hex())
sys.exit(not (few[0] == len(few) - 1 and len(many) == 247 and many[:2] == b"\xf6\x01"
              and written == bytes.fromhex("0b 01 18 cb0071 03 81 11 05 91 50")))
PYTHON
venv/bin/python try.py 2>log || { code=$?; tail -n 3 log; exit $code; }
