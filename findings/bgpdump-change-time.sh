#!/bin/sh
# bgpdump 1.6.2-2 with `-t change` prints a number that is not a time for the routes of TABLE_DUMP_V2.
#
# The option asks for the originated time of a route (RFC 6396 section 4.3.4), which bgpdump prints for TABLE_DUMP. One would expect the
# same here: 1600000000.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import struct

def record(kind, subtype, data):
    return struct.pack("!IHHI", 1700000000, kind, subtype, len(data)) + data

peer = bytes([192, 0, 2, 1])
wide = bytes.fromhex("400101 00 400206 0201 0000fde9 400304 c0000201")
narrow = bytes.fromhex("400101 00 400204 0201 fde9 400304 c0000201")
with open("v2", "wb") as out:
    out.write(record(13, 1, peer + struct.pack("!HH", 0, 1) + bytes([2]) + peer + peer + struct.pack("!I", 65001)))
    out.write(record(13, 2, struct.pack("!I", 0) + bytes([24, 203, 0, 113]) + struct.pack("!HHIH", 1, 0, 1600000000, len(wide)) + wide))
with open("v1", "wb") as out:
    out.write(record(12, 1, struct.pack("!HH", 0, 0) + bytes([203, 0, 113, 0, 24, 1]) + struct.pack("!I", 1600000000) + peer
                     + struct.pack("!HH", 65001, len(narrow)) + narrow))
PYTHON
v1=$(usr/bin/bgpdump -m -t change v1 2>/dev/null | cut -d'|' -f2)
v2=$(usr/bin/bgpdump -m -t change v2 2>/dev/null | cut -d'|' -f2)
echo "bgpdump 1.6.2-2 -t change, originated 1600000000: TABLE_DUMP $v1, TABLE_DUMP_V2 $v2"
[ "$v1" = 1600000000 ] && [ -n "$v2" ] && [ "$v2" != 1600000000 ] && [ "$v2" != 1700000000 ]
