#!/bin/sh
# bgpdump 1.6.2 prints the peer's address where the withdrawn prefix belongs, for UPDATEs of MRT type 5.
#
# Type 5 (BGP) is what Zebra's first archives hold, those of RIPE RIS from 1999 on among them: RFC 6396 appendix B.2 has its layout. The
# same withdrawal in a record of type 16 (BGP4MP) prints as it should. One would expect `|203.0.113.0/24` in both lines.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import struct

body = struct.pack("!H", 4) + bytes([24, 203, 0, 113]) + struct.pack("!H", 0)
peer, local = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])

def record(kind, subtype, data):
    return struct.pack("!IHHI", 1700000000, kind, subtype, len(data)) + data

with open("zebra", "wb") as out:
    out.write(record(5, 1, struct.pack("!H", 65001) + peer + struct.pack("!H", 65002) + local + body))
with open("bgp4mp", "wb") as out:
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    out.write(record(16, 1, struct.pack("!HHHH", 65001, 65002, 0, 1) + peer + local + message))
PYTHON
zebra=$(usr/bin/bgpdump -m zebra 2>/dev/null)
bgp4mp=$(usr/bin/bgpdump -m bgp4mp 2>/dev/null)
echo "bgpdump 1.6.2-2, 203.0.113.0/24 withdrawn by 192.0.2.1, type 16: $bgp4mp, type 5: $zebra"
[ "${bgp4mp##*|}" = 203.0.113.0/24 ] || exit 1
case ${zebra##*|} in 192.0.2.1/*) ;; *) exit 1 ;; esac
