"""The programs of the matrix: how each is configured, and how what it did with a route is seen.

BIRD, FRR, GoBGP and OpenBGPD reflect routes to a collector of ours, so that one sees what they pass on. oxabgp and ExaBGP
pass nothing on: their events are what one sees.
"""

import json
import os
import pwd
import shlex
import struct
import threading
import time

from cases import CONFEDERATION, KINDS, LOCAL_AS, MEMBER_AS, NEIGHBOR_MEMBER_AS, SENT_PREFERENCE, WIDE
from lab import Skip, program, run, wait_for
from speaker import Speaker
from wire import KEEPALIVE, UPDATE, Peer, attributes, message, prefixes


PORT, COLLECTOR, WORKERS = 1790, '10.1.0.250', 6


def source(kind, worker):
    return f'10.1.{kind.net}.{worker + 1}'


class Seen:
    """What is known of the routes that a program has: by prefix the MED and the codes with their values."""

    def __init__(self):
        self.routes, self.changed = {}, threading.Condition()

    def put(self, prefix, route):
        if route is None:
            self.routes.pop(prefix, None)
        else:
            self.routes[prefix] = route

    def wait(self, condition, timeout):
        with self.changed:
            return self.changed.wait_for(condition, timeout)


class Route:
    """A route as a program has it."""

    med = None
    note = ''  # what it says about an error

    def has(self, code, value, narrow):
        """Whether an attribute is there as it was sent, as far as one can tell."""
        raise NotImplementedError


class Passed(Route):
    def __init__(self, found):
        self.found = {code: value for _, code, value in found}
        self.med = int.from_bytes(self.found[4], 'big') if 4 in self.found else None

    def has(self, code, value, narrow):
        if code in (1, 2, 3, 14, 15, 0):
            return True
        if code in (17, 18) and narrow:
            return struct.pack('!I', WIDE) in self.found.get(2 if code == 17 else 7, b'')
        if code in (5, 9):  # what they would add themselves is another value
            return self.found.get(code) == value
        if code == 10:
            return self.found.get(10, b'').endswith(value)
        return code in self.found

    def value(self, code):
        return self.found.get(code)


class Told(Route):
    """A route in an event of oxabgp or ExaBGP."""

    USUAL = {'origin', 'as-path', 'med', 'local-preference', 'error', 'confederation-path'}

    def __init__(self, attributes):
        self.attributes = attributes
        self.med = attributes.get('med')
        self.note = attributes.get('error', '')

    def has(self, code, value, narrow):
        if code in (1, 2, 3, 14, 15, 0):
            return True
        if code in (17, 18) and narrow:
            return str(WIDE) in json.dumps(self.attributes.get('as-path' if code == 17 else 'aggregator', ''))
        if code == 4:
            return self.med is not None
        if code == 5:
            return self.attributes.get('local-preference') in (SENT_PREFERENCE, SENT_PREFERENCE + 1)
        return bool(self.attributes.keys() - self.USUAL)

    def value(self, code):
        name = {1: 'origin', 4: 'med', 5: 'local-preference', 8: 'community', 32: 'large-community'}.get(code)
        return self.attributes.get(name, self.attributes.get('attribute-0x63-0xE0'))


class Program:
    name = title = ''
    number = 0  # last octet of its address
    kinds = KINDS[:3]
    moves = False  # whether each session comes from an address of its own

    def __init__(self, lab, enter):
        self.lab, self.enter, self.seen, self.process = lab, enter, Seen(), None
        self.address = f'10.1.255.{self.number}'

    def peers(self):
        for kind in self.kinds:
            for worker in range(WORKERS):
                yield kind, worker, source(kind, worker)

    def spawn(self, *command):
        self.process = self.lab.spawn(self.name, [*self.enter, *command])

    def alive(self):
        return self.process.poll() is None

    def start(self):
        raise NotImplementedError

    def watch(self):
        """Starts to fill `seen`."""
        Collector(self).start()

    def wake(self, address):
        """Makes it take a connection of a peer again after a reset."""


class Collector(threading.Thread):
    def __init__(self, target):
        super().__init__(daemon=True)
        self.program, self.seen, self.up = target, target.seen, threading.Event()
        self.asn = LOCAL_AS if CONFEDERATION not in target.kinds else MEMBER_AS

    def start(self):
        super().start()
        if not self.up.wait(60):
            raise Skip(f'{self.program.title} does not take the session of the collector')

    def connect(self):
        def attempt():
            try:
                return Peer(COLLECTOR, (self.program.address, PORT), self.asn, timeout=3)
            except Exception:
                return None

        return wait_for('the session of the collector', attempt, 50)

    def run(self):
        peer = self.connect()
        self.up.set()
        due = 0
        while True:
            try:
                if time.monotonic() > due:
                    peer.send(message(KEEPALIVE))
                    due = time.monotonic() + 20
                kind, body = peer.receive(due)
            except TimeoutError:
                continue
            except Exception:
                return
            if kind == UPDATE:
                with self.seen.changed:
                    self.take(body)
                    self.seen.changed.notify_all()

    def take(self, body):
        withdrawn = struct.unpack_from('!H', body)[0]
        size = struct.unpack_from('!H', body, 2 + withdrawn)[0]
        found = list(attributes(body[4 + withdrawn : 4 + withdrawn + size]))
        route = Passed(found)
        for prefix in prefixes(body[2 : 2 + withdrawn]):
            self.seen.put(prefix, None)
        for prefix in prefixes(body[4 + withdrawn + size :]):
            self.seen.put(prefix, route)
        for _, code, value in found:
            if code == 15:
                for prefix in prefixes(value[3:], 10 if value[1] == 2 else 2):
                    self.seen.put(prefix, None)
            if code == 14:
                for prefix in prefixes(value[5 + value[3] :], 10 if value[1] == 2 else 2):
                    self.seen.put(prefix, route)


class Confederate:
    """Makes a program a member of a confederation; its sessions are with another member."""

    kinds = (CONFEDERATION,)


# ------------------------------------------------------------ BIRD


class Bird(Program):
    name, title, number = 'bird', 'BIRD 2.0.12', 1
    PEER = """\
protocol bgp peer{number} {{
  local {address} port {port} as {asn};
  neighbor {peer} as {peer_asn};
  passive; strict bind yes; {options}
  connect delay time 1; error wait time 1, 1;
  ipv4 {{ import all; export {export}; }};
  ipv6 {{ import all; export {export}; next hop address 2001:db8:1::255; }};
}}
"""

    def start(self):
        confederation = CONFEDERATION in self.kinds
        asn = MEMBER_AS if confederation else LOCAL_AS
        extra = f'confederation {LOCAL_AS}; confederation member yes; ' if confederation else ''
        peers = [(COLLECTOR, asn, extra + 'rr client;', 'all')]
        peers += [(peer, kind.peer_as, extra, 'none') for kind, _, peer in self.peers()]
        text = f'log stderr all;\nrouter id {self.address};\nprotocol device {{}}\n'
        for number, (peer, peer_asn, options, export) in enumerate(peers):
            if not confederation or peer_asn == asn:
                options = options.replace('confederation member yes; ', '')
            text += self.PEER.format(
                number=number, address=self.address, port=PORT, asn=asn, peer=peer, peer_asn=peer_asn,
                options=options, export=export,
            )  # fmt: skip
        config, control = self.lab.write(f'{self.name}.conf', text), self.lab.path(f'{self.name}.ctl')
        self.spawn(program('bird'), '-f', '-c', config, '-s', control, '-P', self.lab.path(f'{self.name}.pid'))
        birdc = [program('birdc'), '-s', control, 'show', 'status']
        wait_for('bird answers', lambda: 'Daemon is up' in run(*birdc, check=False), process=self.process)


class BirdMember(Confederate, Bird):
    name, number = 'bird-member', 11


# ------------------------------------------------------------ FRR


class Frr(Program):
    name, title, number = 'frr', 'FRR 8.4.4', 2

    def start(self):
        confederation = CONFEDERATION in self.kinds
        asn = MEMBER_AS if confederation else LOCAL_AS
        peers = [(COLLECTOR, asn)] + [(peer, kind.peer_as) for kind, _, peer in self.peers()]
        text = f'hostname matrix\nlog stdout informational\nrouter bgp {asn}\n bgp router-id {self.address}\n'
        text += ' no bgp ebgp-requires-policy\n no bgp network import-check\n no bgp default ipv4-unicast\n'
        text += ' coalesce-time 0\n'
        if confederation:
            text += f' bgp confederation identifier {LOCAL_AS}\n bgp confederation peers {NEIGHBOR_MEMBER_AS}\n'
        for peer, peer_asn in peers:
            text += f' neighbor {peer} remote-as {peer_asn}\n neighbor {peer} passive\n'
            text += f' neighbor {peer} timers connect 1\n neighbor {peer} advertisement-interval 0\n'
            if peer_asn != asn:
                text += f' neighbor {peer} disable-connected-check\n'
        for family in ('ipv4', 'ipv6'):
            text += f' address-family {family} unicast\n'
            for peer, _ in peers:
                text += f'  neighbor {peer} activate\n  neighbor {peer} route-map '
                text += f'{"all" if peer == COLLECTOR else "none"} out\n'
            text += f'  neighbor {COLLECTOR} route-reflector-client\n exit-address-family\n'
        text += 'exit\nroute-map all permit 10\nroute-map none deny 10\n'
        sockets = self.lab.path(f'{self.name}.vty')
        os.mkdir(sockets)
        self.spawn(
            program('/usr/lib/frr/bgpd'), '-f', self.lab.write(f'{self.name}.conf', text), '-i',
            self.lab.path(f'{self.name}.pid'), '-z', self.lab.path('zserv'), '--vty_socket', sockets, '-Z', '-n', '-S',
            '-P', '0', '-l', self.address, '-p', PORT,
        )  # fmt: skip
        vtysh = [program('vtysh'), '--vty_socket', sockets, '-d', 'bgpd', '-c', 'show version']
        wait_for('frr answers', lambda: 'FRRouting' in run(*vtysh, check=False), process=self.process)


class FrrMember(Confederate, Frr):
    name, number = 'frr-member', 12


# ------------------------------------------------------------ GoBGP


class GoBgp(Program):
    name, title, number = 'gobgp', 'GoBGP 3.10.0', 3

    def start(self):
        confederation = CONFEDERATION in self.kinds
        asn = MEMBER_AS if confederation else LOCAL_AS
        text = f'[global.config]\nas = {asn}\nrouter-id = "{self.address}"\nport = {PORT}\n'
        text += f'local-address-list = ["{self.address}"]\n'
        if confederation:
            text += f'[global.confederation.config]\nenabled = true\nidentifier = {LOCAL_AS}\n'
            text += f'member-as-list = [{NEIGHBOR_MEMBER_AS}]\n'
        peers = [(COLLECTOR, asn)] + [(peer, kind.peer_as) for kind, _, peer in self.peers()]
        for peer, peer_asn in peers:
            text += f'[[neighbors]]\n[neighbors.config]\nneighbor-address = "{peer}"\npeer-as = {peer_asn}\n'
            text += '[neighbors.transport.config]\npassive-mode = true\n'
            text += '[neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n'
            if peer == COLLECTOR:
                text += '[neighbors.route-reflector.config]\nroute-reflector-client = true\n'
                text += f'route-reflector-cluster-id = "{self.address}"\n'
            for family in ('ipv4-unicast', 'ipv6-unicast'):
                text += f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{family}"\n'
        config = self.lab.write(f'{self.name}.toml', text)
        self.spawn(program('gobgpd'), '-f', config, '--api-hosts', f'{self.address}:50051', '--pprof-disable')
        gobgp = [*self.enter, program('gobgp'), '-u', self.address, '-p', '50051', 'neighbor']
        last = peers[-1][0]
        wait_for('gobgp answers', lambda: last in run(*gobgp, check=False), process=self.process)


class GoBgpMember(Confederate, GoBgp):
    name, number = 'gobgp-member', 13


# ------------------------------------------------------------ OpenBGPD


class OpenBgpd(Program):
    name, title, number = 'openbgpd', 'OpenBGPD 7.7', 4

    def start(self):
        text = f'AS {LOCAL_AS}\nrouter-id {self.address}\nlisten on {self.address} port {PORT}\nfib-update no\n'
        text += f'socket "{self.lab.path("openbgpd.ctl")}"\nnexthop qualify via default\n'
        peers = [(COLLECTOR, LOCAL_AS)] + [(peer, kind.peer_as) for kind, _, peer in self.peers()]
        for peer, asn in peers:
            text += f'neighbor {peer} {{\n remote-as {asn}\n local-address {self.address}\n passive\n'
            text += ' announce IPv4 unicast\n announce IPv6 unicast\n'
            text += ' route-reflector\n' if peer == COLLECTOR else ''
            text += '}\n'
        text += f'allow from any\ndeny to any\nallow to {COLLECTOR}\n'
        os.makedirs(pwd.getpwnam('_openbgpd').pw_dir, exist_ok=True)  # its chroot
        self.bgpctl = [program('bgpctl'), '-s', self.lab.path('openbgpd.ctl')]
        self.spawn(program('bgpd'), '-d', '-f', self.lab.write('openbgpd.conf', text, mode=0o600))
        wait_for(
            'openbgpd answers', lambda: 'Neighbor' in run(*self.bgpctl, 'show', check=False), process=self.process
        )

    def wake(self, address):
        run(*self.bgpctl, 'neighbor', address, 'clear', check=False)


# ------------------------------------------------------------ programs with helpers


class Helped(Speaker):
    """Its helper's events fill `seen`."""

    def take(self, line):
        event = json.loads(line)
        if event.get('type') not in ('update', 'state'):
            return
        neighbor = event['neighbor']
        peer = neighbor['address']['peer']
        with self.seen.changed:
            if event['type'] == 'state' and neighbor['state'] == 'down':
                for prefix in [prefix for prefix, route in self.seen.routes.items() if route.peer == peer]:
                    self.seen.put(prefix, None)
            found = neighbor.get('message', {}).get('update', {}) if event['type'] == 'update' else {}
            for routes in found.get('withdraw', {}).values():
                for nlri in routes:
                    self.seen.put(nlri.get('nlri'), None)
            for hops in found.get('announce', {}).values():
                for routes in hops.values():
                    for nlri in routes:
                        route = Told(found.get('attribute', {}))
                        route.peer = peer
                        self.seen.put(nlri.get('nlri'), route)
            self.seen.changed.notify_all()


class WithHelper(Program):
    NEIGHBOR = """\
neighbor {peer} {{
  router-id {address}; local-address {address}; local-as {asn}; peer-as {peer_asn};
  passive true; listen {port}; hold-time 90;
  family {{ ipv4 unicast; ipv6 unicast; }}
  api {{ processes [ test ]; neighbor-changes; receive {{ parsed; update; }} }}
}}
"""
    binary = ''

    def neighbors(self):
        """Addresses or ranges with the AS of their sessions."""
        return [(peer, kind.peer_as) for kind, _, peer in self.peers()]

    def start(self):
        text = ''.join(
            self.NEIGHBOR.format(peer=peer, address=self.address, asn=LOCAL_AS, peer_asn=asn, port=PORT)
            for peer, asn in self.neighbors()
        )
        self.speaker = Helped(self.lab, self.name, text, shlex.join([*self.enter, *shlex.split(self.binary)]))
        self.speaker.seen = self.seen
        self.speaker.start()
        self.process = self.speaker.process

    def watch(self):
        pass


class Oxabgp(WithHelper):
    name, title, number = 'oxabgp', 'oxabgp', 5
    binary = os.environ.get('OXABGP', '')
    moves = True  # whoever ends a session at once waits before the next: each comes from another address

    def neighbors(self):
        return [(f'10.1.{kind.net}.0/24', kind.peer_as) for kind in self.kinds]


class ExaBgp(WithHelper):
    name, title, number = 'exabgp', 'ExaBGP 5.0.15', 6
    binary = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../.venv/bin/exabgp'))

    def start(self):
        if not os.path.exists(self.binary):
            raise Skip('ExaBGP is not in tests/.venv: `tests/run setup` installs it')
        super().start()


PROGRAMS = (Oxabgp, Bird, BirdMember, Frr, FrrMember, GoBgp, GoBgpMember, OpenBgpd, ExaBgp)
