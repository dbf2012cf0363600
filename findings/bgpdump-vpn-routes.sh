#!/bin/sh
# bgpdump 1.6.2 drops the VPN routes of an UPDATE without a word.
#
# RFC 4760 and RFC 4364: MP_REACH_NLRI with SAFI 128 announces labeled VPN routes, and the message is whole. One would expect the
# routes, or a line that says which family is not known, as for others.
# Seen: in lines (-m) there is nothing for the announcement nor for the withdrawal; in text (-H) the name of the attribute runs into
# the next word, MP_REACH_NLRIANNOUNCE, no prefix and no family follow, and the exit code is 0. Whoever counts lines loses them.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import struct

def record(attributes):
    body = struct.pack("!HH", 0, len(attributes)) + attributes
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    head = struct.pack("!IIHH", 65001, 65002, 0, 1) + bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message

def attribute(code, value):
    return bytes([0x80, code, len(value)]) + value

def route(label):
    return bytes([24 + 64 + 24]) + label + bytes.fromhex("0000fde900000001") + bytes([203, 0, 113])

path = bytes.fromhex("400101 00 400206 0201 0000fde9")
hop = bytes.fromhex("0c 0000000000000000 c0000201 00")
with open("vpn", "wb") as out:
    out.write(record(path + attribute(14, bytes.fromhex("0001 80") + hop + route(bytes.fromhex("000641")))))
    out.write(record(attribute(15, bytes.fromhex("0001 80") + route(bytes.fromhex("800000")))))
PYTHON
usr/bin/bgpdump -H vpn 2>/dev/null | grep -v -e '^TIME' -e '^$' >text
usr/bin/bgpdump -m vpn 2>/dev/null >lines
echo 'bgpdump 1.6.2-2 -H, an announcement and a withdrawal of 203.0.113.0/24 with a route distinguisher:'
cat text
echo "and its lines with -m: $(wc -l <lines)"
cat >wanted <<'END'
TYPE: BGP4MP/MESSAGE/Update
FROM: 192.0.2.1 AS65001
TO: 192.0.2.2 AS65002
ORIGIN: IGP
ASPATH: 65001
MP_REACH_NLRIANNOUNCE
TYPE: BGP4MP/MESSAGE/Update
FROM: 192.0.2.1 AS65001
TO: 192.0.2.2 AS65002
MP_UNREACH_NLRI
END
[ ! -s lines ] && cmp text wanted
