#!/bin/sh
# ExaBGP 5.0.15 answers an as-path without brackets with the text of a Python exception.
#
# `as-path 65001` in a static route is refused with "'ASN' object is not iterable". The grammar of as-path reads a single number
# (the parser gets as far as making an AS number of it), and `community 65001:1` without brackets is accepted; one would expect
# the same here, or an error that names the missing bracket.
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
    family { ipv4 unicast; }
    static { route 198.51.100.0/24 next-hop 192.0.2.1 $1; }
}
CONF
}
configuration 'as-path [ 65001 ]' >brackets.conf
configuration 'community 65001:1' >community.conf
configuration 'as-path 65001' >number.conf
for good in brackets community; do
    timeout 60 venv/bin/exabgp validate $good.conf >out 2>&1 || { cat out; exit 1; }
done
if timeout 60 venv/bin/exabgp validate number.conf >out 2>&1; then
    echo 'ExaBGP 5.0.15: accepted'
    exit 1
fi
echo "ExaBGP 5.0.15, as-path 65001: $(grep -o -m 1 'error message.*' out)"
grep -q "'ASN' object is not iterable" out
