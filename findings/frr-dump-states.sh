#!/bin/sh
# FRR 8.4.4 dumps states that MRT does not have, so that no session in its archives ever falls from Established to Idle.
#
# RFC 6396 section 4.4.1 numbers the six states of RFC 4271, with 1 for Idle and 6 for Established. One would expect 6 -> 1 when a peer
# closes a session, which is what programs look for that count resets. Seen: 6 -> 7 and 7 -> 1, with a number of bgpd's own, and at
# the end of bgpd a record of 12 octets, which has neither a family nor addresses, and the state 8.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q frr=8.4.4-1.1~deb12u2 libyang2=2.1.30-2 libjson-c5=0.16-2 && for package in *.deb; do dpkg -x "$package" .; done
} >log 2>&1 || { cat log; exit 77; }
libraries=$(dirname "$(find . -name 'libyang.so.*' | head -n 1)")
LD_LIBRARY_PATH=$PWD/$libraries:$PWD/$libraries/frr
export LD_LIBRARY_PATH
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >bgpd.conf <<CONF
router bgp 65001
 bgp router-id 192.0.2.1
 neighbor 127.0.0.2 remote-as 65002
 neighbor 127.0.0.2 passive
 neighbor 127.0.0.2 disable-connected-check
dump bgp all $work/all
CONF
usr/lib/frr/bgpd -n -Z -S -f "$work/bgpd.conf" -i "$work/pid" --vty_socket "$work" -P 0 -p "$port" -l 127.0.0.1 >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import os, signal, socket, struct, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def changes():
    """States of the records BGP4MP_STATE_CHANGE_AS4, and the lengths of those that have no room for any."""
    with open("all", "rb") as file:
        data = file.read()
    states, short = [], []
    while len(data) >= 12:
        kind, subtype, length = struct.unpack("!HHI", data[4:12])
        body, data = data[12:12 + length], data[12 + length:]
        if (kind, subtype) == (16, 5):
            if length == 24 and body[10:12] == b"\0\1":
                states.append(struct.unpack("!HH", body[20:]))
            else:
                short.append((length, body.hex()))
    return states, short

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
peer.sendall(message(1, struct.pack("!BHH", 4, 65002, 90) + bytes([192, 0, 2, 2, len(options)]) + options) + message(4))
for until in (lambda states: any(new == 6 for _, new in states)), (lambda states: states[-1][1] == 1):
    for _ in range(100):
        time.sleep(0.2)
        if os.path.exists("all") and changes()[0] and until(changes()[0]):
            break
    else:
        sys.exit(77)
    peer.close()
down = [change for change in changes()[0] if 6 in change or 7 in change]
os.kill(int(sys.argv[2]), signal.SIGTERM)
for _ in range(100):
    time.sleep(0.2)
    if changes()[1] or not os.path.exists(f"/proc/{sys.argv[2]}"):
        break
states, short = changes()
print("FRR 8.4.4, a session comes up and is closed by the peer:", *(f"{old} -> {new};" for old, new in down))
print("at the end of bgpd:", *(f"{old} -> {new};" for old, new in states if 8 in (old, new)), *(f"{n} octets {body}" for n, body in short))
sys.exit(not (down[1:] == [(6, 7), (7, 1)] and short and short[0][0] == 12))
PYTHON
timeout 120 python3 peer.py "$port" "$daemon" || { code=$?; cat daemon.log; exit $code; }
