#!/bin/sh
# OpenBGPD 7.7 dumps its state changes with the two sides exchanged: its own AS number and address stand where the peer's belong.
#
# RFC 6396 section 4.4.1: the AS number and the address of the peer come before the local ones, as in the records for messages (section
# 4.4.2). One would expect AS 65002, 127.0.0.2 in both kinds of records about a session. Seen: that for the received messages, and
# 65001, 127.0.0.1 for each change of state. Who counts resets for each peer finds them all with the collector.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
# bgpd runs as root, and its parts as a user that the package makes.
[ "$(id -u)" = 0 ] && getent passwd _openbgpd >/dev/null || { echo "needs root and the user _openbgpd"; exit 77; }
work=$(mktemp -d /tmp/finding-XXXXXXXX)
daemon=
trap 'kill "$daemon" 2>/dev/null && wait "$daemon" || true; rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q openbgpd=7.7-2 && dpkg -x openbgpd_*.deb .; } >log 2>&1 || { cat log; exit 77; }
mkdir -p "$(getent passwd _openbgpd | cut -d : -f 6)"
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >bgpd.conf <<CONF
AS 65001
router-id 192.0.2.1
listen on 127.0.0.1 port $port
fib-update no
socket "$work/control"
dump all in "$work/all"
neighbor 127.0.0.2 {
    remote-as 65002
    passive
    multihop 5
    export none
}
CONF
chmod 600 bgpd.conf
usr/sbin/bgpd -d -f bgpd.conf >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import os, socket, struct, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def records():
    if not os.path.exists("all"):
        return [], []
    with open("all", "rb") as file:
        data = file.read()
    states, updates = [], []
    while len(data) >= 16:
        kind, subtype, length = struct.unpack("!HHI", data[4:12])
        body, data = data[12:12 + length], data[12 + length:]
        if kind == 17:                                          # BGP4MP_ET: the microseconds come first
            body = body[4:]
        size = {0: 2, 1: 2, 4: 4, 5: 4}[subtype]                # octets of an AS number
        asn, at = int.from_bytes(body[:size], "big"), 2 * size + 4
        who = asn, socket.inet_ntoa(body[at:at + 4])
        if subtype in (0, 5):
            states.append((*who, *struct.unpack("!HH", body[at + 8:at + 12])))
        elif body[at + 8 + 18] == 2:
            updates.append(who)
    return states, updates

for _ in range(200):
    try:
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, ("127.0.0.2", 0))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
else:
    sys.exit(77)
capabilities = bytes.fromhex("0104 0001 0001 4104 0000fdea")
options = bytes([2, len(capabilities)]) + capabilities
attributes = bytes.fromhex("400101 00 400206 0201 0000fdea 400304 c0000202")
update = struct.pack("!HH", 0, len(attributes)) + attributes + bytes([24, 203, 0, 113])
peer.sendall(message(1, struct.pack("!BHH", 4, 65002, 90) + bytes([192, 0, 2, 2, len(options)]) + options) + message(4))
peer.sendall(message(2, update))
for ready in (lambda states, updates: updates), (lambda states, updates: states[-1][3] == 1):
    for _ in range(100):
        time.sleep(0.2)
        if ready(*records()):
            break
    else:
        sys.exit(77)
    peer.close()
states, updates = records()
print("OpenBGPD 7.7, UPDATE:", *(f"AS {asn}, {peer};" for asn, peer in updates),
      "states:", *(f"AS {asn}, {peer}: {old} -> {new};" for asn, peer, old, new in states))
sys.exit(not (set(updates) == {(65002, "127.0.0.2")} and {state[:2] for state in states} == {(65001, "127.0.0.1")}))
PYTHON
timeout 120 python3 peer.py "$port" || { code=$?; cat daemon.log; exit $code; }
