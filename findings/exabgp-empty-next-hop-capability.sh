#!/bin/sh
# ExaBGP 5.0.15 offers extended next hops without any, unless the neighbor also has the family `ipv6 unicast`.
#
# IPv6 next hops of IPv4 routes are meant for networks in which routers exchange IPv4 routes alone, so one would expect
# `nexthop { ipv4 unicast ipv6; }` to be offered in a session with the family `ipv4 unicast` alone, or an error: RFC 8950 section 4
# defines the capability as one or more triples and has no condition on the families. Seen: the OPEN has the capability (code 5)
# with an empty value, in silence; with `ipv6 unicast` among the families the triple is there.
# https://www.rfc-editor.org/rfc/rfc8950#section-4
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }

# Starts ExaBGP with these families and prints the values of capability 5 in its OPEN.
cat >offered.py <<'P'
import os
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(60)
port = listener.getsockname()[1]
with open("exabgp.conf", "w") as file:
    file.write("neighbor 127.0.0.1 { router-id 192.0.2.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; "
               "family { %s } nexthop { ipv4 unicast ipv6; } }" % sys.argv[1])
environment = dict(os.environ, exabgp_tcp_port=str(port), exabgp_daemon_user="root" if os.getuid() == 0 else "nobody",
                   exabgp_api_cli="false", exabgp_log_all="false")
daemon = subprocess.Popen(["venv/bin/exabgp", "server", "exabgp.conf"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    connection = listener.accept()[0]
    connection.settimeout(60)
    data = b""
    while len(data) < 29 or len(data) < int.from_bytes(data[16:18], "big"):
        part = connection.recv(4096)
        if not part:
            sys.exit("the connection ended before the OPEN")
        data += part
finally:
    daemon.kill()
options, found = data[29:29 + data[28]], []
while options:
    kind, length, value, options = options[0], options[1], options[2:2 + options[1]], options[2 + options[1]:]
    while kind == 2 and value:
        if value[0] == 5:
            found.append(value[2:2 + value[1]].hex() or "empty")
        value = value[2 + value[1]:]
print(" ".join(found) or "none")
P
four=$(python3 offered.py 'ipv4 unicast;') both=$(python3 offered.py 'ipv4 unicast; ipv6 unicast;')
echo "ExaBGP 5.0.15: extended next hops offered with ipv4 unicast: $four, with ipv6 unicast too: $both"
[ "$four, $both" = 'empty, 000100010002' ]
