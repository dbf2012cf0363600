"""FRR's bgpd, alone: without zebra, its routes stay in its table."""

import json
import os

from daemon import THEIR_AS, THEIR_COMMUNITY, THEIR_HOPS, THEIR_LARGE, THEIR_MED, THEIRS, Daemon
from lab import program, run, wait_for

CONFIG = f"""\
hostname interop
log stdout debugging
debug bgp neighbor-events
router bgp {THEIR_AS}
 bgp router-id 10.0.0.1
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 coalesce-time 0
{{neighbors}}
 address-family ipv4 unicast
{{activate}}
 exit-address-family
 address-family ipv6 unicast
{{activate}}
 exit-address-family
exit
route-map routes permit 10
 set metric {THEIR_MED}
 set community {THEIR_COMMUNITY}
 set large-community {THEIR_LARGE}
exit
route-map hops permit 10
 set ip next-hop {THEIR_HOPS['ipv4 unicast']}
 set ipv6 next-hop global {THEIR_HOPS['ipv6 unicast']}
exit
"""


class Peer(Daemon):
    name = 'frr'
    sent_bad_as = r'sent to .* 2/2 \(OPEN Message Error/Bad Peer AS\)'
    received_bad_as = r'received from .* 2/2 \(OPEN Message Error/Bad Peer AS\)'

    def start(self):
        neighbors = activate = ''
        for session in self.sessions:
            peer = f' neighbor {session.address}'
            neighbors += f'{peer} remote-as {session.asn}\n{peer} update-source {self.local(session)}\n'
            neighbors += f'{peer} timers connect 1\n{peer} advertisement-interval 0\n'
            if session.asn != THEIR_AS:
                neighbors += f'{peer} ebgp-multihop 2\n{peer} disable-connected-check\n'
            neighbors += f'{peer} passive\n' if session.passive else f'{peer} port {session.port}\n'
            if session.key:
                neighbors += f'{peer} password {session.key}\n'
            activate += f' {peer} activate\n {peer} route-map hops out\n'
        config = self.lab.write('frr.conf', CONFIG.format(neighbors=neighbors, activate=activate))
        sockets = self.lab.path('vty')
        os.mkdir(sockets)
        self.vtysh = [program('vtysh'), '--vty_socket', sockets, '-d', 'bgpd']
        options = ['-f', config, '-i', self.lab.path('frr.pid'), '-z', self.lab.path('zserv'), '--vty_socket', sockets]
        options += ['-Z', '-n', '-S', '-P', 0, '-l', self.address, '-l', self.address6, '-p', self.port]
        frr = self.lab.spawn('frr', [program('/usr/lib/frr/bgpd'), *options])
        wait_for('frr answers', lambda: 'FRRouting' in self.ask('show version'), process=frr)

    def ask(self, *commands):
        return run(*self.vtysh, *(word for command in commands for word in ('-c', command)), check=False)

    def json(self, command):
        text = self.ask(f'{command} json')
        return json.loads(text) if text.startswith('{') else {}

    def established(self, session):
        found = self.json(f'show bgp neighbors {session.address}').get(session.address, {})
        return found.get('bgpState') == 'Established'

    def route(self, family, prefix):
        paths = self.json(f'show bgp {family} {prefix}').get('paths')
        if not paths:
            return None
        path = paths[0]
        found = {
            'origin': path['origin'].lower(),
            'as-path': [int(asn) for asn in path['aspath']['string'].split() if asn.isdigit()],
            'next-hop': path['nexthops'][0]['ip'],
        }
        for name, key in (('med', 'metric'), ('local-preference', 'locPrf')):
            if key in path:
                found[name] = path[key]
        for name, key in (('community', 'community'), ('large-community', 'largeCommunity')):
            if key in path:
                found[name] = sorted(path[key]['string'].split())
        if 'extendedCommunity' in path:
            values = path['extendedCommunity']['string'].split()
            found['extended-community'] = sorted(value.replace('RT:', 'target:') for value in values)
        if path.get('atomicAggregate'):
            found['atomic-aggregate'] = True
        if 'aggregatorAs' in path:
            found['aggregator'] = f'{path["aggregatorAs"]}:{path["aggregatorId"]}'
        return found

    def configure(self, verb):
        lines = ['configure terminal', f'router bgp {THEIR_AS}']
        for family, prefix in THEIRS.items():
            lines += [f'address-family {family}', f'{verb}network {prefix} route-map routes', 'exit-address-family']
        self.ask(*lines)

    def announce(self):
        self.configure('')

    def withdraw(self):
        self.configure('no ')

    def reset(self, session):
        self.ask(f'clear bgp {session.address}')
