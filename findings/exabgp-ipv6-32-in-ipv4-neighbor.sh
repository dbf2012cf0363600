#!/bin/sh
# ExaBGP 5.0.15 refuses a neighbor with an IPv4 address that has a static IPv6 route of length 32: the route makes it take the
# neighbor's address for a range.
#
# The same neighbor is accepted with 2001:db8::/33 or with an IPv4 route; with 2001:db8::/32 the whole file is refused with "can
# only use ip ranges for the peer address with passive neighbors", although no range is in it. Masks are kept by their
# length alone: the /32 of the IPv6 route, which has 2^96 addresses, is then the mask of the single IPv4 address, too.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }
configuration() {
    cat <<CONF
neighbor 127.0.0.1 {
    router-id 192.0.2.2;
    local-address 127.0.0.1;
    local-as 65001;
    peer-as 65000;
    family { ipv4 unicast; ipv6 unicast; }
    static { route $1; }
}
CONF
}
configuration '198.51.100.0/24 next-hop 192.0.2.1' >ipv4.conf
configuration '2001:db8::/33 next-hop 2001:db8::1' >33.conf
configuration '2001:db8::/32 next-hop 2001:db8::1' >32.conf
for good in ipv4 33; do
    timeout 60 venv/bin/exabgp validate $good.conf >out 2>&1 || { cat out; exit 1; }
done
if timeout 60 venv/bin/exabgp validate 32.conf >out 2>&1; then
    echo 'ExaBGP 5.0.15: accepted'
    exit 1
fi
echo "ExaBGP 5.0.15, 2001:db8::/32: $(grep -m 1 'can only use' out)"
grep -q 'can only use ip ranges for the peer address with passive neighbors' out
