#!/bin/sh
# bgpdump 1.6.2 has another peer for messages that the collector itself has sent, by what they contain and by ADD-PATH.
#
# RFC 6396 section 4.4.1: the peer's AS number and address come first in a BGP4MP record, also in the _LOCAL subtypes (4.4.2 and
# RFC 8050), which only say that the message was sent. One would expect the same peer in each line about one session.
# Seen: in BGP4MP_MESSAGE_AS4_LOCAL it is the peer, but for an IPv6 route that is withdrawn over IPv4 its four octets are printed as
# the first of an IPv6 address. In BGP4MP_MESSAGE_AS4_LOCAL_ADDPATH it is the collector, and the mark of a LOCAL message is missing.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import struct

def update(withdrawn, attributes, nlri):
    body = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + nlri
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body

def record(subtype, message):
    head = struct.pack("!IIHH", 65001, 65002, 0, 1) + bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return struct.pack("!IHHI", 1700000000, 16, subtype, len(head + message)) + head + message

prefix, prefix6 = bytes([24, 203, 0, 113]), bytes.fromhex("2020010db8")
attributes = bytes.fromhex("400101 00 400206 0201 0000fde9")
hop = bytes.fromhex("400304 c0000201")
reach6 = bytes.fromhex("800e1a 0002 01 10 20010db8000000000000000000000001 00") + prefix6
unreach6 = bytes.fromhex("800f08 0002 01") + prefix6
path = struct.pack("!I", 7)
with open("local", "wb") as out:
    out.write(record(7, update(b"", attributes + hop, prefix)) + record(7, update(prefix, b"", b"")))
    out.write(record(7, update(b"", attributes + reach6, b"")) + record(7, update(b"", unreach6, b"")))
with open("add-path", "wb") as out:
    out.write(record(9, update(b"", attributes + hop, path + prefix)) + record(11, update(b"", attributes + hop, path + prefix)))
PYTHON
for file in local add-path; do usr/bin/bgpdump -m $file 2>/dev/null | cut -d '|' -f 1,3-6 >$file.lines; done
echo 'bgpdump 1.6.2-2, four messages of 192.0.2.2 to 192.0.2.1 (subtype 7):'
cat local.lines
echo 'a message with path identifier from, and one to 192.0.2.1 (subtypes 9 and 11):'
cat add-path.lines
cat >wanted <<'END'
BGP4MP_LOCAL|A|192.0.2.1|65001|203.0.113.0/24
BGP4MP_LOCAL|W|192.0.2.1|65001|203.0.113.0/24
BGP4MP_LOCAL|A|192.0.2.1|65001|2001:db8::/32
BGP4MP_LOCAL|W|c000:201::|65001|2001:db8::/32
BGP4MP_AP|A|192.0.2.1|65001|203.0.113.0/24
BGP4MP_AP|A|192.0.2.2|65002|203.0.113.0/24
END
cat local.lines add-path.lines | cmp - wanted
