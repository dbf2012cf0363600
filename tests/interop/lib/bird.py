"""BIRD 2."""

import re

from daemon import THEIR_AS, THEIR_HOPS, THEIRS, Daemon
from lab import Failed, program, run, wait_for

CONFIG = """\
log stderr all;
router id 10.0.0.1;
protocol device {{}}
protocol static routes4 {{ disabled; ipv4; route {prefix4} blackhole; }}
protocol static routes6 {{ disabled; ipv6; route {prefix6} blackhole; }}
filter ours {{
  if source != RTS_STATIC then reject;
  bgp_med = 77;
  bgp_community.add((65000, 77));
  bgp_large_community.add((65000, 7, 77));
  accept;
}}
"""
SESSION = """\
protocol bgp {name} {{
  local {address} port {port} as {asn};
  neighbor {peer} {peer_port} as {peer_asn};
  multihop 2;
  {options}
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export filter ours; next hop address {hop4}; }};
  ipv6 {{ import all; export filter ours; next hop address {hop6}; }};
  {channels}
}}
"""

# Our words for a family: its channel, its table.
FAMILIES = {
    'ipv4 multicast': ('ipv4 multicast', 'ipv4 table multicast4'),
    'ipv4 mpls-vpn': ('vpn4 mpls', 'vpn4 table vpns4'),
    'ipv6 mpls-vpn': ('vpn6 mpls', 'vpn6 table vpns6'),
    'ipv4 flow': ('flow4', 'flow4 table flows4'),
    'ipv6 flow': ('flow6', 'flow6 table flows6'),
}
TARGET = 'extended-community [ target:65011:1 ]'
OURS = (
    (
        'ipv4 multicast',
        'announce ipv4 multicast 10.9.0.0/24 next-hop 192.0.2.1',
        r'10\.9\.0\.0/24 (?s:.*)BGP\.next_hop: 192\.0\.2\.1\n',
    ),
    (
        'ipv4 mpls-vpn',
        f'announce route 10.2.0.0/24 rd 65011:1 label 102 next-hop 192.0.2.1 {TARGET}',
        r'65011:1 10\.2\.0\.0/24 (?s:.*)next_hop: 192\.0\.2\.1\n(?s:.*)\(rt, 65011, 1\)(?s:.*)mpls_label_stack: 102\n',
    ),
    (
        'ipv6 mpls-vpn',
        f'announce route 2001:db8:b::/48 rd 65011:1 label 103 next-hop 2001:db8::1 {TARGET}',
        r'65011:1 2001:db8:b::/48 (?s:.*)next_hop: 2001:db8::1\n(?s:.*)\(rt, 65011, 1\)(?s:.*)mpls_label_stack: 103\n',
    ),
    (
        'ipv4 flow',
        'announce flow route { match { destination 10.3.0.0/24; protocol tcp; destination-port [ =80 >8080&<8088 ]; '
        'tcp-flags [ syn ]; } then { rate-limit 9600; } }',
        r'flow4 \{ dst 10\.3\.0\.0/24; proto 6; dport 80 \|\| > 8080 && < 8088; tcp flags !0x0/0x2; \}'
        r'(?s:.*)\(generic, 0x80060000, 0x46160000\)',
    ),
    (
        'ipv6 flow',
        'announce flow route { match { destination 2001:db8:c::/48; next-header udp; source-port =53; } '
        'then { discard; } }',
        r'flow6 \{ dst 2001:db8:c::/48; next header 17; sport 53; \}',
    ),
)
THEIR_ROUTES = (
    ('ipv4 multicast', '10.11.0.0/24 blackhole', {'nlri': '10.11.0.0/24'}),
    (
        'ipv4 flow',
        'flow4 { dst 10.13.0.0/24; proto = 6; dport = 80 || 8080..8088; tcp flags 0x2/0x3; length > 100; }',
        {
            'destination-ipv4': ['10.13.0.0/24'],
            'protocol': ['=tcp'],
            'destination-port': ['=80', '>=8080&<=8088'],
            'packet-length': ['>100'],
        },
    ),
    (
        'ipv6 flow',
        'flow6 { src 2001:db8:f::/48; next header = 17; dport > 1023; }',
        {'source-ipv6': ['2001:db8:f::/48/0'], 'next-header': ['=udp'], 'destination-port': ['>1023']},
    ),
)


def symbol(session):
    return 'with_' + session.name.replace('-', '_')


def table(family):
    return FAMILIES[family][1].split()[-1]


class Peer(Daemon):
    name = 'bird'
    families = FAMILIES
    ours = OURS
    theirs = THEIR_ROUTES
    sent_bad_as, received_bad_as = 'Error: Bad peer AS', 'Received: Bad peer AS'

    def start(self):
        text = CONFIG.format(prefix4=THEIRS['ipv4 unicast'], prefix6=THEIRS['ipv6 unicast'])
        text += ''.join(f'{table};\n' for _, table in FAMILIES.values())
        for number, (family, route, _) in enumerate(THEIR_ROUTES):
            channel = f'{FAMILIES[family][0].split()[0]} {{ table {table(family)}; }}'
            text += f'protocol static more{number} {{ disabled; {channel}; route {route}; }}\n'
        for session in self.sessions:
            text += SESSION.format(
                name=symbol(session),
                address=self.local(session),
                port=self.port,
                asn=THEIR_AS,
                peer=session.address,
                peer_port=f'port {session.port}' if session.port else '',
                peer_asn=session.asn,
                options=('passive; ' if session.passive else '')
                + (f'password "{session.key}";' if session.key else ''),
                hop4=THEIR_HOPS['ipv4 unicast'],
                hop6=THEIR_HOPS['ipv6 unicast'],
                channels=''.join(
                    f'{FAMILIES[family][0]} {{ table {table(family)}; import all; export all; }};\n'
                    for family in session.families
                    if family in FAMILIES
                ),
            )
        config, control = self.lab.write('bird.conf', text), self.lab.path('bird.ctl')
        self.birdc = [program('birdc'), '-s', control]
        bird = self.lab.spawn(
            'bird', [program('bird'), '-f', '-c', config, '-s', control, '-P', self.lab.path('bird.pid')]
        )
        wait_for(
            'bird answers', lambda: 'Daemon is up' in run(*self.birdc, 'show', 'status', check=False), process=bird
        )

    def ask(self, words):
        return run(*self.birdc, *words.split())

    def established(self, session):
        return 'Established' in self.ask(f'show protocols {symbol(session)}')

    def route(self, family, prefix):
        text = run(*self.birdc, 'show', 'route', 'for', prefix, 'all', check=False)
        if not re.search(rf'^{re.escape(prefix)} ', text, re.MULTILINE):
            return None
        raw = dict(re.findall(r'^\s+BGP\.(\w+): (.*)$', text, re.MULTILINE))
        found = {'next-hop': raw['next_hop'].split()[0], 'origin': raw['origin'].lower()}
        found['as-path'] = [int(asn) for asn in raw['as_path'].split()]
        for name, key in (('med', 'med'), ('local-preference', 'local_pref')):
            if key in raw:
                found[name] = int(raw[key])
        for name, key in (('community', 'community'), ('large-community', 'large_community')):
            if key in raw:
                values = re.findall(r'\(([^)]*)\)', raw[key])
                found[name] = sorted(re.sub(r'\s*,\s*', ':', value) for value in values)
        if 'ext_community' in raw:
            values = re.findall(r'\(([^)]*)\)', raw['ext_community'])
            found['extended-community'] = sorted(
                re.sub(r'\s*,\s*', ':', value).replace('rt:', 'target:') for value in values
            )
        if 'atomic_aggr' in raw:
            found['atomic-aggregate'] = True
        if 'aggregator' in raw:
            ip, asn = re.fullmatch(r'(\S+) AS(\d+)', raw['aggregator']).groups()
            found['aggregator'] = f'{asn}:{ip}'
        return found

    def announce(self):
        self.ask('enable "routes*"')

    def withdraw(self):
        self.ask('disable "routes*"')

    def reset(self, session):
        if 'restarted' not in (reply := self.ask(f'restart {symbol(session)}')):
            raise Failed(reply)

    def table(self, family):
        return self.ask(f'show route table {table(family)} all')

    def originate(self, family, words):
        number = next(number for number, row in enumerate(THEIR_ROUTES) if row[:2] == (family, words))
        self.ask(f'enable more{number}')

    def withdraw_all(self, family):
        self.ask('disable "more*"')
