"""The checks that every other BGP daemon gets: `matrix.py NAME` takes the class `Peer` of the module of that name.

One process of the other daemon is configured with a session per row of `plan`; ours is one process per session.
Prefixes differ per session, so that what one leaves behind never answers for another.
"""

import importlib
import re
import sys
import time

from checks import Checks, compare, skipping
from daemon import THEIR_AS, THEIR_COMMUNITY, THEIR_LARGE, THEIR_MED, THEIRS, Session, attributes
from lab import PATIENCE, Failed, wait_for
from speaker import STAND_IN, Speaker, neighbor

KEY, WRONG_KEY = 'correct-horse', 'battery-staple'


class Matrix(Checks):
    def __init__(self, kind):
        super().__init__(kind.name)
        self.kind = kind

    def scenarios(self):
        return self.we_connect, self.they_connect, self.over_ipv6, self.wrong_as, self.md5

    # ------------------------------------------------------------ plan

    def prepare(self):
        lab = self.lab
        plan = [
            Session('out', lab.address(11), 0, 65011),
            Session('in', lab.address(12), lab.port(lab.address(12)), THEIR_AS),
            Session('they-refuse', lab.address(13), 0, 65013),
            Session('we-refuse', lab.address(14), 0, 65014),
            Session('six', '::1', 0, 65018),
        ]
        if not self.kind.without_md5:
            plan += [
                Session('key-in', lab.address(15), lab.port(lab.address(15)), 65015, KEY),
                Session('key-out', lab.address(16), 0, 65016, KEY),
                Session('wrong-key', lab.address(17), 0, 65017, KEY),
            ]
        self.daemon = self.kind(lab, plan)
        # Ours listen before theirs starts, so that their first attempt already succeeds.
        self.in_ = self.listen('in', THEIR_AS).start()
        if not self.kind.without_md5:
            self.key_in = self.listen('key-in', 65015, f'md5-password "{KEY}";').start()
        self.daemon.start()
        if not self.kind.without_md5:
            self.wrong_key = self.connect('wrong-key', 65017, f'md5-password "{WRONG_KEY}";').start()
            self.wrong_key_since = time.monotonic()

    def speaker(self, name, asn, options, peer_asn=THEIR_AS):
        session = self.daemon.session(name)
        config = neighbor(session.address, self.daemon.local(session), asn, peer_asn, options)
        ours = Speaker(self.lab, f'ours-{name}', config)
        ours.session, ours.asn = name, asn
        return ours

    def connect(self, name, asn, options='', **settings):
        return self.speaker(name, asn, f'connect {self.daemon.port}; {options}', **settings)

    def listen(self, name, asn, options=''):
        return self.speaker(name, asn, f'passive true; listen {self.daemon.session(name).port}; {options}')

    # ------------------------------------------------------------ what is compared

    def wait_route(self, family, prefix, expected):
        """Waits for a route of ours in their table, which must have exactly these attributes."""

        def arrived():
            return self.daemon.route(family, prefix)

        found = wait_for(f'{prefix} in the table of {self.kind.name}', arrived)
        compare(prefix, found, expected)

    def wait_no_route(self, family, prefix):
        wait_for(f'{prefix} gone from the table of {self.kind.name}', lambda: not self.daemon.route(family, prefix))

    def wait_established(self, name):
        session = self.daemon.session(name)
        wait_for(f'{self.kind.name} says {name} is established', lambda: self.daemon.established(session))

    # ------------------------------------------------------------ we connect

    def we_connect(self):
        """EBGP, both families over IPv4, through all a session can see."""
        ours = self.connect('out', 65011)
        daemon, session = self.daemon, self.daemon.session('out')
        v4, v6 = '198.51.100.0/24', '2001:db8:100::/48'
        path = [65011, 64999, 4200000000]
        common = {
            'origin': 'egp',
            'as-path': path,
            'med': 50,
            'community': ['65011:1', '65011:666'],
            'large-community': ['4200000000:1:2', '65011:3:4'],
            'extended-community': ['target:65011:7'],
        }
        words = (
            f'origin egp med 50 as-path [ {" ".join(map(str, path))} ] community [ 65011:1 65011:666 ] '
            'large-community [ 4200000000:1:2 65011:3:4 ] extended-community [ target:65011:7 ]'
        )
        expected4 = {**common, 'next-hop': '192.0.2.1', 'atomic-aggregate': True, 'aggregator': '65011:192.0.2.9'}
        expected6 = {**common, 'next-hop': '2001:db8::1'}
        theirs = {'origin': 'igp', 'as-path': [THEIR_AS], 'med': THEIR_MED}
        theirs |= {'community': [THEIR_COMMUNITY], 'large-community': [THEIR_LARGE]}

        def up():
            ours.start()
            ours.wait_up()
            self.wait_established('out')

        def announce():
            aggregate = 'atomic-aggregate aggregator ( 65011:192.0.2.9 )'
            ours.command(f'announce route {v4} next-hop 192.0.2.1 {aggregate} {words}')
            ours.command(f'announce route {v6} next-hop 2001:db8::1 {words}')

        def ours_there():
            self.wait_route('ipv4 unicast', v4, expected4)
            self.wait_route('ipv6 unicast', v6, expected6)

        def theirs_here(since=0):
            for family, prefix in THEIRS.items():
                hop = {'next-hop': daemon.hop(family)}
                compare(prefix, attributes(ours.wait_heard(family, prefix, since)), theirs | hop)

        def announced():
            announce()
            ours_there()

        def heard():
            daemon.announce()
            theirs_here()

        def their_reset():
            since = ours.mark()
            daemon.reset(session)
            ours.wait_state('down', since)
            # a Cease of an administrator, which GoBGP's reset is, keeps us away for half a minute
            ours.wait_up(since, PATIENCE + 40)
            ours_there()
            theirs_here(since)

        def our_reset():
            since = ours.mark()
            ours.command(f'neighbor {daemon.address} teardown 4')
            ours.wait_notification('send', 6, 4, since)
            ours.wait_up(since)
            ours_there()
            theirs_here(since)

        def our_restart():
            ours.stop()
            self.wait_no_route('ipv4 unicast', v4)
            daemon.wake(session)
            since = ours.mark()
            ours.start()
            announce()
            ours.wait_up(since)
            ours_there()
            theirs_here(since)

        def withdrawn():
            ours.command(f'withdraw route {v4} next-hop 192.0.2.1')
            self.wait_no_route('ipv4 unicast', v4)
            compare(v6, daemon.route('ipv6 unicast', v6), expected6)
            ours.command(f'withdraw route {v6} next-hop 2001:db8::1')
            self.wait_no_route('ipv6 unicast', v6)

        def forgotten():
            daemon.withdraw()
            for family, prefix in THEIRS.items():
                ours.wait_forgotten(family, prefix)
            ours.stop()

        yield 'session up, we connect', up
        yield 'our IPv4 and IPv6 routes are in their table with all attributes', announced
        yield 'their IPv4 and IPv6 routes reach the helper as JSON', heard
        yield 'they reset the session: it comes back, routes are sent again', their_reset
        yield 'we tear the session down: it comes back, routes are sent again', our_reset
        yield 'we stop and start: it comes back, routes are sent again', our_restart
        yield 'our withdraw removes the routes there', withdrawn
        yield 'their withdraw reaches the helper', forgotten

    # ------------------------------------------------------------ they connect

    def they_connect(self):
        """IBGP, we only listen."""
        ours, daemon = self.in_, self.daemon
        v4, v6 = '198.51.101.0/24', '2001:db8:101::/48'
        expected = {'origin': 'incomplete', 'local-preference': 250, 'community': ['65000:5']}
        words = 'origin incomplete local-preference 250 community [ 65000:5 ]'

        def up():
            ours.wait_up()
            self.wait_established('in')

        def announced():
            ours.command(f'announce route {v4} next-hop 192.0.2.1 {words}')
            ours.command(f'announce route {v6} next-hop 2001:db8::1 {words}')
            self.there = lambda: (
                self.wait_route('ipv4 unicast', v4, expected | {'next-hop': '192.0.2.1'}),
                self.wait_route('ipv6 unicast', v6, expected | {'next-hop': '2001:db8::1'}),
            )
            self.there()

        def heard(since=0):
            daemon.announce()
            for family, prefix in THEIRS.items():
                found = attributes(ours.wait_heard(family, prefix, since))
                compare(prefix, found, {'origin': 'igp', 'med': THEIR_MED, 'local-preference': 100})

        def their_reset():
            since = ours.mark()
            daemon.reset(daemon.session('in'))
            ours.wait_state('down', since)
            ours.wait_up(since)
            self.there()
            heard(since)

        def withdrawn():
            ours.command(f'withdraw route {v4} next-hop 192.0.2.1')
            self.wait_no_route('ipv4 unicast', v4)
            daemon.withdraw()
            for family, prefix in THEIRS.items():
                ours.wait_forgotten(family, prefix)

        def end():
            ours.stop()
            self.wait_no_route('ipv6 unicast', v6)

        yield 'session up, they connect', up
        yield 'IBGP: our routes are in their table with local preference', announced
        yield 'IBGP: their routes reach the helper with local preference', heard
        yield 'they reset the session and connect again: routes are sent again', their_reset
        yield 'IBGP: withdraws both ways', withdrawn
        yield 'we end: our routes leave their table', end

    # ------------------------------------------------------------ over IPv6

    def over_ipv6(self):
        ours, daemon = self.connect('six', 65018), self.daemon
        v4, v6 = '198.51.104.0/24', '2001:db8:104::/48'

        def up():
            ours.start()
            ours.wait_up()
            self.wait_established('six')

        def exchanged():
            for family, prefix, hop in (('ipv4 unicast', v4, '192.0.2.1'), ('ipv6 unicast', v6, '2001:db8::1')):
                ours.command(f'announce route {prefix} next-hop {hop} med 60')
                self.wait_route(family, prefix, {'origin': 'igp', 'as-path': [65018], 'med': 60, 'next-hop': hop})
            daemon.announce()
            for family, prefix in THEIRS.items():
                compare(prefix, attributes(ours.wait_heard(family, prefix)), {'as-path': [THEIR_AS]})

        def withdrawn():
            ours.command(f'withdraw route {v6} next-hop 2001:db8::1')
            self.wait_no_route('ipv6 unicast', v6)
            daemon.withdraw()
            for family, prefix in THEIRS.items():
                ours.wait_forgotten(family, prefix)
            ours.stop()
            self.wait_no_route('ipv4 unicast', v4)

        yield 'over IPv6: session up', up
        yield 'over IPv6: routes both ways', exchanged
        yield 'over IPv6: withdraws both ways', withdrawn

    # ------------------------------------------------------------ wrong AS

    def wrong_as(self):
        daemon = self.daemon

        def refused(name, direction, **settings):
            before = len(daemon.log())
            ours = self.connect(name, **settings).start()
            ours.wait_notification(direction, 2, 2)
            pattern = daemon.received_bad_as if direction == 'send' else daemon.sent_bad_as
            wait_for(f'{self.kind.name} logs the bad peer AS', lambda: re.search(pattern, daemon.log()[before:]))
            if ours.find('state', state='up') or daemon.established(daemon.session(name)):
                raise Failed(f'the session came up with the wrong AS: {name}')
            ours.stop()

        yield 'wrong AS: they refuse ours with 2/2', lambda: refused('they-refuse', 'receive', asn=65099)
        yield 'wrong AS: we refuse theirs with 2/2', lambda: refused('we-refuse', 'send', asn=65014, peer_asn=65098)

    # ------------------------------------------------------------ MD5

    def md5(self):
        daemon = self.daemon
        if daemon.without_md5:
            yield 'MD5', skipping(daemon.without_md5)
            return

        def exchange(ours, prefix):
            ours.wait_up()
            self.wait_established(ours.session)
            ours.command(f'announce route {prefix} next-hop 192.0.2.1')
            self.wait_route('ipv4 unicast', prefix, {'next-hop': '192.0.2.1', 'as-path': [ours.asn]})
            ours.stop()

        def they_connect():
            exchange(self.key_in, '198.51.102.0/24')

        def we_connect():
            exchange(self.connect('key-out', 65016, f'md5-password "{KEY}";').start(), '198.51.103.0/24')

        def wrong():
            ours, address = self.wrong_key, re.escape(daemon.address)
            if not STAND_IN:
                warning = rf'(?im)^(?=.*\bwarn)(?=.*\bmd5)(?=.*{address}).*$'
                wait_for('a warning that names the neighbour and MD5', lambda: re.search(warning, ours.log()))
            wait_for('ten seconds of attempts', lambda: time.monotonic() > self.wrong_key_since + 10)
            if daemon.established(daemon.session('wrong-key')) or ours.find('state', state='up'):
                raise Failed('the session came up with the wrong key')
            ours.stop()

        yield 'MD5: session up with the right key, they connect', they_connect
        if daemon.without_md5_listener:
            yield 'MD5: session up with the right key, we connect', skipping(daemon.without_md5_listener)
        else:
            yield 'MD5: session up with the right key, we connect', we_connect
        yield 'MD5: a wrong key never connects, and our log says why', wrong
        if STAND_IN:
            yield 'MD5: our log says why', skipping('the program under test is a stand-in')


if __name__ == '__main__':
    sys.exit(Matrix(importlib.import_module(sys.argv[1]).Peer).run())
