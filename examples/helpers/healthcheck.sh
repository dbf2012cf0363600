#!/bin/sh
# Announces an anycast address for as long as a check succeeds: how little a helper needs. `oxabgp healthcheck` is the
# grown-up one, with several addresses, hooks, communities, and the addresses of the machine.
#
#   process dns { run examples/helpers/healthcheck.sh 198.51.100.53/32 "dig @198.51.100.53 example.net"; encoder text; }
#
# After RISE good checks in a row the address is announced, after FALL bad ones it is withdrawn. Between checks it waits
# INTERVAL seconds; a check that takes longer than TIMEOUT seconds is a bad one. With METRIC set, a bad service is not
# withdrawn but announced with that MED, so that it is the last resort.
set -u

prefix=${1:?usage: healthcheck.sh PREFIX COMMAND}
check=${2:?usage: healthcheck.sh PREFIX COMMAND}
interval=${INTERVAL:-5} limit=${TIMEOUT:-5} rise=${RISE:-3} fall=${FALL:-3} metric=${METRIC:-}
state=unknown good=0 bad=0

# Prints a command and waits for its answer.
command() {
    printf '%s\n' "$1"
    while IFS= read -r answer; do
        case $answer in
            done) return 0 ;;
            error)
                printf 'healthcheck.sh: refused: %s\n' "$1" >&2
                return 1
                ;;
        esac
    done
    exit 0 # the daemon is gone
}

up() {
    command "announce route $prefix next-hop self med 100" && state=up
}

down() {
    if [ -n "$metric" ]; then
        command "announce route $prefix next-hop self med $metric" && state=down
    elif [ "$state" = unknown ]; then
        state=down # nothing was announced yet
    else
        command "withdraw route $prefix" && state=down
    fi
}

while :; do
    if timeout "$limit" sh -c "$check" >/dev/null 2>&1 </dev/null; then
        good=$((good + 1)) bad=0
    else
        bad=$((bad + 1)) good=0
    fi
    if [ "$state" != up ] && [ "$good" -ge "$rise" ]; then
        up
    elif [ "$state" != down ] && [ "$bad" -ge "$fall" ]; then
        down
    fi
    sleep "$interval"
done
