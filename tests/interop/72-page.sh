#!/bin/sh
# The status page in a headless Chromium: hostile names, a thousand neighbors, refresh, light and dark, without scripts.
exec python3 "$(dirname "$0")/lib/page.py"
