#!/usr/bin/env python3
"""The longest turns of a daemon that ends leases and applies sets: what a keepalive may have to wait for.

    turns.py PROGRAM [N]     in a network namespace of its own; N routes, 1,000,000 unless given

Each case has a daemon of its own, and a peer that counts prefixes and UPDATEs. Printed are the longest turns with what they did, as
the status of the daemon has them, and how full the UPDATEs were.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

MARKER = b'\xff' * 16
PORT = 17900


def message(kind, body=b''):
    return MARKER + struct.pack('!HB', 19 + len(body), kind) + body


def prefixes(octets):
    count = at = 0
    while at < len(octets):
        at += 1 + (octets[at] + 7) // 8
        count += 1
    return count


class Peer(threading.Thread):
    """Counts what it is announced and withdrawn, and answers KEEPALIVEs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(('127.0.0.1', PORT))
        self.announced = self.withdrawn = self.updates = 0

    def run(self):
        stream, _ = self.listener.accept()
        capabilities = b'\x01\x04\x00\x01\x00\x01' + b'\x41\x04' + struct.pack('!I', 65001)
        optional = bytes([2, len(capabilities)]) + capabilities
        opening = struct.pack('!BHH4sB', 4, 65001, 180, b'\x0a\x00\x00\x02', len(optional)) + optional
        stream.sendall(message(1, opening) + message(4))
        received = b''
        while chunk := stream.recv(1 << 20):
            received += chunk
            at = 0
            while len(received) - at >= 19:
                length, kind = struct.unpack_from('!HB', received, at + 16)
                if len(received) - at < length:
                    break
                if kind == 2:
                    self.update(received[at + 19:at + length])
                elif kind == 4:
                    stream.sendall(message(4))
                at += length
            received = received[at:]

    def update(self, body):
        (withdrawn,) = struct.unpack_from('!H', body)
        (attributes,) = struct.unpack_from('!H', body, 2 + withdrawn)
        self.withdrawn += prefixes(body[2:2 + withdrawn])
        self.announced += prefixes(body[4 + withdrawn + attributes:])
        self.updates += 1


def until(what, holds, limit=600):
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            sys.exit(f'{what} did not happen within {limit} s')
        time.sleep(0.05)


class Daemon:
    def __init__(self, program, name):
        self.program, self.name = program, name
        self.folder = tempfile.TemporaryDirectory()
        self.socket = f'{self.folder.name}/control.sock'
        configuration = f'{self.folder.name}/oxabgp.conf'
        with open(configuration, 'w', encoding='utf-8') as file:
            file.write(f'''state {{ directory {self.folder.name}/state; }}
neighbor 127.0.0.1 {{
    router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; connect {PORT};
    family {{ ipv4 unicast; }}
}}
''')
        environment = {**os.environ, 'oxabgp_api_socketpath': self.socket, 'exabgp_api_cli': 'true', 'exabgp_tcp_bind': '', 'exabgp_daemon_user': 'root'}
        self.peer = Peer()
        self.peer.start()
        self.process = subprocess.Popen([program, 'server', configuration], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until('the session', lambda: self.peer.updates)

    def run(self, lines):
        """Sends commands, and returns the seconds until all are answered."""
        begun = time.monotonic()
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.socket)
            stream.sendall(''.join(lines).encode())
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(1 << 20):
                pass
        return time.monotonic() - begun

    def end(self):
        arguments = [self.program, 'run', '--socket', self.socket, 'system', 'status']
        status = json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)
        for turn in status['longest-turns'][:3]:
            print(f'    {json.dumps(turn)}')
        print(f'    {self.peer.announced} prefixes announced, {self.peer.withdrawn} withdrawn in {self.peer.updates} UPDATEs')
        self.process.terminate()
        self.process.wait()
        self.peer.listener.close()


def prefix(number):
    return f'{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24'


def leases(program, count):
    """Leases that end as fast as a set is applied, whose routes have them: a batch would be a long turn of its own."""
    daemon = Daemon(program, 'leases')
    routes = [f'route {prefix(number)} next-hop self lifetime 30\n' for number in range(count)]
    took = daemon.run(['set leases replace revision 1\n', *routes, 'set leases end\n'])
    until('the announcements', lambda: daemon.peer.announced >= count)
    before = daemon.peer.updates
    until('the first end of a lease', lambda: daemon.peer.withdrawn)
    begun = time.monotonic()
    until('the end of the leases', lambda: daemon.peer.withdrawn >= count)
    lasted, updates = time.monotonic() - begun, daemon.peer.updates - before
    print(f'{count} leases: announced in {took:.1f} s, withdrawn within {lasted:.1f} s in {updates} UPDATEs')
    daemon.end()


def sets(program, count):
    """A set that is streamed, and again with half of it changed."""
    daemon = Daemon(program, 'sets')
    for revision in (1, 2):
        routes = [f'route {prefix(number)} next-hop self med {revision if number % 2 else 1}\n' for number in range(count)]
        took = daemon.run([f'set edge replace revision {revision}\n', *routes, 'set edge end\n'])
        wanted = count if revision == 1 else count + count // 2
        until('the announcements', lambda: daemon.peer.announced >= wanted)
        print(f'revision {revision} of a set of {count}: {took:.1f} s')
    daemon.end()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) == 3 else 1_000_000
    for case in (leases, sets):
        case(sys.argv[1], count)


if __name__ == '__main__':
    main()
