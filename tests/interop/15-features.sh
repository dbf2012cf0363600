#!/bin/sh
# Session features beside BIRD 2: ADD-PATH, extended next hop and message, refresh, graceful restart, TTL, hold timer.
exec python3 "$(dirname "$0")/lib/features.py"
