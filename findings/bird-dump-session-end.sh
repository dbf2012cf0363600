#!/bin/sh
# BIRD 2.0.12 dumps the end of a session as one with the peer 0.0.0.0.
#
# RFC 6396 section 4.4.1: a state change has the addresses of the peer and of the collector, by which programs know whose routes are
# gone. One would expect 127.0.0.2 in the record for 6 -> 1 (Established to Idle), as it is in those for the states before. Seen:
# the right AS numbers and zeros for both addresses, so that the peers of one AS cannot be told apart, and none of them goes down.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bird2=2.0.12-7 libssh-gcrypt-4=0.10.6-0+deb12u3 && for package in *.deb; do dpkg -x "$package" .; done
} >log 2>&1 || { cat log; exit 77; }
libraries=$(dirname "$(find . -name 'libssh-gcrypt.so.*' | head -n 1)")
LD_LIBRARY_PATH=$PWD/$libraries
export LD_LIBRARY_PATH
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >bird.conf <<CONF
router id 192.0.2.1;
mrtdump "$work/states";
mrtdump protocols { states };
protocol device {}
protocol bgp {
    local 127.0.0.1 port $port as 65001;
    neighbor 127.0.0.2 as 65002;
    passive on;
    multihop;
    ipv4 { import all; export none; };
}
CONF
usr/sbin/bird -f -c bird.conf -s "$work/control" -P "$work/pid" >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import os, socket, struct, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def changes():
    if not os.path.exists("states"):
        return []
    with open("states", "rb") as file:
        data = file.read()
    found = []
    while len(data) >= 12:
        kind, subtype, length = struct.unpack("!HHI", data[4:12])
        body, data = data[12:12 + length], data[12 + length:]
        if (kind, subtype, length) == (16, 5, 24):
            found.append((struct.unpack("!I", body[:4])[0], socket.inet_ntoa(body[12:16]), *struct.unpack("!HH", body[20:])))
    return found

def wait(last):
    for _ in range(100):
        time.sleep(0.2)
        if changes() and changes()[-1][2:] == last:
            return
    sys.exit(77)

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
wait((5, 6))
peer.close()
wait((6, 1))
found = changes()
print("BIRD 2.0.12, a session with 127.0.0.2:", *(f"AS {asn}, {peer}: {old} -> {new};" for asn, peer, old, new in found))
sys.exit(not (found[-2][:2] == (65002, "127.0.0.2") and found[-1][:2] == (65002, "0.0.0.0")))
PYTHON
timeout 120 python3 peer.py "$port" || { code=$?; cat daemon.log; exit $code; }
