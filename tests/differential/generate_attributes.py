"""Attributes and routes for seeded UPDATEs, beyond the plain ones: every TLV, type and tunnel that ExaBGP knows, and some that it does not."""
import struct

import wire
from wire import OPT, OPT_TRANS, PARTIAL, WELL_KNOWN, attribute, ip, labels, u32

TRANS = 23456


def tlv(code, value):
    return struct.pack("!HH", code, len(value)) + value


def short_tlv(code, value):
    """A TLV with a type of one octet."""
    return struct.pack("!BH", code, len(value)) + value


# --- extended communities ------------------------------------------------------------------------------------------

# Route targets and origins of all three sorts, actions of FlowSpec, EVPN's, MUP's, link bandwidth, and types without a name.
EXTENDED = ("0002", "0102", "0202", "0003", "0103", "0203", "0004", "0104", "0204", "4002", "4004", "0010", "0013", "0113", "0213", "0105", "0205", "030b", "030c",
            "0314", "0600", "0601", "0602", "0603", "8006", "800c", "8007", "8008", "8108", "8208", "8009", "800a", "800b", "0800", "010c", "000c", "0702", "4702",
            "0c00", "0c01", "0399", "9999", "ffff")


def extended_community(g):
    value = g.pick(g.bytes(6), bytes(2) + g.bytes(4), b"\x00\x00\x49\x74\x24\x00", bytes(6), g.ipv4() + g.bytes(2), g.bytes(1) + bytes(5), b"\xff" * 6)
    return bytes.fromhex(g.pick(*EXTENDED)) + value


def ipv6_extended_community(g):
    return bytes.fromhex(g.pick("0002", "0003", "000c", "4002", "000b", "0099")) + g.ipv6() + g.bytes(2)


# --- paths ---------------------------------------------------------------------------------------------------------

def path_segments(g, most=6):
    return [(g.pick(2, 2, 2, 1, 3, 4), [g.asn() for _ in range(g.random.randint(1, most))]) for _ in range(g.random.randint(0, 4))]


def large_path(g):
    return wire.as_path(*[(g.pick(1, 2), [g.asn() for _ in range(g.pick(64, 255))]) for _ in range(g.random.randint(1, 2))], width=g.width)


def as4_path(g):
    if g.width == 4:  # those are discarded; what ExaBGP does with them is another matter
        return wire.med(g.number(32))
    return attribute(g.pick(OPT_TRANS, OPT_TRANS | PARTIAL), 17, b"".join(wire.segment(g.pick(2, 2, 1, 3), [g.bits(32) for _ in range(g.random.randint(1, 5))])
                                                                         for _ in range(g.random.randint(1, 2))))


def as4_aggregator(g):
    if g.width == 4:
        return wire.local_pref(g.number(32))
    return attribute(OPT_TRANS, 18, u32(g.number(32)) + g.ipv4())


def trans_aggregator(g):
    return attribute(OPT_TRANS, 7, TRANS.to_bytes(g.width, "big") + g.ipv4())


# --- prefix SIDs ---------------------------------------------------------------------------------------------------

def sid_information(g):
    structure = short_tlv(1, g.bytes(6))
    more = g.pick(b"", structure, structure + structure, short_tlv(9, g.bytes(3)), structure + short_tlv(2, b""))
    return short_tlv(1, b"\x00" + g.ipv6() + g.pick(b"\x00", g.bytes(1)) + g.bytes(2) + b"\x00" + more)


def srv6_service(g):
    inside = b"".join(g.pick(sid_information(g), sid_information(g), sid_information(g), short_tlv(7, g.bytes(2))) for _ in range(g.random.randint(1, 2)))
    return short_tlv(g.pick(5, 6), b"\x00" + inside)


def prefix_sid(g):
    index = short_tlv(1, b"\x00\x00\x00" + g.bytes(4))
    srgb = short_tlv(3, bytes(2) + b"".join(g.bytes(6) for _ in range(g.random.randint(0, 3))))
    return attribute(OPT_TRANS, 40, g.pick(index, index + srgb, srgb, srgb + index, index + index, srv6_service(g), srv6_service(g) + srv6_service(g),
                                           index + srv6_service(g), short_tlv(2, g.bytes(5)), index + short_tlv(77, g.bytes(2)), short_tlv(4, b"")))


# --- BGP-LS --------------------------------------------------------------------------------------------------------

def sids(g, flag_bits):
    """Flags, a byte, two reserved, then what the flags V and L promise."""
    kind = g.random.randint(0, 2)
    flags = (g.bits(8) & ~flag_bits) | (flag_bits if kind == 0 else 0 if kind == 1 else flag_bits & 0x20)
    return bytes([flags & 0xFF]) + g.bytes(1) + bytes(2), {0: g.bytes(3), 1: g.bytes(4), 2: g.bytes(2)}[kind]


def joined(parts, between=b""):
    return parts[0] + between + parts[1]


def end_x_more(g):
    return g.pick(b"", tlv(1252, g.bytes(4)), tlv(1252, g.bytes(4)) + tlv(1300, g.bytes(2)), tlv(9, b""), b"\x00\x01")


def sr_capabilities(g):
    ranges = b"".join(g.bytes(3) + tlv(1161, g.bytes(g.pick(3, 4))) for _ in range(g.random.randint(0, 3)))
    return g.bytes(1) + b"\x00" + ranges


LINK_STATE = {
    1024: lambda g: g.bytes(1), 1025: lambda g: g.bytes(g.pick(0, 1, 9)), 1026: lambda g: g.pick(b"router-1", "né".encode(), b"\xff\xfe", b'a"b\\c', b""),
    1027: lambda g: g.bytes(g.pick(1, 3, 13)), 1028: lambda g: g.ipv4(), 1029: lambda g: g.ipv6(), 1030: lambda g: g.ipv4(), 1031: lambda g: g.ipv6(),
    1034: sr_capabilities, 1035: lambda g: g.bytes(g.random.randint(0, 3)), 1038: lambda g: g.bytes(g.pick(2, 4)), 1088: lambda g: g.bytes(4),
    1089: lambda g: struct.pack("!f", g.bits(30)), 1090: lambda g: struct.pack("!f", g.bits(20) / 7), 1091: lambda g: struct.pack("!8f", *[g.bits(24) for _ in range(8)]),
    1092: lambda g: g.bytes(4), 1093: lambda g: g.bytes(2), 1094: lambda g: g.bytes(1), 1095: lambda g: g.bytes(g.random.randint(1, 3)),
    1096: lambda g: g.bytes(4 * g.random.randint(0, 3)), 1097: lambda g: g.bytes(g.pick(0, 5)), 1098: lambda g: g.pick(b"link", b"it's", b""),
    1099: lambda g: joined(sids(g, 0x30)), 1100: lambda g: joined(sids(g, 0x30), g.bytes(6)), 1106: lambda g: g.bytes(5) + b"\x00" + g.ipv6() + end_x_more(g),
    1107: lambda g: g.bytes(5) + b"\x00" + g.bytes(6) + g.ipv6() + end_x_more(g), 1108: lambda g: g.bytes(5) + b"\x00" + g.ipv4() + g.ipv6() + end_x_more(g),
    1152: lambda g: g.bytes(1), 1153: lambda g: g.bytes(4 * g.random.randint(0, 2)), 1154: lambda g: g.bytes(8 * g.random.randint(0, 2)),
    1155: lambda g: g.bytes(4), 1156: lambda g: g.pick(g.ipv4(), g.ipv6()), 1157: lambda g: g.bytes(g.pick(0, 4)), 1158: lambda g: joined(sids(g, 0x0C)),
    1162: lambda g: g.bytes(8) + g.pick(b"", g.bytes(4)), 1170: lambda g: g.bytes(1), 1171: lambda g: g.pick(g.ipv4(), g.ipv6()), 1250: lambda g: g.bytes(4),
    1252: lambda g: g.bytes(4), 1105: lambda g: g.bytes(4), 1201: lambda g: g.bytes(2), 5000: lambda g: b"",
}


def bgp_ls(g):
    # A kind stands once: what JSON makes of a second of most kinds is not JSON with ExaBGP.
    kinds = g.random.sample(list(LINK_STATE), g.random.randint(1, 5))
    return attribute(OPT, 29, b"".join(tlv(kind, LINK_STATE[kind](g)) for kind in kinds), extended=g.pick(None, True))


# --- tunnels, the rest ---------------------------------------------------------------------------------------------

def tunnel_encapsulation(g):
    preference = bytes([12, 6]) + bytes(2) + g.bytes(4)
    segments = struct.pack("!BH", 128, 10) + b"\x00" + bytes([1, 6]) + bytes(2) + labels(g.number(20)) + b"\x00" + b"\x00"[:1]
    return attribute(OPT_TRANS, 23, struct.pack("!HH", 15, len(preference + segments)) + preference + segments)


def pmsi(g):
    kind = g.random.randint(0, 8)
    value = {0: b"", 1: g.ipv4() + bytes(2) + g.bytes(2) + g.ipv4(), 2: g.bytes(17), 3: g.ipv4() + g.bytes(4), 4: g.ipv4() + g.bytes(4),
             5: g.ipv4() + g.bytes(4), 6: g.pick(g.ipv4(), g.ipv6()), 7: g.bytes(4), 8: g.bytes(2)}[kind]
    return attribute(OPT_TRANS, 22, bytes([g.bits(1), kind]) + g.bytes(3) + value)


def stretched(g):
    """A short value with a length of two octets, or flags that say less than they might."""
    return g.pick(attribute(OPT, 4, u32(g.number(32)), True), attribute(WELL_KNOWN, 6, b"", True), attribute(OPT_TRANS | PARTIAL, 8, g.bytes(8), True),
                  attribute(OPT | 0x0F, 4, u32(g.number(32))), attribute(OPT_TRANS | PARTIAL, 16, b"\x00\x02" + g.bytes(6), True),
                  attribute(OPT_TRANS | PARTIAL, 32, g.bytes(12)), attribute(WELL_KNOWN | 0x08, 5, u32(g.number(32)), True))


ATTRIBUTES = {
    "extended-community": lambda g: attribute(g.pick(OPT_TRANS, OPT_TRANS, OPT_TRANS | PARTIAL), 16, g.several(lambda: extended_community(g), 5)),
    "ipv6-extended-community": lambda g: attribute(OPT_TRANS, 25, g.several(lambda: ipv6_extended_community(g), 3)),
    "as4-path": as4_path, "as4-aggregator": as4_aggregator, "trans-aggregator": trans_aggregator,
    "prefix-sid": prefix_sid, "bgp-ls": bgp_ls, "pmsi": pmsi, "stretched": stretched,
    "aigp": lambda g: attribute(OPT, 26, g.pick(b"", b"\x02\x00\x05" + g.bytes(2)) + b"\x01\x00\x0b" + g.bytes(8) + g.pick(b"", b"\x01\x00\x0b" + g.bytes(8))),
    "unknown": lambda g: attribute(g.pick(OPT_TRANS, OPT_TRANS | PARTIAL, OPT, OPT | PARTIAL), g.pick(11, 12, 13, 19, 20, 21, 24, 27, 28, 33, 41, 128, g.random.randint(64, 255)),
                                   g.bytes(g.pick(0, 1, 4, 20, 300))),
    "tunnel": tunnel_encapsulation,
    "community-many": lambda g: attribute(OPT_TRANS, 8, g.bytes(4 * g.pick(64, 100))),
    "cluster-list-many": lambda g: attribute(OPT, 10, b"".join(g.ipv4() for _ in range(g.pick(1, 70)))),
}


# --- routes --------------------------------------------------------------------------------------------------------

def stacks(g, afi, safi):
    """Labels one upon another, and the values 0 and 0x800000 that stand for no label."""
    plain = g.prefix(afi)
    stack = g.pick(labels(g.number(20)), labels(0), b"\x80\x00\x00", b"\x00\x00\x00", labels(g.bits(19) + 16, g.number(20)), labels(g.bits(19) + 16, 17, 0))
    distinguisher = g.rd() if safi == 128 else b""
    hop = (bytes(8) if safi == 128 else b"") + (g.ipv4() if afi == 1 else g.ipv6())
    if (len(stack) + len(distinguisher)) * 8 + plain[0] > 255:
        stack = stack[-3:]
    return afi, safi, hop, g.path_id(afi, safi) + bytes([(len(stack) + len(distinguisher)) * 8 + plain[0]]) + stack + distinguisher + plain[1:]


def evpn(g):
    """Types 1 to 5 with what is optional in them: two labels, IPv6, no address; types that nobody knows."""
    esi = g.pick(bytes(10), g.bytes(10))
    label = labels(g.number(20))
    kind = g.pick(1, 2, 2, 3, 4, 5, 5, 6, 7, 11, 200)
    v6 = g.random.random() < 0.5
    address = bytes([128]) + g.ipv6() if v6 else bytes([32]) + g.ipv4()
    length = g.random.randint(0, 128 if v6 else 32)
    value = {
        1: lambda: g.rd() + esi + g.bytes(4) + label,
        2: lambda: g.rd() + esi + g.bytes(4) + b"\x30" + g.bytes(6) + g.pick(b"\x00", address) + g.pick(label, label + labels(g.number(20))),
        3: lambda: g.rd() + g.bytes(4) + address, 4: lambda: g.rd() + esi + address,
        5: lambda: g.rd() + esi + g.bytes(4) + bytes([length]) + (g.ipv6() * 2 if v6 else g.ipv4() * 2) + label,
    }.get(kind, lambda: g.bytes(g.random.randint(0, 30)))()
    return 25, 70, g.pick(g.ipv4(), g.ipv6()), bytes([kind, len(value)]) + value


def mcast_vpn(g, afi):
    size = 32 if afi == 1 else 128
    address = lambda: bytes([size]) + (g.ipv4() if afi == 1 else g.ipv6())
    kind = g.random.randint(1, 8)
    value = {1: g.rd() + g.ipv4(), 2: g.rd() + u32(g.number(32)), 3: g.rd() + address() + address() + g.ipv4(), 4: g.bytes(18), 5: g.rd() + address() + address(),
             6: g.rd() + u32(g.number(32)) + address() + address(), 7: g.rd() + u32(g.number(32)) + address() + address(), 8: g.bytes(5)}[kind]
    return afi, 5, g.ipv4() if afi == 1 else g.ipv6(), bytes([kind, len(value)]) + value


def mup_mixed(g):
    """IPv4 routes of MUP over IPv6, and the other way round."""
    afi = g.pick(1, 2)
    value = g.rd() + (g.ipv4() if afi == 1 else g.ipv6())
    return afi, 85, g.ipv6() if afi == 1 else g.ipv4(), struct.pack("!BHB", 1, 2, len(value)) + value


def rtc(g):
    value = u32(g.number(32)) + bytes.fromhex(g.pick("0002", "0102", "0202", "0003", "4002", "0600")) + g.bytes(6)
    length = g.pick(96, 96, 0)
    return 1, 132, g.pick(g.ipv4(), g.ipv6()), bytes([length]) + value[:(length + 7) // 8]


def node_descriptor(g, code):
    parts = [tlv(512, u32(g.number(32))), tlv(513, g.bytes(4)), tlv(514, g.bytes(4)), tlv(515, g.pick(g.bytes(6), g.bytes(7), g.ipv4(), g.bytes(8))), tlv(516, g.ipv4()),
             tlv(517, u32(g.number(32))), tlv(599, g.bytes(2))]
    chosen = g.random.sample(parts, g.random.randint(1, 4))
    # in the ascending order that RFC 9552 section 5.1 asks for, but for a few
    return tlv(code, b"".join(chosen if g.random.random() < 0.1 else sorted(chosen)))


def link_state(g, safi):
    """NLRI of BGP-LS with descriptors of every sort: links with addresses of both families, OSPF routes, SRv6 SIDs, kinds unknown."""
    head = bytes([g.random.randint(1, 7)]) + g.bytes(8)
    kind = g.pick(1, 2, 2, 3, 4, 6, 5, 99)
    value = head + node_descriptor(g, 256)
    if kind == 2:
        value += node_descriptor(g, 257)
        for code, size in ((258, 8), (259, 4), (260, 4), (261, 16), (262, 16), (263, g.pick(2, 4))):
            value += g.pick(b"", tlv(code, g.bytes(size)))
    elif kind in (3, 4):
        value += g.pick(b"", tlv(263, g.bytes(2))) + g.pick(b"", tlv(264, bytes([g.random.randint(0, 7)]))) + tlv(265, g.prefix(1 if kind == 3 else 2))
    elif kind == 6:
        value += g.pick(b"", tlv(263, g.bytes(2))) + tlv(518, g.ipv6())
    elif kind == 99:
        value = g.bytes(12)
    if safi == 72:
        value = g.rd() + value
    return 16388, safi, (bytes(8) if safi == 72 else b"") + g.pick(g.ipv4(), g.ipv6()), tlv(kind, value)


def flow_redirect(g):
    """A rule of IPv6 whose next hop is an IPv4 address, and the other way round."""
    afi = g.pick(1, 2)
    plain = g.prefix(afi)
    rule = b"\x01" + (plain if afi == 1 else plain[:1] + b"\x00" + plain[1:])
    return afi, 133, g.ipv4() if afi == 2 else g.ipv6(), bytes([len(rule)]) + rule


def unknown_family(g):
    afi, safi = g.pick((1, 73), (2, 73), (1, 66), (25, 99), (99, 1), (1, 200))
    return afi, safi, g.pick(g.ipv4(), g.ipv6(), b""), g.bytes(g.random.randint(1, 20))


def link_local_hop(g):
    return 2, 1, g.pick(ip("fe80::2"), g.ipv6() + ip("fe80::2"), ip("::"), ip("::ffff:10.0.0.1")), g.path_id(2, 1) + g.prefix(2)


FAMILIES = {
    "ipv4-stack-nlri-mpls": lambda g: stacks(g, 1, 4), "ipv6-stack-nlri-mpls": lambda g: stacks(g, 2, 4), "ipv4-stack-mpls-vpn": lambda g: stacks(g, 1, 128),
    "ipv6-stack-mpls-vpn": lambda g: stacks(g, 2, 128), "l2vpn-evpn-more": evpn, "ipv4-mcast-vpn-more": lambda g: mcast_vpn(g, 1),
    "ipv6-mcast-vpn-more": lambda g: mcast_vpn(g, 2), "ipv4-mup-mixed": mup_mixed, "ipv4-rtc-more": rtc, "bgp-ls-more": lambda g: link_state(g, 71),
    "bgp-ls-vpn-more": lambda g: link_state(g, 72), "ipv4-flow-redirect": flow_redirect, "unknown-family": unknown_family, "ipv6-local-unicast": link_local_hop,
}
