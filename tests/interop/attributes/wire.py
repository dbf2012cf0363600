"""BGP messages as bytes, and one end of a session that the test plays itself."""

import select
import socket
import struct
import time

OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED = 0x80, 0x40, 0x20, 0x10
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
AS_TRANS = 23456


class Ended(Exception):
    """The session is over: `code` and `subcode` of the NOTIFICATION, or None if it ended without one."""

    def __init__(self, code=None, subcode=None):
        super().__init__(f'NOTIFICATION {code}/{subcode}' if code else 'closed')
        self.code, self.subcode = code, subcode


def message(kind, body=b''):
    return b'\xff' * 16 + struct.pack('!HB', 19 + len(body), kind) + body


def attribute(flags, code, value, length=None):
    """An attribute; `length` is what its length field says if that is not the truth."""
    size = len(value) if length is None else length
    if flags & EXTENDED or size > 255:
        return struct.pack('!BBH', flags | EXTENDED, code, size) + value
    return struct.pack('!BBB', flags, code, size) + value


def update(attributes=b'', nlri=b'', withdrawn=b''):
    return message(
        UPDATE, struct.pack('!H', len(withdrawn)) + withdrawn + struct.pack('!H', len(attributes)) + attributes + nlri
    )


def prefix(text):
    """The NLRI of a prefix, in either family."""
    address, length = text.split('/')
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return bytes([int(length)]) + socket.inet_pton(family, address)[: (int(length) + 7) // 8]


def prefixes(data, family=socket.AF_INET):
    """The prefixes of a field of NLRI."""
    size, at = 4 if family == socket.AF_INET else 16, 0
    while at < len(data):
        octets = (data[at] + 7) // 8
        address = data[at + 1 : at + 1 + octets].ljust(size, b'\0')
        yield f'{socket.inet_ntop(family, address)}/{data[at]}'
        at += 1 + octets


def attributes(data):
    """(flags, code, value) of well-framed attributes."""
    at = 0
    while at + 3 <= len(data):
        flags, code = data[at], data[at + 1]
        head = 4 if flags & EXTENDED else 3
        size = int.from_bytes(data[at + 2 : at + head], 'big')
        yield flags, code, data[at + head : at + head + size]
        at += head + size


class Peer:
    """A session that is up once the constructor returns."""

    def __init__(self, source, target, asn, four=True, timeout=10):
        self.buffer = b''
        self.socket = socket.socket()
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.bind((source, 0))
            self.socket.settimeout(timeout)
            self.socket.connect(target)
            self.send(self.open(source, asn, four) + message(KEEPALIVE))
            end = time.monotonic() + timeout
            while self.receive(end)[0] != KEEPALIVE:
                pass
        except BaseException:
            self.socket.close()
            raise

    @staticmethod
    def open(router_id, asn, four):
        capabilities = b''.join(struct.pack('!BBHBB', 1, 4, afi, 0, 1) for afi in (1, 2))
        if four:
            capabilities += struct.pack('!BBI', 65, 4, asn)
        options = bytes([2, len(capabilities)]) + capabilities
        short = asn if asn < 65536 else AS_TRANS
        return message(
            OPEN, struct.pack('!BHH', 4, short, 90) + socket.inet_aton(router_id) + bytes([len(options)]) + options
        )

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.poll()  # a NOTIFICATION may have come before the end
            raise Ended() from None

    def receive(self, end):
        """The next message as (type, body), until that time; TimeoutError after it."""
        while len(self.buffer) < 19 or len(self.buffer) < int.from_bytes(self.buffer[16:18], 'big'):
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b''
            if not data:
                raise Ended()
            self.buffer += data
        size = int.from_bytes(self.buffer[16:18], 'big')
        kind, body, self.buffer = self.buffer[18], self.buffer[19:size], self.buffer[size:]
        if kind == NOTIFICATION:
            raise Ended(*body[:2])
        return kind, body

    def poll(self):
        """Reads what is there, so that nothing fills up and an end is seen."""
        try:
            while True:
                self.receive(time.monotonic())
        except TimeoutError:
            pass

    def close(self):
        self.socket.close()
