#!/bin/sh
# tshark 4.0.17 calls an UPDATE malformed whose route target membership covers more than one route target.
#
# RFC 4684: a membership is a prefix of the AS number and the route target, of 32 bits at least when it is not the default. With 32
# bits it means all targets of an AS. One would expect such prefixes to be shown as one of 96 bits is, and as the default (0 bits) is.
# Seen: "Malformed Packet: BGP" for 32 and for 64 bits, and whatever follows in the message is not shown.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=4.0.17-0+deb12u3
{ apt-get download -q tshark=$version libwireshark16=$version libwiretap13=$version libwsutil14=$version &&
    for package in *.deb; do dpkg -x "$package" .; done; } >log 2>&1 || { cat log; exit 77; }
cat >packets.py <<'PYTHON'
import struct

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

ours, theirs = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
target = struct.pack("!I", 65002) + bytes.fromhex("0002 fdea 00000064")
for bits in 0, 32, 64, 96:
    nlri = bytes([bits]) + target[:bits // 8]
    attributes = b"".join((attribute(0x40, 1, b"\0"), attribute(0x40, 2, bytes.fromhex("0201 0000fdea")),
                           attribute(0x80, 14, bytes.fromhex("0001 84 04 c0000202 00") + nlri)))
    body = struct.pack("!HH", 0, len(attributes)) + attributes
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    segment = struct.pack("!HHIIBBHHH", 40001, 179, 1, 1, 0x50, 0x18, 65535, 0, 0) + message
    packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + theirs + ours + segment
    with open(f"{bits}.pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        out.write(struct.pack("<IIII", 1700000000, 0, len(packet), len(packet)) + packet)
PYTHON
python3 packets.py
libraries=$(dirname "$(find . -name 'libwireshark.so.*' | head -n 1)")
shown() { LD_LIBRARY_PATH=$libraries usr/bin/tshark -r "$1.pcap" -V -O bgp 2>log; }
shown 96 >plain || { cat log; exit 77; }
grep -q 'Route Target Filter' plain && ! grep -q Malformed plain || { cat plain; exit 77; }
found=
for bits in 0 32 64 96; do
    shown $bits >shown
    if grep -q 'Malformed Packet: BGP' shown; then found="$found $bits"; fi
done
echo "tshark 4.0.17, memberships of 0, 32, 64 and 96 bits, called malformed:$found"
[ "$found" = " 32 64" ]
