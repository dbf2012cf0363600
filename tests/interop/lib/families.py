"""Families beyond unicast: `families.py NAME` takes the class `Peer` of the module of that name.

Each row of `Peer.ours` is announced by our helper and must be in the other's table, and go with the withdraw; each row
of `Peer.theirs` is originated there and must reach our helper, and go with the withdraw.
"""

import importlib
import re
import sys

from checks import Checks, compare
from daemon import THEIR_AS, Session
from lab import Failed, Skip, wait_for
from speaker import STAND_IN, Speaker, neighbor

UNKNOWN = ('evpn', 'sr-policy', 'bgp-ls')  # what ExaBGP 5.0 has no words to announce


class Families(Checks):
    def __init__(self, kind):
        super().__init__(f'{kind.name} families')
        self.kind = kind

    def prepare(self):
        families = (*Session._field_defaults['families'], *self.kind.families)
        if STAND_IN:
            families = tuple(family for family in families if 'sr-policy' not in family)
        session = Session('families', self.lab.address(11), 0, 65011, families=families)
        self.daemon = self.kind(self.lab, [session])
        self.daemon.start()
        options = f'connect {self.daemon.port};'
        words = ' '.join(f'{family};' for family in families)
        config = neighbor(session.address, self.daemon.address, session.asn, THEIR_AS, options, words)
        self.ours = Speaker(self.lab, 'ours', config).start()
        self.ours.wait_up()
        wait_for('established', lambda: self.daemon.established(session))

    def scenarios(self):
        """Each row is a scenario of its own: none needs another."""
        rows = [(f'ours, {row[0]}', self.announced, row) for row in self.kind.ours]
        rows += [(f'theirs, {row[0]}', self.heard, row) for row in self.kind.theirs]
        for name, check, row in rows:
            yield lambda name=name, check=check, row=row: [(f'{name}: {row[1]}', lambda: check(*row))]

    def announced(self, family, command, pattern):
        def there():
            return re.search(pattern, self.daemon.table(family))

        if STAND_IN and family.split()[1] in UNKNOWN:
            raise Skip('the stand-in cannot announce it')
        self.ours.command(command)
        wait_for(f'/{pattern}/ in the table', there)
        self.ours.command(command.replace('announce', 'withdraw', 1))
        wait_for(f'/{pattern}/ gone from the table', lambda: not there())

    def heard(self, family, words, members):
        since = self.ours.mark()

        def routes(update):
            for event in self.ours.events[since:]:
                if event['type'] == 'update':
                    yield from update(event['neighbor']['message'].get('update', {}))

        def announced():
            return next(routes(lambda update: sum(update.get('announce', {}).get(family, {}).values(), [])), None)

        def withdrawn():
            return next(routes(lambda update: update.get('withdraw', {}).get(family, [])), None)

        self.daemon.originate(family, words)
        try:
            compare('the NLRI', self.ours.wait('the announcement', announced), members)
        except Failed:
            if STAND_IN and self.ours.broken:
                raise Skip('the stand-in writes no JSON for it') from None
            raise
        self.daemon.withdraw_all(family)
        self.ours.wait('the withdraw', withdrawn)


if __name__ == '__main__':
    sys.exit(Families(importlib.import_module(sys.argv[1]).Peer).run())
