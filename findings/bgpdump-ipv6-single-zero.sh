#!/bin/sh
# bgpdump 1.6.2 prints an IPv6 address with "::" in place of a single group of zeros.
#
# RFC 5952 section 4.2.2: "::" must not be used to shorten just one 16-bit 0 field; inet_ntop(3) of glibc keeps to it. Who joins the lines
# with what other programs print, or looks an address up with grep, loses these peers and prefixes. Seen: 2001:db8:1::2:3:4:5 for
# 2001:db8:1:0:2:3:4:5.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import socket, struct

peer = socket.inet_pton(socket.AF_INET6, "2001:db8:1:0:2:3:4:5")
reach = bytes.fromhex("0002 01 10") + peer + b"\0" + bytes([32]) + bytes.fromhex("20010db8")
attributes = bytes.fromhex("400101 00 400206 0201 0000fde9") + bytes([0x80, 14, len(reach)]) + reach
body = struct.pack("!HH", 0, len(attributes)) + attributes
message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
head = struct.pack("!IIHH", 65001, 65002, 0, 2) + peer + socket.inet_pton(socket.AF_INET6, "2001:db8::2")
with open("updates", "wb") as out:
    out.write(struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message)
print("inet_ntop:", socket.inet_ntop(socket.AF_INET6, peer))
PYTHON
seen=$(usr/bin/bgpdump -m updates 2>/dev/null | cut -d'|' -f4,9)
echo "bgpdump 1.6.2-2, peer|next hop: $seen"
[ "$seen" = '2001:db8:1::2:3:4:5|2001:db8:1::2:3:4:5' ]
