"""Archives and BMP beside the programs that read them: pmbmpd refuses what lacks a Peer Up, tshark dissects every field.

Two of us make the sessions: one has routes of several kinds, the other reports and archives them. They have no FlowSpec, which
pmbmpd 1.7.7 refuses, and no description: tshark 4.0 takes the TLVs of a Peer Up for a message of BGP.
"""

import glob
import json
import shlex
import socket
import struct
import subprocess
import sys
import threading

from checks import Checks
from lab import Failed, Skip, program, user, wait_for
from speaker import OXABGP

NEIGHBOR = """\
neighbor {peer} {{
  router-id {router_id}; local-address {address}; local-as {asn}; peer-as {peer_asn};
  {options}
  family {{ ipv4 unicast; ipv6 unicast; }}
  {capability}
  {routes}
}}
"""
ROUTES = """\
static {
    route 198.51.100.0/24 next-hop 192.0.2.1 med 5 community [ 65000:1 65535:65281 ] large-community [ 65000:1:2 ];
    route 198.51.101.0/24 next-hop 192.0.2.1 as-path [ 65001 70000 3 ] aggregator ( 70000:192.0.2.7 );
    route 2001:db8:1::/48 next-hop 2001:db8::1;
  }
"""
PMBMPD = """\
bmp_daemon_ip: {address}
bmp_daemon_port: {port}
bmp_daemon_msglog_file: {log}
logfile: {logfile}
"""


class Station:
    """Records what one connection is sent."""

    def __init__(self, address):
        self.listener = socket.socket()
        self.listener.bind((address, 0))
        self.listener.listen()
        self.port, self.bytes = self.listener.getsockname()[1], b''
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        connection, _ = self.listener.accept()
        while piece := connection.recv(65536):
            self.bytes += piece

    def messages(self):
        """The types of the whole messages."""
        kinds, rest = [], self.bytes
        while len(rest) >= 6 and len(rest) >= (length := struct.unpack('!I', rest[1:5])[0]):
            kinds.append(rest[5])
            rest = rest[length:]
        return kinds


def pcap(stream, port):
    """A capture with one TCP connection that carried these bytes."""
    out = struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101)  # raw IP
    sequence, segments = 1, [(b'', 2), *((stream[at : at + 1400], 0x18) for at in range(0, len(stream), 1400))]
    for payload, flags in segments:
        tcp = struct.pack('!HHIIBBHHH', 40000, port, sequence, 0, 5 << 4, flags, 65535, 0, 0) + payload
        ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, bytes([192, 0, 2, 2]), bytes([192, 0, 2, 9]))
        sequence += len(payload) or 1
        out += struct.pack('<IIII', 1700000000, 0, len(ip + tcp), len(ip + tcp)) + ip + tcp
    return out


def archived(records):
    """The BGP messages in an archive of a session over IPv4 with four-octet AS numbers."""
    while records:
        kind, subtype, length = struct.unpack('!HHI', records[4:12])
        body, records = records[12 : 12 + length], records[12 + length :]
        if kind != 17:
            raise Failed(f'a record of type {kind}')
        if subtype != 5:  # a change of state
            yield body[24:]


class Monitoring(Checks):
    def __init__(self):
        super().__init__('monitoring')

    def prepare(self):
        lab = self.lab
        self.ours, self.theirs = lab.address(1), lab.address(2)
        self.port = lab.port(self.theirs)
        self.station = Station(lab.address(3))
        self.pm_port = lab.port(lab.address(4))
        try:
            self.pmbmpd = program('pmbmpd')
        except Skip:
            self.pmbmpd = None
        else:
            config = PMBMPD.format(
                address=lab.address(4), port=self.pm_port, log=lab.path('bmp.json'), logfile=lab.path('pmbmpd.log')
            )
            lab.spawn('pmbmpd', [self.pmbmpd, '-f', lab.write('pmbmpd.conf', config)])
        self.write('peer', self.theirs, self.ours, (65001, 65002), f'listen {self.port};', ROUTES)
        more = f"""
            mrt {{
                updates {{ file "{lab.path('updates.mrt')}"; rotate 0; }}
                table {{ file "{lab.path('in.%s.mrt')}"; every 2; }}
                table {{ file "{lab.path('out.%s.mrt')}"; every 2; table adj-rib-out; portable; }}
            }}
            bmp record {{ connect {lab.address(3)} port {self.station.port}; stats 1; retry 1; }}
            bmp pmacct {{ connect {lab.address(4)} port {self.pm_port}; stats 1; retry 1 1; }}
        """
        options = f'connect {self.port};'
        self.write('oxabgp', self.ours, self.theirs, (65002, 65001), options, ROUTES.replace('198.51', '203.0'), more)
        for name in ('peer', 'oxabgp'):
            self.start(name)

    def write(self, name, address, peer, numbers, options, routes, more=''):
        text = NEIGHBOR.format(
            peer=peer,
            address=address,
            router_id=address.replace('127.', '10.'),
            asn=numbers[0],
            peer_asn=numbers[1],
            options=options,
            routes=routes,
            capability='capability { add-path send/receive; }',
        )
        self.lab.write(f'{name}.conf', text + more)

    def start(self, name):
        env = {
            'exabgp_api_cli': 'false',
            'exabgp_daemon_user': user(),
            'exabgp_log_destination': 'stderr',
            'exabgp_log_level': 'INFO',
            'exabgp_tcp_bind': '',
        }
        self.lab.spawn(name, [*shlex.split(OXABGP), 'server', self.lab.path(f'{name}.conf')], env)

    def scenarios(self):
        return [self.bmp, self.pmacct, self.mrt]

    def bmp(self):
        yield 'a station is sent every type of message', self.all_types
        yield 'tshark dissects BMP without a complaint', self.tshark_bmp

    def all_types(self):
        # Initiation, Peer Up, routes, statistics.
        wait_for('messages of BMP', lambda: {0, 1, 3, 4} <= set(self.station.messages()))
        kinds = self.station.messages()
        if kinds[:2] != [4, 3]:
            raise Failed(f'the messages begin with {kinds[:2]}')

    def tshark_bmp(self):
        path = self.lab.path('bmp.pcap')
        with open(path, 'wb') as file:
            file.write(pcap(self.station.bytes, 1790))
        self.tshark(path, '-d', 'tcp.port==1790,bmp')
        shown = run([program('tshark'), '-r', path, '-d', 'tcp.port==1790,bmp', '-V'])
        for text in ('BGP Monitoring Protocol', 'Peer Up Notification', 'Route Monitoring', 'Statistics Report'):
            if text not in shown:
                raise Failed(f'tshark does not show `{text}`')

    def tshark(self, path, *options):
        """Everything that tshark complains about."""
        expert = run([program('tshark'), '-r', path, *options, '-q', '-z', 'expert,note'])
        wrong = [line for line in expert.splitlines() if any(word in line for word in ('BGP', 'BMP', 'MRT', 'Malformed'))]
        if wrong:
            raise Failed('tshark complains: ' + '; '.join(wrong))

    def pmacct(self):
        yield 'pmbmpd takes the session and its routes', self.pmbmpd_takes

    def pmbmpd_takes(self):
        if not self.pmbmpd:
            raise Skip('pmbmpd is not installed (Debian package pmacct)')

        def events():
            try:
                with open(self.lab.path('bmp.json')) as file:
                    return [json.loads(line) for line in file if line.endswith('\n')]
            except FileNotFoundError:
                return []

        def prefixes(out):
            def is_out(event):
                return str(event.get('is_out', 0)) == '1'

            return {
                event['ip_prefix']
                for event in events()
                if event.get('event_type') == 'log' and 'ip_prefix' in event and is_out(event) == out
            }

        wait_for(
            'the routes that we were sent', lambda: {'198.51.100.0/24', '198.51.101.0/24', '2001:db8:1::/48'} <= prefixes(False)
        )
        wait_for('the routes that we have sent', lambda: '203.0.100.0/24' in prefixes(True))

        def kinds():
            return {event.get('bmp_msg_type') for event in events()}

        wait_for('Initiation, Peer Up and statistics', lambda: {'init', 'peer_up', 'stats'} <= kinds())
        with open(self.lab.path('pmbmpd.log')) as log:
            wrong = [line for line in log if 'discarded' in line or 'ERROR' in line or 'missing' in line]
        if wrong:
            raise Failed(''.join(wrong))

    def mrt(self):
        yield 'bgpdump reads the tables and the messages', self.bgpdump
        yield 'tshark dissects the archived messages without a complaint', self.tshark_mrt

    def tables(self, side):
        return sorted(glob.glob(self.lab.path(f'{side}.*.mrt')))

    def bgpdump(self):
        bgpdump = program('bgpdump')

        def lines(path):
            return run([bgpdump, '-m', path])

        for side, prefix in (('in', '198.51.100.0/24'), ('out', '203.0.100.0/24')):
            wait_for(f'the table {side}', lambda: any(prefix in lines(path) for path in self.tables(side)))
        updates = lines(self.lab.path('updates.mrt'))
        for text in ('|A|', '198.51.101.0/24|', '|STATE|'):
            if text not in updates:
                raise Failed(f'no `{text}` in\n{updates}')

    def tshark_mrt(self):
        # It does not know MRT, but what the records hold.
        path = self.lab.path('bgp.pcap')
        with open(self.lab.path('updates.mrt'), 'rb') as file:
            messages = b''.join(archived(file.read()))
        with open(path, 'wb') as file:
            file.write(pcap(messages, 179))
        self.tshark(path)
        shown = run([program('tshark'), '-r', path, '-V'])
        for text in ('OPEN Message', 'UPDATE Message', 'KEEPALIVE Message', '198.51.101.0/24'):
            if text not in shown:
                raise Failed(f'tshark does not show `{text}`')


def run(command):
    """What a program prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, errors='replace', timeout=60)
    if done.returncode:
        raise Failed(f'{shlex.join(command)}: exit code {done.returncode}: {done.stderr}')
    return done.stdout


if __name__ == '__main__':
    sys.exit(Monitoring().run())
