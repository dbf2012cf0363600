#!/bin/sh
# Health checks of nginx and dnsmasq, by the daemon itself and by `oxabgp healthcheck`.
exec python3 "$(dirname "$0")/lib/services.py"
