#!/bin/sh
# The smallest helper: what it prints are commands, what it reads are answers and events.
#
#   process announce { run examples/helpers/announce.sh; encoder text; }
#
# Every command is answered with `done` or `error`; events come in between. This one announces two prefixes and copies
# all that it hears to its standard error, which is where the daemon logs.

say() {
    printf '%s\n' "$*"
}

say 'announce route 198.51.100.0/24 next-hop self'
say 'announce route 198.51.101.0/24 next-hop self med 50 community [ 65001:100 ]'

# Reading goes on for as long as the daemon lives: a helper that ends is started again.
while IFS= read -r line; do
    case $line in
        error) printf 'announce.sh: a command was refused\n' >&2 ;;
        done | '') ;;
        *) printf 'announce.sh: %s\n' "$line" >&2 ;;
    esac
done
