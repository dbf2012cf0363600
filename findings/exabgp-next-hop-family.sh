#!/bin/sh
# ExaBGP 5.0.15 sends an IPv6 route whose next hop was given in IPv4 with a next hop of four octets.
#
# The configuration is accepted without a warning, and the session has not negotiated extended next hops (RFC 8950, which is
# about IPv4 routes only). RFC 2545 section 3 knows lengths of 16 and 32 octets for IPv6 routes; RFC 4760 section 7 lets the
# receiver reset the session. One would expect a refusal when the file is read. Seen: MP_REACH_NLRI with the length 4.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }
cat >peer.py <<'PEER'
import os, socket, struct, subprocess, sys

def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body

def receive(peer):
    head = peer.recv(19, socket.MSG_WAITALL)
    if len(head) < 19:
        sys.exit("the session ended early")
    length, kind = struct.unpack("!HB", head[16:])
    return kind, peer.recv(length - 19, socket.MSG_WAITALL)

def attributes(body):
    at = 2 + struct.unpack("!H", body[:2])[0]
    end = at + 2 + struct.unpack("!H", body[at:at + 2])[0]
    at += 2
    while at < end:
        flags, code = body[at], body[at + 1]
        size = struct.unpack("!H", body[at + 2:at + 4])[0] if flags & 16 else body[at + 2]
        at += 4 if flags & 16 else 3
        yield code, body[at:at + size]
        at += size

listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(60)
with open("exabgp.conf", "w") as conf:
    conf.write(open("template").read().replace("PORT", str(listener.getsockname()[1])))
settings = dict(os.environ, exabgp_daemon_user="root" if os.getuid() == 0 else os.environ.get("USER", "nobody"),
                exabgp_daemon_drop="false", exabgp_tcp_bind="", exabgp_api_cli="false")
exabgp = subprocess.Popen(["venv/bin/exabgp", "server", "exabgp.conf"], env=settings,
                          stdout=open("exabgp.log", "w"), stderr=subprocess.STDOUT)
try:
    peer, _ = listener.accept()
    peer.settimeout(60)
    families = b"".join(bytes([2, 6, 1, 4, 0, afi, 0, 1]) for afi in (1, 2))
    peer.sendall(message(1, b"\x04" + struct.pack("!HH", 65000, 90) + bytes([192, 0, 2, 1, len(families)]) + families))
    peer.sendall(message(4))
    while True:
        kind, body = receive(peer)
        if kind == 3:
            sys.exit("a NOTIFICATION: " + body.hex())
        for code, value in attributes(body) if kind == 2 else ():
            if code == 14 and len(value) > 5:
                print(f"ExaBGP 5.0.15: MP_REACH_NLRI {value.hex()}, {value[3]} octets of next hop")
                sys.exit(0 if value[3] == 4 and value[4:8] == bytes([192, 0, 2, 2]) else 1)
finally:
    exabgp.kill()
    exabgp.wait()
PEER
cat >template <<'CONF'
neighbor 127.0.0.1 {
    router-id 192.0.2.2;
    local-address 127.0.0.1;
    local-as 65001;
    peer-as 65000;
    connect PORT;
    family { ipv4 unicast; ipv6 unicast; }
    static { route 2001:db8:1::/48 next-hop 192.0.2.2; }
}
CONF
timeout 120 python3 peer.py || { cat exabgp.log 2>/dev/null; exit 1; }
