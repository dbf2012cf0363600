"""The cases of the matrix: every attribute with everything that can be wrong with it.

A case is one UPDATE for one prefix. `beside` stands among the good attributes of a route; `alone` is the only attribute of
an UPDATE without routes. What a kind of session changes (the AS numbers of the peer, their width) is in `Kind`.
"""

import socket
import struct
from typing import NamedTuple

from wire import AS_TRANS, EXTENDED, OPTIONAL, PARTIAL, TRANSITIVE, attribute, prefix, update

LOCAL_AS, PEER_AS, MEMBER_AS, NEIGHBOR_MEMBER_AS = 65000, 65010, 64512, 64513
FAR, WIDE = 64999, 4200000000  # an AS behind the peer; one of four octets
OLD_MED, NEW_MED, SENT_PREFERENCE = 1, 10, 200

NAMES = {
    1: 'ORIGIN', 2: 'AS_PATH', 3: 'NEXT_HOP', 4: 'MULTI_EXIT_DISC', 5: 'LOCAL_PREF', 6: 'ATOMIC_AGGREGATE',
    7: 'AGGREGATOR', 8: 'COMMUNITIES', 9: 'ORIGINATOR_ID', 10: 'CLUSTER_LIST', 14: 'MP_REACH_NLRI',
    15: 'MP_UNREACH_NLRI', 16: 'EXTENDED COMMUNITIES', 17: 'AS4_PATH', 18: 'AS4_AGGREGATOR', 22: 'PMSI_TUNNEL',
    23: 'TUNNEL_ENCAPSULATION', 25: 'IPV6 EXT. COMMUNITIES', 26: 'AIGP', 29: 'BGP-LS', 32: 'LARGE_COMMUNITY',
    35: 'OTC', 40: 'PREFIX_SID', 99: 'unknown', 0: 'UPDATE',
}  # fmt: skip


class Kind(NamedTuple):
    """A kind of session."""

    name: str
    peer_as: int
    four: bool  # four-octet AS numbers
    net: int  # third octet of the peers' addresses

    @property
    def external(self):
        return self.peer_as == PEER_AS

    def asn(self, number):
        return struct.pack('!I' if self.four else '!H', number)

    def segment(self, kind, *numbers):
        return bytes([kind, len(numbers)]) + b''.join(map(self.asn, numbers))

    def path(self, *numbers):
        """The path that such a peer sends: its own AS, its member AS, or nothing, before the others."""
        if self.external:
            return self.segment(2, PEER_AS, *numbers)
        head = self.segment(3, NEIGHBOR_MEMBER_AS) if self.peer_as == NEIGHBOR_MEMBER_AS else b''
        return head + self.segment(2, *numbers)


IBGP = Kind('iBGP', LOCAL_AS, True, 0)
EBGP = Kind('eBGP', PEER_AS, True, 1)
NARROW = Kind('eBGP, 2-octet AS', PEER_AS, False, 2)
CONFEDERATION = Kind('confederation', NEIGHBOR_MEMBER_AS, True, 3)
KINDS = (IBGP, EBGP, NARROW, CONFEDERATION)


class Place(NamedTuple):
    """Where a case is played: the kind of session, our address, and the prefixes of the two families."""

    kind: Kind
    source: str
    v4: str
    v6: str

    def hop6(self):
        return socket.inet_pton(socket.AF_INET6, '2001:db8:1::77')

    def reach(self, hop=None, nlri=None, reserved=0, afi=2, safi=1):
        hop = self.hop6() if hop is None else hop
        nlri = prefix(self.v6) if nlri is None else nlri
        return struct.pack('!HBB', afi, safi, len(hop)) + hop + bytes([reserved]) + nlri

    def unreach(self, nlri=None, afi=2, safi=1):
        return struct.pack('!HB', afi, safi) + (prefix(self.v6) if nlri is None else nlri)


# Flags and the good value of each attribute.
GOOD = {
    1: (TRANSITIVE, lambda place: b'\0'),
    2: (TRANSITIVE, lambda place: place.kind.path(FAR)),
    3: (TRANSITIVE, lambda place: socket.inet_aton(place.source)),
    4: (OPTIONAL, lambda place: struct.pack('!I', NEW_MED)),
    5: (TRANSITIVE, lambda place: struct.pack('!I', SENT_PREFERENCE)),
    6: (TRANSITIVE, lambda place: b''),
    7: (OPTIONAL | TRANSITIVE, lambda place: place.kind.asn(FAR) + bytes([192, 0, 2, 9])),
    8: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!HH', PEER_AS, 77)),
    9: (OPTIONAL, lambda place: bytes([192, 0, 2, 11])),
    10: (OPTIONAL, lambda place: bytes([192, 0, 2, 12])),
    14: (OPTIONAL, Place.reach),
    15: (OPTIONAL, Place.unreach),
    16: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!BBHI', 0, 2, PEER_AS, 77)),
    17: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!BBI', 2, 1, WIDE)),
    18: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!I', WIDE) + bytes([192, 0, 2, 9])),
    22: (OPTIONAL | TRANSITIVE, lambda place: bytes([0, 6, 0, 0x10, 0, 192, 0, 2, 9])),
    23: (OPTIONAL | TRANSITIVE, lambda place: bytes([0, 8, 0, 10, 4, 8, 3, 11, 0, 0, 0, 0, 0, 100])),
    25: (OPTIONAL | TRANSITIVE, lambda place: bytes([0, 2]) + place.hop6() + bytes([0, 77])),
    26: (OPTIONAL, lambda place: bytes([1, 0, 11]) + bytes([0, 0, 0, 0, 0, 0, 0, 50])),
    29: (OPTIONAL, lambda place: bytes([4, 2, 0, 2]) + b'r1'),
    32: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!III', PEER_AS, 7, 77)),
    35: (OPTIONAL | TRANSITIVE, lambda place: struct.pack('!I', PEER_AS)),
    40: (OPTIONAL | TRANSITIVE, lambda place: bytes([1, 0, 7, 0, 0, 0, 0, 0, 0, 77])),
    99: (OPTIONAL | TRANSITIVE, lambda place: b'ab'),
}
# Another good value, for the second of two; those that are not here get the same one twice.
OTHER = {
    1: lambda place: b'\1',
    4: lambda place: struct.pack('!I', NEW_MED + 1),
    5: lambda place: struct.pack('!I', SENT_PREFERENCE + 1),
    8: lambda place: struct.pack('!HH', PEER_AS, 78),
    32: lambda place: struct.pack('!III', PEER_AS, 7, 78),
    99: lambda place: b'cd',
}


MAY_BE_EMPTY = (2, 6)


class Case(NamedTuple):
    code: int
    defect: str
    alone: bool
    build: object  # function of a Place to the message
    family: str = 'v4'  # the prefix that it is about

    @property
    def label(self):
        return f'{NAMES[self.code]}: {self.defect}{", alone" if self.alone else ""}'


def base(place, without=(), family='v4'):
    """The good attributes of a route by code."""
    codes = [1, 2, 14] if family == 'v6' else [1, 2, 3]
    if not place.kind.external:
        codes.append(5)
    found = {code: attribute(GOOD[code][0], code, GOOD[code][1](place)) for code in codes if code not in without}
    if 5 in found:
        found[5] = attribute(TRANSITIVE, 5, struct.pack('!I', 100))
    return found


def old(place, family):
    """The route as it was before the case."""
    found = base(place, family=family)
    found[4] = attribute(OPTIONAL, 4, struct.pack('!I', OLD_MED))
    return update(b''.join(found[code] for code in sorted(found)), prefix(place.v4) if family == 'v4' else b'')


def beside(code, defect, raw, family=None):
    """A route with these bytes in the place of that attribute; `raw` is a function of a Place."""
    family = family or ('v6' if code in (14, 15) else 'v4')

    def build(place):
        found = base(place, without=(14,) if code in (14, 15) else (), family=family)
        found[code] = raw(place)
        if code == 18 and not place.kind.four:  # what it extends
            found[7] = attribute(GOOD[7][0], 7, place.kind.asn(AS_TRANS) + bytes([192, 0, 2, 9]))
        tail = found.pop(code) if defect == 'past the end' else b''
        return update(
            b''.join(found[code] for code in sorted(found)) + tail, prefix(place.v4) if family == 'v4' else b''
        )

    return Case(code, defect, False, build, family)


def alone(code, defect, raw):
    return Case(code, defect, True, lambda place: update(raw(place)))


def shaped(code, flip=0, change=lambda value: value, length=None, twice=False):
    """The bytes of an attribute: good ones with these changes."""
    flags, good = GOOD[code]

    def raw(place):
        value = change(good(place))
        extra = None if length is None else len(value) + length
        first = attribute(flags ^ flip, code, value, extra)
        if not twice:
            return first
        return first + attribute(flags, code, (OTHER[code] if code in OTHER and twice == 'other' else good)(place))

    return raw


def common(code):
    """What can be wrong with any attribute."""
    yield beside(code, 'good', shaped(code))
    yield beside(code, 'Optional bit', shaped(code, flip=OPTIONAL))
    yield beside(code, 'Transitive bit', shaped(code, flip=TRANSITIVE))
    yield beside(code, 'both bits', shaped(code, flip=OPTIONAL | TRANSITIVE))
    yield beside(code, 'Partial bit', shaped(code, flip=PARTIAL))
    yield beside(code, 'unused bits', shaped(code, flip=0x0F))
    yield beside(code, 'extended length', shaped(code, flip=EXTENDED))
    if code not in MAY_BE_EMPTY:
        yield beside(code, 'length 0', shaped(code, change=lambda value: b''))
    if code != 6:
        yield beside(code, 'one octet short', shaped(code, change=lambda value: value[:-1]))
    yield beside(code, 'one octet long', shaped(code, change=lambda value: value + b'\1'))
    yield beside(code, 'past the end', shaped(code, length=9))
    yield beside(code, 'twice', shaped(code, twice='same'))
    if code in OTHER:
        yield beside(code, 'twice, different', shaped(code, twice='other'))
    yield alone(code, 'good', shaped(code))
    yield alone(code, 'both bits', shaped(code, flip=OPTIONAL | TRANSITIVE))
    yield alone(code, 'one octet long', shaped(code, change=lambda value: value + b'\1'))
    if code not in MAY_BE_EMPTY:
        yield alone(code, 'length 0', shaped(code, change=lambda value: b''))


def value(code, defect, make, family=None):
    """A value that is wrong in itself."""
    return beside(code, defect, lambda place: attribute(GOOD[code][0], code, make(place)), family)


def missing(code, family='v4'):
    def build(place):
        found = base(place, without=(code,), family=family)
        return update(
            b''.join(found[code] for code in sorted(found)), prefix(place.v4) if family == 'v4' else b''
        )

    return Case(code, 'missing' if family == 'v4' else 'missing beside MP_REACH_NLRI', False, build, family)


def paths():
    def path(defect, make):
        return value(2, defect, lambda place: make(place.kind))

    yield path('unknown segment type', lambda kind: kind.path() + kind.segment(9, FAR))
    yield path('segment without an AS', lambda kind: kind.path(FAR) + bytes([2, 0]))
    yield path('segment longer than the attribute', lambda kind: kind.path(FAR) + bytes([2, 5]) + kind.asn(FAR))
    yield path('AS 0', lambda kind: kind.path(FAR, 0))
    yield path('AS_SET', lambda kind: kind.path(FAR) + kind.segment(1, 64997, 64998))
    yield path('confederation segment', lambda kind: kind.segment(3, 64600) + kind.segment(2, PEER_AS, FAR))
    yield path('confederation segment in the middle', lambda kind: kind.path(FAR) + kind.segment(4, 64600))
    yield path('first AS is not the peer', lambda kind: kind.segment(2, FAR, 64998))


def next_hops():
    for text in ('0.0.0.0', '127.0.0.1', '224.0.0.5', '255.255.255.255'):
        yield value(3, text, lambda place, text=text: socket.inet_aton(text))


def reach():
    def case(defect, **fields):
        return value(14, defect, lambda place: place.reach(**fields))

    yield case('next hop of 0 octets', hop=b'')
    yield case('next hop of 15 octets', hop=bytes(15))
    yield case('next hop of 4 octets', hop=bytes([192, 0, 2, 1]))
    yield value(14, 'next hop of 32 octets', lambda place: place.reach(hop=place.hop6() + b'\xfe\x80' + bytes(13) + b'\1'))
    yield value(14, 'next hop past the end', lambda place: place.reach(nlri=b'')[:3] + bytes([200]) + place.hop6())
    yield case('reserved octet not 0', reserved=1)
    yield case('prefix of 129 bits', nlri=bytes([129]) + bytes(17))
    yield case('prefix cut', nlri=bytes([64, 32, 1]))
    yield case('no NLRI', nlri=b'')
    yield case('unknown AFI', afi=4242)
    yield case('AFI not negotiated', safi=128, nlri=bytes([88, 0, 0, 17]) + bytes(8))
    yield value(15, 'prefix of 129 bits', lambda place: place.unreach(bytes([129]) + bytes(17)))
    yield value(15, 'prefix cut', lambda place: place.unreach(bytes([64, 32, 1])))
    yield value(15, 'unknown AFI', lambda place: place.unreach(afi=4242))
    yield value(15, 'no NLRI', lambda place: place.unreach(b''))


def values():
    yield value(1, 'value 3', lambda place: b'\3')
    yield value(1, 'value 255', lambda place: b'\xff')
    yield from paths()
    yield from next_hops()
    yield value(7, 'AS 0', lambda place: place.kind.asn(0) + bytes([192, 0, 2, 9]))
    yield from reach()
    yield value(17, 'segment without an AS', lambda place: bytes([2, 0]))
    yield value(17, 'unknown segment type', lambda place: struct.pack('!BBI', 9, 1, WIDE))
    yield value(17, 'confederation segment', lambda place: struct.pack('!BBIBBI', 3, 1, 64600, 2, 1, WIDE))
    yield value(18, 'AS 0', lambda place: bytes([0, 0, 0, 0, 192, 0, 2, 9]))
    yield value(22, 'unknown tunnel type', lambda place: bytes([0, 0x60, 0, 0x10, 0, 192, 0, 2, 9]))
    yield value(22, 'no room for the identifier', lambda place: bytes([0, 6, 0, 0x10, 0, 192, 0]))
    yield value(26, 'TLV without type 1', lambda place: bytes([2, 0, 11]) + bytes(8))
    yield value(26, 'two TLVs', lambda place: GOOD[26][1](place) * 2)
    yield value(26, 'TLV of 2 octets', lambda place: bytes([1, 0, 2]) + bytes(8))
    yield value(29, 'TLV past the end', lambda place: bytes([4, 2, 0, 9]) + b'r1')
    yield value(35, 'AS 0', lambda place: bytes(4))
    yield value(40, 'unknown TLV', lambda place: bytes([77, 0, 1, 0]))
    yield value(40, 'TLV past the end', lambda place: bytes([1, 0, 9, 0, 0, 0, 0, 0, 0, 77]))
    yield value(40, 'label index of 6 octets', lambda place: bytes([1, 0, 6, 0, 0, 0, 0, 0, 77]))
    yield beside(99, 'well-known', lambda place: attribute(TRANSITIVE, 99, b'ab'))
    for code in (1, 2, 3, 5):
        yield missing(code)
    for code in (1, 2):
        yield missing(code, 'v6')


def frames():
    """Wrong lengths of the message's own fields."""

    def case(defect, build, family='v4'):
        return Case(0, defect, False, build, family)

    def attrs(place):
        found = base(place)
        return b''.join(found[code] for code in sorted(found))

    def patched(place, at, by):
        raw = bytearray(update(attrs(place), prefix(place.v4)))
        raw[at : at + 2] = struct.pack('!H', int.from_bytes(raw[at : at + 2], 'big') + by)
        return bytes(raw)

    yield case('one octet behind the attributes', lambda place: update(attrs(place) + b'\x40', prefix(place.v4)))
    yield case('Withdrawn Routes Length past the end', lambda place: patched(place, 19, 500))
    yield case('Total Path Attribute Length past the end', lambda place: patched(place, 21, 500))
    yield case('NLRI of 33 bits', lambda place: update(attrs(place), bytes([33, 192, 0, 2, 1, 0])))
    yield case('NLRI cut', lambda place: update(attrs(place), bytes([24, 192])))
    yield case('withdrawn NLRI of 33 bits', lambda place: update(withdrawn=bytes([33, 192, 0, 2, 1, 0])))
    yield case('NLRI without attributes', lambda place: update(b'', prefix(place.v4)))


# What happened to programs that ended or hung. No case that made one do so is in this file.
LEFT_OUT = ('GoBGP 3.10.0 ended over one UPDATE of a confederation',)


def every():
    for code in GOOD:
        yield from common(code)
    yield from values()
    yield from frames()
