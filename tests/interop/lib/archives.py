"""MRT that other daemons write and BMP that they send, read by `oxabgp stream`, with bgpdump and tshark as oracles."""

import json
import os
import random
import re
import shlex
import struct
import subprocess
import sys
import tempfile

import bird
import frr
import gobgp
import openbgpd
from checks import Checks
from daemon import THEIR_AS, Session
from lab import Failed, program, run, wait_for
from speaker import OXABGP

OUR_AS = 65011
PREFIXES = ('198.51.100.0/24', '203.0.112.0/23', '2001:db8:a::/48')
ROUTES = (
    'announce route 198.51.100.0/24 next-hop 192.0.2.1 as-path [ 65011 64500 64501 ] med 5 '
    'community [ 65011:1 no-export ] large-community [ 65011:2:3 ]\n'
    'announce route 203.0.112.0/23 next-hop 192.0.2.1 as-path [ 65011 4200000001 64502 ] atomic-aggregate '
    'aggregator ( 64500:192.0.2.9 )\n'
    'announce route 2001:db8:a::/48 next-hop 2001:db8::1 as-path [ 65011 64504 ] origin egp\n'
)


# For each daemon: its module, what is put into its configuration and where, the files that it writes.
BIRD = """\
mrtdump "{folder}/bird.updates";
mrtdump protocols {{ states, messages }};
protocol mrt {{ table "master4"; filename "{folder}/bird.rib4"; period 1; always add path off; }}
protocol mrt {{ table "master6"; filename "{folder}/bird.rib6"; period 1; }}
"""
FRR = """\
dump bgp all {folder}/frr.updates
dump bgp routes-mrt {folder}/frr.rib 1
"""
FRR_BMP = """\
 bmp targets test
  bmp connect {address} port {bmp} min-retry 100 max-retry 500
  bmp monitor ipv4 unicast pre-policy
  bmp monitor ipv4 unicast post-policy
  bmp monitor ipv6 unicast pre-policy
  bmp stats interval 500
 exit
"""
GOBGP = """
[[mrt-dump]]
[mrt-dump.config]
dump-type = "updates"
file-name = "{folder}/gobgp.updates"
[[bmp-servers]]
[bmp-servers.config]
address = "{address}"
port = {bmp}
route-monitoring-policy = "pre-policy"
statistics-timeout = 15
"""
OPENBGPD = """\
dump all in "{folder}/openbgpd.updates" 60
dump table-v2 "{folder}/openbgpd.table-v2" 2
dump table "{folder}/openbgpd.table" 2
dump table-mp "{folder}/openbgpd.table-mp" 2
"""

# Why lines may differ; each is a regular expression for a file and one for our lines.
REASONS = (
    # bgpdump reads the aggregator of eight octets in a record of two-octet AS numbers as six.
    (r'openbgpd\.table$', r'\|AG\|'),
    # bgpdump prints a table's route of a peer whose address it does not know as 0.0.0.0 of AS 0 without next hop.
    (r'bird\.rib', r'\|255\.255\.255\.255\|'),
)


PYTHON = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '.venv', 'bin', 'python')
MRTPARSE = """
import sys
try:
    import mrtparse
except ImportError:
    sys.exit()
for record in mrtparse.Reader(sys.argv[1]):
    data = record.data
    for _ in data.get('rib_entries', ()):
        print(f"{data['prefix']}/{data.get('prefix_length', data['length'])}")
    if 'peer_ip' in data and 'prefix' in data and 'rib_entries' not in data:
        print(f"{data['prefix']}/{data.get('prefix_length', data['length'])}")
    message = data.get('bgp_message', {})
    lists = [message.get('withdrawn_routes', []), message.get('nlri', [])]
    for attribute in message.get('path_attributes', ()):
        value = attribute['value']
        if isinstance(value, dict):
            lists += [value.get('nlri', []), value.get('withdrawn_routes', [])]
    for one in (one for each in lists for one in each):
        print(f"{one['prefix']}/{one.get('prefix_length', one.get('length'))}")
"""


def complain(lab, messages, port, protocol):
    """Fails if tshark finds something malformed in messages over TCP."""
    if not messages:
        return
    packets, sequence = [struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)], 1
    for message in messages:
        tcp = struct.pack('>HHIIBBHHH', 40000, port, sequence, 1, 0x50, 0x18, 65535, 0, 0) + message
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b'\xc0\0\2\1', b'\xc0\0\2\2')
        packets.append(struct.pack('<IIII', 1, 0, len(ip + tcp), len(ip + tcp)) + ip + tcp)
        sequence += len(message)
    path = lab.path(f'{protocol}.pcap')
    with open(path, 'wb') as file:
        file.write(b''.join(packets))
    words = ('-r', path, '-d', f'tcp.port=={port},{protocol}', '-V')
    text = run(program('tshark'), *words, check=False)
    wrong = re.findall(r'.*(?:Malformed|Expert Info \(Error).*', text)
    if wrong or protocol.upper() not in text.upper():
        raise Failed(f'tshark: {wrong[:3] or "no message was found"}')


class Archives(Checks):
    def __init__(self, module, extra, where, files, bmp=False, same=None):
        super().__init__(f'mrt {module.__name__}')
        self.module, self.extra, self.where, self.files, self.bmp = module, extra, where, files, bmp
        self.same = same

    def prepare(self):
        program('bgpdump')
        ours = self.lab.address(9)
        os.chmod(self.lab.folder, 0o777)
        self.collector = None
        words = {'folder': self.lab.folder, 'address': ours, 'bmp': 0}
        if self.module is gobgp:
            # GoBGP takes the name of the file for a layout of Go's time.Format: a 2 in it becomes the day of the month.
            letters = ''.join(random.choices('bcdfghkqvwxz', k=12))
            words['folder'] = os.path.join(tempfile.gettempdir(), f'oxabgp-{letters}')
            os.symlink(self.lab.folder, words['folder'])
            self.lab.closers.append(lambda: os.unlink(words['folder']))
        if self.bmp:
            words['bmp'] = self.listen(ours)
        add = self.extra.format(**words)
        # A literal for str.format, as the configurations of these modules are templates.
        add = add.replace('{', '{{').replace('}', '}}')
        kept = self.module.CONFIG
        if self.where:
            self.module.CONFIG = kept.replace(self.where, add + self.where, 1)
        else:
            self.module.CONFIG = kept + add
        if self.module is frr and self.bmp:
            bmp = FRR_BMP.format(**words)
            self.module.CONFIG = self.module.CONFIG.replace('{families}exit', '{families}' + bmp + 'exit', 1)
            spawn = self.lab.spawn

            def with_module(name, command, env=None):
                return spawn(name, [*command, '-M', 'bmp'] if name == 'frr' else command, env)

            self.lab.spawn = with_module
        session = Session('mrt', ours, 0, OUR_AS)
        self.daemon = self.module.Peer(self.lab, [session])
        self.session = session
        try:
            self.daemon.start()
            if self.module is frr:
                # Without it FRR keeps no routes from before the policy, and reports withdrawals instead.
                for family in session.families:
                    words = (f'router bgp {THEIR_AS}', f'address-family {family}')
                    keep = f'neighbor {ours} soft-reconfiguration inbound'
                    self.daemon.ask('configure terminal', *words, keep)
        finally:
            self.module.CONFIG = kept
            self.lab.__dict__.pop('spawn', None)

    def listen(self, address):
        """`oxabgp stream --bmp` as the station; its port."""
        port = self.lab.port(address)
        out = open(self.lab.path('bmp.json'), 'w')
        command = [*shlex.split(OXABGP), 'stream', '--json', '--bmp', f'{address}:{port}']
        self.collector = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        self.lab.closers.append(self.collector.kill)
        return port

    def scenarios(self):
        return [self.dumps]

    def dumps(self):
        yield 'takes our routes', self.announce
        for name in self.files:
            yield f'{name} has the lines of bgpdump', lambda name=name: self.lines(name)
        if self.same:
            first, second = self.same
            yield f'{second} has the routes of {first}', lambda: self.routes(first, second)
        if self.bmp:
            yield 'sends BMP that we read', self.monitored

    def announce(self):
        words = ['pipe', '--local-as', OUR_AS, '--peer', self.daemon.address, '--peer-as', THEIR_AS]
        words += ['--port', self.daemon.port, '--local-address', self.lab.address(9), '--router-id', '10.0.0.9']
        log = open(self.lab.path('pipe.log'), 'w')
        self.pipe = subprocess.Popen(
            [*shlex.split(OXABGP), *map(str, words)], stdin=subprocess.PIPE, stdout=log, stderr=log, text=True
        )
        self.lab.closers.append(self.pipe.kill)
        self.pipe.stdin.write(ROUTES)
        self.pipe.stdin.flush()
        for prefix in PREFIXES:
            family = 'ipv6 unicast' if ':' in prefix else 'ipv4 unicast'
            wait_for(f'it has {prefix}', lambda family=family, prefix=prefix: self.daemon.route(family, prefix))

    def lines(self, name):
        path = self.lab.path(name)

        def ours():
            return run(*shlex.split(OXABGP), 'stream', '-m', '--large-communities', path, check=False).splitlines()

        if 'updates' in name:
            wait_for(
                f'{name} has our routes',
                lambda: os.path.exists(path) and all(any(one in line for line in ours()) for one in PREFIXES),
            )
        else:
            wanted = [one for one in PREFIXES if (':' in one) == ('6' in name[-1:])] if 'bird' in name else PREFIXES[:2]
            wait_for(
                f'{name} has our routes',
                lambda: os.path.exists(path) and all(any(one in line for line in ours()) for one in wanted),
            )
        copy = self.lab.path(f'{name}.copy')
        with open(path, 'rb') as source, open(copy, 'wb') as target:
            target.write(source.read())
        path = copy
        own = [line for line in ours() if not self.has_reason(name, line)]
        theirs = run(program('bgpdump'), '-q', '-m', '-l', copy, check=False).splitlines()
        theirs = [line for line in theirs if not self.has_reason(name, line)]
        if own != theirs:
            pairs = [f'\n   ours {a}\n  bgpdump {b}' for a, b in zip(own, theirs) if a != b][:3]
            raise Failed(f'{len(own)} lines, bgpdump {len(theirs)}{"".join(pairs)}')
        self.values(copy)
        self.dissect(copy)

    def routes(self, first, second):
        """Two forms of one table are the same routes, all attributes included; no other reader knows the second form."""

        def table(name):
            lines = run(*shlex.split(OXABGP), 'stream', '--json', self.lab.path(name), check=False).splitlines()
            found = [{key: value for key, value in json.loads(line).items() if key != 'time'} for line in lines]
            return sorted(found, key=lambda one: one['prefix'])

        def equal():
            found = table(first)
            return found == table(second) and [one['prefix'] for one in found] == sorted(PREFIXES)

        # Both are written anew every two seconds.
        try:
            wait_for(f'the routes of {first} in {second}', equal)
        except Failed as why:
            raise Failed(f'{why}: {table(first)}, {table(second)}') from None

    def has_reason(self, name, line):
        return any(re.search(file, name) and re.search(pattern, line) for file, pattern in REASONS)

    def dissect(self, path):
        """tshark finds nothing malformed in the BGP messages of the file; it has no dissector for MRT itself."""
        messages = []
        with open(path, 'rb') as file:
            data = file.read()
        at = 0
        while at + 12 <= len(data):
            kind, _, length = struct.unpack_from('>HHI', data, at + 4)
            body = data[at + 12 : at + 12 + length]
            at += 12 + length
            found = body.find(b'\xff' * 16)
            if kind in (16, 17) and found >= 0:
                messages.append(body[found:])
        complain(self.lab, messages, 179, 'bgp')

    def values(self, path):
        """mrtparse has the same prefixes, if it is installed."""
        found = run(PYTHON, '-c', MRTPARSE, path, check=False)
        if not found.strip():
            return
        own = run(*shlex.split(OXABGP), 'stream', '--json', '--sent', path, check=False).splitlines()
        own = sorted(one['prefix'] for one in map(json.loads, own) if 'prefix' in one)
        if own != sorted(found.split()):
            raise Failed(f'{len(own)} prefixes, mrtparse has {len(found.split())}')

    def monitored(self):
        def elems():
            with open(self.lab.path('bmp.json')) as file:
                lines = [line for line in file.read().splitlines() if line.startswith('{')]
            return [json.loads(line) for line in lines]

        def has_all():
            found = elems()
            routes = {one['prefix'] for one in found if one['type'] == 'announcement' and 'rib' not in one}
            return set(PREFIXES) <= routes and any(one.get('new-state') == 'established' for one in found)

        try:
            wait_for('all routes and the state of the peer', has_all)
        except Failed as why:
            raise Failed(f'{why}: {elems()[:6]}') from None
        before = [one for one in elems() if 'rib' not in one and one['type'] == 'announcement']
        first = next(one for one in before if one['prefix'] == PREFIXES[0])
        # FRR 8.4 puts its own AS in front of the paths that it reports.
        path = first['as-path'].removeprefix(f'{THEIR_AS} ' if self.module is frr else '')
        if first['peer_asn'] != OUR_AS or path != '65011 64500 64501':
            raise Failed(f'a route came as {first}')


def main():
    tests = (
        Archives(bird, BIRD, '', ('bird.updates', 'bird.rib4', 'bird.rib6')),
        Archives(frr, FRR, '', ('frr.updates', 'frr.rib'), bmp=True),
        Archives(gobgp, GOBGP, '', ('gobgp.updates',), bmp=True),
        Archives(
            openbgpd,
            OPENBGPD,
            '{neighbors}',
            ('openbgpd.updates', 'openbgpd.table-v2', 'openbgpd.table'),
            same=('openbgpd.table-v2', 'openbgpd.table-mp'),
        ),
    )
    codes = [test.run() for test in tests]
    return 1 if 1 in codes else 0 if 0 in codes else 77


if __name__ == '__main__':
    sys.exit(main())
