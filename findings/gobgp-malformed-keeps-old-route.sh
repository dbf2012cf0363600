#!/bin/sh
# GoBGP 3.10.0 keeps the old route when a peer announces it again with a malformed attribute and a path of two or more ASes.
#
# The second announcement has an ORIGIN with the Optional bit. RFC 7606 section 3 (c) asks for treat-as-withdraw: the peer no longer
# uses the old route, so that it must go. With a path of one AS that is what GoBGP does; with two or more the message is dropped, and
# the old route stays with its old attributes for as long as the session lives.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q gobgpd=3.10.0-1+b4 && dpkg -x gobgpd_*.deb .; } >log 2>&1 || { cat log; exit 77; }
cat >free.py <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in sockets))
PYTHON
read -r bgp api <<EOF
$(python3 free.py)
EOF
cat >gobgpd.toml <<CONF
[global.config]
as = 65000
router-id = "192.0.2.1"
port = $bgp
local-address-list = ["127.0.0.1"]
[[neighbors]]
[neighbors.config]
neighbor-address = "127.0.0.2"
peer-as = 65002
[neighbors.transport.config]
passive-mode = true
CONF
usr/bin/gobgpd --api-hosts "127.0.0.1:$api" --pprof-disable -f gobgpd.toml >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import socket, struct, subprocess, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def update(prefix, origin_flags, path):
    attributes = bytes([origin_flags, 1, 1, 0, 0x40, 2, len(path)]) + path + bytes([0x40, 3, 4, 192, 0, 2, 9])
    return message(2, struct.pack("!HH", 0, len(attributes)) + attributes + prefix)

def there():
    out = subprocess.run(["usr/bin/gobgp", "-p", sys.argv[2], "global", "rib"], capture_output=True, text=True).stdout
    return {prefix for prefix in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.128/25") if prefix in out}

def wait(condition):
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False

def session(address, asn):
    for _ in range(100):
        try:
            peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, (address, 0))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    capabilities = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", asn)
    options = bytes([2, len(capabilities)]) + capabilities
    peer.sendall(message(1, struct.pack("!BHH", 4, asn, 90) + socket.inet_aton(address) + bytes([len(options)]) + options) + message(4))
    return peer

found = {}
peer = session("127.0.0.2", 65002)
marker = b"\x19\xc0\x00\x02\x80", "192.0.2.128/25"
for count, prefix, text in (1, b"\x18\xcb\x00\x71", "203.0.113.0/24"), (2, b"\x18\xc6\x33\x64", "198.51.100.0/24"):
    path = struct.pack("!BB", 2, count) + struct.pack("!II", 65002, 64999)[:4 * count]
    peer.sendall(update(prefix, 0x40, path))
    if not wait(lambda: text in there()):
        sys.exit(77)
    peer.sendall(update(prefix, 0xC0, path) + update(marker[0], 0x40, path))
    if not wait(lambda: marker[1] in there()):
        sys.exit(77)
    peer.sendall(message(2, struct.pack("!H", len(marker[0])) + marker[0] + bytes(2)))
    if not wait(lambda: marker[1] not in there()):
        sys.exit(77)
    found[count] = text in there()
print("GoBGP 3.10.0: after a malformed announcement the old route is", *(
    f"{'still there' if old else 'gone'} with {count} AS in the path;" for count, old in found.items()))
sys.exit(0 if found == {1: False, 2: True} else 1)
PYTHON
timeout 200 python3 peer.py "$bgp" "$api"
