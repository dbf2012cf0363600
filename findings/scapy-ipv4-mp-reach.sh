#!/bin/sh
# scapy 2.8.0 does not decode IPv4 routes in an MP_REACH_NLRI, and reads an IPv6 next hop of theirs as the reserved octet.
#
# RFC 4760 section 3 gives the attribute for any family; RFC 8950 has IPv4 routes with an IPv6 next hop, which BGP unnumbered uses, and
# whose capability scapy knows. One would expect the next hop and the route, as for IPv6 in the same attribute.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet scapy==2.8.0; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import ipaddress, struct, sys
from scapy.contrib import bgp

bgp.bgp_module_conf.use_2_bytes_asn = False

def reach(afi, hop, nlri):
    hop = ipaddress.ip_address(hop).packed
    value = struct.pack("!HBB", afi, 1, len(hop)) + hop + b"\0" + nlri
    attributes = bytes.fromhex("40010100 400206 0201 0000fdea") + bytes([0x80, 14, len(value)]) + value
    body = bytes(2) + struct.pack("!H", len(attributes)) + attributes
    update = bgp.BGP(b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body)
    return update[bgp.BGPUpdate].path_attr[2].attribute

six = reach(2, "2001:db8::1", bytes([32, 0x20, 0x01, 0x0D, 0xB8]))
four = {hop: reach(1, hop, bytes([24, 203, 0, 113])) for hop in ("2001:db8::1", "192.0.2.2")}
print(f"scapy 2.8.0, IPv6 by 2001:db8::1: next hop {six.nh_v6_addr}, routes {[one.prefix for one in six.nlri]}")
for hop, found in four.items():
    print(f"scapy 2.8.0, IPv4 by {hop}: reserved {found.reserved:#x}, routes {[one.prefix for one in found.nlri or []]}, "
          f"left over {bytes(found.payload).hex()}")
sys.exit(not ([one.prefix for one in six.nlri] == ["2001:db8::/32"]
              and [(one.reserved, list(one.nlri or [])) for one in four.values()] == [(0x20, []), (0, [])]))
PYTHON
venv/bin/python try.py 2>log || { code=$?; tail -n 3 log; exit $code; }
