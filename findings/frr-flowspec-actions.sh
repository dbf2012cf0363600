#!/bin/sh
# FRR 8.4.4 shows other FlowSpec actions than it has received: a route target with its last digit cut off, and "eval stops" for all.
#
# RFC 8955 section 7.4: rt-redirect with an IPv4 address (0x8108) names a route target; section 7.3: the T bit of traffic-action says
# that later filters are evaluated, S asks for samples. One would expect 192.0.2.1:100, and four texts for the four values of the two
# bits. Seen: 192.0.2.1:10, another VRF's, and "action eval stops" for each of them, with T set as without.
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
 address-family ipv4 flowspec
  neighbor 127.0.0.2 activate
CONF
usr/lib/frr/bgpd -n -Z -S -f "$work/bgpd.conf" -i "$work/pid" --vty_socket "$work" -P 0 -p "$port" -l 127.0.0.1 >daemon.log 2>&1 &
daemon=$!
cat >peer.py <<'PYTHON'
import os, re, socket, struct, subprocess, sys, time

COMMUNITIES = {
    "redirect": "8108 c0000201 0064", "no bit": "8007 000000000000", "T": "8007 000000000001", "S": "8007 000000000002",
    "S and T": "8007 000000000003"}

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def attribute(flags, code, value):
    return bytes([flags, code, len(value)]) + value

def update(number, community):
    # a filter for the destination 198.51.100.NUMBER/32
    reach = bytes.fromhex("0001 85 00 00 06 01 20 c63364") + bytes([number])
    attributes = b"".join((attribute(0x40, 1, b"\0"), attribute(0x40, 2, bytes.fromhex("0201 0000fdea")), attribute(0x80, 14, reach),
                           attribute(0xC0, 16, bytes.fromhex(community))))
    return message(2, struct.pack("!HH", 0, len(attributes)) + attributes)

for _ in range(200):
    try:
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30, ("127.0.0.2", 0))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
else:
    sys.exit(77)
capabilities = bytes.fromhex("0104 0001 0001 0104 0001 0085 4104 0000fdea")
options = bytes([2, len(capabilities)]) + capabilities
peer.sendall(message(1, struct.pack("!BHH", 4, 65002, 90) + bytes([192, 0, 2, 2, len(options)]) + options) + message(4))
for number, community in enumerate(COMMUNITIES.values(), 1):
    peer.sendall(update(number, community))
for _ in range(60):
    time.sleep(0.5)
    shown = subprocess.run(["usr/bin/vtysh", "--vty_socket", os.getcwd(), "-d", "bgpd", "-c", "show bgp ipv4 flowspec detail"],
                           capture_output=True, text=True)
    found = {int(number): text for number, text in re.findall(r"Address 198\.51\.100\.(\d+)/32\n\s*(FS:.*)", shown.stdout)}
    if len(found) == len(COMMUNITIES):
        break
else:
    print(shown.stdout, shown.stderr)
    sys.exit(77)
print("FRR 8.4.4:", *(f"{name}: {found[number].strip()};" for number, name in enumerate(COMMUNITIES, 1)))
sys.exit(not (found[1].endswith("RT:192.0.2.1:10") and len({found[number].strip() for number in (2, 3, 4, 5)}) == 1))
PYTHON
timeout 120 python3 peer.py "$port" || { code=$?; cat daemon.log; exit $code; }
