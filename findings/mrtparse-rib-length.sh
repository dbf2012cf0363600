#!/bin/sh
# mrtparse 2.2.0 loses the length of a TABLE_DUMP_V2 record: the key `length` holds the length of the prefix.
#
# RFC 6396 section 2 gives every record a header with its length. mrtparse puts the header and the record into one dictionary, and
# the prefix length of a RIB record has the same key, so that the header's is overwritten (records of other types keep theirs).
# One would expect two keys.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet mrtparse==2.2.0; } >log 2>&1 || { cat log; exit 77; }
cat >try.py <<'PYTHON'
import struct, sys
import mrtparse

def record(subtype, body):
    return struct.pack("!IHHI", 1700000000, 13, subtype, len(body)) + body

peers = bytes([192, 0, 2, 1]) + struct.pack("!HH", 0, 1) + bytes([2, 192, 0, 2, 2, 192, 0, 2, 2]) + struct.pack("!I", 65002)
attributes = bytes.fromhex("400101 00 400206 0201 0000fdea 400304 c0000202")
rib = struct.pack("!I", 0) + bytes([24, 203, 0, 113]) + struct.pack("!HHIH", 1, 0, 1700000000, len(attributes)) + attributes
with open("rib", "wb") as out:
    out.write(record(1, peers) + record(2, rib))
table, route = (entry.data for entry in mrtparse.Reader("rib"))
print(f"mrtparse 2.2.0: length {table['length']} of the peer index table of {len(peers)} octets, "
      f"{route['length']} of the RIB record of {len(rib)} octets")
sys.exit(0 if table["length"] == len(peers) and route["length"] == 24 != len(rib) else 1)
PYTHON
venv/bin/python try.py
