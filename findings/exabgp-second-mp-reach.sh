#!/bin/sh
# ExaBGP 5.0.15 sends an UPDATE with two MP_REACH_NLRI for a route whose generic attribute has the code of that one.
#
# `attribute [ 0x0e ... ]` of a helper is accepted beside an IPv6 route, which needs an MP_REACH_NLRI of its own. RFC 7606
# section 3 (g): if MP_REACH_NLRI "appears more than once in the UPDATE message, then a NOTIFICATION message MUST be sent". One
# would expect an error for the command. Seen: one UPDATE with the attribute twice, as written and as made of the route.
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
    text = open("template").read().replace("HELPER", os.path.abspath("helper"))
    conf.write(text.replace("PORT", str(listener.getsockname()[1])))
settings = dict(os.environ, exabgp_daemon_user="root" if os.getuid() == 0 else os.environ.get("USER", "nobody"),
                exabgp_daemon_drop="false", exabgp_tcp_bind="", exabgp_api_cli="false")
exabgp = subprocess.Popen(["venv/bin/exabgp", "server", "exabgp.conf"], env=settings,
                          stdout=open("exabgp.log", "w"), stderr=subprocess.STDOUT)
try:
    peer, _ = listener.accept()
    peer.settimeout(60)
    families = bytes([2, 6, 1, 4, 0, 1, 0, 1]) + bytes([2, 6, 1, 4, 0, 2, 0, 1])
    peer.sendall(message(1, b"\x04" + struct.pack("!HH", 65000, 90) + bytes([192, 0, 2, 1, len(families)]) + families))
    peer.sendall(message(4))
    while True:
        kind, body = receive(peer)
        if kind == 3:
            sys.exit("a NOTIFICATION: " + body.hex())
        codes = sorted(code for code, value in attributes(body) if len(value) > 3) if kind == 2 else []
        if codes:
            print(f"ExaBGP 5.0.15: one UPDATE with the attributes {codes}")
            sys.exit(0 if codes.count(14) == 2 else 1)
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
    api { processes [ routes ]; }
}
process routes { run HELPER; encoder text; }
CONF
cat >helper <<'HELPER'
#!/bin/sh
echo 'announce route 2001:db8::/32 next-hop 2001:db8::1 attribute [ 0x0e 0x80 0x00010104c00002020018cb0071 ]'
exec sleep 100
HELPER
chmod -R a+rX . && chmod a+x helper
timeout 120 python3 peer.py || { cat exabgp.log 2>/dev/null; exit 1; }
