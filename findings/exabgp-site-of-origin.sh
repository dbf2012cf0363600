#!/bin/sh
# ExaBGP 5.0.15 prints a site of origin in other words than those that its configuration takes, and than its route targets.
#
# RFC 4360 section 5 gives route origin communities the layout of route targets (section 4). A route target of an IPv4 address is
# printed as `target:1.2.3.4:5`; one would expect `origin:1.2.3.4:5` for the site of origin with the same value, and `origin:65000:5`
# for that of a two-octet AS. Seen: the address behind the number, `origin:5:1.2.3.4`, and the number of an AS as an address,
# `origin:65000:0.0.0.5`. A script that hands what it reads back as a route makes another community.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }

# shown COMMUNITY: the words for an extended community of eight octets in hexadecimal
shown() {
    message=$(python3 - "$1" <<'PY'
import sys
attributes = bytes.fromhex("40010100" "400200" "400304c0000202" "c01008" + sys.argv[1])
body = b"\0\0" + len(attributes).to_bytes(2, "big") + attributes + bytes.fromhex("18c63364")
print((b"\xff" * 16 + (19 + len(body)).to_bytes(2, "big") + b"\2" + body).hex())
PY
    )
    timeout 60 venv/bin/exabgp decode "$message" 2>&1 | sed -n 's/.*"string": "\([^"]*\)".*/\1/p'
}

wrong=0
while read -r community expected; do
    found=$(shown "$community")
    echo "ExaBGP 5.0.15: $community is $found"
    [ "$found" = "$expected" ] || wrong=1
done <<'CASES'
0102010203040005 target:1.2.3.4:5
0103010203040005 origin:5:1.2.3.4
0003fde800000005 origin:65000:0.0.0.5
CASES
exit $wrong
