#!/bin/sh
# What BIRD, FRR, GoBGP and OpenBGPD write as MRT: the same lines as bgpdump's. What FRR and GoBGP send over BMP, and what
# tshark and mrtparse make of the same bytes.
exec python3 "$(dirname "$0")/lib/archives.py"
