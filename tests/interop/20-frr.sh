#!/bin/sh
# Beside FRR's bgpd: sessions both ways and over IPv6, routes, withdraws, restarts, a wrong AS, TCP MD5.
exec python3 "$(dirname "$0")/lib/matrix.py" frr
