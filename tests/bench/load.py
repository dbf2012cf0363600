#!/usr/bin/env python3
"""The programs at both ends of a daemon that `compare` measures. Standard library only.

    load.py announce N GO             a helper: prints N `announce route` lines once the file GO exists
    load.py count N OUT               a helper: counts the prefixes in the JSON events that it reads
    load.py sink ADDRESS PORT N OUT   a peer: counts the prefixes that it is sent
    load.py flood ADDRESS PORT N GO OUT   a peer: sends N prefixes once GO exists

The table is a function of N: distinct /24s, six in a row with the same AS path and communities. Times are seconds of
CLOCK_MONOTONIC, which all processes share. The results are JSON, written to the file OUT.
"""

import json
import os
import socket
import struct
import sys
import threading
import time

PEER_AS, HOLD = 65001, 180
MARKER = b'\xff' * 16
GROUP = 6


def attributes(number):
    """AS path and communities of the `number`th set."""
    high, low = number >> 10 & 0x3FF, number & 0x3FF
    path = [65000, 6453, 41000 + high, 50000 + low, 7312][: 3 + number % 3]
    return path, [(6453, 2000 + high), (6453, 4000 + low)][: number % 3]


def prefix(number):
    return 1 + (number >> 16), number >> 8 & 0xFF, number & 0xFF


def lines(count):
    for first in range(0, count, GROUP):
        path, communities = attributes(first // GROUP)
        tail = f' next-hop 192.0.2.1 as-path [ {" ".join(map(str, path))} ]'
        if communities:
            tail += f' community [ {" ".join(f"{a}:{b}" for a, b in communities)} ]'
        for number in range(first, min(first + GROUP, count)):
            yield 'announce route %d.%d.%d.0/24' % prefix(number) + tail


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


def announce(count, go):
    text = memoryview(('\n'.join(lines(count)) + '\n').encode())
    threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(0, 1 << 16), b'')], daemon=True).start()
    wait_for(go)
    start = time.monotonic()
    while text:
        text = text[os.write(1, text[: 1 << 20]):]
    with open(go + '.start', 'w') as out:
        out.write(str(start))
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


def session(address, port, up):
    """Accepts a connection and establishes the session; then creates the file `up`. Returns what was read behind."""
    listener = socket.create_server((address, port))
    peer, _ = listener.accept()
    capabilities = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack('!I', PEER_AS)
    parameters = bytes([2, len(capabilities)]) + capabilities
    body = struct.pack('!BHH4sB', 4, PEER_AS, HOLD, bytes([10, 0, 0, 2]), len(parameters)) + parameters
    peer.sendall(MARKER + struct.pack('!HB', 19 + len(body), 1) + body + MARKER + struct.pack('!HB', 19, 4))
    data, types = b'', []
    while 4 not in types:
        chunk = peer.recv(1 << 16)
        if not chunk:
            sys.exit('the daemon closed the connection')
        data += chunk
        while len(data) >= 19 and len(data) >= (length := struct.unpack_from('!H', data, 16)[0]):
            types.append(data[18])
            data = data[length:]
            if types[-1] == 4:
                break
    open(up, 'w').close()
    return peer, data


def prefixes(data):
    """How many IPv4 prefixes whole messages announce, and where the rest begins."""
    at, seen = 0, 0
    while len(data) - at >= 19:
        length, kind = struct.unpack_from('!HB', data, at + 16)
        if len(data) - at < length:
            break
        if kind == 2:
            withdrawn = struct.unpack_from('!H', data, at + 19)[0]
            nlri = at + 23 + withdrawn + struct.unpack_from('!H', data, at + 21 + withdrawn)[0]
            end = at + length
            while nlri < end:
                nlri += 1 + (data[nlri] + 7) // 8
                seen += 1
        elif kind == 3:
            sys.exit(f'NOTIFICATION {data[at + 19:at + length].hex()}')
        at += length
    return seen, at


def sink(address, port, count, out):
    peer, rest = session(address, port, out + '.up')
    seen, size, first, samples = 0, 0, None, []
    while seen < count:
        chunk = peer.recv(1 << 20)
        if not chunk:
            sys.exit('the daemon closed the connection')
        now = time.monotonic()
        data = rest + chunk
        more, end = prefixes(data)
        rest = data[end:]
        if more:
            first = first or now
            seen, size = seen + more, size + end
            samples.append((now, seen))
    step = max(1, len(samples) // 200)
    report(out, first=first, end=time.monotonic(), prefixes=seen, bytes=size, samples=samples[::step] + samples[-1:])
    while peer.recv(1 << 20):
        pass


def flood(address, port, count, go, out):
    data = b''.join(updates(count))
    peer, _ = session(address, port, out + '.up')
    threading.Thread(target=lambda: [None for _ in iter(lambda: peer.recv(1 << 16), b'')], daemon=True).start()
    wait_for(go)
    start = time.monotonic()
    peer.sendall(data)
    report(out, start=start, sent=time.monotonic())
    while True:
        time.sleep(HOLD / 3)
        peer.sendall(MARKER + struct.pack('!HB', 19, 4))


if __name__ == '__main__':
    command, *words = sys.argv[1:]
    words = [int(word) if word.isdigit() else word for word in words]
    {'announce': announce, 'count': read_events, 'sink': sink, 'flood': flood}[command](*words)
