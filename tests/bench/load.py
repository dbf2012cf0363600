#!/usr/bin/env python3
"""The programs at both ends of a daemon that `compare` measures, except the peers that receive routes: `sink/main.rs`.

    load.py announce N GROUP CHURN GO MORE   a helper: prints N `announce route` lines once the file GO exists, and CHURN of them
                                      with other attributes once MORE exists
    load.py churn N ROUNDS GO         a helper: the same table, and ROUNDS times more, each time with attributes that it has not had
    load.py flips N GO OUT            a helper: announces a route N times with other attributes, one after the other, once GO exists
    load.py count N OUT               a helper: counts the prefixes in the JSON events that it reads
    load.py flood PORT N GO OUT   a peer: sends N prefixes once GO exists

The table is a function of N: distinct /24s, GROUP in a row with the same AS path and communities; six, if not given. Times are seconds of
CLOCK_MONOTONIC, which all processes share. The results are JSON, written to the file OUT.
"""

import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

PEER_AS, HOLD = 65001, 180
MARKER = b'\xff' * 16
KEEPALIVE = MARKER + struct.pack('!HB', 19, 4)
GROUP = 6


def attributes(number):
    """AS path and communities of the `number`th set."""
    high, low = number >> 10 & 0x3FF, number & 0x3FF
    path = [65000, 6453 + (number >> 20), 41000 + high, 50000 + low, 7312][: 3 + number % 3]
    return path, [(6453, 2000 + high), (6453, 4000 + low)][: number % 3]


def prefix(number):
    return 1 + (number >> 16), number >> 8 & 0xFF, number & 0xFF


def address(number):
    """The address of the `number`th peer."""
    return f'127.1.{number // 250}.{number % 250 + 1}'


def lines(count, group=GROUP, offset=0, verb='announce route'):
    for first in range(0, count, group):
        path, communities = attributes(first // group + offset)
        tail = f' next-hop 192.0.2.1 as-path [ {" ".join(map(str, path))} ]'
        if communities:
            tail += f' community [ {" ".join(f"{a}:{b}" for a, b in communities)} ]'
        for number in range(first, min(first + group, count)):
            yield verb + ' %d.%d.%d.0/24' % prefix(number) + tail


def archive(count, group=GROUP):
    """The table as an archive: TABLE_DUMP_V2 of RFC 6396."""
    def record(subtype, body):
        return struct.pack('!IHHI', 0, 13, subtype, len(body)) + body

    yield record(1, bytes([10, 0, 0, 9]) + struct.pack('!HHB', 0, 1, 2) + bytes([10, 0, 0, 8, 127, 0, 0, 8]) + struct.pack('!I', 65000))
    for number in range(count):
        path, communities = attributes(number // group)
        body = bytes([0x40, 1, 1, 0, 0x40, 2, 2 + 4 * len(path), 2, len(path)])
        body += struct.pack(f'!{len(path)}I', *path) + bytes([0x40, 3, 4, 127, 0, 0, 1])
        if communities:
            body += bytes([0xC0, 8, 4 * len(communities)]) + b''.join(struct.pack('!HH', *one) for one in communities)
        entry = struct.pack('!HIH', 0, 0, len(body)) + body
        yield record(2, struct.pack('!I', number) + bytes([24, *prefix(number)]) + struct.pack('!H', 1) + entry)


def updates(count):
    """The same table as UPDATEs of a peer in AS 65001."""
    for first in range(0, count, GROUP):
        path, communities = attributes(first // GROUP)
        path = [PEER_AS, *path[1:]]
        body = bytes([0x40, 1, 1, 0, 0x40, 2, 2 + 4 * len(path), 2, len(path)])
        body += struct.pack(f'!{len(path)}I', *path) + bytes([0x40, 3, 4, 127, 0, 0, 10])
        if communities:
            body += bytes([0xC0, 8, 4 * len(communities)])
            body += b''.join(struct.pack('!HH', *one) for one in communities)
        routes = b''.join(bytes([24, *prefix(number)]) for number in range(first, min(first + GROUP, count)))
        yield MARKER + struct.pack('!HBHH', 23 + len(body) + len(routes), 2, 0, len(body)) + body + routes


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.005)


def write(text):
    text = memoryview(text)
    while text:
        text = text[os.write(1, text[: 1 << 20]):]


def begin(go):
    """Reads answers in the background, and waits for the file GO. Notes when that was."""
    threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(0, 1 << 16), b'')], daemon=True).start()
    wait_for(go)
    note(go)


def note(go):
    """Notes that this helper has begun."""
    with open(go + '.start.part', 'w') as out:
        out.write(str(time.monotonic()))
    os.rename(go + '.start.part', go + '.start')


def announce(count, group, churn, go, more):
    text = ('\n'.join(lines(count, group)) + '\n').encode()
    again = ('\n'.join(lines(churn, group, offset=700_001)) + '\n').encode()
    begin(go)
    write(text)
    if churn:
        wait_for(more)
        note(more)
        write(again)
    threading.Event().wait()


def churn(count, rounds, go):
    texts = [('\n'.join(lines(count, GROUP, offset=number * (count // GROUP + 1))) + '\n').encode() for number in range(rounds + 1)]
    begin(go)
    for text in texts:
        write(text)
    threading.Event().wait()


def flips(count, go, out):
    begin(go)
    times = []
    for number in range(count):
        line = f'announce route 10.0.0.0/24 next-hop 192.0.2.1 med {number}\n'.encode()
        times.append(time.monotonic())
        os.write(1, line)
        time.sleep(0.004)
    report(out, times=times)
    threading.Event().wait()


def report(path, **values):
    with open(path + '.part', 'w') as out:
        json.dump(values, out)
    os.rename(path + '.part', path)


def read_events(count, out):
    seen, rest = 0, b''
    while seen < count:
        chunk = os.read(0, 1 << 20)
        if not chunk:
            return
        # A key that is cut by the end of a chunk counts with the next one.
        text = rest + chunk
        seen += text.count(b'"nlri"')
        rest = text[-5:]
    report(out, end=time.monotonic(), prefixes=seen)
    while os.read(0, 1 << 20):
        pass


class Peer:
    """One end of a session, in AS 65001."""

    def __init__(self, number, port, hold=HOLD):
        self.number, self.hold, self.socket = number, hold, None
        self.listener = socket.create_server((address(number), port))

    def open(self):
        capabilities = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack('!I', PEER_AS)
        parameters = bytes([2, len(capabilities)]) + capabilities
        router_id = bytes([10, 1, self.number >> 8, self.number & 0xFF])
        body = struct.pack('!BHH4sB', 4, PEER_AS, self.hold, router_id, len(parameters)) + parameters
        self.socket.sendall(MARKER + struct.pack('!HB', 19 + len(body), 1) + body + KEEPALIVE)

    def establish(self):
        """Reads until the daemon's first KEEPALIVE."""
        data = b''
        while True:
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                sys.exit('the daemon closed the connection')
            data += chunk
            while len(data) >= 19 and len(data) >= (length := struct.unpack_from('!H', data, 16)[0]):
                if data[18] == 4:
                    return
                if data[18] == 3:
                    sys.exit(f'NOTIFICATION {data[19:length].hex()}')
                data = data[length:]


def connections(peers):
    """Accepts the connections of the daemon, which may try more than once."""
    selector = selectors.DefaultSelector()
    for peer in peers:
        selector.register(peer.listener, selectors.EVENT_READ, peer)
    waiting = len(peers)
    while waiting:
        for key, _ in selector.select():
            peer = key.data
            again = peer.socket is not None
            peer.socket = peer.listener.accept()[0]
            waiting -= not again
    selector.close()


def keepalives(peers):
    while True:
        time.sleep(peers[0].hold / 4)
        for peer in peers:
            peer.socket.sendall(KEEPALIVE)


def flood(port, count, go, out):
    data = b''.join(updates(count))
    peer = Peer(0, port)
    open(out + '.listening', 'w').close()
    connections([peer])
    peer.open()
    peer.establish()
    open(out + '.up', 'w').close()
    threading.Thread(target=lambda: [None for _ in iter(lambda: peer.socket.recv(1 << 16), b'')], daemon=True).start()
    wait_for(go)
    start = time.monotonic()
    peer.socket.sendall(data)
    report(out, start=start, sent=time.monotonic())
    keepalives([peer])


if __name__ == '__main__':
    command, *words = sys.argv[1:]
    words = [int(word) if word.isdigit() else word for word in words]
    {'announce': announce, 'churn': churn, 'flips': flips, 'count': read_events, 'flood': flood}[command](*words)
