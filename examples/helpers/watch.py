#!/usr/bin/env python3
"""A helper that only listens: one line on standard error for each route that comes and goes.

    process watch { run examples/helpers/watch.py; encoder json; }

Give it a file name to append the events to, as they are.
"""

import json
import sys


def describe(event):
    """What an event says, one line for each thing."""
    neighbor = event.get('neighbor', {})
    peer = neighbor.get('address', {}).get('peer', '-')
    if event['type'] == 'state':
        yield '%s is %s %s' % (peer, neighbor['state'], neighbor.get('reason', ''))
    elif event['type'] == 'update':
        update = neighbor.get('message', {}).get('update', {})
        for family, hops in update.get('announce', {}).items():
            for hop, routes in hops.items():
                for route in routes:
                    yield '%s announces %s %s by %s' % (peer, family, route.get('nlri', route), hop)
        for family, routes in update.get('withdraw', {}).items():
            for route in routes:
                yield '%s withdraws %s %s' % (peer, family, route.get('nlri', route))


def main():
    copy = open(sys.argv[1], 'a') if len(sys.argv) > 1 else None
    for line in sys.stdin:
        if not line.startswith('{'):
            continue
        if copy:
            copy.write(line)
            copy.flush()
        for text in describe(json.loads(line)):
            print('watch.py: ' + text.rstrip(), file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
