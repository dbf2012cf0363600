"""Seeded UPDATEs as bytes: what a peer may send, over every family and attribute."""
import random
import struct

import generate_attributes
import wire
from wire import OPT, OPT_TRANS, PARTIAL, attribute, ip, labelled, labels, prefix, u32

COMMUNITIES = (0xFFFFFF01, 0xFFFFFF02, 0xFFFFFF03, 0xFFFFFF04, 0xFFFF029A, 0xFFFF0000)
EXTENDED = ("0002", "0102", "0202", "0003", "0103", "0203", "4002", "0013", "030b", "030c", "0600", "8006", "8007", "8008", "8009", "800a", "800c",
            "0800", "010c", "0702", "4702", "0c00", "0399")


class WireGenerator:
    def __init__(self, seed, families=None, attributes=None, peer_as=65001, width=4, path_ids=()):
        self.random = random.Random(seed)
        self.peer_as, self.width, self.path_ids = peer_as, width, path_ids
        self.families = families or list(FAMILIES)
        self.attributes = attributes or list(ATTRIBUTES)

    def pick(self, *values):
        return self.random.choice(values)

    def bits(self, count):
        return self.random.getrandbits(count)

    def bytes(self, count):
        return self.random.randbytes(count)

    def number(self, bits):
        return self.pick(0, 1, self.bits(8), self.bits(bits), (1 << bits) - 1)

    def asn(self):
        return self.pick(1, 65000, self.peer_as, self.bits(16) or 1) if self.width == 2 else self.pick(1, 65000, 23456, 4200000000, self.bits(32))

    def ipv4(self):
        return bytes([self.random.randint(1, 223)]) + self.bytes(3)

    def ipv6(self):
        return bytes.fromhex("20010db8") + self.pick(bytes(8), self.bytes(8)) + self.pick(bytes(2) + self.bytes(2), self.bytes(4))

    def prefix(self, afi):
        size = 32 if afi == 1 else 128
        length = self.pick(0, size, self.random.randint(0, size), 24 if afi == 1 else 48)
        raw = self.ipv4() if afi == 1 else self.ipv6()
        raw = (int.from_bytes(raw, "big") >> (size - length) << (size - length)).to_bytes(size // 8, "big") if length else bytes(size // 8)
        return bytes([length]) + raw[:(length + 7) // 8]

    def rd(self):
        return self.pick(b"\x00\x00", b"\x00\x01", b"\x00\x02") + self.bytes(6)

    def path_id(self, afi, safi):
        return u32(self.number(32)) if (afi, safi) in self.path_ids else b""

    def several(self, one, high=4):
        return b"".join(one() for _ in range(self.random.randint(1, high)))

    def update(self):
        """One UPDATE of a random family, sometimes with withdrawn routes of the same family beside."""
        attributes = [wire.origin(self.random.randint(0, 2)), self.as_path()]
        for name in self.random.sample(self.attributes, self.random.randint(0, min(4, len(self.attributes)))):
            attributes.append(ATTRIBUTES[name](self))
        family = self.pick(*self.families)
        afi, safi, hop, nlri = FAMILIES[family](self)
        kind = self.random.randint(0, 9)
        if (afi, safi) == (1, 1) and self.random.random() < 0.8:
            if kind == 0:
                return wire.update([], withdrawn=nlri)
            attributes.append(wire.attribute(wire.WELL_KNOWN, 3, self.ipv4()))
            withdrawn = FAMILIES[family](self)[3] if kind == 1 else b""
            return wire.update(sorted(attributes, key=lambda a: a[1]), nlri, withdrawn)
        if kind == 0:
            return wire.update([wire.mp_unreach(afi, safi, nlri)])
        attributes.append(wire.mp_reach(afi, safi, hop, nlri))
        if kind == 1:
            again = FAMILIES[family](self)
            if again[:2] == (afi, safi):
                attributes.append(wire.mp_unreach(afi, safi, again[3]))
        self.random.shuffle(attributes)
        return wire.update(attributes)

    def as_path(self):
        kinds = self.pick([2], [2], [2], [2, 1], [1], [])
        return wire.as_path(*[(k, [self.asn() for _ in range(self.random.randint(1, 6))]) for k in kinds], width=self.width)

    def extended_community(self):
        return bytes.fromhex(self.pick(*EXTENDED)) + self.pick(self.bytes(6), bytes(2) + self.bytes(4), b"\x00\x00\x49\x74\x24\x00")


ATTRIBUTES = {
    "med": lambda g: wire.med(g.number(32)),
    "local-preference": lambda g: wire.local_pref(g.number(32)),
    "atomic-aggregate": lambda g: attribute(wire.WELL_KNOWN, 6, b""),
    "aggregator": lambda g: attribute(g.pick(OPT_TRANS, OPT_TRANS | PARTIAL), 7, g.asn().to_bytes(g.width, "big") + g.ipv4()),
    "community": lambda g: attribute(OPT_TRANS, 8, g.several(lambda: u32(g.pick(g.bits(32), *COMMUNITIES)), 6)),
    "originator-id": lambda g: attribute(OPT, 9, g.ipv4()),
    "cluster-list": lambda g: attribute(OPT, 10, g.several(g.ipv4)),
    "extended-community": lambda g: attribute(OPT_TRANS, 16, g.several(lambda: g.extended_community())),
    "large-community": lambda g: attribute(OPT_TRANS, 32, g.several(lambda: u32(g.number(32)) + u32(g.number(32)) + u32(g.number(32)))),
    "aigp": lambda g: attribute(OPT, 26, b"\x01\x00\x0b" + g.bytes(8)),
    "unknown": lambda g: attribute(g.pick(OPT_TRANS, OPT_TRANS | PARTIAL, OPT), g.random.randint(64, 254), g.bytes(g.pick(0, 1, 4, 20, 300))),
    "pmsi": lambda g: attribute(OPT_TRANS, 22, bytes([g.bits(1), 6]) + g.bytes(3) + g.ipv4()),
    "prefix-sid": lambda g: attribute(OPT_TRANS, 40, b"\x01\x00\x07\x00\x00\x00" + g.bytes(4) + g.pick(
        b"", b"\x03\x00\x08\x00\x00" + g.bytes(6), b"\x03\x00\x0e\x00\x00" + g.bytes(12))),
}


def unicast(g, afi, safi):
    hop = g.ipv4() if afi == 1 else g.pick(g.ipv6(), g.ipv6(), g.ipv6() + ip("fe80::2"))
    return afi, safi, hop, g.several(lambda: g.path_id(afi, safi) + g.prefix(afi), 6)


def mpls(g, afi):
    # A first label of 0 or 524288 without the bottom bit reads as the withdrawn label of RFC 3107.
    stack = lambda: labels(*[g.random.randint(16, 524287) for _ in range(g.pick(0, 0, 1))], g.number(20))
    hop = g.ipv4() if afi == 1 else g.ipv6()
    return afi, 4, hop, g.several(lambda: g.path_id(afi, 4) + with_label(stack(), b"", g.prefix(afi)), 3)


def with_label(stack, distinguisher, plain):
    return bytes([(len(stack) + len(distinguisher)) * 8 + plain[0]]) + stack + distinguisher + plain[1:]


def vpn(g, afi):
    hop = bytes(8) + (g.ipv4() if afi == 1 else g.ipv6())
    return afi, 128, hop, g.several(lambda: g.path_id(afi, 128) + with_label(labels(g.number(20)), g.rd(), g.prefix(afi)), 3)


def flow_component(g, kind, v6):
    """Operators and values of one component, with sizes that its type allows."""
    high = {3: 8, 7: 8, 8: 8, 9: 8, 11: 6, 12: 4, 13: 20}.get(kind, 16)
    out, count = b"", g.random.randint(1, 3)
    for i in range(count):
        value = g.bits(high)
        size = 0 if value < 256 else 1 if value < 65536 else 2
        operator = g.bits(2) if kind in (9, 12) else g.pick(1, 2, 3, 4, 5, 6)
        if kind in (9, 12):
            value = value or 1
        both = 0x40 if i and g.random.random() < 0.3 else 0
        out += bytes([operator | both | size << 4 | (0x80 if i == count - 1 else 0)]) + value.to_bytes(1 << size, "big")
    return bytes([kind]) + out


def flow(g, afi, safi):
    out = g.rd() if safi == 134 else b""
    kinds = sorted(g.random.sample(range(1, 14 if afi == 2 else 13), g.random.randint(1, 5)))
    for kind in kinds:
        if kind < 3:
            plain = g.prefix(afi)
            out += bytes([kind]) + (plain if afi == 1 else plain[:1] + b"\x00" + plain[1:])
        else:
            out += flow_component(g, kind, afi == 2)
    hop = g.pick(b"", b"", g.ipv4() if afi == 1 else g.ipv6()) if safi == 133 else b""
    return afi, safi, hop, bytes([len(out)]) + out if len(out) < 240 else struct.pack("!H", 0xF000 | len(out)) + out


def vpls(g):
    if g.random.random() < 0.1:  # a member of RFC 6074
        return 25, 65, g.ipv4(), struct.pack("!H", 12) + g.rd() + g.ipv4()
    value = g.rd() + g.bytes(6) + labels(g.number(20))
    return 25, 65, g.ipv4(), struct.pack("!H", len(value)) + value


def evpn(g):
    address = g.pick(b"\x20" + g.ipv4(), b"\x80" + g.ipv6())
    esi = g.pick(bytes(10), b"\x00" + g.bytes(9))
    label = labels(g.number(20))
    kind = g.random.randint(1, 6)
    value = {
        1: g.rd() + esi + g.bytes(4) + label,
        2: g.rd() + esi + g.bytes(4) + b"\x30" + g.bytes(6) + g.pick(b"\x00", address) + label,
        3: g.rd() + g.bytes(4) + address,
        4: g.rd() + esi + address,
        5: g.rd() + esi + g.bytes(4) + b"\x18" + g.ipv4()[:3] + b"\x00" + g.ipv4() + label,
        6: g.bytes(12),
    }[kind]
    return 25, 70, g.ipv4(), bytes([kind, len(value)]) + value


def rtc(g):
    value = u32(g.number(32)) + bytes.fromhex(g.pick("0002", "0102", "0202")) + g.bytes(6)
    return 1, 132, g.ipv4(), g.pick(b"\x60" + value, b"\x60" + value, b"\x00")


def mcast_vpn(g, afi):
    one = b"\x20" + g.ipv4() if afi == 1 else b"\x80" + g.ipv6()
    group = b"\x20\xef\x01" + g.bytes(2) if afi == 1 else b"\x80\xff\x0e" + g.bytes(14)
    kind = g.random.randint(5, 7)
    value = g.rd() + (b"" if kind == 5 else u32(g.number(32))) + one + group
    return afi, 5, g.ipv4() if afi == 1 else g.ipv6(), bytes([kind, len(value)]) + value


def mup(g, afi):
    address = g.ipv4 if afi == 1 else g.ipv6
    bits = 32 if afi == 1 else 128
    kind = g.random.randint(1, 4)
    teid = g.random.randint(0, 32)
    tail = g.bytes((teid + 7) // 8)
    value = {
        1: g.rd() + g.prefix(afi),
        2: g.rd() + address(),
        3: g.rd() + bytes([bits]) + address() + g.bytes(4) + g.bytes(1) + bytes([bits]) + address() + g.pick(b"", bytes([bits]) + address()),
        4: g.rd() + bytes([bits + len(tail) * 8]) + address() + tail,
    }[kind]
    return afi, 85, address(), struct.pack("!BHB", 1, kind, len(value)) + value


def tlv(code, value):
    return struct.pack("!HH", code, len(value)) + value


def node(g, code, isis):
    router = g.bytes(6) + g.pick(b"", b"\x03") if isis else g.ipv4() + g.pick(b"", g.ipv4())
    area = b"" if isis else tlv(514, g.bytes(4))
    return tlv(code, tlv(512, u32(g.number(32))) + tlv(513, g.bytes(4)) + area + tlv(515, router))


def bgp_ls(g):
    isis = g.random.random() < 0.5
    head = bytes([g.pick(1, 2) if isis else 3]) + bytes(7) + bytes([g.bits(8)])
    kind = g.random.randint(1, 4)
    value = head + node(g, 256, isis)
    if kind == 2:
        value += node(g, 257, isis) + g.pick(b"", tlv(258, g.bytes(8))) + tlv(259, g.ipv4()) + tlv(260, g.ipv4()) + g.pick(b"", tlv(263, g.bytes(2)))
    elif kind > 2:
        value += (b"" if isis else tlv(264, bytes([g.random.randint(1, 6)]))) + tlv(265, g.prefix(1 if kind == 3 else 2))
    return 16388, 71, g.ipv4(), struct.pack("!HH", kind, len(value)) + value


FAMILIES = {
    "ipv4-unicast": lambda g: unicast(g, 1, 1), "ipv6-unicast": lambda g: unicast(g, 2, 1), "ipv4-multicast": lambda g: unicast(g, 1, 2),
    "ipv6-multicast": lambda g: unicast(g, 2, 2), "ipv4-nlri-mpls": lambda g: mpls(g, 1), "ipv6-nlri-mpls": lambda g: mpls(g, 2),
    "ipv4-mpls-vpn": lambda g: vpn(g, 1), "ipv6-mpls-vpn": lambda g: vpn(g, 2), "ipv4-flow": lambda g: flow(g, 1, 133),
    "ipv6-flow": lambda g: flow(g, 2, 133), "ipv4-flow-vpn": lambda g: flow(g, 1, 134), "ipv6-flow-vpn": lambda g: flow(g, 2, 134),
    "l2vpn-vpls": vpls, "l2vpn-evpn": evpn, "ipv4-rtc": rtc, "ipv4-mcast-vpn": lambda g: mcast_vpn(g, 1), "ipv6-mcast-vpn": lambda g: mcast_vpn(g, 2),
    "ipv4-mup": lambda g: mup(g, 1), "ipv6-mup": lambda g: mup(g, 2), "bgp-ls-bgp-ls": bgp_ls,
}
FAMILIES.update(generate_attributes.FAMILIES)
ATTRIBUTES.update(generate_attributes.ATTRIBUTES)
