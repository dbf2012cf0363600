#!/bin/sh
# What we write as MRT and send as BMP, read by pmacct's pmbmpd, tshark and bgpdump.
exec python3 "$(dirname "$0")/lib/monitoring.py"
