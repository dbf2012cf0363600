#!/bin/sh
# Families beyond unicast with BIRD 2: ours in its table, its own at our helper, and their withdraws.
exec python3 "$(dirname "$0")/lib/families.py" bird
