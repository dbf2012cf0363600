#!/bin/sh
# ExaBGP 5.0.15 writes JSON that no parser reads for a route with an SRv6 service: `"endpoint_behavior": %d`, and `%s` for the SID.
#
# RFC 9252 has the SID and its behavior in the attribute Prefix-SID; ExaBGP reads both (its text form has them), and its JSON is what
# helper programs get. One would expect "2001:db8:1::" and 19 (End.DT4). Seen: the placeholders themselves. The first makes the whole
# line unreadable, with the routes that are in it; the second is the SID for whoever mends the line.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }
cat >exabgp.conf <<'CONF'
neighbor 192.0.2.2 {
    router-id 192.0.2.1;
    local-address 192.0.2.1;
    local-as 65001;
    peer-as 65002;
    family { ipv4 mpls-vpn; }
}
CONF
cat >try.py <<'PYTHON'
import json, struct, subprocess, sys

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value

# 203.0.113.0/24 of the route distinguisher 65002:1 with the label 3 (implicit null), next hop 192.0.2.2
nlri = bytes([24 + 64 + 24]) + (3 << 4 | 1).to_bytes(3, "big") + bytes.fromhex("0000 fdea 00000001") + bytes([203, 0, 113])
reach = bytes.fromhex("0001 80 0c 0000000000000000 c0000202 00") + nlri
# SRv6 L3 Service: reserved; SID Information: reserved, SID, flags, End.DT4, reserved; SID Structure: 32 + 16 + 16 bits, none transposed
structure = tlv(1, bytes([32, 16, 16, 0, 0, 0]))
sid = bytes.fromhex("20010db8000100000000000000000000")
service = tlv(5, b"\0" + tlv(1, b"\0" + sid + b"\0" + struct.pack("!H", 19) + b"\0" + structure))
attributes = b"".join((
    attribute(0x40, 1, b"\0"), attribute(0x40, 2, bytes.fromhex("0201 0000fdea")), attribute(0x80, 14, reach), attribute(0xC0, 40, service)))
found = {}
for name, more in ("without", b""), ("with", attribute(0xC0, 40, service)):
    some = attributes[:len(attributes) - len(attribute(0xC0, 40, service))] + more
    body = struct.pack("!HH", 0, len(some)) + some
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    run = subprocess.run(["venv/bin/exabgp", "decode", "-c", "exabgp.conf", message.hex()], capture_output=True, text=True)
    line = next((line for line in run.stdout.splitlines() if '"update"' in line), None)
    if line is None:
        print(run.stdout, run.stderr)
        sys.exit(77)
    try:
        json.loads(line)
        found[name] = "is JSON"
    except ValueError as error:
        found[name] = f"is not: {error}"
    if name == "with":
        print("ExaBGP 5.0.15:", line[line.index('"bgp-prefix-sid"'):].split("}")[0] + "}")
print("The line of the route without the attribute", found["without"] + ", with it", found["with"])
sys.exit(not (found["without"] == "is JSON" and found["with"].startswith("is not") and '"sid": "%s"' in line and ": %d," in line))
PYTHON
venv/bin/python try.py
