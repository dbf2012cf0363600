#!/bin/sh
# FRR 8.4.4 dumps an IPv4 route with an IPv6 next hop as one with the next hop 0.0.0.0.
#
# RFC 6396 section 4.3.4: an entry of TABLE_DUMP_V2 holds the attributes of the route, with MP_REACH_NLRI cut down to the next hop. The
# next hops of BGP unnumbered are of this kind (RFC 8950), and bgpd has it in its table. One would expect 2001:db8::1 in the dump,
# as it is there for an IPv6 route of the same peer. Seen: NEXT_HOP with four zero octets, and no other next hop.
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
 no bgp ebgp-requires-policy
 neighbor 127.0.0.2 remote-as 65002
 neighbor 127.0.0.2 passive
 neighbor 127.0.0.2 disable-connected-check
 neighbor 127.0.0.2 capability extended-nexthop
 address-family ipv6 unicast
  neighbor 127.0.0.2 activate
dump bgp routes-mrt $work/table 2
CONF
usr/lib/frr/bgpd -n -Z -S -f "$work/bgpd.conf" -i "$work/pid" --vty_socket "$work" -P 0 -p "$port" -l 127.0.0.1 >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import socket, struct, sys, time

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

def update(family, nlri):
    reach = struct.pack("!HBB", family, 1, 16) + NEXT_HOP + b"\0" + nlri
    attributes = attribute(0x40, 1, b"\0") + attribute(0x40, 2, bytes.fromhex("0201 0000fdea")) + attribute(0x80, 14, reach)
    return message(2, struct.pack("!HH", 0, len(attributes)) + attributes)

def entries():
    """Prefixes of the last table in the file, with their attributes."""
    with open("table", "rb") as file:
        data = file.read()
    found = {}
    while len(data) >= 12:
        kind, subtype, length = struct.unpack("!HHI", data[4:12])
        body, data = data[12:12 + length], data[12 + length:]
        if (kind, subtype) in ((13, 2), (13, 4)):
            octets = (body[4] + 7) // 8
            prefix = body[5:5 + octets].ljust(4 if subtype == 2 else 16, b"\0")
            name = socket.inet_ntop(socket.AF_INET if subtype == 2 else socket.AF_INET6, prefix) + f"/{body[4]}"
            at = 5 + octets + 2 + 6
            rest = body[at + 2:at + 2 + struct.unpack("!H", body[at:at + 2])[0]]
            found[name] = {}
            while rest:
                head = 4 if rest[0] & 16 else 3
                size = int.from_bytes(rest[2:head], "big")
                found[name][rest[1]] = rest[head:head + size]
                rest = rest[head + size:]
    return found

NEXT_HOP = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
for _ in range(200):
    try:
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, ("127.0.0.2", 0))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
else:
    sys.exit(77)
capabilities = bytes.fromhex("0104 0001 0001 0104 0002 0001 0506 0001 0001 0002 4104 0000fdea")
options = bytes([2, len(capabilities)]) + capabilities
peer.sendall(message(1, struct.pack("!BHH", 4, 65002, 90) + bytes([192, 0, 2, 2, len(options)]) + options) + message(4))
peer.sendall(update(1, bytes([24, 203, 0, 113])) + update(2, bytes([32]) + NEXT_HOP[:4]))
for _ in range(60):
    time.sleep(0.5)
    try:
        found = entries()
    except FileNotFoundError:
        continue
    if len(found) == 2:
        break
else:
    sys.exit(77)
ipv4, ipv6 = found["203.0.113.0/24"], found["2001:db8::/32"]
print("FRR 8.4.4, next hop 2001:db8::1 of 203.0.113.0/24 in the dump:",
      *(f"attribute {code} {value.hex()}" for code, value in sorted(ipv4.items()) if code in (3, 14)))
print("and of 2001:db8::/32:", *(f"attribute {code} {value.hex()}" for code, value in sorted(ipv6.items()) if code in (3, 14)))
sys.exit(not (ipv4.get(3) == bytes(4) and 14 not in ipv4 and NEXT_HOP in ipv6.get(14, b"")))
PYTHON
timeout 120 python3 peer.py "$port" || { code=$?; cat daemon.log; exit $code; }
