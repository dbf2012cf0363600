#!/bin/sh
# ExaBGP 5.0.15 accepts `inherit` within a template and does not carry it out.
#
# Template a inherits template b, which sets the hold time, and a neighbor inherits a. The word is read without an error or a
# warning, as in a neighbor, so one would expect the hold time of b, or to be told that templates do not inherit. Seen: the neighbor
# has the default of 180 seconds, in either order of the templates; one that inherits b itself has that of b.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet exabgp==5.0.15; } >log 2>&1 || { cat log; exit 77; }

# hold TEMPLATE...: the hold time of a neighbor that inherits the template of that name, the first word
hold() {
    name=$1
    shift
    printf 'template { %s }\nneighbor 127.0.0.2 { inherit %s; router-id 192.0.2.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; }\n' \
        "$*" "$name" >exabgp.conf
    venv/bin/exabgp validate -nv exabgp.conf >out 2>&1 || { cat out; exit 1; }
    sed -n 's/.* hold-time \([0-9]*\);.*/\1/p' out
}
b='neighbor b { hold-time 9; }' a='neighbor a { inherit b; }'
found="b: $(hold b "$b"), a after b: $(hold a "$b" "$a"), a before b: $(hold a "$a" "$b")"
echo "ExaBGP 5.0.15: hold time of a neighbor that inherits $found"
[ "$found" = 'b: 9, a after b: 180, a before b: 180' ]
