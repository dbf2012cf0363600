#!/bin/sh
# tshark 4.0.17 shows the VNI of EVPN routes as an MPLS label, 631 for 10100, and calls the label stack of a prefix route bogus.
#
# RFC 8365: with VXLAN the field for the label holds the VNI, all 24 bits of it, and the community Encapsulation says so. tshark knows
# it: for the PMSI tunnel attribute of the same UPDATE it shows "VNI: 10100". One would expect the same for the routes. Seen:
# 20 bits as a label in MAC/IP and Ethernet A-D routes, and in IP prefix routes "BOGUS: Bottom of Stack NOT set!" besides.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=4.0.17-0+deb12u3
{ apt-get download -q tshark=$version libwireshark16=$version libwiretap13=$version libwsutil14=$version &&
    for package in *.deb; do dpkg -x "$package" .; done; } >log 2>&1 || { cat log; exit 77; }
cat >packet.py <<'PYTHON'
import struct

VNI = (10100).to_bytes(3, "big")
rd, esi, tag = bytes.fromhex("0000 fdea 00000001"), bytes(10), bytes(4)
routes = (
    (1, rd + esi + tag + VNI),
    (2, rd + esi + tag + bytes.fromhex("30 001122334455 20 c0000264") + VNI),
    (5, rd + esi + tag + bytes([24, 203, 0, 113, 0]) + bytes(4) + VNI))

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

nlri = b"".join(bytes([kind, len(value)]) + value for kind, value in routes)
attributes = b"".join((
    attribute(0x40, 1, b"\0"), attribute(0x40, 2, bytes.fromhex("0201 0000fdea")),
    attribute(0x80, 14, bytes.fromhex("0019 46 04 c0000202 00") + nlri),
    attribute(0xC0, 16, bytes.fromhex("0002 fdea 00002774 030c 00000000 0008")),     # route target, Encapsulation: VXLAN
    attribute(0xC0, 22, bytes.fromhex("00 06") + VNI + bytes([192, 0, 2, 2]))))      # ingress replication
body = struct.pack("!HH", 0, len(attributes)) + attributes
message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
ours, theirs = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
segment = struct.pack("!HHIIBBHHH", 40001, 179, 1, 1, 0x50, 0x18, 65535, 0, 0) + message
packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + theirs + ours + segment
with open("packet.pcap", "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    out.write(struct.pack("<IIII", 1700000000, 0, len(packet), len(packet)) + packet)
PYTHON
python3 packet.py
libraries=$(dirname "$(find . -name 'libwireshark.so.*' | head -n 1)")
LD_LIBRARY_PATH=$libraries usr/bin/tshark -r packet.pcap -V -O bgp >shown 2>log || { cat log; exit 77; }
grep -q 'Tunnel type: VXLAN' shown || { cat shown; exit 77; }
echo "tshark 4.0.17, VNI 10100:"
grep -E 'EVPN NLRI|MPLS Label|VNI:' shown | sed 's/^ */  /'
[ "$(grep -c 'MPLS Label 1: 631' shown)" = 2 ] && grep -q 'MPLS Label Stack: 631, (BOGUS' shown && grep -q 'VNI: 10100' shown
