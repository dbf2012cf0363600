#!/bin/sh
# GoBGP 3.10.0 takes the name of an MRT file for a layout of Go's time.Format.
#
# Rotated archives have the time in their names, so that a layout is of use; but the whole path is one, and a digit in the name of a
# directory is enough: `2` is the day of the month, `1` the month, `3` the hour. A dump to edge-2/updates is written to another
# directory, with another name every day, or to none that exists. One would expect the path that was configured.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d /tmp/finding-XXXXXXXX)
trap 'kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
daemon=
cd "$work"
{ apt-get download -q gobgpd=3.10.0-1+b4 && dpkg -x gobgpd_*.deb .; } >log 2>&1 || { cat log; exit 77; }
mkdir run
cat >gobgpd.toml <<'CONF'
[global.config]
as = 65001
router-id = "192.0.2.1"
port = -1
[[mrt-dump]]
[mrt-dump.config]
dump-type = "updates"
file-name = "updates-of-router-2-1"
CONF
cd run
../usr/bin/gobgpd --api-hosts 127.0.0.1:0 -f ../gobgpd.toml >../log 2>&1 &
daemon=$!
seen=
for _ in $(seq 100); do
    seen=$(ls)
    [ -z "$seen" ] || break
    sleep 0.1
done
wanted=updates-of-router-$(date +%-d-%-m)
echo "GoBGP 3.10.0, configured updates-of-router-2-1: $seen"
[ "$wanted" != updates-of-router-2-1 ] || exit 77 # today is the second of January
[ "$seen" = "$wanted" ]
