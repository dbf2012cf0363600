#!/bin/sh
# ExaBGP's command-line client with our daemon, and ours with ExaBGP's, over named pipes.
exec python3 "$(dirname "$0")/lib/cli.py"
