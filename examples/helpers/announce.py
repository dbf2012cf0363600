#!/usr/bin/env python3
"""A helper that announces routes and reacts to what it hears.

    process announce { run examples/helpers/announce.py; encoder json; }

    neighbor 192.0.2.1 {
        api { processes [ announce ]; neighbor-changes; receive { parsed; update; } }
        ...
    }

It announces one prefix, and a second one only while at least one peer is up. Lines of standard input are answers
(`done`, `error`) or events, each one JSON object. Both come on the same pipe, so whoever waits for an answer keeps the
events that come before it.
"""

import json
import sys
from collections import deque


class Daemon:
    """The two pipes to the daemon."""

    def __init__(self, commands=sys.stdout, lines=sys.stdin):
        self.commands = commands
        self.lines = lines
        self.waiting = deque()

    def _read(self):
        """One line, without its end; None when the daemon is gone."""
        line = self.lines.readline()
        return line.strip() if line else None

    def command(self, text):
        """Sends a command; whether it was carried out."""
        self.commands.write(text + '\n')
        self.commands.flush()
        while True:
            line = self._read()
            if line is None:
                sys.exit(0)
            if line in ('done', 'error'):
                return line == 'done'
            if line:
                self.waiting.append(line)

    def events(self):
        """The events, as dictionaries, as long as the daemon lives."""
        while True:
            line = self.waiting.popleft() if self.waiting else self._read()
            if line is None:
                return
            if line.startswith('{'):
                yield json.loads(line)


def log(text):
    print('announce.py: ' + text, file=sys.stderr, flush=True)


def main():
    daemon = Daemon()
    if not daemon.command('announce route 198.51.100.0/24 next-hop self'):
        log('the route was refused')

    up = set()
    for event in daemon.events():
        neighbor = event.get('neighbor', {})
        peer = neighbor.get('address', {}).get('peer')
        if event['type'] == 'state':
            before = bool(up)
            if neighbor['state'] == 'up':
                up.add(peer)
            elif neighbor['state'] == 'down':
                up.discard(peer)
                log('%s is down: %s' % (peer, neighbor.get('reason', '')))
            if up and not before:
                daemon.command('announce route 198.51.101.0/24 next-hop self med 10')
            elif before and not up:
                daemon.command('withdraw route 198.51.101.0/24 next-hop self')
        elif event['type'] == 'update':
            update = neighbor['message'].get('update', {})
            for family, hops in update.get('announce', {}).items():
                for hop, routes in hops.items():
                    for route in routes:
                        log('%s %s by %s from %s' % (family, route.get('nlri', route), hop, peer))


if __name__ == '__main__':
    main()
