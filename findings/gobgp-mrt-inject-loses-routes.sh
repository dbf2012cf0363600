#!/bin/sh
# GoBGP 3.10.0 loses the end of an archive in `gobgp mrt inject global`, without an error, another number of routes each time.
#
# 20,000 prefixes of a TABLE_DUMP_V2 archive are injected into an empty daemon. The command ends with exit code 0 and prints nothing,
# and some hundred prefixes are not in the table, nor do they come later; which and how many differs from run to run. One would
# expect all routes, or an error.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q gobgpd=3.10.0-1+b4 && dpkg -x gobgpd_*.deb .; } >log 2>&1 || { cat log; exit 77; }
cat >archive.py <<'PYTHON'
import struct

def record(subtype, body):
    return struct.pack("!IHHI", 1700000000, 13, subtype, len(body)) + body

peers = bytes([192, 0, 2, 1]) + struct.pack("!HH", 0, 2)
entries = b""
for number in (2, 3):
    peers += bytes([2, 192, 0, 2, number, 192, 0, 2, number]) + struct.pack("!I", 65000 + number)
    attributes = bytes.fromhex("400101 00 400206 0201") + struct.pack("!I", 65000 + number) + bytes([0x40, 3, 4, 192, 0, 2, number])
    entries += struct.pack("!HIH", number - 2, 1700000000, len(attributes)) + attributes
with open("rib", "wb") as out:
    out.write(record(1, peers))
    for number in range(20000):
        prefix = bytes([24, 20, number >> 8, number & 255])
        out.write(record(2, struct.pack("!I", number) + prefix + struct.pack("!H", 2) + entries))
PYTHON
python3 archive.py
printf '[global.config]\nas = 65001\nrouter-id = "192.0.2.1"\nport = -1\n' >gobgpd.toml
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
usr/bin/gobgpd --api-hosts "127.0.0.1:$port" --pprof-disable -f gobgpd.toml >daemon.log 2>&1 &
daemon=$!
gobgp() { usr/bin/gobgp -p "$port" "$@"; }
for _ in $(seq 100); do
    ! gobgp global >/dev/null 2>&1 || break
    sleep 0.1
done
code=0
timeout 120 usr/bin/gobgp -p "$port" mrt inject global rib >inject.log 2>&1 || code=$?
before=
while :; do # until the table does not grow any more
    there=$(gobgp global rib summary | sed -n 's/^Destination: \([0-9]*\).*/\1/p')
    [ "$there" != "$before" ] || break
    before=$there
    sleep 1
done
echo "GoBGP 3.10.0: $there of 20000 prefixes are in the table; exit code $code, $(wc -c <inject.log) octets of messages"
[ "$there" -lt 20000 ] && [ "$code" = 0 ] && [ ! -s inject.log ]
