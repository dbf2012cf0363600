#!/bin/sh
# Families beyond unicast with GoBGP: ours in its table, its own at our helper, and their withdraws.
exec python3 "$(dirname "$0")/lib/families.py" gobgp
