#!/bin/sh
# BIRD 2.0.12 writes the flags of NEXT_HOP and LOCAL_PREF as 0 when it dumps a table, and drops the IPv6 next hop of an IPv4 route.
#
# RFC 6396 section 4.3.4 makes one exception for the encoding of attributes, MP_REACH_NLRI; RFC 4271 section 4.3: well-known attributes
# have the Transitive bit (0x40) set. One would expect the 40 03 04 that the peer has sent, and for the second route MP_REACH_NLRI with
# 2001:db8::1 (RFC 8950). Seen: 00 03 04 and 00 05 04, which a reader that checks flags calls malformed, and no next hop.
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
protocol device {}
protocol bgp {
    local 127.0.0.1 port $port as 65001;
    neighbor 127.0.0.2 as 65002;
    passive on;
    multihop;
    ipv4 { import all; export none; extended next hop on; };
}
protocol mrt { table "master4"; filename "$work/table"; period 2; }
CONF
usr/sbin/bird -f -c bird.conf -s "$work/control" -P "$work/pid" >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import os, socket, struct, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def update(attributes, nlri=b""):
    attributes = bytes.fromhex("400101 00 400206 0201 0000fdea") + attributes
    return message(2, struct.pack("!HH", 0, len(attributes)) + attributes + nlri)

def entries():
    """Prefixes of RIB_IPV4_UNICAST with (flags, code, value) of their attributes."""
    if not os.path.exists("table"):
        return {}
    with open("table", "rb") as file:
        data = file.read()
    found = {}
    while len(data) >= 12:
        kind, subtype, length = struct.unpack("!HHI", data[4:12])
        body, data = data[12:12 + length], data[12 + length:]
        if (kind, subtype) == (13, 2):
            octets = (body[4] + 7) // 8
            name = socket.inet_ntoa(body[5:5 + octets].ljust(4, b"\0")) + f"/{body[4]}"
            rest, found[name] = body[5 + octets + 2 + 6 + 2:], []
            while rest:
                head = 4 if rest[0] & 16 else 3
                size = int.from_bytes(rest[2:head], "big")
                found[name].append((rest[0], rest[1], rest[head:head + size].hex()))
                rest = rest[head + size:]
    return found

for _ in range(200):
    try:
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, ("127.0.0.2", 0))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
else:
    sys.exit(77)
capabilities = bytes.fromhex("0104 0001 0001 0506 0001 0001 0002 4104 0000fdea")
options = bytes([2, len(capabilities)]) + capabilities
peer.sendall(message(1, struct.pack("!BHH", 4, 65002, 90) + bytes([192, 0, 2, 2, len(options)]) + options) + message(4))
reach = bytes.fromhex("0001 01 10 20010db8000000000000000000000001 00 18 cb0071")
peer.sendall(update(bytes.fromhex("400304 c0000202"), bytes([24, 198, 51, 100])) + update(bytes([0x80, 14, len(reach)]) + reach))
for _ in range(60):
    time.sleep(0.5)
    found = entries()
    if len(found) == 2:
        break
else:
    sys.exit(77)
print("BIRD 2.0.12, attributes in the dump as flags, code, value:")
for name, attributes in sorted(found.items()):
    print(f"  {name}:", *(f"{flags:02x} {code} {value};" for flags, code, value in attributes))
plain, ipv6 = found["198.51.100.0/24"], found["203.0.113.0/24"]
sys.exit(not ((0, 3, "c0000202") in plain and {flags for flags, code, _ in plain + ipv6 if code == 5} == {0}
              and not {3, 14} & {code for _, code, _ in ipv6}))
PYTHON
timeout 120 python3 peer.py "$port" || { code=$?; cat daemon.log; exit $code; }
