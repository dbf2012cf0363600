"""OpenBGPD, which must be started as root: it drops its privileges itself."""

import json
import os
import pwd

from daemon import THEIR_AS, THEIR_COMMUNITY, THEIR_LARGE, THEIR_MED, THEIRS, Daemon
from lab import Skip, program, run, wait_for

CONFIG = """\
AS {asn}
router-id 10.0.0.1
listen on {address} port {port}
listen on {address6} port {port}
fib-update no
socket "{socket}"
nexthop qualify via default
connect-retry 1
{neighbors}
allow from any
allow to any
"""


class Peer(Daemon):
    name = 'openbgpd'
    without_md5_listener = 'OpenBGPD 7.7 sets keys only on connections it makes, on Linux'
    sent_bad_as = 'sending notification: error in OPEN message, AS unacceptable'
    received_bad_as = 'received notification: error in OPEN message, AS unacceptable'

    def start(self):
        if os.getuid() != 0:
            raise Skip('OpenBGPD starts only as root')
        neighbors = ''
        for session in self.sessions:
            neighbors += (
                f'neighbor {session.address} {{\n remote-as {session.asn}\n local-address {self.local(session)}\n'
            )
            neighbors += ' multihop 2\n announce IPv4 unicast\n announce IPv6 unicast\n'
            neighbors += ' passive\n' if session.passive else f' port {session.port}\n'
            neighbors += f' tcp md5sig password "{session.key}"\n' if session.key else ''
            neighbors += '}\n'
        socket = self.lab.path('openbgpd.ctl')
        text = CONFIG.format(
            asn=THEIR_AS,
            address=self.address,
            port=self.port,
            address6=self.address6,
            socket=socket,
            neighbors=neighbors,
        )
        config = self.lab.write('openbgpd.conf', text, mode=0o600)
        os.makedirs(pwd.getpwnam('_openbgpd').pw_dir, exist_ok=True)  # its chroot
        self.bgpctl = [program('bgpctl'), '-s', socket]
        openbgpd = self.lab.spawn('openbgpd', [program('bgpd'), '-d', '-v', '-f', config])
        wait_for('openbgpd answers', lambda: 'Neighbor' in run(*self.bgpctl, 'show', check=False), process=openbgpd)

    def json(self, *words):
        text = run(*self.bgpctl, '-j', *words, check=False)
        return json.loads(text) if text.startswith('{') else {}

    def established(self, session):
        found = self.json('show', 'neighbor', session.address).get('neighbors')
        return bool(found) and found[0]['state'] == 'Established'

    def route(self, family, prefix):
        routes = self.json('show', 'rib', 'detail', prefix).get('rib')
        if not routes:
            return None
        route = routes[0]
        found = {
            'origin': route['origin'].lower(),
            'as-path': [int(asn) for asn in route['aspath'].split() if asn.isdigit()],
            'next-hop': route['exit_nexthop'],
        }
        for name, key in (('med', 'metric'), ('local-preference', 'localpref')):
            if key in route:
                found[name] = route[key]
        for name, key in (('community', 'communities'), ('large-community', 'large_communities')):
            if key in route:
                found[name] = sorted(route[key])
        if 'extended_communities' in route:
            found['extended-community'] = sorted(
                value.replace('rt ', 'target:') for value in route['extended_communities']
            )
        for attribute in route.get('attributes', []):
            if attribute['type'] == 'Atomic Aggregate':
                found['atomic-aggregate'] = True
            if attribute['type'] == 'Aggregator':
                found['aggregator'] = f'{attribute["AS"]}:{attribute["router_id"]}'
        return found

    def announce(self):
        words = ['metric', THEIR_MED, 'community', THEIR_COMMUNITY, 'large-community', THEIR_LARGE]
        for prefix in THEIRS.values():
            run(*self.bgpctl, 'network', 'add', prefix, *words)

    def withdraw(self):
        for prefix in THEIRS.values():
            run(*self.bgpctl, 'network', 'delete', prefix)

    def hop(self, family):
        return '::1' if 'ipv6' in family else self.address  # it always gives itself as next hop

    def wake(self, session):
        self.reset(session)  # else 30 seconds

    def reset(self, session):
        run(*self.bgpctl, 'neighbor', session.address, 'clear')
