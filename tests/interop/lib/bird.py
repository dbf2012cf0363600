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
}}
"""


def symbol(session):
    return 'with_' + session.name.replace('-', '_')


class Peer(Daemon):
    name = 'bird'
    sent_bad_as, received_bad_as = 'Error: Bad peer AS', 'Received: Bad peer AS'

    def start(self):
        text = CONFIG.format(prefix4=THEIRS['ipv4 unicast'], prefix6=THEIRS['ipv6 unicast'])
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
