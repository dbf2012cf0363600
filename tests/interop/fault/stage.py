"""A daemon with peers in another network, all kept from the start of a fault to its end."""

import os
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time

import wire
from lab import Failed, Lab
from speaker import Speaker

PORT, OURS, THEIRS = 1790, 65000, 65010
HOLD = 9  # seconds; keepalives come every third of it
ADDRESS = '10.1.255.1'
ROUTES = 100


def prefixes(first, count):
    """That many prefixes, of which no other first number has any."""
    return [f'10.{first + number // 250}.{number % 250}.0/24' for number in range(count)]


class Network:
    """Our namespace with the peers, one with the daemon, and a router between them that can drop packets."""

    def __init__(self):
        self.router, self.daemon = Namespace(), Namespace()
        ip('link set lo up')
        ip('link add peers type veth peer name inner')
        ip(f'link set inner netns {self.router.pid}')
        ip('addr add 10.2.0.1/24 dev peers')
        ip('link set peers up')
        ip('route add local 10.1.0.0/17 dev lo')
        self.router.ip('link set lo up')
        self.router.ip('link add outer type veth peer name daemon')
        self.router.ip(f'link set daemon netns {self.daemon.pid}')
        self.router.ip('addr add 10.2.0.2/24 dev inner')
        self.router.ip('addr add 10.1.255.254/24 dev outer')
        self.router.ip('link set inner up')
        self.router.ip('link set outer up')
        self.router.ip('route add 10.1.0.0/17 via 10.2.0.1')
        self.router.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
        self.daemon.ip('link set lo up')
        self.daemon.ip(f'addr add {ADDRESS}/24 dev daemon')
        self.daemon.ip('link set daemon up')
        self.daemon.ip('route add 10.1.0.0/17 via 10.1.255.254')
        ip('route add 10.1.255.0/24 via 10.2.0.2')

    def without_offloads(self):
        """Makes the daemon's system send packets that are no larger than the MTU."""
        self.daemon.run(sys.executable, '-c', OFFLOADS)

    def close(self):
        self.router.close()
        self.daemon.close()


class Namespace:
    def __init__(self):
        self.process = subprocess.Popen(['unshare', '--net', 'sleep', 'infinity'])
        self.pid = self.process.pid
        self.enter = ['nsenter', '--target', str(self.pid), '--net']
        while os.readlink(f'/proc/{self.pid}/ns/net') == os.readlink('/proc/self/ns/net'):
            time.sleep(0.01)

    def run(self, *command):
        subprocess.run([*self.enter, *command], check=True)

    def ip(self, line):
        self.run('ip', *line.split())

    def close(self):
        self.process.kill()
        self.process.wait()


OFFLOADS = """
import ctypes, fcntl, socket, struct
probe = socket.socket()
for option in (0x1F, 0x24, 0x19):  # ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SSG: TSO, GSO, scatter-gather
    value = ctypes.create_string_buffer(struct.pack('II', option, 0))
    fcntl.ioctl(probe, 0x8946, struct.pack('16sP', b'daemon', ctypes.addressof(value)) + bytes(16))  # SIOCETHTOOL
"""


def ip(line):
    subprocess.run(['ip', *line.split()], check=True)


class Peer(threading.Thread):
    """A peer that the daemon connects to: it takes every connection, keeps the session, and remembers what it saw."""

    def __init__(self, number, announced=()):
        super().__init__(daemon=True)
        self.address, self.announced = f'10.1.0.{number}', list(announced)
        self.routes, self.sessions, self.up = set(), 0, False
        self.paused = self.closed = False
        self.silence = 0.0  # longest time without a message in an established session
        self.changed = threading.Condition()
        self.connection = None
        self.listen()
        self.start()

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, PORT))
        self.listener.listen(64)

    def run(self):
        while not self.closed:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                time.sleep(0.05)  # closed for now, or for good
                continue
            try:
                self.talk(connection)
            except (OSError, ValueError, wire.Ended):
                pass  # ValueError: closed in the meantime
            connection.close()
            with self.changed:
                self.up, self.connection = False, None
                self.routes.clear()
                self.changed.notify_all()

    def talk(self, connection):
        peer = wire.Peer.__new__(wire.Peer)
        peer.socket, peer.buffer, self.connection = connection, b'', connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.send(wire.Peer.open(self.address, THEIRS, True) + wire.message(wire.KEEPALIVE))
        heard = due = time.monotonic()
        while True:
            while self.paused and not self.closed:
                time.sleep(0.02)
                heard = time.monotonic()
            now = time.monotonic()
            if now >= due:
                peer.send(wire.message(wire.KEEPALIVE))
                due = now + HOLD / 3
            try:
                kind, body = peer.receive(min(due, now + 0.1))
            except TimeoutError:
                if time.monotonic() - heard > HOLD:
                    return  # its hold timer
                continue
            if self.up:
                self.silence = max(self.silence, time.monotonic() - heard)
            heard = time.monotonic()
            with self.changed:
                if kind == wire.KEEPALIVE and not self.up:
                    self.up, self.sessions = True, self.sessions + 1
                    if self.announced:
                        peer.send(announcement(self.announced, self.address))
                if kind == wire.UPDATE:
                    self.take(body)
                self.changed.notify_all()

    def take(self, body):
        withdrawn = struct.unpack_from('!H', body)[0]
        size = struct.unpack_from('!H', body, 2 + withdrawn)[0]
        self.routes.difference_update(wire.prefixes(body[2 : 2 + withdrawn]))
        self.routes.update(wire.prefixes(body[4 + withdrawn + size :]))

    def wait(self, what, condition, timeout):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise Failed(f'{self.address}: {what}: not within {timeout:g} s')

    def deafen(self):
        """Refuses connections until `listen` is called again."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # also wakes the thread that waits in accept()
        except OSError:
            pass
        self.listener.close()

    def close(self):
        self.closed, self.paused = True, False
        self.deafen()
        reset(self.connection)


def reset(connection):
    """Ends a connection with RST."""
    if connection:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            connection.shutdown(socket.SHUT_RD)
            connection.close()
        except OSError:
            pass


def announcement(nlri, hop):
    path = bytes([2, 1]) + struct.pack('!I', THEIRS)
    attributes = wire.attribute(0x40, 1, b'\0') + wire.attribute(0x40, 2, path)
    attributes += wire.attribute(0x40, 3, socket.inet_aton(hop))
    data = b''
    for at in range(0, len(nlri), 500):
        data += wire.update(attributes, b''.join(map(wire.prefix, nlri[at : at + 500])))
    return data


NEIGHBOR = """\
neighbor {peer} {{
  router-id {address}; local-address {address}; local-as {asn}; peer-as {peer_asn};
  hold-time {hold}; {options}
  family {{ ipv4 unicast; }}
  api {{ processes [ test ]; neighbor-changes; receive {{ parsed; update; }} }}
}}
"""


def neighbor(number, options='', address=None):
    return NEIGHBOR.format(
        peer=address or f'10.1.0.{number}', address=ADDRESS, asn=OURS, peer_asn=THEIRS, hold=HOLD,
        options=options or f'connect {PORT};',
    )  # fmt: skip


class Stage:
    """Two bystanders that must notice nothing, one victim, and a daemon that announces routes to all."""

    def __init__(self, network, binary, extra='', victim='', env=None):
        self.network, self.lab = network, Lab('faults')
        self.peers = [Peer(number, prefixes(100 + number, 10)) for number in (1, 2, 3)]
        self.victim, self.bystanders = self.peers[0], self.peers[1:]
        text = extra.replace('FOLDER', self.lab.folder)
        text += ''.join(neighbor(number, victim if number == 1 else '') for number in (1, 2, 3))
        command = shlex.join([*network.daemon.enter, binary])
        self.speaker = Speaker(self.lab, 'oxabgp', text, command)
        self.text, self.env, self.wanted = text, env or {}, set()
        try:
            self.spawn()
        except Exception:
            for line in self.lab.log('oxabgp').splitlines()[-8:]:
                print(f'  oxabgp | {line[:180]}')
            self.close()
            raise

    def spawn(self):
        original = self.lab.spawn
        self.lab.spawn = lambda name, command, env=None: original(name, command, {**(env or {}), **self.env})
        try:
            self.speaker.start()
        finally:
            self.lab.spawn = original

    @property
    def pid(self):
        """The daemon itself: nsenter only becomes it."""
        return self.speaker.process.pid

    def begin(self, count=ROUTES):
        """Up with all routes on both sides."""
        self.announce(prefixes(10, count))
        self.settled(60)
        for peer in self.peers:
            peer.silence = 0.0

    def announce(self, nlri):
        lines = [f'announce route {prefix} next-hop self' for prefix in nlri]
        for at in range(0, len(lines), 500):
            self.speaker.helper.sendall('\n'.join(lines[at : at + 500]).encode() + b'\n')
        self.wanted |= set(nlri)

    def settled(self, timeout, peers=None):
        """Waits until these peers have exactly our routes; seconds that took."""
        begin = time.monotonic()
        for peer in peers or self.peers:
            left = timeout - (time.monotonic() - begin)
            what = f'{len(self.wanted)} routes'
            peer.wait(what, lambda peer=peer: peer.up and peer.routes == self.wanted, max(left, 0.1))
        return time.monotonic() - begin

    def recovered(self, since, timeout):
        """Seconds from then until the victim has everything again, in a new session."""
        begin = time.monotonic()
        self.victim.wait('another session', lambda: self.victim.sessions > 1 and self.victim.up, timeout)
        self.settled(timeout - (time.monotonic() - begin), [self.victim])
        return time.monotonic() - since

    def undisturbed(self):
        """The bystanders kept their sessions and their routes, and heard from the daemon in time."""
        for peer in self.bystanders:
            if peer.sessions != 1 or not peer.up:
                raise Failed(f'{peer.address} lost its session: {peer.sessions} sessions')
            if peer.silence > HOLD:
                raise Failed(f'{peer.address} heard nothing for {peer.silence:.1f} s')
        self.settled(HOLD, self.bystanders)

    def close(self, keep=False):
        for peer in self.peers:
            peer.close()
        self.lab.close(keep)

