"""ExaBGP itself as the peer, with a helper of its own; `tests/run` installs it in tests/.venv."""

import os

from daemon import THEIR_AS, THEIR_COMMUNITY, THEIR_HOPS, THEIR_LARGE, THEIR_MED, THEIRS, Daemon, attributes
from lab import Skip, wait_for
from speaker import HERE, Speaker, neighbor

EXABGP = os.path.normpath(os.path.join(HERE, '..', '..', '.venv', 'bin', 'exabgp'))


class Peer(Daemon):
    name = 'exabgp'
    sent_bad_as = r'"reason": "notification sent \(2,2\)"'
    received_bad_as = r'"reason": "notification received \(2,2\)"'

    def start(self):
        if not os.path.exists(EXABGP):
            raise Skip('ExaBGP is not in tests/.venv: `tests/run setup` installs it')
        neighbors = ''
        for session in self.sessions:
            options = f'passive true; listen {self.port};' if session.passive else f'connect {session.port};'
            options += f' md5-password "{session.key}";' if session.key else ''
            neighbors += neighbor(self.local(session), session.address, THEIR_AS, session.asn, options)
        self.speaker = Speaker(self.lab, 'exabgp', neighbors, EXABGP).start()
        wait_for('exabgp listens', lambda: 'loaded new configuration' in self.lab.log('exabgp'))

    def established(self, session):
        states = [
            event['neighbor']['state']
            for event in self.speaker.events
            if event['type'] == 'state' and event['neighbor']['address']['peer'] == session.address
        ]
        return states[-1:] == ['up']

    def route(self, family, prefix):
        found = self.speaker.heard(family, prefix)
        return found and attributes(found)

    def announce(self):
        words = f'origin igp med {THEIR_MED} community [ {THEIR_COMMUNITY} ] large-community [ {THEIR_LARGE} ]'
        for family, prefix in THEIRS.items():
            hop = THEIR_HOPS[family]
            self.speaker.command(f'announce route {prefix} next-hop {hop} {words}')

    def withdraw(self):
        for family, prefix in THEIRS.items():
            hop = THEIR_HOPS[family]
            self.speaker.command(f'withdraw route {prefix} next-hop {hop}')

    def reset(self, session):
        self.speaker.command(f'neighbor {session.address} teardown 4')

    def log(self):
        return self.speaker.record()
