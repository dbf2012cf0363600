"""FRR's bgpd, alone: without zebra, its routes stay in its table."""

import json
import os

from daemon import EVPN, THEIR_AS, THEIR_COMMUNITY, THEIR_HOPS, THEIR_LARGE, THEIR_MED, THEIRS, Daemon
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
{{families}}exit
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


UNICAST = {'ipv4 unicast': 'ipv4 unicast', 'ipv6 unicast': 'ipv6 unicast'}
# Not labelled unicast: FRR takes it from a neighbour only instead of unicast.
FAMILIES = {
    'ipv4 multicast': 'ipv4 multicast',
    'ipv4 mpls-vpn': 'ipv4 vpn',
    'ipv6 mpls-vpn': 'ipv6 vpn',
    'ipv4 flow': 'ipv4 flowspec',
    'ipv6 flow': 'ipv6 flowspec',
    'l2vpn evpn': 'l2vpn evpn',
}

TARGET = 'extended-community [ target:65011:1 ]'
OURS = (
    ('ipv4 multicast', 'announce ipv4 multicast 10.9.0.0/24 next-hop 192.0.2.1', r' 10\.9\.0\.0/24 +192\.0\.2\.1 '),
    (
        'ipv4 mpls-vpn',
        f'announce route 10.2.0.0/24 rd 65011:1 label 102 next-hop 192.0.2.1 {TARGET}',
        r'Route Distinguisher: 65011:1\n.* 10\.2\.0\.0/24 +192\.0\.2\.1 .*\n.*EC\{65011:1\} label=102 ',
    ),
    (
        'ipv6 mpls-vpn',
        f'announce route 2001:db8:b::/48 rd 65011:1 label 103 next-hop 2001:db8::1 {TARGET}',
        r'Route Distinguisher: 65011:1\n.* 2001:db8:b::/48 +2001:db8::1 .*\n.*EC\{65011:1\} label=103 ',
    ),
    (
        'ipv4 flow',
        'announce flow route { match { destination 10.3.0.0/24; protocol tcp; destination-port [ =80 >8080&<8088 ]; '
        'tcp-flags [ syn ]; } then { rate-limit 9600; } }',
        r'Destination Address 10\.3\.0\.0/24\n\s*IP Protocol = 6 *\n\s*Destination Port = 80 , > 8080 , < 8088 *\n'
        r'\s*TCP Flags \S+ 2\n\s*FS:rate 9600\.0+\n',
    ),
    (
        'ipv6 flow',
        'announce flow route { match { destination 2001:db8:c::/48; next-header udp; source-port =53; } '
        'then { discard; } }',
        r'Destination Address 2001:db8:c::/48/off 0\n\s*IP Protocol = 17 *\n\s*Source Port = 53 *\n\s*FS:rate 0\.0+\n',
    ),
)
OURS += tuple(
    ('l2vpn evpn', command, rf'Route Distinguisher: 65011:1\n\*> {pattern}\n +192\.0\.2\.1 .*\n +RT:65011:1')
    for command, pattern in zip(
        EVPN,
        (
            r'\[1\]:\[7\]:\[00:11:22:33:44:55:66:77:88:99\]:.*',
            r'\[2\]:\[0\]:\[48\]:\[00:00:5e:00:53:01\]:\[32\]:\[10\.0\.0\.1\]',
            r'\[3\]:\[0\]:\[32\]:\[192\.0\.2\.2\]',
            r'\[4\]:\[00:11:22:33:44:55:66:77:88:99\]:\[32\]:\[192\.0\.2\.2\]',
            r'\[5\]:\[0\]:\[24\]:\[10\.0\.1\.0\]',
        ),
        strict=True,
    )
)
THEIR_ROUTES = (
    ('ipv4 multicast', 'network 10.11.0.0/24', {'nlri': '10.11.0.0/24'}),
    (
        'ipv4 mpls-vpn',
        'network 10.12.0.0/24 rd 65000:1 label 201',
        {'nlri': '10.12.0.0/24', 'label': [[201]], 'rd': '65000:1'},
    ),
    (
        'ipv6 mpls-vpn',
        'network 2001:db8:e::/48 rd 65000:1 label 202',
        {'nlri': '2001:db8:e::/48', 'label': [[202]], 'rd': '65000:1'},
    ),
)


class Peer(Daemon):
    name = 'frr'
    families = FAMILIES
    words = UNICAST | FAMILIES
    ours = OURS
    theirs = THEIR_ROUTES
    sent_bad_as = r'sent to .* 2/2 \(OPEN Message Error/Bad Peer AS\)'
    received_bad_as = r'received from .* 2/2 \(OPEN Message Error/Bad Peer AS\)'

    def start(self):
        neighbors = ''
        families = {family: '' for session in self.sessions for family in session.families}
        for session in self.sessions:
            peer = f' neighbor {session.address}'
            neighbors += f'{peer} remote-as {session.asn}\n{peer} update-source {self.local(session)}\n'
            neighbors += f'{peer} timers connect 1\n{peer} advertisement-interval 0\n'
            if session.asn != THEIR_AS:
                neighbors += f'{peer} ebgp-multihop 2\n{peer} disable-connected-check\n'
            neighbors += f'{peer} passive\n' if session.passive else f'{peer} port {session.port}\n'
            if session.key:
                neighbors += f'{peer} password {session.key}\n'
            for family in session.families:
                families[family] += f' {peer} activate\n'
                if family in UNICAST:
                    families[family] += f' {peer} route-map hops out\n'
        text = ''.join(
            f' address-family {self.words[family]}\n{lines} exit-address-family\n' for family, lines in families.items()
        )
        config = self.lab.write('frr.conf', CONFIG.format(neighbors=neighbors, families=text))
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

    def table(self, family):
        return self.ask(f'show bgp {self.words[family]}{" detail" if "flow" in family else ""}')

    def originate(self, family, words):
        self.ask('configure terminal', f'router bgp {THEIR_AS}', f'address-family {self.words[family]}', words)
        self.originated = words

    def withdraw_all(self, family):
        self.originate(family, f'no {self.originated}')
