#!/bin/sh
# tshark 4.0.17 takes the information TLVs of a BMP Peer Up message for a BGP message, and calls the packet malformed.
#
# RFC 7854 section 4.10: behind the two OPEN messages there may be TLVs, such as a string of type 0; RFC 9736 defines more. One would
# expect them to be shown, as those of the Initiation message are. Without them the same packet is fine.
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

def opened(asn, address):
    body = struct.pack("!BHH", 4, asn, 90) + address + b"\x08\x02\x06\x01\x04\x00\x01\x00\x01"
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 1) + body

ours, theirs = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
peer = bytes(22) + theirs + struct.pack("!I", 65002) + theirs + struct.pack("!II", 1700000000, 0)
up = peer + bytes(12) + ours + struct.pack("!HH", 179, 40000) + opened(65001, ours) + opened(65002, theirs)
for name, tlv in ("plain", b""), ("string", struct.pack("!HH", 0, 5) + b"hello"):
    message = struct.pack("!BIB", 3, 6 + len(up + tlv), 3) + up + tlv
    segment = struct.pack("!HHIIBBHHH", 40001, 1790, 1, 1, 0x50, 0x18, 65535, 0, 0) + message
    packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + theirs + ours + segment
    with open(name + ".pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        out.write(struct.pack("<IIII", 1700000000, 0, len(packet), len(packet)) + packet)
PYTHON
python3 packets.py
libraries=$(dirname "$(find . -name 'libwireshark.so.*' | head -n 1)")
shown() { LD_LIBRARY_PATH=$libraries usr/bin/tshark -r "$1.pcap" -d tcp.port==1790,bmp -V 2>log; }
shown plain >plain || { cat log; exit 77; }
grep -q 'Type: Peer Up Notification' plain || { cat plain; exit 77; }
! grep -q Malformed plain || exit 1
shown string >string
echo "tshark 4.0.17, Peer Up with a string TLV: $(grep -o -m 1 'Malformed Packet: [A-Z]*' string)"
grep -q 'Malformed Packet: BGP' string
