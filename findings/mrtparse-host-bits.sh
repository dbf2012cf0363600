#!/bin/sh
# mrtparse 2.2.0 refuses an UPDATE record whose prefix has bits set behind its length.
#
# RFC 4271 section 4.3: the value of the trailing bits of a prefix is irrelevant, and real archives hold such prefixes. One would
# expect the prefix (203.0.112.0/20 for 14 cb 00 7f). Seen: from such bits it concludes that the NLRI carry path identifiers (RFC 7911),
# although the subtype of the record is not one of RFC 8050's; the record ends with an error and without its routes.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet mrtparse==2.2.0; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
import mrtparse

def record(nlri):
    attributes = bytes.fromhex("400101 00 400206 0201 0000fde9 400304 c0000201")
    body = struct.pack("!HH", 0, len(attributes)) + attributes + nlri
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    head = struct.pack("!IIHH", 65001, 65002, 0, 1) + bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message

def routes(nlri):
    with open("updates", "wb") as out:
        out.write(record(nlri))
    entry = next(iter(mrtparse.Reader("updates")))
    return entry.data.get("bgp_message", {}).get("nlri"), entry.err_msg if entry.err else None

clean = routes(bytes([20, 203, 0, 0x70]))
bits = routes(bytes([20, 203, 0, 0x7f]))
print(f"mrtparse 2.2.0: 14 cb 00 70 gives {clean}, 14 cb 00 7f gives {bits}")
sys.exit(0 if clean[0] and not clean[1] and not bits[0] and bits[1] else 1)
PYTHON
venv/bin/python try.py
