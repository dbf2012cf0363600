#!/bin/sh
# Restarts beside BIRD, FRR and GoBGP, both ways: graceful (RFC 4724), over a NOTIFICATION (RFC 8538), long-lived (RFC 9494).
exec python3 "$(dirname "$0")/lib/restarts.py" "$@"
