#!/bin/sh
# Faults of peers, helpers and the machine that take few seconds; tests/interop/faults is all of them.
exec "$(dirname "$0")/faults" --quick
