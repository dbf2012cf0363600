#!/bin/sh
# Every path attribute wrong in every way, over real sessions: what the RFCs ask for; tests/interop/matrix is the same beside other daemons.
exec "$(dirname "$0")/matrix" --only oxabgp
