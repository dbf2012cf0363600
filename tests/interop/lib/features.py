"""Session features beside BIRD 2, which has most of them: one session for each feature, all in one process of BIRD."""

import re
import signal
import sys
import time

from checks import Checks, compare
from daemon import THEIR_AS, attributes
from lab import Failed, program, run, wait_for
from speaker import Speaker, neighbor

CONFIG = """\
log stderr all;
router id 10.0.0.1;
protocol device {{}}
ipv4 table other4;
protocol static path_one {{ disabled; ipv4; route 203.0.113.0/24 blackhole; }}
protocol static path_two {{ disabled; ipv4 {{ table other4; }}; route 203.0.113.0/24 blackhole; }}
protocol static path_three {{ disabled; ipv4; route 203.0.112.0/24 blackhole; }}
protocol pipe {{ table master4; peer table other4; import all; export none; }}
filter static_only {{ if source = RTS_STATIC then accept; reject; }}
"""
SESSION = """\
protocol bgp {name} {{
  local {address} port {port} as {asn};
  neighbor {peer} port {peer_port} as {peer_asn};
  multihop 2; {passive} connect delay time 1; connect retry time 1; error wait time 1, 2;
  {session}
  ipv4 {{ import all; export filter static_only; next hop address 192.0.2.200; {channel} }};
}}
"""

# A session: its options in BIRD, those of its IPv4 channel there, ours.
SESSIONS = {
    'add_path': ('', 'add paths on;', 'capability { add-path send/receive; }'),
    'next_hop': (
        '',
        'extended next hop on; next hop address 2001:db8::200;',
        'capability { nexthop enable; } nexthop { ipv4 unicast ipv6; }',
    ),
    'big': ('enable extended messages on;', '', ''),
    'refresh': ('', '', 'capability { route-refresh enable; }'),
    'graceful': ('graceful restart aware;', '', 'capability { graceful-restart 60; }'),
    'ttl': ('ttl security on;', '', 'outgoing-ttl 255; incoming-ttl 254;'),
    'no_ttl': ('ttl security on;', '', ''),
    'hold': ('hold time 3; keepalive time 1;', '', 'hold-time 3;'),
    'both': ('', '', ''),
    'two_bytes': ('enable as4 off;', '', 'capability { asn4 disable; }'),
    # BIRD announces its route with an OTC that a customer must not have: filters run behind its own checks.
    'customer': (
        'local role customer; require roles on;',
        'export filter { if source != RTS_STATIC then reject; bgp_otc = 64999; accept; };',
        'capability { role provider; }',
    ),
    'provider': ('local role provider; require roles on;', '', 'capability { role customer strict; }'),
    'same_role': ('local role customer;', '', 'capability { role customer; }'),
    'few': ('', '', 'prefix-limit 1 warning-only;'),
}
PREFIX = '198.51.100.0/24'


class Features(Checks):
    def __init__(self):
        super().__init__('features')

    def prepare(self):
        lab = self.lab
        self.address = lab.address(1)
        self.port = lab.port(self.address)
        self.listens = lab.port(lab.address(11 + list(SESSIONS).index('both')))
        text = CONFIG.format()
        for number, (name, (session, channel, _)) in enumerate(SESSIONS.items(), 11):
            text += SESSION.format(
                name=f'with_{name}',
                address=self.address,
                port=self.port,
                asn=THEIR_AS,
                peer=lab.address(number),
                peer_port=self.listens,
                passive='' if name == 'both' else 'passive;',
                peer_asn=65000 + number,
                session=session,
                channel=channel,
            )
        config, control = lab.write('bird.conf', text), lab.path('bird.ctl')
        self.birdc = [program('birdc'), '-s', control]
        command = [program('bird'), '-f', '-c', config, '-s', control, '-P', lab.path('bird.pid')]
        self.bird = lab.spawn('bird', command)
        wait_for('bird answers', lambda: 'Daemon is up' in self.ask('show status'), process=self.bird)
        self.no_ttl, self.no_ttl_since = self.connect('no_ttl'), time.monotonic()

    def ask(self, words):
        return run(*self.birdc, *words.split(), check=False)

    def connect(self, name):
        number = 11 + list(SESSIONS).index(name)
        options = f'connect {self.port}; {SESSIONS[name][2]}'
        if name == 'both':
            options += f' listen {self.listens};'
        families = 'ipv4 unicast; ipv6 unicast;' if name == 'next_hop' else 'ipv4 unicast;'
        config = neighbor(self.lab.address(number), self.address, 65000 + number, THEIR_AS, options, families)
        return Speaker(self.lab, f'ours-{name}', config).start()

    def routes(self, name, prefix=PREFIX):
        """What BIRD has from a session for a prefix: the texts of its routes."""
        text = self.ask(f'show route for {prefix} all protocol with_{name}')
        return re.findall(r'\[\w+ .*\n(?:\t.*\n?)*', text)

    def wait_routes(self, name, *patterns):
        """Waits until BIRD's routes are as many as the patterns, each found in one."""

        def found():
            routes = self.routes(name)
            return len(routes) == len(patterns) and all(any(re.search(p, r) for r in routes) for p in patterns)

        wait_for(f'bird has {len(patterns)} routes from {name} with {patterns}', found)

    def end(self, ours):
        ours.stop()
        self.wait_routes(ours.name.removeprefix('ours-'))

    def scenarios(self):
        return (
            self.add_path,
            self.extended_next_hop,
            self.extended_message,
            self.route_refresh,
            self.graceful_restart,
            self.ttl_security,
            self.hold_timer,
            self.roles,
            self.prefix_limit,
            self.two_byte_asn,
            self.collision,
        )

    # ------------------------------------------------------------ scenarios

    def add_path(self):
        def ours_there():
            self.ours = ours = self.connect('add_path')
            ours.wait_up()
            for path in (1, 2):
                ours.command(f'announce route {PREFIX} next-hop 192.0.2.{path} path-information {path}')
            self.wait_routes('add_path', r'next_hop: 192\.0\.2\.1\n', r'next_hop: 192\.0\.2\.2\n')
            ours.command(f'withdraw route {PREFIX} next-hop 192.0.2.1 path-information 1')
            self.wait_routes('add_path', r'next_hop: 192\.0\.2\.2\n')

        def theirs_here():
            ours = self.ours

            def paths():
                """Path identifiers that the helper knows of now."""
                known = set()
                for event in ours.events:
                    if event['type'] == 'update' and event['neighbor']['direction'] == 'receive':
                        update = event['neighbor']['message'].get('update', {})
                        gone = update.get('withdraw', {}).get('ipv4 unicast', [])
                        new = sum(update.get('announce', {}).get('ipv4 unicast', {}).values(), [])
                        known -= {nlri['path-information'] for nlri in gone}
                        known |= {nlri['path-information'] for nlri in new}
                return known

            self.ask('enable path_one')
            self.ask('enable path_two')
            ours.wait('two paths from bird', lambda: len(paths()) == 2)
            self.ask('disable path_two')
            ours.wait('one path from bird', lambda: len(paths()) == 1)
            self.ask('disable path_one')
            ours.wait('no path from bird', lambda: not paths())
            self.end(ours)

        yield 'ADD-PATH: both our paths are there, each with its withdraw', ours_there
        yield 'ADD-PATH: their paths reach the helper with their identifiers', theirs_here

    def extended_next_hop(self):
        def both_ways():
            ours = self.connect('next_hop')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 2001:db8::1')
            self.wait_routes('next_hop', r'next_hop: 2001:db8::1\n')
            self.ask('enable path_one')
            route = attributes(ours.wait_heard('ipv4 unicast', '203.0.113.0/24'))
            compare('their route', route, {'next-hop': '2001:db8::200'})
            self.ask('disable path_one')
            ours.wait_forgotten('ipv4 unicast', '203.0.113.0/24')
            self.end(ours)

        yield 'extended next hop: IPv4 routes over IPv6 next hops, both ways', both_ways

    def extended_message(self):
        def big():
            ours = self.connect('big')
            ours.wait_up()
            communities = [f'65013:{number}' for number in range(1500)]  # 6,000 bytes
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1 community [ {" ".join(communities)} ]')
            self.wait_routes('big', r'\(65013,1499\)')
            if (count := self.routes('big')[0].count('(65013,')) != len(communities):
                raise Failed(f'{count} communities arrived of {len(communities)}')
            self.end(ours)

        yield 'extended message: an UPDATE of more than 4,096 bytes', big

    def route_refresh(self):
        def refreshed():
            ours = self.connect('refresh')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1')
            self.wait_routes('refresh', r'next_hop: 192\.0\.2\.1\n')
            self.ask('debug with_refresh all')
            before = len(self.lab.log('bird'))
            self.ask('reload in with_refresh')

            def again():
                log = self.lab.log('bird')[before:]
                return re.search(r'refresh: (Begin|End)-of-RR|END-OF-RR|route refresh.*end', log, re.IGNORECASE)

            wait_for('bird sees the end of the refresh', again)
            self.wait_routes('refresh', r'next_hop: 192\.0\.2\.1\n')
            self.end(ours)

        yield 'route refresh: they ask, all is sent again between the markers', refreshed

    def graceful_restart(self):
        def restarted():
            ours = self.connect('graceful')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1')
            self.wait_routes('graceful', r'next_hop: 192\.0\.2\.1\n')
            self.lab.crash(ours.name)
            status = 'show protocols all with_graceful'
            wait_for('bird waits for us', lambda: 'graceful restart active' in self.ask(status))
            self.wait_routes('graceful', r'next_hop: 192\.0\.2\.1\n')
            since = ours.mark()
            ours.wait('the old helper has ended', lambda: not ours.helper)
            ours.start()
            ours.wait_up(since)
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.7')
            self.wait_routes('graceful', r'next_hop: 192\.0\.2\.7\n')
            ours.stop()

        yield 'graceful restart: they keep our routes over a crash', restarted

    def ttl_security(self):
        def with_it():
            ours = self.connect('ttl')
            ours.wait_up()
            self.end(ours)

        def without_it():
            wait_for('five seconds of attempts', lambda: time.monotonic() > self.no_ttl_since + 5)
            # BIRD checks only what comes after it has accepted, so that our OPEN may still reach it, and nothing later.
            if 'Established' in self.ask('show protocols with_no_ttl'):
                raise Failed('the session came up with a TTL below 254')
            self.no_ttl.stop()

        yield 'TTL security: session up with TTL 255', with_it
        yield 'TTL security: no session without', without_it

    def hold_timer(self):
        def expires():
            ours = self.connect('hold')
            ours.wait_up()
            since = ours.mark()
            self.bird.send_signal(signal.SIGSTOP)
            try:
                ours.wait_notification('send', 4, 0, since)
            finally:
                self.bird.send_signal(signal.SIGCONT)
            ours.wait_up(since)
            self.end(ours)

        yield 'hold timer: a peer that falls silent gets 4/0, and is back when it wakes', expires

    def roles(self):
        def to_a_customer():
            ours = self.connect('customer')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1')
            asn = 65000 + 11 + list(SESSIONS).index('customer')
            self.wait_routes('customer', rf'otc: {asn}\n')
            self.ask('enable path_one')
            route = ours.wait_heard('ipv4 unicast', '203.0.113.0/24')
            self.ask('disable path_one')
            compare('what their customer must not send', route, {'otc': 64999, 'route-leak': True})
            self.end(ours)

        def to_a_provider():
            ours = self.connect('provider')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1 attribute [ 0x23 0xC0 0x0000FDE9 ]')
            ours.command('announce route 198.51.101.0/24 next-hop 192.0.2.1')
            wait_for('bird has the route without OTC', lambda: self.routes('provider', '198.51.101.0/24'))
            self.wait_routes('provider')
            self.ask('enable path_one')
            route = ours.wait_heard('ipv4 unicast', '203.0.113.0/24')
            self.ask('disable path_one')
            compare('what their provider sends', route, {'otc': THEIR_AS})
            if 'route-leak' in route:
                raise Failed('the route of a provider is called a leak')
            self.end(ours)

        def mismatch():
            ours = self.connect('same_role')
            found = ours.wait('a notification', lambda: ours.find('notification'))['neighbor']['notification']
            if (found['code'], found['subcode']) != (2, 11):
                raise Failed(f'the notification is {found["code"]}/{found["subcode"]}, not 2/11')
            ours.stop()

        yield 'roles: a customer gets OTC, its leak is marked', to_a_customer
        yield 'roles: a provider gets no route with OTC, its OTC is heard', to_a_provider
        yield 'roles: two customers do not meet', mismatch

    def prefix_limit(self):
        def warned():
            ours = self.connect('few')
            ours.wait_up()
            self.ask('enable path_one')
            ours.wait_heard('ipv4 unicast', '203.0.113.0/24')
            since = ours.mark()
            self.ask('enable path_three')
            ours.wait_heard('ipv4 unicast', '203.0.112.0/24')
            if ours.find('notification', since) or ours.find('state', since, state='down'):
                raise Failed('the session ended, although the limit only warns')
            if 'prefix-limit' not in ours.log():
                raise Failed('the log has no warning')
            self.ask('disable path_one')
            self.ask('disable path_three')
            self.end(ours)

        yield 'prefix limit: one that only warns leaves the session alone', warned

    def two_byte_asn(self):
        def path():
            ours = self.connect('two_bytes')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1 as-path [ 65020 4200000000 64999 ]')
            self.wait_routes('two_bytes', r'as_path: 65020 4200000000 64999\n')
            self.end(ours)

        yield 'two-byte AS numbers: a large AS arrives through AS4_PATH', path

    def collision(self):
        def one_session():
            ours = self.connect('both')
            ours.wait_up()
            ours.command(f'announce route {PREFIX} next-hop 192.0.2.1')
            self.wait_routes('both', r'next_hop: 192\.0\.2\.1\n')
            for _ in range(3):  # both connect again, at about the same time
                since = ours.mark()
                self.ask('restart with_both')
                ours.wait_state('down', since)
                ours.wait_up(since)
                self.wait_routes('both', r'next_hop: 192\.0\.2\.1\n')
            self.end(ours)

        yield 'both connect: one session, whoever comes first', one_session


if __name__ == '__main__':
    sys.exit(Features().run())
